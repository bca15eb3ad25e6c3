"""Pulling the cord: who may, what it does, and how it lapses."""

from typing import Any

import pytest

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
    ring,
    timeline,
    to_probation,
)
from tests.rig import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"policy": {"probation_time": "1h"}}


async def paused(rig: Rig, sku: str):
    """Wait until the soft hold of a suspicion was read back; return the case."""

    async def stopped():
        case = (await rig.cases(sku))[0]
        whole = await rig.case(case["id"])
        statuses = {one["status"] for one in whole["enforcement"]}
        return whole if statuses == {"confirmed"} else None

    return await until(stopped, f"{sku} paused")


# ------------------------------------------------------------------------------ one associate


async def test_a_lone_pull_pauses_the_sale_and_lapses(rig: Rig, sku: str):
    """One click hides the SKU; nobody agrees, so it is sold again, and the puller hears why."""
    cart = await open_cart(rig, sku)
    case = await pull(rig, "alba", sku)
    assert "suspected" == case["state"]
    await paused(rig, sku)
    await cannot_be_bought(rig, sku)
    assert "frozen" == await rig.status(sku)
    assert "hide" == (await rig.case(case["id"]))["hold"]["level"]
    assert (await rig.shop.checkout(cart)).ok  # a soft hold lets open carts be paid

    await ring(rig, case, "second_opinion")
    case = await reaches(rig, case, "expired")
    await is_sold_again(rig, sku)

    assert [("suspect", "suspected"), ("expire", "expired")] == await moves(rig, case)
    arrived = await mails_arrived(rig, case)
    assert ["expired"] == arrived["person:alba"]
    assert ["suspected", "expired"] == arrived["person:owen"]
    assert "vendor:acme" not in arrived


async def test_a_second_associate_makes_it_a_freeze(rig: Rig, sku: str):
    """A different associate's pull is enough authority; open carts are held back from then on."""
    cart = await open_cart(rig, sku)
    case = await pull(rig, "alba", sku)
    await paused(rig, sku)

    same = await pull(rig, "alba", sku, status=200)
    assert ("suspected", case["version"]) == (same["state"], same["version"])
    refused = await rig.command(same, "freeze", "alba", reason_code="defective")
    assert (422, "guard_failed") == (refused.status, refused.body["code"])

    seconded = await pull(rig, "bert", sku, status=200)
    assert (case["id"], "freezing") == (seconded["id"], seconded["state"])
    case = await reaches(rig, case, "frozen")
    assert "hard" == case["hold"]["level"]
    await cannot_be_bought(rig, sku, cart)
    arrived = await mails_arrived(rig, case)
    assert ["statement_of_reasons", "frozen_confirmed"] == arrived["vendor:acme"]
    assert [["outcome"]] * 2 == [arrived[f"person:{one}"] for one in ("alba", "bert")]


async def test_who_pulled_hears_what_became_of_it(rig: Rig, sku: str, take_sku: Any):
    """Stopped, and on sale again or a false alarm and why: each once, with what was the matter."""
    case = await pull(rig, "alba", sku, "safety_injury")
    case = await reaches(rig, case, "frozen")
    await mails_arrived(rig, case)
    for who in ("quin", "owen"):
        case = await rig.done(case, "declare_false_alarm", who, reason_code="wrong_item")
    wrong = await mails_arrived(rig, await reaches(rig, case, "closed_false_alarm"))

    other = await pull(rig, "bert", take_sku(), "safety_injury")
    other = await reaches(rig, other, "frozen")
    await mails_arrived(rig, other)
    await approve(rig, await ask_for_approval(rig, other), "mara", "quin")
    fixed = await mails_arrived(rig, await reaches(rig, other, "probation"))

    assert (["outcome"] * 2, ["outcome"] * 2) == (wrong["person:alba"], fixed["person:bert"])
    stopped, mistaken = [body_of(one) for one in rig.mailbox.to("alba@")][-2:]
    assert "Outcome: the sale is stopped" in stopped
    assert "Outcome: false alarm" in mistaken
    assert "Why: the report was about another product" in mistaken
    assert "the cause was found and removed" in body_of(rig.mailbox.to("bert@")[-1])


