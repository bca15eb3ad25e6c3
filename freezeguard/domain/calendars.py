"""Working time: which hours of which days count, in one place of the world."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from freezeguard.domain.errors import InvalidInput

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_NOTHING = timedelta(0)
_MIDNIGHT = time(0)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working time of one place: from `opens` to `closes`, on days that are worked.

    `name` says whose holidays they are, as in DE-BY; `zone` is a name of the IANA database.
    `closes` at 00:00 is the midnight that ends the day. `weekend` counts Monday as 0.

    Working time is elapsed time inside opening hours: on a day on which the clocks change, an hour
    is an hour. A shop opens at the first moment at which the clock on its wall shows `opens` or
    later, so an opening time that the change skips is the change itself.

    Raises InvalidInput where nobody would ever work.
    """

    name: str
    zone: str
    holidays: frozenset[date] = frozenset()
    opens: time = time(9)
    closes: time = time(17)
    weekend: frozenset[int] = frozenset({5, 6})

    def __post_init__(self) -> None:
        if self.closes != _MIDNIGHT and self.closes <= self.opens:
            raise InvalidInput(
                f"Working time can't end at {self.closes:%H:%M} where it begins at "
                f"{self.opens:%H:%M}; 00:00 is the end of the day."
            )
        if self.weekend >= set(range(7)):
            raise InvalidInput("A calendar needs a day of the week on which somebody works.")

    def is_working_day(self, day: date) -> bool:
        """Say whether a day is worked; one that the zone left out of its calendar is not.

        Samoa had no 30 December 2011.
        """
        return _is_worked(self, day)

    def after_hours(self, start: datetime, amount: timedelta) -> datetime:
        """Return the first moment at which so much working time has passed since `start`, in UTC.

        Eight hours from nine end at five, not at nine of the next day. Raises ValueError where
        the amount is negative.
        """
        if amount < _NOTHING:
            raise ValueError("working time can't run backwards")
        if not amount:
            return start.astimezone(UTC)
        day, left = self._day_of(start), amount
        while True:
            opens, closes = self._window(day)
            begins = max(opens, start)
            if closes - begins >= left:
                return (begins + left).astimezone(UTC)
            left -= max(closes - begins, _NOTHING)
            day += _DAY

    def after_days(self, start: datetime, days: int) -> datetime:
        """Return the end of the n-th working day after the day of `start`, in UTC.

        The day of the event does not count, and the period ends with the last hour of its last
        day: Regulation (EEC, Euratom) 1182/71, Article 3. Raises ValueError for less than a day.
        """
        if days < 1:
            raise ValueError("a period in days has a day at least")
        day, left = self._day_of(start), days
        while left:
            day += _DAY
            left -= self.is_working_day(day)
        return _moment(self.zone, day + _DAY, _MIDNIGHT)

    def hours_between(self, start: datetime, end: datetime) -> timedelta:
        """Return the working time from one moment to a later one; nothing where it is not later."""
        day, worked = self._day_of(start), _NOTHING
        # A change of the clocks at midnight can begin the next day before this one has ended.
        last = self._day_of(end) + _DAY
        while day <= last:
            opens, closes = self._window(day)
            worked += max(min(closes, end) - max(opens, start), _NOTHING)
            day += _DAY
        return worked

    def _window(self, day: date) -> tuple[datetime, datetime]:
        """Return when work begins and ends on a day, in UTC; the same moment where nobody works."""
        return _hours_of(self, day)

    def _day_of(self, moment: datetime) -> date:
        return moment.astimezone(_zone(self.zone)).date()


def share(
    calendar: Calendar | None, start: datetime, due: datetime, fraction: float
) -> datetime:
    """Return when a share (0 to 1) of the time from `start` to `due` has passed, in UTC.

    Of the working time where there is a calendar and it has any in between, else of the time that
    elapses. A warning at a share so falls into hours in which somebody reads it.
    """
    worked = _NOTHING if calendar is None else calendar.hours_between(start, due)
    if calendar is not None and worked:
        return calendar.after_hours(start, worked * fraction)
    return (start + (due - start) * fraction).astimezone(UTC)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _moment(zone: str, day: date, at: time) -> datetime:
    return _first_moment(_zone(zone), datetime.combine(day, at))


# Kept, since every freeze asks for the same weeks of the same places.


@lru_cache(maxsize=32768)
def _is_worked(calendar: Calendar, day: date) -> bool:
    return (
        day.weekday() not in calendar.weekend
        and day not in calendar.holidays
        and _moment(calendar.zone, day, _MIDNIGHT) < _moment(calendar.zone, day + _DAY, _MIDNIGHT)
    )


@lru_cache(maxsize=32768)
def _hours_of(calendar: Calendar, day: date) -> tuple[datetime, datetime]:
    if not _is_worked(calendar, day):
        never = _moment(calendar.zone, day, _MIDNIGHT)
        return never, never
    ends_on = day + _DAY if calendar.closes == _MIDNIGHT else day
    return (
        _moment(calendar.zone, day, calendar.opens),
        _moment(calendar.zone, ends_on, calendar.closes),
    )


def _first_moment(zone: ZoneInfo, wall: datetime) -> datetime:
    """Return the first moment at which a wall clock of the zone shows `wall` or later, in UTC.

    A time that occurs twice means its first occurrence (PEP 495, fold 0). One that a change of
    the clocks skips means the change, which lies between what the offsets before and after it
    make of the time.
    """
    late = wall.replace(tzinfo=zone).astimezone(UTC)
    if late.astimezone(zone).replace(tzinfo=None) == wall:
        return late
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while late - early > _SECOND:
        middle = early + (late - early) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            early = middle
        else:
            late = middle
    return late
