"""Builds what stops a SKU without the database, from the service's own settings."""

from dataclasses import replace

from freezeguard.bootstrap.administration import operator_name
from freezeguard.bootstrap.outlets import outlet_of
from freezeguard.bootstrap.settings import Settings
from freezeguard.bootstrap.surroundings import ids_by, jitter, utc_now
from freezeguard.catalogues.configuration import CatalogueConfigurationError
from freezeguard.catalogues.registry import open_catalogue
from freezeguard.ports.catalogues import Catalogue, Level
from freezeguard.ports.emergencies import EmergencyOrder
from freezeguard.services.enforcing.emergency import Emergency, Seen, Stopped
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

    One that can't be opened, as where this shell lacks its secret, keeps no other from stopping.
    """
    catalogues, unopened = _opened(settings, only)
    try:
        emergency = Emergency(
            [outlet_of(settings, one) for one in catalogues],
            FileJournal(settings.journal_file), utc_now,
            Pace(**settings.pace.model_dump(), jitter=jitter),
            FileRevision(settings.revision_file).known(),
        )
        stopped = await emergency.stop(order)
        return replace(stopped, seen=(*stopped.seen, *unopened))
    finally:
        for one in catalogues:
            await one.close()


def _opened(settings: Settings, only: str | None) -> tuple[list[Catalogue], list[Seen]]:
    """Open what can be opened; say of the others why not."""
    catalogues: list[Catalogue] = []
    unopened: list[Seen] = []
    for name, table in settings.catalogues.items():
        if only not in {None, name}:
            continue
        try:
            catalogues.append(open_catalogue(name, table))
        except CatalogueConfigurationError as error:
            unopened.append(Seen(name, "", "unreachable", str(error)))
    return catalogues, unopened
