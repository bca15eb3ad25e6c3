"""Delivers notices from the outbox: at least once, in order per reader of a case, on their own.

A notice that fails delays nobody but the later ones to the same reader of the same case. One that
the far side took over is not sent again by the replica that knows it: what could not be stored is
remembered until it is.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from freezeguard.domain.effects import Notify
from freezeguard.domain.errors import Unavailable
from freezeguard.domain.people import System
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import Command
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.metrics import Metrics
from freezeguard.ports.notices import (
    Message,
    NoticeError,
    Rendered,
    Renderer,
    Transport,
    message_id_for,
)
from freezeguard.ports.storage import Database, Notice, Transaction
from freezeguard.services.casework import Casework
from freezeguard.services.telling import Telling

log = structlog.get_logger()

LEASE = timedelta(seconds=30)
SEND_WITHIN = 15.0
"""Seconds that a transport has for one notice; with less than that of a lease left, none is sent.
"""
SCHEDULE = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
"""Pauses in seconds between attempts; the last one repeats."""
GIVE_UP_AFTER = 80
"""Attempts: about three days."""


@dataclass(frozen=True, slots=True)
class Sender:
    """How notices are signed on the outside. `domain` goes into message ids."""

    address: str
    domain: str
    reply_to: str | None = None


class Delivery:
    """Sends what is due."""

    def __init__(
        self,
        database: Database,
        transport: Transport | None,
        render: Renderer,
        sender: Sender,
        telling: Telling,
        casework: Casework,
        now: Now,
        new_id: NewId,
        jitter: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._database, self._transport, self._render = database, transport, render
        self._sender, self._now, self._new_id, self._jitter = sender, now, new_id, jitter
        self._telling, self._casework, self._metrics = telling, casework, metrics
        self._handed_over: dict[UUID, tuple[Notice, datetime]] = {}
        self._vendors_told: dict[UUID, Notice] = {}

    @property
    def is_configured(self) -> bool:
        """Say whether there is any way out for notices."""
        return self._transport is not None

    async def deliver_due(self, limit: int = 32) -> int:
        """Send what is due; return how many notices were claimed.

        Claimed one by one: a lease that covers a whole batch would run out behind a slow server,
        and a notice that can't be rendered would hold up those claimed with it.
        """
        if self._transport is None:
            return 0
        await self._store_known()
        token = self._new_id()
        for number in range(limit):
            ours_until = asyncio.get_running_loop().time() + LEASE.total_seconds()
            claimed = await self._database.run(lambda tx: tx.notices.claim_due(LEASE, token, 1))
            if not claimed:
                return number
            await self._deliver(self._transport, claimed[0], ours_until)
        return limit

    async def _deliver(self, transport: Transport, notice: Notice, ours_until: float) -> None:
        """Send one notice; `ours_until` is when its lease ends, on the clock of the event loop."""
        if notice.id in self._handed_over:
            return
        try:
            message = await self._message(notice)
            if asyncio.get_running_loop().time() + SEND_WITHIN > ours_until:
                log.warning("notice_left", notice_id=str(notice.id), why="the lease is nearly over")
                return
            await transport.send(message, deadline=SEND_WITHIN)
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

    async def _message(self, notice: Notice) -> Message:
        words: Rendered = self._render(
            notice.kind, notice.facts, language=notice.language, time_zone=notice.time_zone
        )
        first = await self._thread(notice)
        own = message_id_for(str(notice.id), self._sender.domain)
        references = () if first in {None, own} else (str(first),)
        return Message(
            message_id=own, recipient=notice.address or "", sender=self._sender.address,
            subject=words.subject, text=words.text, html=words.html,
            date=notice.created_at or self._now(), reply_to=self._sender.reply_to,
            in_reply_to=references[0] if references else None, references=references,
        )

    async def _thread(self, notice: Notice) -> str | None:
        """Return the message id of the first notice that this reader got about the case."""
        case_id = notice.case_id
        if case_id is None:
            return None
        earlier = await self._database.run(lambda tx: tx.notices.of_case(case_id))
        mine = [one for one in earlier if one.recipient == notice.recipient]
        first = min(mine, key=lambda one: one.n, default=notice)
        return message_id_for(str(first.id), self._sender.domain)

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
            await self._database.run(lambda tx: tx.notices.sent(notice, at))
        except Unavailable:
            raise
        except Exception:  # the others are stored all the same
            log.exception("notice_sent_unstored", notice_id=str(notice.id))
            return
        del self._handed_over[notice.id]
        if _is_to_vendor(notice):
            await self._store_told(notice)

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

    async def _vendor_told(self, tx: Transaction, notice: Notice) -> None:
        """The first notice that reaches a vendor starts the vendor's clocks."""
        case = await _locked_case(tx, notice)
        if case is not None and case.vendor_status == "unreached" and case.in_frozen_phase:
            await self._casework.execute(
                tx, case, Command.VENDOR_NOTIFIED, actor=System.COURIER,
                arguments={"notice": notice.n, "kind": notice.kind},
            )

    async def _failed(self, notice: Notice, error: NoticeError) -> None:
        self._metrics.count("notices", channel=notice.channel, result="failed")
        hopeless = error.permanent_recipient or not error.recoverable
        given_up = notice.attempts + 1 >= GIVE_UP_AFTER
        pause = SCHEDULE[min(notice.attempts, len(SCHEDULE) - 1)] * self._jitter()
        retry_in = None if hopeless or given_up else pause
        if retry_in is None:
            await self._database.run(lambda tx: self._bounced(tx, notice, error.detail))
        else:
            await self._database.run(
                lambda tx: tx.notices.failed(notice, error.detail, retry_in=retry_in)
            )
        log.warning("notice_failed", notice_id=str(notice.id), kind=notice.kind,
                    recipient=notice.recipient, error=error.detail, retry_in=retry_in)

    async def _bounced(self, tx: Transaction, notice: Notice, why: str) -> None:
        """Give a notice up; the owner of its case is asked to tell a vendor by other means."""
        case = await _locked_case(tx, notice) if _is_to_vendor(notice) else None
        ours = await tx.notices.failed(notice, why, retry_in=None)
        if case is None or not ours or await _bounced_before(tx, notice, case):
            return
        text = (
            f"A notice to vendor {case.vendor} at {notice.address} did not arrive: {why}. "
            "Tell the vendor why the sale was stopped, and register another contact."
        )
        ask = Notify("manual_task", "owner", {"instruction": text, "detail": text})
        await self._telling.tell(tx, case, ask, self._now())


def _is_to_vendor(notice: Notice) -> bool:
    return notice.case_id is not None and notice.recipient.startswith("vendor:")


async def _locked_case(tx: Transaction, notice: Notice) -> Case | None:
    """Lock the SKU and the case of a notice; return the case."""
    if notice.case_id is None:
        return None
    await tx.signals.lock_sku(notice.sku or "")
    return await tx.cases.get(notice.case_id, lock=True)


async def _bounced_before(tx: Transaction, notice: Notice, case: Case) -> bool:
    """Say whether an earlier notice of a case came back from the same address of this reader."""
    reader = (notice.recipient, notice.address)
    return any(
        one.state == "bounced" and one.id != notice.id and (one.recipient, one.address) == reader
        for one in await tx.notices.of_case(case.id)
    )


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Finish some work also where the worker is stopped meanwhile: a mail would go twice."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