async def test_seconding_by_command_is_the_same(rig: Rig, sku: str):
    """`freeze` on a suspicion, by another associate, freezes like a second pull."""
    case = await pull(rig, "alba", sku)

    seconded = await rig.done(case, "freeze", "bert", reason_code="defective")

    assert "freezing" == seconded["state"]
    by = [(event["command"], event["actor"]) for event in await timeline(rig, case)]
    assert [("suspect", "person:alba"), ("freeze", "person:bert")] == [
        one for one in by if one[0] in {"suspect", "freeze"}
    ]


async def test_a_lapsed_pull_can_be_pulled_again(rig: Rig, sku: str):
    """The evidence is kept, the pull is not: the next pull opens a case of its own."""
    first = await pull(rig, "alba", sku)
    await ring(rig, first, "second_opinion")
    await reaches(rig, first, "expired")
    await is_sold_again(rig, sku)

    second = await pull(rig, "alba", sku)

    assert (True, "suspected") == (first["id"] != second["id"], second["state"])
    await paused(rig, sku)
    await cannot_be_bought(rig, sku)


async def test_a_safety_reason_needs_no_second_associate(rig: Rig, sku: str):
    """An associate who heard of an injury stops the sale alone, in the lane safety."""
    cart = await open_cart(rig, sku)

    case = await pull(rig, "alba", sku, "safety_injury")

    assert ("freezing", "safety") == (case["state"], case["lane"])
    await reaches(rig, case, "frozen")
    await cannot_be_bought(rig, sku, cart)


async def test_a_suspicion_is_dismissed_by_somebody_else(rig: Rig, sku: str):
    """Whoever pulled can't take it back alone; another associate dismisses it with a reason."""
    case = await pull(rig, "alba", sku)
    await paused(rig, sku)
    for who, arguments in (("alba", {"reason": "I was wrong."}), ("bert", {})):
        refused = await rig.command(case, "dismiss", who, **arguments)
        assert (422, "guard_failed") == (refused.status, refused.body["code"])

    done = await rig.done(case, "dismiss", "bert", reason="It was the carton, not the kettle.")

    assert "closed_false_alarm" == done["state"]
    await is_sold_again(rig, sku)
    arrived = await mails_arrived(rig, done)
    assert ["dismissed"] == arrived["person:alba"]
    assert any("not the kettle" in body_of(one) for one in rig.mailbox.to("alba@"))


async def test_the_owner_dismisses_too(rig: Rig, sku: str):
    """The owner of a case may dismiss its suspicion."""
    case = await pull(rig, "alba", sku)

    done = await rig.done(case, "dismiss", "owen", reason="One carton.")

    assert "closed_false_alarm" == done["state"]
    await is_sold_again(rig, sku)


# ------------------------------------------------------------------------------ by authority


@pytest.mark.parametrize("who", ["mara", "miro", "quin", "cora"])
async def test_managers_analysts_and_compliance_freeze_alone(rig: Rig, sku: str, who):
    """Their pull is a freeze at once, whatever the category that a manager answers for."""
    cart = await open_cart(rig, sku)

    case = await pull(rig, who, sku)

    assert ("freezing", "quality") == (case["state"], case["lane"])
    await reaches(rig, case, "frozen")
    await cannot_be_bought(rig, sku, cart)


@pytest.mark.parametrize("who", ["mara", "miro", "quin", "cora"])
async def test_any_of_them_seconds_a_suspicion(rig: Rig, sku: str, who):
    """On an associate's suspicion their pull freezes, in the same case."""
    case = await pull(rig, "alba", sku)

    seconded = await pull(rig, who, sku, status=200)

    assert (case["id"], "freezing") == (seconded["id"], seconded["state"])


