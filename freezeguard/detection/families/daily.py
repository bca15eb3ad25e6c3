"""What the families share that compare an item's days with what is usual for it.

Each of them says how bad it looks by the complaints of an item's `DayBook`, of each day no more
than a defect would bring. One complaint more, of another customer, never makes it look better: by
how much a day is limited, and what was to be expected, does not depend on the window's complaints.
Without units shipped, days count from the beginning of whatever is looked at, and not from the
item's first complaint in it: that complaint would else lower what is expected of the others.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

from freezeguard.detection.daybook import Background, Baseline, DayBook, Prior
from freezeguard.detection.families.tracker import (
    LOAD,
    NOTHING,
    Finding,
    Load,
    Sample,
    Spare,
)
from freezeguard.detection.statistics.likelihood import (
    LARGEST_ODDS,
    LEAST_LIMIT,
    cautious_rate,
    daily_limit,
)
from freezeguard.detection.windows import Observed
from freezeguard.domain.rules import Rule

EASE = 1.5
"""Units that are reported later may make what was to be expected lower by so much, at the most."""
_MOST_SPARED = 8


class Seen(NamedTuple):
    """How bad it looks, by so many complaints since a day, where so many would be usual."""

    value: float
    since: int
    complaints: int
    exposure: float
    expected: float


class DailyTracker(ABC):
    """Follows an item by its days; what it makes of them is the family's business.

    `worth_it` is the lowest bound: where it can't be reached, a family need not work out its value.
    Of one day no more counts than a defect of `limit` times the usual rate would bring, unless the
    rule has a limit of its own.
    """

    def __init__(self, rule: Rule, background: Background, worth_it: float, limit: float) -> None:
        self._rule, self._worth_it, self._limit = rule, worth_it, limit
        self._least = max(1, rule.min_customers)
        self._book = DayBook(background, rule.window, limit)
        self._baseline = Baseline(1, 1, "days", 0, Prior(1, 1))
        self._rate = 0.0
        self._counts: dict[int, int] = {}
        self._seen = Seen(0.0, 0, 0, 0.0, 0.0)

    @abstractmethod
    def _begin_day(self, *, is_new_block: bool) -> None:
        """Add up what lies before today: it stays as it is until tomorrow.

        `_counts` are what counts of the window's days before; only a new block changes those.
        """

    @abstractmethod
    def _look(self, more: int = 0, ease: float = 1.0) -> Seen | None:
        """Say what is seen now, None where it is too little to speak of, or to be worth it.

        `more` complaints of today are added beyond all limits, what is expected is divided by
        `ease`.
        """

    def _details(self) -> Mapping[str, Any]:
        """Return further figures for the sentence of the family."""
        return {}

    def take(self, signal: Observed) -> Sample:
        book, before = self._book, self._book.today
        if book.take(signal):
            self._learn()
            self._counts = {day: self._counted(day) for day in book.counts if day < book.today}
            self._begin_day(is_new_block=True)
        elif book.today != before:
            if before in book.counts:
                self._counts[before] = self._counted(before)
            self._begin_day(is_new_block=False)
        seen = self._look()
        if seen is None:
            return NOTHING
        self._seen = seen
        return Sample(seen.value)

    def finding(self) -> Finding:
        book, baseline, seen = self._book, self._baseline, self._seen
        signals = tuple(one for one in book.signals if one.occurred_at.toordinal() >= seen.since)
        unit = baseline.unit
        details = {
            "one_fewer": self._one_fewer(),
            "factor": self._rule.factor,
            "complaints": seen.complaints,
            "days": book.today - seen.since + 1,
            "per": unit,
            "exposure": seen.exposure,
            "expected": seen.expected,
            "rate": self._rate,
            "usual": {"complaints": baseline.complaints, "exposure": baseline.among},
            "prior": {"per": unit, **baseline.prior.as_dict()},
            **self._details(),
        }
        units = round(seen.exposure) if unit == "units" else None
        customers = len({one.customer or b"" for one in signals})
        return Finding(signals, customers, units, details)

    def load(self) -> Load | None:
        book = self._book
        number = book.counts.get(book.today, 0)
        if number <= LOAD or number < self._makes_a_load():
            return None
        today = tuple(one for one in book.signals if one.occurred_at.toordinal() == book.today)
        return Load(today, self._limit_of(book.today))

    def spare(self) -> Spare:
        """Return how many more signals, made today, can't reach what is worth it, or be a load.

        One more is one complaint more at the most, and no day before it changes. It is reckoned
        with units that are reported later.
        """
        book, fits = self._book, 0
        while fits < _MOST_SPARED and self._value(fits + 1, EASE) < self._worth_it:
            fits += 1
        number = book.counts.get(book.today, 0)
        if number + fits > LOAD:
            fits = max(0, min(fits, self._makes_a_load() - 1 - number))
        return Spare(fits, book.today, book.today + 1)

    def _makes_a_load(self) -> int:
        """Return how many complaints of today are shown as a load; no fewer than a rule asks for.

        With fewer, nobody looks: see `freezeguard.detection.families.needs_at_least`.
        """
        return max(self._limit_of(self._book.today) + LOAD, self._least)

    def _value(self, more: int = 0, ease: float = 1.0) -> float:
        seen = self._look(more, ease)
        return 0.0 if seen is None else seen.value

    def _one_fewer(self) -> float:
        """Return what would be seen without the newest complaint that counts, 0 for too little."""
        counts, today = self._book.counts, self._book.today
        if not counts.get(today):
            return self._value()
        counts[today] -= 1
        try:
            return self._value()
        finally:
            counts[today] += 1

    def _learn(self) -> None:
        self._baseline = self._book.baseline()
        self._rate = cautious_rate(self._baseline.shape, self._baseline.exposure)

    def _counted(self, day: int) -> int:
        """Return how many complaints of a day count."""
        complaints = self._book.counts.get(day, 0)
        if self._rule.per_day is not None:
            return min(complaints, self._rule.per_day)
        return complaints if complaints <= LEAST_LIMIT else min(complaints, self._limit_of(day))

    def _limit_of(self, day: int) -> int:
        if self._rule.per_day is not None:
            return self._rule.per_day
        return daily_limit(self._rate * self._load(day, day), self._limit)

    def _load(self, first: int, last: int) -> float:
        """Return what an item was exposed to from one day to another: one unit at least."""
        exposure = self._book.exposure
        if exposure.unit == "days":
            return float(last - first + 1)
        return max(1.0, exposure.load(first, last))


def once_in(chance: float, most: float = LARGEST_ODDS) -> float:
    """Return in how many something of this chance happens once: `most` where it is more."""
    return 1 / chance if chance * most > 1 else most
