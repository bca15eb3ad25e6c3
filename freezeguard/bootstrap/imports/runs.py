"""Runs an import: entries in batches through the checks and the ingestion that HTTP has."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TypeVar

from freezeguard.api import batches
from freezeguard.api.batches import Parsed, Rejected
from freezeguard.api.models.masterdata import SkuRow
from freezeguard.api.models.signals import SignalIn
from freezeguard.api.models.units import UnitsIn
from freezeguard.api.routes.signals import conflict_of, shipment_of
from freezeguard.bootstrap.administration import operator_name
from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.imports.files import Entry
from freezeguard.bootstrap.service import Service
from freezeguard.bootstrap.settings import Settings
from freezeguard.domain.signals import Signal
from freezeguard.ports.rows import RejectedSignal, Sku
from freezeguard.services.detecting.importing import Importing, Unsettled
from freezeguard.services.detecting.ingestion import Receipt

LINES = "application/x-ndjson"
IN_FLIGHT = 4
SLICE = 20
"""So many entries are checked in one go: about 2 ms."""
SHOWN = 20
"""So many rejected entries are reported one by one; all of them are kept."""

T = TypeVar("T")
Report = Callable[["Tally"], None]
Outcome = tuple[Receipt, list[Rejected]]


@dataclass(slots=True)
class Tally:
    """What became of the entries so far. `samples` are the first rejected ones."""

    entries: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    seconds: float = 0.0
    samples: list[Rejected] = field(default_factory=list)

    @property
    def pace(self) -> float:
        """Return entries per second."""
        return self.entries / self.seconds if self.seconds else 0.0

    def add(self, number: int, receipt: Receipt, rejected: Sequence[Rejected]) -> None:
        """Take in what became of one batch."""
        self.entries += number
        self.accepted += len(receipt.accepted)
        self.duplicates += len(receipt.duplicates)
        self.rejected += len(rejected)
        self.samples += rejected[: SHOWN - len(self.samples)]


@dataclass(frozen=True, slots=True)
class SignalOptions:
    """How signals of a file are taken in."""

    acts_on_history: bool = False
    may_assert_safety: bool = False
    batch: int = 500


@asynccontextmanager
async def open_import(settings: Settings, *, working: bool) -> AsyncIterator["Import"]:
    """Open a replica that serves nobody; where it is `working` it evaluates and stops, too."""
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_service(settings))
        if working:
            await stack.enter_async_context(service.working())
        yield Import(service)


class Import:
    """One run. Beside a running service it shares the work with it."""

    def __init__(self, service: Service) -> None:
        self._service, self._context = service, service.context
        self._importing = Importing(service.database, service.ingestion, service.context.now)
        self.started_at = service.context.now()

    # ----------------------------------------------------------------------------- signals

    async def signals(
        self, entries: Iterable[Entry], options: SignalOptions, report: Report
    ) -> Tally:
        """Take in signals, in the order of the file; rejected ones are kept as by the API."""

        async def store(parsed: Parsed[_Ready]) -> Outcome:
            receipt = await self._importing.store(
                [one.signal for _, one in parsed.items], [one.print for _, one in parsed.items]
            )
            clashing = (parsed.items[n] for n in receipt.conflicts)
            conflicts = [conflict_of(index, one.item) for index, one in clashing]
            rejected = _in_order(parsed.rejected, conflicts)
            await self._keep(rejected)
            return receipt, rejected

        read = partial(self._read_signals, options)
        return await _in_batches(entries, options.batch, read, store, report)

    def _read_signals(self, options: SignalOptions, body: bytes) -> Parsed["_Ready"]:
        context = self._context
        parsed = batches.parse_signals(body, LINES, {}, context.now())
        items = [
            (index, _Ready(item, item.fingerprint, item.to_domain(
                hash_customer=context.hash_customer,
                hash_mark=context.hash_mark,
                mask=context.mask,
                may_assert_safety=options.may_assert_safety,
                acts_on_history=options.acts_on_history,
            )))
            for index, item in parsed.items
        ]
        return Parsed(items, parsed.rejected)

    async def _keep(self, rejected: Sequence[Rejected]) -> None:
        if not rejected:
            return
        context = self._context
        kept = [
            RejectedSignal(
                context.new_id(), None, None, one.index, one.code, one.detail,
                context.mask(one.raw),
            )
            for one in rejected
        ]
        await context.database.run(lambda tx: tx.signals.keep_rejected(kept, context.now()))

    async def settle(self, patience: float) -> Unsettled:
        """Wait until all is evaluated and every stop was read back."""
        return await self._importing.settle(patience)

    async def opened(self) -> dict[str, int]:
        """Count the cases that were opened since this run began, by state."""
        return await self._importing.opened_since(self.started_at)

    # ------------------------------------------------------------------------ units and SKUs

    async def units(self, entries: Iterable[Entry], batch: int, report: Report) -> Tally:
        """Take in units shipped; of several rows with one id the first counts."""

        async def store(parsed: Parsed[UnitsIn]) -> Outcome:
            shipped = [shipment_of(item) for _, item in parsed.items]
            receipt = await self._importing.store_units(shipped)
            conflicts = [conflict_of(*parsed.items[n]) for n in receipt.conflicts]
            return receipt, _in_order(parsed.rejected, conflicts)

        def read(body: bytes) -> Parsed[UnitsIn]:
            return batches.parse_units(body, LINES, self._context.now())

        return await _in_batches(entries, batch, read, store, report, in_flight=1)

    async def skus(self, entries: Iterable[Entry], batch: int, report: Report) -> Tally:
        """Register SKUs; of several rows for one SKU the last counts."""
        by = operator_name()

        async def store(parsed: Parsed[SkuRow]) -> Outcome:
            rows = [Sku(**item.model_dump()) for _, item in parsed.items]
            sound = batches.without_owners(parsed, await self._importing.store_skus(rows, by))
            accepted = tuple(range(len(sound.items)))
            return Receipt(accepted, (), ()), sound.rejected

        def read(body: bytes) -> Parsed[SkuRow]:
            return batches.parse_skus(body, LINES, self._context.now())

        return await _in_batches(entries, batch, read, store, report, in_flight=1)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A signal as it came, what tells it from others under its id, and as it is stored."""

    item: SignalIn
    print: bytes
    signal: Signal


