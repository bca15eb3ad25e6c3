"""Whom a clock tells when its time is up, who comes after them, and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from freezeguard.domain.calendars import Calendar
from freezeguard.domain.clocks import BY_NAME
from freezeguard.domain.ladders import RUNGS, breach, ladder_of, warning
from freezeguard.domain.record import RunningClock
from tests.domain.casebook import DAY, HOUR, POLICY, case_in

OWNERS = ["owner", "deputy", "managers", "admins"]
READERS = {
    "second_opinion": ["owner", "admins"],
    "accept": OWNERS,
    "confirm": OWNERS,
    "ownership": OWNERS,
    "vendor_ack": ["vendor_second", "vendor_superior", "owner"],
    "vendor_plan": OWNERS,
    "vendor_date": OWNERS,
    "diagnosis": OWNERS,
    "contest": OWNERS,
    "judge": OWNERS,
    "approve": ["approvers", "managers", "admins"],
    "revocation": ["compliance", "admins"],
    "update": ["owner", "admins"],
    "release": OWNERS,
    "probation": ["owner", "admins"],
    "hand_off": ["owner", "admins"],
    "appeal": ["managers", "admins"],
    "hold_review": ["owner", "admins"],
    "later_review": ["managers", "admins"],
    "manual_task": OWNERS,
    "waiver:shop/p-1": OWNERS,
    "report": ["compliance", "admins"],
}
MACHINE = {"accept", "confirm", "release", "manual_task"}
PLACE = Calendar("DE", "UTC")
FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
LAW = {
    "law": "Article 1", "sentence": "Report it.",
    "warn_at": [(FRIDAY + 12 * HOUR).isoformat(), (FRIDAY + 19 * HOUR).isoformat()],
}


def _clock(kind):
    details = LAW if kind == "report" else {}
    return RunningClock(kind, FRIDAY - 10 * HOUR, FRIDAY, details=details)


def _climb(kind, lane="quality", steps=6, start=FRIDAY):
    """Let a clock that nobody answers go up its ladder; return who is told, and when."""
    clock, level, now, told = _clock(kind), 0, start, []
    for _ in range(steps):
        stage = breach(clock, level, case_in("frozen", lane=lane), now, POLICY, PLACE)
        told.append((stage.notify.reader, now))
        level, now = stage.level, stage.next_at
    return told


def test_every_clock_has_its_ladder():
    """All kinds are here, each with its readers in order."""
    assert {*BY_NAME, "manual_task", "waiver:shop/p-1", "report"} == set(READERS)
    for kind, readers in READERS.items():
        assert readers == list(RUNGS[ladder_of(_clock(kind))])


@pytest.mark.parametrize("kind", READERS)
def test_nobody_is_left_out_and_the_last_is_told_again(kind):
    """One rung after the other; whoever stands on the last one hears of it for ever."""
    readers = READERS[kind]

    told = [reader for reader, _ in _climb(kind, steps=len(readers) + 3)]

    assert [*readers, *[readers[-1]] * 3] == told


@pytest.mark.parametrize("kind", sorted(set(READERS) - MACHINE))
def test_staff_is_told_in_its_working_hours(kind):
    """Four working hours from rung to rung, then once a working day: 15:00 on Friday is 11:00."""
    times = [at for _, at in _climb(kind, steps=len(READERS[kind]) + 2)]

    expected, now = [FRIDAY], FRIDAY
    for _ in READERS[kind][1:]:
        now = PLACE.after_hours(now, 4 * HOUR)
        expected.append(now)
    for _ in range(2):
        now = PLACE.after_hours(now, 8 * HOUR)
        expected.append(now)
    assert expected == times
    assert times[1] == MONDAY


@pytest.mark.parametrize("lane", ["safety", "authority"])
@pytest.mark.parametrize("kind", sorted(set(READERS) - MACHINE))
def test_nobody_waits_for_monday_in_the_other_lanes(kind, lane):
    """An hour from rung to rung, then every day, Sundays included."""
    rungs = len(READERS[kind])

    times = [at for _, at in _climb(kind, lane, steps=rungs + 2)]

    assert [FRIDAY + n * HOUR for n in range(rungs)] == times[:rungs]
    assert [DAY, DAY] == [two - one for one, two in pairwise(times[rungs - 1:])]


@pytest.mark.parametrize("kind", sorted(MACHINE))
@pytest.mark.parametrize("lane", ["quality", "safety"])
def test_what_a_machine_owes_pages_the_next_in_a_quarter_of_an_hour(kind, lane):
    """Catalogues don't keep working hours, so neither do those who are paged."""
    times = [at for _, at in _climb(kind, lane, steps=4)]

    assert [FRIDAY + n * timedelta(minutes=15) for n in range(4)] == times


