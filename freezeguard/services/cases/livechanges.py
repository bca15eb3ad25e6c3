"""Tells whoever watches that something has happened to a case, moments after it was committed.

The audit record is followed: each change of a case writes a row there, in its own transaction.
Rows are numbered before they commit, so one may show up behind later ones: numbers that are
missing are asked for again for a while. NOTIFY wakes, the table tells, a poll backs up.

Nothing is said but which case, and at which version: whoever may know more asks for it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from uuid import UUID

import structlog

from freezeguard.domain.errors import FreezeguardError
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.rows import CaseChange
from freezeguard.ports.storage import Database

log = structlog.get_logger()

RING = 5_000
PAGE = 500
NAMED = 50
"""So many cases are named at once; of more it is only said that much has changed."""
MISSING_FOR = timedelta(minutes=1)
"""Longer than any transaction of ours: a number that is missing then was never committed."""
MOST_MISSING = 500
UNDER_WAY = 100
"""So many numbers before the first that is seen may be of transactions that have not committed."""
LIVE_BEAT = 5.0


class TooManyStreams(FreezeguardError):
    """So many streams are open already; close one first."""

    code = "too_many_requests"


@dataclass(frozen=True, slots=True)
class LiveTerms:
    """How a stream is kept. Seconds; `of_one` and `of_all` are streams of one replica at a time.

    `beat` is between signs of life, `lifetime` the longest that one lasts before its reader comes
    anew, `write` how long a reader may take for what it was sent.
    """

    beat: float = LIVE_BEAT
    lifetime: float = 900.0
    write: float = 10.0
    of_one: int = 8
    of_all: int = 500


@dataclass(frozen=True, slots=True)
class Changed:
    """Something has happened to these cases; to any, where none is named."""

    bookmark: str
    cases: Sequence[CaseChange] = ()


@dataclass(frozen=True, slots=True)
class Alive:
    """Everything up to a moment has been told."""

    bookmark: str
    as_of: datetime


class LiveChanges:
    """Follows the record, and tells every stream of this replica what concerns it.

    A bookmark says up to where a reader has heard. It is this replica's own: to a reader who
    brings another one, anything may have happened.
    """

    def __init__(
        self, database: Database, now: Now, new_id: NewId, terms: LiveTerms | None = None
    ) -> None:
        self._database, self._now, self.terms = database, now, terms or LiveTerms()
        self._new_id, self._replica = new_id, new_id().hex[-12:]
        self._highest: int | None = None
        self._missing: dict[int, datetime] = {}
        self._told = 0
        self._ring: deque[tuple[int, CaseChange]] = deque(maxlen=RING)
        self._moved = asyncio.Event()
        self._open: dict[str, int] = {}
        self._closed, self._loads = False, 0
        self.as_of: datetime | None = None

    @property
    def bookmark(self) -> str:
        """Return up to where a page has heard that is read from now on."""
        return f"{self._replica}-{self._told}"

    @property
    def streams(self) -> int:
        """Return how many streams are open."""
        return sum(self._open.values())

    # -------------------------------------------------------------------------------- following

    async def follow(self) -> int:
        """Take in what has been recorded since; return how many changes of cases there were."""
        begun, count = self._now(), 0
        highest = await self._database.run(lambda tx: tx.record.highest())
        if self._highest is None or highest < self._highest:
            self._begin(highest, begun)
        while True:
            found = await self._next_page(self._highest or 0)
            count += self._take_in(found, begun)
            if len(found) < PAGE:
                break
        self.as_of = begun
        self._forget_missing(begun)
        return count

    def _begin(self, highest: int, now: datetime) -> None:
        """Follow from here on: at first, and where the database was restored to an earlier state.

        Ends every stream; whoever comes with a bookmark from before hears that all may be new.
        """
        under_way = range(max(highest - UNDER_WAY, 0) + 1, highest)
        self._highest, self._missing = highest, dict.fromkeys(under_way, now)
        self._replica = self._new_id().hex[-12:]
        self._ring.clear()
        self._loads += 1
        self._wake()

    async def _next_page(self, highest: int) -> list[CaseChange]:
        missing = sorted(self._missing)
        return await self._database.run(
            lambda tx: tx.record.changes_of_cases(highest, missing, PAGE)
        )

    def _take_in(self, found: Sequence[CaseChange], now: datetime) -> int:
        highest = self._highest or 0
        for one in found:
            self._missing.pop(one.seq, None)
            if one.seq > highest:
                since = max(highest + 1, one.seq - MOST_MISSING)
                self._missing.update(dict.fromkeys(range(since, one.seq), now))
                highest = one.seq
        self._highest = highest
        cases = [one for one in found if one.case_id is not None]
        for one in cases:
            self._told += 1
            self._ring.append((self._told, one))
        if cases:
            self._wake()
        return len(cases)

    def _forget_missing(self, now: datetime) -> None:
        kept = sorted(n for n, since in self._missing.items() if now - since < MISSING_FOR)
        self._missing = {n: self._missing[n] for n in kept[-MOST_MISSING:]}

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def close(self) -> None:
        """End every stream: the replica is about to stop, and readers go to another."""
        self._closed = True
        self._moved.set()

    # ---------------------------------------------------------------------------------- streams

    @contextmanager
    def place(self, person: str) -> Iterator[None]:
        """Keep a place for a stream of a person. Raises TooManyStreams."""
        mine = self._open.get(person, 0)
        if mine >= self.terms.of_one or self.streams >= self.terms.of_all:
            raise TooManyStreams
        self._open[person] = mine + 1
        try:
            yield
        finally:
            self._open[person] -= 1
            if not self._open[person]:
                del self._open[person]

    async def stream(
        self, bookmark: str | None, case_id: UUID | None = None
    ) -> AsyncIterator[Changed | Alive]:
        """Yield what happens behind a bookmark, to one case or to any, and signs of life.

        A sign of life comes at once, and again after every `beat` in which the tables were heard
        of. Ends at the end of its `lifetime`, and with the replica.
        """
        clock = asyncio.get_running_loop().time
        ends, beats, loads = clock() + self.terms.lifetime, 0.0, self._loads
        known = self._read(bookmark)
        if known is None:
            known = self._told
            yield Changed(self.bookmark)
        while not self._closed and loads == self._loads and clock() < ends:
            moved, told = self._moved, self._told
            if (changed := self._since(known, case_id)) is not None:
                yield changed
            known = told
            if clock() >= beats:
                beats = clock() + self.terms.beat
                if (at := self._heard_of()) is not None:
                    yield Alive(self.bookmark, at)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(beats, ends) - clock())):
                    await moved.wait()

    def _heard_of(self) -> datetime | None:
        """Return up to when all is told; None where the tables have not been heard of lately."""
        at = self.as_of
        late = timedelta(seconds=2 * self.terms.beat)
        return at if at is not None and self._now() - at < late else None

    def _read(self, bookmark: str | None) -> int | None:
        """Return how much a reader has heard; None where that can't be known."""
        replica, _, told = (bookmark or "").partition("-")
        if replica != self._replica or not (told.isascii() and told.isdigit() and len(told) < 18):
            return None
        known = int(told)
        forgotten = self._ring[0][0] - 1 if self._ring else self._told
        return known if forgotten <= known <= self._told else None

    def _since(self, known: int, case_id: UUID | None) -> Changed | None:
        """Return what has happened behind a number, each case once; None where nothing has."""
        if known == self._told:
            return None
        if self._ring and self._ring[0][0] > known + 1:
            return Changed(self.bookmark)  # the reader was so slow that some are forgotten
        fresh = takewhile(lambda one: one[0] > known, reversed(self._ring))
        cases = {
            one.case_id: one for _, one in reversed(list(fresh))
            if case_id in {None, one.case_id}
        }
        if not cases:
            return None
        return Changed(self.bookmark, tuple(cases.values()) if len(cases) <= NAMED else ())
