"""Windows over signals: half-open, (t - window, t], in the order (occurred_at, source, id)."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from freezeguard.detection.seats import Seats
from freezeguard.domain.reasons import SignalKey
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity

_ANONYMOUS = b""
"""Signals without a customer count as one customer together: nobody can tell them apart."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One stored signal as detection reads it. Names no customer: `customer` is a keyed hash.

    `marks` are what it may have in common with others: see `freezeguard.domain.likeness`.
    """

    scope: Scope
    occurred_at: datetime
    source: str
    id: str
    seq: int
    kind: Kind
    intent: str
    severity: Severity
    result: str | None = None
    customer: bytes | None = None
    may_assert_safety: bool = False
    acts_on_history: bool = False
    marks: bytes | None = None

    @property
    def key(self) -> SignalKey:
        """Return the identity with the moment: the order in which signals are counted."""
        return SignalKey(self.occurred_at, self.source, self.id)


def in_order(signals: Iterable[Observed]) -> list[Observed]:
    """Sort signals as detection counts them; text compares by code point."""
    return sorted(signals, key=lambda one: (one.occurred_at, one.source, one.id))


@dataclass(frozen=True, slots=True)
class View:
    """What a window shows at the moment of its newest signal."""

    newest: Observed
    signals: tuple[Observed, ...]
    customers: int


def moment_before(moment: datetime, length: timedelta) -> datetime:
    """Return the moment so long before another; the earliest there is where that is too far."""
    earliest = datetime.min.replace(tzinfo=UTC)
    return earliest if moment - earliest < length else moment - length


class SlidingWindow:
    """The signals of the last `length` before the newest one, counted as they are added."""

    def __init__(self, length: timedelta) -> None:
        self._length = length
        self._signals: deque[Observed] = deque()
        self._customers: dict[bytes, int] = {}

    def add(self, signal: Observed) -> None:
        """Take in the next signal in order; drop those that the window has left behind."""
        while self._signals and signal.occurred_at - self._signals[0].occurred_at >= self._length:
            self._forget(self._signals.popleft())
        self._signals.append(signal)
        customer = signal.customer or _ANONYMOUS
        self._customers[customer] = self._customers.get(customer, 0) + 1

    def leave(self, moment: datetime) -> None:
        """Drop what a window that ends at a moment has left behind; nothing newer was added."""
        while self._signals and moment - self._signals[0].occurred_at >= self._length:
            self._forget(self._signals.popleft())

    def _forget(self, signal: Observed) -> None:
        customer = signal.customer or _ANONYMOUS
        left = self._customers[customer] - 1
        if left:
            self._customers[customer] = left
        else:
            del self._customers[customer]

    @property
    def count(self) -> int:
        """Return the number of signals inside."""
        return len(self._signals)

    @property
    def customers(self) -> int:
        """Return the number of distinct customers inside."""
        return len(self._customers)

    def view(self) -> View:
        """Return what the window shows now."""
        return View(self._signals[-1], tuple(self._signals), len(self._customers))


class DailyLimit(SlidingWindow):
    """A window of which no more than `per_day` signals, and customers, of one day (UTC) count.

    Each customer counts on one of their days: see `freezeguard.detection.seats`. One signal more
    never makes either number smaller.
    """

    def __init__(self, length: timedelta, per_day: int) -> None:
        super().__init__(length)
        self._per_day = per_day
        self._numbers: dict[int, int] = {}
        self._told: dict[tuple[bytes, int], int] = {}
        self._seats = Seats(per_day)
        self._counted = 0

    def add(self, signal: Observed) -> None:
        super().add(signal)
        day, customer = signal.occurred_at.toordinal(), signal.customer or _ANONYMOUS
        number, told = self._numbers.get(day, 0), self._told.get((customer, day), 0)
        self._counted += number < self._per_day
        self._numbers[day], self._told[customer, day] = number + 1, told + 1
        if not told:
            self._seats.add(customer, day)

    def _forget(self, signal: Observed) -> None:
        super()._forget(signal)
        day, customer = signal.occurred_at.toordinal(), signal.customer or _ANONYMOUS
        number, told = self._numbers[day] - 1, self._told[customer, day] - 1
        self._counted -= number < self._per_day
        self._numbers[day], self._told[customer, day] = number, told
        if not number:
            del self._numbers[day]
        if not told:
            del self._told[customer, day]
            self._seats.remove(customer, day)

    @property
    def count(self) -> int:
        return self._counted

    @property
    def customers(self) -> int:
        return len(self._seats)

    def view(self) -> View:
        return replace(super().view(), customers=self.customers)

    @property
    def is_limited(self) -> bool:
        """Say whether a day has more than counts."""
        return self._counted < super().count


@dataclass(frozen=True, slots=True)
class Shipment:
    """Units shipped at a moment: exposure."""

    scope: Scope
    shipped_at: datetime
    units: int


class Exposure:
    """Units shipped within any window, by prefix sums."""

    def __init__(self, shipments: Sequence[Shipment]) -> None:
        ordered = sorted(shipments, key=lambda one: one.shipped_at)
        self._times = [one.shipped_at for one in ordered]
        self._sums = [0, *accumulate(one.units for one in ordered)]

    def between(self, start: datetime, end: datetime) -> int:
        """Return the units shipped in (start, end]."""
        first, last = bisect_right(self._times, start), bisect_right(self._times, end)
        return self._sums[last] - self._sums[first]


def by_scope(
    signals: Iterable[Observed], hold_scope: Sequence[str]
) -> Iterator[tuple[Scope, list[Observed]]]:
    """Group signals by the scope that a hold of this rule would have.

    A signal that lacks a field of `hold_scope` speaks about all of that field's values: it counts
    for the wider scope only.
    """
    groups: dict[tuple[str, tuple[str | None, ...]], list[Observed]] = {}
    names = tuple(hold_scope[1:])
    for signal in signals:
        one = signal.scope
        key = one.sku, tuple([getattr(one, name) for name in names])
        groups.setdefault(key, []).append(signal)
    scopes = [
        (Scope.of(sku, dict(zip(names, values, strict=True))), found)
        for (sku, values), found in groups.items()
    ]
    yield from sorted(scopes, key=lambda pair: str(pair[0]))
