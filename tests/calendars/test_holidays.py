"""Holidays of real places, and codes that nobody knows."""

import subprocess
import sys
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from freezeguard.calendars import holidays
from freezeguard.calendars.holidays import HolidayCalendars
from freezeguard.calendars.law import Seat, seats
from freezeguard.domain.errors import InvalidInput

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
EPIPHANY = date(2027, 1, 6)
SHOP = HolidayCalendars("DE", "Europe/Berlin", seats(), time(8), time(16))


def test_a_part_of_a_country_has_holidays_of_its_own():
    """Bavaria keeps Epiphany, Germany as a whole does not; both keep Christmas."""
    whole, bavaria = (SHOP.of(code, "Europe/Berlin", NOW) for code in ("DE", "DE-BY"))

    assert (True, False) == (whole.is_working_day(EPIPHANY), bavaria.is_working_day(EPIPHANY))
    assert not whole.is_working_day(date(2026, 12, 25))


def test_without_a_code_the_shops_holidays_count_in_the_persons_zone():
    """Somebody who works for the shop from elsewhere keeps its holidays and their own hours."""
    there = SHOP.of(None, "Asia/Tokyo", NOW)

    assert ("DE", "Asia/Tokyo") == (there.name, there.zone)
    assert SHOP.of("DE", "UTC", NOW).holidays == there.holidays
    assert (time(8), time(16)) == (there.opens, there.closes)


def test_holidays_are_known_from_last_year_to_the_year_after_next():
    """A clock that was started last December and one that runs for a year are both right."""
    years = {day.year for day in SHOP.of("DE", "UTC", NOW).holidays}

    assert {2025, 2026, 2027, 2028} == years


def test_the_year_is_that_of_utc():
    """The same moment, written in two zones, has the same holidays."""
    new_year = datetime(2027, 1, 1, 1, tzinfo=UTC)
    still_december = new_year.astimezone(ZoneInfo("America/New_York"))

    assert 2026 == still_december.year
    assert SHOP.of("DE", "UTC", new_year) == SHOP.of("DE", "UTC", still_december)


def test_the_union_counts_with_the_shops_holidays_and_the_states_with_their_own():
    """Thanksgiving is a day of work for an order in Germany, and none for a report in the US."""
    thanksgiving = date(2026, 11, 26)
    union, states = SHOP.legal("EU", NOW), SHOP.legal("US", NOW)

    assert ("DE", "Europe/Berlin") == (union.name, union.zone)
    assert ("US", "America/New_York") == (states.name, states.zone)
    assert union.is_working_day(thanksgiving)
    assert not states.is_working_day(thanksgiving)


def test_a_jurisdiction_without_a_seat_is_a_country():
    """A shop that adds a law of Japan names it JP; a seat may name another zone."""
    assert ("JP", "Europe/Berlin") == (SHOP.legal("JP", NOW).name, SHOP.legal("JP", NOW).zone)
    far = HolidayCalendars("DE", "UTC", {"X": Seat("JP", "Asia/Tokyo")})
    assert ("JP", "Asia/Tokyo") == (far.legal("X", NOW).name, far.legal("X", NOW).zone)
    with pytest.raises(InvalidInput, match="Atlantis"):
        SHOP.legal("Atlantis", NOW)


@pytest.mark.parametrize("code", ["", "XX", "de", "DE-", "DE-XX", "DE-by", "DE-BY-1", "Germany"])
def test_a_code_that_nobody_knows_is_answered_with_what_is_allowed(code):
    """The text names an example and the codes; the place in what was sent is named, too."""
    with pytest.raises(InvalidInput, match="DE-BY") as refused:
        SHOP.check(code, pointer="/calendar")

    assert "/calendar" == refused.value.pointer


def test_every_code_that_is_allowed_has_a_calendar():
    """All countries and all of their parts, without a warning of the library."""
    places = holidays._places()
    codes = [*places, *(f"{country}-{part}" for country in places for part in places[country])]

    assert len(codes) > 800
    for code in codes:
        SHOP.check(code)
    assert len({SHOP.of(code, "UTC", NOW).name for code in codes[::7]}) == len(codes[::7])


async def test_a_shop_in_a_place_that_nobody_knows_is_found_at_the_start():
    """Not when the first clock is due."""
    await SHOP.warm(("EU", "US", "FR"))
    with pytest.raises(InvalidInput, match="'XX'"):
        await HolidayCalendars("XX", "UTC", seats()).warm()
    with pytest.raises(InvalidInput, match="'Mars'"):
        await SHOP.warm(("EU", "Mars"))


def test_no_command_waits_for_holidays_that_it_does_not_need():
    """The library is loaded by the first question, not by an import of ours."""
    script = (
        "import sys, freezeguard.bootstrap.building, freezeguard.cli.main;"
        "print([name for name in sys.modules if name.split('.')[0] == 'holidays'])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)

    assert "[]" == ran.stdout.strip()
