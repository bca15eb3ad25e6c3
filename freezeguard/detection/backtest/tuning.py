"""Finds the bound at which a rule keeps a budget of wrong freezes, by replaying a shop's own past.

Nominal error rates mean little on real streams, where complaints come in loads and seasons; what a
rule does to the past of the very shop means a lot. How much is said by cross-validation: each part
of the items is judged by the bound that the others asked for.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappush, heappushpop
from math import exp, inf, log

from freezeguard.detection.backtest.items import Item
from freezeguard.detection.backtest.replay import (
    STANDARD,
    STOPPED,
    PriorsByCategory,
    charged_lane,
    freezes,
    highest,
    priors_of,
)
from freezeguard.detection.backtest.results import poisson_interval
from freezeguard.detection.statistics.likelihood import LARGEST_ODDS
from freezeguard.detection.statistics.predictive import RAREST
from freezeguard.detection.waves import Stop, beyond
from freezeguard.domain.policy import Budget
from freezeguard.domain.rules import Family, Rule

FOLDS = 5
_STEPS = 40
RANGES: Mapping[Family, tuple[float, float]] = {
    Family.RATE: (1e-4, 1.0),
    Family.LIKELIHOOD: (10.0, LARGEST_ODDS),
    Family.PREDICTIVE: (10.0, RAREST),
    Family.POSTERIOR: (1.1, LARGEST_ODDS),
    Family.LAUNCH: (2.0, LARGEST_ODDS),
    Family.CUSUM: (0.5, 1e6),
}
"""Between what bounds is looked, where they need not be whole numbers."""
WHOLE = (1.0, 1e6)
"""Where they must be."""

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
    since: datetime | None
    budget: Budget
    of_vendor: Mapping[str | None, int]

    def years(self, items: Iterable[Item]) -> float:
        return sum(one.years(self.end, self.since) for one in items)

    def stops(self, rule: Rule, item: Item) -> tuple[Stop, ...]:
        found = freezes(rule, item, priors_of(item, self.priors), self.stopped)
        # what does not spend the vendor's budget is as if nobody knew the vendor
        return tuple(
            Stop(
                one.crossed_at, item.sku,
                item.vendor if charged_lane(item, one) == "quality" else None,
            )
            for one in found
        )

    def kept(self, stops: Iterable[Stop]) -> list[Stop]:
        """Return the stops that count: not those that a wave leaves to people, nor too early."""
        every = list(stops)
        left = beyond(every, self.of_vendor, self.budget)
        return [
            one for one in every
            if one not in left and (self.since is None or one.at > self.since)
        ]

    def group(self, rule: Rule, item: Item) -> str:
        """Return what has at least one freeze that counts if an item of it is frozen."""
        waves = self.budget.vendor_skus > 0 and rule.lane == "quality"
        return item.vendor if waves and item.vendor is not None else item.sku

    def highest(self, rule: Rule, item: Item, worth_it: float) -> float:
        return highest(rule, item, priors_of(item, self.priors), worth_it)


@dataclass(slots=True)
class _Candidate:
    """An item that some bound in question freezes: the highest that does, and how often others do.

    `fold` is the part of the items to which it belongs, `stops` are by bound.
    """

    item: Item
    fold: int
    highest: float
    stops: dict[float, tuple[Stop, ...]] = field(default_factory=dict)


def tune(
    rule: Rule,
    items: Sequence[Item],
    *,
    budget: float,
    end: datetime,
    priors: PriorsByCategory | None = None,
    stopped: timedelta = STOPPED,
    since: datetime | None = None,
    governor: Budget = STANDARD,
    progress: Progress | None = None,
) -> Tuned:
    """Find the lowest bound at which at most `budget` freezes come of 1,000 SKU-years.

    `items` are taken for sound; with `since`, only freezes and years after that moment count. What
    the `governor` leaves to people for the vendor's sake is no freeze.
    Raises ValueError where there are no items, or no time was watched.
    """
    of_vendor = Counter(one.vendor for one in items)
    past = _Past(items, end, priors or {}, stopped, since, governor, of_vendor)
    years = [past.years(items[fold::FOLDS]) for fold in range(FOLDS)]
    of_all = sum(years)
    if of_all <= 0:
        raise ValueError("a budget needs items that were watched for some time")
    told = progress or (lambda _: None)
    candidates = _candidates(rule, past, budget * of_all / 1000, lambda n: told(n / 2))
    search = _Search(rule, past, budget)
    bound = search.lowest_bound(candidates, of_all)
    told(1 / 2 + 1 / 2 / (FOLDS + 1))
    wrong = 0
    for fold in range(FOLDS):
        others = [one for one in candidates if one.fold != fold]
        apart = search.lowest_bound(others, of_all - years[fold])
        wrong += search.number(apart, candidates, fold)
        told(1 / 2 + (fold + 2) / 2 / (FOLDS + 1))
    rate = 1000 * search.number(bound, candidates) / of_all
    low, high = (1000 * one / of_all for one in poisson_interval(wrong))
    return Tuned(
        replace(rule, bound=bound, look=None), budget, rate, 1000 * wrong / of_all, low, high,
        keeps_budget=rate <= budget,
    )


def _candidates(
    rule: Rule, past: _Past, allowed: float, told: Progress
) -> list[_Candidate]:
    """Return the items that a bound in question may freeze.

    If items of more vendors than are allowed freezes reach a value, a bound as low breaks the
    budget. So of each fold only the highest are of interest, and no item needs to be told exactly
    that can't be among them. Where only the freezes `since` a moment count, one before it may be in
    their place: then all are of interest.
    """
    enough = int(allowed) + 1 if past.since is None else len(past.items)
    lowest, _ = RANGES.get(rule.family, WHOLE)
    floors, tops = [lowest] * FOLDS, [list[float]() for _ in range(FOLDS)]
    found, known = [], [set[str]() for _ in range(FOLDS)]
    for n, item in enumerate(past.items):
        fold, floor = n % FOLDS, min(floors)
        value = past.highest(rule, item, floor)
        if value >= floor:
            found.append(_Candidate(item, fold, value))
            group = past.group(rule, item)
            if value < inf and group not in known[fold]:
                known[fold].add(group)
                floors[fold] = max(lowest, _least_of_highest(tops[fold], value, enough))
        if n % 1000 == 0:
            told(n / len(past.items))
    return [one for one in found if one.highest >= min(floors)]


def _least_of_highest(top: list[float], value: float, enough: int) -> float:
    """Take a value into the highest so many (a heap); return the least of them, 0 if fewer."""
    if len(top) < enough:
        heappush(top, value)
    else:
        heappushpop(top, value)
    return top[0] if len(top) == enough else 0.0


class _Search:
    """Looks for the bound that a budget asks for; each item is replayed once at a bound."""

    def __init__(self, rule: Rule, past: _Past, budget: float) -> None:
        self._rule, self._past, self._budget = rule, past, budget
        self._is_whole = rule.family not in RANGES

    def number(
        self, bound: float, candidates: Iterable[_Candidate], fold: int | None = None
    ) -> int:
        """Return how often items are frozen at a bound, if only those of one fold."""
        tried = replace(self._rule, bound=bound, look=None)
        asked = [one for one in candidates if one.highest >= bound]
        kept = self._past.kept(each for one in asked for each in self._of(tried, one))
        if fold is None:
            return len(kept)
        theirs = {one.item.sku for one in asked if one.fold == fold}
        return sum(one.sku in theirs for one in kept)

    def _of(self, tried: Rule, one: _Candidate) -> tuple[Stop, ...]:
        stops = one.stops.get(tried.bound)
        if stops is None:
            stops = one.stops[tried.bound] = self._past.stops(tried, one.item)
        return stops

    def lowest_bound(self, candidates: Sequence[_Candidate], years: float) -> float:
        """Halve the way between a bound that freezes too often and one that does not.

        Every search halves the same way, so that one finds what another has replayed.
        """
        allowed = self._budget * years / 1000
        broken = self._surely_broken(candidates, allowed)
        low, high = RANGES.get(self._rule.family, WHOLE)
        for _ in range(_STEPS):
            middle = self._between(low, high)
            if middle is None:
                break
            if middle <= broken or self.number(middle, candidates) > allowed:
                low = middle
            else:
                high = middle
        return high

    def _surely_broken(self, candidates: Sequence[_Candidate], allowed: float) -> float:
        """Return a bound that freezes items of more vendors than are allowed freezes; 0: none."""
        if self._past.since is not None or len(candidates) <= allowed:
            return 0.0
        highest: dict[str, float] = {}
        for one in candidates:
            if one.highest < inf:
                group = self._past.group(self._rule, one.item)
                highest[group] = max(one.highest, highest.get(group, 0.0))
        values = sorted(highest.values(), reverse=True)
        return values[int(allowed)] if int(allowed) < len(values) else 0.0

    def _between(self, low: float, high: float) -> float | None:
        """Return a bound halfway between two, None where they are as good as one."""
        if not self._is_whole:
            return None if high / low < 1.001 else exp((log(low) + log(high)) / 2)
        middle = float(round((low * high) ** 0.5))
        if not low < middle < high:
            middle = low + 1
        return None if high - low <= 1 else middle