@pytest.mark.parametrize("who", ["owen", "audi", "vera", "root", "source", "catalogue"])
async def test_others_have_no_hand_on_the_cord(rig: Rig, sku: str, who):
    """Vendors, auditors, admins and plain keys are refused; a manager is not."""
    body = {"scope": {"sku": sku}, "reason_code": "defective"}

    answer = await rig.call("POST", "/v1/freezes", who, json=body)

    assert (201 if who == "owen" else 403) == answer.status
    if answer.status == 403:
        assert [] == await rig.cases(sku)
        await can_be_bought(rig, sku)


async def test_an_order_of_an_authority_needs_compliance_and_its_document(rig: Rig, sku: str):
    """Only compliance registers an order, and only with the document."""
    body = {"scope": {"sku": sku}, "reason_code": "authority_order", "lane": "authority"}
    for who, more, status in (
        ("alba", {"document": "RAPEX A12/0345/26"}, 403),
        ("mara", {"document": "RAPEX A12/0345/26"}, 403),
        ("cora", {}, 422),
    ):
        answer = await rig.call("POST", "/v1/freezes", who, json={**body, **more})
        assert status == answer.status
    assert [] == await rig.cases(sku)

    case = await pull(
        rig, "cora", sku, "authority_order", lane="authority", document="RAPEX A12/0345/26"
    )

    assert ("freezing", "authority") == (case["state"], case["lane"])
    case = await reaches(rig, case, "frozen")
    refused = await rig.command(case, "declare_false_alarm", "owen", reason_code="wrong_item")
    assert (409, "illegal_transition") == (refused.status, refused.body["code"])


async def test_no_lane_makes_a_reason_milder(rig: Rig, sku: str):
    """An order is an order and an injury an injury, whatever lane the request names, or none."""
    for who, reason, more, status in (
        ("mara", "authority_order", {}, 403),
        ("cora", "authority_order", {"lane": "quality"}, 422),
        ("freezer", "authority_order", {}, 403),
        ("freezer", "safety_injury", {"lane": "quality"}, 403),
    ):
        body = {"scope": {"sku": sku}, "reason_code": reason, **more}
        assert status == (await rig.call("POST", "/v1/freezes", who, json=body)).status, reason
    assert [] == await rig.cases(sku)

    case = await pull(rig, "alba", sku, "safety_injury", lane="quality")

    assert ("freezing", "safety") == (case["state"], case["lane"])


@pytest.mark.parametrize(
    ("who", "reason", "more", "lane"),
    [
        ("alba", "safety_injury", {}, "safety"),
        ("cora", "authority_order", {"document": "RAPEX A12/0345/26"}, "authority"),
    ],
    ids=["an injury", "an order"],
)
async def test_a_stricter_pull_on_a_frozen_sku_is_news(rig: Rig, sku: str, who, reason, more, lane):
    """It makes the case stricter, voids what was asked for, and stands in the history."""
    case = await rig.to_awaiting_approval(sku)

    pulled = await pull(rig, who, sku, reason, status=200, **more)

    assert (case["id"], "diagnosing", lane) == (pulled["id"], pulled["state"], pulled["lane"])
    assert case["evidence_revision"] + 1 == pulled["evidence_revision"]
    assert lane == (await rig.case(case["id"]))["hold"]["lane"]
    told = [one for one in await timeline(rig, case) if one["actor"] == f"person:{who}"]
    assert [reason] == [one["arguments"]["reason_code"] for one in told]
    assert [more.get("document")] == [one["arguments"]["document"] for one in told]


