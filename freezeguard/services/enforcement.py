"""Makes catalogues obey, and reads back that they do.

Towards *frozen* it tries for ever. Towards *sold again* it first makes sure that the order is still
the newest one. A lease per catalogue object keeps two replicas from sending at once; whoever lost
it stays silent.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime

import structlog

from freezeguard.domain.enforcement import Status
from freezeguard.domain.errors import Unavailable
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.journal import Journal
from freezeguard.ports.metrics import Metrics
from freezeguard.ports.storage import CatalogueRow, Database
from freezeguard.services.breaker import Breaker
from freezeguard.services.casework import LEASE
from freezeguard.services.claims import Calls, Claim, LeaseLost, Paused
from freezeguard.services.directory import Directory
from freezeguard.services.pace import Pace
from freezeguard.services.reconciliation import Reconciliation
from freezeguard.services.releasing import Releasing
from freezeguard.services.stopping import Stopping

log = structlog.get_logger()


class Enforcement:
    """Works on catalogue objects: right after a freeze, when they are due, and for ever."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        reconciliation: Reconciliation,
        journal: Journal,
        now: Now,
        new_id: NewId,
        pace: Pace,
        metrics: Metrics,
    ) -> None:
        self._database, self._directory = database, directory
        self._now, self._new_id, self.pace = now, new_id, pace
        self.breakers = {name: Breaker() for name in directory.outlets}
        self._calls = Calls(database, reconciliation, self.breakers, now, pace, metrics)
        self._stopping = Stopping(self._calls, journal)
        self._releasing = Releasing(self._calls)
        self._room = {
            name: asyncio.Semaphore(pace.parallel_calls) for name in directory.outlets
        }
        self._due: dict[str, set[asyncio.Task[None]]] = {name: set() for name in self._room}
        self._running: set[asyncio.Task[None]] = set()

    # ---------------------------------------------------------------------------- starting

    def start(self, claims: Iterable[CatalogueRow]) -> None:
        """Work on objects that were claimed by the commit that has just returned."""
        now = self._now()
        for row in claims:
            self._begin(row, now)

    async def drain(self, deadline: float) -> None:
        """Let what is under way finish, within the deadline."""
        if self._running:
            await asyncio.wait(self._running, timeout=deadline)

    async def work_due(self, catalogue: str) -> int:
        """Claim what is due in one catalogue and begin to work on it; return how many objects.

        Half of the calls at a time are left to stops that have just been ordered. Where the
        other half is taken, it waits for one to end. What our own breaker holds back is left to
        other replicas, but for one object at a time as a probe.
        """
        busy, breaker = self._due[catalogue], self.breakers[catalogue]
        most = max(1, self.pace.parallel_calls // 2)
        if len(busy) >= most:
            await asyncio.wait(
                busy, timeout=LEASE.total_seconds(), return_when=asyncio.FIRST_COMPLETED
            )
        if len(busy) >= most or breaker.holds_back(self._now()):
            return 0
        token, room = self._new_id(), 1 if breaker.is_open else most - len(busy)
        rows = await self._database.run(
            lambda tx: tx.objects.claim_due(catalogue, LEASE, token, room)
        )
        for row in rows:
            task = self._begin(row)
            busy.add(task)
            task.add_done_callback(busy.discard)
        return len(rows)

    def _begin(
        self, row: CatalogueRow, ordered_at: datetime | None = None
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(self.work(row, ordered_at), name=f"enforce {row.catalogue}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    # ----------------------------------------------------------------------------- working

    async def work(self, row: CatalogueRow, ordered_at: datetime | None = None) -> None:
        """Bring one claimed object to where it is wanted. Never raises for a far side's fault."""
        outlet = self._directory.get(row.catalogue)
        if outlet is None:
            log.error("catalogue_not_configured", catalogue=row.catalogue, sku=row.sku)
            return
        until = asyncio.get_running_loop().time() + LEASE.total_seconds()
        async with self._room[outlet.name]:
            await self._carry_out(Claim(outlet, row, row, until, began_at=ordered_at))

    async def _carry_out(self, claim: Claim) -> None:
        row, more = claim.row, list[Claim]()
        try:
            more = await self._guarded_turn(claim)
        except Unavailable as error:
            log.warning("enforcement_postponed", sku=row.sku, catalogue=row.catalogue,
                        error=str(error))
        except Exception:  # a bug here must not end the loop; the lease brings the object back
            log.exception("enforcement_failed", sku=row.sku, catalogue=row.catalogue)
        await asyncio.gather(*(self._carry_out(one) for one in more))

    async def _guarded_turn(self, claim: Claim) -> list[Claim]:
        try:
            try:
                return await self._turn(claim)
            except Paused as pause:
                await self._postpone(claim, pause.seconds)
        except LeaseLost:
            await self._calls.overtaken(claim)
        return []

    async def _turn(self, claim: Claim) -> list[Claim]:
        row = claim.row
        untried = row.status is Status.PENDING and row.attempts == 0 and row.wanted != "sellable"
        wait = self.breakers[claim.outlet.name].wait(self._now(), first_try=untried)
        if wait > 0:
            await self._postpone(claim, wait)
            return []
        if row.wanted == "sellable":
            await self._releasing.work(claim)
            return []
        return await self._stopping.work(claim)

    async def _postpone(self, claim: Claim, wait: float) -> None:
        """A breaker is open or the far side asked for a pause: visible, and not counted."""
        if claim.row.status is Status.PENDING:
            claim.learn(status=Status.UNREACHABLE, detail="waiting for the catalogue")
        pause = max(wait + 0.05, self.pace.retry_in(claim.row.attempts))
        await self._calls.settle(claim, pause)
