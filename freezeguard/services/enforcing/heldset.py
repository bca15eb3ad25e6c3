"""The held set in memory: "may I sell this?" without asking the database.

One snapshot at the start, then every change in the order of its revision. A replica without a
first snapshot is not ready, and says so instead of "sellable".
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from math import inf
from sys import intern
from typing import Any
from uuid import UUID

import structlog

from freezeguard.domain.errors import Unavailable
from freezeguard.domain.scope import NARROWING, Scope
from freezeguard.ports.clock import Now
from freezeguard.ports.rows import HoldChange
from freezeguard.ports.storage import Database, Transaction

log = structlog.get_logger()

RING = 10_000
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class HeldSku:
    """The holds of one SKU, as readers see them, in order of their start."""

    holds: tuple[Mapping[str, Any], ...]


FREE = HeldSku(())


class HeldSet:
    """Answers from memory; follows the ledger of the held set."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database, self._now = database, now
        self._by_sku: dict[str, HeldSku] = {}
        self._changes: deque[HoldChange] = deque(maxlen=RING)
        self._moved = asyncio.Event()
        self._closed = False
        self._loads = 0
        self._checksum = 0
        self._number_of_holds = 0
        self.revision = -1
        self.version = ""
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

    @property
    def checksum(self) -> str:
        """Return what tells this set of holds and scopes from any other, as 16 hex digits."""
        return f"{self._checksum:016x}"

    @property
    def number_of_holds(self) -> int:
        """Return how many holds are in force."""
        return self._number_of_holds

    @property
    def age(self) -> float:
        """Return how long ago the database was last heard of, in seconds."""
        return max((self._now() - self.as_of).total_seconds(), 0.0) if self.as_of else inf

    async def load(self) -> None:
        """Take a snapshot: the first, or the first of another history. Ends every stream."""
        revision, holds = await self._database.run(lambda tx: tx.holds.all_in_force())
        self._by_sku = {}
        self._checksum = self._number_of_holds = 0
        for one in holds:
            self._put(one.scope.sku, one.id, one.as_dict())
        self._changes.clear()
        self._loads += 1
        self._reached(revision)
        self._heard()

    def _heard(self) -> None:
        """Note when the database was last heard of, in words too: every answer carries them."""
        self.as_of = self._now()
        self.as_of_text = self.as_of.isoformat()

    async def follow(self) -> int:
        """Take in what has changed since; return how many changes there were."""
        count = 0
        while True:
            known = self.revision
            changes, revision = await self._database.run(self._next_page)
            if revision < known:
                log.error("held_set_went_back", revision=revision, known=known)
                await self.load()
                return count
            for change in changes:
                self._take_in(change)
            count += len(changes)
            self._heard()
            if len(changes) < PAGE:
                if revision > self.revision:  # numbers that changed no hold: all replicas say one
                    self._reached(revision)
                return count

    async def _next_page(self, tx: Transaction) -> tuple[list[HoldChange], int]:
        """Return what is new, and a revision up to which that is all; lower only after a restore.

        Revisions commit in order: whatever is behind the first answer is in the second.
        """
        revision = await tx.holds.current_revision()
        return await tx.holds.changes_after(self.revision, PAGE), revision

    def _take_in(self, change: HoldChange) -> None:
        if change.revision <= self.revision:
            return
        change = _slim(change)
        self._put(change.sku, change.hold_id, change.hold if change.change == "hold" else None)
        self._changes.append(change)
        self._reached(change.revision)

    def _reached(self, revision: int) -> None:
        self.revision = revision
        self.version = f"{revision}-{self.checksum}"
        self._moved.set()
        self._moved = asyncio.Event()

    def _put(self, sku: str, hold_id: UUID, hold: Mapping[str, Any] | None) -> None:
        """Set a hold, or take it away; what counts them follows."""
        name, before = str(hold_id), self._by_sku.get(sku, FREE).holds
        known = [one for one in before if one["id"] == name]
        new = [] if hold is None else [hold]
        for one in (*known, *new):
            self._checksum ^= _hash_of(one)
        self._number_of_holds += len(new) - len(known)
        mine = [*(one for one in before if one["id"] != name), *new]
        if mine:
            ordered = sorted(mine, key=lambda one: (one["since"], one["id"]))
            self._by_sku[sku] = HeldSku(tuple(ordered))
        else:
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
        """Yield changes after a revision as they come, and None where the reader has them all.

        None comes at once, after whatever has changed, and again where it has been quiet. Ends
        where the reader has fallen so far behind that changes may be missing: it then resumes from
        the ledger; and where the database turned out to be of another history.
        """
        last, loads = revision, self._loads
        while not self._closed and loads == self._loads:
            moved, reached = self._moved, self.revision
            if self._may_lack(last):
                return
            for change in self._fresh(last):
                last = change.revision
                yield change
            last = max(last, reached)  # numbers that changed no hold are behind the reader too
            if last >= self.revision:
                yield None
                with suppress(TimeoutError):
                    async with asyncio.timeout(keep_alive):
                        await moved.wait()

    def _may_lack(self, last: int) -> bool:
        """Say whether changes after a revision may have left the ring already."""
        is_full = len(self._changes) == self._changes.maxlen
        return is_full and self._changes[0].revision > last + 1

    def _fresh(self, last: int) -> list[HoldChange]:
        """Return the changes after a revision; looks at these only, not at the whole ring."""
        found = list(takewhile(lambda one: one.revision > last, reversed(self._changes)))
        found.reverse()
        return found


def _slim(change: HoldChange) -> HoldChange:
    """Return a change whose keys and words are those of all others: each hold is kept for long.

    What comes from JSON has brought its own copy of every one of them.
    """
    hold = {intern(key): value for key, value in change.hold.items()}
    hold |= {key: intern(hold[key]) for key in ("lane", "level") if key in hold}
    if "scope" in hold:
        scope = {intern(key): value for key, value in hold["scope"].items()}
        hold["scope"] = {**scope, "sku": change.sku}
    return replace(change, change=intern(change.change), hold=hold)


def _hash_of(hold: Mapping[str, Any]) -> int:
    """Return 64 bits of which hold it is and what it covers."""
    scope = hold["scope"]
    text = "\n".join([hold["id"], scope["sku"], *(scope.get(one) or "" for one in NARROWING)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def scope_of(hold: Mapping[str, Any]) -> Scope:
    """Return the scope of a hold as readers see it."""
    scope = hold["scope"]
    return Scope.of(scope["sku"], {name: scope.get(name) for name in NARROWING})
