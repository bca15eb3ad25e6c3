"""A catalogue that is away for long: what cases say meanwhile, and what a start makes of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.settings import Settings
from freezeguard.sampleshop.client import sample_configuration
from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database
from tests.acceptance.steps import timeline
from tests.faults.observing import Case, open_tasks, seen, statuses, told
from tests.faults.stage import a_stage
from tests.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"seed": 60, "pace": {"call_deadline": 1.0}}
AWAY = 8.0
"""Seconds: many times the three verifications after which a read-back tells nothing."""


LOST = """
    UPDATE catalogue_objects
       SET status = 'unreachable', attempts = 0, failing_since = clock_timestamp(),
           next_at = clock_timestamp() + interval '1 hour'
     WHERE sku = $1
"""
"""Leaves an object as an outage does, and nobody looks at it for now."""


def in_force(case: Case) -> bool:
    """Say whether a case shows its stop as confirmed."""
    return not case["degraded"] and statuses(case) == ["confirmed"]


def unseen(case: Case) -> bool:
    """Say whether a case shows that nobody can tell whether it is stopped."""
    return case["degraded"] and statuses(case) == ["unreachable"]


async def frozen(rig: Rig, skus: list[str]) -> None:
    """Freeze SKUs and wait until all are confirmed."""
    await asyncio.gather(*(rig.complain(sku) for sku in skus))
    for sku in skus:
        await rig.in_state(sku, "frozen", seconds=30)


async def test_what_nobody_can_see_is_not_called_confirmed(rig: Rig, take_sku: Any):
    """Of twelve frozen SKUs all are degraded while the shop is away, and none afterwards.

    The owner is told once per case, however long it lasts.
    """
    skus = [take_sku() for _ in range(12)]
    await frozen(rig, skus)
    await rig.shop.faults(offline=AWAY)
    for sku in skus:
        case = await seen(rig, sku, "degraded", unseen, seconds=AWAY - 1)
        assert "frozen" == case["state"]
    for sku in skus:
        case = await seen(rig, sku, "confirmed again", in_force, seconds=30)
        assert 1 == told(case, "degraded")


async def test_somebody_who_sells_it_during_an_outage_is_found_out(rig: Rig, sku: str):
    """What was lost from sight is looked at before it is stopped again: the history says so."""
    await frozen(rig, [sku])
    await _sql(rig, LOST, sku)
    product = await rig.shop.product(sku)
    await rig.shop.change(product["id"], {"published": True, "sale_stop": False})
    await _sql(rig, "UPDATE catalogue_objects SET next_at = clock_timestamp() WHERE sku = $1", sku)
    case = await seen(rig, sku, "told", lambda one: told(one, "degraded") and in_force(one))
    assert "drifted" in [event["command"] for event in await timeline(rig, case)]
    assert not (await rig.shop.buy(sku)).ok
    assert [] == open_tasks(case)


async def _sql(rig: Rig, query: str, sku: str) -> None:
    assert rig.service is not None
    await rig.service.database.run(lambda tx: tx.connection.execute(query, sku))


async def test_replicas_say_it_once(postgres: EmbeddedServer, place: Path):
    """Two replicas see the same outage: one line of history and one notice per case."""
    skus = tuple(f"SKU-{number:06d}" for number in range(1, 9))
    pace = {"call_deadline": 1.0, "verify_every": 0.3}
    async with (
        fresh_database(postgres) as dsns,
        a_stage(dsns, place, skus=skus, pace=pace) as stage,
    ):
        await stage.replica("one")
        await stage.replica("two")
        await frozen(stage.rig, list(skus))
        await stage.rig.shop.faults(offline=AWAY)
        for sku in skus:
            await seen(stage.rig, sku, "degraded", unseen, seconds=AWAY - 1)
        for sku in skus:
            case = await seen(stage.rig, sku, "confirmed again", in_force, seconds=30)
            commands = [event["command"] for event in await timeline(stage.rig, case)]
            assert ["unreachable", "confirmed"] == commands[-2:]
            assert 1 == commands.count("unreachable") == told(case, "degraded")


# ------------------------------------------------------------------------------------- start


class Warmed:
    """A catalogue that waits until others are being warmed as well, and then fails."""

    def __init__(self, together: asyncio.Barrier, error: BaseException | None) -> None:
        self._together, self._error = together, error

    async def warm(self) -> None:
        """Open a connection."""
        await self._together.wait()
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()


async def test_a_replica_starts_while_every_catalogue_is_away(
    postgres: EmbeddedServer, place: Path, monkeypatch: pytest.MonkeyPatch
):
    """All are warmed at once and for a bounded time; that one is away is logged, no more."""
    monkeypatch.setattr("freezeguard.bootstrap.service.WARM_SECONDS", 0.5)
    nowhere = {"shop": sample_configuration("http://127.0.0.1:9", "token")}
    together = asyncio.Barrier(2)
    async with fresh_database(postgres) as dsns:
        settings = Settings(
            database_url=dsns.runtime, data_dir=place / "start", port=0, catalogues=nowhere,
        )
        async with open_service(settings) as service:
            hanging, broken = Warmed(together, None), Warmed(together, KeyError("surprise"))
            service.catalogues = {**service.catalogues, "hanging": hanging, "broken": broken}
            async with asyncio.timeout(30), service.serving():
                assert service.crew.is_whole
