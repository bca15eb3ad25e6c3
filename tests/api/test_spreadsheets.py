"""Tables for spreadsheets."""

import csv
import io

import pytest

from freezeguard.api.spreadsheets import as_csv, prefers_csv


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("+49 30", "'+49 30"), ("-1", "'-1"), (-1, "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t'=1"), ("\r=1", "'\r'=1"), ("\na", "'\na"),
        ("\uff1d1", "'\uff1d1"), ("x;=1", "x;'=1"), ("x\n -1", "x\n '-1"), ('x;"=1', "x;\"'=1"),
        ("a-b; c=d", "a-b; c=d"),
        ("a=1", "a=1"), ("", ""), (None, ""), (3, "3"), ('say "x", y\nz', 'say "x", y\nz'),
    ],
)  # fmt: skip
def test_cells(value: object, cell: str) -> None:
    """A cell that a spreadsheet would compute is text; every other one comes back as it was."""
    [_, row] = csv.reader(io.StringIO(as_csv(["one", "two"], [[value, 2]]).decode(), newline=""))

    assert [cell, "2"] == row


@pytest.mark.parametrize(
    ("accept", "is_csv"),
    [
        ("text/csv", True), ("TEXT/CSV; q=0.9", True), ("text/html, text/csv", True),
        ("text/csv, application/json", True), ("application/json, text/csv", False),
        ("application/json", False), ("*/*", False), ("", False),
    ],
)  # fmt: skip
def test_who_wants_a_table(accept: str, is_csv: bool) -> None:
    """Whoever names CSV, and not JSON before it."""
    assert is_csv is prefers_csv(accept)
