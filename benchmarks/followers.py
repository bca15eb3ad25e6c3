"""From the commit of a hold until every replica answers `frozen`, and until 200 readers have it.

`python -m benchmarks.followers`. Three replicas in processes of their own; 200 readers of the
stream of one of them. The floor is a notification alone: INSERT, NOTIFY, commit, and the callback
of a listener, all of it (a callback comes with the answer to the commit, or before it); for the
readers, 200 connections that a bare loop writes one event to.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import asyncpg

from benchmarks.stage import hold, open_case, quantile, service_process, spread, stage
from freezeguard.ports.storage import Transaction
from freezeguard.services.topics import TOPIC_HOLDS
from freezeguard.storage.database import PostgresDatabase

REPLICAS, READERS, PATIENCE = 3, 200, 10.0


class Line:
    """One kept connection that asks one thing again and again."""

    def __init__(self, url: str, token: str) -> None:
        self._place, self._token = urlsplit(url), token

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(
            self._place.hostname, self._place.port)

    async def is_frozen(self, sku: str) -> bool:
        """Ask once."""
        self._writer.write(
            f"GET /v1/sale-status/{sku} HTTP/1.1\r\nHost: bench\r\n"
            f"Authorization: Bearer {self._token}\r\n\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        at = head.lower().index(b"content-length: ") + 16
        body = await self._reader.readexactly(int(head[at:].split(b"\r\n", 1)[0]))
        return b'"frozen"' in body

    async def frozen_at(self, sku: str) -> float:
        """Ask until the answer is frozen; return when it was."""
        async with asyncio.timeout(PATIENCE):
            while not await self.is_frozen(sku):
                pass
        return time.perf_counter()

    def close(self) -> None:
        self._writer.close()


class Following(asyncio.Protocol):
    """One reader of a stream: notes when a text has come."""

    def __init__(self, request: bytes) -> None:
        self._request, self._rest = request, b""
        self._wanted: tuple[bytes, asyncio.Future[float]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def wait_for(self, text: bytes) -> "asyncio.Future[float]":
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._wanted, self._rest = (text, future), b""
        return future

    def data_received(self, data: bytes) -> None:
        if self._wanted is None:
            return
        text, future = self._wanted
        self._rest = self._rest[-len(text):] + data
        if text in self._rest and not future.done():
            future.set_result(time.perf_counter())


async def readers(url: str, token: str) -> list[Following]:
    """Open all the streams."""
    place = urlsplit(url)
    request = (f"GET /v1/holds/stream HTTP/1.1\r\nHost: bench\r\n"
               f"Authorization: Bearer {token}\r\n\r\n").encode()
    loop = asyncio.get_running_loop()
    found = []
    for _ in range(READERS):
        _, one = await loop.create_connection(
            lambda: Following(request), place.hostname, place.port)
        found.append(one)
    return found


async def floor_of_notices(dsn: str, trials: int) -> list[float]:
    """Return the seconds from an INSERT until the callback of its notification."""
    writer, listener = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    heard = asyncio.Event()
    await listener.add_listener("bench", lambda *_: heard.set())
    await writer.execute("CREATE TABLE IF NOT EXISTS bench_rows (n bigint)")
    took = []
    for n in range(trials):
        heard.clear()
        begun = time.perf_counter()
        async with writer.transaction():
            await writer.execute("INSERT INTO bench_rows VALUES ($1)", n)
            await writer.execute("NOTIFY bench")
        await heard.wait()
        took.append(time.perf_counter() - begun)
    await writer.close()
    await listener.close()
    return took


async def floor_of_streams(trials: int) -> list[float]:
    """Return the seconds in which a bare loop writes one event to all readers, until the last."""
    lines: list[asyncio.StreamWriter] = []
    ready = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        lines.append(writer)
        if len(lines) == READERS:
            ready.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    found = await readers(f"http://127.0.0.1:{port}", "none")
    await ready.wait()
    took = []
    for n in range(trials):
        text = f"event-{n:06}".encode()
        waits = [one.wait_for(text) for one in found]
        event = b"event: hold\nid: 1\ndata: " + b"x" * 300 + text + b"\n\n"
        begun = time.perf_counter()
        for line in lines:
            line.write(event)
        took.append(max(await asyncio.gather(*waits)) - begun)
    for one in found:
        one.transport.close()
    server.close()
    return took


async def commit_hold(database: PostgresDatabase, sku: str) -> float:
    """Commit a hold, as a decision does; return when its commit was answered."""
    case = await database.run(lambda tx: open_case(tx, sku))

    async def work(tx: Transaction) -> None:
        await hold(tx, case)
        await tx.notify(TOPIC_HOLDS)

    await database.run(work)
    return time.perf_counter()


async def rounds_of(
    number: int, trials: int, ours: Callable[[int], Awaitable[float]],
    floor: Callable[[int], Awaitable[list[float]]],
) -> tuple[list[list[float]], list[list[float]]]:
    """Let both sides take turns; the first round of each does not count."""
    us, them = [], []
    for turn in range(number + 1):
        mine = [await ours(turn * trials + n) for n in range(trials)]
        theirs = await floor(trials)
        if turn:
            us.append(mine)
            them.append(theirs)
    return us, them


def tell(what: str, us: list[list[float]], them: list[list[float]]) -> None:
    """Print a comparison by the median and by the 99 % point."""
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        ratios = [quantile(a, share) / quantile(b, share) for a, b in zip(us, them, strict=True)]
        mine = statistics.median(quantile(one, share) for one in us)
        floor = statistics.median(quantile(one, share) for one in them)
        print(f"{what}: {name} x{spread(ratios)} of the floor; ours {mine * 1e3:.2f} ms, "
              f"floor {floor * 1e3:.2f} ms", flush=True)


async def main(rounds: int, trials: int) -> None:
    async with stage(shop_skus=10, registered=0) as on, AsyncExitStack() as stack:
        on.settings["catalogues"] = {}
        token = on.secrets["catalogue"]
        urls = []
        for n in range(REPLICAS):
            on.settings["data_dir"] = str(on.place / f"replica-{n}")
            urls.append(await stack.enter_async_context(service_process(on)))
        lines = [Line(url, token) for url in urls]
        for line in lines:
            await line.open()
        database = await PostgresDatabase.connect(on.runtime, min_size=1)
        stack.push_async_callback(database.close)

        async def every_replica(n: int) -> float:
            sku = f"held-{n:06}"
            committed = await commit_hold(database, sku)
            return max(await asyncio.gather(*(one.frozen_at(sku) for one in lines))) - committed

        tell(f"hold committed until {REPLICAS} replicas answer frozen", *await rounds_of(
            rounds, trials, every_replica, lambda count: floor_of_notices(on.owner, count)))
        found = await readers(urls[0], token)
        await asyncio.sleep(1)  # snapshots, and what else is said at first

        async def every_reader(n: int) -> float:
            sku = f"read-{n:06}"
            waits = [one.wait_for(sku.encode()) for one in found]
            committed = await commit_hold(database, sku)
            async with asyncio.timeout(PATIENCE):
                return max(await asyncio.gather(*waits)) - committed

        tell(f"hold committed until {READERS} readers have it", *await rounds_of(
            rounds, trials, every_reader, floor_of_streams))
        for one in found:
            one.transport.close()
        for line in lines:
            line.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=40)
    asked = parser.parse_args()
    asyncio.run(main(asked.rounds, asked.trials))
