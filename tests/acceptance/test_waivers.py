"""Waivers over HTTP: of one object, in one case, by somebody, for a while; and nothing more."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.rows import remote_id
from tests.acceptance.steps import ask_for_approval, pull, reaches
from tests.rig import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

REASON = "The kiosk is closed."
LOT = {"lot": "L-7"}


async def refusing(rig: Rig, sku: str, who: str = "mara", reason: str = "defective", **more):
    """Stop a SKU whose shop refuses it; return the case once that is seen."""
    await rig.shop.faults(refuse=403, skus=[sku])
    case = await pull(rig, who, sku, reason, **more)

    async def refused():
        seen = await rig.case(case["id"])
        return seen if seen["degraded"] else None

    return await until(refused, "the refusal is seen")


async def waive(rig: Rig, case, **more):
    """Have a manager waive the one object of a case for a day; return the answer."""
    end = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    where = {"catalogue": "shop", "remote_id": remote_id(case["scope"]["sku"])}
    return await rig.command(case, "waive", "mara", **where, until=end, reason=REASON, **more)


def seen_of(case) -> tuple[str, str | None]:
    """Return how a case sees its one object, and who waived it there."""
    (one,) = case["enforcement"]
    return one["status"], one["waived_by"]


async def test_a_waiver_counts_for_its_own_case_only(rig: Rig, sku: str):
    """Another case of the same SKU stays degraded, and an order of an authority waits."""
    mine = await refusing(rig, sku, scope=LOT)
    other = await refusing(rig, sku)
    answer = await waive(rig, await rig.case(mine["id"]))
    assert answer.status == 200, answer.body

    mine = await reaches(rig, mine, "frozen")
    assert (("waived", "mara"), False) == (seen_of(mine), mine["degraded"])
    other = await rig.case(other["id"])
    assert (("refused", None), "freezing", True) == (
        seen_of(other), other["state"], other["degraded"]
    )
    other = await rig.done(
        other, "register_order", "cora", authority="Customs", document="ORD-1"
    )
    assert (("refused", None), True) == (seen_of(other), other["degraded"])


async def test_a_waiver_ends_with_its_stop(rig: Rig, sku: str):
    """Who stops the sale once more has to look again at what was overlooked then."""
    case = await refusing(rig, sku)
    assert (await waive(rig, case)).status == 200
    case = await reaches(rig, case, "frozen")
    case = await rig.done(
        case, "declare_false_alarm", "owen", reason_code="wrong_item",
    )
    assert all(
        one["stopped_at"] for one in case["clocks"] if one["kind"].startswith("waiver:")
    )

    again = await pull(rig, "alba", sku, status=200)

    assert (case["id"], "freezing") == (again["id"], again["state"])
    again = await rig.case(case["id"])
    assert again["enforcement"][0]["waived_by"] is None


async def test_votes_for_what_was_overlooked_are_void(rig: Rig, sku: str):
    """Whoever agreed to a reinstatement has judged other objects than those after a waiver."""
    case = await refusing(rig, sku)
    case = await rig.done(case, "accept_ownership", "owen")
    case = await ask_for_approval(rig, case)
    named = {"unconfirmed": [f"shop/{remote_id(sku)}"],
             "evidence_revision": case["evidence_revision"]}
    case = await rig.done(case, "approve", "mara", **named)

    answer = await waive(rig, case)
    assert answer.status == 200, answer.body
    first = await rig.done(answer.body, "approve", "quin", **named)
    assert "awaiting_approval" == first["state"]
    ended = await rig.done(
        first, "unwaive", "mara", catalogue="shop", remote_id=remote_id(sku), reason="It opens."
    )
    first = await rig.done(ended, "approve", "mara", **named)

    assert "awaiting_approval" == first["state"]
    assert "reinstating" == (await rig.done(first, "approve", "quin", **named))["state"]
