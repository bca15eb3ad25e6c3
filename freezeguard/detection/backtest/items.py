"""The past of a shop, item by item, and what its items usually do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from freezeguard.detection.daybook import Priors
from freezeguard.detection.evaluation import by_days
from freezeguard.detection.learning import (
    TAIL,
    Heard,
    Lessons,
    Shipped,
    lesson_of,
    priors_for,
    teaches,
)
from freezeguard.detection.windows import Observed, Shipment

YEAR = timedelta(days=365.25)


@dataclass(frozen=True, slots=True)
class Item:
    """One SKU's past: its signals and the units shipped, each in any order."""

    sku: str
    signals: Sequence[Observed]
    shipments: Sequence[Shipment] = ()
    vendor: str | None = None
    category: str | None = None

    @property
    def first(self) -> datetime:
        """Return when the item is first heard of. Raises ValueError where it never is."""
        moments = [one.occurred_at for one in self.signals]
        return min(moments + [one.shipped_at for one in self.shipments])

    @property
    def last(self) -> datetime:
        """Return when the item is last heard of. Raises ValueError where it never is."""
        moments = [one.occurred_at for one in self.signals]
        return max(moments + [one.shipped_at for one in self.shipments])

    def years(self, end: datetime) -> float:
        """Return for how long the item was watched: a year more than anything is heard of it."""
        return max(0.0, (min(self.last + TAIL, end) - self.first) / YEAR)


def learn_priors(items: Iterable[Item], end: datetime) -> dict[str | None, Priors]:
    """Learn priors as the live service does: one for all, and one for each category with enough.

    Here all of the past teaches, up to its end. Items with a known defect are the caller's to leave
    out.
    """
    lessons = Lessons()
    for item in items:
        lesson = lesson_of(_heard(item), end)
        if lesson is not None:
            lessons.add(item.category, lesson)
    told = lessons.learned().items()
    learned = {group: one.prior for group, one in told if one.prior is not None}
    categories = {None, *(category for category, _ in learned)}
    return {category: priors_for(category, learned) for category in categories}


def _heard(item: Item) -> Heard:
    by_day: dict[int, int] = {}
    for one in by_days(item.signals):
        if teaches(one.kind, one.intent, one.result):
            by_day[one.day] = by_day.get(one.day, 0) + one.customers
    moments = [one.occurred_at for one in item.signals]
    first, last = min(moments, default=None), max(moments, default=None)
    return Heard(item.sku, item.category, by_day, first, last, _shipped(item.shipments))


def _shipped(shipments: Sequence[Shipment]) -> Shipped | None:
    days = [one.shipped_at.toordinal() for one in shipments if one.units]
    units = sum(one.units for one in shipments)
    return Shipped(units, min(days), max(days)) if days else None
