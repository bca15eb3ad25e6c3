"""Each fault of a catalogue while a SKU is to be sold again: what it shows, and how it ends."""

from typing import Any

import pytest

from tests.acceptance.steps import (
    approve,
    ask_for_approval,
    can_be_bought,
    is_sold_again,
    moves,
    pull,
    reaches,
    timeline,
)
from tests.faults.observing import newest, open_tasks, seen, shop_calls, statuses, told
from tests.rig import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"seed": 60, "pace": {"call_deadline": 1.0}, "policy": {"probation_time": "1h"}}

Fault = dict[str, Any]

AGED = "UPDATE catalogue_objects SET before_at = before_at - interval '1 day' WHERE sku = $1"

LASTING: dict[str, Fault] = {
    "answers 500": {"error": {"status": 500}},
    "hangs": {"freeze_admin": True},
    "refuses the change": {"refuse": 422},
    "says 200 and does nothing": {"lie": True, "operations": ["restore"]},
    "looks up in another shape": {"garble": True, "operations": ["lookup"]},
}


async def approved(rig: Rig, sku: str, *people: str, **fault: Any) -> dict[str, Any]:
    """Have a frozen SKU approved while a fault is on."""
    case = await rig.in_state(sku, "frozen")
    waiting = await ask_for_approval(rig, case)
    if fault:
        await rig.shop.faults(skus=[sku], **fault)
    return await approve(rig, waiting, *(people or ("mara",)))


async def resolve(rig: Rig, case: dict[str, Any], sort: str) -> dict[str, Any]:
    """Have the owner say that the one open task of a sort is done."""
    now = await rig.case(case["id"])
    (task,) = [one for one in now["tasks"] if one["resolved_at"] is None and one["task"] == sort]
    return await rig.done(
        now, "resolve_task", "owen", catalogue=task["catalogue"], remote_id=task["remote_id"],
        note="Done in the shop's own admin.",
    )


@pytest.mark.parametrize("name", LASTING)
async def test_a_release_that_fails_is_given_to_a_person(rig: Rig, sku: str, name: str):
    """Three tries, a task, one mail; readers see it frozen until it truly sells again."""
    await rig.complain(sku)
    await approved(rig, sku, **LASTING[name])
    case = await seen(rig, sku, "told", lambda one: told(one, "release_refused") == 1)
    assert ("reinstating", [("release", "shop")]) == (case["state"], open_tasks(case))
    assert "frozen" == await rig.status(sku)
    assert not (await rig.shop.buy(sku)).ok

    tries = [one["command"] for one in await timeline(rig, case)].count("refuse_release")
    assert 3 == tries

    await rig.shop.no_faults()
    case = await rig.in_state(sku, "probation", seconds=20)
    assert [] == open_tasks(case)
    await is_sold_again(rig, sku)


async def test_the_history_does_not_grow_with_every_try(rig: Rig, sku: str):
    """Once a person was asked, further tries are no news: the version stands still for commands."""
    await rig.complain(sku)
    await approved(rig, sku, refuse=422)
    case = await seen(rig, sku, "a task", open_tasks)

    async def tried_on() -> bool:
        return (await newest(rig, sku))["enforcement"][0]["attempts"] >= 8

    await until(tried_on, "further tries", seconds=20)
    assert case["version"] == (await newest(rig, sku))["version"]


async def test_put_back_by_hand_where_the_shop_refuses_us(rig: Rig, sku: str):
    """A person restores the very fields in the shop's admin: that is seen without any command."""
    await rig.complain(sku)
    await approved(rig, sku, refuse=422, methods=["PATCH"])
    await seen(rig, sku, "a task", open_tasks)
    await rig.shop.no_faults()
    product = await rig.shop.product(sku)
    await rig.shop.change(product["id"], {"published": True, "sale_stop": False})
    await rig.shop.faults(skus=[sku], refuse=422)
    await rig.in_state(sku, "probation", seconds=20)
    await is_sold_again(rig, sku)


