"""Columns of a file become fields of the contract."""

import gzip
import json
from pathlib import Path

import pytest

from freezeguard.bootstrap.imports.files import Entry, open_file
from freezeguard.bootstrap.imports.mapping import ColumnMapping, read_mapping
from freezeguard.domain.errors import InvalidInput


def entries(path: Path, mapping: ColumnMapping, form: str | None = None) -> list[Entry]:
    """Read a whole file."""
    with open_file(path, form, ",") as file:  # type: ignore[arg-type]  # as typed by a user
        return list(file.entries(mapping))


def test_a_column_may_change_places_with_another() -> None:
    """Two fields may swap columns; what nobody names keeps its name, empty cells are absent."""
    mapping = read_mapping(
        None, ["occurred_at=received_at", "observed_at=occurred_at", "id=event_id"],
        ["kind=complaint"], ["severity:1=minor,4=critical"],
    )
    row = {"event_id": "e-1", "occurred_at": "2003-11-24", "received_at": "2004-01-01",
           "severity": "4", "brand": "enfamil"}
    expected = {
        "id": "e-1", "occurred_at": "2004-01-01T00:00:00Z",
        "observed_at": "2003-11-24T00:00:00Z", "severity": "critical", "kind": "complaint",
        "brand": "enfamil",
    }

    assert expected == mapping.apply(row)
    without_onset = {**row}
    del without_onset["occurred_at"]
    assert "observed_at" not in mapping.apply(without_onset)


def test_options_win_over_the_file(tmp_path: Path) -> None:
    """A TOML mapping says the same as options, and options win."""
    file = tmp_path / "caers.toml"
    file.write_text('[map]\nid = "event_id"\n[set]\nsource = "a"\n[values.severity]\n1 = "minor"\n')
    mapping = read_mapping(file, ["id=number"], [], [])

    assert {"id": "number"} == mapping.columns
    assert {"source": "a"} == mapping.constants
    assert {"severity": {"1": "minor"}} == mapping.values


@pytest.mark.parametrize("text", ["id", "=id"])
def test_an_option_that_is_no_pair_is_refused(text: str) -> None:
    """A mapping without its equals sign is a mistake, not an empty name."""
    with pytest.raises(InvalidInput):
        read_mapping(None, [text], [], [])


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A mapped column that the file lacks is an error that lists those it has."""
    file = tmp_path / "a.csv"
    file.write_text("a,b\n1,2\n")

    with pytest.raises(InvalidInput, match="no column 'c' for id; the file has a, b"):
        entries(file, read_mapping(None, ["id=c"], [], []))


def test_whole_numbers_and_bare_dates_are_read_as_what_they_are() -> None:
    """`units` of a CSV is a number; a time with its zone stays as it is."""
    mapped = ColumnMapping().apply(
        {"units": "40", "shipped_at": "2026-11-01", "occurred_at": "2026-11-01T10:00:00+02:00"}
    )

    assert 40 == mapped["units"]
    assert "2026-11-01T00:00:00Z" == mapped["shipped_at"]
    assert "2026-11-01T10:00:00+02:00" == mapped["occurred_at"]


def test_gzip_is_known_by_its_bytes_and_a_mark_is_passed_over(tmp_path: Path) -> None:
    """A gzipped CSV with a byte order mark reads like a plain one, whatever its name."""
    file = tmp_path / "a.csv"
    file.write_bytes(gzip.compress("\ufeffsku,title\nK-1,Kettle\n".encode()))

    assert [{"sku": "K-1", "title": "Kettle"}] == [
        json.loads(one.line) for one in entries(file, ColumnMapping())
    ]


def test_bad_entries_do_not_take_their_neighbours_along(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, NUL and too many cells spoil one entry each."""
    file = tmp_path / "a.csv"
    file.write_bytes(b"sku,title\nK-1,\xff\nK-2,a,b\nK-3,fine\n")
    lines = tmp_path / "a.ndjson"
    lines.write_bytes(b'{"sku": "\xff"}\n\n{"sku": "a\0"}\n{"sku": "K-3"}\n')
    codes = [one.flaw and one.flaw[0] for one in entries(file, ColumnMapping())]
    more = [one.flaw and one.flaw[0] for one in entries(lines, ColumnMapping())]

    assert ["invalid_utf8", "too_many_cells", None] == codes
    assert ["invalid_utf8", "nul_character", None] == more


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("cut.csv.gz", gzip.compress(b"sku,title\n" + b"K,x\n" * 999, mtime=0)[:-20]),
        ("empty.csv", b""),
        ("unclosed.csv", b'sku,title\n"K-1,x\n'),
        ("nameless", b"sku\nK-1\n"),
    ],
)
def test_a_file_that_is_of_no_use_is_refused_as_a_whole(
    tmp_path: Path, name: str, body: bytes
) -> None:
    """Cut-off gzip, an empty file, an open quote, a name that says nothing: a clear refusal."""
    file = tmp_path / name
    file.write_bytes(body)

    with pytest.raises(InvalidInput):
        entries(file, ColumnMapping())
