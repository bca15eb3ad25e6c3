"""False alarms: released, read back, closed without probation; the evidence never counts again."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from freezeguard.services.detecting.recomputing import recompute
from tests.acceptance.conftest import SAFETY
from tests.acceptance.steps import (
    body_of,
    can_be_bought,
    cannot_be_bought,
    is_sold_again,
    mails_arrived,
    moves,
    open_cart,
    pull,
    reaches,
    sql,
)
from tests.rig import FIVE_CUSTOMERS, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"rules": (FIVE_CUSTOMERS, SAFETY)}


async def _safety_case(rig: Rig, sku: str):
    signal = {**rig.complaint(sku, "anna"), "source": "lab", "severity": "safety"}
    assert 202 == (await rig.call("POST", "/v1/signals", "safety", json=signal)).status
    return await rig.in_state(sku, "frozen")


async def test_one_person_declares_it_and_the_complaints_never_count_again(rig: Rig, sku: str):
    """The owner alone ends a quality case; four more customers then are four, not nine."""
    cart = await open_cart(rig, sku)
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")

    case = await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item")
    assert ("reinstating", "false_alarm") == (case["state"], case["outcome"])
    case = await reaches(rig, case, "closed_false_alarm")
    await is_sold_again(rig, sku)
    assert (await rig.shop.checkout(cart)).ok

    await rig.complain(sku, 4)
    assert [case["id"]] == [one["id"] for one in await rig.cases(sku)]
    await can_be_bought(rig, sku)
    await rig.complain(sku, 1)
    again = await rig.in_state(sku, "frozen")
    assert (True, 0) == (again["id"] != case["id"], again["recurrence"])
    await cannot_be_bought(rig, sku)

    assert [
        ("freeze", "freezing"), ("confirm_freeze", "frozen"),
        ("declare_false_alarm", "reinstating"), ("confirm_release", "closed_false_alarm"),
    ] == await moves(rig, case)
    arrived = await mails_arrived(rig, case)
    assert ["statement_of_reasons", "frozen_confirmed", "false_alarm"] == arrived["vendor:acme"]


async def test_rule_and_source_are_scored(rig: Rig, sku: str):
    """A source whose complaints made a false alarm has one more against its name."""
    async def against() -> int:
        scored = await sql(rig, "SELECT false_alarms FROM sources WHERE source = 'helpdesk'")
        return scored[0]["false_alarms"] if scored else 0

    before = await against()
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    await rig.done(case, "declare_false_alarm", "owen", reason_code="abuse")

    assert before + 1 == await against()


async def test_safety_takes_two_people_and_the_owner_is_one(rig: Rig, sku: str):
    """The first voice changes no state; two others don't do; the owner completes it."""
    case = await _safety_case(rig, sku)
    case = await rig.done(case, "declare_false_alarm", "quin", reason_code="rule_error")
    assert ("frozen", None) == (case["state"], case["outcome"])
    await cannot_be_bought(rig, sku)
    again = await rig.command(case, "declare_false_alarm", "quin", reason_code="rule_error")
    other = await rig.command(case, "declare_false_alarm", "mara", reason_code="rule_error")
    assert [422, 422] == [again.status, other.status]

    case = await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")

    assert "reinstating" == case["state"]
    await reaches(rig, case, "closed_false_alarm")
    await is_sold_again(rig, sku)


async def test_news_voids_the_first_voice(rig: Rig, sku: str):
    """Who agreed before the evidence changed has not agreed to the evidence as it is now."""
    case = await _safety_case(rig, sku)
    await rig.done(case, "declare_false_alarm", "quin", reason_code="rule_error")
    await rig.complain(sku, 1, lot="L-9")
    case = await rig.case(case["id"])

    case = await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")

    assert "frozen" == case["state"]
    await cannot_be_bought(rig, sku)


@pytest.mark.parametrize("code", [None, "cheaper", ""])
async def test_it_needs_one_of_the_reason_codes(rig: Rig, sku: str, code):
    """A false alarm without a reason, or with an unknown one, is refused."""
    case = await pull(rig, "quin", sku)
    case = await reaches(rig, case, "frozen")
    arguments = {} if code is None else {"reason_code": code}

    refused = await rig.command(case, "declare_false_alarm", "owen", **arguments)

    assert (422, "guard_failed") == (refused.status, refused.body["code"])
    await cannot_be_bought(rig, sku)


async def test_a_dismissed_suspicion_is_judged_too(rig: Rig, take_sku):
    """Complaints of a suspicion that was dismissed don't count towards the next freeze."""
    sku = take_sku()
    case = await pull(rig, "alba", sku)
    await rig.complain(sku, 4)
    await rig.done(case, "dismiss", "owen", reason="One carton fell off the truck.")
    await is_sold_again(rig, sku)

    await rig.complain(sku, 4)

    assert ["closed_false_alarm"] == [one["state"] for one in await rig.cases(sku)]
    await can_be_bought(rig, sku)


async def test_another_cases_judgement_leaves_a_freeze_explained(rig: Rig, sku: str):
    """A suspicion of one lot is dismissed: the freeze by its complaints stays explained."""
    suspicion = await pull(rig, "alba", sku, scope={"lot": "L-7"})
    await rig.complain(sku, 5, lot="L-7")
    frozen = await rig.in_state(sku, "frozen")
    assert frozen["id"] != suspicion["id"]

    suspicion = await rig.case(suspicion["id"])
    await rig.done(suspicion, "dismiss", "owen", reason="The lot was never sold here.")

    assert rig.service is not None
    again = await recompute(rig.service.database, UUID(frozen["id"]), datetime.now(UTC))
    assert (1, True) == (len(again.freezes), again.is_same), again.as_dict()


async def test_the_vendor_is_told_that_it_was_innocent(rig: Rig, sku: str):
    """The closing mail of a false alarm names the reason, and that the sale goes on."""
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    await rig.done(case, "declare_false_alarm", "owen", reason_code="delivery_fault")
    case = await reaches(rig, case, "closed_false_alarm")
    await mails_arrived(rig, case)

    text = body_of(rig.mailbox.to("quality@acme.example")[-1])

    assert "deliver" in text.lower()


@pytest.mark.parametrize(("command", "arguments"), [
    ("declare_false_alarm", {"reason_code": "wrong_item"}), ("delist", {"reason": "No remedy."}),
])
async def test_nobody_ends_a_case_on_evidence_that_they_did_not_see(
    rig: Rig, sku: str, command: str, arguments
):
    """News leaves the version as it is: who says what they saw is told what there is by now."""
    await rig.complain(sku)
    seen = await rig.in_state(sku, "frozen")
    who = "owen" if command == "declare_false_alarm" else "mara"
    await rig.complain(sku, 1, lot="L-99")

    async def news():
        now = await rig.case(seen["id"])
        return now if now["evidence_revision"] > seen["evidence_revision"] else None

    now = await until(news, "another lot is news")
    stale = await rig.command(
        now, command, who, evidence_revision=seen["evidence_revision"], **arguments
    )

    assert (409, "version_conflict") == (stale.status, stale.body["code"])
    assert f"at revision {now['evidence_revision']}" in stale.body["detail"]
    await rig.done(now, command, who, evidence_revision=now["evidence_revision"], **arguments)
