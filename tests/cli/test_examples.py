"""Every example of the help and of the docs can be typed as it stands."""

from pathlib import Path

import pytest
from typer.main import get_command

from freezeguard.cli.main import app
from tests.cli.examples import mentioned, of_docs, of_help, words_of

FILES = (
    "calls.ndjson", "events.csv.gz", "events.csv", "caers.toml", "shipments.csv", "shipped.csv.gz",
    "skus.csv", "skus.ndjson", "rule.toml", "five.toml", "risen.toml", "contract.toml",
    "recalls.csv", "shipped.csv",
    "complaints.csv.gz", "complaints.ndjson",
    "ticket.json", "remedy.json", "tear-test.pdf", "crack.jpg", "complaint.json",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a file of every name that examples use."""
    made = tmp_path_factory.mktemp("examples")
    for name in FILES:
        (made / name).write_text("")
    return made


def understood(words: list[str]) -> None:
    """Take a command line apart as the program does, without running it. Raises what it says."""
    command, rest = get_command(app), list(words)
    while (children := getattr(command, "commands", None)) is not None:
        if rest[:1] in ([], ["--help"], ["--version"]):
            return  # a group by itself shows its help
        assert rest[0] in children, f"there is no command {rest[0]}"
        command, rest = children[rest[0]], rest[1:]
    if "--help" not in rest:
        command.make_context("freezeguard", rest)


@pytest.mark.parametrize(
    ("where", "line"), [*of_help(), *of_docs()], ids=lambda one: one if len(one) < 60 else one[:60]
)
def test_every_example_can_be_typed(
    where: str, line: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands, options and arguments are there, and take what the example gives them."""
    words = words_of(line)
    if words is None:
        pytest.skip("another program's")
    monkeypatch.chdir(place)
    try:
        understood(words)
    except Exception as error:  # noqa: BLE001 - whatever it is, the example can't be typed
        pytest.fail(f"{where}: {line}: {getattr(error, 'message', error)}")


@pytest.mark.parametrize(("where", "line"), mentioned(), ids=lambda one: one[:60])
def test_every_command_that_a_page_mentions_is_there(
    where: str, line: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the options that it names; arguments may be left out."""
    words = words_of(line)
    assert words is not None
    monkeypatch.chdir(place)
    try:
        understood(words)
    except Exception as error:  # noqa: BLE001 - as above
        if type(error).__name__ != "MissingParameter":
            pytest.fail(f"{where}: {line}: {error}")
