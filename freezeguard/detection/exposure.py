"""What an item was exposed to, day by day: units shipped, or time where nobody reports units.

Days are proleptic Gregorian ordinals (`date.toordinal`), in UTC.
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Literal, Protocol

from freezeguard.detection.windows import Shipment

Unit = Literal["units", "days"]

USUAL = 30
"""So many days before tell what an item usually ships: a complaint is often about an earlier
delivery, and today's units are reported tonight."""


class DailyExposure(Protocol):
    """The exposure of an item, by day."""

    @property
    def unit(self) -> Unit:
        """Return what is counted."""
        ...

    @property
    def start(self) -> int:
        """Return the first day that has any."""
        ...

    def between(self, first: int, last: int) -> float:
        """Return the exposure of the days from `first` to `last`, both included."""
        ...

    def load(self, first: int, last: int) -> float:
        """Return the same, but no less than what is usual for so many days."""
        ...


class UnitsByDay:
    """Units shipped."""

    unit: Unit = "units"

    def __init__(self, units: Mapping[int, int]) -> None:
        self._start, end = min(units), max(units)
        self._origin = self._start - USUAL
        shipped = [0] * (end + 1 - self._origin)
        for day, number in units.items():
            shipped[day - self._origin] = number
        self._sums = list(accumulate(shipped, initial=0))

    @classmethod
    def of(cls, shipments: Iterable[Shipment]) -> "UnitsByDay | None":
        """Add up shipments by day; None where there are none."""
        units: dict[int, int] = {}
        for one in shipments:
            day = one.shipped_at.toordinal()
            units[day] = units.get(day, 0) + one.units
        return cls(units) if units else None

    @property
    def start(self) -> int:
        return self._start

    def between(self, first: int, last: int) -> float:
        sums, most = self._sums, len(self._sums) - 1
        low = min(max(first - self._origin, 0), most)
        high = min(max(last + 1 - self._origin, low), most)
        return sums[high] - sums[low]

    def load(self, first: int, last: int) -> float:
        sums, low, high = self._sums, first - self._origin, last + 1 - self._origin
        if USUAL <= low <= high < len(sums):  # nearly always: no bounds to look after
            before = sums[low]
            usual = (before - sums[low - USUAL]) / USUAL * (last - first + 1)
            shipped = sums[high] - before
            return max(usual, shipped)
        usual = self.between(first - USUAL, first - 1) / USUAL
        return max(self.between(first, last), usual * (last - first + 1))


class PlainDays:
    """Time, since an item was first heard of: before it nobody knows whether it was on sale."""

    unit: Unit = "days"

    def __init__(self, start: int) -> None:
        self._start = start

    @property
    def start(self) -> int:
        return self._start

    def between(self, first: int, last: int) -> float:
        return max(0, last - max(first, self._start) + 1)

    load = between