async def test_somebody_changed_the_fields_meanwhile(rig: Rig, sku: str):
    """A value that we did not write is not overwritten: a person decides and says so."""
    await rig.shop.faults(skus=[sku], lie=True, methods=["PATCH"], times=3)
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    assert ["stock_zero"] == case["enforcement"][0]["fallbacks"]
    product = await rig.shop.product(sku)
    await rig.shop.change(product["id"], {"stock": 7, "track_stock": True})  # counted anew
    await seen(rig, sku, "stopped again", lambda one: told(one, "degraded") == 2 and (
        not one["degraded"] and statuses(one) == ["confirmed"]))

    await approved(rig, sku)
    case = await seen(rig, sku, "a task", lambda one: open_tasks(one) == [("release", "shop")])
    assert "stock is 7, the stop wrote 0" in case["enforcement"][0]["detail"]
    assert 7 == (await rig.shop.product(sku))["stock"]

    fields = {"published": True, "sale_stop": False, "allow_backorder": False}
    await rig.shop.change(product["id"], fields)
    await resolve(rig, case, "release")
    await rig.in_state(sku, "probation")
    assert 7 == (await rig.shop.product(sku))["stock"]
    await is_sold_again(rig, sku)


async def test_an_old_answer_of_a_person_does_not_settle_a_new_release(rig: Rig, sku: str):
    """Frozen again and released again: the conflict of this time is asked about this time."""
    await rig.complain(sku)
    product = await rig.shop.product(sku)
    case = await _released_by_hand(rig, sku, product["id"], "mara")
    await pull(rig, "alba", sku, status=200)  # any person's pull on probation freezes again
    await reaches(rig, case, "frozen")
    again = await _conflicting(rig, sku, product["id"], "mara", "quin")
    assert [("release", "shop")] == open_tasks(again)
    assert "reinstating" == again["state"]


async def _released_by_hand(rig: Rig, sku: str, product: str, *people: str) -> dict[str, Any]:
    case = await _conflicting(rig, sku, product, *people)
    await rig.shop.change(product, {"published": True, "sale_stop": False})
    await resolve(rig, case, "release")
    return await rig.in_state(sku, "probation")


async def _conflicting(rig: Rig, sku: str, product: str, *people: str) -> dict[str, Any]:
    """Have a release meet a field that nobody of us wrote."""
    case = await rig.in_state(sku, "frozen")
    # As after a stop by stock zero, whose stock somebody has counted anew since.
    await rig.shop.change(product, {"stock": 7})
    assert rig.service is not None
    query = """UPDATE catalogue_objects
                  SET written = written || '{"stock": 0}',
                      before_image = before_image || '{"stock": 100}'
                WHERE sku = $1"""
    await rig.service.database.run(lambda tx: tx.connection.execute(query, sku))
    await approve(rig, await ask_for_approval(rig, case), *people)
    return await seen(rig, sku, "a task", lambda one: open_tasks(one) == [("release", "shop")])


async def test_the_deny_list_is_not_left_behind(rig: Rig, sku: str):
    """A further means is lifted with the release; while it is not, the SKU is not "sold again"."""
    await rig.shop.faults(skus=[sku], refuse=422, methods=["PATCH"])
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    assert ["deny_list"] == case["enforcement"][0]["fallbacks"]
    await rig.shop.no_faults()
    await approved(rig, sku, lie=True, operations=["restore"], methods=["DELETE"])
    case = await seen(rig, sku, "a task", lambda one: open_tasks(one) == [("release", "shop")])
    assert ("reinstating", "frozen") == (case["state"], await rig.status(sku))

    await rig.shop.no_faults()
    await rig.in_state(sku, "probation", seconds=20)
    await is_sold_again(rig, sku)
    assert [] == (await newest(rig, sku))["enforcement"][0]["fallbacks"]


async def test_stock_zero_whose_answer_was_lost_is_taken_back(rig: Rig, sku: str):
    """Applied, and nobody heard what was written: it is restored exactly all the same."""
    before = await rig.shop.product(sku)
    await rig.shop.faults(skus=[sku], lie=True, methods=["PATCH"], times=3)
    await rig.shop.faults(skus=[sku], slow_answer=2.0, methods=["PATCH"])
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen", seconds=20)
    assert ["stock_zero?"] == case["enforcement"][0]["fallbacks"]
    assert 0 == (await rig.shop.product(sku))["stock"]
    await rig.shop.no_faults()
    await approved(rig, sku)
    await rig.in_state(sku, "probation")
    assert before == await rig.shop.product(sku)
    await is_sold_again(rig, sku)


