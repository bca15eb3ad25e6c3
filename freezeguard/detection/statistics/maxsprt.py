"""The maximised sequential probability ratio test for Poisson counts: a watch over a launch.

Kulldorff, Davis, Kolczak, Lewis, Lieu and Platt, "A maximized sequential probability ratio test for
drug and vaccine safety surveillance", Sequential Analysis 30 (2011) 58-78. After n events where E
were expected, the log likelihood ratio is E - n + n log(n / E) above the expectation, and 0 below.
It signals when the ratio reaches the critical value, with at least a minimum of events, before the
upper limit T of expected events is used up.

The ratio falls between events. So for each n there is a latest moment at which the n-th event still
signals, and the test is a Poisson process under a rising staircase: exact, without simulation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, expm1, inf, log, log1p, sqrt

from freezeguard.detection.statistics.poisson import at_least, moved_on, poisson_chances

_MOST_EVENTS = 100_000


@dataclass(frozen=True, slots=True)
class Performance:
    """What a test does where the true rate is a multiple of the expected one.

    `power` is the chance that it signals at all; `time_to_signal` the mean of expected events until
    then, where it signals (None where it never does); `length` the same of every test.
    """

    power: float
    time_to_signal: float | None
    length: float


def log_ratio(events: int, expected: float) -> float:
    """Return the log likelihood ratio of so many events where `expected` were, 0 below that."""
    if events <= expected:
        return 0.0
    if expected <= 0:
        return inf
    return expected - events - events * log1p((expected - events) / events)


def maxsprt_critical_value(alpha: float, upper_limit: float, min_events: int = 1) -> float | None:
    """Return the critical value of the test at level `alpha`, up to `upper_limit` expected events.

    With a minimum of events not every level can be reached: then it is the greatest value at the
    largest level below `alpha`. None where every value above 0 stays below `alpha`. Raises
    ValueError where alpha is not between 0 and 1, the limit not above 0 or beyond 100,000 events,
    or the minimum not 1 or more.
    """
    _check(upper_limit, min_events)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha lies between 0 and 1, not at {alpha}")
    least = log_ratio(min_events, upper_limit)
    largest = maxsprt_performance(least, upper_limit, min_events).power
    if largest <= alpha:
        return least if least > 0 else None
    return _root(alpha, least, upper_limit, min_events)


def maxsprt_performance(
    critical_value: float, upper_limit: float, min_events: int = 1, relative_risk: float = 1.0
) -> Performance:
    """Return power, time to signal and length of a test at a relative risk (1: nothing is wrong).

    Raises ValueError for a critical value or a risk that is not at least 0, and as
    `maxsprt_critical_value` does.
    """
    _check(upper_limit, min_events)
    if critical_value < 0 or relative_risk < 0:
        raise ValueError("critical value and relative risk are at least 0")
    state, at = [1.0], 0.0
    power = time = 0.0
    for events, latest in _staircase(critical_value, upper_limit, min_events):
        mean = relative_risk * (latest - at)
        for have, chance in enumerate(state):
            missing = events - have
            hit = at_least(missing, mean)
            power += chance * hit
            if relative_risk > 0:
                waited = missing / relative_risk * at_least(missing + 1, mean)
                time += chance * (at * hit + waited)
        state, at = moved_on(state, poisson_chances(mean, events), events), latest
    survived = sum(state)
    return Performance(
        power, time / power if power > 0 else None, time + survived * upper_limit
    )


def _check(upper_limit: float, min_events: int) -> None:
    if not 0 < upper_limit < inf:
        raise ValueError(f"the upper limit is above 0 expected events, not {upper_limit}")
    if min_events < 1:
        raise ValueError(f"the minimum is at least one event, not {min_events}")


def _staircase(
    critical_value: float, upper_limit: float, min_events: int
) -> Iterator[tuple[int, float]]:
    """Give the number of events that signals, and the expected events until which it does.

    Between one step and the next, the later number is what it takes.
    """
    for events in range(min_events, _MOST_EVENTS):
        latest = min(upper_limit, events * exp(-_gap(critical_value / events)))
        yield events, latest
        if latest >= upper_limit:
            return
    raise ValueError("the upper limit is too large: no test runs for so many events")


def _gap(excess: float) -> float:
    """Return the y >= 0 with exp(-y) - 1 + y = excess, the logarithm of n / E at a boundary.

    Newton's method from above; the function is convex, so that it never goes too far.
    """
    if excess <= 0:
        return 0.0
    gap = excess + sqrt(2 * excess)
    while True:
        slope = -expm1(-gap)
        better = gap - (gap - slope - excess) / slope
        if not better < gap:
            return gap
        gap = better


def _root(alpha: float, least: float, upper_limit: float, min_events: int) -> float:
    """Find where the level is alpha, by false position on its logarithm (Illinois)."""

    def off(critical_value: float) -> float:
        level = maxsprt_performance(critical_value, upper_limit, min_events).power
        return log(level / alpha) if level > 0 else -inf

    low, high = least, max(2 * least, 4.0)
    at_low, at_high = off(low), off(high)
    while at_high > 0:
        low, at_low, high = high, at_high, 2 * high
        at_high = off(high)
    side = 0
    for _ in range(200):
        between = (low * at_high - high * at_low) / (at_high - at_low)
        if at_high == -inf or not low < between < high:
            between = (low + high) / 2
        at = off(between)
        if abs(at) < 1e-14 or high - low < 1e-13 * high:
            return between
        if at > 0:
            low, at_low = between, at
            at_high, side = (at_high / 2, 1) if side == 1 else (at_high, 1)
        else:
            high, at_high = between, at
            at_low, side = (at_low / 2, -1) if side == -1 else (at_low, -1)
    return (low + high) / 2
