"""Cases that overlap, are merged, delisted or taken up again: never sold, and released once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database
from tests.acceptance.outlets import (
    AT_ONCE,
    MARKET,
    WEB,
    Both,
    moment,
    narrow,
    not_bought,
    now,
    sold,
    two_channels,
)
from tests.acceptance.steps import approve, ask_for_approval, pull, reaches, ring, sql, timeline
from tests.rig import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOT, OTHER_LOT = {"lot": "L-7"}, {"lot": "L-8"}
ORDER = {"authority": "Customs", "document": "dms://order-9"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(postgres: EmbeddedServer, place: Path) -> AsyncIterator[Both]:
    """Run the two shops and the service for the module."""
    async with (
        fresh_database(postgres) as dsns,
        two_channels(
            dsns, place, policy={"probation_time": "1h"}, pace={"verify_every": 2.0}
        ) as running,
    ):
        yield running


async def released(both: Both, case: Any, how: str) -> None:
    """Release a frozen case by approval or as a false alarm; wait until that is read back."""
    case = await both.rig.case(case["id"])
    if how == "approved":
        people = ("quin", "mara") if case["recurrence"] or case["lane"] == "safety" else ("mara",)
        await approve(both.rig, await ask_for_approval(both.rig, case), *people)
        await reaches(both.rig, case, "probation")
    else:
        await both.rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item")
        await reaches(both.rig, case, "closed_false_alarm")


# --------------------------------------------------------------------------------- overlapping


async def _closed_one_by_one(
    both: Both, scopes: tuple[dict[str, str], dict[str, str]], ways: tuple[str, str]
) -> None:
    """Freeze two parts of a SKU that share an object; close both, the first as given first."""
    sku = await both.sku()
    before = [await both.product(one, sku) for one in both.shops]
    first = await both.frozen(sku, **scopes[0])
    second = await both.frozen(sku, "mara", **scopes[1])
    async with both.crowd(sku, pause=0.05) as crowd:
        since = now()
        await released(both, first, ways[0])
        between = now()
        await crowd.goes_on(3)
        crowd.never_sold(WEB, since=since, until_=between)
        crowd.never_sold(WEB, since=between)
        assert [] == await both.wrote(WEB, sku, "restore")
        await released(both, second, ways[1])
        for channel in both.shops:
            await sold(both, sku, channel)
    assert before == [await both.product(one, sku) for one in both.shops]
    for channel in both.shops:
        is_stopped = bool(await both.wrote(channel, sku, "stop"))
        assert int(is_stopped) == len(await both.wrote(channel, sku, "restore"))


@pytest.mark.parametrize(
    "pair",
    [(LOT, OTHER_LOT), (LOT, {"channel": WEB}), ({"channel": WEB}, LOT)],
    ids=["two lots", "lot and channel", "channel and lot"],
)
async def test_the_last_of_two_puts_back_what_was_before(both: Both, pair: Any):
    """Both concern the web's object. Closed in any order, in any way: it comes back once, exactly.

    Which of the two was stopped first, and which is closed first, makes no difference.
    """
    ways = tuple(product(("approved", "false alarm"), repeat=2))
    await asyncio.gather(*(_closed_one_by_one(both, pair, one) for one in ways))


# -------------------------------------------------------------------------------------- merged


async def _signals(both: Both, case: Any) -> set[str]:
    rows = await sql(both.rig, "SELECT id FROM case_signals WHERE case_id = $1", case["id"])
    return {one["id"] for one in rows}


async def _clocks(both: Both, case: Any) -> dict[str, Any]:
    rows = await sql(
        both.rig, "SELECT kind, due_at FROM clocks WHERE case_id = $1 AND stopped_at IS NULL",
        case["id"],
    )
    return {one["kind"]: one["due_at"] for one in rows}


@pytest.mark.parametrize(
    "reason", ["defective", "safety_injury"], ids=["same lane", "stricter lane"])
async def test_two_frozen_cases_become_one(both: Both, reason: str):
    """The older survives with all that both had; nothing is sold; its release releases both, once.

    The younger case's hold is the survivor's afterwards, with a line in the ledger; the earlier
    due times and the stricter lane count.
    """
    sku = await both.sku()
    before = [await both.product(one, sku) for one in both.shops]
    older = await both.frozen(sku, **LOT)
    younger = await reaches(
        both.rig, await pull(both.rig, "mara", sku, reason, scope={"channel": WEB}), "frozen")
    await both.rig.complain(sku, 1, lot="L-7")
    await both.rig.complain(sku, 1, channel=WEB)

    async def attached() -> bool:
        return bool(await _signals(both, older)) and bool(await _signals(both, younger))

    await until(attached, "complaints attached")
    signals = await _signals(both, older) | await _signals(both, younger)
    await sql(
        both.rig, "UPDATE clocks SET due_at = due_at - interval '1 hour',"
        " next_at = next_at - interval '1 hour'"
        " WHERE case_id = $1 AND kind IN ('hold_review', 'vendor_plan')", younger["id"])
    clocks = [await _clocks(both, one) for one in (older, younger)]
    (hold,) = await both.holds(younger)
    async with both.crowd(sku) as crowd:
        since = now()
        younger = await both.rig.case(younger["id"])
        merged = await both.rig.done(
            younger, "merge", "owen", into=str(older["number"]), reason="one cause")
        assert ("merged", older["id"]) == (merged["state"], merged["merged_into"])
        older = await both.rig.case(older["id"])
        assert "diagnosing" == older["state"]
        assert ("quality" if reason == "defective" else "safety") == older["lane"]
        assert [] == await both.holds(merged)
        assert {("L-7", "active"), (WEB, "active")} == await both.hold_states(older)
        assert hold["id"] in {one["id"] for one in await both.holds(older)}
        assert {older["lane"]} == {one["lane"] for one in await both.holds(older)}
        await crowd.goes_on()
        crowd.never_sold(WEB, MARKET, since=since)
    handed = await sql(
        both.rig, "SELECT hold ->> 'case' AS case FROM hold_changes WHERE hold_id = $1"
        " ORDER BY revision", hold["id"])
    assert (younger["id"], older["id"]) == (handed[0]["case"], handed[-1]["case"])
    assert signals <= await _signals(both, older)
    kept = await _clocks(both, older)
    for kind in clocks[0].keys() & clocks[1].keys() & kept.keys():
        assert min(one[kind] for one in clocks) == kept[kind], kind

    await _released_once(both, older, before)


async def _released_once(both: Both, case: Any, before: list[Any]) -> None:
    """Release a case: each shop is restored once, exactly, and every hold of the case ends."""
    sku = case["scope"]["sku"]
    if case["state"] == "diagnosing":
        people = ("quin", "mara") if case["recurrence"] or case["lane"] == "safety" else ("mara",)
        await approve(both.rig, await ask_for_approval(both.rig, case), *people)
        await reaches(both.rig, case, "probation")
    for channel in both.shops:
        await sold(both, sku, channel)
        assert 1 == len(await both.wrote(channel, sku, "restore"))
    assert before == [await both.product(one, sku) for one in both.shops]
    assert {"released"} == {one["state"] for one in await both.holds(case)}


async def test_the_higher_recurrence_counts(both: Both):
    """The younger one has come back once already: so has the case that survives."""
    sku = await both.sku()
    older = await both.frozen(sku, **LOT)
    younger = await both.frozen(sku, "mara", channel=WEB)
    await released(both, younger, "approved")
    await pull(both.rig, "mara", sku, scope={"channel": WEB}, status=200)
    younger = await reaches(both.rig, younger, "frozen")
    assert 1 == younger["recurrence"]
    await both.rig.done(younger, "merge", "owen", into=str(older["number"]), reason="one cause")
    assert 1 == (await both.rig.case(older["id"]))["recurrence"]


async def test_merged_while_one_is_being_narrowed(both: Both):
    """The younger one's narrowing is over, its wide hold goes along; one release ends it all."""
    sku = await both.sku()
    before = [await both.product(one, sku) for one in both.shops]
    older = await both.frozen(sku, **LOT)
    younger = await both.frozen(sku)
    async with both.crowd(sku) as crowd:
        since = now()
        await both.blind(WEB, sku)
        younger = await narrow(both, younger)
        await both.rig.done(younger, "merge", "owen", into=str(older["number"]), reason="one cause")
        await both.tidy()
        await crowd.goes_on()
        crowd.never_sold(WEB, MARKET, since=since)
    older = await both.rig.case(older["id"])
    assert ({("L-7", "active"), ("all", "active")}, {(WEB, "superseded")}) == (
        await both.hold_states(older), await both.hold_states(younger))
    await _released_once(both, older, before)


