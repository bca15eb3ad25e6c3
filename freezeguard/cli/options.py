"""Options that many commands share, and how settings are read."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from freezeguard.bootstrap.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def examples(*lines: str, text: str) -> str:
    """Return the help of a command: its examples first, then what it does."""
    shown = "\n".join(f"  {line}" for line in lines)
    return f"\b\nExamples:\n{shown}\n\n{text}"


def given_fields(options: Mapping[str, Any], removed: Mapping[str, bool]) -> dict[str, Any]:
    """Return the fields that options give. One that is to be removed is given as nothing.

    Raises Failure where a field is given and removed at once.
    """
    from freezeguard.cli.failures import Exit, Failure

    given = {name: value for name, value in options.items() if value is not None}
    gone = {name: None for name, wanted in removed.items() if wanted}
    if both := sorted(given.keys() & gone.keys()):
        raise Failure(
            Exit.USAGE, "invalid_argument", f"{both[0]} is given and taken away at once."
        )
    return given | gone


def require(given: Mapping[str, Any], options: Mapping[str, str], purpose: str) -> None:
    """Raise Failure where a field is not given that something new needs."""
    from freezeguard.cli.failures import Exit, Failure

    missing = [option for name, option in options.items() if not given.get(name)]
    if missing:
        raise Failure(
            Exit.USAGE, "missing_option", f"{purpose}, give {' and '.join(missing)} too."
        )


def read_settings(file: Path | None = None) -> "Settings":
    """Return the settings; `file` is a JSON object that wins over all other places."""
    from freezeguard.bootstrap.settings import Settings
    from freezeguard.cli.failures import Exit, Failure
    from freezeguard.cli.jsontext import read_json

    if file is None:
        return Settings()
    try:
        given = read_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Failure(Exit.USAGE, "invalid_json", f"{file} is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise Failure(Exit.USAGE, "invalid_json", f"{file} holds no JSON object")
    return Settings(**given)


def quiet_logs() -> None:
    """Let only warnings of the services reach stderr while a command runs."""
    from freezeguard.bootstrap.logging import configure_logging

    configure_logging("auto", "warning")
