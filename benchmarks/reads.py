"""`GET /v1/sale-status/{sku}` beside the same edge without a look-up, and a bare handler.

`python -m benchmarks.reads`. Three server processes take turns; the load comes from this process
over 32 connections that speak just enough HTTP.
"""

import argparse
import asyncio
import statistics
import time
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import urlsplit

from benchmarks.stage import process, quantile, service_process, spread, stage
from freezeguard.ports.rows import Sku
from freezeguard.storage.database import PostgresDatabase

CONNECTIONS = 32
SLICES = 8
"""The sides take turns so often within a round that a busy moment meets them alike."""


class Reader(asyncio.Protocol):
    """One connection: sends a request, waits for the whole answer, sends the next."""

    def __init__(self, requests: list[bytes], done: "asyncio.Future[None]") -> None:
        self.requests, self.done = requests, done
        self.took: list[float] = []
        self._answer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        if not self.requests:
            self._transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self._sent = time.perf_counter()
        self._transport.write(self.requests.pop())

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.lower().index(b"content-length: ") + 16
        if len(body) < int(head[at:].split(b"\r\n", 1)[0]):
            return
        assert head.startswith(b"HTTP/1.1 200"), head
        self.took.append(time.perf_counter() - self._sent)
        self._answer = b""
        self._next()


async def rate(url: str, token: str, skus: list[str]) -> tuple[float, float]:
    """Return requests a second and the 99th percentile in milliseconds."""
    place = urlsplit(url)
    requests = [
        f"GET /v1/sale-status/{sku} HTTP/1.1\r\nHost: bench\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
        for sku in skus
    ]
    loop = asyncio.get_running_loop()
    waits, readers = [], []
    begun = time.perf_counter()
    for part in range(CONNECTIONS):
        done: asyncio.Future[None] = loop.create_future()
        reader = Reader(requests[part::CONNECTIONS], done)
        await loop.create_connection(lambda reader=reader: reader, place.hostname, place.port)
        waits.append(done)
        readers.append(reader)
    await asyncio.gather(*waits)
    elapsed = time.perf_counter() - begun
    took = [one for reader in readers for one in reader.took]
    return len(took) / elapsed, quantile(took, 0.99) * 1e3


async def register(dsn: str, skus: list[str]) -> None:
    database = await PostgresDatabase.connect(dsn, min_size=1)
    long_ago = datetime.now(UTC) - timedelta(hours=1)  # replicas have taken them in since
    for start in range(0, len(skus), 10_000):
        rows = [Sku(sku) for sku in skus[start : start + 10_000]]
        await database.run(
            lambda tx, rows=rows: tx.master.put_skus(rows, long_ago), deadline=60
        )
    await database.close()


async def main(rounds: int, requests: int, number: int) -> None:
    random = Random(11)
    skus = [f"sku-{place:08}" for place in range(number)]
    async with stage(shop_skus=10, registered=0) as on:
        on.settings["catalogues"] = {}  # nothing to read ahead
        await register(on.owner, skus)
        token = on.secrets["catalogue"]
        constant = ("-m", "benchmarks.constant", "--token", token, "--kind")
        async with (
            service_process(on) as ours,
            process(*constant, "same", name="same edge") as same,
            process(*constant, "bare", name="bare") as bare,
        ):
            sides = {"ours": ours, "same edge": same, "bare": bare}
            rates: dict[str, list[float]] = {name: [] for name in sides}
            tails: dict[str, list[float]] = {name: [] for name in sides}
            for turn in range(rounds + 1):
                took: dict[str, list[float]] = {name: [] for name in sides}
                for _ in range(SLICES):
                    asked = [random.choice(skus) for _ in range(requests // SLICES)]
                    for name, url in sides.items():
                        per_second, p99 = await rate(url, token, asked)
                        took[name].append(1 / per_second)
                        if turn:
                            tails[name].append(p99)
                if turn:
                    for name, times in took.items():
                        rates[name].append(1 / statistics.mean(times))
    for name in ("same edge", "bare"):
        ratios = [a / b for a, b in zip(rates["ours"], rates[name], strict=True)]
        print(f"sale status, {number} SKUs: x{spread(ratios)} of {name}")
    for name, values in rates.items():
        print(
            f"  {name}: {statistics.median(values):.0f}/s, p99 "
            f"{statistics.median(tails[name]):.2f} ms"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--skus", type=int, default=100_000)
    asked = parser.parse_args()
    asyncio.run(main(asked.rounds, asked.requests, asked.skus))
