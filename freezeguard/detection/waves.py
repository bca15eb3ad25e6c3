"""Many items of one vendor that cross a bound together: a load, or one cause; seldom many defects.

The first items of a wave are stopped as any other; further ones are for a person to look at,
together.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from freezeguard.domain.policy import Budget

SHARE = 200
"""Of a vendor's items one in so many may be stopped by themselves: far more than chance allows."""


def is_wave(others: int, of_vendor: int, budget: Budget) -> bool:
    """Say whether one more of a vendor's items would be too many.

    `others` of its items were stopped within the budget's `vendor_window`, by detectors alone and
    with no defect found; it has `of_vendor` items in all.
    """
    return budget.vendor_skus > 0 and others >= most_of_vendor(of_vendor, budget)


def most_of_vendor(of_vendor: int, budget: Budget) -> int:
    """Return how many of so many items of a vendor may be stopped before it is a wave."""
    return max(budget.vendor_skus, ceil(of_vendor / SHARE))


@dataclass(frozen=True, slots=True, order=True)
class Stop:
    """A stop that a rule asks for, of an item of a vendor; `is_right` where a defect is there."""

    at: datetime
    sku: str
    vendor: str | None = None
    is_right: bool = False


def beyond(
    stops: Iterable[Stop], of_vendor: Mapping[str | None, int], budget: Budget
) -> set[Stop]:
    """Return the stops that a wave leaves to a person. Those of one moment come in order of SKU."""
    left: set[Stop] = set()
    if not budget.vendor_skus:
        return left
    waves: dict[str, _Wave] = {}
    for one in sorted(one for one in stops if one.vendor is not None):
        wave = waves.setdefault(one.vendor or "", _Wave())
        wave.forget(one.at - budget.vendor_window)
        if is_wave(wave.beside(one.sku), of_vendor.get(one.vendor, 0), budget):
            left.add(one)
        elif not one.is_right:
            wave.take(one)
    return left


class _Wave:
    """What of a vendor was stopped lately."""

    def __init__(self) -> None:
        self._stops: deque[Stop] = deque()
        self._skus: Counter[str] = Counter()

    def take(self, stop: Stop) -> None:
        self._stops.append(stop)
        self._skus[stop.sku] += 1

    def forget(self, until: datetime) -> None:
        while self._stops and self._stops[0].at <= until:
            sku = self._stops.popleft().sku
            self._skus[sku] -= 1
            if not self._skus[sku]:
                del self._skus[sku]

    def beside(self, sku: str) -> int:
        return len(self._skus) - (sku in self._skus)
