"""What a clock says when its time is up, and to whom: one rung after the other.

Pure: given a clock, its case and the moment, a stage tells who hears what, and when the next stage
is due. Whoever answers stops the clock, in the transaction of the answer; what nobody answers goes
on, at the last rung once a working day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from freezeguard.domain.calendars import Calendar
from freezeguard.domain.clocks import (
    BY_NAME,
    MANUAL_TASK,
    VENDOR_QUESTION,
    Ladder,
    is_legal,
    is_of_question,
)
from freezeguard.domain.effects import Notify, Reader
from freezeguard.domain.policy import Policy
from freezeguard.domain.record import Case, RunningClock

RUNGS: Mapping[Ladder, tuple[Reader, ...]] = {
    Ladder.OWNER: ("owner", "deputy", "managers", "admins"),
    Ladder.APPROVERS: ("approvers", "managers", "admins"),
    Ladder.REVIEWERS: ("managers", "admins"),
    Ladder.COMPLIANCE: ("compliance", "admins"),
    Ladder.VENDOR: ("vendor_second", "vendor_superior", "owner"),
    Ladder.ITSELF: ("owner", "admins"),
}
OF_A_MACHINE = frozenset({"accept", "confirm", "release", MANUAL_TASK})
"""Clocks in seconds and minutes: somebody is paged, and the next one a quarter of an hour later."""

DAILY = timedelta(hours=8)
"""The pause at the last rung, in working hours; three times that where people get hurt."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What happens at one stage of a clock. `next_at` is None where it has no more to say."""

    notify: Notify | None
    level: int
    next_at: datetime | None
    is_warning: bool = False


def ladder_of(clock: RunningClock) -> Ladder:
    """Return whom a clock tells; legal ones are compliance's."""
    if is_legal(clock):
        return Ladder.COMPLIANCE
    if clock.kind.startswith(VENDOR_QUESTION):
        return Ladder.VENDOR
    kind = BY_NAME.get(clock.kind)
    return Ladder.OWNER if kind is None else kind.ladder


def warning(clock: RunningClock, now: datetime) -> Stage:
    """Return the stage before a clock runs out: whoever has the ball is reminded."""
    further = [datetime.fromisoformat(one) for one in clock.details.get("warn_at", ())]
    next_at = min([*(one for one in further if one > now), clock.due_at])
    reader = RUNGS[ladder_of(clock)][0]
    if is_legal(clock):
        return Stage(Notify("legal_clock", reader, _of_law(clock)), 0, next_at, is_warning=True)
    told = {
        "clock": clock.kind, "due": clock.due_at.isoformat(), "share": _share(clock, now),
        "as": reader,
    }
    if is_of_question(clock.kind):
        reader = clock.details["reader"]
        told |= {"as": "asked", "person": clock.details.get("person")}
    return Stage(Notify("clock_warning", reader, told), 0, next_at, is_warning=True)


def breach(
    clock: RunningClock, level: int, case: Case, now: datetime, policy: Policy, calendar: Calendar
) -> Stage:
    """Return the stage at a rung: who hears of it now, and when the next one does.

    `calendar` is the owner's: staff is told in working hours, but at once where people get hurt.
    """
    rungs = RUNGS[ladder_of(clock)]
    at = min(level, len(rungs) - 1)
    last = at == len(rungs) - 1
    next_at = _next_rung(clock, case, now, policy, calendar, last=last)
    told = {
        "clock": clock.kind, "due": clock.due_at.isoformat(), "level": at + 1, "as": rungs[at],
        "next": next_at.isoformat(),
    }
    if is_legal(clock):
        told |= _of_law(clock)
        notify = Notify("legal_clock", rungs[at], told)
    else:
        notify = Notify("clock_breached", rungs[at], told)
    return Stage(notify, at + 1, next_at)


def _next_rung(
    clock: RunningClock, case: Case, now: datetime, policy: Policy, calendar: Calendar, *,
    last: bool,
) -> datetime:
    is_urgent = case.lane != "quality"
    if last:
        return now + 3 * DAILY if is_urgent else calendar.after_hours(now, DAILY)
    if clock.kind in OF_A_MACHINE:
        return now + policy.task_again
    if is_urgent:
        return now + policy.safety_escalate_after
    return calendar.after_hours(now, policy.escalate_after)


def _of_law(clock: RunningClock) -> dict[str, Any]:
    return {
        "clock": clock.kind, "law": clock.details["law"], "due": clock.due_at.isoformat(),
        "what": clock.details.get("sentence"),
    }


def _share(clock: RunningClock, now: datetime) -> float:
    whole = (clock.due_at - clock.started_at).total_seconds()
    return round(min(1.0, (now - clock.started_at).total_seconds() / whole), 2) if whole else 1.0
