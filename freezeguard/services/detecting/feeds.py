"""Feeds that fall silent: what each usually sends is learned, and a silence beyond chance is told.

What a feed sends is counted in memory and written every few seconds, so taking signals in costs
nothing more; a replica that is killed loses a few seconds of counts and no signal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from freezeguard.detection.silence import LEARNED, LEAST_SILENT, Heard, is_unusual
from freezeguard.domain.people import System
from freezeguard.ports.clock import Now
from freezeguard.ports.rows import Feed, HeardHour
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.telling.telling import Telling
from freezeguard.services.topics import TOPIC_NOTICES

log = structlog.get_logger()

HOUR = timedelta(hours=1)
KEPT = timedelta(days=120)
"""For so long the counts of hours are kept: for `LEARNED`, and a long silence after it."""
EVERY = timedelta(seconds=30)
"""Of several replicas one looks, no more often than this."""
LONGEST_GAP = timedelta(minutes=10)
"""If nobody looked for longer, nobody was there to hear: silences count anew from then on."""


class Feeds:
    """Counts what feeds send; alarms when one falls silent, and tells when it speaks again."""

    def __init__(self, database: Database, telling: Telling, now: Now) -> None:
        self._database, self._telling, self._now = database, telling, now
        self._heard: dict[tuple[str, datetime], HeardHour] = {}
        self.silent = 0
        """How many feeds are silent, as far as this replica knows."""

    def heard(self, numbers: Mapping[str, int]) -> None:
        """Take note of how many new signals of each source were just stored."""
        now = self._now()
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        for source, number in numbers.items():
            self._add(HeardHour(source, hour, number, now))

    def _add(self, one: HeardHour) -> None:
        before = self._heard.get((one.source, one.hour))
        if before is not None:
            one = replace(
                one, signals=before.signals + one.signals,
                last_at=max(before.last_at, one.last_at),
            )
        self._heard[one.source, one.hour] = one

    async def note(self) -> None:
        """Write what was heard since the last time; what fails is written with the next."""
        taken, self._heard = self._heard, {}
        if not taken:
            return
        try:
            rows = list(taken.values())
            await self._database.run(lambda tx: tx.sources.note_heard(rows, KEPT))
        except BaseException:
            for one in taken.values():
                self._add(one)
            raise

    async def watch(self) -> int:
        """Look for feeds that fell silent or speak again; return how many were told of."""
        told = await self._database.run(self._watch)
        self.silent = await self._database.run(lambda tx: tx.sources.silent())
        return told

    async def _watch(self, tx: Transaction) -> int:
        now = self._now()
        listening_since = await tx.sources.listen(now, LONGEST_GAP, EVERY)
        if listening_since is None:
            return 0
        told = 0
        for feed in await tx.sources.speaking_again():
            told += 1
            await self._tell(tx, "feed_speaks", feed, now)
        for feed, spoken in await tx.sources.quiet(now - LEAST_SILENT * HOUR, now, LEARNED):
            if not _is_too_long(feed, spoken, listening_since, now):
                continue
            if feed.last_heard_at and await tx.sources.mark_silent(
                feed.source, feed.last_heard_at
            ):
                told += 1
                await self._tell(tx, "feed_silent", feed, now)
        return told

    async def _tell(self, tx: Transaction, kind: str, feed: Feed, now: datetime) -> None:
        log.warning(kind, source=feed.source)
        await tx.record.write(now, System.TIMER.value, kind, f"source:{feed.source}")
        [known] = await tx.sources.listed(feed.source)
        facts = {
            "source": feed.source, "name": feed.name,
            "heard": None if feed.last_heard_at is None else feed.last_heard_at.isoformat(),
            "silent_since": None if feed.silent_since is None else feed.silent_since.isoformat(),
            "usual_per_day": known.usual_per_day,
            "max_silence": None if feed.max_silence is None else feed.max_silence.total_seconds(),
        }
        await self._telling.tell_shop(tx, kind, {"feed": facts}, now)
        await tx.notify(TOPIC_NOTICES)


def _is_too_long(
    feed: Feed, spoken: Sequence[datetime], listening_since: datetime, now: datetime
) -> bool:
    """Say whether a feed was silent for longer than it may be, or than chance allows.

    Only the time counts in which somebody was there to hear it.
    """
    if feed.first_heard_at is None or feed.last_heard_at is None:
        return False
    quiet_since = max(feed.last_heard_at, listening_since)
    if feed.max_silence is not None:
        return now - quiet_since > feed.max_silence
    last = _hour(feed.last_heard_at)
    first = max(_hour(feed.first_heard_at), last - LEARNED // HOUR)
    heard = Heard(first, last, [one for one in map(_hour, spoken) if first <= one <= last])
    return is_unusual(heard, range(_hour(quiet_since) + 1, _hour(now)))


def _hour(moment: datetime) -> int:
    """Return a moment as whole hours since 1970."""
    return int(moment.timestamp() // 3600)
