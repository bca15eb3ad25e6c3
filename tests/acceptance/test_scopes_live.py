"""Wider and narrower: on two real shops, while people try to buy and readers ask all the time."""

from collections.abc import AsyncIterator, Awaitable, Callable
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
from tests.acceptance.steps import approve, ask_for_approval, pull, reaches, timeline
from tests.rig import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOT = {"lot": "L-7"}
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


# ------------------------------------------------------------------------------------ wider


async def test_more_is_stopped_within_seconds(both: Both):
    """The rest stops; the part that was stopped is at no moment sold, to buyers or readers."""
    sku = await both.sku()
    case = await both.frozen(sku, channel=WEB)
    assert (await both.shops[MARKET].buy(sku)).ok
    async with both.crowd(sku) as crowd:
        since = now()
        case = await both.rig.done(case, "widen", "owen", scope={}, reason="the other too")
        await not_bought(both, sku, MARKET)
        stopped_at = now()
        await both.tells(case, "confirmed")
        await crowd.goes_on()
    assert stopped_at - since < AT_ONCE
    crowd.never_sold(WEB, since=since)
    crowd.never_sold(MARKET, since=stopped_at)
    assert {("all", "active")} == await both.hold_states(case)


# --------------------------------------------------------------------------------- narrower


async def test_less_is_stopped_and_never_what_is_still_wanted(both: Both):
    """Made before it is broken: the web is never sold; the market only once the web is read back.

    Its fields come back exactly; readers never see the web sellable, not afterwards by `?at=`
    either; the wide hold ends as superseded.
    """
    sku = await both.sku()
    before = await both.product(MARKET, sku)
    case = await both.frozen(sku)
    frozen_at = moment()
    async with both.crowd(sku) as crowd:
        since = now()
        case = await narrow(both, case)
        assert {"sku": sku, "channel": WEB} == case["narrowing"]["scope"]
        asked_at = moment()
        await sold(both, sku, MARKET)
        sold_at = now()
        await both.comes_to(case, ("all", "superseded"), (WEB, "active"))
        await crowd.goes_on()
    case = await both.tells(case, "confirm_narrow")
    assert (WEB, None) == (case["scope"]["channel"], case["narrowing"])
    crowd.never_sold(WEB, since=since)
    assert crowd.successes(MARKET, sold_at)
    assert before == await both.product(MARKET, sku)
    confirmed_at = await both.when(case, "confirm_narrow")
    (restored,) = await both.wrote(MARKET, sku, "restore")
    assert restored > confirmed_at
    assert [] == await both.wrote(WEB, sku, "restore")
    at = [await both.held_at(sku, one) for one in (frozen_at, asked_at, moment())]
    assert [{"all"}, {"all", WEB}, {WEB}] == at
    released = [one for one in crowd.streamed if one["event"] == "release"]
    assert [{"sku": sku}] == [one["scope"] for one in released]


async def test_a_lot_that_no_catalogue_tells_apart(both: Both):
    """Narrowed to a lot, both shops stay stopped whole: wide beats open. The old hold ends."""
    sku = await both.sku()
    case = await both.frozen(sku)
    async with both.crowd(sku) as crowd:
        since = now()
        case = await narrow(both, case, scope=LOT)
        await both.comes_to(case, ("all", "superseded"), ("L-7", "active"))
        await crowd.goes_on()
    crowd.never_sold(WEB, MARKET, since=since)
    assert [] == await both.wrote(MARKET, sku, "restore") == await both.wrote(WEB, sku, "restore")


@pytest.mark.parametrize(
    "fault",
    [{"error": {"status": 422}}, {"error": {"status": 503}, "times": 6}],
    ids=["refuses", "does not answer"],
)
async def test_what_is_not_read_back_is_not_let_go(both: Both, fault: dict[str, Any]):
    """The web can't be looked at: the wide hold stays, the case says so; then it goes on."""
    sku = await both.sku()
    case = await both.frozen(sku)
    async with both.crowd(sku) as crowd:
        since = now()
        await both.shops[WEB].faults(skus=[sku], operations=["read_back"], **fault)
        case = await narrow(both, case)

        async def degraded() -> Any:
            seen = await both.rig.case(case["id"])
            return seen if seen["degraded"] else None

        case = await until(degraded, "the case says that it is degraded")
        assert {(WEB, "active"), ("all", "active")} == await both.hold_states(case)
        assert case["narrowing"] is not None
        await crowd.goes_on()
        crowd.never_sold(MARKET, since=since)
        await both.tidy()
        await sold(both, sku, MARKET)
    crowd.never_sold(WEB, since=since)
    await both.comes_to(case, ("all", "superseded"), (WEB, "active"))


