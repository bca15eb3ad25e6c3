"""The chart of a case says what its reason says, and when everything happened."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.steps import mails_arrived, pull
from tests.rig import FIVE_CUSTOMERS, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE = {"id": "rate", "family": "rate", "window": "90d", "bound": 0.05, "min_units": 50,
        "min_customers": 2, "mode": "armed", "scope": {"category": "rated"}}
HOURLY = {"id": "hourly", "family": "distinct_customers", "window": "12h", "bound": 3,
          "mode": "armed", "scope": {"category": "hourly"}}
USUAL = {"id": "usual", "family": "likelihood", "bound": 30, "mode": "armed",
         "scope": {"category": "usual"}}
SHOP = {"rules": (FIVE_CUSTOMERS, RATE, HOURLY, USUAL), "policy": {"probation_time": "1d"}}


async def chart_of(rig: Rig, case: dict[str, Any], who: str = "owen") -> dict[str, Any]:
    """Return the chart of a case as somebody sees it."""
    return await rig.read(f"/v1/cases/{case['id']}/chart", who)


def point_of(chart: dict[str, Any], at: str) -> dict[str, Any]:
    """Return the point in which a moment lies."""
    moment = datetime.fromisoformat(at)
    return [one for one in chart["points"] if datetime.fromisoformat(one["at"]) <= moment][-1]


def ago(**length: float) -> str:
    """Return a moment so long ago."""
    return (datetime.now(UTC) - timedelta(**length)).isoformat()


async def in_category(rig: Rig, sku: str, category: str) -> None:
    """Register a SKU in a category."""
    body = {"title": sku, "vendor": "acme", "category": category, "owner": "owen"}
    assert 200 == (await rig.call("PUT", f"/v1/skus/{sku}", "root", json=body)).status


async def ship(rig: Rig, sku: str, units: int, at: str) -> None:
    """Report units that were shipped."""
    body = {"id": str(uuid4()), "source": "helpdesk", "sku": sku, "units": units, "shipped_at": at}
    assert 202 == (await rig.call("POST", "/v1/units", "source", json=body)).status


async def test_a_chart_shows_what_the_reason_says(rig: Rig, sku: str):
    """Each day has its complaints; the window fills up to the bound on the day of the crossing."""
    for days in (40, 6, 4, 3, 3):
        await rig.complain(sku, 1, occurred_at=ago(days=days))
    await ship(rig, sku, 17, ago(days=4))
    await rig.complain(sku, 1)
    case = await rig.in_state(sku, "frozen")
    await rig.complain(sku, 1, customer="somebody-else")

    chart = await chart_of(rig, case)
    reason = case["reason"]
    crossing = reason["counted"][-1]["occurred_at"]
    last = point_of(chart, crossing)

    assert (86400.0, "five-customers", 1) == (
        chart["step"], chart["rule"]["id"], chart["rule"]["version"])
    assert 30 <= len(chart["points"]) <= 40
    assert {5.0} == {one["bound"] for one in chart["points"]}
    assert (6, 6.0, 2) == (last["customers"], last["value"], last["complaints"])
    third = point_of(chart, ago(days=3))
    assert (4, 4.0, 2) == (third["customers"], third["value"], third["complaints"])
    quiet = point_of(chart, ago(days=2))
    assert (4, None, 0) == (quiet["customers"], quiet["value"], quiet["complaints"])
    assert 17 == point_of(chart, ago(days=4))["units"]
    assert 17 == sum(one["units"] for one in chart["points"])
    assert (5.0, 5.0) == (reason["observed"], reason["bound"])


async def test_what_led_to_a_stop_is_drawn_as_it_was_known(rig: Rig, sku: str):
    """Units and complaints that are reported later don't make the stop look like a mistake."""
    await in_category(rig, sku, "rated")
    await ship(rig, sku, 60, ago(days=1))
    await rig.complain(sku, 3, occurred_at=ago(days=1))
    case = await rig.in_state(sku, "frozen")
    await ship(rig, sku, 10_000, ago(days=1))

    chart = await chart_of(rig, case)
    crossed = point_of(chart, case["reason"]["counted"][-1]["occurred_at"])

    assert (case["reason"]["observed"], case["reason"]["bound"]) == (
        crossed["value"], crossed["bound"])
    assert ("rate", 10_060) == (chart["rule"]["family"], sum(
        one["units"] for one in chart["points"]))


async def test_a_rule_that_learns_is_drawn_by_its_evidence(rig: Rig, sku: str):
    """The odds of the reason stand in the chart at the day of the crossing."""
    await in_category(rig, sku, "usual")
    for days in range(200, 60, -20):
        await rig.complain(sku, 1, occurred_at=ago(days=days))
    for number in range(40):
        await rig.complain(sku, 1, occurred_at=ago(hours=100 - 2 * number))
        if await rig.cases(sku):
            break
    case = await rig.in_state(sku, "frozen")

    chart = await chart_of(rig, case)
    crossed = point_of(chart, case["reason"]["counted"][-1]["occurred_at"])

    assert "likelihood" == case["reason"]["family"] == chart["rule"]["family"]
    assert case["reason"]["observed"] == pytest.approx(crossed["value"])
    assert crossed["value"] >= crossed["bound"] == 30


