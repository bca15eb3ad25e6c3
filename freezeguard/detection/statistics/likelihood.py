"""How much likelier what was seen is if the defect rate has risen than if it has not.

The model of a sound item: complaints come by a Poisson law whose mean is rate x exposure x mood,
with the mood of every few days drawn from a gamma law of mean 1. So the count of such a block is
negative binomial, as in McCullagh and Nelder, Generalized Linear Models, section 6.2.3. A defect
multiplies the rate by a factor from some day on.

Which day that was nobody knows. The statistic of Shiryaev (1963) and Roberts (1966) adds up the
likelihood ratios of all beginnings; Pollak, Annals of Statistics 13 (1985) 206-227, shows that
hardly anything finds a change sooner at the same rate of wrong alarms. Were the model exact, a
sound item with n possible beginnings would reach odds of B with a chance of n / B at most, since
the sum less its number of terms is a martingale.
"""

from collections.abc import Sequence
from math import ceil, exp, inf, log, log1p, sqrt

LEAST_LIMIT = 2
"""So many complaints of one day always count."""
_CAUTION = 0.2533
"""The 60 % point of the normal law: of the rates that history allows, one on the high side."""
LARGEST_ODDS = 1e15


def log_block_ratio(counted: float, expected: float, factor: float, dispersion: float) -> float:
    """Return the log likelihood ratio of one block: rate times `factor` against rate.

    `expected` is the mean of a sound item's block, `dispersion` the shape of its mood. Rises with
    `counted`, falls with `expected`.
    """
    more = log((dispersion + factor * expected) / (dispersion + expected))
    return counted * log(factor) - (dispersion + counted) * more


def log_add(one: float, other: float) -> float:
    """Return log(e^one + e^other)."""
    if one < other:
        one, other = other, one
    return one if other == -inf else one + log1p(exp(other - one))


def log_sum(logs: Sequence[float]) -> float:
    """Return the log of the sum of e^log; there is at least one."""
    highest = max(logs)
    return highest if highest == -inf else highest + log(sum([exp(one - highest) for one in logs]))


def odds(log_odds: float) -> float:
    """Return e^log_odds; no more than a thousand million million, where it stops to matter."""
    return LARGEST_ODDS if log_odds >= log(LARGEST_ODDS) else exp(log_odds)


def daily_limit(expected: float, factor: float) -> int:
    """Return how many complaints of one day count: what a defect would bring, and a bit more.

    What exceeds mean and standard deviation of a day under the defect is more likely a carrier's
    bad day, a listing's mistake or a bulk load. `expected` is the mean of a sound item's day.
    """
    return limit_of(factor * expected)


def limit_of(under_defect: float) -> int:
    """Return the same by the mean of a day under the defect."""
    return max(LEAST_LIMIT, ceil(under_defect + sqrt(under_defect)))


def cautious_rate(shape: float, exposure: float) -> float:
    """Return a rate below which, by what history shows, the true one lies with 60 %.

    The rate is a gamma of this shape and inverse scale; its quantile by Wilson and Hilferty, PNAS
    17 (1931) 684-688, good to a percent from shape 0.5 on. Without much history it lies well above
    the mean: what is hardly known is not accused of having changed.
    """
    cube = 1 - 1 / (9 * shape) + _CAUTION / (3 * sqrt(shape))
    return shape * max(cube, 0.1) ** 3 / exposure
