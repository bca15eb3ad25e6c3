"""The families of rules, each in one place: `track` follows an item by any of them."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from math import ceil

from freezeguard.detection.daybook import BLOCK, HISTORY, Background
from freezeguard.detection.families.combining import CombinedTracker, Followed
from freezeguard.detection.families.counting import WindowTracker
from freezeguard.detection.families.cusum import CusumTracker
from freezeguard.detection.families.launch import LaunchTracker
from freezeguard.detection.families.likelihood import LikelihoodTracker, least_complaints
from freezeguard.detection.families.spans import SpansTracker
from freezeguard.detection.families.tracker import (
    ALWAYS,
    NONE_TO_SPARE,
    NOTHING,
    Finding,
    Load,
    Sample,
    Spare,
    Tracker,
)
from freezeguard.detection.windows import Exposure, Observed
from freezeguard.domain.rules import ABOVE_ONE, LEARNING, Family, Rule
from freezeguard.domain.signals import MEASURED, Kind, Severity, counts_against_the_item

__all__ = ["ALWAYS", "NONE_TO_SPARE", "NOTHING", "Finding", "Load", "Sample", "Spare", "Tracker"]


TRACKERS: Mapping[Family, Callable[[Rule, Background, float], Tracker]] = {
    Family.LIKELIHOOD: LikelihoodTracker,
    Family.PREDICTIVE: SpansTracker,
    Family.POSTERIOR: SpansTracker,
    Family.CUSUM: CusumTracker,
    Family.LAUNCH: LaunchTracker,
}
"""What follows an item by its days, by family."""


def learns(rule: Rule) -> bool:
    """Say whether a rule, or a part of it, compares an item with what is usual for it."""
    return rule.family in LEARNING or any(learns(one) for one in rule.parts)


def track(rule: Rule, exposure: Exposure, background: Background, factor: float) -> Tracker:
    """Return what follows an item by a rule; `factor` below 1 tightens its bounds."""
    if rule.parts:
        parts = [
            Followed(
                one, track(one, exposure, background, factor),
                effective_bound(one, one.bound, factor),
            )
            for one in rule.parts
        ]
        return CombinedTracker(rule, parts, background.priors)
    if rule.family in TRACKERS:
        lowest = rule.bound if rule.look is None else rule.look
        return TRACKERS[rule.family](rule, background, effective_bound(rule, lowest, factor))
    return WindowTracker(rule, exposure)


def counts(rule: Rule, signal: Observed) -> bool:
    """Say whether a rule counts a signal at all."""
    if rule.family is Family.SAFETY:
        return is_safety_signal(signal) and signal.kind in rule.kinds
    return counts_as(rule, signal.kind, signal.intent, signal.result)


def counts_as(rule: Rule, kind: Kind, intent: str, result: str | None) -> bool:
    """Say whether a rule that is not for safety counts what is of this kind."""
    if kind not in rule.kinds:
        return False
    if rule.intents and intent not in rule.intents:
        return False
    # naming an intent makes delivery faults count, but never a test that did not fail
    named = intent in rule.intents and kind not in MEASURED
    return named or counts_against_the_item(kind, intent, result)


def is_safety_signal(signal: Observed) -> bool:
    """Say whether one signal is enough: severity safety, or a recall, from a source that may."""
    if not signal.may_assert_safety or signal.result == "pass":
        return False
    return signal.severity is Severity.SAFETY or signal.kind is Kind.RECALL


def effective_bound(rule: Rule, bound: float, factor: float) -> float:
    """Return the bound under a tightening factor; whole numbers stay whole and at least 1.

    What is so many to one, or once in so many, is tightened as what it is the exponential of: half
    the evidence is its root. The bounds of parts are tightened one by one.
    """
    if rule.family in ABOVE_ONE:
        return float(bound**factor)
    if rule.family in {Family.RATE, Family.CUSUM}:
        return bound * factor
    return bound if rule.parts else max(1, ceil(bound * factor))


def needs_at_least(rule: Rule) -> int:
    """Return the number of signals below which a rule can never be crossed, however they lie."""
    lower = rule.bound if rule.look is None else rule.look
    match rule.family:
        case Family.ALL_OF:
            return max(map(needs_at_least, rule.parts))
        case Family.ANY_OF:
            return min(map(needs_at_least, rule.parts))
        case Family.RATE | Family.PREDICTIVE | Family.POSTERIOR | Family.LAUNCH:
            return max(1, rule.min_customers)
        case Family.CUSUM:
            return max(1, rule.min_customers, ceil(lower))
        case Family.LIKELIHOOD:
            return max(1, rule.min_customers, least_complaints(lower, rule.factor))
        case _:
            return max(1, ceil(lower))


def reach(rule: Rule) -> timedelta:
    """Return how far back from a signal the signals lie that a rule wants one by one."""
    if rule.parts and learns(rule):  # whole days, for those that would do with their windows too
        return max(reach(one) for one in rule.parts) + timedelta(days=1)
    if learns(rule):  # whole blocks, what has passed of the one under way, and a part of a day
        blocks = -(-rule.window // timedelta(days=BLOCK))
        return timedelta(days=(blocks + 1) * BLOCK + 1)
    return rule.window


def history_reach(rule: Rule) -> timedelta:
    """Return how far back from a signal a rule learns what is usual; nothing where it doesn't."""
    return reach(rule) + timedelta(days=HISTORY) if learns(rule) else timedelta(0)
