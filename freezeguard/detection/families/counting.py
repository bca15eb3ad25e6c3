"""Families that count what lies in a window: signals, customers, defects per unit, one report."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from freezeguard.detection.families.tracker import Finding, Load, Sample, Spare
from freezeguard.detection.statistics.gamma import gamma_point
from freezeguard.detection.windows import (
    DailyLimit,
    Exposure,
    Observed,
    SlidingWindow,
    moment_before,
)
from freezeguard.domain.rules import Family, Rule

Measure = Callable[[Rule, SlidingWindow, Observed, Exposure], Sample]


def window_of(rule: Rule) -> SlidingWindow:
    """Return the empty window in which a rule counts."""
    if rule.per_day is None:
        return SlidingWindow(rule.window)
    return DailyLimit(rule.window, rule.per_day)


class WindowTracker:
    """Measures a sliding window at each of its signals."""

    def __init__(self, rule: Rule, exposure: Exposure) -> None:
        self._rule, self._exposure = rule, exposure
        self._window = window_of(rule)
        self._measure = MEASURES[rule.family]
        self._last = Sample(0.0)

    def take(self, signal: Observed) -> Sample:
        self._window.add(signal)
        self._last = self._measure(self._rule, self._window, signal, self._exposure)
        return self._last

    def load(self) -> Load | None:
        return None  # a shop that counts has said how many are enough, on however few days

    def spare(self) -> Spare | None:
        return None  # the moments of signals tell: see `freezeguard.detection.watch`

    def finding(self) -> Finding:
        view, units = self._window.view(), self._last.exposure
        confidence = self._rule.confidence
        details: dict[str, float] = {}
        if isinstance(self._window, DailyLimit) and self._window.is_limited:
            details["per_day"] = self._rule.per_day or 0
        if confidence is not None and units:
            details |= {
                "rate": self._window.count / units,
                "confidence": confidence,
                "one_fewer": lowest_mean(self._window.count - 1, confidence) / units,
            }
        return Finding(view.signals, view.customers, units, details)


def _count(_: Rule, window: SlidingWindow, __: Observed, ___: Exposure) -> Sample:
    return Sample(window.count)


def _distinct_customers(_: Rule, window: SlidingWindow, __: Observed, ___: Exposure) -> Sample:
    return Sample(window.customers)


def _rate(rule: Rule, window: SlidingWindow, newest: Observed, exposure: Exposure) -> Sample:
    """Defects per unit shipped in the same window; silent below the minimum of units.

    With a confidence, the lowest such rate that it allows, if complaints come by a Poisson law.
    """
    units = exposure.between(
        moment_before(newest.occurred_at, rule.window), newest.occurred_at
    )
    enough = units >= rule.min_units > 0 and window.customers >= rule.min_customers
    count: float = window.count
    if enough and rule.confidence is not None:
        count = lowest_mean(window.count, rule.confidence)
    return Sample(count / units if units else 0.0, units, enough)


@lru_cache(maxsize=4096)
def lowest_mean(count: int, confidence: float) -> float:
    """Return above what a Poisson mean lies with this confidence, after one count of it.

    The lower limit of Garwood (Biometrika 28 (1936) 437-442), one-sided: the mean at which as many
    or more come with a chance of 1 - confidence.
    """
    return 0.0 if count <= 0 else gamma_point(count, confidence)


def _safety(_: Rule, window: SlidingWindow, __: Observed, ___: Exposure) -> Sample:
    return Sample(window.count)


MEASURES: Mapping[Family, Measure] = {
    Family.COUNT: _count,
    Family.DISTINCT_CUSTOMERS: _distinct_customers,
    Family.RATE: _rate,
    Family.SAFETY: _safety,
}
