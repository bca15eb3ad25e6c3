"""Clocks that a law sets: what starts them, how long they run, what stops them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from freezeguard.domain.calendars import Calendar, share


class StartsOn(StrEnum):
    """What starts a legal clock."""

    AUTHORITY_ORDER = "authority_order"
    SAFETY_FREEZE = "safety_freeze"


class StopsOn(StrEnum):
    """What stops a legal clock."""

    ACTION_RECORDED = "action_recorded"
    STOP_CONFIRMED = "stop_confirmed"


class Unit(StrEnum):
    """How a law counts: working days of a calendar, or hours as they elapse."""

    WORKING_DAYS = "working_days"
    HOURS = "hours"


@dataclass(frozen=True, slots=True)
class LegalClock:
    """One period of one law.

    `kind` names the clock in its row, once over all jurisdictions; `law` is the article as a lawyer
    cites it; `amount` counts units; `warn_at` are shares of the period, from 0 to 1; `sentence`
    tells people what must be done until then.
    """

    kind: str
    jurisdiction: str
    law: str
    starts_on: StartsOn
    amount: int
    unit: Unit
    warn_at: tuple[float, ...]
    stops_on: StopsOn
    sentence: str

    def due(self, start: datetime, calendar: Calendar) -> datetime:
        """Return when the period that begins with an event at `start` ends, in UTC."""
        if self.unit is Unit.WORKING_DAYS:
            return calendar.after_days(start, self.amount)
        return (start + timedelta(hours=self.amount)).astimezone(UTC)

    def warnings(self, start: datetime, calendar: Calendar) -> tuple[datetime, ...]:
        """Return when people are warned, in UTC: shares of working time where days are worked."""
        by = calendar if self.unit is Unit.WORKING_DAYS else None
        due = self.due(start, calendar)
        return tuple(share(by, start, due, fraction) for fraction in self.warn_at)
