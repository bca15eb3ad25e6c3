"""Working time against a slow count: minute by minute, by what a clock on the wall showed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from freezeguard.domain.calendars import Calendar, share
from freezeguard.domain.errors import InvalidInput

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DAYS_AROUND = 12

# Zones around days on which something happens to their clocks, and days on which nothing does.
EPISODES = [
    ("Europe/Berlin", date(2026, 3, 29)),         # an hour is missing
    ("Europe/Berlin", date(2026, 10, 25)),        # an hour comes twice
    ("America/New_York", date(2026, 3, 8)),
    ("America/St_Johns", date(2026, 11, 1)),      # half an hour off everybody else
    ("America/St_Johns", date(2006, 10, 29)),     # at 00:01 it is 23:01 of the day before again
    ("America/St_Johns", date(2006, 4, 2)),       # 00:01 is 01:01
    ("America/Sao_Paulo", date(2018, 2, 18)),     # midnight is 23:00 again
    ("America/Sao_Paulo", date(2018, 11, 4)),     # there is no midnight
    ("Australia/Lord_Howe", date(2026, 4, 5)),    # half an hour comes twice
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Pacific/Apia", date(2011, 12, 30)),         # a day that never was
    ("Asia/Kathmandu", date(1986, 1, 1)),         # a quarter of an hour is missing
    ("Asia/Kathmandu", date(2026, 5, 1)),
    ("UTC", date(2028, 2, 29)),
]  # fmt: skip
WHOLE_DAY = (time(0), time(0))


@dataclass(frozen=True)
class Minute:
    """One minute: when it begins, what the wall shows, and the latest that it ever showed."""

    begins: datetime
    wall: datetime
    reached: datetime


@cache
def minutes_of(zone: str, middle: date) -> tuple[Minute, ...]:
    """Return the minutes of the days around a day, from the zone's offsets alone."""
    place, found = ZoneInfo(zone), []
    reached = datetime.min  # noqa: DTZ901 - a wall has no zone
    moment = datetime.combine(middle, time(0), UTC) - DAYS_AROUND * DAY
    for _ in range(2 * DAYS_AROUND * 24 * 60):
        offset = moment.astimezone(place).utcoffset()
        assert offset is not None
        wall = moment.replace(tzinfo=None) + offset
        reached = max(reached, wall)
        found.append(Minute(moment, wall, reached))
        moment += MINUTE
    return tuple(found)


@cache
def days_of(zone: str, middle: date) -> frozenset[date]:
    """Return the days that were on the calendar of a wall."""
    return frozenset(one.reached.date() for one in minutes_of(zone, middle))


