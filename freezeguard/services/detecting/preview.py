"""What a rule that is not in force would have done in the last days, on the stored signals.

The engine, and what it is given, are those of an evaluation. Nothing is stored.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from freezeguard.detection.evaluation import crossings
from freezeguard.detection.families import needs_at_least
from freezeguard.domain.reasons import Crossing
from freezeguard.domain.rules import Rule
from freezeguard.ports.clock import Now
from freezeguard.ports.rows import Pending, Prelude, Sku
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.detecting.gathering import gather
from freezeguard.services.detecting.rulebook import RuleBook

PAGE_DEADLINE = 30.0
PAGE = 200
"""So many SKUs are looked at in one transaction."""


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """The crossings among the SKUs that were looked at; `next` is the SKU to go on after."""

    crossings: tuple[Crossing, ...]
    looked_at: int
    next: str | None


class Preview:
    """Replays a rule over the stored signals, page by page, for as long as the caller has time."""

    def __init__(self, database: Database, rules: RuleBook, now: Now) -> None:
        self._database, self._rules, self._now = database, rules, now

    async def look(
        self, rule: Rule, days: timedelta, after: str, *, patience: float
    ) -> PreviewPage:
        """Return what the rule would have crossed by complaints of the last days.

        After `patience` seconds no further SKU is begun; `next` says where to go on. One SKU at
        least is looked at, so that whoever goes on comes to an end.
        """
        found: list[Crossing] = []
        looked_at, place = 0, after
        ends = asyncio.get_running_loop().time() + patience
        while True:
            page = await self._page(rule, days, place, ends)
            found += page.crossings
            looked_at += page.looked_at
            if page.next is None or asyncio.get_running_loop().time() > ends:
                return PreviewPage(tuple(found), looked_at, page.next)
            place = page.next

    async def _page(self, rule: Rule, days: timedelta, after: str, ends: float) -> PreviewPage:
        async def work(tx: Transaction) -> PreviewPage:
            since = self._now() - days
            skus = await tx.signals.skus_with_news(
                rule.scope, since, needs_at_least(rule), after=after, limit=PAGE
            )
            found: list[Crossing] = []
            for n, sku in enumerate(skus, 1):
                found += await self._crossed(tx, rule, sku, since)
                if asyncio.get_running_loop().time() > ends and n < len(skus):
                    return PreviewPage(tuple(found), n, sku)
            last = skus[-1] if len(skus) == PAGE else None
            return PreviewPage(tuple(found), len(skus), last)

        return await self._database.run(work, deadline=PAGE_DEADLINE)

    async def _crossed(
        self, tx: Transaction, rule: Rule, sku: str, since: datetime
    ) -> Sequence[Crossing]:
        master = await tx.master.sku(sku) or Sku(sku)
        pending = Pending(sku, 0, since)
        gathered = await gather(
            tx, Prelude(master, None, pending), pending, [rule], (),
            self._rules.priors(master.category),
        )
        return crossings(rule, gathered.evidence(rule), after=since)
