"""What a day means to whoever names one: its end, by their own time zone."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from freezeguard.domain.people import Actor, Person
from freezeguard.ports.storage import Transaction


async def end_of_day(tx: Transaction, day: date, actor: Actor) -> datetime:
    """Return the last second of a day where the actor is.

    A vendor's person counts by the vendor's zone, as the vendor's clocks and notices do.
    """
    return _last_second(day, await _zone(tx, actor))


async def _zone(tx: Transaction, actor: Actor) -> str:
    if not isinstance(actor, Person):
        return "UTC"
    vendor = None if actor.vendor is None else await tx.master.vendor(actor.vendor)
    return actor.time_zone if vendor is None else vendor.time_zone


def _last_second(day: date, zone: str) -> datetime:
    try:
        where = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        where = ZoneInfo("UTC")
    try:
        return datetime.combine(day, time(23, 59, 59), where).astimezone(UTC)
    except OverflowError:  # the last day of the calendar, west of Greenwich
        return datetime.combine(day, time(23, 59, 59), UTC)
