"""Takes whole files in: in batches, patiently where the database is away, and to the end.

The end is reached when every signal is evaluated and every stop that came of it was read back.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from freezeguard.domain.errors import Unavailable
from freezeguard.domain.signals import Signal
from freezeguard.domain.transitions import State
from freezeguard.ports.clock import Now
from freezeguard.ports.rows import CaseFilter, Sku, UnitsShipped
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.detecting.ingestion import Ingestion, Receipt
from freezeguard.services.masterdata.registering import register_fit_skus

MANY = 10_000
LOOK_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What is still under way: SKUs to evaluate, and freezes that no read-back confirmed."""

    evaluations: int
    freezes: int

    def __bool__(self) -> bool:
        return bool(self.evaluations or self.freezes)


class Importing:
    """Stores batches of a file. `patience` is in seconds, for a database that is away or busy."""

    def __init__(
        self, database: Database, ingestion: Ingestion, now: Now, *, patience: float = 60.0
    ) -> None:
        self._database, self._ingestion, self._now = database, ingestion, now
        self._patience = patience

    async def store(self, signals: Sequence[Signal], fingerprints: Sequence[bytes]) -> Receipt:
        """Store signals; sent again for as long as patience lasts, which counts nothing twice.

        Raises Unavailable.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        while True:
            try:
                return await self._ingestion.submit(signals, fingerprints)
            except Unavailable as error:
                if loop.time() + error.retry_after > until:
                    raise
                await asyncio.sleep(error.retry_after)

    async def store_units(self, shipped: Sequence[UnitsShipped]) -> Receipt:
        """Store units shipped. Raises Unavailable."""
        return Receipt(*await self._ingestion.store_units(shipped))

    async def store_skus(self, skus: Sequence[Sku], by: str) -> dict[str, str]:
        """Register the SKUs whose owner can own one; return the other owners, each with why."""
        return await self._database.run(
            lambda tx: register_fit_skus(tx, skus, by, self._now())
        )

    async def settle(self, patience: float) -> Unsettled:
        """Wait until nothing is under way, or until nothing has moved for `patience` seconds."""
        loop = asyncio.get_running_loop()
        latest, moved_at = await self._unsettled(), loop.time()
        while latest and loop.time() - moved_at < patience:
            await asyncio.sleep(LOOK_EVERY)
            seen = await self._unsettled()
            if seen != latest:
                latest, moved_at = seen, loop.time()
        return latest

    async def _unsettled(self) -> Unsettled:
        async def work(tx: Transaction) -> Unsettled:
            waiting = await tx.signals.count_pending()
            freezing = CaseFilter(states=(State.FREEZING.value,), limit=MANY)
            return Unsettled(waiting, len(await tx.cases.listed(freezing)))

        return await self._database.run(work)

    async def opened_since(self, moment: datetime) -> dict[str, int]:
        """Count the cases opened since a moment, by state."""
        found: dict[str, int] = {}
        page = CaseFilter(limit=MANY)
        for case in await self._database.run(lambda tx: tx.cases.listed(page)):
            if case.opened_at >= moment:
                found[case.state.value] = found.get(case.state.value, 0) + 1
        return found
