"""JSON on the command line: what the service would refuse is refused with a reason."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from freezeguard.cli.arguments import arguments_of
from freezeguard.cli.audit import _kept
from freezeguard.cli.casecommands import _from_file
from freezeguard.cli.failures import Exit, Failure
from freezeguard.cli.jsontext import MOST_NESTED, read_json
from freezeguard.cli.options import read_settings
from freezeguard.cli.rules import _read
from freezeguard.domain.auditchain import Anchor


def _nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("text", ["NaN", '{"a": -Infinity}', "[1e999]"])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    """The service stores numbers, and these are none."""
    with pytest.raises(ValueError, match="number"):
        read_json(text)


@pytest.mark.parametrize("levels", [MOST_NESTED + 2, 100_000])
def test_what_is_nested_too_deep_is_refused(levels: int) -> None:
    """With a reason, not with a traceback."""
    with pytest.raises(ValueError, match="nested deeper than 64 levels"):
        read_json(_nested(levels))


@pytest.mark.parametrize("text", ['{"a": [1, 2.5, "x"]}', _nested(MOST_NESTED), b"null"])
def test_the_rest_is_read(text: str | bytes) -> None:
    """As ever."""
    assert read_json(text) in ({"a": [1, 2.5, "x"]}, None) or isinstance(read_json(text), list)


READERS: list[Callable[[Path], object]] = [
    _from_file, _read, read_settings, lambda one: _kept([one]),
]


@pytest.mark.parametrize("reader", READERS, ids=["command", "rule", "settings", "anchors"])
@pytest.mark.parametrize("text", ['{"remedy": 1e999}', '{"remedy": NaN}', _nested(100_000)])
def test_every_file_is_refused_with_a_reason(
    reader: Callable[[Path], object], text: str, tmp_path: Path
) -> None:
    """A usage error that names the file, wherever one is read; never a traceback."""
    file = tmp_path / "given.json"
    file.write_text(text)
    with pytest.raises(Failure, match=r"given\.json") as refused:
        reader(file)

    assert Exit.USAGE == refused.value.exit_code


def test_an_anchor_of_no_number_is_no_anchor() -> None:
    """Also where another program has read the line."""
    with pytest.raises(ValueError, match="no anchor"):
        Anchor.from_dict({"position": float("inf")})


@pytest.mark.parametrize("text", ["[" * 100_000, "1e999", "NaN"])
def test_an_argument_that_is_no_json_is_a_text(text: str) -> None:
    """The service says what it thinks of it."""
    assert {"evidence_revision": text} == arguments_of(
        "approve", [f"evidence_revision={text}"], datetime(2026, 11, 26, tzinfo=UTC)
    )
