"""The governor: no feed, however wrong, freezes more than its budget."""

import pytest
import pytest_asyncio

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
    "budget": {"per_source": 2, "safety_per_source": 3, "window": "10m"},
    "policy": {"soft_hold": False},
}


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def empty_ledger(rig: Rig):
    """Begin each test with nothing spent and nobody alerted."""
    await sql(rig, "UPDATE automatic_freezes SET at = at - interval '1 day'")
    await sql(rig, "UPDATE alerts SET last_at = last_at - interval '1 day'")


async def test_beyond_the_budget_people_decide(rig: Rig, take_sku: TakeSku):
    """A feed freezes two SKUs; further ones are suspected and stay on sale, and one alert goes."""
    before = len(rig.mailbox.messages)
    skus = [take_sku() for _ in range(4)]
    for sku in skus:
        await rig.complain(sku, 2)

    for sku in skus[:2]:
        await rig.in_state(sku, "frozen")
        await cannot_be_bought(rig, sku)
    for sku in skus[2:]:
        case = await rig.in_state(sku, "suspected")
        assert None is case["hold"]
        await can_be_bought(rig, sku)
        assert ["suspected"] == (await mails_arrived(rig, case))["person:owen"]

    async def alerted():
        mails = [
            one for one in rig.mailbox.messages[before:]
            if "budget" in str(one["Subject"]).lower()
        ]
        return mails if len(mails) >= 2 else None

    alerts = await until(alerted, "somebody is paged")
    assert ["owen@shop.example", "root@shop.example"] == sorted(str(one["To"]) for one in alerts)
    assert all(skus[2] in body_of(one) for one in alerts)
    await rig.complain(skus[2], 3)


    async def evaluated():
        pending = await sql(rig, "SELECT FROM pending_evaluations WHERE sku = $1", skus[2])
        return not pending

    await until(evaluated, "further complaints are looked at")
    outcomes = await sql(
        rig, "SELECT sku, outcome FROM crossings WHERE sku = ANY ($1) ORDER BY sku", skus
    )
    assert ["freeze", "freeze", "budget", "budget"] == [one["outcome"] for one in outcomes]


async def test_a_person_freezes_what_the_budget_left(rig: Rig, take_sku: TakeSku):
    """The budget binds feeds, not people: a manager freezes the suspicion in the same case."""
    skus = [take_sku() for _ in range(3)]
    for sku in skus:
        await rig.complain(sku, 2)
    case = await rig.in_state(skus[2], "suspected")

    frozen = await pull(rig, "mara", skus[2], status=200)

    assert (case["id"], "freezing") == (frozen["id"], frozen["state"])
    assert case["reason"] == frozen["reason"]
    await reaches(rig, frozen, "frozen")


async def test_safety_spends_its_own_budget(rig: Rig, take_sku: TakeSku):
    """A spent budget does not hold back safety; safety's own, larger budget does at its end."""
    for _ in range(2):
        await rig.complain(take_sku(), 2)
    skus = [take_sku() for _ in range(4)]
    for sku in skus:
        signal = {**rig.complaint(sku, "anna"), "source": "lab", "severity": "safety"}
        assert 202 == (await rig.call("POST", "/v1/signals", "safety", json=signal)).status

    for sku in skus[:3]:
        assert "safety" == (await rig.in_state(sku, "frozen"))["lane"]
    await rig.in_state(skus[3], "suspected")
    await can_be_bought(rig, skus[3])


async def test_a_source_that_may_not_assert_safety_does_not(rig: Rig, sku: str):
    """A complaint that calls itself safety, from a plain source, is one complaint."""
    await rig.complain(sku, 1, severity="safety")

    assert [] == await rig.cases(sku)
    await can_be_bought(rig, sku)


async def test_more_evidence_does_not_sneak_past_the_budget(rig: Rig, take_sku: TakeSku):
    """A suspicion of a feed beyond its budget stays one, however much more the feed sends."""
    for _ in range(2):
        await rig.complain(take_sku(), 2)
    sku = take_sku()
    await rig.complain(sku, 8)

    case = await rig.in_state(sku, "suspected")

    assert 1 == len(await rig.cases(sku))
    assert 8 == case["evidence"]["signals"]
    await can_be_bought(rig, sku)


async def test_a_budget_comes_back_with_its_window(rig: Rig, take_sku: TakeSku):
    """When earlier freezes have left the window, the next complaint freezes the suspicion."""
    for _ in range(2):
        await rig.complain(take_sku(), 2)
    sku = take_sku()
    await rig.complain(sku, 2)
    case = await rig.in_state(sku, "suspected")
    await sql(rig, "UPDATE automatic_freezes SET at = at - interval '11 minutes'")

    await rig.complain(sku, 1)

    assert case["id"] == (await rig.in_state(sku, "frozen"))["id"]


async def test_without_soft_holds_a_lone_pull_only_suspects(rig: Rig, sku: str):
    """Where the shop switched the soft hold off, the sale goes on until a second one agrees."""
    case = await pull(rig, "alba", sku)
    assert ("suspected", None) == (case["state"], case["hold"])
    await can_be_bought(rig, sku)

    await pull(rig, "bert", sku, status=200)

    await rig.in_state(sku, "frozen")
    await cannot_be_bought(rig, sku)
