"""Hearing NOTIFY, for ever."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from freezeguard.domain.errors import GuardFailed
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from freezeguard.storage.listener import EVERYTHING, Listener


class Ear:
    """Keeps what was heard, and lets tests wait for it."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self._news = asyncio.Event()

    def hear(self, topic: str) -> None:
        self.topics.append(topic)
        self._news.set()

    async def until(self, condition: Callable[[list[str]], bool], seconds: float = 5) -> None:
        async with asyncio.timeout(seconds):
            while not condition(self.topics):
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def listening(dsn: str) -> AsyncIterator[tuple[Listener, Ear]]:
    ear = Ear()
    listener = Listener(dsn, ear.hear, probe_every=0.5, retry_after=0.05)
    task = asyncio.create_task(listener.run())
    try:
        await ear.until(lambda topics: topics == [EVERYTHING])
        yield listener, ear
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def tell(database: PostgresDatabase, *topics: str) -> None:
    async def work(tx: Transaction) -> None:
        for topic in topics:
            await tx.notify(topic)

    await database.run(work)


async def test_what_is_committed_is_heard(
    database: PostgresDatabase, migrated_dsns: OwnerAndRuntimeDsns
) -> None:
    """A topic is heard once per transaction, and only if it commits."""
    async with listening(migrated_dsns.runtime) as (listener, ear):
        await tell(database, "holds", "objects", "holds")

        async def fail(tx: Transaction) -> None:
            await tx.notify("never")
            raise GuardFailed(["no"])

        with pytest.raises(GuardFailed):
            await database.run(fail)
        await tell(database, "last")
        await ear.until(lambda topics: "last" in topics)

        assert listener.subscribed.is_set()

    assert not listener.subscribed.is_set()
    assert [EVERYTHING, "holds", "objects", "last"] == ear.topics


async def test_a_lost_connection_is_replaced(
    database: PostgresDatabase, migrated_dsns: OwnerAndRuntimeDsns
) -> None:
    """When the connection is killed the listener subscribes again and says: look at everything."""
    async with listening(migrated_dsns.runtime) as (_, ear):
        watcher = await asyncpg.connect(migrated_dsns.runtime)
        await watcher.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        )
        await watcher.close()
        await ear.until(lambda topics: topics.count(EVERYTHING) == 2)
        await tell(database, "after")
        await ear.until(lambda topics: "after" in topics)

    assert [EVERYTHING, EVERYTHING, "after"] == ear.topics


class DeafProxy:
    """A socket in between that can stop passing anything on, without closing."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pumps: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []
        self.met = 0

    def go_deaf(self) -> None:
        """Pass nothing on for the connections there are; new ones are served."""
        for pump in self._pumps:
            pump.cancel()
        self._pumps.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.met += 1
        far_reader, far_writer = await asyncio.open_unix_connection(self._path)
        self._writers += [writer, far_writer]
        for source, target in ((reader, far_writer), (far_reader, writer)):
            self._pumps.append(asyncio.create_task(self._pump(source, target)))

    async def close(self) -> None:
        """Leave nothing open."""
        self.go_deaf()
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    @staticmethod
    async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await source.read(65536):
                target.write(chunk)
                await target.drain()


async def test_a_connection_that_went_silent_is_noticed(
    database: PostgresDatabase, migrated_dsns: OwnerAndRuntimeDsns
) -> None:
    """A connection that neither speaks nor breaks is found out by probing, and replaced."""
    host, _, port = migrated_dsns.runtime.partition("host=")[2].partition("&port=")
    proxy = DeafProxy(f"{host.replace('%2F', '/')}/.s.PGSQL.{port}")
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    dsn = migrated_dsns.runtime.partition("?")[0].replace("@/", f"@{address[0]}:{address[1]}/")

    async with listening(f"{dsn}?sslmode=disable") as (_, ear):
        proxy.go_deaf()
        await tell(database, "lost")
        await ear.until(lambda topics: topics.count(EVERYTHING) == 2)
        await tell(database, "after")
        await ear.until(lambda topics: "after" in topics)
    server.close()
    await proxy.close()

    assert 2 == proxy.met
    assert [EVERYTHING, EVERYTHING, "after"] == ear.topics