# ------------------------------------------------------------------ crossed by something else


async def _by_an_order(both: Both, case: Any) -> None:
    await both.rig.done(case, "register_order", "cora", **ORDER)


async def _by_an_injury(both: Both, case: Any) -> None:
    body = {"scope": _narrowed(case["scope"]), "reason_code": "safety_injury", "comment": "Burnt."}
    answer = await both.rig.call("POST", "/v1/freezes", "mara", json=body)
    assert 200 == answer.status, answer.body
    assert "safety" == (await both.rig.case(case["id"]))["lane"]


async def _by_widening(both: Both, case: Any) -> None:
    await both.rig.done(case, "widen", "owen", scope={}, reason="every lot")


async def _by_a_merge(both: Both, case: Any) -> None:
    younger = await both.frozen(case["scope"]["sku"], channel=MARKET)
    await both.rig.done(younger, "merge", "owen", into=str(case["number"]), reason="one cause")


async def _by_delisting(both: Both, case: Any) -> None:
    for who in ("quin", "mara"):
        case = await both.rig.done(case, "delist", who, reason="never again")


def _narrowed(scope: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, value in scope.items() if value is not None}


async def _both_read_back(both: Both, case: dict[str, Any]) -> None:
    """Wait until each shop was read back from now on, and nothing is amiss any more."""
    started = moment()

    async def looked_at() -> bool:
        seen = await both.rig.case(case["id"])
        moments = [one["seen_at"] or "" for one in seen["enforcement"]]
        return not seen["degraded"] and min(moments) > started.isoformat()

    await until(looked_at, "both read back since")


@pytest.mark.parametrize(
    "crossed",
    [_by_an_order, _by_an_injury, _by_widening, _by_a_merge, _by_delisting],
    ids=lambda one: one.__name__.removeprefix("_by_"),
)
async def test_a_narrowing_that_is_crossed_lets_nothing_go(
    both: Both, crossed: Callable[[Both, Any], Awaitable[None]]
):
    """What comes before the web was read back ends the narrowing: both shops stay stopped."""
    sku = await both.sku()
    case = await both.frozen(sku, **LOT)
    async with both.crowd(sku) as crowd:
        since = now()
        await both.blind(WEB, sku)
        case = await narrow(both, case, scope={**LOT, "channel": WEB})
        await crossed(both, case)
        await both.tidy()
        await _both_read_back(both, case)
        await crowd.goes_on()
    crowd.never_sold(WEB, MARKET, since=since)
    case = await both.rig.case(case["id"])
    assert None is case["narrowing"]
    assert WEB != case["scope"]["channel"]
    assert "confirm_narrow" not in [one["command"] for one in await timeline(both.rig, case)]
    assert [] == await both.wrote(MARKET, sku, "restore") == await both.wrote(WEB, sku, "restore")


async def test_a_narrowing_that_news_has_ended_can_be_asked_for_again(both: Both):
    """The narrow hold of the first try is over; that of the second does what it should."""
    sku = await both.sku()
    case = await both.frozen(sku)
    async with both.crowd(sku) as crowd:
        since = now()
        await both.blind(WEB, sku)
        case = await narrow(both, case)
        await _by_an_injury(both, case)
        await both.comes_to(case, (WEB, "superseded"), ("all", "active"))
        await both.tidy()
        await _both_read_back(both, case)
        case = await narrow(both, case, "quin", "mara")
        await both.comes_to(
            case, (WEB, "superseded"), ("all", "superseded"), (WEB, "active"))
        await sold(both, sku, MARKET)
        await crowd.goes_on()
    crowd.never_sold(WEB, since=since)


