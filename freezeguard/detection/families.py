"""The families of rules. Each is a pure function from a window to what it observed.

A family answers for one signal at a time, in order: given what the window shows at that signal,
what is the observed value, and does it reach a bound? Statistical families join `FAMILIES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

from freezeguard.detection.windows import Exposure, Observed, SlidingWindow, moment_before
from freezeguard.domain.rules import Family, Rule
from freezeguard.domain.signals import MEASURED, Kind, Severity, counts_against_the_item


@dataclass(frozen=True, slots=True)
class Sample:
    """What a family saw: `value` is compared with the bound; `exposure` is units or None."""

    value: float
    exposure: int | None = None
    sufficient: bool = True


Measure = Callable[[Rule, SlidingWindow, Observed, Exposure], Sample]


def counts(rule: Rule, signal: Observed) -> bool:
    """Say whether a rule counts a signal at all."""
    if rule.family is Family.SAFETY:
        return is_safety_signal(signal) and signal.kind in rule.kinds
    if signal.kind not in rule.kinds:
        return False
    if rule.intents and signal.intent not in rule.intents:
        return False
    # naming an intent makes delivery faults count, but never a test that did not fail
    named = signal.intent in rule.intents and signal.kind not in MEASURED
    return named or counts_against_the_item(signal.kind, signal.intent, signal.result)


def is_safety_signal(signal: Observed) -> bool:
    """Say whether one signal is enough: severity safety, or a recall, from a source that may."""
    if not signal.may_assert_safety or signal.result == "pass":
        return False
    return signal.severity is Severity.SAFETY or signal.kind is Kind.RECALL


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


FAMILIES: Mapping[Family, Measure] = {
    Family.COUNT: _count,
    Family.DISTINCT_CUSTOMERS: _distinct_customers,
    Family.RATE: _rate,
    Family.SAFETY: _safety,
}


def effective_bound(rule: Rule, bound: float, factor: float) -> float:
    """Return the bound under a tightening factor; whole numbers stay whole and at least 1."""
    if rule.family is Family.RATE:
        return bound * factor
    return max(1, ceil(bound * factor))


def needs_at_least(rule: Rule) -> int:
    """Return the number of signals below which a rule can never be crossed, however they lie."""
    if rule.family is Family.RATE:
        return max(1, rule.min_customers)
    lower = rule.bound if rule.look is None else rule.look
    return max(1, ceil(lower))
