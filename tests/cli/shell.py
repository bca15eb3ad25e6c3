"""Runs the command line as a user does: in a process of its own."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Return the JSON document that is all of stdout."""
        lines = self.out.splitlines()
        assert len(lines) == 1, (self.out, self.err)
        return json.loads(lines[0])


def bare_environment(place: Path, **variables: str) -> dict[str, str]:
    """Return an environment without settings of whoever runs the tests."""
    own = {name: value for name, value in os.environ.items()
           if not name.startswith("FREEZEGUARD_")}
    return {
        **own, "FREEZEGUARD_CONFIG": os.devnull,
        "FREEZEGUARD_DATA_DIR": str(place / "data"), **variables,
    }


@dataclass(frozen=True, slots=True)
class Shell:
    """A place and an environment to run commands in."""

    place: Path
    environment: Mapping[str, str]

    def having(self, **variables: str) -> "Shell":
        """Return the same with more variables."""
        return Shell(self.place, {**self.environment, **variables})

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start a command."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "freezeguard", *arguments, env=dict(self.environment),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str) -> Ran:
        """Run a command to its end."""
        process = await self.start(*arguments)
        try:
            async with asyncio.timeout(DEADLINE):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        return Ran(process.returncode or 0, out.decode(), err.decode())
