"""One PostgreSQL per test run, shared by all workers, and a fresh migrated database per test."""

import asyncio
import fcntl
import gc
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import EmbeddedServer, OwnerAndRuntimeDsns, prepare_database
from freezeguard.storage.embedded.home import is_locked
from freezeguard.storage.migrations import migrate

HOME = "FREEZEGUARD_TEST_HOME"
MEMORY, ROOM = Path("/dev/shm"), 8 * 2**30  # noqa: S108 - what is made there is nobody else's
"""Where files lie in memory, and how much must be free there: a run needs less than a tenth."""
TEMPLATE = "freezeguard_template"
CUSTOMER_KEY = b"k" * 32


def pytest_configure(config: pytest.Config) -> None:
    """The process that leads the run makes the server's place; workers inherit its name."""
    if not hasattr(config, "workerinput"):
        _work_in_memory()
        place = tempfile.mkdtemp(prefix="fg-")  # short: the path of a socket may have 107 bytes
        Path(place).chmod(0o711)  # the account that runs PostgreSQL for root passes through
        os.environ[HOME] = place


def _work_in_memory() -> None:
    """Keep what the run writes in memory: copying a database takes a fifth of the time there.

    Whoever names a place by TMPDIR is obeyed, and where programs may not lie nothing is put.
    """
    if "TMPDIR" in os.environ or not (MEMORY.is_dir() and os.access(MEMORY, os.W_OK | os.X_OK)):
        return
    if os.statvfs(MEMORY).f_flag & os.ST_NOEXEC or shutil.disk_usage(MEMORY).free < ROOM:
        return
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last share is given up by now: wait for the server's end and remove its place."""
    if hasattr(config, "workerinput") or HOME not in os.environ:
        return
    place = Path(os.environ.pop(HOME))
    lock = place / "postgres" / "keeper.lock"
    until = time.monotonic() + 20
    while lock.exists() and is_locked(lock) and time.monotonic() < until:
        time.sleep(0.05)
    if (place / "postgres").is_symlink():
        shutil.rmtree((place / "postgres").resolve(), ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mix the modules, always in the same way: those that mostly wait lie beside each other.

    Two workers that wait at once leave both processors idle. The order within a module stays, and
    so does what its tests share.
    """
    items.sort(key=lambda item: hashlib.sha256(item.location[0].encode()).digest())


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Ten thousand tests and their modules are made, and stay: nobody looks among them for cycles.

    Among the rest somebody does: whoever leaves a connection open is found.
    """
    gc.disable()


def pytest_collection_finish() -> None:
    """See `pytest_collection`."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured and recorded under the name `figure`; nothing asserts it."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "figure" and report.when == "call":
                terminalreporter.write_line(str(value))


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    """The server of this test run, with a migrated template database."""
    place = Path(os.environ[HOME])
    server = asyncio.run(EmbeddedServer.attach(place, test_mode=True))
    try:
        with (place / "template.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Once it is made nobody may connect to it, or it can't be copied.
            if not (place / "template.made").exists():
                asyncio.run(_make_template(server))
                (place / "template.made").touch()
        yield server
    finally:
        asyncio.run(server.close())


async def _make_template(server: EmbeddedServer) -> None:
    dsns = await prepare_database(server.endpoint, TEMPLATE)
    await migrate(dsns.owner)


@pytest.fixture
async def migrated_dsns(postgres: EmbeddedServer) -> AsyncIterator[OwnerAndRuntimeDsns]:
    """A fresh migrated database, by the connection strings of its owner and its runtime role."""
    name = f"fg_{uuid4().hex[:16]}"
    yield await prepare_database(postgres.endpoint, name, template=TEMPLATE)
    connection = await asyncpg.connect(postgres.endpoint.dsn("postgres"))
    try:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
def dsns(migrated_dsns: OwnerAndRuntimeDsns) -> OwnerAndRuntimeDsns:
    """The same, by the name that most tests use."""
    return migrated_dsns


@pytest.fixture
async def database(migrated_dsns: OwnerAndRuntimeDsns) -> AsyncIterator[PostgresDatabase]:
    """A fresh database as the service sees it: as the runtime role, with its shared row."""
    opened = await PostgresDatabase.connect(migrated_dsns.runtime, min_size=1)
    try:
        await opened.run(
            lambda tx: tx.people.create_instance(CUSTOMER_KEY, datetime.now(UTC))
        )
        yield opened
    finally:
        await opened.close()
