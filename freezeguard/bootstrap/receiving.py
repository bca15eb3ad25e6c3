"""Takes one mail, beside a running service or without one: what `freezeguard mail receive` runs."""

import asyncio

from freezeguard.bootstrap.calendars import calendars_of, legal_clocks_of
from freezeguard.bootstrap.database import check_role, reach_database, require_database
from freezeguard.bootstrap.house import house_of, sender_of
from freezeguard.bootstrap.settings import Settings
from freezeguard.bootstrap.surroundings import ids_by, utc_now
from freezeguard.notices.inbound import SIZE_LIMIT, read_mail
from freezeguard.ports.clock import Now
from freezeguard.ports.storage import Database
from freezeguard.services.cases.casework import Casework
from freezeguard.services.cases.places import Places
from freezeguard.services.delivering.bounces import Bounces
from freezeguard.services.delivering.receiving import Receiving, Taken
from freezeguard.services.directory import Directory
from freezeguard.services.telling.telling import Telling
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.databaseclock import DatabaseClock

__all__ = ["PATIENCE", "SIZE_LIMIT", "receiving_on", "take_mail"]

PATIENCE = 60.0
"""Seconds that the database may take: a mail server keeps the mail and asks again."""


def receiving_on(database: Database, settings: Settings, now: Now = utc_now) -> Receiving:
    """Put together what takes mails. It stops and releases nothing, so it needs no catalogue."""
    directory, new_id = Directory([]), ids_by(now)
    telling = Telling(directory, house_of(settings), new_id, settings.to_policy())
    places = Places(calendars_of(settings), legal_clocks_of(settings), settings.calendar.zone)
    casework = Casework(directory, telling, places, settings.to_policy(), now, new_id)
    bounces = Bounces(telling, now, new_id)
    return Receiving(database, casework, bounces, sender_of(settings), now)


async def take_mail(
    settings: Settings, raw: bytes, recipient: str | None, patience: float = PATIENCE
) -> Taken:
    """Read and take one mail.

    Raises MailUnreadableError, TimeoutError, and what `Receiving.take` raises.
    """
    mail = read_mail(raw, recipient)
    require_database(settings)
    async with asyncio.timeout(patience), reach_database(settings) as dsns:
        await check_role(dsns.runtime, allow_owner=settings.allow_owner_role)
        database = await PostgresDatabase.connect(dsns.runtime, min_size=1, max_size=2, reserved=1)
        try:
            clock = await DatabaseClock.open(database, utc_now)
            return await receiving_on(database, settings, clock.now).take(mail)
        finally:
            await database.close()
