"""Builds what stops a SKU without the database, from the service's own settings."""

from freezeguard.bootstrap.administration import operator_name
from freezeguard.bootstrap.outlets import outlet_of
from freezeguard.bootstrap.settings import Settings
from freezeguard.bootstrap.surroundings import ids_by, jitter, utc_now
from freezeguard.catalogues.registry import open_catalogues
from freezeguard.ports.catalogues import Level
from freezeguard.ports.emergencies import EmergencyOrder
from freezeguard.services.enforcing.emergency import Emergency, Stopped
from freezeguard.services.enforcing.pace import Pace
from freezeguard.storage.journal import FileJournal
from freezeguard.storage.lastrevision import FileRevision


def new_order(
    sku: str, *, person: str | None, level: Level | None, reason_code: str, comment: str
) -> EmergencyOrder:
    """Return an order of whoever is at the command line, given now."""
    return EmergencyOrder(
        ids_by(utc_now)(), utc_now(), operator_name(), person, sku, level, reason_code, comment
    )


async def stop_in_emergency(
    settings: Settings, order: EmergencyOrder, only: str | None = None
) -> Stopped:
    """Carry out an order in every configured catalogue, or in one.

    Raises CatalogueConfigurationError.
    """
    tables = {
        name: table for name, table in settings.catalogues.items() if only in {None, name}
    }
    catalogues = open_catalogues(tables)
    try:
        emergency = Emergency(
            [outlet_of(settings, one) for one in catalogues.values()],
            FileJournal(settings.journal_file), utc_now,
            Pace(**settings.pace.model_dump(), jitter=jitter),
            FileRevision(settings.revision_file).known(),
        )
        return await emergency.stop(order)
    finally:
        for one in catalogues.values():
            await one.close()
