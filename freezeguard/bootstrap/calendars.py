"""The shop's calendars and legal clocks, from its settings."""

from freezeguard.bootstrap.settings import Settings, SettingsUnfit
from freezeguard.calendars.holidays import HolidayCalendars
from freezeguard.calendars.law import legal_clocks, seats
from freezeguard.domain.errors import InvalidInput
from freezeguard.domain.legal import LegalClock


def calendars_of(settings: Settings) -> HolidayCalendars:
    """Return the calendars; nothing is loaded until somebody asks for a holiday."""
    shop = settings.calendar
    return HolidayCalendars(shop.country, shop.zone, seats(), shop.opens, shop.closes)


async def warm_calendars(settings: Settings) -> None:
    """Load holidays before anybody waits for them. Raises SettingsUnfit for an unknown place."""
    named = {one.jurisdiction for one in settings.legal_clocks}
    try:
        await calendars_of(settings).warm(named.union(settings.calendar.jurisdictions))
    except InvalidInput as error:
        raise SettingsUnfit(f"[calendar] or [[legal_clocks]]: {error.detail}") from None


def legal_clocks_of(settings: Settings) -> tuple[LegalClock, ...]:
    """Return the periods that the shop's laws set."""
    own = (one.clock() for one in settings.legal_clocks)
    return legal_clocks(settings.calendar.jurisdictions, own)
