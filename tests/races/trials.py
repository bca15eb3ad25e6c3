"""Races by the hundred: pairs of requests that start together, one to each replica."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

from freezeguard.domain.record import Case
from tests.rig import Answer, Rig, until

T = TypeVar("T")
Request = Callable[[], Awaitable[Answer]]

TRIALS = 300
SIZES = (1, 2, 5, 12)
"""How many pairs race at once, in turn: alone, and in crowds that share transactions."""
STOPPED = {"published": False, "sale_stop": True}


def crowds(trials: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut trials into crowds of changing size."""
    start, turn = 0, 0
    while start < len(trials):
        size = SIZES[turn % len(SIZES)]
        yield trials[start : start + size]
        start, turn = start + size, turn + 1


@dataclass
class Raced(Answer):
    """An answer, and how often "unavailable, try again" came before it.

    On a starved machine that may come after the commit: then the repetition meets itself, and
    only the database knows who was first.
    """

    repeated: int = 0

    @property
    def outcome(self) -> tuple[int, str]:
        """Return the status with the state that was reached, or with the code of the refusal."""
        return self.status, self.body["state" if self.status < 300 else "code"]


async def together(calls: Sequence[Request]) -> list[Raced]:
    """Make calls that all wait at one barrier and start when the last has come to it."""
    barrier = asyncio.Barrier(len(calls))

    async def one(call: Request) -> Raced:
        await barrier.wait()
        repeated = 0
        async with asyncio.timeout(60):
            while (answer := await call()).status == 503:
                repeated += 1
        return Raced(answer.status, answer.body, answer.headers, repeated)

    return list(await asyncio.gather(*(one(call) for call in calls)))


async def race(pairs: Sequence[tuple[Request, Request]]) -> list[tuple[Raced, Raced]]:
    """Run pairs of requests, crowd by crowd; return the answers pair by pair."""
    answers: list[tuple[Raced, Raced]] = []
    for crowd in crowds(pairs):
        flat = await together([request for pair in crowd for request in pair])
        answers += zip(flat[::2], flat[1::2], strict=True)
    return answers


async def new_skus(rig: Rig, number: int, **fields: Any) -> list[str]:
    """Put so many new numbered SKUs on the shelf, each once."""
    known = rig.counter
    rig.counter += number
    skus = [f"SKU-{known + n:06d}" for n in range(1, number + 1)]
    rows = [{"sku": sku, "id": f"p{sku.removeprefix('SKU-')}", **fields} for sku in skus]
    await rig.shop.seed(rows)
    return skus


def command(rig: Rig, case: Case, name: str, who: str, url: str, **arguments: Any) -> Request:
    """Return a request that gives a command on a case as it was built, to one replica."""
    body = {"command": name, "version": case.version, **arguments}
    path = f"/v1/cases/{case.id}/commands"
    return lambda: rig.call("POST", path, who, url=url, json=body)


def signals(rig: Rig, sent: Any, url: str) -> Request:
    """Return a request that sends signals to one replica."""
    return lambda: rig.call("POST", "/v1/signals", "source", url=url, json=sent)


@asynccontextmanager
async def owner_connection(rig: Rig) -> AsyncIterator[asyncpg.Connection]:
    """Look into the database as its owner."""
    assert rig.dsns is not None
    connection = await asyncpg.connect(rig.dsns.owner)
    try:
        yield connection
    finally:
        await connection.close()


async def until_all(
    rig: Rig, skus: Sequence[str], states: Sequence[str], *, seconds: float = 90.0
) -> None:
    """Wait until every case of some SKUs is in one of these states."""
    query = "SELECT count(*) FROM cases WHERE sku = ANY ($1) AND state <> ALL ($2)"
    async with owner_connection(rig) as connection:

        async def none_left() -> bool:
            return bool(await connection.fetchval(query, list(skus), list(states)) == 0)

        await until(none_left, f"{len(skus)} cases {states}", seconds=seconds)


def at_first_asking(pairs: Sequence[tuple[Raced, Raced]]) -> list[tuple[Raced, Raced]]:
    """Return the pairs of which neither had to repeat its request."""
    clean = [pair for pair in pairs if not any(one.repeated for one in pair)]
    if len(clean) < len(pairs):
        tell(f"{len(pairs) - len(clean)} pairs repeated a request")
    return clean


@asynccontextmanager
async def timed(what: str) -> AsyncIterator[None]:
    """Tell how long something took."""
    began = time.monotonic()
    yield
    tell(f"{what}: {time.monotonic() - began:.1f} s")


def tell(figures: str) -> None:
    """Print figures; pytest shows them with -s, or where a test fails."""
    sys.stdout.write(f"{figures}\n")
