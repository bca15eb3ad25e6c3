"""What the items of a shop usually do, learned from its own past.

The live service and a backtest learn by this one way: each item's past is summed up in a `Lesson`,
and the lessons of many items make the priors of the likelihood family.

What is usual must not be taught by what went wrong. An item that is stopped, or has a case that is
open, teaches nothing. Complaints that a case has judged don't, unless it found that they were
usual; nor do the loud days of an item, or, live, the days that a rule may still accuse. A learned
prior lies within `FARTHEST` of the built-in one, is worth `HEAVIEST` complaints at most, and goes
no further than `STEP` in a night: what a broken feed or an attacker teaches makes no rule deaf.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import log

from freezeguard.detection.daybook import HISTORY, UNLEARNED, Prior, Priors
from freezeguard.detection.exposure import USUAL, Unit
from freezeguard.detection.statistics.priors import fit_gamma_law, without_loud_days
from freezeguard.domain.rules import DEFAULT_KINDS
from freezeguard.domain.signals import Kind, counts_against_the_item

DAY = timedelta(days=1)
TAIL = timedelta(days=365)
"""How long after it was last heard of an item is taken to be on sale still."""
ALIKE = log(1.25)
"""Within so much, in logs, exposures are alike."""
ENOUGH_ITEMS = 200
"""So many items of a category make a prior of its own."""
HELD_BACK = timedelta(days=65)
"""Days that do not teach yet: the window of the default policy, in whole blocks."""
REMEMBERED = timedelta(days=HISTORY)
"""How far back from these the past teaches: as far as it does for one item."""
FARTHEST = 25.0
"""How many times higher or lower than the built-in rate a learned one may be."""
HEAVIEST = 10.0
"""How many complaints a learned prior is worth at most."""
STEP = 2.0
"""How many times higher or lower than the one before a learned rate may be."""
STEADY_RATE, STEADY_SHAPE = log(1.05), log(1.25)
"""What has moved by less is left as it is: each change has all items evaluated anew."""

Group = tuple[str | None, Unit]
"""Items that share a prior: of a category, None for all, by what exposure is counted in."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """Units shipped of an item, and the first and last day on which any were."""

    units: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Heard:
    """An item's past. `by_day` are the customers who complained of it, by day (an ordinal).

    `first` and `last` are when anything was heard of it, None where nothing was. An item that is
    held tells nothing of what is usual.
    """

    sku: str
    category: str | None
    by_day: Mapping[int, int] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None
    shipped: Shipped | None = None
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one item tells: complaints among units shipped, or among days."""

    unit: Unit
    complaints: int
    exposure: int


def teaches(kind: Kind, intent: str, result: str | None) -> bool:
    """Say whether what is of this kind tells how often an item is complained of."""
    return kind in DEFAULT_KINDS and counts_against_the_item(kind, intent, result)


def lesson_of(item: Heard, until: datetime, since: datetime | None = None) -> Lesson | None:
    """Return what an item tells by its past in [since, until), None where that is nothing.

    By units shipped where any were, and then by complaints from the first of them on, and for so
    long after the last as they may be about it. Else by days, from the first complaint on, which
    itself tells nothing; or from `since`, where it was heard of before.
    """
    if item.is_held:
        return None
    if item.shipped is not None and item.shipped.units > 0:
        return _by_units(item, item.shipped, until)
    if item.first is None or item.last is None:
        return None
    is_older = since is not None and item.first < since
    start = since if is_older and since is not None else item.first
    days = round((min(item.last + TAIL, until) - start) / DAY)
    if days <= 0:
        return None
    told = without_loud_days(item.by_day.values(), days)
    if not is_older and item.by_day.get(start.toordinal()):
        told -= 1
    return Lesson("days", told, days)


def _by_units(item: Heard, shipped: Shipped, until: datetime) -> Lesson:
    last = min(shipped.last + USUAL, until.toordinal())
    told = [n for day, n in item.by_day.items() if shipped.first <= day <= last]
    days = max(1, last - shipped.first + 1)
    return Lesson("units", without_loud_days(told, days), shipped.units)


@dataclass(frozen=True, slots=True)
class Learned:
    """What the lessons of a group of items say, and the prior that comes of it within bounds.

    Neither where too few items speak.
    """

    items: int
    says: Prior | None = None
    prior: Prior | None = None


class Lessons:
    """Adds up lessons. What it takes grows with how different items are, not with their number.

    Items with as many complaints whose exposures are alike (see `ALIKE`) are taken together, with
    the mean of their exposures: for what they make likely it is all one.
    """

    def __init__(self) -> None:
        self._of: dict[Group, _Sums] = {}
        self.items = 0

    def add(self, category: str | None, lesson: Lesson) -> None:
        """Take in what an item of a category tells."""
        alike = lesson.complaints, round(log(lesson.exposure) / ALIKE)
        _add(self._of.setdefault((category, lesson.unit), {}), alike, 1, lesson.exposure)
        self.items += 1

    def learned(self) -> dict[Group, Learned]:
        """Return what is usual for all items, and for each category.

        The source of the formula is that of `fit_gamma_law`. It takes seconds for a million items.
        """
        groups: dict[Group, _Sums] = {}
        for (category, unit), sums in self._of.items():
            of_all = groups.setdefault((None, unit), {})
            for alike, (items, exposure) in sums.items():
                _add(of_all, alike, items, exposure)
            if category is not None:
                groups[category, unit] = sums
        return {group: _learned(group[1], sums) for group, sums in groups.items()}


_Sums = dict[tuple[int, int], tuple[int, int]]
"""Items that are alike, by complaints and magnitude: their number and exposure, in all."""


def _add(sums: _Sums, alike: tuple[int, int], items: int, exposure: int) -> None:
    number, total = sums.get(alike, (0, 0))
    sums[alike] = number + items, total + exposure


def _learned(unit: Unit, sums: _Sums) -> Learned:
    items = sum(number for number, _ in sums.values())
    if items < ENOUGH_ITEMS or not any(complaints for complaints, _ in sums):
        return Learned(items)
    law = fit_gamma_law(
        (complaints, exposure / number, number)
        for (complaints, _), (number, exposure) in sums.items()
    )
    says = Prior(*law)
    return Learned(items, says, within_reason(says, UNLEARNED.of(unit)))


def within_reason(fitted: Prior, built_in: Prior) -> Prior:
    """Return a prior that is neither too far from the built-in one nor too sure of itself."""
    rate = min(max(fitted.rate, built_in.rate / FARTHEST), built_in.rate * FARTHEST)
    if rate == fitted.rate and fitted.shape <= HEAVIEST:
        return fitted
    shape = min(fitted.shape, HEAVIEST)
    return Prior(shape, shape / rate)


def following(in_force: Prior | None, learned: Prior) -> Prior:
    """Return what follows a prior in force: the same if hardly anything changed, else a step on."""
    if in_force is None:
        return learned
    change = learned.rate / in_force.rate
    if (
        abs(log(change)) < STEADY_RATE
        and abs(log(learned.shape / in_force.shape)) < STEADY_SHAPE
    ):
        return in_force
    if 1 / STEP <= change <= STEP:
        return learned
    rate = in_force.rate * (STEP if change > 1 else 1 / STEP)
    return Prior(learned.shape, learned.shape / rate)


def priors_for(category: str | None, learned: Mapping[Group, Prior]) -> Priors:
    """Return what counts for items of a category: its own prior, that of all, or the built-in."""

    def of(unit: Unit) -> Prior:
        general = learned.get((None, unit), UNLEARNED.of(unit))
        return general if category is None else learned.get((category, unit), general)

    return Priors(of("units"), of("days"))
