"""Printed values to all their digits, and independent calculations over wide ranges."""

from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from math import comb, erfc, exp, gamma, inf, isclose, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import gamma as gamma_law

from freezeguard.detection import (
    cusum_average_run_length,
    gamma_posterior_tail,
    maxsprt_critical_value,
)
from freezeguard.detection.statistics.gamma import (
    gamma_point,
    gamma_posterior_odds,
    lower_tail,
    upper_tail,
)
from freezeguard.detection.statistics.maxsprt import log_ratio, maxsprt_performance
from freezeguard.detection.statistics.predictive import predictive_chance, predictive_tail

# ------------------------------------------------------------------------------- gamma tails


def exact_upper(events: int, mean: float) -> Decimal:
    """P(Poisson(mean) < events) by its sum, with sixty digits."""
    with localcontext() as context:
        context.prec = 60
        total, term = Decimal(0), Decimal(1)
        for n in range(events):
            total += term
            term *= Decimal(mean) / (n + 1)
        return total * (-Decimal(mean)).exp()


@given(st.integers(1, 400), st.floats(0.01, 8))
def test_whole_shapes_are_poisson_sums(events: int, share: float) -> None:
    """To twelve digits, however small the tail is, on either side."""
    upper = exact_upper(events, events * share)
    assert isclose(float(upper), upper_tail(events, events * share), rel_tol=1e-11, abs_tol=1e-300)
    lower = float(1 - upper)
    if lower > 1e-40:  # sixty digits minus what the difference costs
        assert isclose(lower, lower_tail(events, events * share), rel_tol=1e-11)


@given(st.floats(1e-6, 500))
def test_a_half_is_the_error_function(value: float) -> None:
    """Q(1/2, x) = erfc(sqrt x), DLMF 8.4.6."""
    assert isclose(erfc(sqrt(value)), upper_tail(0.5, value), rel_tol=1e-12)


@given(st.floats(0.001, 150), st.floats(0.001, 300))
def test_shapes_one_apart_differ_by_a_density(shape: float, value: float) -> None:
    """Q(a + 1, x) = Q(a, x) + x^a e^-x / Gamma(a + 1), DLMF 8.8.6: for any shape."""
    density = exp(shape * log(value) - value) / gamma(shape + 1)
    expected = upper_tail(shape, value) + density
    assert isclose(expected, upper_tail(shape + 1, value), rel_tol=1e-10, abs_tol=1e-290)


@given(st.floats(0.001, 1e7), st.floats(0, 3), st.floats(0, 3))
def test_a_tail_falls_with_its_value(shape: float, one: float, other: float) -> None:
    """It lies between 0 and 1, and what is farther away is no likelier; so are both sides one."""
    near, far = sorted((shape * one, shape * other))
    assert 1 >= upper_tail(shape, near) >= upper_tail(shape, far) * (1 - 1e-12) >= 0
    assert isclose(1, upper_tail(shape, near) + lower_tail(shape, near), rel_tol=1e-12)


def test_ends_of_a_tail() -> None:
    """At 0 everything is above, at infinity nothing; what has no tail is refused."""
    assert (1.0, 0.0) == (upper_tail(3, 0), upper_tail(3, inf))
    assert (0.0, 1.0) == (lower_tail(3, 0), lower_tail(3, inf))
    for shape, value in ((0, 1), (-1, 1), (inf, 1), (1, -1), (1, float("nan"))):
        with pytest.raises(ValueError, match="no gamma tail"):
            upper_tail(shape, value)
        with pytest.raises(ValueError, match="no gamma tail"):
            lower_tail(shape, value)


@given(st.integers(1, 40), st.floats(1, 1e5), st.integers(0, 60), st.floats(0, 1e5),
       st.floats(0.1, 20))  # fmt: skip
def test_a_posterior_is_the_tail_of_an_updated_gamma(
    shape: int, rate: float, events: int, exposure: float, multiple: float
) -> None:
    """With a whole shape the posterior is a Poisson sum."""
    mean = (rate + exposure) * multiple * shape / rate
    found = gamma_posterior_tail(shape, rate, events, exposure, multiple)
    assert isclose(float(exact_upper(shape + events, mean)), found, rel_tol=1e-9, abs_tol=1e-290)


@given(st.floats(0.1, 40), st.floats(1, 1e5), st.integers(0, 60), st.floats(0, 1e5),
       st.floats(0.1, 20))  # fmt: skip
