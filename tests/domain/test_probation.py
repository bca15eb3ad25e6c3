"""How probation is set, and the statistics of its end."""

import math
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.policy import Policy
from freezeguard.domain.probation import (
    at_cap,
    baseline_rate,
    next_check,
    terms,
    unmet,
    upper_rate,
)
from freezeguard.domain.record import ProbationRecord
from freezeguard.domain.transitions import State
from tests.domain.casebook import DAY, NOW, POLICY, case_in
from tests.domain.casebook import terms as first_terms

CHI_SQUARE_95 = {
    2: 5.991, 4: 9.488, 6: 12.592, 8: 15.507, 10: 18.307, 12: 21.026, 20: 31.410, 30: 43.773,
    40: 55.758, 60: 79.082, 80: 101.879, 100: 124.342,
}
"""The 95 % points of chi-square by degrees of freedom, as statistical tables print them."""


def _chi_square_point(degrees: int, share: float) -> float:
    """Find a point of chi-square by integrating its density (Simpson) and bisecting."""
    norm = math.lgamma(degrees / 2) + degrees / 2 * math.log(2)

    def density(x: float) -> float:
        return math.exp((degrees / 2 - 1) * math.log(x) - x / 2 - norm) if x else start

    start = 0.5 if degrees == 2 else 0.0

    def below(end: float, steps: int = 400) -> float:
        width = end / steps
        inner = sum((4 if k % 2 else 2) * density(k * width) for k in range(1, steps))
        return width / 3 * (density(0.0) + inner + density(end))

    low, high = 0.0, degrees + 12 * math.sqrt(2 * degrees)
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < share else (low, middle)
    return high


@pytest.mark.parametrize("degrees", CHI_SQUARE_95)
def test_the_printed_table_is_right(degrees):
    """The table in this test agrees with the integral that defines it."""
    assert CHI_SQUARE_95[degrees] == pytest.approx(_chi_square_point(degrees, 0.95), abs=6e-4)


@pytest.mark.parametrize("degrees", CHI_SQUARE_95)
def test_the_upper_bound_is_half_a_chi_square_point(degrees):
    """The bound of n defects is the 95 % point of chi-square with 2n + 2 degrees, halved."""
    defects = degrees // 2 - 1

    assert CHI_SQUARE_95[degrees] / 2 / 1_000 == pytest.approx(
        upper_rate(defects, 1_000), abs=5e-7
    )


@pytest.mark.parametrize(("confidence", "defects"), [(0.9, 3), (0.99, 0), (0.99, 7), (0.5, 2)])
def test_other_confidences_follow_the_same_law(confidence, defects):
    """Not only at 95 %: the bound is the chi-square point of the confidence asked for."""
    expected = _chi_square_point(2 * defects + 2, confidence) / 2

    assert expected == pytest.approx(upper_rate(defects, 1, confidence=confidence), rel=1e-5)


def test_no_defect_in_three_hundred_units_is_one_percent():
    """The rule of three: three in n, here one per cent; and nothing is known of no units."""
    assert 0.01 == pytest.approx(upper_rate(0, 300), abs=2e-5)
    assert -math.log(0.05) == pytest.approx(upper_rate(0, 1))
    assert math.inf == upper_rate(0, 0) == upper_rate(5, -1)


@given(st.integers(0, 60), st.integers(1, 100_000))
def test_the_bound_grows_with_defects_and_falls_with_units(defects, units):
    """More defects are never better news, more units never worse; and the bound is a bound."""
    bound = upper_rate(defects, units)

    assert defects / units < bound < upper_rate(defects + 1, units)
    assert upper_rate(defects, units + 1) < bound


def test_a_hundred_and_fifty_units_can_show_two_percent():
    """One unit fewer can't, however sound the item is: the floor of the baseline is no accident."""
    assert upper_rate(0, 150) < 2 * POLICY.baseline_floor < upper_rate(0, 149)


# -------------------------------------------------------------------------------- the terms


