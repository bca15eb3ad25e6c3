"""Asks each configured catalogue whether it answers, and proves one where its owner wants that."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from freezeguard.bootstrap.administration import Administration
from freezeguard.bootstrap.settings import Settings
from freezeguard.catalogues.naming import names_in
from freezeguard.catalogues.registry import fingerprint_of, open_catalogues
from freezeguard.domain.errors import GuardFailed
from freezeguard.ports.catalogues import Catalogue, CatalogueError
from freezeguard.services.enforcing.proving import Proof, Proving, may_be_proved
from freezeguard.storage.journal import FileJournal

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
        return list(await asyncio.gather(*(
            _check(one, None if sku is None else names_in(name, tables[name]).of(sku), deadline)
            for name, one in catalogues.items()
        )))
    finally:
        for one in catalogues.values():
            await one.close()


async def prove_catalogue(
    admin: Administration, settings: Settings, name: str, sku: str, *, only_look: bool
) -> Proof:
    """Prove one catalogue on a SKU, and put it on record; `only_look` changes nothing there.

    Raises GuardFailed where the SKU is held: the proof would put it back on sale.
    """
    wanted = await admin.database.run(lambda tx: tx.objects.wanted_of([sku]))
    if not may_be_proved(wanted, name):
        raise GuardFailed(f"{sku} is held: a proof would put it back on sale. Take another one.")
    table = settings.catalogues[name]
    catalogue = open_catalogues({name: table})[name]
    journal = FileJournal(settings.data_dir / "checks.ndjson")
    proving = Proving(
        catalogue, names_in(name, table).of(sku), journal, settings.pace.call_deadline
    )
    try:
        if await proving.dry_run() and not only_look and await proving.prove():
            now, mark = admin.now(), fingerprint_of(table)
            await admin.database.run(
                lambda tx: tx.objects.note_check(name, mark, sku, admin.by, now)
            )
    finally:
        await catalogue.close()
    return proving.proof


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
