"""What items of a category usually do: a gamma law fitted to their counts and exposures.

A count is Poisson with mean rate x exposure, and rates differ from item to item by a gamma law:
counts are negative binomial (Greenwood and Yule, JRSS 83 (1920) 255-279). The law that makes all
counts likeliest is found by a search over its shape; for each shape the best scale is the root of
one equation.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from math import exp, lgamma, log, sqrt

from freezeguard.detection.statistics.likelihood import daily_limit
from freezeguard.domain.rules import DEFAULT_FACTOR

_SHAPES = (-4.6, 4.6)
"""Logs of the shapes looked at: from items that differ wildly to items that are all alike."""
_PRECISE = 1e-4


def fit_gamma_prior(counts: Sequence[int], exposures: Sequence[float]) -> tuple[float, float]:
    """Return shape and rate (in the unit of the exposures) of the law that fits best.

    Raises ValueError: see `fit_gamma_law`.
    """
    return fit_gamma_law((n, among, 1) for n, among in zip(counts, exposures, strict=True))


def fit_gamma_law(alike: Iterable[tuple[int, float, int]]) -> tuple[float, float]:
    """Return the same for items of which several are alike: count, exposure, and how many items.

    Items without exposure tell nothing and are left out. The order of the others makes no
    difference, not even in the last digit. Raises ValueError where nothing is left, or no item has
    a count.
    """
    items = sorted((n, among, times) for n, among, times in alike if among > 0)
    if not any(n for n, _, _ in items):
        raise ValueError("a prior needs items with exposure, and at least one count")
    number = sum(times for _, _, times in items)
    of_counts: Counter[int] = Counter()
    for n, _, times in items:
        of_counts[n] += times

    def fit(log_shape: float) -> float:
        shape = exp(log_shape)
        rate = _best_rate(shape, items)
        of_events = sum(times * lgamma(n + shape) for n, times in of_counts.items())
        return (
            of_events - number * (lgamma(shape) - shape * log(rate))
            - sum(times * (n + shape) * log(rate + among) for n, among, times in items)
        )  # fmt: skip

    shape = exp(_highest(fit, *_SHAPES))
    return shape, _best_rate(shape, items)


def without_loud_days(by_day: Collection[int], days: float) -> int:
    """Add up an item's complaints, of each day no more than a defect would bring.

    `by_day` are the days with any, among so many `days`. What a carrier or a bulk load adds to a
    few days would else make all items of a category look as if they differed wildly.
    """
    limit = daily_limit(sum(by_day) / days, DEFAULT_FACTOR)
    return sum(min(count, limit) for count in by_day)


def _best_rate(shape: float, items: Sequence[tuple[int, float, int]]) -> float:
    """Return where the likelihood of a shape is flat in the rate: its only maximum.

    The derivative by log rate is the sum of shape - rate (n + shape) / (rate + exposure), which
    falls; Newton's steps on it are bounded, so that none is lost far out.
    """
    total = sum(times * n for n, _, times in items)
    among = sum(times * one for _, one, times in items)
    guess = log(shape * among / total)
    for _ in range(60):
        rate, slope, bend = exp(guess), 0.0, 0.0
        for n, exposure, times in items:
            part = rate / (rate + exposure)
            weight = times * (n + shape) * part
            slope += times * shape - weight
            bend -= weight * (1 - part)
        step = max(-2.0, min(2.0, -slope / bend)) if bend else 0.0
        guess += step
        if abs(step) < _PRECISE:
            break
    return exp(guess)


def _highest(of: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function with one peak is highest, by golden sections."""
    golden = (sqrt(5) - 1) / 2
    left, right = high - golden * (high - low), low + golden * (high - low)
    of_left, of_right = of(left), of(right)
    while high - low > _PRECISE * 100:
        if of_left >= of_right:
            high, right, of_right = right, left, of_left
            left = high - golden * (high - low)
            of_left = of(left)
        else:
            low, left, of_left = left, right, of_right
            right = low + golden * (high - low)
            of_right = of(right)
    return (low + high) / 2
