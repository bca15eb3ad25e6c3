"""Help: quick, examples first, `--json` everywhere."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from freezeguard.cli.main import app


def _leaves(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path.strip(), command
        return
    for name, child in children.items():
        yield from _leaves(child, f"{path} {name}")


COMMANDS = dict(_leaves(get_command(app)))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_shows_examples_first(name: str) -> None:
    """The help of every command begins with examples that name the command itself."""
    text = COMMANDS[name].help

    assert text.startswith("\b\nExamples:\n")
    assert f"freezeguard {name}" in text.split("\n\n")[0]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_speaks_json(name: str) -> None:
    """Every command takes `--json`."""
    options = {option for one in COMMANDS[name].params for option in one.opts}

    assert "--json" in options


def test_help_loads_nothing_heavy() -> None:
    """Help answers at once: it imports no driver, no server, no models, no event loop."""
    code = (
        "import sys, json; import freezeguard.cli.main; "
        "heavy = ['asyncio', 'pydantic', 'aiohttp', 'asyncpg', 'rich', 'ssl', 'structlog']; "
        "print(json.dumps([one for one in heavy if one in sys.modules]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout

    assert [] == json.loads(out)
