"""A crossing in words that a manager and a vendor understand."""

from datetime import timedelta

from freezeguard.detection.families import Sample
from freezeguard.detection.windows import View
from freezeguard.domain.rules import Family, Rule
from freezeguard.domain.signals import Kind


def sentence(rule: Rule, view: View, sample: Sample, bound: float, *, tightened: bool) -> str:
    """Say in one sentence what was seen, against what bound."""
    period = duration_in_words(rule.window)
    what = _what(rule, view, sample, bound, period)
    if tightened:
        what += ", tightened because the sale was reinstated a short time ago"
    return what + "."


def _what(rule: Rule, view: View, sample: Sample, bound: float, period: str) -> str:
    complaints = _number(len(view.signals), "complaint")
    customers = _number(view.customers, "different customer" if view.customers > 1 else "customer")
    made = "was made" if len(view.signals) == 1 else "were made"
    match rule.family:
        case Family.COUNT:
            return f"{complaints} from {customers} {made} within {period} (threshold {bound:g})"
        case Family.DISTINCT_CUSTOMERS:
            return f"{customers} complained within {period} (threshold {bound:g})"
        case Family.RATE:
            return (
                f"{complaints} from {customers} {made} within {period} among "
                f"{sample.exposure} units shipped: {sample.value:.2%} of units "
                f"(threshold {bound:.2%})"
            )
        case Family.SAFETY:
            if view.newest.kind is Kind.RECALL:
                return "A trusted source reported a recall; one report is enough"
            return "A trusted source reported a safety defect; one report is enough"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration_in_words(length: timedelta) -> str:
    """Write a duration in the largest whole unit: `30 days`, `6 hours`, `90 minutes`."""
    seconds = int(length.total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            return _number(seconds // size, unit)
    return _number(seconds, "second")