def test_more_events_never_make_a_rate_less_likely(
    shape: float, rate: float, events: int, exposure: float, multiple: float
) -> None:
    """One event more raises the posterior, one unit more lowers it."""
    now = gamma_posterior_tail(shape, rate, events, exposure, multiple)
    more = gamma_posterior_tail(shape, rate, events + 1, exposure, multiple)
    longer = gamma_posterior_tail(shape, rate, events, exposure + 1, multiple)
    assert longer * (1 - 1e-12) <= now <= more * (1 + 1e-12)


@given(
    st.floats(0.1, 1e3), st.floats(0.1, 1e6), st.integers(0, 400), st.floats(0, 1e6),
    st.floats(0.1, 20),
)
def test_odds_are_those_of_the_tail(
    shape: float, rate: float, events: int, exposure: float, multiple: float
) -> None:
    """The chance against what is left to one: both exact, so that certainty keeps its degrees."""
    above = gamma_posterior_tail(shape, rate, events, exposure, multiple)
    law = gamma_law(shape + events, scale=1 / (rate + exposure))
    below = float(law.cdf(multiple * shape / rate))
    found = gamma_posterior_odds(shape, rate, events, exposure, multiple)

    if below > 1e-250 and above > 1e-250:
        assert isclose(above / below, found, rel_tol=1e-8)
    if below == 0:
        assert found > 1e200


def test_certainty_has_endless_odds() -> None:
    """Where nothing is left on the other side."""
    assert gamma_posterior_odds(1.0, 1e9, 5_000, 1.0, 1.0) == inf


@given(st.floats(0.2, 2_000), st.floats(0.001, 0.999))
def test_a_point_is_exceeded_as_often_as_was_asked(shape: float, above: float) -> None:
    """The inverse of the upper tail, by scipy."""
    assert isclose(gamma_law.isf(above, shape), gamma_point(shape, above), rel_tol=1e-9)


# ------------------------------------------------------------------------- predictive tails


@given(st.floats(0.1, 1e4), st.floats(0.1, 1e6), st.integers(1, 5_000), st.floats(1e-3, 1e6))
def test_a_predictive_tail_is_an_incomplete_beta_function(
    shape: float, rate: float, events: int, exposure: float
) -> None:
    """To nine digits over wide ranges, however small it is; by scipy."""
    exact = float(betainc(events, shape, exposure / (rate + exposure)))
    found = predictive_tail(shape, rate, events, exposure)

    assert isclose(exact, found, rel_tol=1e-9, abs_tol=1e-250)


@given(st.floats(0.2, 50), st.floats(1, 1e4), st.integers(1, 60), st.floats(1e-2, 1e4))
def test_a_chance_is_what_tails_differ_by(
    shape: float, rate: float, events: int, exposure: float
) -> None:
    """Exactly so many is at least so many, less at least one more; and tails begin at 1."""
    tail = predictive_tail(shape, rate, events, exposure)
    further = predictive_tail(shape, rate, events + 1, exposure)
    chance = predictive_chance(shape, rate, events, exposure)

    assert predictive_tail(shape, rate, 0, exposure) == 1
    assert isclose(chance, tail - further, rel_tol=1e-6, abs_tol=1e-12)
    assert chance <= tail * (1 + 1e-9)


def test_without_exposure_nothing_comes() -> None:
    """No units, no complaint; and a law without meaning is refused."""
    assert predictive_tail(2.0, 600.0, 1, 0.0) == 0
    for numbers in ((0.0, 1.0, 1, 1.0), (1.0, 0.0, 1, 1.0), (1.0, 1.0, -1, 1.0)):
        with pytest.raises(ValueError, match="above 0"):
            predictive_tail(*numbers)


def test_a_prior_without_meaning_is_refused() -> None:
    """Shape, rate and multiple are above 0; events and exposure not below it."""
    for wrong in ((0, 1, 1, 1, 1), (1, 0, 1, 1, 1), (1, 1, -1, 1, 1), (1, 1, 1, -1, 1),
                  (1, 1, 1, 1, 0)):  # fmt: skip
        with pytest.raises(ValueError, match="above 0"):
            gamma_posterior_tail(*wrong)


# ----------------------------------------------------------------------------------- MaxSPRT


def test_printed_values_of_the_maximised_test() -> None:
    """Level .05, up to 10 expected, one event: critical value, power, time and length."""
    found = maxsprt_critical_value(0.05, 10, 1)
    assert found is not None
    twice = maxsprt_performance(found, 10, 1, 2.0)
    assert 3.467952 == round(found, 6)
    assert 0.6850634 == round(twice.power, 7)
    assert (4.130985, 5.979353) == (round(twice.time_to_signal or 0, 6), round(twice.length, 6))


