"""Times at the edges: far past, far future, offsets, leap seconds, and what is no time at all."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.badinput.operations import ask, encoded, wrong_with
from tests.rig import SOURCE, Rig

pytestmark = pytest.mark.asyncio(loop_scope="package")

PAST = ("0001-01-01T00:00:00Z", "0001-01-02T00:00:00+14:00", "1582-10-10T12:00:00Z",
        "1900-02-28T23:59:59.999999999Z", "1970-01-01T00:00:00Z", "2000-02-29T00:00:00-12:00",
        "2016-12-31t23:59:59z", "2026-10-25T02:30:00+02:00")
FUTURE = ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z", "2099-01-01T00:00:00+14:00")
NONE_OF_OURS = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")
NO_TIME = (
    "", "now", "yesterday", "2026-11-21", "2026-11-21T09:30:00", "2026-11-21 09:30:00Z",
    "20261121T093000Z", "2026-W47-6T09:30:00Z", "2026-325T09:30:00Z", "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z", "2026-11-21T24:00:01Z", "2026-11-21T25:00:00Z", "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-11-21T09:30:00+25:00",
    "2026-11-21T09:30:00+0100", "2026-11-21T09:30Z", "1795311930", "1795311930.5", "1e9",
    "2026-11-21T09:30:00.Z", "٢٠٢٦-11-21T09:30:00Z", "2026-11-21T09:30:00Z ", "Z",
    "2016-12-31T23:59:60Z",  # a leap second, which no clock of ours knows
)
OTHER_TYPES = (None, 0, 1795311930, 1795311930.5, True, [], {}, ["2026-11-21T09:30:00Z"])


def feeds(moment: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return a signal for each of its times, and a shipment, with a moment in that place."""
    label = str(uuid4())
    head = {"id": label, "source": SOURCE, "sku": f"time-{label}"}
    signal = {**head, "kind": "complaint", "severity": "minor"}
    another = {**signal, "id": f"{label}-2"}
    return [
        ("/v1/signals", {**signal, "occurred_at": moment}),
        ("/v1/signals", {**another, "occurred_at": "2026-01-01T00:00:00Z", "observed_at": moment}),
        ("/v1/units", {**head, "units": 1, "shipped_at": moment}),
    ]


@pytest.mark.parametrize("moment", PAST)
async def test_any_age_is_accepted(rig: Rig, moment: str):
    """Year 1 included: 202, and nothing is stopped for it."""
    for path, body in feeds(moment):
        answer = await ask(rig, "POST", path, "source", json=body)
        status = await rig.status(body["sku"])

        assert (202, 1, "sellable") == (answer.status, answer.body["accepted"], status), path


@pytest.mark.parametrize("moment", FUTURE)
async def test_the_future_is_refused(rig: Rig, moment: str):
    """Year 9999 included: 422, with the place that lies ahead."""
    for path, body in feeds(moment):
        answer = await ask(rig, "POST", path, "source", json=body)

        assert None is wrong_with(answer, 422, "future_dated")
        assert answer.body["rejected"][0]["pointer"].endswith("_at")


async def test_a_clock_may_be_five_minutes_ahead(rig: Rig):
    """4 minutes are accepted, 6 are not."""
    ahead = {
        minutes: [
            (await ask(rig, "POST", path, "source", json=body)).status
            for path, body in feeds((datetime.now(UTC) + timedelta(minutes=minutes)).isoformat())
        ]
        for minutes in (4, 6)
    }

    assert {4: [202] * 3, 6: [422] * 3} == ahead


@pytest.mark.parametrize("moment", [*NO_TIME, *NONE_OF_OURS])
async def test_what_is_no_time_is_refused(rig: Rig, moment: str):
    """Only RFC 3339 with an offset, within the years 1 to 9999 in UTC, in every place."""
    answers = [
        await ask(rig, "POST", path, "source", json=body) for path, body in feeds(moment)
    ]
    suppression = {"sku": "a", "cause": "a", "expires_at": moment}
    answers.append(await ask(rig, "POST", "/v1/suppressions", "quin", json=suppression))
    held = await ask(rig, "GET", f"/v1/holds?at={encoded(moment)}", "catalogue")

    assert [None] * 4 == [wrong_with(one, 422, "invalid_input") for one in answers]
    assert None is wrong_with(held, 422, "invalid_parameter")


@pytest.mark.parametrize("moment", OTHER_TYPES)
async def test_a_time_is_text(rig: Rig, moment: Any):
    """Seconds since 1970 are nobody's guess; only `observed_at` may be null."""
    for path, body in feeds(moment):
        may_be_null = moment is None and "observed_at" in body
        answer = await ask(rig, "POST", path, "source", json=body)

        assert may_be_null or None is wrong_with(answer, 422, "invalid_input"), body


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
async def test_before_everything_nothing_was_held(rig: Rig, moment: str):
    """The held set of long ago is empty, at revision 0."""
    answer = await ask(rig, "GET", f"/v1/holds?at={encoded(moment)}", "catalogue")

    assert (200, 0, []) == (answer.status, answer.body["revision"], answer.body["items"])


@pytest.mark.parametrize("moment", FUTURE)
async def test_nobody_knows_what_will_be_held(rig: Rig, moment: str):
    """Asked for the future, the held set answers with the present and says so."""
    answer = await ask(rig, "GET", f"/v1/holds?at={encoded(moment)}", "catalogue")

    as_of = datetime.fromisoformat(answer.body["as_of"])
    assert 200 == answer.status
    assert timedelta(0) <= datetime.now(UTC) - as_of < timedelta(minutes=1)


@pytest.mark.parametrize("moment", [*PAST, "2098-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_a_suppression_ends_within_a_year(rig: Rig, moment: str):
    """Neither in the past nor far ahead: 422 with the place."""
    body = {"sku": "a", "cause": "a", "expires_at": moment}
    answer = await ask(rig, "POST", "/v1/suppressions", "quin", json=body)

    assert None is wrong_with(answer, 422, "invalid_input")
    assert "/expires_at" == answer.body["errors"][0]["pointer"]
