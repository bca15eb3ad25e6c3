"""The main job: complaints stop a sale, for real, and people let it sell again."""

from types import SimpleNamespace

import pytest

from freezeguard.domain.history import replay
from tests.acceptance.conftest import SAFETY
from tests.acceptance.steps import (
    approve,
    ask_for_approval,
    body_of,
    can_be_bought,
    cannot_be_bought,
    is_sold_again,
    mails_arrived,
    moves,
    open_cart,
    pull,
    reaches,
    ship,
    timeline,
)
from tests.rig import FIVE_CUSTOMERS, REMEDY, VERIFICATION, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Time alone ends no probation here: somebody has to report units shipped.
SHOP = {
    "rules": (FIVE_CUSTOMERS, SAFETY),
    "policy": {"probation_time": "1s", "probation_units": 200, "probation_check": "1s"},
}


async def test_from_complaints_to_the_closing_of_the_case(rig: Rig, sku: str):
    """A sale is stopped, argued about, reinstated, stopped again in the same case, and closed."""
    cart = await open_cart(rig, sku)
    await rig.complain(sku, 4, lot="L-7")
    await can_be_bought(rig, sku)
    await rig.complain(sku, 1, lot="L-7")
    case = await rig.in_state(sku, "frozen")
    await cannot_be_bought(rig, sku, cart)
    assert "frozen" == await rig.status(sku)

    case = await rig.done(case, "accept_ownership", "owen")
    case = await _argued_remedy(rig, case)
    await cannot_be_bought(rig, sku, cart)
    case = await _voided_approval(rig, case, sku)
    await cannot_be_bought(rig, sku, cart)

    case = await ask_for_approval(rig, case, affected_lots=["L-7"])
    case = await approve(rig, case, "mara")
    assert "reinstating" == case["state"]
    case = await reaches(rig, case, "probation")
    await is_sold_again(rig, sku)
    second_cart = await open_cart(rig, sku)

    await rig.complain(sku, 4, lot="L-7")  # shipped before the fix: none of them counts
    await rig.complain(sku, 2, lot="L-8")
    assert "probation" == (await rig.case(case["id"]))["state"]
    await rig.complain(sku, 1, lot="L-8")  # half of five, rounded up
    case = await reaches(rig, case, "frozen")
    assert 1 == case["recurrence"]
    await cannot_be_bought(rig, sku, second_cart)

    case = await ask_for_approval(rig, case)
    case = await approve(rig, case, "mara")
    assert "awaiting_approval" == case["state"]
    await cannot_be_bought(rig, sku, second_cart)
    case = await approve(rig, case, "quin")
    assert "reinstating" == case["state"]
    case = await reaches(rig, case, "probation")
    await is_sold_again(rig, sku)
    assert (await rig.shop.checkout(second_cart)).ok
    assert 400 == case["probation"]["units"]  # doubled

    await ship(rig, sku, 400)
    case = await reaches(rig, case, "closed_reinstated")
    await can_be_bought(rig, sku)

    assert [
        ("freeze", "freezing"), ("confirm_freeze", "frozen"), ("accept_ownership", "diagnosing"),
        ("propose_remedy", "remedy_proposed"), ("return_remedy", "diagnosing"),
        ("propose_remedy", "remedy_proposed"), ("request_approval", "awaiting_approval"),
        ("void_approval", "diagnosing"), ("propose_remedy", "remedy_proposed"),
        ("request_approval", "awaiting_approval"), ("approve", "reinstating"),
        ("confirm_release", "probation"), ("freeze", "freezing"), ("confirm_freeze", "frozen"),
        ("accept_ownership", "diagnosing"), ("propose_remedy", "remedy_proposed"),
        ("request_approval", "awaiting_approval"), ("approve", "reinstating"),
        ("confirm_release", "probation"), ("complete_probation", "closed_reinstated"),
    ] == await moves(rig, case)
    assert 1 == len(await rig.cases(sku))
    replayed = replay([SimpleNamespace(**event) for event in await timeline(rig, case)])
    assert (case["state"], case["version"], case["evidence_revision"], 1) == (
        replayed.state, replayed.version, replayed.evidence_revision, replayed.recurrence,
    )
    await _mails_tell_it_all(rig, case)


