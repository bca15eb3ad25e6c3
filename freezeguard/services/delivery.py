"""Delivers notices from the outbox: at least once, in order per reader of a case, on their own.

A notice that fails delays nobody but the later ones to the same reader of the same case.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

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

log = structlog.get_logger()

LEASE = timedelta(seconds=30)
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
        now: Now,
        new_id: NewId,
        jitter: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._database, self._transport, self._render = database, transport, render
        self._sender, self._now, self._new_id, self._jitter = sender, now, new_id, jitter
        self._metrics = metrics

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
        token = self._new_id()
        for number in range(limit):
            claimed = await self._database.run(lambda tx: tx.notices.claim_due(LEASE, token, 1))
            if not claimed:
                return number
            await self._deliver(self._transport, claimed[0])
        return limit

    async def _deliver(self, transport: Transport, notice: Notice) -> None:
        try:
            message = await self._message(notice)
            await transport.send(message, deadline=15.0)
        except NoticeError as error:
            await self._failed(notice, error)
            return
        await self._database.run(lambda tx: self._sent(tx, notice))
        self._metrics.count("notices", channel=notice.channel, result="sent")
        log.info("notice_sent", notice_id=str(notice.id), kind=notice.kind,
                 case_id=str(notice.case_id), recipient=notice.recipient)

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

    async def _sent(self, tx: Transaction, notice: Notice) -> None:
        await tx.notices.sent(notice, self._now())
        if notice.case_id is None or not notice.recipient.startswith("vendor:"):
            return
        await tx.signals.lock_sku(notice.sku or "")
        case = await tx.cases.get(notice.case_id, lock=True)
        if case is not None and case.vendor_status == "unreached":
            await tx.cases.update(replace(case, vendor_status="notified"))

    async def _failed(self, notice: Notice, error: NoticeError) -> None:
        self._metrics.count("notices", channel=notice.channel, result="failed")
        hopeless = error.permanent_recipient or not error.recoverable
        given_up = notice.attempts + 1 >= GIVE_UP_AFTER
        pause = SCHEDULE[min(notice.attempts, len(SCHEDULE) - 1)] * self._jitter()
        retry_in = None if hopeless or given_up else pause
        await self._database.run(
            lambda tx: tx.notices.failed(notice, error.detail, retry_in=retry_in)
        )
        log.warning("notice_failed", notice_id=str(notice.id), kind=notice.kind,
                    recipient=notice.recipient, error=error.detail, retry_in=retry_in)
