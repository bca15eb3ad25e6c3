"""What a rule saw over time, by the code that freezes: a chart and a reason say the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from freezeguard.detection.evaluation import Evidence, followed
from freezeguard.detection.families import effective_bound
from freezeguard.detection.families.counting import window_of
from freezeguard.detection.windows import Shipment
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
    steps = [_Step() for _ in range(max(1, -(-(end - start) // step)))]
    seen = [_Seen(one) for one in stretches]
    after = None
    for one in seen:
        for at, value, customers in one.between(after):
            place = (at - start) // step
            if 0 <= place < len(steps):
                steps[place].take(value, one.bound, customers)
        after = one.until
    for n, told in enumerate(steps):
        if not told.complaints:
            until = start + (n + 1) * step - timedelta(microseconds=1)
            of = next((one for one in seen if until <= one.until), seen[-1])
            told.customers, told.bound = of.customers_at(until), of.bound
    scope = stretches[-1].scope
    for shipment in shipped:
        place = (shipment.shipped_at - start) // step
        if 0 <= place < len(steps) and scope.overlaps(shipment.scope):
            steps[place].units += shipment.units
    return [
        Point(start + n * step, one.complaints, one.customers, one.value, one.bound, one.units)
        for n, one in enumerate(steps)
    ]


@dataclass(slots=True)
class _Step:
    """What was seen in a step so far."""

    complaints: int = 0
    customers: int = 0
    value: float | None = None
    bound: float | None = None
    units: int = 0

    def take(self, value: float | None, bound: float | None, customers: int) -> None:
        """Take in one complaint more: of several values the worst is shown."""
        self.complaints += 1
        self.customers = max(self.customers, customers)
        if value is None:
            if self.value is None:
                self.bound = bound
        elif self.value is None or value / (bound or 1.0) > self.value / (self.bound or 1.0):
            self.value, self.bound = value, bound


class _Seen:
    """What a stretch saw, signal by signal."""

    def __init__(self, stretch: Stretch) -> None:
        self.until, self.bound = stretch.until, stretch.bound
        self._rule = stretch.rule
        self._told = list(followed(stretch.rule, stretch.evidence, stretch.scope))
        self._held, self._taken = window_of(stretch.rule), 0

    def between(
        self, after: datetime | None
    ) -> Iterator[tuple[datetime, float | None, int]]:
        """Yield when each signal of the stretch was: with value and customers in the window."""
        window = window_of(self._rule)
        for signal, sample in self._told:
            window.add(signal)
            if signal.occurred_at > self.until:
                return
            if after is None or signal.occurred_at > after:
                value = sample.value if sample.sufficient else None
                yield signal.occurred_at, value, window.customers

    def customers_at(self, moment: datetime) -> int:
        """Return how many customers the window of the rule holds; no moment is before the last."""
        held, told = self._held, self._told
        while self._taken < len(told) and told[self._taken][0].occurred_at <= moment:
            held.add(told[self._taken][0])
            self._taken += 1
        held.leave(moment)
        return held.customers
