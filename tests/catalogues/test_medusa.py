"""What is special about Medusa: an inventory item of ours for what has none."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from freezeguard.catalogues.medusa import HUGE, ITEM
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.catalogues.standins import medusa
from tests.catalogues.standins.medusa_world import MedusaWorld, medusa_world, table_of
from tests.rig import register_skus, service_for, until

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


def _ties_one(far_side: medusa.Medusa, number: str) -> str:
    """Tie an item with stock to a variant, as its owner does; return it."""
    item = far_side._new_item("THEIRS")
    far_side.stock[item] = medusa.PLENTY
    far_side.variants[number]["needs"][item] = 1
    return item


def _switches_off_and_on(far_side: medusa.Medusa, number: str) -> str:
    """Have Medusa make an item for a variant: its stock is managed no more, and then again."""
    variant = far_side.variants[number]
    variant["needs"].clear()
    return _ties_one(far_side, number)


@pytest.mark.parametrize(("act", "sells"), [(_ties_one, False), (_switches_off_and_on, True)])
async def test_what_somebody_ties_during_a_stop_stays_as_it_is(
    world: MedusaWorld, sku: str, act: Callable[[medusa.Medusa, str], str], sells: bool
):
    """It is called stopped exactly where nobody can buy it; it is stopped by our item alone.

    A restore leaves their item tied, with the need and the stock that they gave it.
    """
    far_side, catalogue = world.far_side, world.catalogue
    number = far_side.add_variant(sku, managed=False)
    [found] = await catalogue.lookup(sku, deadline=SOON)
    written = await catalogue.stop(sku, found.remote_id, "hard", **STOP)
    theirs = act(far_side, number)
    await catalogue.lookup(sku, deadline=SOON)  # as it is looked for again every minute

    seen = await catalogue.read_back(sku, found.remote_id, deadline=SOON)
    assert (sells, not sells) == (await world.buy(sku), seen.stopped("hard"))
    assert sells is bool(await catalogue.look_over([found.remote_id], deadline=SOON))
    written |= await catalogue.stop(sku, found.remote_id, "hard", **STOP)
    seen = await catalogue.read_back(sku, found.remote_id, deadline=SOON)
    assert (True, False) == (seen.stopped("hard"), await world.buy(sku))
    assert 1 == far_side.variants[number]["needs"][theirs]

    fields = {key: found.fields[key] for key in written}
    await catalogue.restore(sku, found.remote_id, fields, **STOP)
    assert {theirs: 1} == far_side.variants[number]["needs"]
    assert ({theirs: "THEIRS"}, medusa.PLENTY) == (far_side.items, far_side.stock[theirs])
    assert not far_side.variants[number]["manage_inventory"]


async def test_a_person_decides_about_an_item_that_came_during_the_stop(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """Who ties an item to what shows as managed may want it to be: nothing is undone unasked.

    Untied again, the release goes on by itself, and all is as before.
    """
    far_side = medusa.Medusa()
    number = far_side.add_variant("MUG", managed=False)
    variant = far_side.variants[number]
    before = {**variant, "needs": {}}
    async with (
        far_side.serving() as url,
        service_for(dsns, tmp_path, {"shop": table_of(url)}) as rig,
    ):
        await register_skus(rig, ("MUG",))
        await rig.complain("MUG")
        case = await rig.in_state("MUG", "frozen")
        theirs = _ties_one(far_side, number)
        stopped = {**variant, "needs": dict(variant["needs"])}
        await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")

        async def asked() -> list[dict[str, Any]]:
            told = await rig.case(case["id"])
            assert not any("drifted" in str(one) for one in told["enforcement"])
            return [one for one in told["tasks"] if one["task"] == "release"]

        [task] = await until(asked, "a person is asked")
        assert theirs in str(task)
        assert stopped == variant

        del variant["needs"][theirs]
        await rig.in_state("MUG", "closed_false_alarm")
    assert before == variant
    assert {theirs: "THEIRS"} == far_side.items
