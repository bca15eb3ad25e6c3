"""Finds the bound at which a rule keeps a budget of wrong freezes, by replaying a shop's own past.

Nominal error rates mean little on real streams, where complaints come in loads and seasons; what a
rule does to the past of the very shop means a lot. How much is said by cross-validation: each part
of the items is judged by the bound that the others asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import exp, log

from freezeguard.detection.backtest.items import Item
from freezeguard.detection.backtest.replay import STOPPED, PriorsByCategory, freezes, priors_of
from freezeguard.detection.backtest.results import poisson_interval
from freezeguard.detection.statistics.likelihood import LARGEST_ODDS
from freezeguard.domain.rules import Family, Rule

FOLDS = 5
_STEPS = 40
RANGES: Mapping[Family, tuple[float, float]] = {
    Family.RATE: (1e-4, 1.0),
    Family.LIKELIHOOD: (10.0, LARGEST_ODDS),
    Family.PREDICTIVE: (10.0, LARGEST_ODDS),
    Family.POSTERIOR: (1.1, LARGEST_ODDS),
    Family.LAUNCH: (2.0, LARGEST_ODDS),
    Family.CUSUM: (0.5, 1e6),
}
"""Between what bounds is looked, where they need not be whole numbers."""

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Tuned:
    """A rule with the bound that was found.

    `rate` is what it does to all items, in wrong freezes per 1,000 SKU-years; `expected` what
    cross-validation says of items that it was not tuned on, `low` to `high` with 90 %.
    `keeps_budget` is False where even the highest bound freezes too often.
    """

    rule: Rule
    budget: float
    rate: float
    expected: float
    low: float
    high: float
    keeps_budget: bool


@dataclass(frozen=True, slots=True)
class _Past:
    """Sound items, and what is needed to replay a rule over them."""

    items: Sequence[Item]
    end: datetime
    priors: PriorsByCategory
    stopped: timedelta

    @property
    def years(self) -> float:
        return sum(one.years(self.end) for one in self.items)

    def frozen(self, rule: Rule, item: Item) -> int:
        learned = priors_of(item, self.priors)
        return sum(1 for _ in freezes(rule, item, learned, self.stopped))


def tune(
    rule: Rule,
    items: Sequence[Item],
    *,
    budget: float,
    end: datetime,
    priors: PriorsByCategory | None = None,
    stopped: timedelta = STOPPED,
    progress: Progress | None = None,
) -> Tuned:
    """Find the lowest bound at which at most `budget` freezes come of 1,000 SKU-years.

    `items` are taken for sound. Raises ValueError where there are none, or no time was watched.
    """
    past = _Past(items, end, priors or {}, stopped)
    if past.years <= 0:
        raise ValueError("a budget needs items that were watched for some time")
    told = progress or (lambda _: None)
    bound = _lowest_bound(rule, past, budget)
    told(1 / (FOLDS + 1))
    wrong = 0
    for fold in range(FOLDS):
        others = replace(past, items=[one for n, one in enumerate(items) if n % FOLDS != fold])
        mine = [one for n, one in enumerate(items) if n % FOLDS == fold]
        apart = replace(rule, bound=_lowest_bound(rule, others, budget), look=None)
        wrong += sum(past.frozen(apart, one) for one in mine)
        told((fold + 2) / (FOLDS + 1))
    found = replace(rule, bound=bound, look=None)
    rate = 1000 * sum(past.frozen(found, one) for one in items) / past.years
    low, high = (1000 * one / past.years for one in poisson_interval(wrong))
    return Tuned(
        found, budget, rate, 1000 * wrong / past.years, low, high, keeps_budget=rate <= budget
    )


def _lowest_bound(rule: Rule, past: _Past, budget: float) -> float:
    """Halve the way between a bound that freezes too often and one that does not.

    An item that a bound does not freeze is frozen by no higher one, and need not be looked at.
    """
    allowed = budget * past.years / 1000
    whole = rule.family not in RANGES
    low, high = RANGES.get(rule.family, (1.0, 1e6))
    left = list(past.items)
    for _ in range(_STEPS):
        if (high - low <= 1) if whole else (high / low < 1.001):
            break
        middle = float(round((low * high) ** 0.5)) if whole else exp((log(low) + log(high)) / 2)
        if whole and not low < middle < high:
            middle = low + 1
        tried = replace(rule, bound=middle, look=None)
        numbers = [(one, past.frozen(tried, one)) for one in left]
        if sum(number for _, number in numbers) > allowed:
            low, left = middle, [one for one, number in numbers if number]
        else:
            high = middle
    return high