async def test_stock_comes_back_as_it_was_when_it_was_zeroed(rig: Rig, sku: str):
    """Sold down since the image was read ahead: the stock of the last moment is restored."""
    product = await rig.shop.product(sku)
    await rig.shop.change(product["id"], {"stock": 58})
    await rig.shop.faults(skus=[sku], lie=True, methods=["PATCH"], times=3)
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    assert ["stock_zero"] == case["enforcement"][0]["fallbacks"]
    await approved(rig, sku)
    await rig.in_state(sku, "probation")
    assert {**product, "stock": 58} == await rig.shop.product(sku)


async def test_a_stop_whose_answer_was_lost_is_taken_back(rig: Rig, sku: str):
    """A pull that is dismissed before its stop was ever heard of leaves nothing behind."""
    before = await rig.shop.product(sku)
    await rig.shop.faults(skus=[sku], apply_then_reset=True, operations=["stop"])
    case = await pull(rig, "alba", sku)
    await seen(rig, sku, "unreachable", lambda one: "unreachable" in statuses(one))
    await rig.done(await newest(rig, sku), "dismiss", "owen", reason="wrong product")
    await rig.shop.no_faults()
    await is_sold_again(rig, sku)
    assert before == {**await rig.shop.product(sku), "stock": before["stock"]}
    assert ("dismiss", "closed_false_alarm") == (await moves(rig, case))[-1]


async def test_a_dismissed_pull_that_is_not_released_is_given_to_a_person(rig: Rig, sku: str):
    """The case is closed, its hold is not: the owner gets a task and a mail all the same."""
    case = await pull(rig, "alba", sku)
    await seen(rig, sku, "stopped", lambda one: statuses(one) == ["confirmed"])
    await rig.shop.faults(skus=[sku], refuse=422)
    await rig.done(await newest(rig, sku), "dismiss", "owen", reason="wrong product")
    closed = await seen(rig, sku, "told", lambda one: told(one, "release_refused") == 1)
    assert [("release", "shop")] == open_tasks(closed)
    assert ("closed_false_alarm", "frozen") == (closed["state"], await rig.status(sku))
    await rig.shop.no_faults()
    await is_sold_again(rig, sku)
    assert case["id"] == closed["id"]


async def test_a_release_restores_exactly_what_was_there(rig: Rig, take_sku: Any):
    """Out of stock, on back order, unpublished: every odd state comes back as it was."""
    odd = {
        take_sku(): {"stock": 0, "track_stock": True},
        take_sku(): {"stock": 0, "track_stock": False},
        take_sku(): {"published": False},
        take_sku(): {"allow_backorder": True, "stock": -3},
    }
    before = {}
    for sku, fields in odd.items():
        product = await rig.shop.product(sku)
        await rig.shop.change(product["id"], fields)
        before[sku] = await rig.shop.product(sku)
        assert rig.service is not None
        await rig.service.database.run(
            lambda tx, sku=sku: tx.connection.execute(AGED, sku)
        )
        await rig.complain(sku)
    for sku, product in before.items():
        await approved(rig, sku)
        case = await rig.in_state(sku, "probation")
        assert product == await rig.shop.product(sku), case["enforcement"]


async def test_a_pause_is_obeyed_on_the_way_back_as_well(rig: Rig, sku: str):
    """Retry-After holds for releases; it is not one of the three tries."""
    await rig.complain(sku)
    await approved(rig, sku, too_many={"retry_after": 1, "times": 1})
    case = await rig.in_state(sku, "probation")
    entries = await shop_calls(rig, sku)
    refused = next(n for n, one in enumerate(entries) if one["outcome"] == "fault:too_many")
    first, second = (one["received_ns"] / 1e9 for one in entries[refused : refused + 2])
    assert second - first >= 1.0
    assert 0 == told(case, "release_refused")
    await can_be_bought(rig, sku)
