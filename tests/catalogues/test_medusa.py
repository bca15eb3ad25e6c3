"""What is special about Medusa: an inventory item of ours for what has none."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freezeguard.catalogues.medusa import HUGE, ITEM
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.catalogues.standins import medusa
from tests.catalogues.standins.medusa_world import MedusaWorld, medusa_world, table_of
from tests.rig import register_skus, service_for

SOON = 5.0
STOP = {"revision": 1, "deadline": SOON}


@pytest.fixture
async def world(shop_process) -> AsyncIterator[MedusaWorld]:
    async with medusa_world(shop_process) as world:
        yield world


async def test_a_managed_variant_without_items_is_put_back_whole(world: MedusaWorld, sku: str):
    """All flags were as a stop writes them: the item of ours alone tells that it is stopped."""
    world.far_side.add_variant(sku, has_item=False)
    before = await world.image(sku)
    [found] = await world.catalogue.lookup(sku, deadline=SOON)

    written = await world.catalogue.stop(sku, found.remote_id, "hard", **STOP)
    [stopped] = await world.catalogue.lookup(sku, deadline=SOON)
    fields = {key: found.fields[key] for key in written}
    await world.catalogue.restore(sku, found.remote_id, fields, **STOP)

    assert (None, HUGE) == (found.fields[ITEM], written[ITEM])
    assert found.fields != stopped.fields
    assert before == await world.image(sku)


@pytest.mark.parametrize("managed", [True, False])
async def test_a_release_leaves_nothing_of_ours_behind(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, managed: bool
):
    """Frozen and let go: the item is gone, whether or not anybody managed the stock before."""
    far_side = medusa.Medusa()
    far_side.add_variant("MUG", managed=managed, has_item=False)
    before = {number: {**one, "needs": {}} for number, one in far_side.variants.items()}
    async with (
        far_side.serving() as url,
        service_for(dsns, tmp_path, {"shop": table_of(url)}) as rig,
    ):
        await register_skus(rig, ("MUG",))
        await rig.complain("MUG")
        case = await rig.in_state("MUG", "frozen")
        assert ["freezeguard-variant_1"] == list(far_side.items.values())
        await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")
        await rig.in_state("MUG", "closed_false_alarm")

    assert {} == far_side.items
    assert before == far_side.variants


async def test_a_need_that_somebody_has_changed_is_set_again(world: MedusaWorld, sku: str):
    """The item is tied once; a further stop writes what it needs, and ties it no second time."""
    number = world.far_side.add_variant(sku, managed=False)
    [found] = await world.catalogue.lookup(sku, deadline=SOON)
    await world.catalogue.stop(sku, found.remote_id, "hard", **STOP)
    [item] = world.far_side.items
    world.far_side.variants[number]["needs"][item] = 0

    seen = await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)
    assert not seen.stopped("hard")
    await world.catalogue.stop(sku, found.remote_id, "hard", **STOP)

    assert {item: HUGE} == world.far_side.variants[number]["needs"]
    seen = await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)
    assert seen.stopped("hard")


async def test_what_was_found_is_put_back_too(world: MedusaWorld, sku: str):
    """A restore brings the item of ours back where that is how it was found."""
    number = world.far_side.add_variant(sku, managed=False)
    [found] = await world.catalogue.lookup(sku, deadline=SOON)
    await world.catalogue.stop(sku, found.remote_id, "hard", **STOP)
    [stopped] = await world.catalogue.lookup(sku, deadline=SOON)
    await world.catalogue.restore(sku, found.remote_id, found.fields, **STOP)
    assert {} == world.far_side.variants[number]["needs"]

    await world.catalogue.restore(sku, found.remote_id, stopped.fields, **STOP)

    [again] = await world.catalogue.lookup(sku, deadline=SOON)
    assert stopped.fields == again.fields
