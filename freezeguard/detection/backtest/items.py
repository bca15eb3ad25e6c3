"""The past of a shop, item by item, and what its items usually do."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from freezeguard.detection.daybook import UNLEARNED, Prior, Priors
from freezeguard.detection.statistics.priors import fit_gamma_prior, without_loud_days
from freezeguard.detection.windows import Observed, Shipment

TAIL = timedelta(days=365)
"""How long after it was last heard of an item is taken to be on sale still."""
ENOUGH_ITEMS = 200
"""So many items of a category make a prior of its own."""
DAY = timedelta(days=1)
YEAR = timedelta(days=365.25)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What people found of some signals at a moment: from then on they count no more.

    Where they were `usual`, rules that learn have learned of them since.
    """

    at: datetime
    signals: Sequence[Observed]
    usual: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One SKU's past: its signals and the units shipped, each in any order.

    `judgements` are about some of the signals, the earliest first; a file knows of none.
    """

    sku: str
    signals: Sequence[Observed]
    shipments: Sequence[Shipment] = ()
    vendor: str | None = None
    category: str | None = None
    judgements: Sequence[Judgement] = ()

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

    def years(self, end: datetime, since: datetime | None = None) -> float:
        """Return for how long the item was watched: a year more than anything is heard of it.

        With `since`, only the time after that moment.
        """
        first = self.first if since is None else max(self.first, since)
        return max(0.0, (min(self.last + TAIL, end) - first) / YEAR)


def learn_priors(items: Sequence[Item], end: datetime) -> dict[str | None, Priors]:
    """Fit priors to items: one for all, and one for each category that has enough of them.

    By units shipped where any were, and by days for the rest; the complaint from which days are
    counted tells nothing, and is left out.
    """
    groups: dict[str | None, list[Item]] = {None: list(items)}
    for item in items:
        if item.category is not None:
            groups.setdefault(item.category, []).append(item)
    of_all = _fit(groups.pop(None), end, UNLEARNED)
    return {None: of_all} | {
        category: _fit(members, end, of_all)
        for category, members in groups.items()
        if len(members) >= ENOUGH_ITEMS
    }


def _fit(items: Sequence[Item], end: datetime, otherwise: Priors) -> Priors:
    by_units = [one for one in items if one.shipments]
    by_days = [one for one in items if not one.shipments and one.signals]
    units = [sum(shipment.units for shipment in one.shipments) for one in by_units]
    days = [one.years(end) * (YEAR / DAY) for one in by_days]
    return Priors(
        _fitted([_told(one, end) for one in by_units], units, otherwise.units),
        _fitted([_told(one, end) - 1 for one in by_days], days, otherwise.days),
    )


def _told(item: Item, end: datetime) -> int:
    by_day = Counter(one.occurred_at.toordinal() for one in item.signals)
    return without_loud_days(by_day.values(), max(1.0, item.years(end) * (YEAR / DAY)))


def _fitted(counts: Sequence[int], exposures: Sequence[float], otherwise: Prior) -> Prior:
    told = [n for n, among in zip(counts, exposures, strict=True) if among > 0]
    enough = len(told) >= ENOUGH_ITEMS and any(told)
    return Prior(*fit_gamma_prior(counts, exposures)) if enough else otherwise
