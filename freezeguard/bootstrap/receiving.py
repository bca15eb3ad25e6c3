"""Takes one mail, beside a running service or without one: what `freezeguard mail receive` runs."""

from freezeguard.bootstrap.database import check_role, reach_database, require_database
from freezeguard.bootstrap.house import house_of, sender_of
from freezeguard.bootstrap.settings import Settings
from freezeguard.bootstrap.surroundings import new_id, utc_now
from freezeguard.notices.inbound import read_mail
from freezeguard.ports.storage import Database
from freezeguard.services.bounces import Bounces
from freezeguard.services.casework import Casework
from freezeguard.services.directory import Directory
from freezeguard.services.receiving import Receiving, Taken
from freezeguard.services.telling import Telling
from freezeguard.storage.database import PostgresDatabase


def receiving_on(database: Database, settings: Settings) -> Receiving:
    """Put together what takes mails. It stops and releases nothing, so it needs no catalogue."""
    directory = Directory([])
    telling = Telling(directory, house_of(settings), new_id)
    casework = Casework(directory, telling, settings.to_policy(), utc_now, new_id)
    bounces = Bounces(telling, utc_now, new_id)
    return Receiving(database, casework, bounces, sender_of(settings), utc_now)


async def take_mail(settings: Settings, raw: bytes, recipient: str | None) -> Taken:
    """Read and take one mail. Raises MailUnreadableError, and what `Receiving.take` raises."""
    mail = read_mail(raw, recipient)
    require_database(settings)
    async with reach_database(settings) as dsns:
        await check_role(dsns.runtime, allow_owner=settings.allow_owner_role)
        database = await PostgresDatabase.connect(dsns.runtime, min_size=1, max_size=2, reserved=1)
        try:
            return await receiving_on(database, settings).take(mail)
        finally:
            await database.close()