def level_by_order_statistics(critical: float, limit: int, minimum: int) -> float:
    """The same level by another way: given their number, arrivals are uniform.

    P(U(1) <= a1, ..., U(m) <= am) of ordered uniforms follows q(k) = - sum over j of
    C(k, j) (-a(j+1))^(k-j) q(j) (Epanechnikov 1968); the a are those of the reversed times.
    """
    with localcontext() as context:
        context.prec = 120
        most = 4 * limit + 30
        latest = [latest_signal(n, critical, limit) if n >= minimum else Decimal(0)
                  for n in range(1, most + 1)]  # fmt: skip
        silent, weight = Decimal(0), (-Decimal(limit)).exp()
        for m in range(most):
            if m:
                weight *= Decimal(limit) / m
            if any(latest[n - 1] >= limit for n in range(1, m + 1)):
                break
            bounds = [1 - latest[m - i] / limit for i in range(1, m + 1)]
            chances = [Decimal(1)]
            for k in range(1, m + 1):
                chances.append(-sum(
                    comb(k, j) * (-bounds[j]) ** (k - j) * chances[j] for j in range(k)
                ))  # fmt: skip
            silent += weight * chances[m]
        return float(1 - silent)


def latest_signal(events: int, critical: float, limit: int) -> Decimal:
    """Find by halving until when so many events signal."""
    low, high = 0.0, float(min(events, limit))
    if log_ratio(events, high) >= critical:
        return Decimal(high)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if log_ratio(events, middle) >= critical else (low, middle)
    return Decimal(low)


@pytest.mark.parametrize("limit", [1, 3, 8])
@pytest.mark.parametrize("minimum", [1, 2, 4])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001])
def test_the_level_is_what_was_asked_for(alpha: float, limit: int, minimum: int) -> None:
    """By an independent recursion: exactly alpha, or the largest level that there is below."""
    critical = maxsprt_critical_value(alpha, limit, minimum)
    assert critical is not None
    level = level_by_order_statistics(critical, limit, minimum)
    if critical > log_ratio(minimum, limit) * (1 + 1e-12):
        assert isclose(alpha, level, rel_tol=1e-9)
    else:
        assert level < alpha
        assert isclose(level, lower_tail(minimum, limit), rel_tol=1e-9)


def test_a_minimum_of_events_may_leave_no_exact_level() -> None:
    """Four events where one is expected are rarer than 5 %: the first of them signals."""
    assert maxsprt_critical_value(0.05, 1, 4) == log_ratio(4, 1)
    assert maxsprt_critical_value(0.9999, 5, 1) is None


def test_stricter_longer_and_fewer() -> None:
    """The value rises with strictness and length, and falls with the minimum of events."""
    values = [maxsprt_critical_value(one, 10, 1) or 0 for one in (0.05, 0.01, 0.005, 0.001)]
    longer = [maxsprt_critical_value(0.01, one, 1) or 0 for one in (1, 2, 5, 10, 20, 50)]
    fewer = [maxsprt_critical_value(0.01, 20, one) or 0 for one in (1, 2, 3, 4)]
    assert all(one < other for one, other in pairwise(values))
    assert all(one < other for one, other in pairwise(longer))
    assert all(one > other for one, other in pairwise(fewer))


def test_power_grows_with_the_risk() -> None:
    """A sound item signals with the level, a worse one more often and sooner."""
    critical = maxsprt_critical_value(0.01, 5, 3)
    assert critical is not None
    found = [maxsprt_performance(critical, 5, 3, risk) for risk in (1, 2, 5, 10, 30)]
    assert isclose(0.01, found[0].power, rel_tol=1e-12)
    assert all(one.power < other.power for one, other in pairwise(found))
    assert all(one.length > other.length for one, other in pairwise(found))
    nothing = maxsprt_performance(critical, 5, 3, 0)
    assert (0.0, None, 5.0) == (nothing.power, nothing.time_to_signal, nothing.length)


def test_a_test_without_meaning_is_refused() -> None:
    """Each wrong number is named."""
    for wrong, said in (((0, 1, 1), "alpha"), ((1, 1, 1), "alpha"), ((0.1, 0, 1), "limit"),
                        ((0.1, inf, 1), "limit"), ((0.1, 1, 0), "minimum")):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            maxsprt_critical_value(*wrong)
    for value, risk in ((-1, 1), (1, -1)):
        with pytest.raises(ValueError, match="at least 0"):
            maxsprt_performance(value, 5, 1, risk)


