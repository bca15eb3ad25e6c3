"""Catalogues as they are configured, opened or not."""

from freezeguard.bootstrap.settings import Settings
from freezeguard.catalogues.naming import names_in
from freezeguard.catalogues.registry import fingerprint_of, needs_check
from freezeguard.ports.catalogues import Catalogue
from freezeguard.ports.storage import Transaction
from freezeguard.services.directory import Outlet


def outlet_of(settings: Settings, catalogue: Catalogue) -> Outlet:
    """Return a catalogue with what the settings say of it."""
    table = settings.catalogues[catalogue.name]
    return Outlet(
        catalogue, level=table.get("level", "hard"), sells=table.get("scope", {}),
        image_max_age=settings.image_max_age, called=names_in(catalogue.name, table).of,
        fingerprint=fingerprint_of(table), needs_check=needs_check(table, catalogue),
    )


async def shared_names(tx: Transaction, settings: Settings) -> list[str]:
    """Say, in words, which registered SKUs have one name with another SKU in a catalogue.

    Where a catalogue calls SKUs as we do, only the registered ones tell.
    """
    found = []
    for name, table in settings.catalogues.items():
        borrowed = names_in(name, table).borrowed()
        known = {one.sku for one in await tx.master.skus(sorted(set(borrowed.values())))}
        found += [
            f"catalogues.{name}.called gives {sku} the name of {other}"
            for sku, other in sorted(borrowed.items()) if other in known
        ]
    return found
