"""Delivers webhooks: at least once, in order per endpoint and case, each endpoint on its own.

Several endpoints are served at a time, and each by one worker of all replicas: a slow one keeps
nobody waiting but itself. Endpoints that fail get at most half of the places, so that however many
are dead, the living ones are served.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from freezeguard.domain.people import System
from freezeguard.ports.clock import Moment, NewId, Now, no_moment
from freezeguard.ports.metrics import Metrics
from freezeguard.ports.storage import Database, Transaction
from freezeguard.ports.webhooks import Answered, Claimed, Endpoint, Post
from freezeguard.services.telling.readers import Reader, reader_of, vendor_reader
from freezeguard.services.telling.telling import Telling
from freezeguard.services.topics import TOPIC_NOTICES

log = structlog.get_logger()

SCHEDULE = tuple(
    one.total_seconds()
    for one in (
        timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2),
        timedelta(hours=5), timedelta(hours=10), timedelta(hours=14), timedelta(hours=20),
        timedelta(hours=24),
    )
)
"""Pauses before the second to the tenth attempt: 75:35:05 together, as Standard Webhooks has it.

Each is varied by the jitter, so that replicas and endpoints don't march in step.
"""
ATTEMPTS = len(SCHEDULE) + 1
LONGEST_RETRY_AFTER = 86_400.0
"""Seconds for which an endpoint may ask us to wait: no longer than the longest pause."""
WARN_AFTER = timedelta(hours=24)
DISABLE_AFTER = timedelta(hours=120)
"""Five days of nothing but failure; nobody is switched off who was not warned a day before."""
LEASE_MARGIN = timedelta(seconds=15)
"""Beyond the deadline of an attempt: to claim before it, and to store what came of it."""


@dataclass(slots=True)
class _Place:
    """One of the places in which endpoints are served; whether the one now in it is failing."""

    fails: bool


class Posting:
    """Sends what is due, and gives up endpoints that are dead."""

    def __init__(
        self,
        database: Database,
        post: Post,
        telling: Telling,
        now: Now,
        new_id: NewId,
        jitter: Callable[[], float],
        metrics: Metrics,
        *,
        deadline: float = 15.0,
        parallel: int = 8,
        moment: Moment = no_moment,
    ) -> None:
        self._database, self._post, self._telling = database, post, telling
        self._now, self._new_id, self._jitter, self._metrics = now, new_id, jitter, metrics
        self._deadline, self._parallel, self._moment = deadline, parallel, moment
        self._lease = timedelta(seconds=deadline) + LEASE_MARGIN
        self._under_way: dict[asyncio.Task[None], _Place] = {}
        self._draining = False
        self._taken: dict[tuple[UUID, UUID], tuple[Claimed, Answered, datetime]] = {}

    # ------------------------------------------------------------------------------- sending

    async def deliver_due(self) -> int:
        """Begin what is due at endpoints nobody serves; return how many were begun.

        Where all places are taken, wait for one to become free.
        """
        await self._store_known()
        if len(self._under_way) >= self._parallel:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            return 1
        claimed = await self._claim()
        if claimed is None:
            return 0
        place = _Place(fails=claimed[0].endpoint.state == "failing")
        task = asyncio.create_task(self._serve(*claimed, place), name="webhook")
        self._under_way[task] = place
        task.add_done_callback(self._ended)
        return 1

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("webhook_place_ended", error=str(error) or type(error).__name__)

    async def drain(self, seconds: float) -> None:
        """Let attempts under way end, within `seconds`; what is cut off is made again later."""
        self._draining = True
        if not self._under_way:
            return
        _, late = await asyncio.wait(self._under_way, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _serve(self, claimed: Claimed, ours_until: float, place: "_Place") -> None:
        """Send a message, then whatever is due at this or another endpoint, until nothing is."""
        while True:
            place.fails = claimed.endpoint.state == "failing"
            await self._deliver(claimed, ours_until)
            place.fails = False
            following = None if self._draining else await self._claim()
            if following is None:
                return
            claimed, ours_until = following

    async def _claim(self) -> tuple[Claimed, float] | None:
        """Claim a message; return it with the end of its lease, on the clock of the event loop."""
        failing = sum(one.fails for one in self._under_way.values())
        ours_until = asyncio.get_running_loop().time() + self._lease.total_seconds()
        claimed = await self._database.run(
            lambda tx: tx.webhooks.claim(
                self._lease, self._new_id(), failing_too=failing < (self._parallel + 1) // 2,
                moment=self._moment(),
            )
        )
        return None if claimed is None else (claimed, ours_until)

    async def _deliver(self, claimed: Claimed, ours_until: float) -> None:
        if _key(claimed) in self._taken:
            return
        if asyncio.get_running_loop().time() + self._deadline > ours_until:
            log.warning("webhook_left", endpoint=str(claimed.endpoint.id),
                        why="the lease is nearly over")
            return
        answered, now = await self._attempt(claimed), self._now()
        self._metrics.count("webhooks", result="sent" if answered.is_taken else "failed")
        told = log.bind(endpoint=str(claimed.endpoint.id), message_id=claimed.message.webhook_id)
        if answered.is_taken:
            told.info("webhook_sent", type=claimed.message.type)
            self._taken[_key(claimed)] = (claimed, answered, now)
            await asyncio.shield(self._store_taken(claimed, answered, now))
        else:
            told.warning("webhook_failed", type=claimed.message.type, error=answered.error)
            await self._database.run(lambda tx: self._failed(tx, claimed, answered, now))

    async def _attempt(self, claimed: Claimed) -> Answered:
        """Make one attempt; what can't be sent through our own fault counts as one that failed."""
        try:
            return await self._post.send(
                claimed.endpoint, claimed.message, now=self._now(), deadline=self._deadline
            )
        except Exception as error:
            log.exception("webhook_unsendable", message_id=claimed.message.webhook_id)
            return Answered(None, f"could not be sent: {type(error).__name__}", 0.0)

    # -------------------------------------------------------------------- what came of it

    async def _store_known(self) -> None:
        """Store what could not be stored so far: messages that were taken over."""
        for known in list(self._taken.values()):
            await self._store_taken(*known)

    async def _store_taken(self, claimed: Claimed, answered: Answered, now: datetime) -> None:
        try:
            await self._database.run(lambda tx: self._sent(tx, claimed, answered, now))
        except Exception as error:  # noqa: BLE001 - the others are stored and sent all the same
            log.warning("webhook_sent_unstored", message_id=claimed.message.webhook_id,
                        error=str(error) or type(error).__name__)
            return
        self._taken.pop(_key(claimed), None)

    async def _sent(
        self, tx: Transaction, claimed: Claimed, answered: Answered, now: datetime
    ) -> None:
        endpoint = await tx.webhooks.endpoint(claimed.endpoint.id, lock=True)
        if await tx.webhooks.sent(claimed, now):
            await tx.webhooks.log_attempt(claimed, answered, now)
        if endpoint is not None and endpoint.state == "failing":
            well = replace(endpoint, state="active", why="", failing_since=None, warned_at=None)
            await tx.webhooks.update_endpoint(well, now)
        await tx.webhooks.release(claimed)

    async def _failed(
        self, tx: Transaction, claimed: Claimed, answered: Answered, now: datetime
    ) -> None:
        endpoint = await tx.webhooks.endpoint(claimed.endpoint.id, lock=True)
        pause = self._pause(claimed.attempts, answered)
        noted = endpoint is not None and await tx.webhooks.failed(
            claimed, now, retry_in=pause, moment=self._moment()
        )
        if endpoint is None or not noted:
            return
        await tx.webhooks.log_attempt(claimed, answered, now)
        if answered.retry_after is not None:
            asked = min(answered.retry_after, LONGEST_RETRY_AFTER)
            await tx.webhooks.hold_off(endpoint.id, asked, self._moment())
        if answered.is_gone and endpoint.state != "disabled":
            await self._disable(tx, endpoint, "it answered 410: it wants no more", now, claimed)
        elif endpoint.state != "disabled":
            failing = replace(
                endpoint, state="failing", why=answered.error,
                failing_since=endpoint.failing_since or now,
            )
            await tx.webhooks.update_endpoint(failing, now)
        await tx.webhooks.release(claimed)

    def _pause(self, attempts: int, answered: Answered) -> float | None:
        """Return the seconds until the next attempt after one more; None where there is none."""
        if attempts >= len(SCHEDULE):
            return None
        asked = min(answered.retry_after or 0.0, LONGEST_RETRY_AFTER)
        return max(SCHEDULE[attempts] * self._jitter(), asked)

    # ------------------------------------------------------------------- dead endpoints

    async def look_after(self) -> int:
        """Warn of endpoints that have failed for a day, and disable those that did for five."""
        return await self._database.run(self._look_after)

    async def _look_after(self, tx: Transaction) -> int:
        now = self._now()
        changed = 0
        for endpoint in await tx.webhooks.troubled(now - WARN_AFTER):
            since, warned = endpoint.failing_since or now, endpoint.warned_at
            if warned is None:
                await self._tell(tx, "webhook_failing", endpoint, endpoint.why, now)
                await tx.webhooks.update_endpoint(replace(endpoint, warned_at=now), now)
                changed += 1
            elif since <= now - DISABLE_AFTER and warned <= now - WARN_AFTER:
                why = f"nothing but failure since {since:%Y-%m-%d %H:%M} UTC: {endpoint.why}"
                await self._disable(tx, endpoint, why, now)
                changed += 1
        return changed

    async def _disable(
        self, tx: Transaction, endpoint: Endpoint, why: str, now: datetime,
        claimed: Claimed | None = None,
    ) -> None:
        disabled = replace(endpoint, state="disabled", why=why, disabled_at=now)
        await tx.webhooks.cancel_queued(endpoint.id, now)
        await tx.webhooks.update_endpoint(disabled, now)
        await tx.record.write(
            now, System.TIMER, "disable_webhook", f"webhook:{endpoint.id}", why=why
        )
        await self._tell(tx, "webhook_disabled", disabled, why, now, claimed)
        log.warning("webhook_disabled", endpoint=str(endpoint.id), why=why)

    async def _tell(
        self, tx: Transaction, kind: str, endpoint: Endpoint, why: str, now: datetime,
        claimed: Claimed | None = None,
    ) -> None:
        """Tell by mail: the vendor, the default owner, admins, and who owns the case at hand."""
        since = endpoint.failing_since
        facts = {
            "endpoint": str(endpoint.id), "url": endpoint.url, "why": why,
            "description": endpoint.description,
            "failing_since": None if since is None else since.isoformat(),
            "disabled_from": None
            if since is None or kind == "webhook_disabled"
            else max(since + DISABLE_AFTER, now + WARN_AFTER).isoformat(),
        }
        also = await _concerned(tx, endpoint, claimed)
        await self._telling.tell_shop(tx, kind, facts, now, also=also)
        await tx.notify(TOPIC_NOTICES)


async def _concerned(
    tx: Transaction, endpoint: Endpoint, claimed: Claimed | None
) -> list[Reader]:
    """Return who is told beside the shop: the vendor, and the owner of a message's case."""
    readers = []
    vendor = None if endpoint.vendor is None else await tx.master.vendor(endpoint.vendor)
    if vendor is not None:
        readers.append(vendor_reader(vendor))
    case_id = None if claimed is None else claimed.message.case_id
    case = None if case_id is None else await tx.cases.get(case_id)
    owner = None if case is None or case.owner is None else await tx.people.person(case.owner)
    return readers if owner is None else [*readers, reader_of(owner[0])]


def _key(claimed: Claimed) -> tuple[UUID, UUID]:
    return claimed.endpoint.id, claimed.message.id
