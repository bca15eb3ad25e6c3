"""Chains the audit record, anchors its head outside the database, and verifies it.

Any replica chains whenever it is its turn. What commits late is found later: among the newest rows
at each step, and among all others by a sweep that goes round for ever. A kill between two batches
leaves rows that are not chained yet, and nothing else: a batch is one transaction.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Any
from uuid import UUID

import structlog

from freezeguard.domain.auditchain import (
    SALT_BYTES,
    Anchor,
    AuditRow,
    Link,
    chained,
    content_of,
)
from freezeguard.domain.auditverification import Report, Verification
from freezeguard.domain.errors import Unavailable
from freezeguard.ports.clock import Now
from freezeguard.ports.journal import Journal
from freezeguard.ports.metrics import Metrics
from freezeguard.ports.storage import Database, Transaction

log = structlog.get_logger()

BATCH, RECENT, SLICE, PAGE = 100, 2000, 5000, 100
"""Batches and pages are small: hashing one holds the loop up, and freezes wait meanwhile."""
START, END = -(2**63), 2**63 - 1
PATIENCE = 20.0
"""Seconds after which a verification over HTTP says how far it came."""
POST_AGAIN = timedelta(seconds=30)

Salts = Callable[[int], bytes]
"""Returns so many random bytes."""
Post = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Sends an anchor somewhere else; raises OSError, TimeoutError where it did not arrive."""


class Chaining:
    """Chains what is not chained yet, batch by batch."""

    def __init__(self, database: Database, salts: Salts, metrics: Metrics, now: Now) -> None:
        self._database, self._salts = database, salts
        self._metrics, self._now = metrics, now
        self._swept = START

    async def step(self) -> int:
        """Chain one batch and measure what is left; return how many rows were chained."""
        number = await self._database.run(self.batch)
        await self._measure()
        return number

    async def batch(self, tx: Transaction) -> int:
        """Chain up to 100 rows; none where another replica is at it."""
        at = await tx.chain.take_turn()
        if at is None:
            return 0
        rows = await self._waiting(tx)
        if rows:
            salts = self._salts(len(rows) * SALT_BYTES)
            head, instance = await tx.chain.head(), await tx.chain.instance()
            await tx.chain.append(chained(rows, head, instance, at, salts))
        return len(rows)

    async def _waiting(self, tx: Transaction) -> list[AuditRow]:
        """Return new rows and recent late ones; where there are none, late ones of a slice."""
        recent = max(START, await tx.chain.frontier() - RECENT)
        rows = await tx.chain.unchained(recent, END, BATCH)
        if rows:
            return rows
        until = await tx.chain.end_of_next(self._swept, SLICE)
        if until is not None:
            rows = await tx.chain.unchained(self._swept, until, BATCH)
        if not rows:
            self._swept = START if until is None or until >= recent else until
        return rows

    async def _measure(self) -> None:
        rows, oldest = await self._database.run(lambda tx: tx.chain.backlog())
        age = 0.0 if oldest is None else max(0.0, (self._now() - oldest).total_seconds())
        self._metrics.set("audit_unchained_rows", rows)
        self._metrics.set("audit_unchained_age_seconds", age)


class Anchoring:
    """Writes the head of the chain where whoever owns the database can't change it."""

    def __init__(
        self, database: Database, file: Journal, post: Post | None, every: timedelta, rows: int,
        metrics: Metrics, now: Now,
    ) -> None:  # fmt: skip
        self._database, self._file, self._post = database, file, post
        self._every, self._rows = every, rows
        self._metrics, self._now = metrics, now
        self._last: Anchor | None = None
        self._cut_was_told = False
        self._unposted: tuple[Anchor, datetime] | None = None

    async def step(self) -> int:
        """Anchor the head where it is time; return 1 where it was."""
        head, instance = await self._database.run(_head)
        if self._last is None:
            kept = [one for one in await self.known() if one.instance == instance]
            self._last = max(kept, key=lambda one: one.position, default=None)
        due = head is not None and self._is_due(head)
        if head is not None and due:
            anchor = Anchor(head.position, head.seq, head.hash, self._now(), instance)
            await self._file.append(anchor.as_dict())
            self._last, self._unposted = anchor, (anchor, anchor.at)
            self._metrics.count("audit_anchors", result="kept")
        await self._send()
        return int(due)

    def _is_due(self, head: Link) -> bool:
        last, now = self._last, self._now()
        if last is None:
            return True
        if last.position > head.position and not self._cut_was_told:
            log.error("audit_chain_was_cut", anchored=last.position, head=head.position)
        self._cut_was_told = last.position > head.position
        behind = head.position - last.position
        self._metrics.set(
            "audit_anchor_age_seconds", (now - last.at).total_seconds() if behind > 0 else 0.0
        )
        return behind > 0 and (behind >= self._rows or now - last.at >= self._every)

    async def _send(self) -> None:
        """Post the newest anchor, and again later where it did not arrive."""
        if self._unposted is None or self._post is None or self._unposted[1] > self._now():
            return
        anchor = self._unposted[0]
        try:
            await self._post(anchor.as_dict())
        except (OSError, TimeoutError) as error:
            self._unposted = anchor, self._now() + POST_AGAIN
            self._metrics.count("audit_anchors", result="not_posted")
            log.warning("anchor_not_posted", position=anchor.position, error=str(error))
        else:
            self._unposted = None
            self._metrics.count("audit_anchors", result="posted")

    async def known(self) -> list[Anchor]:
        """Return the anchors in our own file; lines that are none are left out."""
        return read_anchors(await self._file.lines())[0]