async def _argued_remedy(rig: Rig, case):
    """A remedy with holes is refused; one that the owner finds wanting goes back once."""
    holes = {**REMEDY, "cause": {"branch": "material", "description": "Brittle resin."}}
    holes.pop("preventive_action")
    refused = await rig.command(case, "propose_remedy", "vera", remedy=holes)
    assert 422 == refused.status
    assert ["the proof of the root cause", "the preventive action"] == refused.body["missing"]
    assert case["version"] == (await rig.case(case["id"]))["version"]

    case = await rig.done(case, "propose_remedy", "vera", remedy=REMEDY)
    missing = ["The tear test of lot L-8.", "Who closed the gate for lot L-7."]
    case = await rig.done(case, "return_remedy", "owen", missing=missing)
    assert "diagnosing" == case["state"]

    async def told():
        mails = rig.mailbox.to("quality@acme.example")
        return [text for one in mails if missing[0] in (text := body_of(one))]

    texts = await until(told, "the vendor is told what is missing")
    assert 1 == len(texts)
    assert missing[1] in texts[0]
    assert "the proof of the root cause" not in texts[0]
    return await rig.done(case, "propose_remedy", "vera", remedy=REMEDY)


async def _voided_approval(rig: Rig, case, sku):
    """Material news voids the request, and whoever saw the older evidence approves nothing."""
    asked = await rig.done(case, "request_approval", "owen", verification=VERIFICATION)
    await rig.complain(sku, 1, lot="L-7")  # nothing new about it
    assert "awaiting_approval" == (await rig.case(case["id"]))["state"]
    await rig.complain(sku, 1, lot="L-9")
    voided = await rig.case(case["id"])
    assert "diagnosing" == voided["state"]
    assert asked["evidence_revision"] + 1 == voided["evidence_revision"]
    late = await rig.command(
        asked, "approve", "mara", evidence_revision=asked["evidence_revision"]
    )
    assert (409, "version_conflict") == (late.status, late.body["code"])
    return voided


async def _mails_tell_it_all(rig: Rig, case):
    """Everybody gets each mail once, in the order of the case, and the closing one at the end."""
    arrived = await mails_arrived(rig, case)
    assert [
        "statement_of_reasons", "frozen_confirmed", "remedy_returned", "approval_voided",
        "released", "refrozen", "frozen_confirmed", "released", "closed",
    ] == arrived["vendor:acme"]
    assert [
        "approval_requested", "approval_voided", "approval_requested", "approval_requested",
        "closed",
    ] == arrived["person:mara"]
    for second in ("quin", "cora", "miro"):  # asked only once mara had agreed
        assert ["approval_requested", "closed"] == arrived[f"person:{second}"]
    assert {"closed"} == {kinds[-1] for kinds in arrived.values()}


async def test_the_history_names_who_did_what(rig: Rig, sku: str):
    """Every change bears the name of the person, or of the part of the system, that made it."""
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    await approve(rig, await ask_for_approval(rig, case), "mara")
    await rig.in_state(sku, "probation")

    by = {event["command"]: event["actor"] for event in await timeline(rig, case)}

    assert {
        "freeze": "detector", "confirmed": "reconciler", "confirm_freeze": "reconciler",
        "accept_ownership": "person:owen", "propose_remedy": "person:vera",
        "request_approval": "person:owen", "approve": "person:mara",
        "confirm_release": "reconciler", "vendor_notified": "courier",
    } == by


async def test_a_safety_case_needs_two_people(rig: Rig, sku: str):
    """One safety signal stops a sale at once; one approver alone does not let it sell again."""
    cart = await open_cart(rig, sku)
    signal = {**rig.complaint(sku, "anna"), "source": "lab", "severity": "safety"}
    assert 202 == (await rig.call("POST", "/v1/signals", "safety", json=signal)).status
    case = await rig.in_state(sku, "frozen")
    assert "safety" == case["lane"]
    await cannot_be_bought(rig, sku, cart)

    case = await approve(rig, await ask_for_approval(rig, case), "mara")
    assert "awaiting_approval" == case["state"]
    again = await rig.command(
        case, "approve", "mara", evidence_revision=case["evidence_revision"]
    )
    assert (422, "guard_failed") == (again.status, again.body["code"])
    await cannot_be_bought(rig, sku, cart)

    await approve(rig, case, "cora")
    await rig.in_state(sku, "probation")
    await is_sold_again(rig, sku)
    assert (await rig.shop.checkout(cart)).ok


@pytest.mark.parametrize("pair", [("quin", "cora"), ("cora", "miro")], ids="-".join)
async def test_one_of_the_two_manages_the_category(rig: Rig, sku: str, pair):
    """Two people of whom none is a manager of the category don't reinstate a sale."""
    first, second = pair
    signal = {**rig.complaint(sku, "anna"), "source": "lab", "severity": "safety"}
    await rig.call("POST", "/v1/signals", "safety", json=signal)
    case = await ask_for_approval(rig, await rig.in_state(sku, "frozen"))
    case = await approve(rig, case, first)

    refused = await rig.command(
        case, "approve", second, evidence_revision=case["evidence_revision"]
    )

    assert (422, "guard_failed") == (refused.status, refused.body["code"])
    assert case["version"] == (await rig.case(case["id"]))["version"]


