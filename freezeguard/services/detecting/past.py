"""Reads the whole stored past, for a backtest: page by page, each in a short transaction.

What is stored or judged meanwhile may be in it or not. Nothing is changed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from freezeguard.detection.backtest.items import Item, Judgement
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.ports.past import Page, PastSignal, Place
from freezeguard.ports.rows import Sku
from freezeguard.ports.storage import Database, Transaction

PAGE = 5_000
PAGE_DEADLINE = 30.0
SKUS = 500

T = TypeVar("T")


async def read_items(
    database: Database, progress: Callable[[int], None] = lambda _: None
) -> list[Item]:
    """Return every SKU with its signals, what was judged of them, and units shipped; none, if none.

    `progress` is told how many rows have been read.
    """
    signals: dict[str, list[Observed]] = {}
    judged: dict[str, list[PastSignal]] = {}
    shipped: dict[str, list[Shipment]] = {}
    read = 0
    async for part in _pages(database, lambda tx, after: tx.past.signals(after, PAGE)):
        for one in part:
            signals.setdefault(one.observed.scope.sku, []).append(one.observed)
            if one.judged_at is not None:
                judged.setdefault(one.observed.scope.sku, []).append(one)
        read += len(part)
        progress(read)
    async for units in _pages(database, lambda tx, after: tx.past.shipments(after, PAGE)):
        for row in units:
            shipped.setdefault(row.scope.sku, []).append(row)
        read += len(units)
        progress(read)
    known = await _master_data(database, list(dict.fromkeys([*signals, *shipped])))
    return [
        Item(
            one.sku, signals.get(one.sku, ()), shipped.get(one.sku, ()), one.vendor, one.category,
            judgements_of(judged.get(one.sku, ())),
        )
        for one in known
    ] if signals else []


async def _master_data(database: Database, skus: Sequence[str]) -> list[Sku]:
    """Return what is known of SKUs, in their order; of those nobody registered, the name."""
    found: list[Sku] = []
    for first in range(0, len(skus), SKUS):
        some = skus[first : first + SKUS]
        known = {one.sku: one for one in await _known(database, some)}
        found += [known.get(sku) or Sku(sku) for sku in some]
    return found


async def _known(database: Database, skus: Sequence[str]) -> list[Sku]:
    return await database.run(lambda tx: tx.master.skus(skus), deadline=PAGE_DEADLINE)


async def _pages(
    database: Database, page: Callable[[Transaction, Place | None], Awaitable[Page[T]]]
) -> AsyncIterator[Sequence[T]]:
    place: Place | None = None
    while True:
        found = await _page(database, page, place)
        yield found.rows
        place = found.next
        if place is None:
            return


async def _page(
    database: Database, page: Callable[[Transaction, Place | None], Awaitable[Page[T]]],
    place: Place | None,
) -> Page[T]:
    return await database.run(lambda tx: page(tx, place), deadline=PAGE_DEADLINE)


def judgements_of(signals: Iterable[PastSignal]) -> Sequence[Judgement]:
    """Return what was judged, the earliest first: what one case judges, it judges at a moment."""
    judged: dict[tuple[datetime, bool], list[Observed]] = {}
    for one in signals:
        if one.judged_at is not None:
            judged.setdefault((one.judged_at, one.usual), []).append(one.observed)
    return [Judgement(at, some, usual) for (at, usual), some in sorted(judged.items())]