async def test_narrowed_to_what_came_with_a_merge(both: Both):
    """The lot that came in is what is at fault: its hold is there already, the other one ends."""
    sku = await both.sku()
    older = await both.frozen(sku, channel=WEB)
    younger = await both.frozen(sku, "mara", **LOT)
    await both.rig.done(younger, "merge", "owen", into=str(older["number"]), reason="one cause")
    async with both.crowd(sku) as crowd:
        since = now()
        older = await narrow(both, older, scope=LOT)
        await both.comes_to(older, (WEB, "superseded"), ("L-7", "active"))
        await crowd.goes_on()
    crowd.never_sold(WEB, MARKET, since=since)
    scope = (await both.rig.case(older["id"]))["scope"]
    assert ("L-7", None) == (scope["lot"], scope["channel"])


async def test_widened_after_a_merge(both: Both):
    """Both holds lie inside the wider scope: one is widened, the other superseded."""
    sku = await both.sku()
    older = await both.frozen(sku, **LOT, country="DE")
    younger = await both.frozen(sku, "mara", channel=WEB)
    await both.rig.done(younger, "merge", "owen", into=str(older["number"]), reason="one cause")
    async with both.crowd(sku) as crowd:
        since = now()
        older = await both.rig.case(older["id"])
        older = await both.rig.done(older, "widen", "owen", scope=LOT, reason="everywhere")
        assert {("L-7", "active"), (WEB, "active")} == await both.hold_states(older)
        older = await both.rig.done(older, "widen", "owen", scope={}, reason="every lot")
        await both.comes_to(older, ("all", "active"), (WEB, "superseded"))
        await crowd.goes_on()
    crowd.never_sold(WEB, MARKET, since=since)


