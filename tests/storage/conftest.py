"""One server per session, one database per test, and processes that share a server."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from freezeguard.storage.embedded import EmbeddedServer, OwnerAndRuntimeDsns, prepare_database
from freezeguard.storage.embedded.home import Home, is_locked

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def scratch(mode: int = 0o711) -> Iterator[Path]:
    """A short directory that an unprivileged account may enter, unlike pytest's own."""
    place = Path(tempfile.mkdtemp(prefix="fgt-"))
    place.chmod(mode)
    try:
        yield place
    finally:
        wait_until(lambda: ended(place), "the server ended")
        home = place / "postgres"
        if home.is_symlink():
            shutil.rmtree(home.resolve(), ignore_errors=True)
        shutil.rmtree(place, ignore_errors=True)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Poll with a deadline."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def ended(data_dir: Path) -> bool:
    """Whether no keeper and no server of `data_dir` is left."""
    lock = data_dir / "postgres" / "keeper.lock"
    return not (lock.exists() and is_locked(lock)) and not server_pids(data_dir)


def server_pids(data_dir: Path) -> list[int]:
    """Postmaster and children of the server of `data_dir`, zombies not counted."""
    home = Home((data_dir / "postgres").resolve(), None)
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            arguments = (place / "cmdline").read_bytes().decode(errors="replace").split("\0")
            child = arguments[0].startswith(f"postgres: {home.cluster_name}: ")
            if child or {"-D", str(home.cluster)} <= set(arguments):
                found.append(int(place.name))
    return found


class Client:
    """A process that shares the server of a directory."""

    def __init__(self, data_dir: Path, prefix: tuple[str, ...] = ()) -> None:
        self.child = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.storage.client", str(data_dir)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd=ROOT, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """What it printed when it was attached."""
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            assert self.child.stderr is not None
            raise AssertionError(self.child.stderr.read())
        facts: dict[str, Any] = json.loads(line)
        return facts

    def end(self, *, kill: bool = False) -> None:
        if kill:
            self.child.kill()
        with self.child:
            self.child.communicate(timeout=20)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with scratch() as place:
        yield place


@pytest.fixture
def start_client(data_dir: Path) -> Iterator[Callable[..., Client]]:
    clients = []

    def start(*prefix: str, at: Path = data_dir) -> Client:
        clients.append(Client(at, prefix))
        return clients[-1]

    yield start
    for client in clients:
        client.end(kill=True)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[EmbeddedServer]:
    with scratch() as place:
        server = asyncio.run(EmbeddedServer.attach(place, test_mode=True))
        yield server
        asyncio.run(server.close())


@pytest.fixture
async def dsns(shared_server: EmbeddedServer) -> AsyncIterator[OwnerAndRuntimeDsns]:
    """An empty database with its owner and its runtime role."""
    return await prepare_database(shared_server.endpoint, f"t_{uuid4().hex[:12]}")
