"""The clients of other languages, run for real and asked line by line."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CLIENTS = HERE.parents[1] / "clients"
LANGUAGES = {
    "node": ("node", HERE / "drive.mjs", CLIENTS / "node" / "freezeguard.mjs"),
    "php": ("php", HERE / "drive.php", CLIENTS / "php" / "freezeguard.php"),
}
KEEP = {"stale": "keep_last", "unknown": "keep_last"}


@dataclass
class Driven:
    """A client in a process of its own."""

    process: asyncio.subprocess.Process

    async def answer(self) -> Any:
        """Read the next answer."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        async with asyncio.timeout(20):
            line = await self.process.stdout.readline()
            assert line, (await self.process.stderr.read()).decode()
        return json.loads(line)

    async def __call__(self, do: str, **what: Any) -> Any:
        """Give an order; return its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **what}).encode() + b"\n")
        return await self.answer()

    async def sells(self, sku: str, **asked: Any) -> bool:
        """Ask both ways, which must agree."""
        answer = await self("check", sku=sku, **asked)
        assert answer["may"] is answer["sellable"]
        return bool(answer["sellable"])

    async def state(self) -> str:
        """Return the present state, after a refresh where there is no stream."""
        await self("refresh")
        return str((await self("check", sku="any"))["state"])


@asynccontextmanager
async def driven(language: str, url: str, copy: Path, **more: Any) -> AsyncIterator[Driven]:
    """Run a client until its input ends. Skips where the program is not installed."""
    program, driver, client = LANGUAGES[language]
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed here")
    given = {"url": url, "key": "key", "copy": str(copy), "policy": KEEP, **more}
    process = await asyncio.create_subprocess_exec(
        found, str(driver), str(client), json.dumps(given), stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Driven(process)
    finally:
        if process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            async with asyncio.timeout(20):
                await process.communicate()


@asynccontextmanager
async def running(language: str, url: str, copy: Path, **more: Any) -> AsyncIterator[Driven]:
    """Run a client that has begun."""
    async with driven(language, url, copy, **more) as one:
        assert {"ready": True} == await one.answer()
        yield one
