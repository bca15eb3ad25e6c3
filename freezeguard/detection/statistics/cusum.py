"""Cumulative sums of Poisson counts: how long a chart runs before it alarms.

Lucas, "Counted data CUSUMs", Technometrics 27 (1985) 129-144: S = max(0, S + x - k), with an alarm
at S >= h. Between two visits to 0 the sum is the start, plus events, minus k a period: so few
numbers describe it that run lengths come out exactly, for any k and h, without a grid. Each cycle
ends at 0 or with an alarm; the run is a geometric number of cycles.
"""

from fractions import Fraction
from math import ceil, floor, inf

from freezeguard.detection.statistics.poisson import at_least, moved_on, poisson_chances

_NEGLIGIBLE = 1e-18
_LONGEST_CYCLE = 2_000_000


def cusum_average_run_length(
    mean: float, reference: float, limit: float, head_start: float = 0.0
) -> float:
    """Return the mean number of periods until an alarm, the period of the alarm included.

    `mean` is the expected count of a period, `reference` the k and `limit` the h of the chart;
    it starts at `head_start`. Infinite where no count can ever come. Raises ValueError where mean
    or head start are below 0, reference or limit not above 0, or a cycle lasts too long to follow.
    """
    if not (0 <= mean < inf and 0 < reference < inf and 0 < limit < inf and head_start >= 0):
        raise ValueError("mean and head start are at least 0, reference and limit above 0")
    if head_start >= limit:
        raise ValueError(f"a head start of {head_start} is an alarm already: the limit is {limit}")
    if mean == 0:
        return inf
    steps = _as_written(reference), _as_written(limit)
    periods, alarmed, back = _cycle(mean, *steps, Fraction(0))
    from_zero = periods / alarmed if alarmed > 0 else inf
    if head_start == 0:
        return from_zero
    periods, _, back = _cycle(mean, *steps, _as_written(head_start))
    return periods + back * from_zero


def _as_written(number: float) -> Fraction:
    """Return the number that somebody wrote: 0.1 is a tenth, and ten of them are one."""
    return Fraction(repr(float(number)))


def _cycle(
    mean: float, reference: Fraction, limit: Fraction, start: Fraction
) -> tuple[float, float, float]:
    """Return of one cycle: its mean length, the chance of an alarm, and that of a return to 0."""
    least, chances = 0, [1.0]  # chances[i]: that `least + i` events have come, and the sum is there
    periods = alarmed = back = 0.0
    come = poisson_chances(mean, ceil(limit + reference) + 1)
    for period in range(1, _LONGEST_CYCLE):
        periods += sum(chances)
        lost = period * reference - start
        lowest, alarm = floor(lost) + 1, ceil(lost + limit)
        alarmed += sum(
            chance * at_least(alarm - least - have, mean)
            for have, chance in enumerate(chances)
        )
        after = moved_on(chances, come, alarm - least)
        below = max(0, lowest - least)
        back += sum(after[:below])
        chances, least = after[below:], least + below
        if sum(chances) <= _NEGLIGIBLE * alarmed:
            return periods, alarmed, back
    raise ValueError("the limit is too far away: a cycle does not end within millions of periods")
