"""Whose working time counts on a case, and which laws: what clocks are computed from."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time
from typing import Any

from freezeguard.domain.calendars import Calendar
from freezeguard.domain.legal import LegalClock
from freezeguard.domain.people import Person
from freezeguard.domain.record import Case
from freezeguard.ports.calendars import Calendars
from freezeguard.ports.storage import Transaction

_MIDNIGHT = time(0)


class Places:
    """Finds the calendars of a case's owner and vendor; `zone` is the shop's own."""

    def __init__(self, calendars: Calendars, laws: Sequence[LegalClock], zone: str = "UTC") -> None:
        self._calendars, self._laws, self._zone = calendars, tuple(laws), zone

    async def known(self, tx: Transaction, case: Case, now: datetime) -> dict[str, Any]:
        """Return what a decision needs to know of places and laws, by the names of its facts."""
        return {
            "owner_calendar": await self.owners(tx, case, now),
            "vendor_calendar": await self._vendors(tx, case, now),
            "laws": tuple(
                (law, self._calendars.legal(law.jurisdiction, now)) for law in self._laws
            ),
        }

    def jurisdictions(self, named: object) -> tuple[str, ...]:
        """Return the jurisdictions to which one belongs, itself first; none if it is unknown."""
        return () if named is None else self._calendars.jurisdictions(str(named))

    async def owners(self, tx: Transaction, case: Case, now: datetime) -> Calendar:
        """Return the working time of a case's owner, the shop's where it has none."""
        found = None if case.owner is None else await tx.people.person(case.owner)
        if found is None:
            return self._calendars.of(None, self._zone, now)
        return self._calendars.of(found[0].calendar, found[0].time_zone, now)

    async def answering(
        self, tx: Transaction, case: Case, of: str, named: Person | None, now: datetime
    ) -> Calendar:
        """Return the working time of whoever is asked: the vendor, a person, or the owner."""
        if of == "vendor":
            return await self._vendors(tx, case, now)
        if named is None:
            return await self.owners(tx, case, now)
        return self._calendars.of(named.calendar, named.time_zone, now)

    async def _vendors(self, tx: Transaction, case: Case, now: datetime) -> Calendar:
        """Whole days count, holidays and weekends of the vendor's place do not."""
        vendor = None if case.vendor is None else await tx.master.vendor(case.vendor)
        place = self._calendars.of(
            None if vendor is None else vendor.calendar,
            self._zone if vendor is None else vendor.time_zone, now,
        )
        return replace(place, opens=_MIDNIGHT, closes=_MIDNIGHT)
