"""A kind that nobody has run is off until its owner proves it; what is off says so."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freezeguard.bootstrap.administration import open_administration
from freezeguard.bootstrap.cataloguechecks import prove_catalogue
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.steps import approve, ask_for_approval, sql
from tests.catalogues.standins.saleor_world import SaleorWorld, saleor_variants_world
from tests.faults.observing import seen, statuses
from tests.rig import Rig, register_skus, service_for, until

SKU, SAMPLE = "KETTLE-17", "MUG-1"


@pytest.fixture
async def world() -> AsyncIterator[SaleorWorld]:
    """A stand-in for a system that nobody here can run."""
    async with saleor_variants_world() as world:
        yield world


@pytest.fixture
async def rig(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, world: SaleorWorld
) -> AsyncIterator[Rig]:
    """A service in front of it."""
    async with service_for(dsns, tmp_path, {"shop": world.table}) as running:
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


async def _remembers(rig: Rig, fingerprint: str) -> None:
    """Have the record say that this configuration of the shop was proved, and no other."""
    service = rig.service
    assert service is not None
    await service.database.run(
        lambda tx: tx.objects.note_check("shop", fingerprint, SAMPLE, "cli:test", service.now())
    )
    await service.enforcement.proofs.refresh()


async def test_what_is_stopped_is_watched_and_released_after_the_gate_has_closed(
    rig: Rig, world: SaleorWorld
) -> None:
    """Only a first stop needs a proof: what we have stopped is ours to look after until it sells.

    Somebody who puts it back on sale finds it stopped again, and a release restores exactly.
    """
    await world.offer(SKU)
    await world.offer(SAMPLE)
    before = await world.image(SKU)
    service = rig.service
    assert service is not None
    await register_skus(rig, (SKU, SAMPLE))
    await _remembers(rig, service.directory.outlets["shop"].fingerprint)
    await rig.complain(SKU)
    await rig.in_state(SKU, "frozen", seconds=30)

    await _remembers(rig, "of another configuration")
    listing = world.variant(SKU)["channelListings"][0]
    listing["isAvailableForPurchase"] = True

    async def stopped_again() -> bool:
        return not listing["isAvailableForPurchase"]

    await until(stopped_again, "stopped again", seconds=30)

    async def noted() -> bool:
        return bool(await sql(rig, "SELECT FROM case_events WHERE command = 'drifted'"))

    # it is stopped first and noted afterwards: until then the case shows what was seen before
    await until(noted, "the drift is noted", seconds=30)
    case = await seen(rig, SKU, "stopped", lambda one: statuses(one) == ["confirmed"], seconds=30)
    await rig.complain(SAMPLE)
    await seen(rig, SAMPLE, "a first stop refused", lambda one: statuses(one) == ["refused"])

    await approve(rig, await ask_for_approval(rig, case), "mara")
    await rig.in_state(SKU, "probation", seconds=30)
    assert before == await world.image(SKU)
    assert await world.buy(SAMPLE)


async def test_whoever_dies_at_a_catalogue_that_was_never_on_has_sent_nothing(
    rig: Rig, world: SaleorWorld
) -> None:
    """A lease that was never given back is no stop of ours there: the catalogue stays off."""
    await world.offer(SKU)
    service = rig.service
    assert service is not None
    await register_skus(rig, (SKU,))
    await rig.complain(SKU)
    await seen(rig, SKU, "refused", lambda one: statuses(one) == ["refused"])
    dead = """UPDATE catalogue_objects
                 SET lease_token = gen_random_uuid(), lease_until = clock_timestamp(),
                     next_at = clock_timestamp(), detail = 'killed'"""
    await service.database.run(lambda tx: tx.connection.execute(dead))

    async def tried_again() -> bool:
        [row] = await service.database.run(lambda tx: tx.objects.of_sku(SKU))
        return "is off" in row.detail and row.lease_token is None

    await until(tried_again, "tried again", seconds=30)
    [row] = await service.database.run(lambda tx: tx.objects.of_sku(SKU))
    assert not row.may_be_stopped
    assert await world.buy(SKU)
