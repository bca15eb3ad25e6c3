"""Asks each configured catalogue whether it answers, and proves one where its owner wants that."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from freezeguard.bootstrap.administration import Administration
from freezeguard.bootstrap.calendars import legal_clocks_of
from freezeguard.bootstrap.house import house_of
from freezeguard.bootstrap.metrics import PrometheusMetrics
from freezeguard.bootstrap.outlets import outlet_of
from freezeguard.bootstrap.settings import Settings
from freezeguard.bootstrap.surroundings import ids_by, jitter
from freezeguard.catalogues.naming import names_in
from freezeguard.catalogues.registry import fingerprint_of, needs_check, open_catalogues
from freezeguard.ports.catalogues import Catalogue, CatalogueError
from freezeguard.services.cases.casework import Casework
from freezeguard.services.cases.places import Places
from freezeguard.services.directory import Directory
from freezeguard.services.enforcing.breaker import Breaker
from freezeguard.services.enforcing.claims import Calls
from freezeguard.services.enforcing.pace import Pace
from freezeguard.services.enforcing.proving import Looking, Proof, Proving
from freezeguard.services.enforcing.reconciliation import Reconciliation
from freezeguard.services.enforcing.releasing import Releasing
from freezeguard.services.telling.telling import Telling
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


@dataclass(frozen=True, slots=True)
class ExplainedCatalogue:
    """What a catalogue can do, as its connector says; see `freezeguard.ports.catalogues.Traits`."""

    name: str
    kind: str
    level: str
    finest: str
    holds_carts: bool | None
    narrowest: tuple[str, ...]
    proven: str
    needs_check: bool
    fallbacks: tuple[str, ...]


def explained(settings: Settings) -> list[ExplainedCatalogue]:
    """Say what each configured catalogue can do; opens no connection."""
    tables = settings.catalogues
    return [
        ExplainedCatalogue(
            name, str(tables[name]["kind"]), one.traits.level, one.traits.finest,
            one.traits.holds_carts if one.traits.level == "hard" else False,
            (*one.traits.narrowest, *one.traits.scope), one.traits.proven,
            needs_check(tables[name], one), one.traits.fallbacks,
        )
        for name, one in open_catalogues(tables).items()
    ]


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


async def look_closely(settings: Settings, name: str, sku: str) -> Proof:
    """Look whether all is ready to prove a catalogue on a SKU; needs no database."""
    table = settings.catalogues[name]
    catalogue = open_catalogues({name: table})[name]
    looking = Looking(catalogue, names_in(name, table).of(sku), settings.pace.call_deadline)
    try:
        await looking.look()
    finally:
        await catalogue.close()
    return looking.proof


async def prove_catalogue(
    admin: Administration, settings: Settings, name: str, sku: str
) -> Proof:
    """Prove one catalogue on a SKU, and put it on record.

    What an earlier proof has left behind is put right first. Raises GuardFailed where the SKU is
    held, or in hand: the proof would put it back on sale.
    """
    async with _proving(admin, settings, name, sku) as proving:
        if await proving.recover() and await proving.prove():
            now, mark = admin.now(), fingerprint_of(settings.catalogues[name])
            await admin.database.run(
                lambda tx: tx.objects.note_check(name, mark, sku, admin.by, now)
            )
    return proving.proof


@asynccontextmanager
async def _proving(
    admin: Administration, settings: Settings, name: str, sku: str
) -> AsyncIterator[Proving]:
    """Put together what works on one SKU as a replica would; the other catalogues are not asked."""
    catalogues = open_catalogues(settings.catalogues)
    directory = Directory(outlet_of(settings, one) for one in catalogues.values())
    new_id, policy = ids_by(admin.now), settings.to_policy()
    places = Places(admin.calendars, legal_clocks_of(settings), settings.calendar.zone)
    telling = Telling(directory, house_of(settings), new_id, policy)
    casework = Casework(directory, telling, places, policy, admin.now, new_id)
    calls = Calls(
        admin.database, Reconciliation(directory, casework, admin.now), {name: Breaker()},
        admin.now, Pace(**settings.pace.model_dump(), jitter=jitter), PrometheusMetrics(),
    )
    releasing = Releasing(calls, FileJournal(settings.journal_file))
    try:
        yield Proving(calls, releasing, directory.outlets[name], sku, new_id)
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
