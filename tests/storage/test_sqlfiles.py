"""SQL files are found wherever freezeguard is installed, and split where statements end."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import freezeguard
from freezeguard.storage.sqlfiles import split, sql_directory


def test_checkout_and_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel carries the files inside the package; a checkout has them beside it."""
    assert (sql_directory() / "migrations").is_dir()
    package = tmp_path / "freezeguard"
    package.mkdir()
    monkeypatch.setattr(freezeguard, "__file__", str(package / "__init__.py"))
    with pytest.raises(FileNotFoundError):
        sql_directory()
    (tmp_path / "sql").mkdir()
    assert sql_directory() == tmp_path / "sql"
    (package / "_sql").mkdir()
    assert sql_directory() == package / "_sql"


def test_lines_and_words() -> None:
    """A statement knows the line on which it begins and its first words."""
    found = split("\n-- first; comment\nselect 1;\n\n  Create Table t ();;\n", first_line=2)
    assert [(one.line, one.words) for one in found] == [
        (3, ("SELECT",)),
        (6, ("CREATE", "TABLE", "T")),
    ]
    assert found[0].text == "-- first; comment\nselect 1"


HIDDEN = [
    "SELECT ';'",
    "SELECT 'it''s;'",
    r"SELECT E'a\';'",
    'SELECT 1 AS ";""x;"',
    "SELECT 1 -- ; not yet\n + 2",
    "SELECT /* ; /* nested; */ ; */ 1",
    "DO $$ BEGIN PERFORM 1; END $$",
    "DO $body$ BEGIN PERFORM '$$;'; END $body$",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END",
    "SELECT $1::int",
    "SELECT a$b$c FROM t",
    "SELECT '\\'",
]


@given(st.lists(st.sampled_from(HIDDEN), min_size=1, max_size=6))
def test_hidden_semicolons_end_nothing(statements: list[str]) -> None:
    """Strings, names, comments, dollar-quoted and ATOMIC bodies keep their semicolons."""
    assert [one.text for one in split(" ;\n".join(statements))] == statements


@given(st.text(alphabet="ab'\"$;-*/ \nE\\", max_size=60))
def test_any_text_is_split_without_loss(text: str) -> None:
    """However odd the text, no character but separators and blanks gets lost."""
    pieces = "".join(one.text for one in split(f"x {text}"))
    assert set(pieces) <= set(f"x {text}")
    assert split(f"x {text}")
