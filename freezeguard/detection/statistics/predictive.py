"""The chance of so many events where the rate itself is known by a gamma law only.

Counts whose rate follows a gamma law are negative binomial (Greenwood and Yule, JRSS 83 (1920)
255-279); the tail of that law is an incomplete beta function (Abramowitz and Stegun, 26.5.26):
P(N >= n) = I_p(n, shape) with p = exposure / (rate + exposure). Its continued fraction (DLMF
8.17.22) keeps small tails as exact as large ones.
"""

from itertools import count
from math import exp, lgamma, log1p

RAREST = 1e30
"""Once in how many is told apart: tails are exact that far, and bounds on streams without units
shipped, where loads of complaints decide them, lie beyond a thousand million million."""
_SMALL = 1e-300
_ENOUGH = 2.0**-52


def predictive_tail(shape: float, rate: float, events: int, exposure: float) -> float:
    """Return the chance of at least `events` in an exposure, by what was known before.

    The rate is a gamma of this shape and rate (in the unit of `exposure`: units shipped, or days),
    history included. Raises ValueError where a number has no meaning: shape and rate are above 0,
    events and exposure not below.
    """
    if min(shape, rate) <= 0 or min(events, exposure) < 0:
        raise ValueError("shape and rate are above 0, events and exposure at least 0")
    if events == 0:
        return 1.0
    if exposure == 0:
        return 0.0
    return _lower(events, shape, exposure / rate)


def predictive_chance(shape: float, rate: float, events: int, exposure: float) -> float:
    """Return the chance of exactly `events`: a part of the tail, and much sooner worked out."""
    ratio = exposure / rate
    return exp(
        lgamma(events + shape) - lgamma(shape) - lgamma(events + 1)
        - events * log1p(1 / ratio) - shape * log1p(ratio)
    )  # fmt: skip


def _lower(one: float, other: float, ratio: float) -> float:
    """Return I_p(one, other) for p / (1 - p) = ratio."""
    part = ratio / (1 + ratio)
    before = exp(
        lgamma(one + other) - lgamma(one) - lgamma(other)
        - one * log1p(1 / ratio) - other * log1p(ratio)
    )  # fmt: skip
    if part < (one + 1) / (one + other + 2):
        return before * _fraction(one, other, part) / one
    return max(0.0, 1.0 - before * _fraction(other, one, 1 / (1 + ratio)) / other)


def _fraction(one: float, other: float, part: float) -> float:
    """Return 1 / (1 + d1 / (1 + d2 / (1 + ...))), by Lentz's method."""
    ahead, behind = 1.0, 1.0 / ((1 - (one + other) * part / (one + 1)) or _SMALL)
    fraction = behind
    for n in count(1):
        for step in (
            n * (other - n) * part / ((one + 2 * n - 1) * (one + 2 * n)),
            -(one + n) * (one + other + n) * part / ((one + 2 * n) * (one + 2 * n + 1)),
        ):
            behind = 1.0 / ((1 + step * behind) or _SMALL)
            ahead = (1 + step / ahead) or _SMALL
            factor = ahead * behind
            fraction *= factor
        if abs(factor - 1.0) < _ENOUGH * 4:
            break
    return fraction
