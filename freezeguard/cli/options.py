"""Options that many commands share, and how settings are read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from freezeguard.bootstrap.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def examples(*lines: str, text: str) -> str:
    """Return the help of a command: its examples first, then what it does."""
    shown = "\n".join(f"  {line}" for line in lines)
    return f"\b\nExamples:\n{shown}\n\n{text}"


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