def test_a_breach_says_which_clock_and_since_when():
    """The notice holds the clock, its due time, how far up it has come, to whom and what next."""
    case = case_in("frozen")

    first = breach(_clock("judge"), 0, case, FRIDAY, POLICY, PLACE)
    far = breach(_clock("judge"), 99, case, FRIDAY, POLICY, PLACE)

    assert "clock_breached" == first.notify.kind
    assert {
        "clock": "judge", "due": FRIDAY.isoformat(), "level": 1, "as": "owner",
        "next": first.next_at.isoformat(),
    } == first.notify.facts
    assert ("admins", 4) == (far.notify.reader, far.notify.facts["level"])
    assert not first.is_warning


def test_a_warning_goes_to_whoever_has_the_ball():
    """With the share of the time that has passed; the next stage is the breach."""
    clock = RunningClock("approve", FRIDAY, FRIDAY + 10 * HOUR)

    warned = warning(clock, FRIDAY + 8 * HOUR)

    assert ("clock_warning", "approvers") == (warned.notify.kind, warned.notify.reader)
    assert {
        "clock": "approve", "due": (FRIDAY + 10 * HOUR).isoformat(), "share": 0.8,
        "as": "approvers",
    } == warned.notify.facts
    assert (0, FRIDAY + 10 * HOUR, True) == (warned.level, warned.next_at, warned.is_warning)


def test_a_clock_without_length_is_wholly_over():
    """A deadline set for this very moment divides nothing by nothing."""
    clock = RunningClock("approve", FRIDAY, FRIDAY)

    assert 1.0 == warning(clock, FRIDAY).notify.facts["share"]


def test_the_law_warns_at_half_and_at_four_fifths():
    """Compliance hears twice before the period ends, and once it has, each day again."""
    clock = RunningClock("report", FRIDAY, FRIDAY + 24 * HOUR, details=LAW)

    half = warning(clock, FRIDAY + 12 * HOUR)
    most = warning(clock, half.next_at)

    assert (FRIDAY + 19 * HOUR, FRIDAY + 24 * HOUR) == (half.next_at, most.next_at)
    expected = {
        "clock": "report", "law": "Article 1", "due": (FRIDAY + 24 * HOUR).isoformat(),
        "what": "Report it.",
    }
    for stage in (half, most):
        assert ("legal_clock", "compliance", expected) == (
            stage.notify.kind, stage.notify.reader, stage.notify.facts
        )
    over = breach(clock, 0, case_in("frozen"), FRIDAY + 24 * HOUR, POLICY, PLACE)
    assert ("legal_clock", "compliance") == (over.notify.kind, over.notify.reader)
    assert {
        **expected, "level": 1, "as": "compliance", "next": over.next_at.isoformat(),
    } == over.notify.facts


def test_a_clock_of_a_law_that_is_gone_stays_compliance_s():
    """What the row says of its law counts, whatever is configured by now."""
    unknown = replace(_clock("report"), kind="repealed")

    assert ("compliance", "admins") == RUNGS[ladder_of(unknown)]
