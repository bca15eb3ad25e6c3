"""Asks each configured catalogue whether it answers, without changing anything there."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from freezeguard.bootstrap.settings import Settings
from freezeguard.catalogues.registry import open_catalogues
from freezeguard.ports.catalogues import Catalogue, CatalogueError

NO_SUCH_SKU = "freezeguard-check"
"""Looked up where nobody names a SKU: a catalogue that answers says that it has none."""


@dataclass(frozen=True, slots=True)
class CatalogueCheck:
    """What one catalogue answered. `problem` is empty where it answered well."""

    name: str
    level: str
    proven: str
    objects: int = 0
    sellable: int | None = None
    seconds: float = 0.0
    problem: str = ""


async def check_catalogues(
    settings: Settings, sku: str | None, only: str | None = None
) -> list[CatalogueCheck]:
    """Look a SKU up in every catalogue, and read it back where one is named."""
    tables = {
        name: table for name, table in settings.catalogues.items() if only in {None, name}
    }
    catalogues: Mapping[str, Catalogue] = open_catalogues(tables)
    try:
        deadline = settings.pace.call_deadline
        return list(
            await asyncio.gather(*(_check(one, sku, deadline) for one in catalogues.values()))
        )
    finally:
        for one in catalogues.values():
            await one.close()


async def _check(catalogue: Catalogue, sku: str | None, deadline: float) -> CatalogueCheck:
    begun = time.monotonic()
    traits = catalogue.traits
    plain = CatalogueCheck(catalogue.name, traits.level, traits.proven)
    try:
        found = await catalogue.lookup(sku or NO_SUCH_SKU, deadline=deadline)
        sellable = None
        if sku is not None:
            seen = [
                await catalogue.read_back(sku, one.remote_id, deadline=deadline) for one in found
            ]
            sellable = sum(one.sellable for one in seen)
    except CatalogueError as error:
        return CatalogueCheck(
            plain.name, plain.level, plain.proven,
            seconds=time.monotonic() - begun, problem=error.detail,
        )
    return CatalogueCheck(
        plain.name, plain.level, plain.proven, len(found), sellable, time.monotonic() - begun
    )
