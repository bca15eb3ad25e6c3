"""The held set in memory: "may I sell this?" without asking the database.

One snapshot at the start, then every change in the order of its revision. A replica without a
first snapshot is not ready, and says so instead of "sellable".
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any
from uuid import UUID

from freezeguard.domain.errors import Unavailable
from freezeguard.domain.scope import NARROWING, Scope
from freezeguard.ports.clock import Now
from freezeguard.ports.rows import HoldChange
from freezeguard.ports.storage import Database, Transaction

RING = 10_000
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class HeldSku:
    """The holds of one SKU, as readers see them, in order of their start."""

    holds: tuple[Mapping[str, Any], ...]


class HeldSet:
    """Answers from memory; follows the ledger of the held set."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database, self._now = database, now
        self._holds: dict[str, dict[UUID, Mapping[str, Any]]] = {}
        self._by_sku: dict[str, HeldSku] = {}
        self._changes: deque[HoldChange] = deque(maxlen=RING)
        self._moved = asyncio.Event()
        self._closed = False
        self.revision = -1
        self.as_of: datetime | None = None
        self.as_of_text = ""

    @property
    def is_ready(self) -> bool:
        """Say whether a first snapshot was taken."""
        return self.as_of is not None

    @property
    def number_of_skus(self) -> int:
        """Return how many SKUs are held."""
        return len(self._by_sku)

    async def load(self) -> None:
        """Take the first snapshot."""
        revision, holds = await self._database.run(lambda tx: tx.holds.all_in_force())
        self._holds, self._by_sku = {}, {}
        for one in holds:
            self._holds.setdefault(one.scope.sku, {})[one.id] = one.as_dict()
        for sku in self._holds:
            self._rebuild(sku)
        self.revision = revision
        self._heard()

    def _heard(self) -> None:
        """Note when the database was last heard of, in words too: every answer carries them."""
        self.as_of = self._now()
        self.as_of_text = self.as_of.isoformat()

    async def follow(self) -> int:
        """Take in what has changed since; return how many changes there were."""
        count = 0
        while True:
            changes = await self._database.run(self._next_page)
            for change in changes:
                self._take_in(change)
            count += len(changes)
            self._heard()
            if len(changes) < PAGE:
                return count

    async def _next_page(self, tx: Transaction) -> list[HoldChange]:
        return await tx.holds.changes_after(self.revision, PAGE)

    def _take_in(self, change: HoldChange) -> None:
        if change.revision <= self.revision:
            return
        mine = self._holds.setdefault(change.sku, {})
        if change.change == "hold":
            mine[change.hold_id] = change.hold
        else:
            mine.pop(change.hold_id, None)
        self.revision = change.revision
        self._rebuild(change.sku)
        self._changes.append(change)
        self._moved.set()
        self._moved = asyncio.Event()

    def _rebuild(self, sku: str) -> None:
        mine = self._holds[sku]
        if mine:
            ordered = sorted(mine.values(), key=lambda hold: (hold["since"], hold["id"]))
            self._by_sku[sku] = HeldSku(tuple(ordered))
        else:
            del self._holds[sku]
            self._by_sku.pop(sku, None)

    # ------------------------------------------------------------------------------- questions

    def of_sku(self, sku: str, asked: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """Return the holds that overlap a question; an absent field asks about any."""
        if self.as_of is None:
            raise Unavailable("The held set has not been read yet.")
        held = self._by_sku.get(sku)
        if held is None:
            return ()
        if not asked:
            return held.holds
        question = Scope.of(sku, asked)
        return [one for one in held.holds if question.overlaps(scope_of(one))]

    def all_holds(self) -> list[Mapping[str, Any]]:
        """Return every hold, ordered by SKU and start."""
        if self.as_of is None:
            raise Unavailable("The held set has not been read yet.")
        return [hold for sku in sorted(self._by_sku) for hold in self._by_sku[sku].holds]

    async def at(self, moment: datetime) -> tuple[int, list[Mapping[str, Any]]]:
        """Return the revision at a moment and the holds in force then, from the ledger."""
        changes = await self._database.run(lambda tx: tx.holds.changes_until(moment))
        revision = max((one.revision for one in changes), default=0)
        held = [one.hold for one in changes if one.change == "hold"]
        return revision, sorted(held, key=lambda hold: (hold["scope"]["sku"], hold["since"]))

    # -------------------------------------------------------------------------------- following

    async def changes_since(self, revision: int) -> list[HoldChange] | None:
        """Return the changes after a revision; None where only a new snapshot can help.

        Raises Unavailable where the reader knows more than we do and the database can't be asked:
        an older snapshot would set free what the reader has seen held.
        """
        if revision > self.revision and not await self._has_been(revision):
            return None
        if self._changes and self._changes[0].revision <= revision + 1:
            return self._fresh(revision)
        if revision == self.revision:
            return []
        limit = RING
        changes = await self._database.run(lambda tx: tx.holds.changes_after(revision, limit))
        return changes if len(changes) < limit else None

    async def _has_been(self, revision: int) -> bool:
        """Say whether there was a revision that we have not heard of; follows what is new.

        There was none where the database was restored from a backup, or the reader made it up.
        """
        await self.follow()
        if revision <= self.revision:
            return True
        return revision <= await self._database.run(lambda tx: tx.holds.current_revision())

    def close(self) -> None:
        """End every stream: the replica is about to stop, and readers go to another."""
        self._closed = True
        self._moved.set()

    async def stream(self, revision: int, keep_alive: float) -> AsyncIterator[HoldChange | None]:
        """Yield changes after a revision as they come, and None where it has been quiet.

        Ends where the reader has fallen so far behind that changes may be missing: it then
        resumes from the ledger.
        """
        last = revision
        while not self._closed:
            moved = self._moved
            if self._may_lack(last):
                return
            for change in self._fresh(last):
                last = change.revision
                yield change
            if last >= self.revision:
                try:
                    async with asyncio.timeout(keep_alive):
                        await moved.wait()
                except TimeoutError:
                    yield None

    def _may_lack(self, last: int) -> bool:
        """Say whether changes after a revision may have left the ring already."""
        is_full = len(self._changes) == self._changes.maxlen
        return is_full and self._changes[0].revision > last + 1

    def _fresh(self, last: int) -> list[HoldChange]:
        """Return the changes after a revision; looks at these only, not at the whole ring."""
        found = list(takewhile(lambda one: one.revision > last, reversed(self._changes)))
        found.reverse()
        return found


def scope_of(hold: Mapping[str, Any]) -> Scope:
    """Return the scope of a hold as readers see it."""
    scope = hold["scope"]
    return Scope.of(scope["sku"], {name: scope.get(name) for name in NARROWING})
