"""The sentence that a manager and a vendor read."""

from datetime import timedelta

import pytest

from freezeguard.detection.evaluation import Evidence, crossings
from freezeguard.detection.explain import duration_in_words
from freezeguard.domain.rules import Family
from freezeguard.domain.signals import Kind, Severity
from tests.detection.streams import DAY, rule, shipment, signal

GRAVE = {"severity": Severity.SAFETY, "may_assert_safety": True}
THREE = [signal(1), signal(2), signal(3)]


def _sentence(by, stream, **evidence):
    (found,) = crossings(by, Evidence(stream, **evidence))
    return found.reason.sentence


@pytest.mark.parametrize(
    ("by", "stream", "expected"),
    [
        (
            rule(Family.DISTINCT_CUSTOMERS, window=30 * DAY), THREE,
            "3 different customers complained within 30 days (threshold 3).",
        ),
        (
            rule(bound=1.0), [signal(1)],
            "1 complaint from 1 customer was made within 10 seconds (threshold 1).",
        ),
        (
            rule(bound=2.0), [signal(1, customer=b"ann"), signal(2, customer=b"ann")],
            "2 complaints from 1 customer were made within 10 seconds (threshold 2).",
        ),
        (
            rule(Family.SAFETY), [signal(1, **GRAVE)],
            "A trusted source reported a safety defect; one report is enough.",
        ),
        (
            rule(Family.SAFETY), [signal(1, **GRAVE | {"kind": Kind.RECALL})],
            "A trusted source reported a recall; one report is enough.",
        ),
    ],
)
def test_each_family_says_what_it_saw(by, stream, expected):
    """What was seen, within what time, against which threshold."""
    assert expected == _sentence(by, stream)


def test_a_rate_says_its_units():
    """Complaints, units shipped, and both rates in per cent."""
    by = rule(Family.RATE, bound=0.02, min_units=100)

    assert (
        "2 complaints from 2 different customers were made within 10 seconds among 100 units "
        "shipped: 2.00% of units (threshold 2.00%)."
    ) == _sentence(by, THREE, shipments=[shipment(0.5, 100)])


def test_a_tightened_bound_is_named_as_such():
    """Whoever was reinstated a short time ago learns that the threshold was lower for it."""
    assert (
        "2 complaints from 2 different customers were made within 10 seconds (threshold 2), "
        "tightened because the sale was reinstated a short time ago."
    ) == _sentence(rule(), THREE, factor=0.5)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (30 * DAY, "30 days"),
        (DAY, "1 day"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(seconds=61), "61 seconds"),
        (timedelta(seconds=1), "1 second"),
    ],
)
def test_durations_in_words(length, words):
    """The largest whole unit, in the singular where there is one."""
    assert words == duration_in_words(length)
