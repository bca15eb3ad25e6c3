"""Two holds on one catalogue object: each is released alone, and the last one restores it."""

import pytest

from tests.acceptance.steps import (
    approve,
    ask_for_approval,
    can_be_bought,
    cannot_be_bought,
    is_sold_again,
    open_cart,
    pull,
    reaches,
)
from tests.rig import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"policy": {"probation_time": "1h"}}
FIELDS = ("published", "sale_stop", "stock", "track_stock", "allow_backorder", "price", "title")


async def _two_cases(rig: Rig, sku: str, order: str):
    """Freeze a lot and then the whole SKU; return the cases in the order of their release."""
    lot = await reaches(rig, await pull(rig, "mara", sku, scope={"lot": "L-7"}), "frozen")
    whole = await reaches(rig, await pull(rig, "quin", sku), "frozen")
    assert 2 == len(await rig.cases(sku))
    return (lot, whole) if order == "first in, first out" else (whole, lot)


async def _as_admin_sees(rig: Rig, sku: str) -> dict[str, object]:
    product = await rig.shop.product(sku)
    return {name: product[name] for name in FIELDS}


@pytest.mark.parametrize("order", ["first in, first out", "last in, first out"])
async def test_the_last_release_restores_the_product(rig: Rig, sku: str, order):
    """The first release changes nothing in the shop; the second puts back what was before."""
    cart = await open_cart(rig, sku)
    before = await _as_admin_sees(rig, sku)
    first, second = await _two_cases(rig, sku, order)
    await cannot_be_bought(rig, sku, cart)

    await approve(rig, await ask_for_approval(rig, first), "mara")
    released = await reaches(rig, first, "probation")
    assert [second["id"]] == [one["held_by_other"] for one in released["enforcement"]]
    await cannot_be_bought(rig, sku, cart)
    assert "frozen" == await rig.status(sku)

    await rig.done(
        await rig.case(second["id"]), "declare_false_alarm", "owen", reason_code="wrong_item"
    )
    await reaches(rig, second, "closed_false_alarm")
    assert before == await _as_admin_sees(rig, sku)
    await is_sold_again(rig, sku)
    assert (await rig.shop.checkout(cart)).ok


async def test_a_soft_hold_that_lapses_leaves_the_hard_one(rig: Rig, sku: str):
    """A pull about a lot lapses while the SKU is frozen for another reason: it stays frozen."""
    cart = await open_cart(rig, sku)
    soft = await pull(rig, "alba", sku, scope={"lot": "L-7"})
    hard = await reaches(rig, await pull(rig, "quin", sku), "frozen")
    await rig.done(soft, "dismiss", "owen", reason="A carton.")

    async def over():
        return (await rig.case(soft["id"]))["hold"] is None

    await until(over, "the soft hold is over")
    await cannot_be_bought(rig, sku, cart)
    await rig.done(
        await rig.case(hard["id"]), "declare_false_alarm", "owen", reason_code="wrong_item"
    )
    await is_sold_again(rig, sku)


async def test_a_hard_hold_that_ends_leaves_the_soft_one(rig: Rig, sku: str):
    """The wanted state is the union: when the freeze ends, the pull still hides the SKU."""
    cart = await open_cart(rig, sku)
    hard = await reaches(rig, await pull(rig, "quin", sku, scope={"lot": "L-7"}), "frozen")
    await pull(rig, "alba", sku)
    await cannot_be_bought(rig, sku, cart)
    await rig.done(hard, "declare_false_alarm", "owen", reason_code="wrong_item")
    await reaches(rig, hard, "closed_false_alarm")

    assert "frozen" == await rig.status(sku)
    await cannot_be_bought(rig, sku)


async def test_another_sku_is_none_of_its_business(rig: Rig, take_sku):
    """Stopping one SKU leaves its neighbours on sale."""
    stopped, neighbour = take_sku(), take_sku()
    await reaches(rig, await pull(rig, "mara", stopped), "frozen")

    await cannot_be_bought(rig, stopped)
    await can_be_bought(rig, neighbour)


async def test_every_product_of_a_sku_is_stopped_and_restored(rig: Rig, take_sku):
    """A SKU that the shop lists three times is stopped three times, and each is put back."""
    sku = f"{take_sku()}-thrice"
    await rig.shop.seed([
        {"sku": sku, "stock": 5},
        {"sku": sku, "stock": 0, "allow_backorder": True},
        {"sku": sku, "published": False},
    ])
    before = await rig.shop.products(sku)
    case = await reaches(rig, await pull(rig, "mara", sku), "frozen")
    assert 3 == len(case["enforcement"])
    await cannot_be_bought(rig, sku)

    await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item")

    await is_sold_again(rig, sku)
    sold = await rig.shop.products(sku)
    assert [one["published"] for one in before] == [one["published"] for one in sold]
    assert [one["sale_stop"] for one in before] == [one["sale_stop"] for one in sold]
