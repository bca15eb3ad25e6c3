"""The launch family: a watch over the first days of an item, which has no history yet.

The maximised sequential probability ratio test for Poisson counts (Kulldorff et al., Sequential
Analysis 30 (2011) 58-78): see `freezeguard.detection.statistics.maxsprt`. What is expected comes
from the prior: `factor` times what items of the category usually bring. The test looks at every
complaint and keeps its level all the same: a sound item whose rate is no higher reaches a bound of
N in one launch out of N at most. It ends with the rule's window, counted from the day on which the
item was first shipped or heard of, or when `MOST_EXPECTED` complaints were to be expected, and is
silent from then on.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from freezeguard.detection.daybook import Background, Baseline
from freezeguard.detection.families.daily import EASE, DailyTracker, Seen, once_in
from freezeguard.detection.families.tracker import Load, Sample, Spare
from freezeguard.detection.statistics.maxsprt import (
    log_ratio,
    maxsprt_critical_value,
    maxsprt_performance,
)
from freezeguard.detection.windows import Observed
from freezeguard.domain.rules import DEFAULT_FACTOR, Rule

MOST_EXPECTED = 20.0
"""So many complaints are enough of a history to compare an item with itself."""
_SLACK = 1 - 1e-9
_ANY_NUMBER = 2**31
_FOR_LONG = 3660


@lru_cache(maxsize=256)
def critical_value(once: float, min_events: int) -> float:
    """Return the log ratio that a sound launch reaches once in so many.

    With a minimum of events not every level can be reached; then it is the largest one below. It
    is 0 where any ratio above 0 is seldom enough.
    """
    if once <= 1:
        return 0.0
    return maxsprt_critical_value(1 / once, MOST_EXPECTED, min_events) or 0.0


@lru_cache(maxsize=4096)
def once_in_launches(ratio: float, min_events: int) -> float:
    """Return once in how many launches a sound item ever reaches a log ratio."""
    return once_in(maxsprt_performance(ratio, MOST_EXPECTED, min_events).power)


class LaunchTracker(DailyTracker):
    """Watches the first days of an item's life. Its value is once in how many sound launches.

    The chance of a log ratio is worked out only where the lowest bound may be reached.
    """

    def __init__(self, rule: Rule, background: Background, worth_it: float) -> None:
        super().__init__(rule, background, worth_it, DEFAULT_FACTOR)
        self._critical = critical_value(worth_it, self._least)
        self._priors = background.priors
        self._units = background.units
        self._heard_of = background.heard_of
        self._begun = self._before = 0
        self._exposure = 0.0

    def take(self, signal: Observed) -> Sample:
        if self._heard_of is None:
            self._heard_of = signal.occurred_at.toordinal()
        return super().take(signal)

    def load(self) -> Load | None:
        return None if self._is_over(1.0) else super().load()

    def spare(self) -> Spare:
        """Return as others do; when the watch is over, any number of signals can be spared."""
        if self._is_over(EASE):
            return Spare(_ANY_NUMBER, self._book.today, self._book.today + _FOR_LONG)
        return super().spare()

    def _learn(self) -> None:
        """Take what is usual from the prior alone: an item that is new has no history."""
        unit = self._book.exposure.unit
        prior = self._priors.of(unit)
        self._baseline = Baseline(prior.shape, prior.exposure, unit, 0, prior)
        self._rate = prior.shape / prior.exposure

    def _begin_day(self, *, is_new_block: bool) -> None:
        del is_new_block
        book, first = self._book, self._heard_of or 0
        by_days = book.exposure.unit == "days"
        if self._units is not None and not by_days:
            first = min(first, self._units.start)
        self._begun = first
        self._exposure = self._load(first, book.today)
        # the complaint from which days are counted says not how often they come
        discount = 1 if by_days and book.counts.get(first) else 0
        self._before = sum(self._counts.values()) - discount

    def _look(self, more: int = 0, ease: float = 1.0) -> Seen | None:
        complaints = self._before + self._counted(self._book.today) + more
        if complaints < self._least or self._is_over(ease):
            return None
        expected = self._rate * self._exposure / ease
        ratio = log_ratio(complaints, self._rule.factor * expected)
        if ratio <= 0 or ratio < self._critical * _SLACK:
            return None
        value = once_in_launches(ratio, self._least)
        return Seen(value, self._begun, complaints, self._exposure, expected)

    def _is_over(self, ease: float) -> bool:
        days = self._book.today - self._begun
        expected = self._rule.factor * self._rate * self._exposure / ease
        return days * 86_400 >= self._rule.window.total_seconds() or expected > MOST_EXPECTED

    def _details(self) -> Mapping[str, Any]:
        expected = self._rule.factor * self._seen.expected
        return {"log_ratio": log_ratio(self._seen.complaints, expected)}
