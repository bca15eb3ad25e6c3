"""A kind that nobody has run is off until its owner proves it; what is off says so."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freezeguard.bootstrap.administration import open_administration
from freezeguard.bootstrap.cataloguechecks import prove_catalogue
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.catalogues.standins import saleor
from tests.catalogues.standins.saleor_world import SaleorWorld, saleor_world
from tests.faults.observing import seen, statuses
from tests.rig import Rig, register_skus, service_for

SKU, SAMPLE = "KETTLE-17", "MUG-1"


@pytest.fixture
async def world() -> AsyncIterator[SaleorWorld]:
    """A stand-in for a system that nobody here can run."""
    async with saleor_world() as world:
        yield world


@pytest.fixture
async def rig(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, world: SaleorWorld
) -> AsyncIterator[Rig]:
    """A service in front of it."""
    table = {"kind": "saleor", "base_url": world.url, "token": saleor.TOKEN}
    async with service_for(dsns, tmp_path, {"shop": table}) as running:
        yield running


async def test_what_is_off_is_refused_and_what_was_proved_is_stopped(
    rig: Rig, world: SaleorWorld
) -> None:
    """Degraded with the reason and the command; proved, the same case goes on to frozen."""
    await world.offer(SKU)
    await world.offer(SAMPLE)
    service = rig.service
    assert service is not None
    await register_skus(rig, (SKU,))
    await rig.complain(SKU)
    case = await seen(rig, SKU, "refused", lambda one: statuses(one) == ["refused"])
    assert ("freezing", True) == (case["state"], case["degraded"])
    assert "freezeguard catalogues check shop --sku SKU --prove" in case["enforcement"][0]["detail"]
    assert await world.buy(SKU)

    async with open_administration(service.settings) as admin:
        proof = await prove_catalogue(admin, service.settings, "shop", SAMPLE)
    assert proof.passed, proof.steps

    await rig.in_state(SKU, "frozen", seconds=30)
    assert not await world.buy(SKU)
    assert await world.buy(SAMPLE)
