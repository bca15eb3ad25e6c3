"""A catalogue object in our hands: calls to its far side, the lease between them, the outcome.

Whoever works on an object holds its lease, and lengthens it before a call that might outlive it.
Whoever has lost it stays silent, and leaves a note where a command may have gone out too late.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

import structlog

from freezeguard.domain.enforcement import Status
from freezeguard.domain.errors import Unavailable
from freezeguard.domain.transitions import FROZEN_PHASE, State
from freezeguard.ports.catalogues import (
    CatalogueError,
    Level,
    NoTurnError,
    Observation,
    in_haste,
    ranked,
)
from freezeguard.ports.clock import Now
from freezeguard.ports.metrics import Metrics
from freezeguard.ports.rows import CatalogueRow
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.cases.holding import LEASE
from freezeguard.services.directory import Outlet
from freezeguard.services.enforcing.breaker import Breaker
from freezeguard.services.enforcing.pace import UNSEEN, Pace
from freezeguard.services.enforcing.reconciliation import Reconciliation

log = structlog.get_logger()

T = TypeVar("T")

SETTLED = FROZEN_PHASE - {State.FREEZING}
"""States in which a stop that is read back once more brings a case no further."""
CROWDED = 5.0
"""Seconds for which whatever nobody waits for is put off where a call has found no turn."""
GRACE = 0.25
"""Seconds beyond its deadline after which a connector that ignores it is cut off."""


class LeaseLost(Exception):
    """Somebody else works on the object by now."""


class Paused(Exception):
    """The far side asked for a pause, or our own pace (`is_ours`); `seconds` are left of it."""

    def __init__(self, seconds: float, *, is_ours: bool = False) -> None:
        whose = "our own pace" if is_ours else "the far side"
        super().__init__(f"{whose} asks for a pause of {seconds:.3g} s")
        self.seconds, self.is_ours = seconds, is_ours


@dataclass(slots=True)
class Claim:
    """One object that we work on.

    `before` is the row as it was claimed, `row` as it is known by now; the lease is ours until
    `ours_until` on the event loop's clock, by a cautious count. `has_sent` says that a command
    may have reached the far side, `began_at` when a stop was ordered by a commit of ours; `rank`
    counts claims as they are made.
    """

    outlet: Outlet
    before: CatalogueRow
    row: CatalogueRow
    ours_until: float
    has_sent: bool = False
    began_at: datetime | None = None
    rank: int = field(default_factory=count().__next__)

    @property
    def sku(self) -> str:
        """Return what the SKU is called there."""
        return self.outlet.called(self.row.sku)

    @property
    def is_hasty(self) -> bool:
        """Say whether a stop is wanted that is not confirmed, as far as is known by now.

        What was confirmed and could not be looked at since goes after stops that were never seen.
        """
        was_seen = self.row.status is Status.CONFIRMED or self.row.is_out_of_sight
        return self.row.wanted != "sellable" and not was_seen

    def learn(self, **facts: Any) -> None:
        """Take over what is known now."""
        self.row = replace(self.row, **facts)

    @property
    def level(self) -> Level:
        """Return how strictly the object is to be stopped."""
        if self.row.wanted == "sellable":
            raise ValueError(f"{self.row.key} is not wanted stopped")
        return self.row.wanted


class Calls:
    """What every turn of work on an object needs."""

    def __init__(
        self,
        database: Database,
        reconciliation: Reconciliation,
        breakers: dict[str, Breaker],
        now: Now,
        pace: Pace,
        metrics: Metrics,
    ) -> None:
        self.database, self._reconciliation = database, reconciliation
        self.breakers, self.now, self.pace = breakers, now, pace
        self.metrics = metrics
        self._looked_over: dict[str, tuple[int, float]] = {}
        self._no_turn_at: dict[str, float] = {}

    # ---------------------------------------------------------------------------- looked over

    def note_looked_over(self, name: str, objects: int) -> None:
        """Note that a catalogue has just looked over so many stopped objects."""
        self._looked_over[name] = objects, asyncio.get_running_loop().time()

    def looked_over(self, name: str) -> int:
        """Return how many stopped objects a catalogue looks over besides the read-backs.

        None once that has not succeeded for a while; but where nobody may ask it anything just
        now, so many as before.
        """
        objects, at = self._looked_over.get(name, (0, 0.0))
        now, breaker = asyncio.get_running_loop().time(), self.breakers.get(name)
        if breaker is None:
            return 0
        is_held_back = breaker.is_open or breaker.pause_left(now) > 0
        return objects if is_held_back or now - at <= UNSEEN * self.pace.look_over_every else 0

    # ------------------------------------------------------------------------------- calling

    async def ask(
        self, claim: Claim, call: Callable[[], Awaitable[T]], *, restores: bool = False
    ) -> T:
        """Make one call to the far side. Raises CatalogueError, Paused, LeaseLost.

        A call that `restores` goes out only while its order is the newest one. Where our own pace
        left no turn that is a pause, and no failure: two hundred stops take their time.
        """
        name = claim.outlet.name
        if (wait := self.breakers[name].pause_left(asyncio.get_running_loop().time())) > 0:
            raise Paused(wait)
        await self._secure(claim, restores=restores)
        try:
            with in_haste(yes=claim.is_hasty), ranked(claim.rank):
                return await self.call(name, call)
        except NoTurnError:
            self._no_turn_at[name] = asyncio.get_running_loop().time()
            raise Paused(self.pace.first_retry, is_ours=True) from None

    def is_crowded(self, name: str) -> bool:
        """Say whether the pace of a catalogue was too slow a moment ago for what must be done."""
        now = asyncio.get_running_loop().time()
        return now - self._no_turn_at.get(name, float("-inf")) < CROWDED

    async def call(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        """Make one call to a catalogue; the breaker hears of its outcome. Raises CatalogueError.

        It does not hear of a call that found no turn at our own pace: the far side was not asked.
        """
        outcome = "answered"
        try:
            answer = await self._within_deadline(call)
        except NoTurnError:  # no sign of the far side, neither a good nor a bad one
            outcome = "not_sent"
            raise
        except CatalogueError as error:
            outcome = "unreachable" if error.recoverable else "refused"
            await self._note_failure(name, error)
            raise
        finally:
            self.metrics.count("catalogue_requests", catalogue=name, outcome=outcome)
        await self._note_answer(name)
        return answer

    async def _within_deadline(self, call: Callable[[], Awaitable[T]]) -> T:
        """Connectors keep their deadline and raise CatalogueError; see to it where one does not."""
        deadline = self.pace.call_deadline + GRACE
        try:
            async with asyncio.timeout(deadline):
                return await call()
        except CatalogueError:
            raise
        except TimeoutError:
            raise CatalogueError(f"no answer within {deadline:g} s", recoverable=True) from None
        except Exception as error:
            log.exception("connector_failed")
            reason = f"the connector itself failed: {type(error).__name__}"
            raise CatalogueError(reason, recoverable=False) from error

    async def _note_failure(self, name: str, error: CatalogueError) -> None:
        if not error.recoverable:
            await self._note_answer(name)  # it said no, so it is there
            return
        now = asyncio.get_running_loop().time()
        if self.breakers[name].failed(now, error.retry_after):
            log.error("breaker_opened", catalogue=name, error=error.detail)
            self.metrics.set("breaker_open", 1, catalogue=name)

    async def _note_answer(self, name: str) -> None:
        if not self.breakers[name].answered():
            return
        log.warning("breaker_closed", catalogue=name)
        self.metrics.set("breaker_open", 0, catalogue=name)
        try:
            await self.database.run(lambda tx: tx.objects.wake(name, None))
        except Unavailable as error:  # they wake by themselves, only later
            log.warning("wake_failed", catalogue=name, error=str(error))

    # --------------------------------------------------------------------------------- lease

    async def _secure(self, claim: Claim, *, restores: bool) -> None:
        """See to it that the lease outlives the next call. Raises LeaseLost."""
        needed = asyncio.get_running_loop().time() + self.pace.call_deadline
        if restores or needed > claim.ours_until:
            await self.renew(claim, restores=restores)

    async def renew(self, claim: Claim, *, restores: bool = False) -> None:
        """Lengthen the lease, and put on record which further means may be in force.

        Raises LeaseLost; Unavailable where the call would restore. Towards frozen the work goes
        on although nobody can be asked.
        """
        asked_at = asyncio.get_running_loop().time()
        row = claim.row
        try:
            ours = await self.database.run(
                lambda tx: tx.objects.renew(row, LEASE, newest_only=restores)
            )
        except Unavailable:
            if restores:
                raise
            return
        if not ours:
            raise LeaseLost
        claim.ours_until = asked_at + LEASE.total_seconds()

    async def overtaken(self, claim: Claim) -> None:
        """Leave a note that a command of ours may have come too late: the object is looked at."""
        row = claim.row
        log.warning("lease_lost", sku=row.sku, catalogue=row.catalogue, has_sent=claim.has_sent)
        if claim.has_sent:
            await self.database.run(lambda tx: tx.objects.overtaken(row))

    # ------------------------------------------------------------------------------- outcome

    async def settle(
        self, claim: Claim, next_in: float, *, instruction: str | None = None
    ) -> None:
        """Store what was done and seen, and tell the cases, in one transaction.

        `instruction` is what a person must do by hand. Raises LeaseLost.
        """
        if instruction is None and await self._seen_again(claim, next_in):
            return
        after = claim.row
        changed = after.status is not claim.before.status

        async def work(tx: Transaction) -> bool:
            await tx.signals.lock_sku(after.sku)
            if not await tx.objects.settle(after, next_in=next_in, now=self.now()):
                return False
            if after.wanted != "sellable":
                await self._reconciliation.stop_seen(
                    tx, after, changed=changed, instruction=instruction
                )
            return True

        if not await self.database.run(work):
            raise LeaseLost

    async def _seen_again(self, claim: Claim, next_in: float) -> bool:
        """Store a mere repetition: what is confirmed was looked at again, and it still is.

        Young stops are looked at often, and few of those looks are news to a case: they need not
        wait for the lock of the SKU. Once things are calm, every look asks the cases as well.
        """
        statuses = {claim.before.status, claim.row.status}
        if claim.has_sent or statuses != {Status.CONFIRMED} or next_in >= self.pace.verify_every:
            return False
        row = claim.row
        return await self.database.run(
            lambda tx: tx.objects.see_again(row, SETTLED, next_in=next_in)
        )

    async def settle_release(
        self, claim: Claim, next_in: float | None, *, refused: bool
    ) -> None:
        """Store how a release went, and tell the cases, in one transaction. Raises LeaseLost."""
        after = claim.row

        async def work(tx: Transaction) -> bool:
            await tx.signals.lock_sku(after.sku)
            if not await tx.objects.settle(after, next_in=next_in, now=self.now()):
                return False
            await self._reconciliation.release_seen(tx, after, refused=refused)
            return True

        if not await self.database.run(work):
            raise LeaseLost


def saw(claim: Claim, seen: Observation, now: Any) -> None:
    """Take over what a read-back saw."""
    claim.learn(seen_sellable=seen.sellable, seen_side=seen.side, seen_at=now)