@dataclass(frozen=True)
class Slow:
    """The same promises as a calendar's, kept by looking at every minute."""

    calendar: Calendar
    minutes: tuple[Minute, ...]
    days: frozenset[date]

    def works_on(self, day: date) -> bool:
        return (
            day.weekday() not in self.calendar.weekend
            and day not in self.calendar.holidays
            and day in self.days
        )

    def works_in(self, minute: Minute) -> bool:
        closes, at = self.calendar.closes, minute.reached.time()
        is_open = at >= self.calendar.opens and (closes == time(0) or at < closes)
        return is_open and self.works_on(minute.reached.date())

    def since(self, start: datetime) -> Iterator[Minute]:
        return islice(self.minutes, (start - self.minutes[0].begins) // MINUTE, None)

    def after_hours(self, start: datetime, amount: timedelta) -> datetime | None:
        left = amount // MINUTE
        if not left:
            return start
        for one in self.since(start):
            left -= self.works_in(one)
            if not left:
                return one.begins + MINUTE
        return None

    def after_days(self, start: datetime, days: int) -> datetime | None:
        today = next(self.since(start)).wall.date()
        counted: set[date] = set()
        for one in self.since(start):
            day = one.reached.date()
            if len(counted) == days and day > max(counted):
                return one.begins
            if day > today and self.works_on(day) and len(counted) < days:
                counted.add(day)
        return None

    def hours_between(self, start: datetime, end: datetime) -> timedelta:
        between = takewhile(lambda one: one.begins < end, self.since(start))
        return MINUTE * sum(self.works_in(one) for one in between)


quarters = st.integers(0, 24 * 4 - 1).map(lambda n: time(n // 4, n % 4 * 15))
hours = st.one_of(
    st.just(WHOLE_DAY),
    st.just((time(9), time(17))),
    st.tuples(quarters, quarters).filter(lambda both: both[0] < both[1]),
    quarters.map(lambda opens: (opens, time(0))),
)


@st.composite
def scenes(draw):
    """Draw a place with its working time, its slow twin, and a moment well inside."""
    zone, middle = draw(st.sampled_from(EPISODES))
    opens, closes = draw(hours)
    near = st.integers(-4, 8).map(lambda n: middle + n * DAY)
    calendar = Calendar(
        "somewhere", zone, draw(st.frozensets(near, max_size=4)), opens, closes,
        draw(st.frozensets(st.integers(0, 6), max_size=3)),
    )
    minutes = minutes_of(zone, middle)
    start = draw(st.integers(9 * 1440, 13 * 1440).map(lambda n: minutes[n].begins))
    return calendar, Slow(calendar, minutes, days_of(zone, middle)), start


@given(scenes(), st.integers(0, 60 * 40))
def test_working_time_is_what_a_count_of_every_minute_says(scene, amount):
    """`after_hours` ends in the minute in which the last working minute was counted."""
    calendar, slow, start = scene
    expected = slow.after_hours(start, amount * MINUTE)
    assume(expected is not None)

    assert expected == calendar.after_hours(start, amount * MINUTE)


@given(scenes(), st.integers(1, 4))
def test_working_days_are_what_a_walk_through_the_days_says(scene, days):
    """`after_days` leaves the day of the event out and ends with the last day's last minute."""
    calendar, slow, start = scene
    expected = slow.after_days(start, days)
    assume(expected is not None)

    assert expected == calendar.after_days(start, days)


@given(scenes(), st.integers(-600, 8 * 1440))
def test_the_time_between_is_what_a_count_of_every_minute_says(scene, distance):
    """`hours_between` counts the working minutes between; backwards there are none."""
    calendar, slow, start = scene
    end = start + distance * MINUTE

    assert slow.hours_between(start, end) == calendar.hours_between(start, end)


# ----------------------------------------------------------------------------------- laws

amounts = st.timedeltas(timedelta(0), timedelta(hours=120))


@given(scenes(), amounts, amounts)
def test_working_time_adds_up(scene, first, second):
    """Waiting twice is waiting once for both; to the microsecond."""
    calendar, _, start = scene
    at_once = calendar.after_hours(start, first + second)

    assert at_once == calendar.after_hours(calendar.after_hours(start, first), second)


@given(scenes(), amounts, amounts)
def test_more_time_never_ends_earlier(scene, first, second):
    """Due times keep the order of their amounts, and of their starts."""
    calendar, _, start = scene
    less, more = sorted((first, second))

    assert calendar.after_hours(start, less) <= calendar.after_hours(start, more)
    assert calendar.after_hours(start, less) <= calendar.after_hours(start + more, less)
    assert calendar.after_days(start, 1) <= calendar.after_days(start + more, 1)
    assert calendar.after_days(start, 1) < calendar.after_days(start, 2)


@given(scenes(), amounts)
def test_the_time_between_undoes_waiting(scene, amount):
    """From a start to its due time lies exactly the amount."""
    calendar, _, start = scene

    assert amount == calendar.hours_between(start, calendar.after_hours(start, amount))


@given(scenes(), amounts, st.floats(0, 1))
def test_a_share_lies_between_and_has_its_share_of_working_time(scene, amount, fraction):
    """A warning never comes after the due time, and as much work lies before it as it says."""
    calendar, _, start = scene
    due = calendar.after_hours(start, amount)
    warned = share(calendar, start, due, fraction)

    assert start <= warned <= due
    assert amount * fraction == calendar.hours_between(start, warned)
    assert start + (due - start) * fraction == share(None, start, due, fraction)


@given(scenes())
def test_results_are_in_utc_whatever_the_zone_of_the_question(scene):
    """A moment is a moment: the zone in which somebody wrote it changes nothing."""
    calendar, _, start = scene
    elsewhere = start.astimezone(ZoneInfo("Asia/Kolkata"))

    for amount in (timedelta(0), HOUR):
        due = calendar.after_hours(elsewhere, amount)
        assert (calendar.after_hours(start, amount), UTC) == (due, due.tzinfo)
    assert UTC == calendar.after_days(elsewhere, 2).tzinfo
    assert calendar.after_days(start, 2) == calendar.after_days(elsewhere, 2)


# ------------------------------------------------------------------------------- by hand

BERLIN = Calendar("DE", "Europe/Berlin", frozenset({date(2026, 12, 25)}))


def test_eight_hours_from_friday_afternoon_end_on_monday_afternoon():
    """Half an hour is left of Friday; the rest is Monday's."""
    friday = datetime(2026, 11, 27, 15, 30, tzinfo=UTC)

    assert datetime(2026, 11, 30, 15, 30, tzinfo=UTC) == BERLIN.after_hours(friday, 8 * HOUR)


def test_eight_hours_from_nine_end_at_five_of_the_same_day():
    """Not at nine of the next day, though no working time lies between."""
    nine = datetime(2026, 11, 26, 8, tzinfo=UTC)

    assert datetime(2026, 11, 26, 16, tzinfo=UTC) == BERLIN.after_hours(nine, 8 * HOUR)


def test_the_day_of_the_event_and_holidays_do_not_count():
    """Two working days from Thursday before Christmas: Monday and Tuesday, to their end."""
    thursday = datetime(2026, 12, 24, 9, tzinfo=UTC)

    assert datetime(2026, 12, 29, 23, tzinfo=UTC) == BERLIN.after_days(thursday, 2)


def test_an_hour_is_an_hour_on_the_day_the_clocks_change():
    """A shop open all day has 23 hours on the one Sunday and 25 on the other."""
    always = replace(BERLIN, opens=time(0), closes=time(0), weekend=frozenset())
    for day, length in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25)):
        begins = datetime.combine(day, time(0), ZoneInfo("Europe/Berlin")).astimezone(UTC)
        assert begins + length * HOUR == always.after_hours(begins, length * HOUR)
        assert length * HOUR == always.hours_between(begins, always.after_days(begins - HOUR, 1))


def test_a_warning_before_a_weekend_comes_before_the_weekend():
    """Half of the working time from Friday morning to Monday evening is Friday's end."""
    friday = datetime(2026, 11, 27, 8, tzinfo=UTC)
    monday = BERLIN.after_days(friday, 1)

    assert datetime(2026, 11, 27, 16, tzinfo=UTC) == share(BERLIN, friday, monday, 0.5)


def test_a_share_of_no_working_time_is_a_share_of_the_time():
    """A clock that runs over a weekend only is warned of by the hours that pass."""
    saturday = datetime(2026, 11, 28, tzinfo=UTC)

    assert saturday + 12 * HOUR == share(BERLIN, saturday, saturday + DAY, 0.5)


def test_a_year_without_work_does_not_end_it():
    """Holidays in a row are passed over, however many there are."""
    first = date(2026, 1, 1)
    year = frozenset(first + n * DAY for n in range(365))
    closed = replace(BERLIN, holidays=year)

    assert date(2027, 1, 1) == closed.after_hours(datetime(2026, 1, 1, tzinfo=UTC), HOUR).date()


@pytest.mark.parametrize(
    "changes",
    [
        {"opens": time(17), "closes": time(9)},
        {"opens": time(9), "closes": time(9)},
        {"weekend": frozenset(range(7))},
    ],
)
def test_a_calendar_without_work_is_refused(changes):
    """Else a due time in it would be looked for until the end of time."""
    with pytest.raises(InvalidInput):
        replace(BERLIN, **changes)


def test_time_does_not_run_backwards():
    """A negative amount, or no day at all, is a mistake of ours and no due time."""
    now = datetime(2026, 11, 26, tzinfo=UTC)
    with pytest.raises(ValueError, match="backwards"):
        BERLIN.after_hours(now, -HOUR)
    with pytest.raises(ValueError, match="a day at least"):
        BERLIN.after_days(now, 0)
