"""The families of rules, each in one place: `track` follows an item by any of them."""

from datetime import timedelta
from math import ceil

from freezeguard.detection.daybook import BLOCK, HISTORY, Background
from freezeguard.detection.families.counting import WindowTracker
from freezeguard.detection.families.likelihood import LikelihoodTracker, least_complaints
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
from freezeguard.domain.rules import Family, Rule
from freezeguard.domain.signals import MEASURED, Kind, Severity, counts_against_the_item

__all__ = ["ALWAYS", "NONE_TO_SPARE", "NOTHING", "Finding", "Load", "Sample", "Spare", "Tracker"]

def learns(rule: Rule) -> bool:
    """Say whether a rule compares an item with its own history."""
    return rule.family is Family.LIKELIHOOD


def track(rule: Rule, exposure: Exposure, background: Background, factor: float) -> Tracker:
    """Return what follows an item by a rule; `factor` below 1 tightens its bounds."""
    if rule.family is Family.LIKELIHOOD:
        lowest = rule.bound if rule.look is None else rule.look
        return LikelihoodTracker(rule, background, effective_bound(rule, lowest, factor))
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

    Odds are tightened as what they are the exponential of: half the evidence is their root.
    """
    match rule.family:
        case Family.RATE:
            return bound * factor
        case Family.LIKELIHOOD:
            return float(bound**factor)
        case _:
            return max(1, ceil(bound * factor))


def needs_at_least(rule: Rule) -> int:
    """Return the number of signals below which a rule can never be crossed, however they lie."""
    lower = rule.bound if rule.look is None else rule.look
    match rule.family:
        case Family.RATE:
            return max(1, rule.min_customers)
        case Family.LIKELIHOOD:
            return max(1, rule.min_customers, least_complaints(lower, rule.factor))
        case _:
            return max(1, ceil(lower))


def reach(rule: Rule) -> timedelta:
    """Return how far back from a signal the signals lie that a rule wants one by one."""
    if learns(rule):  # whole blocks, what has passed of the one under way, and a part of a day
        blocks = -(-rule.window // timedelta(days=BLOCK))
        return timedelta(days=(blocks + 1) * BLOCK + 1)
    return rule.window


def history_reach(rule: Rule) -> timedelta:
    """Return how far back from a signal a rule learns what is usual; nothing where it doesn't."""
    return reach(rule) + timedelta(days=HISTORY) if learns(rule) else timedelta(0)
