"""Charts: the figures of the reason, no more points than fit, each fix with its own bound."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezeguard.detection.chart import MOST_POINTS, Stretch, points, step_for
from freezeguard.detection.evaluation import Evidence, crossings, followed
from freezeguard.detection.families.counting import window_of
from freezeguard.domain.rules import Family, read_rule
from tests.detection.streams import DAY, SECOND, SHIPMENTS, SKU, START, STREAMS, rule, rules, signal
from tests.detection.test_families import BODIES
from tests.detection.test_likelihood import DAYS, PRIORS, UNITS, _stream, shipped


@given(rules(), STREAMS, SHIPMENTS, st.sampled_from([1.0, 0.5]))
def test_a_chart_never_says_otherwise_than_a_reason(by, signals, units, factor):
    """What a crossing observed is the value at its signal, and has reached the chart's bound."""
    evidence = Evidence(signals, units, factor=factor)
    for found in crossings(by, evidence):
        seen = {one.key: sample for one, sample in followed(by, evidence, found.scope)}
        sample = seen[found.crossed_by]
        assert (found.reason.observed, True) == (sample.value, sample.sufficient)
        end = START + 60 * SECOND
        shown = points([Stretch(end, by, evidence, found.scope)], units, START, end, SECOND)
        at = shown[(found.crossed_by.occurred_at - START) // SECOND]
        assert at.value is not None
        assert at.value >= found.reason.observed
        if found.bound_kind == "freeze":
            assert at.bound == found.reason.bound


@given(rules(), STREAMS, st.sampled_from([None, 1, 2]), st.integers(1, 9))
def test_a_quiet_step_shows_what_the_window_holds_at_its_end(by, signals, per_day, length):
    """As counted from nothing: customers within the window of the rule, of a day no more than fit.

    And a step in which somebody complained shows the most that it held at any complaint.
    """
    by = by if by.family is Family.SAFETY else replace(by, per_day=per_day)
    step, end = length * SECOND, START + 90 * SECOND
    evidence = Evidence(signals)
    told = [one for one, _ in followed(by, evidence, SKU)]

    def held(moment, newest):
        window = window_of(by)
        for one in told[: newest + 1]:
            if moment - by.window < one.occurred_at <= moment:
                window.add(one)
        return window.customers

    for point in points([Stretch(end, by, evidence, SKU)], (), START, end, step):
        here = [n for n, one in enumerate(told) if point.at <= one.occurred_at < point.at + step]
        until = point.at + step - timedelta(microseconds=1)
        expected = max(
            (held(told[n].occurred_at, n) for n in here), default=held(until, len(told))
        )
        assert (len(here), expected) == (point.complaints, point.customers)


@pytest.mark.parametrize("name", BODIES)
@settings(max_examples=25, deadline=None)
@given(DAYS, UNITS)
def test_neither_does_one_of_a_rule_that_learns(name, drawn, units):
    """The same of every family that compares with what is usual, and of rules of parts."""
    body = {"id": "r", "family": name, "mode": "armed", **BODIES[name]}
    by = read_rule(body, 1)
    evidence = Evidence(_stream(drawn), units or (), priors=PRIORS)

    for found in crossings(by, evidence):
        if found.bound_kind == "freeze" and "set_aside" not in found.reason.details:
            seen = {one.key: sample for one, sample in followed(by, evidence, found.scope)}
            assert found.reason.observed == seen[found.crossed_by].value


@pytest.mark.parametrize(("window", "length", "step"), [
    (timedelta(hours=12), timedelta(days=5), timedelta(hours=1)),
    (timedelta(hours=12), timedelta(days=60), DAY),
    (timedelta(days=3), timedelta(days=5), DAY),
    (timedelta(days=90), timedelta(days=399), DAY),
    (timedelta(days=90), timedelta(days=400), 2 * DAY),
    (timedelta(days=90), timedelta(days=4_000), 14 * DAY),
])  # fmt: skip
def test_a_step_is_a_whole_time_that_people_know(window, length, step):
    """Hours, days, weeks: as fine as fits."""
    assert step == step_for(window, length)
    assert length <= MOST_POINTS * step


def test_after_a_fix_the_bound_is_lower_and_what_was_before_is_gone():
    """Each stretch speaks for its own time: by its own evidence, against its own bound."""
    by = rule(Family.DISTINCT_CUSTOMERS, window=30 * DAY, bound=4.0)
    told = [signal(n * 86_400.0, f"c{n}") for n in range(8)]
    fix = START + 4 * DAY + SECOND
    stretches = [
        Stretch(fix, by, Evidence(told), SKU),
        Stretch(START + 10 * DAY, by, Evidence(told, since=fix, factor=0.5), SKU),
    ]

    shown = points(stretches, (), START, START + 10 * DAY, DAY)

    assert [1, 2, 3, 4, 5, 1, 2, 3, 3, 3] == [one.customers for one in shown]
    assert [4.0] * 5 + [2.0] * 5 == [one.bound for one in shown]
    assert [1.0, 2.0, 3.0, 4.0, 5.0, 1.0, 2.0, 3.0, None, None] == [one.value for one in shown]


def test_a_window_empties_between_complaints():
    """The line falls where customers leave the window, though nobody complains that day."""
    by = rule(Family.DISTINCT_CUSTOMERS, window=3 * DAY, bound=2.0)
    told = [signal(0, "a"), signal(86_400.0, "b")]

    shown = points([Stretch(START + 6 * DAY, by, Evidence(told), SKU)], (), START,
                   START + 6 * DAY, DAY)

    assert [1, 2, 2, 1, 0, 0] == [one.customers for one in shown]


def test_units_are_those_of_the_scope():
    """What was shipped to other sellers is no exposure of this one."""
    by = rule(window=3 * DAY)
    narrow = replace(SKU, seller="s1")
    units = [replace(one, scope=replace(SKU, seller=seller))
             for one, seller in zip(shipped(7, 0, 1), ("s1", "s2"), strict=True)]
    units = [replace(one, shipped_at=START) for one in units]

    shown = points([Stretch(START + DAY, by, Evidence(()), narrow)], units, START, START + DAY, DAY)

    assert [7] == [one.units for one in shown]
