"""Tables on a terminal of 80 columns: what must be copied is never cut."""

import io
import sys

import pytest

from freezeguard.cli.demo import Teller
from freezeguard.cli.output import print_table

CASE = "01a200d5-9ee0-7d97-b6f0-6437c51f22cf"
AT = "2026-11-26 02:24:03"
COLUMNS = ("case", "no.", "SKU", "state", "opened", "why")
WHY = "Five different customers complained within thirty days, and five are enough."
ROW = (CASE, 12345, "KETTLE-17/blue (lot L-0921)", "awaiting_approval", AT, WHY)


class Terminal(io.StringIO):
    """A terminal of 80 columns."""

    def isatty(self) -> bool:
        """Say that somebody looks on."""
        return True


def look_on(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal in the place of stdout."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    return shown


def test_ids_and_times_are_whole_and_the_rest_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids, numbers and times stand unbroken within 80 columns; no word of the reason is lost."""
    terminal = look_on(monkeypatch)
    print_table(
        COLUMNS, [ROW], whole=("case", "no."), beneath={"opened": "case", "state": "SKU"}
    )
    drawn = terminal.getvalue()
    lines = drawn.splitlines()

    assert [] == [line for line in lines if len(line) > 80]
    assert [True] * 3 == [word in drawn for word in (CASE, "12345", AT)]
    assert "…" not in drawn
    assert [] == [word for word in WHY.split() if word not in drawn and len(word) < 9]


def test_where_nothing_can_be_folded_the_table_is_wider_than_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two ids don't fit into 80 columns: the terminal may break the line, nothing is cut."""
    terminal = look_on(monkeypatch)
    print_table(("a", "b", "c"), [(CASE, CASE, CASE)], whole=("a", "b", "c"))

    assert 3 == terminal.getvalue().count(CASE)


def test_an_empty_list_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bare heading looks like a fault; words don't."""
    terminal = look_on(monkeypatch)
    print_table(("a", "b"), [], empty="no open cases")

    assert ("", "no open cases\n") == (terminal.getvalue(), capsys.readouterr().err)


def test_a_pipe_has_one_row_per_line_and_a_column_per_heading(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever reads by a program gets tabs, whatever stands beneath what on a terminal."""
    print_table(COLUMNS, [ROW], whole=("case",), beneath={"state": "SKU"})
    heading, row = capsys.readouterr().out.splitlines()

    assert list(COLUMNS) == heading.split("\t")
    assert [str(one) for one in ROW] == row.split("\t")


def test_what_is_for_programs_stands_in_a_pipe_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person is shown fewer columns; a program has them all."""
    print_table(COLUMNS, [ROW], piped=("case",))
    piped = capsys.readouterr().out
    terminal = look_on(monkeypatch)
    print_table(COLUMNS, [ROW], piped=("case",))

    assert CASE in piped
    assert CASE not in terminal.getvalue()
    assert WHY.split(maxsplit=1)[0] in terminal.getvalue()


def test_what_the_demonstration_gives_to_be_pasted_is_never_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A command or a link with a line end in the middle can't be pasted."""
    terminal = look_on(monkeypatch)
    command = f"curl -sS http://127.0.0.1:8080/v1/signals -H 'Authorization: Bearer fgk_{CASE * 2}'"
    Teller(terminal, 0).plain(f"Paste this:\n\n{command}")

    assert command in terminal.getvalue().splitlines()
