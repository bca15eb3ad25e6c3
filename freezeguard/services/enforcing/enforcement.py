"""Makes catalogues obey, and reads back that they do.

Towards *frozen* it tries for ever. Towards *sold again* it first makes sure that the order is still
the newest one. A lease per catalogue object keeps two replicas from sending at once; whoever lost
it stays silent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

import structlog

from freezeguard.domain.enforcement import Status
from freezeguard.domain.errors import Unavailable
from freezeguard.ports.catalogues import CatalogueError, Found, Watchful, in_haste
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.journal import Journal
from freezeguard.ports.metrics import Metrics
from freezeguard.ports.rows import CatalogueRow
from freezeguard.ports.storage import Database
from freezeguard.services.cases.holding import LEASE
from freezeguard.services.directory import Directory, Outlet
from freezeguard.services.enforcing.breaker import Breaker
from freezeguard.services.enforcing.claims import Calls, Claim, LeaseLost, Paused
from freezeguard.services.enforcing.pace import Pace
from freezeguard.services.enforcing.proofs import Proofs
from freezeguard.services.enforcing.reconciliation import Reconciliation
from freezeguard.services.enforcing.releasing import Releasing
from freezeguard.services.enforcing.stopping import Stopping

log = structlog.get_logger()

T = TypeVar("T")

HEAD_START = 0.5
"""Seconds for which a catalogue that was down a moment ago lets the others of an order go first."""
OUT_OF_SIGHT = "the catalogue does not answer; nobody has seen for long that it is still stopped"


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
        self.proofs = Proofs(database, directory)
        self._calls = Calls(database, reconciliation, self.breakers, now, pace, metrics)
        self._stopping = Stopping(self._calls, journal)
        self._releasing = Releasing(self._calls, journal)
        self._room = {
            name: asyncio.Semaphore(pace.parallel_calls) for name in directory.outlets
        }
        self._due: dict[str, set[asyncio.Task[None]]] = {name: set() for name in self._room}
        self._running: set[asyncio.Task[None]] = set()
        self._all_seen_at = dict.fromkeys(self._room, float("-inf"))

    # ---------------------------------------------------------------------------- starting

    def start(self, claims: Iterable[CatalogueRow]) -> None:
        """Work on objects that were claimed by the commit that has just returned.

        Catalogues that were down a moment ago come last: what is written about their failing
        again would keep the others waiting.
        """
        now, down, sound = self._now(), list[CatalogueRow](), list[asyncio.Task[None]]()
        for row in claims:
            breaker = self.breakers.get(row.catalogue)
            if breaker is not None and breaker.is_open:
                down.append(row)
            else:
                sound.append(self._begin(row, now))
        for row in down:
            self._begin(row, now, after=sound)

    async def drain(self, deadline: float) -> None:
        """Let what is under way finish, within `deadline` seconds; give up what does not.

        Whatever is given up comes back with the end of its lease, as after a kill.
        """
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=deadline)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=deadline)

    async def work_due(self, catalogue: str) -> int:
        """Claim what is due in one catalogue and begin to work on it; return how many objects.

        Half of the calls at a time are left to stops that have just been ordered. Where the
        other half is taken, it waits for one to end.
        """
        busy, most = self._due[catalogue], max(1, self.pace.parallel_calls // 2)
        if len(busy) >= most:
            await asyncio.wait(
                busy, timeout=LEASE.total_seconds(), return_when=asyncio.FIRST_COMPLETED
            )
        if len(busy) >= most:
            return 0
        rows = await self._claim(catalogue, most - len(busy))
        for row in rows:
            task = self._begin(row)
            busy.add(task)
            task.add_done_callback(busy.discard)
        return len(rows)

    async def _claim(self, catalogue: str, room: int) -> list[CatalogueRow]:
        """Claim up to so many objects that are due.

        What our own breaker holds back is left to other replicas, but for one object at a time as
        a probe, and for what no replica has seen for long.
        """
        breaker, now = self.breakers[catalogue], asyncio.get_running_loop().time()
        if breaker.is_open or breaker.holds_back(now):
            if unseen := await self._claim_unseen(catalogue, room):
                return unseen
            room = 0 if breaker.holds_back(now) else 1
        if room == 0:
            return []
        token, is_off = self._new_id(), bool(self.proofs.missing(catalogue))
        return await self._database.run(
            lambda tx: tx.objects.claim_due(catalogue, LEASE, token, room, is_off=is_off)
        )

    async def _claim_unseen(self, catalogue: str, room: int) -> list[CatalogueRow]:
        """Claim stopped objects whose read-back is too old; once all are seen, have a rest."""
        now, token = asyncio.get_running_loop().time(), self._new_id()
        age = self.pace.unseen_after(self._calls.looked_over(catalogue))
        if now < self._all_seen_at[catalogue] + self.verify_every(catalogue) / 2:
            return []
        rows = await self._database.run(
            lambda tx: tx.objects.claim_unseen(catalogue, LEASE, token, room, self._now(), age)
        )
        if not rows:
            self._all_seen_at[catalogue] = now
        return rows

    def _begin(
        self, row: CatalogueRow, ordered_at: datetime | None = None,
        after: Sequence[asyncio.Task[None]] = (),
    ) -> asyncio.Task[None]:
        work = self.work(row, ordered_at, after)
        task = asyncio.create_task(work, name=f"enforce {row.catalogue}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    # ----------------------------------------------------------------------------- working

    async def work(
        self, row: CatalogueRow, ordered_at: datetime | None = None,
        after: Sequence[asyncio.Task[None]] = (),
    ) -> None:
        """Bring one claimed object to where it is wanted. Never raises for a far side's fault.

        Work of the same order that is to come first gets a head start, of a moment at most.
        """
        outlet = self._directory.get(row.catalogue)
        if outlet is None:
            log.error("catalogue_not_configured", catalogue=row.catalogue, sku=row.sku)
            return
        until = asyncio.get_running_loop().time() + LEASE.total_seconds()
        if after:
            await asyncio.wait(after, timeout=HEAD_START)
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
                await self._postpone(claim, pause.seconds, is_ours=pause.is_ours)
        except LeaseLost:
            await self._calls.overtaken(claim)
        return []

    async def _turn(self, claim: Claim) -> list[Claim]:
        row = claim.row
        is_first_stop = row.wanted != "sellable" and not row.may_be_stopped
        if is_first_stop and (reason := self.proofs.missing(row.catalogue)):
            await self._stopping.refuse(claim, reason)
            return []
        untried = row.status is Status.PENDING and row.attempts == 0 and row.wanted != "sellable"
        now = asyncio.get_running_loop().time()
        wait = self.breakers[claim.outlet.name].wait(now, first_try=untried)
        if wait > 0:
            await self._postpone(claim, wait)
            return []
        if row.wanted == "sellable":
            await self._releasing.work(claim)
            return []
        return await self._stopping.work(claim)

    async def _postpone(self, claim: Claim, wait: float, *, is_ours: bool = False) -> None:
        """A breaker is open or the far side asked for a pause: visible, and not counted.

        A stop that waits for its turn at our own pace is still pending.
        """
        row = claim.row
        if row.status is Status.PENDING and not is_ours:
            claim.learn(status=Status.UNREACHABLE, detail="waiting for the catalogue")
        elif row.status is Status.CONFIRMED and self._is_unseen(row):
            claim.learn(status=Status.UNREACHABLE, detail=OUT_OF_SIGHT, attempts=0,
                        failing_since=self._now())
        pause = max(wait + 0.05, self.pace.retry_in(claim.row.attempts))
        await self._calls.settle(claim, pause)

    def _is_unseen(self, row: CatalogueRow) -> bool:
        """Say whether the last read-back is too old; one from the future is: a clock was set."""
        age = self.pace.unseen_after(self._calls.looked_over(row.catalogue))
        return row.seen_at is None or abs(self._now() - row.seen_at) > age

    # ------------------------------------------------------------------------- looking ahead

    def may_look_ahead(self, catalogue: str) -> bool:
        """Say whether a look-up that nobody waits for may be made now."""
        if self.proofs.missing(catalogue) or self._calls.is_crowded(catalogue):
            return False
        return self.may_look_over(catalogue)

    def may_look_over(self, catalogue: str) -> bool:
        """Say whether what is stopped may be looked over now, also where the catalogue is off."""
        return self.breakers[catalogue].spares(asyncio.get_running_loop().time())

    async def look_over(self, catalogue: str, remote_ids: Sequence[str]) -> frozenset[str]:
        """Return which of some stopped objects look otherwise. Raises CatalogueError."""
        outlet = self._directory.outlets[catalogue]
        watchful, deadline = outlet.catalogue, self.pace.call_deadline
        if not isinstance(watchful, Watchful):
            return frozenset()
        return await self._calls.call(
            catalogue, lambda: watchful.look_over(remote_ids, deadline=deadline)
        )

    def note_looked_over(self, catalogue: str, objects: int) -> None:
        """Note that a catalogue has just looked over so many: read-backs may leave it room."""
        self._calls.note_looked_over(catalogue, objects)

    def verify_every(self, catalogue: str) -> float:
        """Return the seconds between the read-backs of what is stopped in a catalogue."""
        return self.pace.verify_in(self._calls.looked_over(catalogue))

    async def look_ahead(self, outlet: Outlet, sku: str) -> tuple[Found, ...]:
        """Look up a SKU that nobody works on. Raises CatalogueError."""
        return await self._calls.call(outlet.name, lambda: outlet.catalogue.lookup(
            outlet.called(sku), deadline=self.pace.call_deadline))

    async def probe(self, outlet: Outlet, call: Callable[[], Awaitable[T]]) -> T:
        """Make one call for no case, as a stop would: with as many others at a time.

        Like a stop that was never tried it goes through an open breaker. Raises CatalogueError.
        """
        left = self.breakers[outlet.name].pause_left(asyncio.get_running_loop().time())
        if left > 0:
            asked = "the catalogue has asked for a pause"
            raise CatalogueError(asked, recoverable=True, retry_after=left)
        async with self._room[outlet.name]:
            with in_haste():
                return await self._calls.call(outlet.name, call)