async def test_a_suspicion_of_everything_is_not_a_stop_of_a_part(rig: Rig, sku: str):
    """Who stops one country has said nothing of the others: a case and a hold of its own."""
    wide = await pull(rig, "alba", sku)

    part = await pull(rig, "mara", sku, scope={"country": "DE"})

    assert part["id"] != wide["id"]
    assert (sku, "DE", None) == tuple(part["scope"][name] for name in ("sku", "country", "lot"))
    assert "suspected" == (await rig.case(wide["id"]))["state"]


async def test_the_detector_seconds_a_pull(rig: Rig, sku: str):
    """A person and a crossed bound are two opinions: it freezes, and does not lapse."""
    case = await pull(rig, "alba", sku)
    await rig.complain(sku, 5)

    case = await reaches(rig, case, "frozen")

    assert "five-customers" == case["reason"]["rule_id"]
    assert [("suspect", "suspected"), ("freeze", "freezing"), ("confirm_freeze", "frozen")] == (
        await moves(rig, case)
    )


async def test_earlier_complaints_are_evidence_of_a_pull(rig: Rig, sku: str):
    """What was said before the pull belongs to its case, and a false alarm judges it as well."""
    await rig.complain(sku, 4, lot="L-7")
    case = await reaches(rig, await pull(rig, "mara", sku), "frozen")
    assert (4, 4) == (case["evidence"]["signals"], case["evidence"]["customers"])

    case = await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item")
    await reaches(rig, case, "closed_false_alarm")
    await rig.complain(sku, 1)

    assert 1 == len(await rig.cases(sku))


async def test_a_pull_on_a_frozen_sku_changes_nothing(rig: Rig, sku: str):
    """Who pulls where the sale is stopped already gets the case, as it is."""
    case = await reaches(rig, await pull(rig, "mara", sku), "frozen")

    for who in ("alba", "quin", "freezer"):
        again = await pull(rig, who, sku, status=200)

        assert (case["id"], "frozen", case["version"]) == (
            again["id"], again["state"], again["version"],
        )
    assert 1 == len(await rig.cases(sku))


# ----------------------------------------------------------------------------- on probation


async def test_any_persons_pull_on_probation_freezes_again(rig: Rig, sku: str):
    """One associate is enough on probation: the same case, one recurrence more."""
    case = await to_probation(rig, sku)
    await is_sold_again(rig, sku)
    cart = await open_cart(rig, sku)

    again = await pull(rig, "alba", sku, status=200)

    assert (case["id"], "freezing", 1) == (again["id"], again["state"], again["recurrence"])
    await reaches(rig, case, "frozen")
    await cannot_be_bought(rig, sku, cart)


async def test_a_keys_pull_on_probation_changes_nothing(rig: Rig, sku: str):
    """A catalogue system is no person: its pull leaves a reinstated SKU to people."""
    case = await to_probation(rig, sku)

    same = await pull(rig, "freezer", sku, status=200)

    assert ("probation", case["version"]) == (same["state"], same["version"])
    await is_sold_again(rig, sku)


# --------------------------------------------------------------------------- catalogue systems


async def test_a_key_freezes_within_its_budget(rig: Rig, take_sku):
    """Three freezes per window, seconded ones too; the fourth is only suspected, owner told."""
    skus = [take_sku() for _ in range(4)]
    await pull(rig, "alba", skus[0])
    seconded = await pull(rig, "freezer", skus[0], "mislabelled", status=200)
    cases = [seconded, *[await pull(rig, "freezer", one, "mislabelled") for one in skus[1:]]]

    assert ["freezing"] * 3 + ["suspected"] == [one["state"] for one in cases]
    for one in cases[:3]:
        await reaches(rig, one, "frozen")
    for one in skus[:3]:
        await cannot_be_bought(rig, one)
    await can_be_bought(rig, skus[3])
    assert "budget" in cases[3]["reason"]["sentence"]
    arrived = await mails_arrived(rig, cases[3])
    assert ["suspected"] == arrived["person:owen"]

    # Neither a repetition nor a suspicion of somebody else gets around the budget.
    suspicion = await pull(rig, "alba", take_sku())
    for sku, state in ((skus[3], "suspected"), (suspicion["scope"]["sku"], "suspected")):
        assert state == (await pull(rig, "freezer", sku, status=200))["state"]


