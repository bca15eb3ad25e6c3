"""Catalogues as they are configured, opened or not."""

from freezeguard.bootstrap.settings import Settings
from freezeguard.ports.catalogues import Catalogue
from freezeguard.services.directory import Outlet


def outlet_of(settings: Settings, catalogue: Catalogue) -> Outlet:
    """Return a catalogue with what the settings say of it."""
    table = settings.catalogues[catalogue.name]
    return Outlet(
        catalogue, level=table.get("level", "hard"), sells=table.get("scope", {}),
        image_max_age=settings.image_max_age,
    )
