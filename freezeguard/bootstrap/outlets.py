"""Catalogues as they are configured, opened or not."""

from freezeguard.bootstrap.settings import Settings
from freezeguard.catalogues.naming import names_in
from freezeguard.catalogues.registry import fingerprint_of, needs_check
from freezeguard.ports.catalogues import Catalogue
from freezeguard.services.directory import Outlet


def outlet_of(settings: Settings, catalogue: Catalogue) -> Outlet:
    """Return a catalogue with what the settings say of it."""
    table = settings.catalogues[catalogue.name]
    return Outlet(
        catalogue, level=table.get("level", "hard"), sells=table.get("scope", {}),
        image_max_age=settings.image_max_age, called=names_in(catalogue.name, table).of,
        fingerprint=fingerprint_of(table), needs_check=needs_check(table, catalogue),
    )
