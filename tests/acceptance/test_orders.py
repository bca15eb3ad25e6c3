"""Orders of authorities over HTTP: each is one of its own, under a law that somebody knows."""

import pytest

from tests.acceptance.steps import body_of, mails_arrived, pull, reaches
from tests.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

SILENT_LAW = {
    "kind": "quiet_report", "jurisdiction": "EU", "law": "a law", "starts_on": "safety_freeze",
    "amount": 24, "unit": "hours", "warn_at": [], "stops_on": "action_recorded",
    "sentence": "Report it.",
}
SHOP = {"legal_clocks": [SILENT_LAW]}


def in_force(case) -> list[tuple[str, str]]:
    """Return the orders that hold a case, the newest first."""
    order = case["authority_order"]
    return [(one["authority"], one["document"]) for one in (order, *order.get("further", ()))]


async def running(rig: Rig, case) -> set[str]:
    """Return the legal clocks of a case that run."""
    clocks = (await rig.case(case["id"]))["clocks"]
    return {one["kind"] for one in clocks if one["law"] and one["stopped_at"] is None}


async def stopped_by(rig: Rig, sku: str, authority: str, document: str):
    """Stop a sale by an authority's order; return the case once the stop is read back."""
    case = await pull(
        rig, "cora", sku, "authority_order", comment=authority, document=document
    )
    return await reaches(rig, case, "frozen")


async def test_one_revocation_lifts_one_of_two_orders_with_one_number(rig: Rig, sku: str):
    """An order is its authority and its document: whose is meant must be said."""
    case = await stopped_by(rig, sku, "Customs", "ORD-1")
    case = await rig.done(
        case, "register_order", "cora", authority="Market watch", document="ORD-1"
    )
    assert [("Market watch", "ORD-1"), ("Customs", "ORD-1")] == in_force(case)

    unclear = await rig.command(
        case, "register_revocation", "cora", document="END-1", order="ORD-1"
    )
    assert (422, "guard_failed") == (unclear.status, unclear.body["code"])
    assert "`order` and `authority`" in unclear.body["detail"]
    case = await rig.done(
        case, "register_revocation", "cora", document="END-1", order="ORD-1",
        authority="Market watch",
    )

    assert [("Customs", "ORD-1")] == in_force(case)
    early = await rig.command(
        case, "approve", "mara", evidence_revision=case["evidence_revision"]
    )
    assert (422, "guard_failed") == (early.status, early.body["code"])


async def test_each_order_has_a_legal_clock_of_its_own(rig: Rig, sku: str):
    """What the second authority is to be told is not told by telling the first one."""
    case = await stopped_by(rig, sku, "Customs", "ORD-1")
    assert {"gpsr_order"} == await running(rig, case)

    case = await rig.done(
        case, "register_order", "cora", authority="Market watch", document="ORD-2",
        jurisdiction="de",
    )
    assert {"gpsr_order", "gpsr_order:2"} == await running(rig, case)
    assert "DE" == case["authority_order"]["jurisdiction"]

    told = {"action": "Stopped everywhere; Customs was told."}
    case = await rig.done(case, "record_action", "cora", clock="gpsr_order", **told)
    assert {"gpsr_order:2"} == await running(rig, case)


@pytest.mark.parametrize("named", ["Germany", "UK", "the EU", "  "])
async def test_an_order_under_an_unknown_law_is_refused(rig: Rig, sku: str, named: str):
    """It would start no clock, and nobody would notice; the answer says what to write."""
    case = await stopped_by(rig, sku, "Customs", "ORD-1")

    refused = await rig.command(
        case, "register_order", "cora", authority="Market watch", document="ORD-2",
        jurisdiction=named,
    )

    assert refused.status == 422, refused.body
    if named.strip():
        assert "write EU, or the code of a country" in refused.body["detail"]
    assert [("Customs", "ORD-1")] == in_force(await rig.case(case["id"]))


async def test_a_law_that_warns_of_nothing_lets_freezes_through(rig: Rig, sku: str):
    """Its clock runs to its end without a word."""
    case = await pull(rig, "mara", sku, "safety_injury")

    assert "quiet_report" in await running(rig, case)


async def revocations(rig: Rig, case) -> list[str]:
    """Return what mails about this case have said of revocations to compliance, in order."""
    await mails_arrived(rig, case)
    texts = [" ".join(body_of(one).split()) for one in rig.mailbox.to("cora@shop.example")]
    sku = case["scope"]["sku"]
    return [one for one in texts if "has revoked its order" in one and sku in one]


async def test_mails_say_what_a_revocation_leaves(rig: Rig, sku: str):
    """Nobody is asked to approve while another order stands, and no remedy is forgotten after."""
    case = await pull(rig, "mara", sku, "defective")
    case = await reaches(rig, case, "frozen")
    for name in ("ORD-1", "ORD-2"):
        case = await rig.done(case, "register_order", "cora", authority="Customs", document=name)

    case = await rig.done(case, "register_revocation", "cora", document="END-1", order="ORD-1")
    (said,) = await revocations(rig, case)
    assert "The sale stays forbidden: other orders stand" in said
    assert "ORD-2, Customs" in said
    clocks = {one["kind"] for one in case["clocks"] if one["stopped_at"] is None}
    assert "revocation" not in clocks
    assert "revocation_registered" not in (await mails_arrived(rig, case)).get("person:mara", [])

    case = await rig.done(case, "register_revocation", "cora", document="END-2")
    said = (await revocations(rig, case))[1]
    assert "no other order stands" in said
    assert "stopped for its quality before the order came" in said
    clocks = {one["kind"] for one in case["clocks"] if one["stopped_at"] is None}
    assert "revocation" in clocks
