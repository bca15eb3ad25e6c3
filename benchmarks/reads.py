"""Sale status, of one SKU and of a cart of 100, beside the same edge without a look-up and bare.

`python -m benchmarks.reads`. Three server processes take turns; the load comes from this process
over 32 connections that speak just enough HTTP.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable, Mapping
from random import Random
from urllib.parse import urlsplit

from benchmarks.memory import all_known, register
from benchmarks.stage import process, quantile, service_process, spread, stage

CONNECTIONS, CART = 32, 100
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


def single(token: str, skus: list[str]) -> list[bytes]:
    """Return a request for each SKU."""
    return [
        f"GET /v1/sale-status/{sku} HTTP/1.1\r\nHost: bench\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
        for sku in skus
    ]


def carts(token: str, skus: list[str]) -> list[bytes]:
    """Return a request for each hundred SKUs."""
    bodies = [
        json.dumps({"skus": skus[start:start + CART]}).encode()
        for start in range(0, len(skus), CART)
    ]
    head = "POST /v1/sale-status HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {token}\r\n"
    return [f"{head}Content-Length: {len(one)}\r\n\r\n".encode() + one for one in bodies]


async def rate(url: str, requests: list[bytes]) -> tuple[float, float]:
    """Return requests a second and the 99th percentile in milliseconds."""
    place = urlsplit(url)
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


async def compare(
    what: str, sides: Mapping[str, str], rounds: int, ask: Callable[[], list[bytes]]
) -> None:
    """Have the sides take turns; print ours as a multiple of each other one."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    tails: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        took: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(SLICES):
            asked = ask()
            for name, url in sides.items():
                per_second, p99 = await rate(url, list(asked))
                took[name].append(1 / per_second)
                if turn:
                    tails[name].append(p99)
        if turn:
            for name, times in took.items():
                rates[name].append(1 / statistics.mean(times))
    for name in ("same edge", "bare"):
        ratios = [a / b for a, b in zip(rates["ours"], rates[name], strict=True)]
        print(f"{what}: x{spread(ratios)} of {name}")
    for name, values in rates.items():
        tail = statistics.median(tails[name])
        print(f"  {name}: {statistics.median(values):.0f}/s, p99 {tail:.2f} ms", flush=True)


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
            await all_known(ours, token, skus[-1])
            sides = {"ours": ours, "same edge": same, "bare": bare}

            def some(many: int) -> list[str]:
                return [random.choice(skus) for _ in range(many // SLICES)]

            await compare(f"sale status, {number} SKUs", sides, rounds,
                          lambda: single(token, some(requests)))
            await compare(f"cart of {CART}, {number} SKUs", sides, rounds,
                          lambda: carts(token, some(requests * 4)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--skus", type=int, default=1_000_000)
    asked = parser.parse_args()
    asyncio.run(main(asked.rounds, asked.requests, asked.skus))