# ------------------------------------------------------------------------------------- CUSUM


def test_printed_values_of_lucas() -> None:
    """K .25, h 10, mean .25: with and without half of the limit as a head start."""
    assert "438.12" == f"{cusum_average_run_length(0.25, 0.25, 10):.2f}"
    assert "333.12" == f"{cusum_average_run_length(0.25, 0.25, 10, head_start=5):.2f}"


def by_linear_equations(mean: float, reference: str, limit: str, start: str) -> float:
    """The same by the Markov chain of the sum on its grid: (I - Q) a = 1, by elimination."""
    k, h, s = Fraction(reference), Fraction(limit), Fraction(start)
    grain = Fraction(1, (k.denominator * s.denominator))
    states = [grain * n for n in range(int(h / grain) + 1) if grain * n < h]
    place = {state: n for n, state in enumerate(states)}
    rows = []
    for state in states:
        row = [0.0] * len(states) + [1.0]
        row[place[state]] += 1.0
        chance, count = exp(-mean), 0
        while (into := max(Fraction(0), state + count - k)) < h:
            row[place[into]] -= chance
            count += 1
            chance *= mean / count
        rows.append(row)
    for n, pivot in enumerate(rows):  # diagonally dominant: no pivoting is needed
        for other in rows[n + 1 :]:
            if other[n]:
                factor = other[n] / pivot[n]
                for column in range(n, len(pivot)):
                    other[column] -= factor * pivot[column]
    lengths = [0.0] * len(states)
    for n in reversed(range(len(states))):
        rest = sum(rows[n][m] * lengths[m] for m in range(n + 1, len(states)))
        lengths[n] = (rows[n][-1] - rest) / rows[n][n]
    return lengths[place[s]]


@pytest.mark.parametrize(("mean", "reference", "limit", "start"), [
    (0.25, "0.25", "10", "5"), (0.1, "0.5", "3", "0"), (1.0, "1.5", "4", "2"),
    (2.0, "2.5", "6", "3"), (0.3, "0.1", "2", "0.5"), (4.0, "3", "8", "4"),
    (1.0, "1", "5", "0"), (0.05, "0.2", "2.6", "1.2"), (1.0, "0.35", "4.2", "0"),
    (6.0, "7.5", "12.5", "2"), (0.7, "1.25", "7", "0"),
])  # fmt: skip
def test_run_lengths_are_those_of_the_markov_chain(
    mean: float, reference: str, limit: str, start: str
) -> None:
    """To ten digits, where the sum has a grid."""
    expected = by_linear_equations(mean, reference, limit, start)
    found = cusum_average_run_length(mean, float(reference), float(limit), float(start))
    assert isclose(expected, found, rel_tol=1e-9)


@given(st.floats(0.05, 3), st.floats(0.5, 3), st.floats(0.5, 6), st.floats(0, 0.99))
def test_run_lengths_keep_their_order(
    mean: float, reference: float, limit: float, share: float
) -> None:
    """At least one period; a head start shortens, a higher limit lengthens, for any numbers."""
    plain = cusum_average_run_length(mean, reference, limit)
    ahead = cusum_average_run_length(mean, reference, limit, share * limit)
    higher = cusum_average_run_length(mean, reference, limit * 1.5)
    assert 1 <= ahead <= plain * (1 + 1e-9)
    assert plain <= higher * (1 + 1e-9)


def test_a_chart_that_never_alarms_runs_for_ever() -> None:
    """Where nothing can come it has no end; where much comes it ends at once."""
    assert inf == cusum_average_run_length(0, 1, 5)
    assert isclose(1.0, cusum_average_run_length(500, 1, 5))


def test_very_long_runs_keep_their_digits() -> None:
    """The chance of an alarm is summed, never the rest of something near 1."""
    found = cusum_average_run_length(0.5, 3, 9)
    assert isclose(by_linear_equations(0.5, "3", "9", "0"), found, rel_tol=1e-3)
    assert found > 1e11


def test_a_chart_without_meaning_is_refused() -> None:
    """Each number has its range; a head start at the limit is an alarm already."""
    for wrong in ((-1, 1, 1), (1, 0, 1), (1, 1, 0), (1, inf, 1), (1, 1, 1, -0.1)):
        with pytest.raises(ValueError, match="above 0"):
            cusum_average_run_length(*wrong)
    with pytest.raises(ValueError, match="already"):
        cusum_average_run_length(1, 1, 5, 5)
