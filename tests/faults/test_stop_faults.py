"""Each fault of a catalogue while a sale is to be stopped: what the case shows, and how it ends."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.acceptance.steps import cannot_be_bought, open_cart, timeline
from tests.faults.observing import (
    is_a_lie,
    newest,
    open_tasks,
    seen,
    shop_calls,
    statuses,
    told,
)
from tests.rig import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"seed": 60, "pace": {"call_deadline": 1.0}}

Fault = dict[str, Any]

PASSING: dict[str, tuple[Fault, str]] = {
    "answers 500": ({"error": {"status": 500}}, "unreachable"),
    "answers 429": ({"too_many": {}}, "unreachable"),
    "hangs": ({"freeze_admin": True}, "unreachable"),
    "answers in another shape": ({"garble": True, "operations": ["read_back"]}, "refused"),
    "redirects": ({"redirect": "http://127.0.0.1:1/"}, "refused"),
    "refuses the change": ({"refuse": 422}, "refused"),
    "says 200 and does nothing": ({"lie": True}, "refused"),
}
"""Fault by name: how it is switched on, and the status that the object shows meanwhile."""


@pytest.mark.parametrize("name", PASSING)
async def test_a_fault_that_lasts_is_visible_and_ends_frozen(rig: Rig, sku: str, name: str):
    """Meanwhile: freezing, degraded, the owner told, a task by hand. Afterwards: frozen."""
    fault, status = PASSING[name]
    cart = await open_cart(rig, sku)
    await rig.shop.faults(skus=[sku], **fault)
    await rig.complain(sku)

    def given_to_a_person(case: Any) -> bool:
        is_known = case["degraded"] and statuses(case) == [status]
        return is_known and open_tasks(case) == [("stop", "shop")]

    case = await seen(rig, sku, f"{status}, with a task", given_to_a_person)
    assert "freezing" == case["state"]
    assert "frozen" == await rig.status(sku)
    assert await is_a_lie(rig, sku) is None

    await rig.shop.no_faults()
    case = await rig.in_state(sku, "frozen", seconds=20)
    assert (["confirmed"], False) == (statuses(case), case["degraded"])
    assert [] == open_tasks(case)
    assert (1, 1) == (told(case, "degraded"), told(case, "manual_task"))
    await cannot_be_bought(rig, sku, cart)


async def test_a_person_is_asked_once_however_often_it_fails(rig: Rig, sku: str):
    """Ten more failures are neither ten mails nor ten lines of history."""
    await rig.shop.faults(skus=[sku], refuse=422)
    await rig.complain(sku)
    case = await seen(rig, sku, "tried often", lambda one: _attempts(one) >= 8)
    asked = await timeline(rig, case)
    case = await seen(rig, sku, "tried more often", lambda one: _attempts(one) >= 12)
    assert [event["command"] for event in asked] == [
        event["command"] for event in await timeline(rig, case)
    ]
    assert 1 == told(case, "manual_task")


def _attempts(case: Any) -> int:
    return max(one["attempts"] for one in case["enforcement"])


async def test_a_task_that_did_not_help_is_asked_for_again(rig: Rig, sku: str):
    """Who says "done" while it still sells is asked again; who truly did it is believed."""
    await rig.shop.faults(skus=[sku], refuse=422)
    await rig.complain(sku)
    case = await seen(rig, sku, "a task", open_tasks)
    task = next(one for one in case["tasks"] if one["resolved_at"] is None)
    where = {"catalogue": task["catalogue"], "remote_id": task["remote_id"]}
    await rig.done(case, "resolve_task", "owen", note="I think so.", **where)
    again = await seen(rig, sku, "asked again", lambda one: told(one, "manual_task") == 2)
    assert [("stop", "shop")] == open_tasks(again)
    assert 2 == len(again["tasks"])


async def test_slow_but_sound_is_no_trouble(rig: Rig, sku: str):
    """A far side that answers within the deadline freezes without any alarm."""
    await rig.shop.faults(skus=[sku], slow=0.2)
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    assert 0 == told(case, "degraded")
    await cannot_be_bought(rig, sku)


async def test_slower_than_any_deadline(rig: Rig, sku: str):
    """What is applied long after its deadline is seen all the same, and nothing else is touched."""
    await rig.shop.faults(skus=[sku], slow=2.5)
    await rig.complain(sku)
    case = await seen(rig, sku, "degraded", lambda one: one["degraded"])
    assert ("freezing", ["unreachable"]) == (case["state"], statuses(case))
    case = await rig.in_state(sku, "frozen")
    assert 100 == (await rig.shop.product(sku))["stock"]
    await cannot_be_bought(rig, sku)


async def test_applied_although_the_answer_is_lost(rig: Rig, sku: str):
    """Reset after it was applied, again and again: the read-back is the truth, no stock is lost."""
    await rig.shop.faults(skus=[sku], apply_then_reset=True)
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    product = await rig.shop.product(sku)
    assert (False, True, 100) == (product["published"], product["sale_stop"], product["stock"])
    assert [] == case["enforcement"][0]["fallbacks"]
    await cannot_be_bought(rig, sku)


async def test_nothing_is_sent_while_the_far_side_asks_for_a_pause(rig: Rig, sku: str):
    """Retry-After is obeyed by stops, read-backs and look-ups alike; then the freeze goes on."""
    await rig.shop.faults(skus=[sku], too_many={"retry_after": 2, "times": 1})
    await rig.complain(sku)
    await seen(rig, sku, "paused", lambda one: statuses(one) == ["unreachable"])
    await rig.in_state(sku, "frozen")
    entries = await shop_calls(rig, sku)
    first, second = (one["received_ns"] / 1e9 for one in entries[:2])
    assert "fault:too_many" == entries[0]["outcome"]
    assert second - first >= 2.0
    assert "applied" == entries[1]["outcome"]


async def test_a_catalogue_that_is_away_is_tried_until_it_is_back(rig: Rig, sku: str):
    """Refused connections: freezing and degraded meanwhile, frozen soon after the return."""
    await rig.shop.faults(offline=2.5)
    await rig.complain(sku)
    case = await seen(rig, sku, "degraded", lambda one: one["degraded"])
    assert ("freezing", ["unreachable"]) == (case["state"], statuses(case))
    case = await rig.in_state(sku, "frozen", seconds=20)
    assert False is case["degraded"]
    await cannot_be_bought(rig, sku)


# -------------------------------------------------------------------------------- other means


async def test_stock_goes_to_zero_where_the_stop_is_refused(rig: Rig, sku: str):
    """The first of the further means stops the sale; the case says so."""
    product = await rig.shop.product(sku)
    await rig.shop.faults(skus=[sku], lie=True, methods=["PATCH"], times=3)
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    assert ["stock_zero"] == case["enforcement"][0]["fallbacks"]
    assert "stopped by stock_zero" == case["enforcement"][0]["detail"]
    assert 0 == (await rig.shop.product(sku))["stock"] != product["stock"]
    await cannot_be_bought(rig, sku)


async def test_the_checkout_refuses_where_nothing_else_works(rig: Rig, sku: str):
    """Where no field of the product can be written, the deny list of the checkout stops it."""
    cart = await open_cart(rig, sku)
    await rig.shop.faults(skus=[sku], refuse=422, methods=["PATCH"])
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    assert ["deny_list"] == case["enforcement"][0]["fallbacks"]
    assert [] == open_tasks(case)
    await cannot_be_bought(rig, sku, cart)


# -------------------------------------------------------------------------------------- drift


async def test_somebody_puts_it_back_on_sale(rig: Rig, sku: str):
    """It is stopped again first; then the history says so and the owner is asked."""
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    product = await rig.shop.product(sku)
    await rig.shop.change(product["id"], {"published": True, "sale_stop": False})

    async def stopped_again() -> bool:
        return not (await rig.shop.buy(sku)).ok

    await until(stopped_again, "stopped again")
    case = await seen(rig, sku, "confirmed", lambda one: not one["degraded"] and (
        told(one, "degraded") == 1 and statuses(one) == ["confirmed"]))
    assert "frozen" == case["state"]
    commands = [event["command"] for event in await timeline(rig, case)]
    assert ["drifted", "confirmed"] == commands[-2:]


async def test_a_sync_that_re_enables_it_again_and_again(rig: Rig, sku: str):
    """Every further time adds a means, until one holds; no purchase while the case says stopped."""
    await rig.shop.faults(skus=[sku], re_enable_after=0.1, methods=["PATCH"])
    await rig.complain(sku)
    case = await seen(rig, sku, "held by other means", lambda one: (
        "stock_zero" in one["enforcement"][0]["fallbacks"] and statuses(one) == ["confirmed"]
    ), seconds=20)
    for _ in range(10):
        assert await is_a_lie(rig, sku) is None
        await asyncio.sleep(0.05)
    await cannot_be_bought(rig, sku)
    assert (await timeline(rig, case))[-1]["to_state"] == "frozen"


async def test_the_shop_loses_its_database(rig: Rig, take_sku: Any):
    """Restored from an old backup, everything sells; all of it is stopped again by itself."""
    skus = [take_sku() for _ in range(5)]
    for sku in skus:
        await rig.complain(sku)
    for sku in skus:
        await rig.in_state(sku, "frozen")
    await rig.shop.lose_database()

    async def all_stopped() -> bool:
        return not set(skus) & set(await rig.shop.sellable())

    await until(all_stopped, "all stopped again")
    for sku in skus:
        case = await seen(rig, sku, "drift recorded", lambda one: told(one, "degraded") == 1)
        commands = [event["command"] for event in await timeline(rig, case)]
        assert "drifted" in commands
        await seen(rig, sku, "confirmed", lambda one: statuses(one) == ["confirmed"])


async def test_a_lost_answer_to_a_check_is_no_alarm(rig: Rig, sku: str):
    """One read-back that fails leaves the last one standing; many that fail do not."""
    await rig.complain(sku)
    await rig.in_state(sku, "frozen")
    await rig.shop.faults(
        skus=[sku], operations=["read_back"], error={"status": 500, "times": 1}
    )

    async def lost() -> Any:
        return await shop_calls(rig, sku, "read_back")  # reads that are answered leave no trace

    [check] = await until(lost, "one check was lost")
    at = datetime.fromtimestamp(check["received_ns"] / 1e9, UTC).isoformat()
    await seen(rig, sku, "seen again", lambda one: one["enforcement"][0]["seen_at"] > at)
    case = await seen(rig, sku, "over", lambda one: one["enforcement"][0]["attempts"] == 0)
    assert "" == case["enforcement"][0]["detail"]
    assert (["confirmed"], False) == (statuses(case), case["degraded"])
    assert 0 == told(case, "degraded")

    await rig.shop.faults(skus=[sku], operations=["read_back"], error={"status": 500})
    case = await seen(rig, sku, "degraded", lambda one: one["degraded"])
    assert ("frozen", ["unreachable"]) == (case["state"], statuses(case))
    assert 1 == told(await newest(rig, sku), "degraded")
