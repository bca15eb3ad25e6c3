"""One time for all replicas: the database's, wherever a replica runs and whatever its clock says.

Asking the database for every moment would cost a round trip each. A replica asks every few seconds
instead, and adds what its monotonic clock has counted since: a clock that knows no date, that
nobody sets, and that even a cheap machine keeps within some milliseconds a minute.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import structlog

from freezeguard.domain.errors import Unavailable
from freezeguard.ports.clock import Now
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.queries import queries
from freezeguard.storage.transaction import PostgresTransaction

log = structlog.get_logger()

SQL = queries("clock")

SAMPLES_AT_FIRST = 3
KEPT_SECONDS = 60.0
DRIFT = 0.001
"""Seconds per second by which two clocks may run apart without one of them having been set."""
CLOCKS_APART = 2.0
"""Seconds between this machine's clock and the database's from which somebody should look."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one question to the database told.

    `origin` is the database's time when the monotonic clock read zero, in seconds since 1970;
    `error` is half of the round trip: the answer was given at some moment of it. `taken` is the
    reading of the monotonic clock.
    """

    origin: float
    error: float
    taken: float

    def contradicts(self, older: "Sample") -> bool:
        """Say whether one of two samples must be wrong by now: somebody has set a clock."""
        apart = abs(self.origin - older.origin)
        return apart > self.error + older.error + DRIFT * (self.taken - older.taken) + DRIFT


class DatabaseClock:
    """Tells the database's time. `open` makes one; `measure` keeps it right.

    `local` is this machine's own clock, only to be compared with.
    """

    def __init__(
        self,
        database: PostgresDatabase,
        local: Now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._local, self._monotonic = database, local, monotonic
        self._samples: list[Sample] = []
        self._best: Sample | None = None
        self._is_apart = False

    @classmethod
    async def open(
        cls,
        database: PostgresDatabase,
        local: Now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Ask the database a few times at once. Raises Unavailable."""
        clock = cls(database, local, monotonic)
        for _ in range(SAMPLES_AT_FIRST):
            await clock.measure()
        return clock

    def now(self) -> datetime:
        """Return the present moment by the database's clock, in UTC.

        Raises Unavailable where the database was never asked.
        """
        if self._best is None:
            raise Unavailable("The database has not told the time yet.")
        return datetime.fromtimestamp(self._best.origin + self._monotonic(), UTC)

    @property
    def skew(self) -> float:
        """Return the seconds by which this machine's clock is ahead of the database's."""
        return (self._local() - self.now()).total_seconds()

    @property
    def measured_at(self) -> datetime | None:
        """Return when the database was last asked, by its own clock."""
        if not self._samples:
            return None
        return datetime.fromtimestamp(self._samples[-1].origin + self._samples[-1].taken, UTC)

    @property
    def is_apart(self) -> bool:
        """Say whether this machine's clock is so far off that somebody should look."""
        return abs(self.skew) > CLOCKS_APART

    async def measure(self) -> None:
        """Ask the database once more. Raises Unavailable."""
        self.take(await self._database.run(self._ask))
        if self.is_apart != self._is_apart:
            self._is_apart = self.is_apart
            say = log.warning if self._is_apart else log.info
            say("clock_skew", seconds=round(self.skew, 3))

    async def _ask(self, tx: PostgresTransaction) -> Sample:
        asked = self._monotonic()
        told: datetime = await tx.connection.fetchval(SQL["moment"])
        answered = self._monotonic()
        middle, error = (asked + answered) / 2, (answered - asked) / 2
        return Sample(told.timestamp() - middle, error, middle)

    def take(self, news: Sample) -> None:
        """Use the sample with the smallest error of the last minute.

        Where the newest one contradicts an older one the database's clock was set, or this machine
        slept, or another server took over: what was known before is forgotten.
        """
        kept = [
            one
            for one in self._samples
            if news.taken - one.taken <= KEPT_SECONDS and not news.contradicts(one)
        ]
        self._samples = [*kept, news]
        self._best = min(self._samples, key=lambda one: one.error)
