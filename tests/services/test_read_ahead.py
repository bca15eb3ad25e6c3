"""Before-images are read ahead in every catalogue, whatever another catalogue does meanwhile."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from freezeguard.bootstrap.metrics import PrometheusMetrics
from freezeguard.ports.catalogues import CatalogueError, Found, Traits
from freezeguard.ports.rows import Sku
from freezeguard.services import sweeping
from freezeguard.services.directory import Directory, Outlet
from freezeguard.services.enforcing.enforcement import Enforcement
from freezeguard.services.enforcing.pace import Pace
from freezeguard.services.sweeping import ReadAhead
from freezeguard.storage.database import PostgresDatabase
from tests.rig import until

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Sound:
    """Answers every look-up at once."""

    traits = Traits(("hard",))

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[str] = []

    async def lookup(self, sku: str, *, deadline: float) -> tuple[Found, ...]:
        self.asked.append(sku)
        return await self.answer(sku)

    async def answer(self, sku: str) -> tuple[Found, ...]:
        return (Found(f"{self.name}/{sku}", {"on": True}),)


class Endless(Sound):
    """Never answers, and knows no deadline."""

    async def answer(self, sku: str) -> tuple[Found, ...]:
        await asyncio.Event().wait()
        return ()


class Broken(Sound):
    """Fails in a way of its own where a SKU is odd, and gives what can't be stored for another."""

    async def answer(self, sku: str) -> tuple[Found, ...]:
        if sku == "s0":
            raise KeyError("surprise")
        if sku == "s1":
            return (Found("r", {"on": object()}),)
        return await super().answer(sku)


class Gated(Sound):
    """Answers while its gate is open."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.gate = asyncio.Event()

    async def answer(self, sku: str) -> tuple[Found, ...]:
        await self.gate.wait()
        return await super().answer(sku)


class Away(Sound):
    """Is not there until it is."""

    is_there = False

    async def answer(self, sku: str) -> tuple[Found, ...]:
        if not self.is_there:
            raise CatalogueError("nobody there", recoverable=True)
        return await super().answer(sku)


def reading(database: PostgresDatabase, *catalogues: Sound) -> tuple[ReadAhead, Enforcement]:
    """Return what reads ahead in some catalogues, and what knows their breakers."""
    directory = Directory([Outlet(one) for one in catalogues])
    enforcement = Enforcement(
        database, directory, None, None, lambda: NOW, uuid4, Pace(call_deadline=0.05),
        PrometheusMetrics(),
    )
    return ReadAhead(database, directory, enforcement, lambda: NOW), enforcement


async def register(database: PostgresDatabase, *numbers: int) -> list[str]:
    """Register SKUs; return them."""
    skus = [f"s{number}" for number in numbers]
    rows = [Sku(sku, sku, "acme", "kitchen") for sku in skus]
    await database.run(lambda tx: tx.master.put_skus(rows, NOW))
    return skus


async def images(database: PostgresDatabase, catalogue: str) -> set[str]:
    """Return the SKUs whose before-image in a catalogue is at hand."""
    query = "SELECT sku FROM catalogue_objects WHERE catalogue = $1 AND before_image IS NOT NULL"
    rows = await database.run(lambda tx: tx.connection.fetch(query, catalogue))
    return {row["sku"] for row in rows}


async def test_a_connector_that_never_answers_does_not_end_reading_ahead(
    database: PostgresDatabase,
):
    """Its look-ups are cut off and open its breaker; it is left alone, the other one is read."""
    skus = await register(database, *range(20))
    endless = Endless("endless")
    read_ahead, enforcement = reading(database, Sound("sound"), endless)
    async with asyncio.timeout(20):
        while await read_ahead.run_once():
            pass
    assert set(skus) == await images(database, "sound")
    assert [True, False] == [enforcement.breakers[one].is_open for one in ("endless", "sound")]
    assert len(endless.asked) < len(skus)


async def test_a_sku_that_fails_oddly_stops_no_other(database: PostgresDatabase):
    """Neither the look-up that blows up nor the answer that can't be stored ends the round."""
    skus = await register(database, *range(6))
    read_ahead, _ = reading(database, Broken("broken"))
    assert 6 == await read_ahead.run_once()
    assert set(skus[2:]) == await images(database, "broken")
    assert 0 == await read_ahead.run_once()


async def test_a_slow_catalogue_delays_no_other(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
):
    """While it is behind, rounds go on without it; what it missed is caught up with, all of it."""
    monkeypatch.setattr(sweeping, "MOMENT", 0.0)
    fast, slow = Sound("fast"), Gated("slow")
    read_ahead, enforcement = reading(database, fast, slow)
    enforcement.pace = Pace(call_deadline=30.0)
    enforcement._calls.pace = enforcement.pace
    first = await register(database, *range(8))
    await _first_round(read_ahead, fast, slow)

    monkeypatch.setattr(sweeping, "MOMENT", 30.0)
    slow.gate.clear()
    catching_up = asyncio.create_task(read_ahead.catch_up("slow"))
    await until(_asked(slow, 8), "the slow one is busy again")
    second = await register(database, *range(8, 16))
    async with asyncio.timeout(20):
        assert 8 == await read_ahead.run_once()
    assert {*first, *second} == await images(database, "fast")
    assert not catching_up.done()

    slow.gate.set()
    assert 12 == await catching_up
    assert {*first, *second} == await images(database, "slow")
    assert 16 == len(slow.asked)


async def _first_round(read_ahead: ReadAhead, fast: Sound, slow: Gated) -> None:
    """Let a round end in which the slow one only had time for what it had begun."""
    round_ = asyncio.create_task(read_ahead.run_once())
    await until(_asked(fast, 8), "the fast one is asked")
    await until(_asked(slow, 4), "the slow one is asked")

    async def done() -> bool:
        return not read_ahead._reading["fast"].locked()

    await until(done, "the fast one is done")
    slow.gate.set()
    assert 8 == await round_
    assert 4 == len(slow.asked)


def _asked(catalogue: Sound, number: int) -> Any:
    async def asked() -> bool:
        return len(catalogue.asked) >= number

    return asked


async def test_what_was_missed_during_an_outage_is_read_afterwards(database: PostgresDatabase):
    """A probe that no stop needs finds out that it is back, and the rest follows."""
    skus = await register(database, *range(12))
    away = Away("away")
    read_ahead, enforcement = reading(database, away)
    assert 12 == await read_ahead.run_once()
    breaker, missed = enforcement.breakers["away"], set(skus) - set(away.asked)
    assert breaker.is_open
    assert missed
    assert 0 == await read_ahead.catch_up("away")

    away.is_there = True
    breaker.next_probe = asyncio.get_running_loop().time() - 2  # as if some seconds had passed
    while await read_ahead.catch_up("away"):
        pass
    assert not breaker.is_open
    assert missed == await images(database, "away")
