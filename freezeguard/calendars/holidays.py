"""Public holidays of every country, from the library `holidays`.

The library takes a moment and 20 MB to load, all countries together, so it is loaded by whoever
first asks for a holiday: `warm` does so in a thread before anybody waits.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache, lru_cache

from freezeguard.calendars.law import Seat
from freezeguard.domain.calendars import Calendar
from freezeguard.domain.errors import InvalidInput

YEARS_BACK, YEARS_AHEAD = 1, 2
_PART = re.compile(r"[A-Z0-9]{0,3}")
"""A part of a country as ISO 3166-2 writes it; it may have no holidays of its own."""


@dataclass(frozen=True, slots=True)
class HolidayCalendars:
    """Implements `freezeguard.ports.calendars.Calendars`.

    `country` and `zone` are the shop's; `opens` and `closes` are the working hours of everybody.
    `seats` says by whose calendar a jurisdiction counts. A jurisdiction that it does not name is
    itself the code of a country, in the shop's zone.
    """

    country: str
    zone: str
    seats: Mapping[str, Seat]
    opens: time = time(9)
    closes: time = time(17)

    def of(self, code: str | None, zone: str, around: datetime) -> Calendar:
        """Return the working time of a place in a zone."""
        name = code or self.country
        holidays = _holidays(name, around.astimezone(UTC).year)
        return Calendar(name, zone, holidays, self.opens, self.closes)

    def legal(self, jurisdiction: str, around: datetime) -> Calendar:
        """Return the calendar by which a jurisdiction counts."""
        seat = self.seats.get(jurisdiction, Seat(jurisdiction))
        return self.of(seat.country or self.country, seat.zone or self.zone, around)

    def jurisdictions(self, named: str) -> tuple[str, ...]:
        """Return the jurisdictions to which one belongs, itself first; empty for an unknown one."""
        name = named.strip().upper()
        if name in self.seats:
            return (name,)
        country, _, part = name.partition("-")
        if country not in _places() or not _PART.fullmatch(part):
            return ()
        unions = (union for union, seat in self.seats.items() if country in seat.members)
        return tuple(dict.fromkeys((name.rstrip("-"), country, *unions)))

    def check(self, code: str | None, *, pointer: str = "") -> None:
        """Raise InvalidInput for the code of a place that nobody knows."""
        if code is not None:
            _check(code, pointer)

    async def warm(self, jurisdictions: Iterable[str] = ()) -> None:
        """Load the library; check the shop's own code and these jurisdictions.

        Raises InvalidInput.
        """
        await asyncio.to_thread(_check, self.country)
        for name in jurisdictions:
            self.check(self.seats.get(name, Seat(name)).country)


@cache
def _places() -> Mapping[str, frozenset[str]]:
    """Return every country with its subdivisions, by the codes of ISO 3166."""
    import holidays

    known = holidays.list_supported_countries(include_aliases=False)
    return {country: frozenset(parts) for country, parts in known.items()}


def _check(code: str, pointer: str = "") -> None:
    country, dash, part = code.partition("-")
    parts = _places().get(country)
    if parts is None:
        raise InvalidInput(
            f"No public holidays are known for {code!r}; write the code of a country, as in DE, or "
            f"of a part of it, as in DE-BY. Countries: {', '.join(sorted(_places()))}.",
            pointer=pointer,
        )
    if dash and part not in parts:
        known = ", ".join(f"{country}-{one}" for one in sorted(parts))
        raise InvalidInput(
            f"{country} has no part {part!r} with holidays of its own; write {country} alone"
            + (f", or one of {known}." if known else "."),
            pointer=pointer,
        )


@lru_cache(maxsize=1024)
def _holidays(code: str, year: int) -> frozenset[date]:
    _check(code)
    import holidays

    country, _, part = code.partition("-")
    years = range(year - YEARS_BACK, year + YEARS_AHEAD + 1)
    return frozenset(holidays.country_holidays(country, subdiv=part or None, years=years))
