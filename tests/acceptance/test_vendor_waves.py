"""Many items of one vendor at once: the first are stopped, the others wait for a person."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest
import pytest_asyncio

from freezeguard.services.detecting.recomputing import recompute
from tests.acceptance.conftest import SAFETY, TakeSku
from tests.acceptance.steps import (
    body_of,
    can_be_bought,
    cannot_be_bought,
    mails_arrived,
    pull,
    reaches,
    sql,
)
from tests.rig import FIVE_CUSTOMERS, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TWO = {**FIVE_CUSTOMERS, "id": "two-customers", "bound": 2}
SHOP = {
    "rules": (TWO, SAFETY),
    "budget": {"vendor_skus": 3},
    "policy": {"soft_hold": False},
}


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def a_quiet_month(rig: Rig):
    """Begin each test with nothing stopped lately and nobody alerted."""
    await sql(rig, "UPDATE automatic_freezes SET at = at - interval '31 days'")
    await sql(rig, "UPDATE alerts SET last_at = last_at - interval '31 days'")


async def test_a_wave_is_raised_as_one(rig: Rig, take_sku: TakeSku):
    """Three are stopped; the fourth and fifth stay on sale, and one mail names the vendor."""
    before = len(rig.mailbox.messages)
    skus = [take_sku() for _ in range(5)]
    for sku in skus[:3]:
        await rig.complain(sku, 2)
        await rig.in_state(sku, "frozen")
        await cannot_be_bought(rig, sku)
    for sku in skus[3:]:
        await rig.complain(sku, 2)
        case = await rig.in_state(sku, "suspected")
        await can_be_bought(rig, sku)
        wave = case["reason"]["wave"]
        assert ("vendor_skus", 3, sorted(skus[:3])) == (
            case["reason"]["budget"], wave["number"], wave["skus"]
        )
        assert "suspected" in (await mails_arrived(rig, case))["person:owen"]

    async def told():
        mails = [
            one for one in rig.mailbox.messages[before:]
            if "budget" in str(one["Subject"]).lower()
        ]
        return mails if len(mails) >= 2 else None

    alerts = await until(told, "somebody is told of the wave")
    assert ["owen@shop.example", "root@shop.example"] == sorted(str(one["To"]) for one in alerts)
    assert all(f"vendor {wave['vendor']}" in str(one["Subject"]) for one in alerts)
    owners = [
        body_of(one) for one in rig.mailbox.messages[before:] if "other items" in body_of(one)
    ]
    assert len(owners) == 2
    assert all(sku in owners[0] for sku in skus[:3])
    assert rig.service is not None
    again = await recompute(rig.service.database, UUID(case["id"]), datetime.now(UTC))
    assert again.is_same, again.as_dict()


async def test_a_wave_at_the_same_moment_stops_no_more(rig: Rig, take_sku: TakeSku):
    """Ten items whose complaints arrive at once: three are stopped, whoever is first."""
    skus = [take_sku() for _ in range(10)]
    await asyncio.gather(*(rig.complain(sku, 2) for sku in skus))

    async def settled():
        rows = await sql(
            rig, "SELECT outcome, count(*) FROM crossings WHERE sku = ANY ($1) GROUP BY 1", skus
        )
        found = {one["outcome"]: one["count"] for one in rows}
        return found if sum(found.values()) == len(skus) else None

    assert {"freeze": 3, "budget": 7} == await until(settled, "every crossing is recorded")


async def test_safety_and_people_are_not_held_back(rig: Rig, take_sku: TakeSku):
    """An injury stops the fourth item at once, and a manager stops the fifth."""
    skus = [take_sku() for _ in range(5)]
    for sku in skus[:3]:
        await rig.complain(sku, 2)
        await rig.in_state(sku, "frozen")
    await rig.complain(skus[4], 2)
    await rig.in_state(skus[4], "suspected")

    await rig.complain(skus[3], 1, severity="safety", source="lab", who="safety")
    await rig.in_state(skus[3], "frozen")
    await reaches(rig, await pull(rig, "mara", skus[4], status=200), "frozen")


async def test_a_false_alarm_still_counts(rig: Rig, take_sku: TakeSku):
    """That three of the vendor's items were stopped in error makes the fourth no likelier."""
    skus = [take_sku() for _ in range(4)]
    for sku in skus[:3]:
        await rig.complain(sku, 2)
        case = await rig.in_state(sku, "frozen")
        await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")
    await rig.complain(skus[3], 2)

    await rig.in_state(skus[3], "suspected")
