"""A day that somebody names means its end where they are."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.acceptance.steps import timeline
from tests.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

HONOLULU, SHANGHAI = "Pacific/Honolulu", "Asia/Shanghai"


def end_of(day: date, zone: str) -> datetime:
    """Return the last second of a day somewhere."""
    return datetime.combine(day, time(23, 59, 59), ZoneInfo(zone))


def soon() -> date:
    """Return a day that no cap and no calendar minds."""
    return datetime.now(UTC).date() + timedelta(days=4)


async def test_a_vendors_day_ends_where_the_vendor_is(rig: Rig, sku: str):
    """The date of a remedy is the end of that day by the zone that the vendor's clocks go by."""
    await rig.call("PUT", "/v1/vendors/acme", "root", json={
        "name": "Acme", "contacts": {"email": ["quality@acme.example"]}, "time_zone": SHANGHAI,
    })
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    case = await rig.done(case, "commit_date", "vera", date=soon().isoformat())

    assert end_of(soon(), SHANGHAI) == datetime.fromisoformat(case["commitment"]["date"])


async def test_a_managers_day_ends_where_the_manager_is(rig: Rig, sku: str):
    """A deadline is moved to the end of a day where its author is, and recorded as a moment."""
    await rig.call("PUT", "/v1/people/mara", "root", json={
        "name": "Mara", "roles": ["manager"], "areas": ["kitchen"], "time_zone": HONOLULU,
    })
    later = soon() + timedelta(days=26)
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    case = await rig.done(
        case, "extend_deadline", "mara", clock="diagnosis", until=later.isoformat(), reason="r"
    )
    [clock] = [one for one in case["clocks"] if one["kind"] == "diagnosis"
               and one["stopped_at"] is None]
    [event] = [one for one in await timeline(rig, case) if one["command"] == "extend_deadline"]

    assert end_of(later, HONOLULU) == datetime.fromisoformat(clock["due_at"])
    assert end_of(later, HONOLULU) == datetime.fromisoformat(event["arguments"]["until"])


async def test_a_suppression_lasts_to_the_end_of_a_day(rig: Rig, sku: str):
    """By the zone of whoever holds detection back."""
    await rig.call("PUT", "/v1/people/quin", "root", json={
        "name": "Quin", "roles": ["analyst"], "time_zone": HONOLULU,
    })
    answer = await rig.call("POST", "/v1/suppressions", "quin", json={
        "sku": sku, "cause": "A carton.", "expires_at": soon().isoformat(),
    })

    assert 201 == answer.status, answer.body
    assert end_of(soon(), HONOLULU) == datetime.fromisoformat(answer.body["expires_at"])


@pytest.mark.parametrize(
    "named", ["2026-13-44", "2026-02-30", "tomorrow", "2026-12-04T10:00:00", "04.12.2026", 20261204]
)
async def test_what_is_neither_day_nor_moment_is_refused_in_words(rig: Rig, sku: str, named):
    """A time without a zone is no moment: 422 that says what may be written."""
    answer = await rig.call("POST", "/v1/suppressions", "quin", json={
        "sku": sku, "cause": "A carton.", "expires_at": named,
    })
    [error] = answer.body["errors"]

    assert (422, "/expires_at") == (answer.status, error["pointer"])
    assert "no such day" in error["detail"] or "2026-12-04T10:00:00+01:00" in error["detail"]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_the_first_and_the_last_day_are_days(rig: Rig, sku: str, day: str):
    """At the edges of the calendar a day is refused as too early or too late, never a fault."""
    answer = await rig.call("POST", "/v1/suppressions", "quin", json={
        "sku": sku, "cause": "A carton.", "expires_at": day,
    })

    assert (422, "/expires_at") == (answer.status, answer.body["errors"][0]["pointer"])