def _parsed(first: int, part: list[Entry], read: Callable[[bytes], Parsed[T]]) -> Parsed[T]:
    """Check some entries; they are numbered from `first` on, as they lie in the file."""
    sound = [n for n, entry in enumerate(part) if entry.flaw is None]
    parsed: Parsed[T] = Parsed()
    if sound:
        parsed = read(b"\n".join(part[n].line for n in sound))
    items = [(first + sound[n], item) for n, item in parsed.items]
    rejected = [replace(one, index=first + sound[one.index]) for one in parsed.rejected]
    for n, entry in enumerate(part):
        if entry.flaw is not None:
            raw = entry.line.decode()[: batches.MAX_RAW]
            rejected.append(Rejected(first + n, *entry.flaw, "", raw))
    return Parsed(items, rejected)


def _in_order(*parts: Iterable[Rejected]) -> list[Rejected]:
    return sorted((one for part in parts for one in part), key=lambda one: one.index)


async def _in_batches(
    entries: Iterable[Entry],
    size: int,
    read: Callable[[bytes], Parsed[T]],
    store: Callable[[Parsed[T]], Coroutine[None, None, Outcome]],
    report: Report,
    *,
    in_flight: int = IN_FLIGHT,
) -> Tally:
    """Store batches, a few at a time; the next ones are read while these are being committed.

    They are read one after the other and begun in the order of the file.
    """
    tally, begun = Tally(), time.monotonic()
    under_way: deque[tuple[int, asyncio.Task[Outcome]]] = deque()

    async def finish_oldest() -> None:
        number, task = under_way.popleft()
        tally.add(number, *await task)
        tally.seconds = time.monotonic() - begun
        report(tally)

    remaining, first = iter(entries), 0
    try:
        while (part := await _next_part(remaining, first, size, read))[0]:
            if len(under_way) == in_flight:
                await finish_oldest()
            under_way.append((part[0], asyncio.create_task(store(part[1]))))
            first += part[0]
        while under_way:
            await finish_oldest()
    finally:
        for _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)
    return tally


async def _next_part(
    remaining: Iterator[Entry], first: int, size: int, read: Callable[[bytes], Parsed[T]]
) -> tuple[int, Parsed[T]]:
    """Read and check the next entries of a file; return their number, and what they are.

    A few at a time: transactions of this process hold locks meanwhile, and take their turns.
    """
    number = 0
    whole: Parsed[T] = Parsed()
    while number < size:
        part = list(islice(remaining, min(SLICE, size - number)))
        if not part:
            break
        whole.extend(_parsed(first + number, part, read))
        number += len(part)
        await asyncio.sleep(0)
    return number, whole
