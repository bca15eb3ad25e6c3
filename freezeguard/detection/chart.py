"""What a rule saw over time, by the code that freezes: a chart and a reason say the same."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from freezeguard.detection.evaluation import Evidence, followed
from freezeguard.detection.families import effective_bound
from freezeguard.detection.families.counting import window_of
from freezeguard.detection.windows import Observed, Shipment, moment_before
from freezeguard.domain.rules import Rule
from freezeguard.domain.scope import Scope

MOST_POINTS = 400
SHORT = timedelta(days=3)
"""A rule with a shorter window is drawn by the hour."""
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_STEPS = tuple(_DAY * days for days in (1, 2, 7, 14, 30, 90, 365))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A rule and what it knew, for all that was said up to a moment, after the stretch before.

    `scope` is the one for which it counted; without a bound it only counts.
    """

    until: datetime
    rule: Rule
    evidence: Evidence
    scope: Scope
    has_bound: bool = True

    @property
    def bound(self) -> float | None:
        """Return what froze, tightened where it was."""
        if not self.has_bound:
            return None
        return effective_bound(self.rule, self.rule.bound, self.evidence.factor)


@dataclass(frozen=True, slots=True)
class Point:
    """What was seen from `at` on, for a step.

    `complaints` are those that counted, `customers` the most that the window of the rule held.
    `value` is what came nearest to the `bound`, in the unit of the rule's family: None where nobody
    complained, or the rule had too little to go by. `units` were shipped in the step.
    """

    at: datetime
    complaints: int = 0
    customers: int = 0
    value: float | None = None
    bound: float | None = None
    units: int = 0


def step_for(window: timedelta, length: timedelta) -> timedelta:
    """Return how much of a time one point of its chart stands for: an hour, or some days."""
    steps = (_HOUR, *_STEPS) if window < SHORT else _STEPS
    return next((one for one in steps if length <= one * (MOST_POINTS - 1)), length / MOST_POINTS)


def points(
    stretches: Sequence[Stretch], shipped: Sequence[Shipment], start: datetime, end: datetime,
    step: timedelta,
) -> list[Point]:
    """Return the points from `start` until `end`; the last stretch must reach that far."""
    number = max(1, -(-(end - start) // step))
    found = [Point(start + n * step) for n in range(number)]
    seen = [_Seen(one) for one in stretches]
    after = None
    for one in seen:
        for signal, value, customers in one.between(after):
            place = (signal.occurred_at - start) // step
            if 0 <= place < number:
                found[place] = _with(found[place], value, one.stretch.bound, customers)
        after = one.stretch.until
    for n, point in enumerate(found):
        if not point.complaints:
            until = point.at + step - timedelta(microseconds=1)
            of = next((one for one in seen if until <= one.stretch.until), seen[-1])
            found[n] = replace(
                point, customers=of.customers_at(until), bound=of.stretch.bound
            )
    scope = stretches[-1].scope
    for shipment in shipped:
        place = (shipment.shipped_at - start) // step
        if 0 <= place < number and scope.overlaps(shipment.scope):
            found[place] = replace(found[place], units=found[place].units + shipment.units)
    return found


def _with(point: Point, value: float | None, bound: float | None, customers: int) -> Point:
    """Return a point that has seen one more complaint: of several values the worst is shown."""
    more = replace(
        point, complaints=point.complaints + 1, customers=max(point.customers, customers)
    )
    if value is None:
        return more if point.value is not None else replace(more, bound=bound)
    if point.value is None or value / (bound or 1.0) > point.value / (point.bound or 1.0):
        return replace(more, value=value, bound=bound)
    return more


class _Seen:
    """What a stretch saw, signal by signal."""

    def __init__(self, stretch: Stretch) -> None:
        self.stretch = stretch
        self._told = list(followed(stretch.rule, stretch.evidence, stretch.scope))
        self._times = [signal.occurred_at for signal, _ in self._told]

    def between(
        self, after: datetime | None
    ) -> Iterator[tuple[Observed, float | None, int]]:
        """Yield the signals of the stretch: value and customers in the window at each."""
        window = window_of(self.stretch.rule)
        for signal, sample in self._told:
            window.add(signal)
            if signal.occurred_at > self.stretch.until:
                return
            if after is None or signal.occurred_at > after:
                yield signal, sample.value if sample.sufficient else None, window.customers

    def customers_at(self, moment: datetime) -> int:
        """Return how many customers the window of the rule holds at a moment."""
        window = window_of(self.stretch.rule)
        first = bisect_right(self._times, moment_before(moment, self.stretch.rule.window))
        for signal, _ in self._told[first : bisect_right(self._times, moment)]:
            window.add(signal)
        return window.customers
