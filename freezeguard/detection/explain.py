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
    if finding.parts:
        what = ", and ".join(
            _what(one.part, one.finding, one.sample, one.bound) for one in finding.parts
        )
    else:
        what = _what(rule, finding, sample, bound)
    if tightened:
        what += ", tightened because the sale was reinstated a short time ago"
    return what + "."


def _of_days(finding: Finding) -> str:
    """Say that days had more than counts, where they had."""
    per_day = finding.details.get("per_day")
    return f", where of one day no more than {per_day:g} count" if per_day else ""


def _what(rule: Rule, finding: Finding, sample: Sample, bound: float) -> str:
    period = duration_in_words(rule.window)
    complaints = _number(len(finding.signals), "complaint")
    several = finding.customers > 1
    customers = _number(finding.customers, "different customer" if several else "customer")
    made = "was made" if len(finding.signals) == 1 else "were made"
    if rule.family is Family.DISTINCT_CUSTOMERS:
        return f"{customers} complained within {period} (threshold {bound:g}){_of_days(finding)}"
    if rule.family is Family.SAFETY:
        report = "recall" if finding.signals[-1].kind is Kind.RECALL else "safety defect"
        return f"A trusted source reported a {report}; one report is enough"
    if rule.family is Family.COUNT:
        said = f"within {period} (threshold {bound:g})"
    elif rule.family is Family.RATE:
        said = _rate(finding, sample, bound, period)
    else:
        said = _against_the_usual(rule, finding.details, sample, bound)
    return f"{complaints} from {customers} {made} {said}{_of_days(finding)}"


def _rate(finding: Finding, sample: Sample, bound: float, period: str) -> str:
    among, details = f"within {period} among {finding.exposure} units shipped", finding.details
    if "confidence" not in details:
        return f"{among}: {sample.value:.2%} of units (threshold {bound:.2%})"
    return (
        f"{among}: {details['rate']:.2%} of units, and with {details['confidence']:.0%} confidence "
        f"at least {sample.value:.2%} (threshold {bound:.2%})"
        f"{_one_fewer(details, bound)}"
    )


def _against_the_usual(
    rule: Rule, details: Mapping[str, Any], sample: Sample, bound: float
) -> str:
    days = _number(details["days"], "day")
    when = f"in its first {days}" if rule.family is Family.LAUNCH else f"within {days}"
    units = round(details["exposure"])
    among = f" among {units:,} units shipped" if details["per"] == "units" else ""
    return (
        f"{when}{among}, where {_expected(details['expected'])} would be usual"
        f"{_how_bad(rule, details, sample.value, bound)}{_one_fewer(details, bound)}"
    )


def _how_bad(rule: Rule, details: Mapping[str, Any], value: float, bound: float) -> str:
    seen, threshold = _odds(value), f"(threshold {_odds(bound)})"
    match rule.family:
        case Family.PREDICTIVE:
            return f": a sound item does that once in {seen} {threshold}"
        case Family.POSTERIOR:
            times = f"more than {rule.factor:g} times the usual one"
            return f": {seen} to 1 that its defect rate is {times} {threshold}"
        case Family.CUSUM:
            let_pass = _expected(details["let_pass"])
            return f" and {let_pass} are let pass: {value:.1f} too many (threshold {bound:g})"
        case Family.LAUNCH:
            such = f"a sound item with up to {rule.factor:g} times that"
            return f": {such} does so in one launch out of {seen} {threshold}"
        case _:
            return f": {seen} to 1 that its defect rate has risen {threshold}"


def _one_fewer(details: Mapping[str, Any], bound: float) -> str:
    enough = details["one_fewer"] >= bound
    return "" if enough else "; one complaint fewer would not have been enough"


def _expected(mean: float) -> str:
    """Write an expected number so that small ones don't become nothing."""
    return f"{mean:,.0f}" if mean >= 10 else f"{mean:.1f}" if mean >= 0.1 else f"{mean:.1g}"


def _odds(value: float) -> str:
    """Write odds with two digits that matter, in full figures up to a million million."""
    if value >= 1e12:
        return "more than 1,000,000,000,000"
    if value < 10:
        return f"{value:.2g}"
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
