"""Counts that come by a Poisson law, step by step."""

from collections.abc import Sequence
from functools import lru_cache
from math import exp

from freezeguard.detection.statistics.gamma import lower_tail

_NEGLIGIBLE = 1e-19


@lru_cache(maxsize=4096)
def at_least(count: int, mean: float) -> float:
    """Return the chance of at least `count` where `mean` are expected, however small it is."""
    return 1.0 if count <= 0 else lower_tail(count, mean)


def poisson_chances(mean: float, most: int) -> list[float]:
    """Return the chances of 0, 1, ... up to less than `most`, as far as they matter."""
    if mean <= 0:
        return [1.0]
    chances, n = [exp(-mean)], 1
    while n < most and (n <= mean or chances[-1] > _NEGLIGIBLE):
        chances.append(chances[-1] * mean / n)
        n += 1
    return chances


def moved_on(state: Sequence[float], come: Sequence[float], most: int) -> list[float]:
    """Return the chances of having 0 to `most` - 1 after more have come; the rest is left out."""
    after = [0.0] * most
    for have, chance in enumerate(state):
        if chance > 0:
            for number, likely in enumerate(come[: max(0, most - have)], have):
                after[number] += chance * likely
    return after
