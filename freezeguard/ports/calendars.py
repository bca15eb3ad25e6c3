"""Whose working time counts, by the code of a place."""

from datetime import datetime
from typing import Protocol

from freezeguard.domain.calendars import Calendar


class Calendars(Protocol):
    """Knows the public holidays of places."""

    def of(self, code: str | None, zone: str, around: datetime) -> Calendar:
        """Return the working time of a place, such as DE or DE-BY, in a zone.

        Without a code it is the shop's: its holidays, in the zone given. Holidays are those of the
        years around a moment: the year before it to two years after it. Raises InvalidInput for a
        code that nobody knows; the text says what is allowed.
        """
        ...

    def legal(self, jurisdiction: str, around: datetime) -> Calendar:
        """Return the calendar by which a jurisdiction counts, such as EU or US.

        Raises InvalidInput for one without a calendar.
        """
        ...

    def jurisdictions(self, named: str) -> tuple[str, ...]:
        """Return the jurisdictions to which one belongs, itself first: DE-BY, DE, EU.

        However it is written, in capitals or not; empty for one that nobody knows.
        """
        ...

    def check(self, code: str | None, *, pointer: str = "") -> None:
        """Raise InvalidInput for a code that nobody knows; no code at all is well.

        `pointer` is the JSON pointer to the code in what was sent.
        """
        ...
