"""When a feed's silence is longer than chance allows."""

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezeguard.detection.silence import CHANCE, Heard, chance_of_silence, is_unusual

WEEK, SIX_WEEKS = 168, 6 * 168
MONDAY = 4 * 24 + 10 * WEEK  # 1970 began on a Thursday


def _office(weeks: int) -> Heard:
    """A feed that speaks every hour from nine to five, Monday to Friday; Friday at four is last."""
    hours = [
        MONDAY + week * WEEK + day * 24 + hour
        for week in range(weeks) for day in range(5) for hour in range(9, 17)
    ]
    return Heard(hours[0], hours[-1], hours)


def _after(heard: Heard, hours: int) -> range:
    return range(heard.last + 1, heard.last + 1 + hours)


@pytest.mark.parametrize("weeks", [3, 6])
def test_a_weekend_is_no_silence_and_a_monday_morning_is_one(weeks: int) -> None:
    """What a feed does every night and weekend alarms nobody; three missed office hours do."""
    heard = _office(weeks)
    until_monday = 16 + 48 - 1

    assert not is_unusual(heard, _after(heard, until_monday + 1))
    assert is_unusual(heard, _after(heard, until_monday + 8))


def test_a_load_every_night_is_missed_after_some_nights() -> None:
    """5,000 signals at three each night are one sign of life a day: one missed night is chance."""
    nights = [MONDAY + day * 24 + 3 for day in range(42)]
    heard = Heard(nights[0], nights[-1], nights)

    assert not is_unusual(heard, _after(heard, 26))
    assert is_unusual(heard, _after(heard, 9 * 24))


def test_a_feed_that_never_rests_is_missed_after_three_hours() -> None:
    """One hour is never enough, whatever chance says of it."""
    heard = Heard(MONDAY, MONDAY + SIX_WEEKS - 1, range(MONDAY, MONDAY + SIX_WEEKS))

    assert chance_of_silence(heard, _after(heard, 1)) < CHANCE
    assert not is_unusual(heard, _after(heard, 2))
    assert is_unusual(heard, _after(heard, 3))


@pytest.mark.parametrize(
    ("first", "spoken"), [(0, range(335)), (0, [0, 100, 900, 1000])], ids=["young", "rare"]
)
def test_without_a_habit_nothing_is_unusual(first: int, spoken: range | list[int]) -> None:
    """Two weeks and five hours with a signal at least: a year of silence alarms nobody before."""
    heard = Heard(first, max(spoken), spoken)

    assert not is_unusual(heard, _after(heard, 8760))


def test_a_rare_feed_may_be_silent_for_long() -> None:
    """One signal a week, known from six: four weeks of silence are chance, half a year is not."""
    heard = Heard(MONDAY, MONDAY + 5 * WEEK + 80, [MONDAY + week * WEEK + week * 16
                                                 for week in range(6)])

    assert not is_unusual(heard, _after(heard, 4 * WEEK))
    assert is_unusual(heard, _after(heard, 26 * WEEK))


def test_a_steady_stream_of_rare_signals_alarms_as_seldom_as_promised() -> None:
    """Poisson feeds of one signal a day: the share of silences that alarm is of the order named."""
    dice = random.Random(7)
    alarms, silences = 0, 0
    for _ in range(40):
        spoken = sorted({h for h in range(20 * WEEK) if dice.random() < 1 / 24})
        for before, after in pairwise(spoken):
            known = [one for one in spoken if before - SIX_WEEKS < one <= before]
            if before - spoken[0] < SIX_WEEKS:
                continue
            silences += 1
            alarms += is_unusual(Heard(known[0], before, known), range(before + 1, after))

    assert silences > 3000
    assert alarms <= 3


@settings(max_examples=60)
@given(
    spoken=st.sets(st.integers(0, 700), min_size=1, max_size=60),
    hours=st.integers(0, 400), more=st.integers(0, 100),
)
def test_longer_silence_is_never_likelier(spoken: set[int], hours: int, more: int) -> None:
    """The chance is one, falls with every hour, and stays a probability."""
    heard = Heard(0, max(spoken), spoken)

    short = chance_of_silence(heard, _after(heard, hours))
    long = chance_of_silence(heard, _after(heard, hours + more))

    assert 0 <= long <= short <= 1
    assert not math.isnan(long)
    assert 1 == chance_of_silence(heard, ())
