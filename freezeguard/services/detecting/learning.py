"""Learns what is usual from the shop's own past: once a night, by one replica, or when asked to.

The past is read in pages of SKUs, each a transaction of its own; what is kept in between is how
often each lesson was told. Whoever is at it holds a lease, renewed with every page: where one is
killed, another one begins anew.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from uuid import UUID

import structlog

from freezeguard.detection.daybook import Prior
from freezeguard.detection.learning import (
    HELD_BACK,
    REMEMBERED,
    Group,
    Heard,
    Learned,
    Lessons,
    following,
    lesson_of,
    priors_for,
)
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.learning import LearnedPrior
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.topics import TOPIC_RULES

log = structlog.get_logger()

PAGE = 200
"""So many SKUs are read in one transaction."""
PAGE_DEADLINE = 60.0
"""Seconds: a SKU may have very many signals."""
LEASE = timedelta(minutes=3)
QUIET = timedelta(hours=3)
"""So long after its hour a night's run may begin; later, the next night's will do."""
BY = "detector"
"""The name in the record of what is learned by itself."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What one run says of a group: what was usual before it, and what is from now on.

    `says` is what the past says by itself, None where too few items speak: the group has then what
    is more general. Where `is_bounded` it is not followed all the way.
    """

    group: Group
    items: int
    before: Prior
    after: Prior
    says: Prior | None = None
    is_bounded: bool = False

    @property
    def has_changed(self) -> bool:
        """Say whether something else is usual now."""
        return self.before != self.after

    @property
    def subject(self) -> str:
        """Return what the record calls it."""
        category, unit = self.group
        return f"prior:{unit}" if category is None else f"prior:{unit}/{category}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything in JSON types."""
        category, unit = self.group
        return {
            "category": category, "per": unit, "items": self.items,
            "before": self.before.as_dict(), "after": self.after.as_dict(),
            "says": None if self.says is None else self.says.as_dict(),
            "bounded": self.is_bounded,
        }


@dataclass(slots=True)
class _Run:
    """One run over the past in [since, until); it has come to `after`."""

    holder: UUID
    by: str
    since: datetime
    until: datetime
    after: str = ""
    lessons: Lessons = field(default_factory=Lessons)

    def take_in(self, page: Iterable[Heard]) -> None:
        """Take in what the items of a page tell."""
        for item in page:
            self.after = item.sku
            lesson = lesson_of(item, self.until, self.since)
            if lesson is not None:
                self.lessons.add(item.category, lesson)


class _Overtaken(Exception):
    """Somebody else holds the lease."""


class PriorLearning:
    """Learns the priors of the rules that compare an item with what is usual."""

    def __init__(self, database: Database, now: Now, new_id: NewId) -> None:
        self._database, self._now, self._new_id = database, now, new_id
        self._finished_at: datetime | None = None

    def age(self) -> float:
        """Return the seconds since all of the past was last learned from; infinite before."""
        if self._finished_at is None:
            return float("inf")
        return (self._now() - self._finished_at).total_seconds()

    async def step(self, at: time, zone: tzinfo) -> int:
        """Learn once a night, from this hour on; return how many groups have changed."""
        self._finished_at = await self._database.run(lambda tx: tx.learning.finished_at())
        night = begin_of_night(self._now(), at, zone)
        taught = None if night is None else await self.learn(BY, since=night)
        return sum(one.has_changed for one in taught or ())

    async def learn(
        self, by: str, *, since: datetime | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[Taught] | None:
        """Learn from all of the past, in somebody's name; return what is usual by group.

        None where another one is at it, or has begun since a moment. `progress` is told how many
        SKUs each page had.
        """
        holder, begun = self._new_id(), self._now()
        until = _midnight(begun - HELD_BACK)
        run = _Run(holder, by, until - REMEMBERED, until)
        if not await self._database.run(lambda tx: tx.learning.claim(holder, begun, since, LEASE)):
            return None
        try:
            return await self._finished(run, progress)
        except _Overtaken:
            log.warning("learning_overtaken", by=by, items=run.lessons.items)
            return None

    async def _finished(
        self, run: _Run, progress: Callable[[int], None] | None
    ) -> list[Taught]:
        while page := await self._database.run(
            lambda tx: self._page(tx, run), deadline=PAGE_DEADLINE
        ):
            run.take_in(page)
            if progress is not None:
                progress(len(page))
        # seconds of arithmetic, beside everything else
        learned = await asyncio.to_thread(run.lessons.learned)
        taught = await self._database.run(
            lambda tx: self._take_over(tx, run, learned), deadline=PAGE_DEADLINE
        )
        self._finished_at = self._now()
        changed = sum(one.has_changed for one in taught)
        log.info("priors_learned", by=run.by, items=run.lessons.items, changed=changed)
        return taught

    @staticmethod
    async def _page(tx: Transaction, run: _Run) -> list[Heard]:
        if not await tx.learning.renew(run.holder, LEASE):
            raise _Overtaken
        return await tx.learning.heard(run.after, run.since, run.until, PAGE)

    async def _take_over(
        self, tx: Transaction, run: _Run, learned: Mapping[Group, Learned]
    ) -> list[Taught]:
        """Put in force what the past says; the lease keeps others from doing so."""
        if not await tx.learning.renew(run.holder, LEASE):
            raise _Overtaken
        known = await tx.learning.priors()
        taught = _taught({one.group: one.prior for one in known if one.prior is not None}, learned)
        now, news = self._now(), [one for one in taught if one.has_changed]
        if news:
            revision = await tx.learning.put_priors([_stored(one) for one in news], now)
            await tx.notify(TOPIC_RULES)
            for one in news:
                await tx.record.write(
                    now, run.by, "learn_prior", one.subject,
                    details=one.as_dict() | {"revision": revision},
                )
        await tx.learning.finish(run.holder, now)
        return taught


def begin_of_night(now: datetime, at: time, zone: tzinfo) -> datetime | None:
    """Return when the night's run was due whose time it is; None at other hours."""
    local = now.astimezone(zone)
    for date in (local.date(), local.date() - timedelta(days=1)):
        begin = datetime.combine(date, at, zone)
        if begin <= now < begin + QUIET:
            return begin
    return None


def _midnight(moment: datetime) -> datetime:
    """Return the last midnight in UTC by a moment: days that teach are whole."""
    return datetime.combine(moment.astimezone(UTC).date(), time.min, UTC)


def _taught(in_force: Mapping[Group, Prior], learned: Mapping[Group, Learned]) -> list[Taught]:
    """Say what becomes of all items, and of each group that has or had a prior of its own."""
    priors = {group: one.prior for group, one in learned.items() if one.prior is not None}
    taken = {group: following(in_force.get(group), one) for group, one in priors.items()}
    everything: list[Group] = [(None, "units"), (None, "days")]
    found = []
    for group in sorted({*everything, *in_force, *taken}, key=lambda one: (one[0] or "", one[1])):
        category, unit = group
        told = learned.get(group, Learned(0))
        after = priors_for(category, taken).of(unit)
        stops_short = group in taken and after not in (told.prior, in_force.get(group))
        found.append(Taught(
            group, told.items, priors_for(category, in_force).of(unit), after, told.says,
            is_bounded=told.prior != told.says or stops_short,
        ))  # fmt: skip
    return found


def _stored(one: Taught) -> LearnedPrior:
    return LearnedPrior(one.group, None if one.says is None else one.after, one.items)
