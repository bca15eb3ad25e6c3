"""Tails of the gamma distribution, and by them of the Poisson distribution.

Both are the regularised incomplete gamma function: P(Gamma(a) > x) = Q(a, x) = P(Poisson(x) < a).
Series (DLMF 8.11.4) and continued fraction (DLMF 8.9.2) meet at x = a + 1; the factor before them
is written with the deviance, so that large shapes lose no digits.
"""

from itertools import count
from math import exp, inf, isfinite, lgamma, log, pi, sqrt

_SMALL = 1e-300
_ENOUGH = 2.0**-54
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
"""Coefficients of the series for log Gamma (DLMF 5.11.1)."""


def upper_tail(shape: float, value: float) -> float:
    """Return Q(shape, value): the chance that a gamma variable of this shape and rate 1 is larger.

    Accurate to about 13 digits, small tails included. Raises ValueError where `shape` is not above
    0, or `value` is below 0 or no number.
    """
    if not (shape > 0 and isfinite(shape)) or not value >= 0:
        raise ValueError(f"no gamma tail for shape {shape}, value {value}")
    if value == 0:
        return 1.0
    if value == inf:
        return 0.0
    if value < shape + 1:
        return max(0.0, 1.0 - _series(shape, value))
    return _continued_fraction(shape, value)


def lower_tail(shape: float, value: float) -> float:
    """Return P(shape, value) = 1 - Q(shape, value), small tails included."""
    if value < shape + 1:
        upper_tail(shape, value)  # raises for what has no tail
        return 0.0 if value == 0 else _series(shape, value)
    return 1.0 - upper_tail(shape, value)


def gamma_posterior_tail(
    shape: float, rate: float, events: float, exposure: float, multiple: float
) -> float:
    """Return the chance that a rate is above so many times its prior mean, given what was seen.

    The prior is a gamma of this shape and rate (in the unit of `exposure`: units shipped, or days),
    with mean shape / rate; after `events` in `exposure` the rate is a gamma of shape + events and
    rate + exposure (Gelman et al., Bayesian Data Analysis, section 2.6). Raises ValueError where a
    number has no meaning: shape, rate and multiple are above 0, events and exposure not below.
    """
    if min(shape, rate, multiple) <= 0 or min(events, exposure) < 0:
        raise ValueError("shape, rate and multiple are above 0, events and exposure at least 0")
    return upper_tail(shape + events, (rate + exposure) * multiple * (shape / rate))


def gamma_posterior_odds(
    shape: float, rate: float, events: float, exposure: float, multiple: float
) -> float:
    """Return the same chance as odds, as exact near certainty; infinite where nothing is left.

    Raises ValueError as `gamma_posterior_tail` does.
    """
    above = gamma_posterior_tail(shape, rate, events, exposure, multiple)
    below = lower_tail(shape + events, (rate + exposure) * multiple * (shape / rate))
    return above / below if below > 0 else inf


def gamma_point(shape: float, above: float) -> float:
    """Return the value that a gamma variable of rate 1 exceeds with this chance."""
    low, high = 0.0, shape + 12 * sqrt(shape) + 12
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if upper_tail(shape, middle) > above:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _series(shape: float, value: float) -> float:
    """P(a, x) = x^a e^-x / Gamma(a + 1) * sum of x^n / ((a + 1) ... (a + n))."""
    total = term = 1.0
    step = shape
    while term > total * _ENOUGH:
        step += 1
        term *= value / step
        total += term
    return _density(shape, value) * total


def _continued_fraction(shape: float, value: float) -> float:
    """Q(a, x) = x^a e^-x / Gamma(a) / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...)), by Lentz."""
    below = value + 1.0 - shape
    fraction = 1.0 / below
    ahead, behind = 1.0 / _SMALL, fraction
    for n in count(1):
        turn = n * (shape - n)
        below += 2.0
        behind = 1.0 / (turn * behind + below or _SMALL)
        ahead = below + turn / ahead or _SMALL
        factor = ahead * behind
        fraction *= factor
        if abs(factor - 1.0) < _ENOUGH * 4:
            break
    return _density(shape, value) * shape * fraction


def _density(shape: float, value: float) -> float:
    """Return x^a e^-x / Gamma(a + 1): from ten on as exp(-deviance) over Stirling's factor."""
    if shape < 10:
        return exp(shape * log(value) - value - lgamma(shape + 1))
    return exp(-_deviance(shape, value) - _correction(shape)) / sqrt(2 * pi * shape)


def _deviance(shape: float, value: float) -> float:
    """Return x - a - a log(x / a), without cancellation where the two are close."""
    off = (value - shape) / shape
    if abs(off) > 0.1:
        return value - shape - shape * log(value / shape)
    total, power, n = 0.0, off * off, 2
    while abs(power) > abs(total) * _ENOUGH * n:
        total += power / n
        power *= -off
        n += 1
    return shape * total


def _correction(shape: float) -> float:
    square, power, total = shape * shape, shape, 0.0
    for coefficient in _STIRLING:
        total += coefficient / power
        power *= square
    return total