async def test_short_windows_are_drawn_by_the_hour(rig: Rig, sku: str):
    """Where a rule looks at hours, days would show nothing."""
    await in_category(rig, sku, "hourly")
    for hours in (5, 3, 1):
        await rig.complain(sku, 1, occurred_at=ago(hours=hours))
    case = await rig.in_state(sku, "frozen")

    chart = await chart_of(rig, case)

    assert 3600.0 == chart["step"]
    assert 24 <= len(chart["points"]) <= 40
    assert [1, 2, 3] == [point_of(chart, ago(hours=hours))["customers"] for hours in (5, 3, 1)]


async def test_marks_tell_the_story_in_order(rig: Rig, sku: str):
    """Crossing, freeze, read-back, each notice, approval and release, when they happened."""
    case = await rig.to_awaiting_approval(sku)
    await mails_arrived(rig, case)
    await rig.done(case, "approve", "mara", evidence_revision=case["evidence_revision"])
    case = await rig.in_state(sku, "probation")

    chart = await chart_of(rig, case)
    marks = chart["marks"]
    kinds = [one["kind"] for one in marks if one["kind"] != "notice"]

    assert ["crossing", "freeze", "confirmed", "approved", "released"] == kinds
    assert sorted(one["at"] for one in marks) == [one["at"] for one in marks]
    assert ("five-customers", case["reason"]["counted"][-1]["occurred_at"]) == (
        marks[0]["what"], datetime.fromisoformat(marks[0]["at"]).isoformat())
    told = [one for one in marks if one["kind"] == "notice"]
    assert {"vendor:acme"} < {one["recipient"] for one in told}
    assert all(one["what"] and one["channel"] for one in told)


async def test_on_probation_only_what_came_after_counts(rig: Rig, sku: str):
    """After the fix the bound is lower and the complaints of before are gone."""
    case = await rig.to_awaiting_approval(sku)
    await rig.done(case, "approve", "mara", evidence_revision=case["evidence_revision"])
    case = await rig.in_state(sku, "probation")
    await rig.complain(sku, 3)
    case = await rig.in_state(sku, "frozen")

    chart = await chart_of(rig, case)
    crossings = [one for one in chart["marks"] if one["kind"] == "crossing"]
    refreeze = await rig.read(f"/v1/cases/{case['id']}/timeline?limit=200", "owen")
    reasons = [one["arguments"]["reason"] for one in refreeze["items"]
               if one["command"] == "freeze"]

    assert 2 == len(crossings) == len(reasons)
    assert (3.0, 3.0) == (reasons[1]["observed"], reasons[1]["bound"])
    last = chart["points"][-1]
    # both crossings lie in one day, and neither went further beyond its bound: the first shows
    assert (8, 5.0, 5.0) == (last["complaints"], last["value"], last["bound"])


async def test_a_pull_has_no_rule(rig: Rig, sku: str):
    """Where people stopped the sale the chart counts customers and knows no bound."""
    await rig.complain(sku, 2)
    await pull(rig, "mara", sku)
    case = await rig.in_state(sku, "frozen")

    chart = await chart_of(rig, case)
    last = chart["points"][-1]

    assert (None, None, 2) == (chart["rule"], last["bound"], last["customers"])
    assert ["freeze", "confirmed"] == [
        one["kind"] for one in chart["marks"] if one["kind"] != "notice"]


async def test_a_vendor_sees_no_sales_and_no_colleague(rig: Rig, sku: str):
    """A vendor's chart has counts and its own notices; a rival's has nothing."""
    await ship(rig, sku, 17, ago(days=1))
    await rig.complain(sku, 5)
    case = await rig.in_state(sku, "frozen")
    await mails_arrived(rig, case)

    async def told() -> Any:
        chart = await chart_of(rig, case, "vera")
        return [one for one in chart["marks"] if one["kind"] == "notice"] and chart

    chart = await until(told, "the vendor was told")
    whole = await chart_of(rig, case)

    assert {None} == {one["units"] for one in chart["points"]}
    assert {None, "vendor:acme"} == {one["recipient"] for one in chart["marks"]}
    assert {None, "vendor:acme"} < {one["recipient"] for one in whole["marks"]}
    assert [one["customers"] for one in whole["points"]] == [
        one["customers"] for one in chart["points"]]
    path = f"/v1/cases/{case['id']}/chart"
    assert 404 == (await rig.call("GET", path, "vito")).status
    assert 403 == (await rig.call("GET", path, "source")).status
    assert 404 == (await rig.call("GET", f"/v1/cases/{uuid4()}/chart", "owen")).status


async def test_a_vendor_sees_no_suspicion(rig: Rig, sku: str):
    """A case that is only suspected has no chart for its vendor."""
    case = await pull(rig, "alba", sku)

    assert 404 == (await rig.call("GET", f"/v1/cases/{case['id']}/chart", "vera")).status
