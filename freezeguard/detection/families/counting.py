"""Families that count what lies in a window: signals, customers, defects per unit, one report."""

from collections.abc import Callable, Mapping

from freezeguard.detection.families.tracker import Finding, Load, Sample, Spare
from freezeguard.detection.windows import Exposure, Observed, SlidingWindow, moment_before
from freezeguard.domain.rules import Family, Rule

Measure = Callable[[Rule, SlidingWindow, Observed, Exposure], Sample]


class WindowTracker:
    """Measures a sliding window at each of its signals."""

    def __init__(self, rule: Rule, exposure: Exposure) -> None:
        self._rule, self._exposure = rule, exposure
        self._window = SlidingWindow(rule.window)
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
        view = self._window.view()
        return Finding(view.signals, view.customers, self._last.exposure)


def _count(_: Rule, window: SlidingWindow, __: Observed, ___: Exposure) -> Sample:
    return Sample(window.count)


def _distinct_customers(_: Rule, window: SlidingWindow, __: Observed, ___: Exposure) -> Sample:
    return Sample(window.customers)


def _rate(rule: Rule, window: SlidingWindow, newest: Observed, exposure: Exposure) -> Sample:
    """Defects per unit shipped in the same window; silent below the minimum of units."""
    units = exposure.between(
        moment_before(newest.occurred_at, rule.window), newest.occurred_at
    )
    enough = units >= rule.min_units > 0 and window.customers >= rule.min_customers
    return Sample(window.count / units if units else 0.0, units, enough)


def _safety(_: Rule, window: SlidingWindow, __: Observed, ___: Exposure) -> Sample:
    return Sample(window.count)


MEASURES: Mapping[Family, Measure] = {
    Family.COUNT: _count,
    Family.DISTINCT_CUSTOMERS: _distinct_customers,
    Family.RATE: _rate,
    Family.SAFETY: _safety,
}
