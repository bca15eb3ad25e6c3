"""Waivers over HTTP: of one object, in one case, by somebody, for a while; and nothing more."""

from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header

import pytest

from tests.acceptance.rows import remote_id
from tests.acceptance.steps import (
    approve,
    ask_for_approval,
    body_of,
    mails_arrived,
    pull,
    reaches,
)
from tests.rig import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"policy": {"probation_time": "1h"}}
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


def subject_of(mail) -> str:
    """Return the subject of a mail as people read it."""
    return str(make_header(decode_header(mail["Subject"])))


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
    case = await approve(rig, await ask_for_approval(rig, case), "mara", "quin")
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


@pytest.mark.parametrize("lane", ["safety", "authority"])
async def test_nothing_is_waived_where_people_get_hurt(rig: Rig, sku: str, lane: str):
    """Nor where an authority forbids the sale: the case stays degraded, its clocks run."""
    reason, who = {
        "safety": ("safety_injury", "mara"), "authority": ("authority_order", "cora")
    }[lane]
    case = await refusing(rig, sku, who, reason, document="ORD-1")

    answer = await waive(rig, case)

    assert (422, "guard_failed") == (answer.status, answer.body["code"])
    assert f"in the lane {lane} nothing is waived" in answer.body["detail"]
    case = await rig.case(case["id"])
    assert (("refused", None), lane, True) == (seen_of(case), case["lane"], case["degraded"])
    assert [None] == [one["stopped_at"] for one in case["clocks"] if one["law"]]


@pytest.mark.parametrize("what", ["injury", "order"])
async def test_a_stricter_case_waives_no_more(rig: Rig, sku: str, what: str):
    """Who waived took a fault upon himself: an injury or an order ends it, and the owner hears."""
    case = await refusing(rig, sku)
    assert (await waive(rig, case)).status == 200
    case = await reaches(rig, case, "frozen")

    if what == "injury":
        await pull(rig, "mara", sku, "safety_injury", status=200)
    else:
        await rig.done(case, "register_order", "cora", authority="Customs", document="ORD-1")

    async def refused():
        seen = await rig.case(case["id"])
        assert seen_of(seen)[1] is None
        return seen if seen["degraded"] and seen_of(seen)[0] == "refused" else None

    case = await until(refused, "what was waived is tried on, and shown as refused")
    running = {one["kind"] for one in case["clocks"] if one["stopped_at"] is None}
    assert not any(one.startswith("waiver:") for one in running)
    assert "gpsr_notice" in running if what == "injury" else "gpsr_order" in running
    assert "waiver_ended" in (await mails_arrived(rig, case))["person:owen"]


async def test_mails_say_what_may_still_sell(rig: Rig, sku: str):
    """No "confirmed in every catalogue" where one was waived; names and reasons are for staff."""
    case = await refusing(rig, sku)
    assert (await waive(rig, case)).status == 200
    case = await reaches(rig, case, "frozen")
    await mails_arrived(rig, case)
    ours = [(one["To"], subject_of(one), " ".join(body_of(one).split()))
            for one in rig.mailbox.messages if sku in subject_of(one)]
    told = {to: text for to, subject, text in ours
            if "Stop confirmed, except where it was waived" in subject}

    assert 2 == len(told)
    assert not any("confirmed in every catalogue" in subject for _, subject, _ in ours)
    assert not any("can't be bought" in text for text in told.values())
    where = f"shop/{remote_id(sku)}"
    vendor = next(text for to, text in told.items() if "acme" in to)
    owner = next(text for to, text in told.items() if "acme" not in to)
    assert f"{where}: may still be sold" in vendor
    assert REASON.rstrip(".") not in vendor
    assert f"{where}: waived by Mara" in owner
    assert "(The kiosk is closed)" in owner
