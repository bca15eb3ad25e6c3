"""Which SKUs are registered: kept in memory so that a sale status can say `known`."""

from collections.abc import Callable
from datetime import datetime, timedelta

from freezeguard.domain.nearmisses import near_misses
from freezeguard.ports.clock import Now
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.masterdata.hashes import Hashes

PAGE = 2_000
"""SKUs that are taken in at a stretch, within a few milliseconds: requests are answered in
between."""

SETTLED = timedelta(minutes=2)
"""After so long a change is seen by every reader: what commits late, or under a clock that is
late, is not passed over. Younger changes are read again each time."""


NEAR = 5
"""So many registered SKUs are named in the place of one that is not."""


async def known_or_near(tx: Transaction, sku: str) -> tuple[bool, list[str]]:
    """Say whether a SKU is registered, and where it is not, which registered ones are near it.

    Near is what is a slip away, and what begins as somebody wrote who did not write it all.
    """
    if await tx.master.sku(sku) is not None:
        return True, []
    tried = near_misses(sku)
    there = {one.sku for one in await tx.master.skus(tried)}
    found = [one for one in tried if one in there]
    if len(found) < NEAR:
        found += [one for one in await tx.master.skus_from(sku, NEAR)
                  if one.startswith(sku) and one not in there]
    return False, found[:NEAR]


class KnownSkus:
    """A set of 64-bit hashes, 12 to 18 bytes per SKU.

    Two SKUs may share a hash: one time in about 40 million at a million SKUs. That would answer
    `known: true` for a SKU that is not registered, and nothing else.
    """

    def __init__(self, database: Database, hash_sku: Callable[[str], int], now: Now) -> None:
        self._database, self._hash, self._now = database, hash_sku, now
        self._known = Hashes()
        self._last: tuple[datetime, str] | None = None

    def __contains__(self, sku: str) -> bool:
        return self._hash(sku) in self._known

    def __len__(self) -> int:
        return len(self._known)

    async def follow(self) -> int:
        """Take in SKUs registered since; return how many were read."""
        count = 0
        while True:
            rows = await self._database.run(self._next_page)
            if rows:
                for _, sku in rows:
                    self._known.add(self._hash(sku))
                self._last = rows[-1]
            count += len(rows)
            if len(rows) < PAGE:
                self._step_back()
                return count

    def _step_back(self) -> None:
        """Begin the next time with what is not settled yet."""
        if self._last is not None:
            self._last = min(self._last, (self._now() - SETTLED, ""))

    async def _next_page(self, tx: Transaction) -> list[tuple[datetime, str]]:
        return await tx.master.skus_after(self._last, PAGE)