async def test_a_waiver_is_the_survivors(both: Both):
    """A manager answers for the market until a moment: that moment still comes after the merge."""
    sku = await both.sku()
    await both.shops[MARKET].faults(skus=[sku], refuse=422)
    older = await both.frozen(sku, channel=WEB)
    younger = await pull(both.rig, "mara", sku, scope=LOT)
    younger = await both.tells(younger, "refused")
    (remote,) = [one for one in younger["enforcement"] if one["catalogue"] == "market"]
    until_ = (moment() + timedelta(hours=1)).isoformat()
    younger = await both.rig.done(
        younger, "waive", "mara", catalogue="market", remote_id=remote["remote_id"],
        until=until_, reason="their server room burns",
    )
    younger = await both.tells(younger, "confirm_freeze")  # all that is left is stopped
    await both.rig.done(younger, "merge", "owen", into=str(older["number"]), reason="one cause")
    (waiver,) = [one for one in await _clocks(both, older) if one.startswith("waiver:")]
    assert {} == await _clocks(both, younger)
    await both.tidy()
    await ring(both.rig, older, waiver)
    await both.tells(older, "unwaive")
    await not_bought(both, sku, MARKET)


async def test_tasks_are_the_survivors(both: Both):
    """What a person was asked for is asked for in the case that is left; no clock waits in vain."""
    sku = await both.sku()
    await both.shops[MARKET].faults(skus=[sku], refuse=422)
    older = await both.frozen(sku, channel=WEB)
    younger = await pull(both.rig, "mara", sku, scope=LOT)

    async def asked(case: Any) -> Any:
        seen = await both.rig.case(case["id"])
        return [one for one in seen["tasks"] if one["resolved_at"] is None]

    await until(lambda: asked(younger), "a person is asked")
    younger = await both.rig.case(younger["id"])
    await both.rig.done(younger, "merge", "owen", into=str(older["number"]), reason="one cause")
    await until(lambda: asked(older), "a person is asked in the other case")
    assert [] == await asked(younger)
    assert {} == await _clocks(both, younger)
    await both.tidy()
    await not_bought(both, sku, MARKET)

    async def done() -> bool:
        return not await asked(older)

    await until(done, "nobody is needed any more", seconds=15)


