"""A rule that learns what is usual for an item, from the first complaint to the refused sale."""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from freezeguard.services.detecting.recomputing import recompute
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.rig import Rig, shop_with_service

RISEN = {"id": "risen", "family": "likelihood", "bound": 200, "mode": "armed"}
DAY = timedelta(days=1)


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with this one rule."""
    async with shop_with_service(dsns, tmp_path, rules=(RISEN,)) as running:
        yield running


async def complained(rig: Rig, sku: str, days_ago: Iterable[int]) -> None:
    """Report a complaint of a customer of its own for each of these days."""
    now = datetime.now(UTC)
    sent = [
        rig.complaint(sku, f"then-{n}", id=f"{sku}-{n}", occurred_at=(now - n * DAY).isoformat())
        for n in days_ago
    ]
    answer = await rig.call("POST", "/v1/signals", "source", json=sent)
    assert answer.status == 202, answer.body


async def shipped(rig: Rig, sku: str, units: int, days: int) -> None:
    """Report that so many units left on each of the last days."""
    now = datetime.now(UTC)
    sent = [
        {"id": f"{sku}-{n}", "source": "helpdesk", "sku": sku, "units": units,
         "shipped_at": (now - n * DAY).isoformat()}
        for n in range(days)
    ]
    answer = await rig.call("POST", "/v1/units", "source", json=sent)
    assert answer.status == 202, answer.body


async def sold(rig: Rig, sku: str) -> bool:
    """Try to buy one; say whether the shop sold it."""
    return (await rig.shop.buy(sku)).ok


async def recomputed(rig: Rig, case: dict[str, Any]) -> bool:
    """Say whether a case's reason comes out again from what is stored."""
    assert rig.service is not None
    found = await recompute(rig.service.database, UUID(case["id"]), datetime.now(UTC))
    return found.is_same


async def test_what_is_usual_for_one_item_stops_another(rig: Rig) -> None:
    """Four complaints in a week: nothing for a best seller, a stop for what hardly gets any.

    The reason says what would be usual, names what counted, and comes out again from the record.
    """
    best, slow = (await rig.shop.sellable())[:2]
    await shipped(rig, best, 400, 300)
    await shipped(rig, slow, 3, 300)
    await complained(rig, best, range(8, 300, 2))
    await complained(rig, slow, (250, 120))
    await complained(rig, best, (5, 4, 2, 1))
    await complained(rig, slow, (5, 4, 2, 1))

    case = await rig.in_state(slow, "frozen")

    assert [] == await rig.cases(best)
    assert (True, False) == (await sold(rig, best), await sold(rig, slow))
    reason = case["reason"]
    assert ("likelihood", 200) == (reason["family"], reason["bound"])
    assert reason["details"]["one_fewer"] < 200 <= reason["observed"]
    assert 2 == reason["details"]["usual"]["complaints"]
    assert "one complaint fewer would not have been enough" in reason["sentence"]
    assert await recomputed(rig, case)


async def test_complaints_of_the_past_can_arrive_last(rig: Rig) -> None:
    """History that is loaded after the complaints is what the next evaluation learns from."""
    sku = (await rig.shop.sellable())[0]
    await shipped(rig, sku, 3, 300)
    await complained(rig, sku, (5, 4))
    await complained(rig, sku, range(100, 300, 4))
    await complained(rig, sku, (2, 1))

    assert [] == await rig.cases(sku)


async def test_judged_complaints_teach_nothing_and_count_no_more(rig: Rig) -> None:
    """A false alarm's complaints are no evidence, no baseline; its reason still comes out again."""
    sku = (await rig.shop.sellable())[0]
    await shipped(rig, sku, 3, 300)
    await complained(rig, sku, (250, 5, 4, 2))
    case = await rig.in_state(sku, "frozen")
    await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item")
    await rig.in_state(sku, "closed_false_alarm")
    await complained(rig, sku, (1,))

    assert await sold(rig, sku)
    assert ["closed_false_alarm"] == [one["state"] for one in await rig.cases(sku)]
    assert await recomputed(rig, case)


async def test_a_preview_says_what_live_does(rig: Rig) -> None:
    """Tried on the stored signals, the rule in force crosses where it has crossed, for its reason.

    A stricter one crosses more; one that can't be is refused at its place; nothing is stored.
    """
    slow, calm = (await rig.shop.sellable())[:2]
    await shipped(rig, slow, 3, 300)
    await shipped(rig, calm, 3, 300)
    await complained(rig, slow, (250, 120, 5, 4, 2, 1))
    await complained(rig, calm, (250, 120, 40, 1))
    case = await rig.in_state(slow, "frozen")

    async def tried(**changes: Any) -> dict[str, Any]:
        rule = {**RISEN, **changes}
        del rule["id"]
        body = {"rule": rule, "days": 30}
        answer = await rig.call("POST", "/v1/rules/preview", "quin", json=body)
        return {"status": answer.status, **answer.body}

    same, strict = await tried(), await tried(family="count", window="100d", bound=2)
    refused = await tried(look=1e6)

    assert [(slow, case["reason"])] == [(one["sku"], one["reason"] | {
        "rule_id": "risen", "rule_version": case["reason"]["rule_version"],
    }) for one in same["items"]]
    assert {slow, calm} == {one["sku"] for one in strict["items"]}
    assert (422, "/rule/look") == (refused["status"], refused["errors"][0]["pointer"])
    listed = await rig.read("/v1/rules", "quin")
    assert ["risen"] == [one["id"] for one in listed["items"]]