@pytest.mark.parametrize(
    ("recurrence", "days", "units"),
    [(0, 14, 200), (1, 28, 400), (2, 56, 800), (3, 90, 1_600), (6, 90, 12_800)],
)
def test_each_recurrence_doubles_the_terms(recurrence, days, units):
    """Time doubles up to the cap of ninety days, units double without one."""
    case = case_in(State.REINSTATING, recurrence=recurrence)

    assert {
        "started_at": NOW.isoformat(),
        "until": (NOW + days * DAY).isoformat(),
        "units": units,
        "cap": (NOW + 90 * DAY).isoformat(),
    } == terms(case, POLICY, NOW)


def test_a_shop_sets_its_own_terms():
    """Time, units and cap are the policy's."""
    policy = Policy(probation_time=DAY, probation_units=5, probation_cap=3 * DAY)

    set_terms = terms(case_in(State.REINSTATING, recurrence=2), policy, NOW)

    assert ((NOW + 3 * DAY).isoformat(), 20) == (set_terms["until"], set_terms["units"])


# ---------------------------------------------------------------------------------- its end


def _unmet(record: ProbationRecord, days: float, policy: Policy = POLICY) -> tuple[str, ...]:
    case = case_in(State.PROBATION, probation=first_terms(started=NOW - days * DAY))
    return unmet(case, record, policy, NOW)


def test_time_and_units_and_rate_are_all_asked_for():
    """Each missing condition is one sentence with its figures; none is left when all are met."""
    sound = ProbationRecord(complaints=0, units=200)

    assert () == _unmet(sound, 14)
    assert (f"probation lasts until {(NOW + DAY).isoformat()}",) == _unmet(sound, 13)
    assert ("199 of 200 units shipped since the reinstatement",) == _unmet(
        replace(sound, units=199), 14
    )
    assert (
        "the defect rate may be as high as 2.37% of units; it must be under 2.00%",
    ) == _unmet(replace(sound, complaints=1), 14)
    assert 3 == len(_unmet(ProbationRecord(complaints=2, units=20), 1))


def test_the_limit_is_twice_what_was_normal():
    """An item with a known baseline is judged by it, never by less than the floor."""
    ordinary = ProbationRecord(baseline_complaints=30, baseline_units=1_000)
    excellent = ProbationRecord(baseline_complaints=1, baseline_units=100_000)

    assert 0.03 == baseline_rate(ordinary, POLICY)
    assert 0.01 == baseline_rate(excellent, POLICY)
    assert 0.01 == baseline_rate(ProbationRecord(), POLICY)
    assert 0.01 == baseline_rate(ProbationRecord(baseline_units=0), POLICY)
    assert () == _unmet(replace(ordinary, complaints=6, units=200), 14)
    assert 1 == len(_unmet(replace(ordinary, complaints=7, units=200), 14))


def test_a_shop_without_shipments_judges_by_time():
    """Where the policy asks for no units, nothing is known of rates and none is asked for."""
    policy = Policy(probation_units=0)
    case = case_in(State.PROBATION, probation=first_terms(started=NOW - 14 * DAY, units=0))

    assert () == unmet(case, ProbationRecord(), policy, NOW)


def test_at_the_cap_it_never_closes_by_itself():
    """Even with everything met: the owner extends, or freezes again."""
    sound = ProbationRecord(complaints=0, units=10_000)

    assert () == _unmet(sound, 89.99)
    assert ("probation is at its cap; extend the deadline or freeze again",) == _unmet(sound, 90)


@given(st.timedeltas(timedelta(0), timedelta(days=200)))
def test_the_cap_is_reached_once(passed):
    """Before the cap no, from the cap on yes."""
    case = case_in(State.PROBATION, probation=first_terms(started=NOW))

    assert (passed >= 90 * DAY) == at_cap(case, NOW + passed)


def test_the_next_look_is_at_the_end_or_soon():
    """Before its time probation is looked at when it ends, afterwards every hour, never at once."""
    case = case_in(State.PROBATION, probation=first_terms(started=NOW))
    until = datetime.fromisoformat(first_terms(started=NOW)["until"])

    assert until == next_check(case, POLICY, NOW)
    assert until + timedelta(hours=1) == next_check(case, POLICY, until)
    hasty = Policy(probation_check=timedelta(0))
    assert until + timedelta(seconds=1) == next_check(case, hasty, until)