def read_anchors(lines: Iterable[Mapping[str, Any]]) -> tuple[list[Anchor], int]:
    """Return the anchors among some lines, and how many lines are none."""
    anchors, others = [], 0
    for line in lines:
        try:
            anchors.append(Anchor.from_dict(line))
        except ValueError:
            others += 1
    return anchors, others


async def _head(tx: Transaction) -> tuple[Link | None, UUID]:
    return await tx.chain.head(), await tx.chain.instance()


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the chain, each link with the content of its row, None where that is gone."""

    instance: UUID
    links: tuple[tuple[Link, str | None], ...]


@dataclass(frozen=True, slots=True)
class Unchained:
    """Rows that are in no link: how many, since when, and when we looked.

    `seqs` are the numbers of those, up to 100, below the highest that is chained.
    """

    rows: int
    seqs: tuple[int, ...]
    oldest_at: datetime | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification came to; `is_complete` is False where its time was up before the end."""

    instance: UUID
    report: Report
    waiting: Unchained
    is_complete: bool


class AuditReading:
    """Reads the chain in pages, and verifies it."""

    def __init__(self, database: Database, anchors: Anchoring, now: Now) -> None:
        self._database, self._anchors, self._now = database, anchors, now
        self._one_at_a_time = asyncio.Lock()

    async def page(self, after: int, limit: int) -> Page:
        """Return links behind a position."""

        async def work(tx: Transaction) -> Page:
            found = await tx.chain.links(after, limit)
            return Page(
                await tx.chain.instance(),
                tuple((link, None if row is None else content_of(row)) for link, row in found),
            )

        return await self._database.run(work)

    async def unchained(self, until: float = inf) -> Unchained:
        """Return what is in no link; looks at the whole record, stretch by stretch.

        `until` is the moment of the loop's clock at which it ends all the same.
        """
        now, highest = self._now(), await self._database.run(lambda tx: tx.chain.highest_seq())
        seqs: list[int] = []
        after: int | None = START
        while after is not None and after < highest and len(seqs) < PAGE:
            if _now() > until:
                break
            found, after = await self._next_unchained(after, highest)
            seqs += found
        number, oldest = await self._database.run(lambda tx: tx.chain.backlog())
        return Unchained(max(number, len(seqs)), tuple(seqs[:PAGE]), oldest, now)

    async def _next_unchained(self, after: int, highest: int) -> tuple[list[int], int | None]:
        """Return what is in no link among the next rows, and where they end."""

        async def work(tx: Transaction) -> tuple[list[int], int | None]:
            end = await tx.chain.end_of_next(after, SLICE)
            if end is None:
                return [], None
            rows = await tx.chain.unchained(after, min(end, highest), PAGE)
            return [row.seq for row in rows], end

        return await self._database.run(work)

    async def verify(self, patience: float = PATIENCE) -> Verified:
        """Verify the chain against the anchors in our own file; one run at a time.

        After `patience` seconds it says what it has found so far. Raises Unavailable where
        another run took all that time.
        """
        until = _now() + patience
        try:
            async with asyncio.timeout_at(until):
                await self._one_at_a_time.acquire()
        except TimeoutError:
            raise Unavailable(
                "The record is being verified for somebody else; ask again.", retry_after=patience
            ) from None
        try:
            return await self._verify(until)
        finally:
            self._one_at_a_time.release()

    async def _verify(self, until: float) -> Verified:
        page = await self.page(0, PAGE)
        run = Verification(page.instance, await self._anchors.known())
        while page.links and _now() <= until:
            for link, content in page.links:
                run.link(link, content)
            page = await self.page(page.links[-1][0].position, PAGE)
        waiting = await self.unchained(until)
        for seq in waiting.seqs:
            run.unchained(seq, waiting.now)
        is_complete = not page.links and _now() <= until
        report = run.report(is_whole=not page.links)
        return Verified(page.instance, report, waiting, is_complete)


def _now() -> float:
    return asyncio.get_running_loop().time()