async def test_released_while_it_is_narrowed(both: Both):
    """Approved before the web was read back: everything is released, once, exactly."""
    sku = await both.sku()
    before = [await both.product(one, sku) for one in both.shops]
    case = await both.frozen(sku)
    await both.blind(WEB, sku)
    case = await narrow(both, case)
    case = await both.rig.done(
        case, "declare_false_alarm", "owen", reason_code="wrong_item")
    await both.tidy()
    await reaches(both.rig, case, "closed_false_alarm")
    assert before == [await both.product(one, sku) for one in both.shops]
    assert {(WEB, "released"), ("all", "released")} == await both.hold_states(case)
    for channel in both.shops:
        await sold(both, sku, channel)
        assert 1 == len(await both.wrote(channel, sku, "restore"))


# ------------------------------------------------------- the other part, and its own troubles


async def _refusing(both: Both, sku: str) -> dict[str, Any]:
    """Narrow a case to the web, and let the market refuse to sell again; a person is asked."""
    case = await both.frozen(sku)
    await both.keeps_stopped(MARKET, sku)
    case = await narrow(both, case)
    case = await both.tells(case, "confirm_narrow")

    async def asked() -> Any:
        seen = await both.rig.case(case["id"])
        return seen if [one for one in seen["tasks"] if one["task"] == "release"] else None

    return dict(await until(asked, "a person is asked"))


async def test_the_other_part_refuses_to_be_sold_again(both: Both):
    """Readers see it stopped, one task waits; when it sells again both are over by themselves."""
    sku = await both.sku()
    before = await both.product(MARKET, sku)
    async with both.crowd(sku) as crowd:
        case = await _refusing(both, sku)
        since = now()
        await crowd.goes_on()
        crowd.never_sold(WEB, MARKET, since=since)
        (task,) = case["tasks"]
        assert ("market", None) == (task["catalogue"], task["resolved_at"])
        assert "channel" not in task["instruction"]
        assert {("all", "releasing"), (WEB, "active")} == await both.hold_states(case)
        await both.tidy()
        await sold(both, sku, MARKET)
    await both.comes_to(case, ("all", "superseded"), (WEB, "active"))
    crowd.never_sold(WEB, since=since)
    assert before == await both.product(MARKET, sku)
    (task,) = (await both.rig.case(case["id"]))["tasks"]
    assert task["resolved_at"] is not None


async def test_a_case_on_its_way_out_waits_for_the_other_part(both: Both):
    """Approved while the market still refuses: readers are told "sellable" of what sells only."""
    sku = await both.sku()
    before = [await both.product(one, sku) for one in both.shops]
    case = await _refusing(both, sku)
    case = await approve(both.rig, await ask_for_approval(both.rig, case), "mara")
    async with both.crowd(sku) as crowd:
        since = now()

        async def web_restored() -> bool:
            return bool(await both.wrote(WEB, sku, "restore"))

        await until(web_restored, "the web restored")
        await crowd.goes_on()
        crowd.never_sold(MARKET, since=since)
        assert "reinstating" == (await both.rig.case(case["id"]))["state"]
        await both.tidy()
        await reaches(both.rig, case, "probation")
        await sold(both, sku, MARKET)
    await sold(both, sku, WEB)
    assert before == [await both.product(one, sku) for one in both.shops]
    assert {("all", "released"), (WEB, "released")} == await both.hold_states(case)


async def test_delisted_while_the_other_part_refuses(both: Both):
    """What was narrowed away is let go all the same, and the rest stays stopped for good."""
    sku = await both.sku()
    case = await _refusing(both, sku)
    async with both.crowd(sku) as crowd:
        since = now()
        await _by_delisting(both, case)
        await both.tidy()
        await both.comes_to(case, ("all", "superseded"), (WEB, "active"))
        await sold(both, sku, MARKET)
        await crowd.goes_on()
    crowd.never_sold(WEB, since=since)


async def test_stopped_again_while_the_other_part_refuses(both: Both):
    """Approved and pulled again: the web is stopped again; the market's release goes on."""
    sku = await both.sku()
    case = await _refusing(both, sku)
    case = await approve(both.rig, await ask_for_approval(both.rig, case), "mara")
    await pull(both.rig, "mara", sku, scope={"channel": WEB}, status=200)
    case = await reaches(both.rig, case, "frozen")
    async with both.crowd(sku) as crowd:
        since = now()
        await both.tidy()
        await both.comes_to(case, ("all", "superseded"), (WEB, "active"))
        await sold(both, sku, MARKET)
        await crowd.goes_on()
    crowd.never_sold(WEB, since=since)
