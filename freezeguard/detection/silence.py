"""When the silence of a feed is longer than chance allows: hours without a signal, by the week."""

import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

HOURS_OF_WEEK = 168
LEARNED = timedelta(days=42)
"""What is usual is learned from so long before a feed was last heard."""
LEAST_HISTORY = 14 * 24
"""Hours from the first signal to the last one: before that, nobody knows what is usual."""
LEAST_SPOKEN = 5
"""Hours with a signal; a feed that spoke less often has no habit yet."""
LEAST_SILENT = 3
"""Hours that any silence must last."""
CHANCE = 1e-4
"""A silence that chance brings about less often is none."""
OWN_WEIGHT = 0.5
"""Weeks for which the feed's share of silent hours stands in for what an hour of the week shows."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The hours in which a feed was heard, as whole hours since 1970 in UTC.

    `first` and `last` bound what is known of it; `spoken` are the hours with at least one signal.
    Hours, not signals, are counted: a load of 5,000 at once is one sign of life.
    """

    first: int
    last: int
    spoken: Collection[int]

    @property
    def has_a_habit(self) -> bool:
        """Say whether enough is known of the feed to call a silence unusual."""
        long_enough = self.last - self.first >= LEAST_HISTORY
        return long_enough and len(self.spoken) >= LEAST_SPOKEN


def chance_of_silence(heard: Heard, silent: Collection[int]) -> float:
    """Return the chance that a feed with these habits says nothing in all of these hours.

    Every hour of the week is silent with a chance of its own, the share of earlier weeks, drawn
    towards the feed's share as a whole; minus its logarithm is how often the feed is expected to
    speak then, as a Poisson process. How often it speaks at all is known from `k` spoken hours
    only: the predictive distribution is then negative binomial, and `(1 + expected / k) ** -k` its
    chance of nothing (Gelman et al., Bayesian Data Analysis, 3rd ed., 2.6).
    """
    known = range(heard.first, heard.last + 1)
    in_all = Counter(hour % HOURS_OF_WEEK for hour in known)
    spoken = Counter(hour % HOURS_OF_WEEK for hour in heard.spoken)
    usual = (len(known) - len(heard.spoken) + OWN_WEIGHT) / (len(known) + 2 * OWN_WEIGHT)
    expected = 0.0
    for place, times in Counter(hour % HOURS_OF_WEEK for hour in silent).items():
        quiet = in_all[place] - spoken[place] + OWN_WEIGHT * usual
        expected -= times * math.log(quiet / (in_all[place] + OWN_WEIGHT))
    number = len(heard.spoken)
    return math.exp(-number * math.log1p(expected / number)) if number else 1.0


def is_unusual(heard: Heard, silent: Collection[int]) -> bool:
    """Say whether a silence of these hours, each over, is longer than chance allows."""
    if len(silent) < LEAST_SILENT or not heard.has_a_habit:
        return False
    return chance_of_silence(heard, silent) < CHANCE
