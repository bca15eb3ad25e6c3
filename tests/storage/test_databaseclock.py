"""The database's time, told without asking each time, whatever this machine's clock says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.errors import Unavailable
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.databaseclock import DRIFT, KEPT_SECONDS, DatabaseClock, Sample
from tests.profiles import load_profile

load_profile()

EPOCH = datetime(2026, 11, 26, tzinfo=UTC)


@dataclass
class Hand:
    """A monotonic clock that is moved by hand."""

    reads: float = 0.0

    def __call__(self) -> float:
        return self.reads


def sample(taken: float, off: float = 0.0, error: float = 0.001) -> Sample:
    """Return a sample taken then, whose origin is off by so many seconds."""
    return Sample(EPOCH.timestamp() + off, error, taken)


def clock_with(hand: Hand, *samples: Sample) -> DatabaseClock:
    """Return a clock that was told these samples and asks nobody."""
    clock = DatabaseClock(database=None, local=lambda: EPOCH, monotonic=hand)  # type: ignore[arg-type]
    for one in samples:
        clock.take(one)
    return clock


def reads(clock: DatabaseClock, seconds: float) -> bool:
    """Say whether a clock reads so many seconds after the epoch of these tests."""
    return abs(clock.now() - EPOCH - timedelta(seconds=seconds)) < timedelta(microseconds=2)


async def moment_of(database: PostgresDatabase) -> datetime:
    """Return what the database itself says."""
    return await database.run(lambda tx: tx.connection.fetchval("SELECT clock_timestamp()"))


@pytest.mark.parametrize("off", [timedelta(0), timedelta(hours=2), timedelta(hours=-2)])
async def test_a_wrong_local_clock_changes_nothing(database: PostgresDatabase, off: timedelta):
    """What `now` says lies between two answers of the database; the local clock is compared."""
    clock = await DatabaseClock.open(database, lambda: datetime.now(UTC) + off)

    before = await moment_of(database)
    told = clock.now()
    after = await moment_of(database)

    slack = timedelta(seconds=0.05)
    assert before - slack <= told <= after + slack
    assert UTC == told.tzinfo
    assert abs(clock.skew - off.total_seconds()) < 1
    assert (abs(off) > timedelta(seconds=2)) == clock.is_apart
    assert clock.measured_at is not None


async def test_nobody_asks_the_database_for_each_moment(database: PostgresDatabase):
    """Between two measurements time goes on without a round trip."""
    hand = Hand(1000.0)
    clock = await DatabaseClock.open(database, lambda: EPOCH, hand)
    first = clock.now()
    hand.reads += 3600.0

    assert abs(clock.now() - first - timedelta(hours=1)) < timedelta(microseconds=2)


def test_before_the_first_answer_there_is_no_time():
    """A replica that has not reached the database must not guess."""
    with pytest.raises(Unavailable):
        clock_with(Hand()).now()


def test_the_sample_with_the_smallest_error_of_the_last_minute_counts():
    """A slow answer does not push a quick one aside, until the quick one is old."""
    hand = Hand(1.0)
    clock = clock_with(hand, sample(0.0, off=0.0, error=0.001), sample(1.0, off=0.2, error=0.5))
    assert reads(clock, 1.0)

    clock.take(sample(KEPT_SECONDS + 0.5, off=0.1, error=0.4))
    assert reads(clock, 1.1)


def test_a_clock_that_was_set_is_followed_at_once():
    """The database's clock steps a minute: the next answer counts, however exact the old one."""
    for step in (60.0, -60.0):
        hand = Hand(5.0)
        clock = clock_with(hand, sample(0.0, error=0.0001), sample(5.0, off=step, error=0.05))
        assert reads(clock, 5 + step)


@given(
    st.floats(-DRIFT / 10, DRIFT / 10),
    st.lists(st.tuples(st.floats(0.1, 30), st.floats(0.0001, 2), st.floats(-1, 1)), min_size=1),
)
def test_it_is_never_further_off_than_the_best_answer_and_the_drift(drift, answers):
    """Whatever delays the answers had, the error stays within the best bound of the minute."""
    hand, now = Hand(), 0.0
    clock, given_ = clock_with(hand), []
    for pause, error, where in answers:
        now += pause
        given_.append((now, error))
        clock.take(sample(now, off=drift * now + error * where, error=error))
        hand.reads = now
        truth = EPOCH + timedelta(seconds=now + drift * now)
        best = min(error for taken, error in given_ if now - taken <= KEPT_SECONDS)
        allowed = best + abs(drift) * KEPT_SECONDS + 0.001
        assert abs((clock.now() - truth).total_seconds()) <= allowed
