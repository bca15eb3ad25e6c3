"""What a rule would have done in a shop's own past, beside the cases that there were.

Complaints count until people judged them, as in a backtest, and by the same code. Nothing is
stored.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from freezeguard.detection.backtest.items import Item
from freezeguard.detection.backtest.replay import freezes
from freezeguard.detection.daybook import Priors
from freezeguard.detection.families import learns
from freezeguard.detection.windows import moment_before
from freezeguard.domain.errors import Unavailable
from freezeguard.domain.reasons import Crossing
from freezeguard.domain.rules import Rule
from freezeguard.domain.shadowing import Sighting
from freezeguard.domain.trying import PastStop, beside
from freezeguard.ports.clock import Now
from freezeguard.ports.rows import Sku
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.detecting.past import judgements_of
from freezeguard.services.detecting.rulebook import RuleBook

DEADLINE = 30.0
PAGE = 50
"""So many SKUs are read in one transaction."""
EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tried:
    """One SKU at one time: what the rule would have done, and was done; `sentence` says why."""

    sighting: Sighting
    sentence: str | None


@dataclass(frozen=True, slots=True)
class TrialPage:
    """What came of the SKUs that were looked at; `next` is the SKU to go on after."""

    tried: tuple[Tried, ...]
    looked_at: int
    next: str | None
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class _Read:
    items: Sequence[Item]
    stops: dict[str, list[PastStop]]
    next: str | None


class Trial:
    """Replays a rule over the stored past, SKU by SKU, for as long as the caller has time."""

    def __init__(self, database: Database, rules: RuleBook, now: Now) -> None:
        self._database, self._rules, self._now = database, rules, now
        self._turn = asyncio.Lock()

    async def look(self, rule: Rule, days: timedelta, after: str, *, patience: float) -> TrialPage:
        """Return what the rule would have stopped in the last days, and what it would have missed.

        After `patience` seconds no further SKU is begun; `next` says where to go on. One SKU at
        least is looked at, so that whoever goes on comes to an end. One trial runs at a time: the
        processor is there for complaints. Raises Unavailable where others take too long.
        """
        try:
            async with asyncio.timeout(patience):
                await self._turn.acquire()
        except TimeoutError:
            raise Unavailable(
                "Other trials of rules are under way; try again in a moment.", retry_after=patience
            ) from None
        try:
            return await self._look(rule, days, after, patience)
        finally:
            self._turn.release()

    async def _look(self, rule: Rule, days: timedelta, after: str, patience: float) -> TrialPage:
        until = self._now()
        since, clock = until - days, asyncio.get_running_loop().time
        ends, place, looked_at = clock() + patience, after, 0
        tried: list[Tried] = []
        while True:
            read = await self._read(rule, since, place)
            for item in read.items:
                if looked_at and clock() > ends:
                    tried += _unheard(read, place)
                    return TrialPage(tuple(tried), looked_at, place, since, until)
                stops = read.stops.pop(item.sku, [])
                tried += await asyncio.to_thread(
                    _tried, rule, item, self._rules.priors(item.category), stops, since
                )
                looked_at, place = looked_at + 1, item.sku
            tried += _unheard(read, read.next)
            if read.next is None:
                return TrialPage(tuple(tried), looked_at, None, since, until)
            place = read.next

    async def _read(self, rule: Rule, since: datetime, after: str) -> _Read:
        async def work(tx: Transaction) -> _Read:
            skus = await tx.past.skus(rule.scope, since, after=after, limit=PAGE)
            last = skus[-1].sku if len(skus) == PAGE else None
            stops = await tx.past.stops(rule.scope, since, after=after, upto=last)
            start = EVER if learns(rule) else moment_before(since, rule.window)
            items = [await _item(tx, sku, start) for sku in skus]
            return _Read(items, stops, last)

        return await self._database.run(work, deadline=DEADLINE)


def _unheard(read: _Read, upto: str | None) -> list[Tried]:
    """Return the stops of SKUs up to one of which nobody complained: there no rule speaks."""
    return [
        Tried(one, None)
        for sku, stops in read.stops.items() if upto is None or sku <= upto
        for one in beside(sku, (), stops)
    ]


async def _item(tx: Transaction, sku: Sku, start: datetime) -> Item:
    signals = await tx.past.signals_of(sku.sku, start)
    return Item(
        sku.sku, [one.observed for one in signals], await tx.signals.shipments(sku.sku, start),
        sku.vendor, sku.category, judgements_of(signals),
    )


def _tried(
    rule: Rule, item: Item, priors: Priors, stops: Sequence[PastStop], since: datetime
) -> list[Tried]:
    is_sound = all(one.stop.ending != "confirmed" for one in stops)
    found: dict[datetime, Crossing] = {
        one.crossed_at: one
        for one in freezes(rule, item, priors, is_sound=is_sound) if one.crossed_at > since
    }
    return [
        Tried(one, None if one.said_at is None else found[one.said_at].reason.sentence)
        for one in beside(item.sku, found, stops)
    ]