async def test_two_suspicions_become_one_and_lapse_together(both: Both):
    """Both soft holds are the survivor's; when nobody seconds it, both end, exactly."""
    sku = await both.sku()
    before = [await both.product(one, sku) for one in both.shops]
    older = await pull(both.rig, "alba", sku, scope=LOT)
    younger = await pull(both.rig, "bert", sku, scope={"channel": WEB})
    await not_bought(both, sku, WEB)
    async with both.crowd(sku) as crowd:
        since = now()
        await both.rig.done(younger, "merge", "owen", into=str(older["number"]), reason="one cause")
        assert {("L-7", "active"), (WEB, "active")} == await both.hold_states(older)
        await crowd.goes_on()
        crowd.never_sold(WEB, since=since)
        await ring(both.rig, older, "second_opinion")
        await reaches(both.rig, older, "expired")
        for channel in both.shops:
            await sold(both, sku, channel)
    assert {("L-7", "released"), (WEB, "released")} == await both.hold_states(older)
    assert before == [await both.product(one, sku) for one in both.shops]


# ------------------------------------------------------------------------- for good, and again


@pytest.mark.parametrize("answer", ["reopen", "uphold"])
async def test_delisted_and_appealed(both: Both, answer: str):
    """Delisted, appealed, and reopened or upheld: it is sold at no moment of it all."""
    sku = await both.sku()
    case = await both.frozen(sku)
    async with both.crowd(sku) as crowd:
        since = now()
        for who in ("quin", "mara"):
            case = await both.rig.done(case, "delist", who, reason="never again")
        assert "delisted" == case["state"]
        case = await both.rig.done(case, "appeal", "vera", new_facts="Another laboratory.")
        case = await both.rig.done(case, answer, "cora", reason="read it all")
        if answer == "reopen":
            case = await reaches(both.rig, case, "frozen")
        await crowd.goes_on()
    crowd.never_sold(WEB, MARKET, since=since)
    assert {"reopen": "frozen", "uphold": "delisted"}[answer] == case["state"]
    assert {("all", "active")} == await both.hold_states(case)


async def test_a_false_alarm_that_was_none(both: Both):
    """Closed and sold; staff appeals, it is reopened: stopped within seconds, and read back."""
    sku = await both.sku()
    case = await both.frozen(sku)
    await released(both, case, "false alarm")
    await sold(both, sku, WEB)
    case = await both.rig.case(case["id"])
    case = await both.rig.done(case, "appeal", "alba", new_facts="It burnt again.")
    assert (await both.shops[WEB].buy(sku)).ok
    async with both.crowd(sku) as crowd:
        begun = now()
        case = await both.rig.done(case, "reopen", "cora", reason="the facts are new")
        for channel in both.shops:
            await not_bought(both, sku, channel)
        since = now()
        case = await reaches(both.rig, case, "frozen")
        await crowd.goes_on()
    assert since - begun < AT_ONCE
    crowd.never_sold(WEB, MARKET, since=since)
    assert {"confirmed"} == {one["status"] for one in case["enforcement"]}


async def test_an_order_on_probation_stops_at_once(both: Both):
    """Reinstated and sold; an authority's order stops it within seconds, in the same case."""
    sku = await both.sku()
    case = await both.frozen(sku)
    await released(both, case, "approved")
    await sold(both, sku, WEB)
    case = await both.rig.case(case["id"])
    async with both.crowd(sku) as crowd:
        begun = now()
        case = await both.rig.done(case, "register_order", "cora", **ORDER)
        assert ("freezing", "authority") == (case["state"], case["lane"])
        for channel in both.shops:
            await not_bought(both, sku, channel)
        since = now()
        case = await reaches(both.rig, case, "frozen")
        await crowd.goes_on()
    assert since - begun < AT_ONCE
    crowd.never_sold(WEB, MARKET, since=since)
    moved = [(one["command"], one["to_state"]) for one in await timeline(both.rig, case)]
    assert ("register_order", "freezing") in moved
