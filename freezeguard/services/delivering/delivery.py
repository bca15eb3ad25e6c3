"""Delivers notices from the outbox: at least once, in order per reader of a case, on their own.

A notice that fails delays nobody but the later ones to the same reader of the same case. One that
the far side took over is not sent again by the replica that knows it: what could not be stored is
remembered until it is. What would flood a reader goes as one (`services.digests`); where an
address does not work another way is found (`services.bounces`).
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from freezeguard.domain.errors import Unavailable
from freezeguard.domain.people import System
from freezeguard.domain.transitions import Command
from freezeguard.ports.clock import Moment, NewId, Now, no_moment
from freezeguard.ports.metrics import Metrics
from freezeguard.ports.notices import NoticeError
from freezeguard.ports.rows import Notice
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.cases.casework import Casework
from freezeguard.services.delivering.bounces import Bounces, is_to_vendor, locked_case
from freezeguard.services.delivering.carriers import Carrier
from freezeguard.services.delivering.digests import DIGEST, Digests

log = structlog.get_logger()

LEASE = timedelta(seconds=30)
SEND_WITHIN = 15.0
"""Seconds that a carrier has for one notice; with less than that of a lease left, none is sent.
"""
SCHEDULE = (5.0, 30.0, 120.0)
"""Pauses in seconds after the first attempts."""
OFTEN, OFTEN_UNTIL = 240.0, 180
"""Then so many seconds, up to so many attempts (twelve hours): a server that was away for hours
has everything within five minutes of its return, also with the jitter."""
SELDOM = 1800.0
GIVE_UP_AFTER = 300
"""Attempts: about three days."""


def pause_after(attempts: int) -> float:
    """Return the seconds to wait after an attempt that failed; `attempts` were made before it."""
    if attempts < len(SCHEDULE):
        return SCHEDULE[attempts]
    return OFTEN if attempts < OFTEN_UNTIL else SELDOM


class Delivery:
    """Sends what is due."""

    def __init__(
        self,
        database: Database,
        carrier: Carrier,
        casework: Casework,
        bounces: Bounces,
        digests: Digests,
        now: Now,
        new_id: NewId,
        jitter: Callable[[], float],
        metrics: Metrics,
        moment: Moment = no_moment,
    ) -> None:
        self._database, self._carrier = database, carrier
        self._now, self._new_id, self._jitter = now, new_id, jitter
        self._casework = casework
        self._bounces, self._digests, self._metrics = bounces, digests, metrics
        self._moment = moment
        self._handed_over: dict[UUID, tuple[Notice, datetime]] = {}
        self._vendors_told: dict[UUID, Notice] = {}

    @property
    def is_configured(self) -> bool:
        """Say whether there is any way out for notices."""
        return self._carrier.is_open

    async def deliver_due(self, limit: int = 32) -> int:
        """Send what is due; return how many notices were claimed.

        Claimed one by one: a lease that covers a whole batch would run out behind a slow server,
        and a notice that can't be rendered would hold up those claimed with it.
        """
        if not self._carrier.is_open:
            return 0
        await self._store_known()
        token = self._new_id()
        for number in range(limit):
            ours_until = asyncio.get_running_loop().time() + LEASE.total_seconds()
            claimed = await self._database.run(lambda tx: self._claim(tx, token))
            if claimed is None:
                return number
            await self._deliver(claimed, ours_until)
        return limit

    async def _claim(self, tx: Transaction, token: UUID) -> Notice | None:
        """Sort what has arrived; claim a notice that is due, or else a digest."""
        moment, channels = self._moment(), self._carrier.channels
        await self._digests.sort(tx, moment, moment or self._now())
        for one in await tx.notices.claim_due(LEASE, token, 1, moment, channels):
            return one
        return await self._digests.claim(tx, LEASE, token, moment, channels)

    async def _deliver(self, notice: Notice, ours_until: float) -> None:
        """Send one notice; `ours_until` is when its lease ends, on the clock of the event loop."""
        if notice.id in self._handed_over:
            return
        try:
            parcel = await self._carrier.prepare(notice)
            if asyncio.get_running_loop().time() + SEND_WITHIN > ours_until:
                log.warning("notice_left", notice_id=str(notice.id), why="the lease is nearly over")
                return
            await self._carrier.hand_over(parcel, deadline=SEND_WITHIN)
        except NoticeError as error:
            await self._failed(notice, error)
            return
        await self._sent(notice)

    async def _sent(self, notice: Notice) -> None:
        """Remember that the far side took a notice over, and store it."""
        sent_at = self._now()
        self._handed_over[notice.id] = notice, sent_at
        self._metrics.count("notices", channel=notice.channel, result="sent")
        log.info("notice_sent", notice_id=str(notice.id), kind=notice.kind,
                 case_id=str(notice.case_id), recipient=notice.recipient)
        await _to_its_end(self._store_sent(notice, sent_at))

    # --------------------------------------------------------------------------- what came of it

    async def _store_known(self) -> None:
        """Store what could not be stored so far: notices that left, vendors told by them."""
        for notice, at in list(self._handed_over.values()):
            await self._store_sent(notice, at)
        for notice in list(self._vendors_told.values()):
            if not await self._store_told(notice):
                return

    async def _store_sent(self, notice: Notice, at: datetime) -> None:
        """Store that a notice was sent. Takes no lock of its SKU: a busy SKU must not hinder it."""
        try:
            told = await self._database.run(lambda tx: _mark_sent(tx, notice, at))
        except Unavailable:
            raise
        except Exception:  # the others are stored all the same
            log.exception("notice_sent_unstored", notice_id=str(notice.id))
            return
        del self._handed_over[notice.id]
        for one in told:
            if is_to_vendor(one):
                await self._store_told(one)

    async def _store_told(self, notice: Notice) -> bool:
        """Store that the vendor of a case was reached; False where that must wait its turn."""
        self._vendors_told.pop(notice.id, None)
        try:
            await self._database.run(lambda tx: self._vendor_told(tx, notice))
        except Unavailable:
            self._vendors_told[notice.id] = notice
            return False
        except Exception:  # of less weight than the notices that wait
            log.exception("vendor_status_unstored", case_id=str(notice.case_id))
        return True

    async def sweep_told(self, limit: int = 50) -> int:
        """Tell cases that their vendors were reached where whoever sent the notice has died since.

        Return how many cases that were.
        """
        untold = await self._database.run(lambda tx: tx.notices.untold(limit))
        return sum([await self._store_told(one) for one in untold])

    async def _vendor_told(self, tx: Transaction, notice: Notice) -> None:
        """The first notice that reaches a vendor starts the vendor's clocks."""
        case = await locked_case(tx, notice)
        if case is not None and case.vendor_status == "unreached" and case.in_frozen_phase:
            await self._casework.execute(
                tx, case, Command.VENDOR_NOTIFIED, actor=System.COURIER,
                arguments={"notice": notice.n, "kind": notice.kind},
            )

    async def _failed(self, notice: Notice, error: NoticeError) -> None:
        self._metrics.count("notices", channel=notice.channel, result="failed")
        given_up = notice.attempts + 1 >= GIVE_UP_AFTER
        if given_up or error.permanent_recipient or not error.recoverable:
            retry_in, elsewhere = None, given_up or error.permanent_recipient
            await self._database.run(lambda tx: self._bounces.given_up(
                tx, notice, error.detail, elsewhere=elsewhere, moment=self._moment()
            ))
        else:
            pause = pause_after(notice.attempts) * self._jitter()
            retry_in = max(pause, error.retry_after or 0.0)
            await self._retry(notice, error.detail, retry_in)
        log.warning("notice_failed", notice_id=str(notice.id), kind=notice.kind,
                    recipient=notice.recipient, error=error.detail, retry_in=retry_in)

    async def _retry(self, notice: Notice, why: str, pause: float) -> None:
        async def work(tx: Transaction) -> None:
            if notice.kind == DIGEST:
                await tx.digests.failed(notice, why, pause, self._moment())
            else:
                await tx.notices.failed(notice, why, retry_in=pause, moment=self._moment())

        await self._database.run(work)


async def _mark_sent(tx: Transaction, notice: Notice, at: datetime) -> list[Notice]:
    """Store that a notice was sent, or a digest with all it holds; return what was told."""
    if notice.kind != DIGEST:
        await tx.notices.sent(notice, at)
        return [notice]
    members = await tx.digests.members(notice.id)
    await tx.digests.sent(notice.id, at)
    return members


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Finish some work also where the worker is stopped meanwhile: a mail would go twice."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
