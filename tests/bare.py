"""Services without a shop around them: no catalogue, no holiday, nobody to wait for."""

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from freezeguard.calendars.holidays import HolidayCalendars
from freezeguard.domain.policy import Policy
from freezeguard.services.cases.casework import Casework
from freezeguard.services.cases.places import Places
from freezeguard.services.directory import Directory
from freezeguard.services.telling.telling import Telling


def bare_casework(telling: Telling, now: Callable[[], datetime]) -> Casework:
    """Return what carries out commands where no catalogue is configured."""
    places = Places(HolidayCalendars("DE", "UTC", {}), ())
    return Casework(Directory([]), telling, places, Policy(), now, uuid4)