@pytest.mark.parametrize("author", ["owen", "vera"])
async def test_nobody_approves_what_they_wrote(rig: Rig, sku: str, author):
    """Neither who asked for the approval nor who wrote the remedy is its approver."""
    case = await rig.to_awaiting_approval(sku)

    refused = await rig.command(
        case, "approve", author, evidence_revision=case["evidence_revision"]
    )

    expected = (422, "guard_failed") if author == "owen" else (403, "not_allowed")
    assert expected == (refused.status, refused.body["code"])
    await cannot_be_bought(rig, sku)


async def test_an_approval_names_the_evidence_it_saw(rig: Rig, sku: str):
    """An approval without the evidence revision, or with another one, is refused."""
    case = await rig.to_awaiting_approval(sku)
    seen = case["evidence_revision"]

    for named in ({}, {"evidence_revision": seen + 1}, {"evidence_revision": None}):
        refused = await rig.command(case, "approve", "mara", **named)

        assert (422, "guard_failed") == (refused.status, refused.body["code"])
    assert "awaiting_approval" == (await rig.case(case["id"]))["state"]


async def test_enough_new_customers_are_news(rig: Rig, sku: str):
    """As many new customers as the rule's bound, since the approval was asked for, void it."""
    case = await rig.to_awaiting_approval(sku)
    await rig.complain(sku, 4)
    assert "awaiting_approval" == (await rig.case(case["id"]))["state"]

    await rig.complain(sku, 1)

    voided = await rig.case(case["id"])
    assert ("diagnosing", case["evidence_revision"] + 1) == (
        voided["state"], voided["evidence_revision"],
    )


async def test_enough_new_customers_are_news_to_a_pull_too(rig: Rig, sku: str):
    """A pull has no bound: the least that any rule asks for voids its approval."""
    case = await reaches(rig, await pull(rig, "quin", sku), "frozen")
    case = await ask_for_approval(rig, case)
    await rig.complain(sku, 4)
    case = await rig.case(case["id"])
    if case["state"] == "diagnosing":  # the first complaint brought a new cause along
        case = await ask_for_approval(rig, case)
    await rig.complain(sku, 4)
    assert "awaiting_approval" == (await rig.case(case["id"]))["state"]

    await rig.complain(sku, 1)

    assert "diagnosing" == (await rig.case(case["id"]))["state"]


async def test_whoever_takes_over_early_still_hears_of_the_stop(rig: Rig, sku: str):
    """Owned before it was read back: the confirmation reaches vendor and owner all the same."""
    await rig.shop.faults(skus=[sku], slow=0.5)
    case = await pull(rig, "quin", sku)
    case = await rig.done(case, "accept_ownership", "owen")
    await rig.shop.no_faults()

    async def told():
        arrived = await mails_arrived(rig, case)
        return "frozen_confirmed" in arrived["vendor:acme"] and arrived

    arrived = await until(told, "the stop confirmed")
    assert ["statement_of_reasons", "frozen_confirmed"] == arrived["vendor:acme"]
    overdue = await rig.call("GET", "/v1/cases", "owen", params={"sku": sku, "overdue": "true"})
    assert [] == overdue.body["items"]


async def test_a_remedy_is_announced_to_whoever_judges_it(rig: Rig, sku: str):
    """The owner hears of each proposal, the other managers of the third, which is theirs."""
    case = await reaches(rig, await pull(rig, "quin", sku), "frozen")
    case = await rig.done(case, "accept_ownership", "owen")
    for _ in range(2):
        case = await rig.done(case, "propose_remedy", "vera", remedy=REMEDY)
        case = await rig.done(case, "return_remedy", "owen", missing=["the proof"])
    case = await rig.done(case, "propose_remedy", "vera", remedy=REMEDY)

    arrived = await mails_arrived(rig, case)
    assert 3 == arrived["person:owen"].count("remedy_proposed")
    assert 1 == arrived["person:mara"].count("remedy_proposed")


async def test_a_rejected_approval_goes_back_with_its_reason(rig: Rig, sku: str):
    """A rejection says why, to the owner and to the vendor; the sale stays stopped."""
    case = await rig.to_awaiting_approval(sku)
    unsaid = await rig.command(case, "reject_approval", "mara")
    assert (422, "guard_failed") == (unsaid.status, unsaid.body["code"])

    why = "Lot L-8 was inspected by the vendor alone."
    case = await rig.done(case, "reject_approval", "mara", reason=why)

    assert "diagnosing" == case["state"]
    arrived = await mails_arrived(rig, case)
    assert "approval_rejected" == arrived["vendor:acme"][-1]
    assert "approval_rejected" == arrived["person:owen"][-1]
    assert any(why in body_of(one) for one in rig.mailbox.to("quality@acme.example"))
    await cannot_be_bought(rig, sku)
