"""Many items of one vendor that cross a bound together: a load, or one cause; seldom many defects.

On the real complaints half of the wrong freezes at a strict bound came in such waves. The first
items of a wave are stopped as any other; further ones are for a person to look at, together.
"""

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
    if budget.vendor_skus == 0:
        return False
    return others >= max(budget.vendor_skus, ceil(of_vendor / SHARE))


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
    wave: dict[str, list[Stop]] = {}
    for one in sorted(stops):
        if one.vendor is None:
            continue
        earlier = wave.setdefault(one.vendor, [])
        others = {
            each.sku for each in earlier
            if each.at > one.at - budget.vendor_window and each.sku != one.sku
        }
        if is_wave(len(others), of_vendor.get(one.vendor, 0), budget):
            left.add(one)
        elif not one.is_right:
            earlier.append(one)
    return left
