"""A crossing in words that a manager and a vendor understand."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from freezeguard.detection.families.tracker import Finding, Load, Sample
from freezeguard.detection.patterns import ONE_HAND, Echoes, Hand, in_words
from freezeguard.domain.rules import Family, Rule
from freezeguard.domain.signals import Kind


def sentence(rule: Rule, finding: Finding, sample: Sample, bound: float, *, tightened: bool) -> str:
    """Say in one sentence what was seen, against what bound."""
    period = duration_in_words(rule.window)
    what = _what(rule, finding, sample, bound, period)
    if tightened:
        what += ", tightened because the sale was reinstated a short time ago"
    return what + "."


def _what(rule: Rule, finding: Finding, sample: Sample, bound: float, period: str) -> str:
    complaints = _number(len(finding.signals), "complaint")
    several = finding.customers > 1
    customers = _number(finding.customers, "different customer" if several else "customer")
    made = "was made" if len(finding.signals) == 1 else "were made"
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
            if finding.signals[-1].kind is Kind.RECALL:
                return "A trusted source reported a recall; one report is enough"
            return "A trusted source reported a safety defect; one report is enough"
        case Family.LIKELIHOOD:
            rise = _rise(finding.details, sample, bound)
            return f"{complaints} from {customers} {made} {rise}"


def _rise(details: Mapping[str, Any], sample: Sample, bound: float) -> str:
    days = _number(details["days"], "day")
    units = round(details["exposure"])
    among = f" among {units:,} units shipped" if details["per"] == "units" else ""
    said = (
        f"within {days}{among}, where {_expected(details['expected'])} would be usual: "
        f"{_odds(sample.value)} to 1 that its defect rate has risen (threshold {_odds(bound)})"
    )
    if details["one_fewer"] < bound:
        said += "; one complaint fewer would not have been enough"
    return said


def _expected(mean: float) -> str:
    """Write an expected number so that small ones don't become nothing."""
    return f"{mean:,.0f}" if mean >= 10 else f"{mean:.1f}" if mean >= 0.1 else f"{mean:.1g}"


def _odds(value: float) -> str:
    """Write odds with two digits that matter, in full figures up to a million million."""
    if value >= 1e12:
        return "more than 1,000,000,000,000"
    digits = max(0, len(f"{value:.0f}") - 2)
    return f"{round(value, -digits):,.0f}"


def with_echoes(said: str, set_aside: Echoes, *, is_enough: bool) -> str:
    """Add what was set aside, and what became of it."""
    alike = f"{_number(len(set_aside), 'complaint')} more are alike ({in_words(set_aside)})"
    if is_enough:
        return f"{said[:-1]}; {alike} and were not counted."
    alike = f"{len(set_aside)} of them are alike ({in_words(set_aside)})"
    return f"{said[:-1]}; but {alike}, and without these it is not enough: a person is to look."


def one_hand(rule: Rule, hand: Hand) -> str:
    """Say that one customer complained again and again, or many complaints are alike."""
    number, period = len(hand.signals), duration_in_words(rule.window)
    if hand.alike is None:
        said = f"One customer made {number} complaints within {period}"
    else:
        said = f"{number} complaints within {period} are alike ({ONE_HAND[hand.alike]})"
    return f"{said} (shown from {hand.bound} on); one voice stops nothing: a person is to look."


def one_day(load: Load) -> str:
    """Say that far more complaints came on one day than a defect would bring."""
    return (
        f"{len(load.signals)} complaints were made on one day, where even a defect would bring "
        f"{load.limit} at most: that looks like a load, and stops nothing: a person is to look."
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration_in_words(length: timedelta) -> str:
    """Write a duration in the largest whole unit: `30 days`, `6 hours`, `90 minutes`."""
    seconds = int(length.total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            return _number(seconds // size, unit)
    return _number(seconds, "second")