async def test_a_key_freezes_in_the_lane_quality_only(rig: Rig, sku: str):
    """A machine asserts neither safety nor an order, by lane or by reason."""
    for more in ({"lane": "safety"}, {"lane": "authority", "document": "x"}):
        body = {"scope": {"sku": sku}, "reason_code": "other", **more}
        answer = await rig.call("POST", "/v1/freezes", "freezer", json=body)
        assert 403 == answer.status
    body = {"scope": {"sku": sku}, "reason_code": "safety_injury"}

    assert 403 == (await rig.call("POST", "/v1/freezes", "freezer", json=body)).status
    assert [] == await rig.cases(sku)


async def test_a_key_never_gives_commands(rig: Rig, sku: str):
    """Commands are for people, also that which a key may order as a freeze."""
    case = await pull(rig, "alba", sku)

    answer = await rig.command(case, "freeze", "freezer", reason_code="other")

    assert (403, "not_allowed") == (answer.status, answer.body["code"])


def orders_of(case) -> list[tuple[str, str]]:
    """Return the orders that hold a case, the newest first."""
    order = case["authority_order"]
    return [(one["authority"], one["document"]) for one in (order, *order.get("further", ()))]


async def test_each_pull_by_order_registers_its_order(rig: Rig, sku: str):
    """A second authority's order needs a revocation of its own; the same order again does not."""
    case = await pull(
        rig, "cora", sku, "authority_order", comment="Customs", document="ORD-1"
    )
    await reaches(rig, case, "frozen")
    first, second = ("Customs", "ORD-1"), ("Market watch", "ORD-2")
    for comment, document in (first, second, first):
        case = await pull(
            rig, "cora", sku, "authority_order", status=200, comment=comment, document=document
        )

    assert [("Market watch", "ORD-2"), ("Customs", "ORD-1")] == orders_of(case)
    case = await rig.done(case, "register_revocation", "cora", document="END-1", order="ORD-1")
    early = await rig.command(
        case, "approve", "cora", evidence_revision=case["evidence_revision"]
    )
    assert (422, "guard_failed") == (early.status, early.body["code"])
    assert [("Market watch", "ORD-2")] == orders_of(case)


async def test_an_order_stands_also_where_the_item_is_delisted(rig: Rig, sku: str):
    """It has a case of its own, so that no appeal puts the item back on sale against it."""
    case = await pull(rig, "mara", sku, "defective")
    case = await reaches(rig, case, "frozen")
    for who in ("mara", "quin"):
        case = await rig.done(case, "delist", who, reason="It breaks whatever is done.")
    assert "delisted" == case["state"]
    again = await pull(rig, "mara", sku, "safety_injury", status=200)
    assert case["id"] == again["id"]

    order = await pull(rig, "cora", sku, "authority_order", comment="Customs", document="ORD-1")

    assert order["id"] != case["id"]
    order = await reaches(rig, order, "frozen")
    assert ("authority", [("Customs", "ORD-1")]) == (order["lane"], orders_of(order))
    appeal = await rig.command(case, "appeal", "vera", new_facts="Another lot was tested.")
    assert (422, "guard_failed") == (appeal.status, appeal.body["code"])
    same = await pull(
        rig, "cora", sku, "authority_order", status=200, comment="Customs", document="ORD-1"
    )
    assert order["id"] == same["id"]
    order = await rig.done(order, "register_revocation", "cora", document="END-1")
    for who in ("cora", "mara"):
        order = await rig.done(
            order, "approve", who, evidence_revision=order["evidence_revision"]
        )
    await reaches(rig, order, "probation")
    await cannot_be_bought(rig, sku)
    assert "frozen" == await rig.status(sku)
