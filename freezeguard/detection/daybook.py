"""An item's complaints by day, and what history says of its usual rate.

Two parts of time are kept apart. The *window* is what may be accused; the *history* before it tells
what is usual, so that a defect can't hide in its own baseline. Both are cut at blocks of five days,
so that much can be kept from one complaint to the next. A customer counts once in the window, and
in history once a day for each kind of thing.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import sqrt

from freezeguard.detection.exposure import DailyExposure, PlainDays, Unit, UnitsByDay
from freezeguard.detection.statistics.likelihood import LEAST_LIMIT, limit_of
from freezeguard.detection.windows import Observed

BLOCK = 5
"""Days of a block: complaints of a few days share a mood, and a mood is not remembered."""
_BLOCK = timedelta(days=BLOCK)
HISTORY = 730
"""Days before the window from which the usual rate is learned."""
_ANONYMOUS = b""
_NEVER = PlainDays(0)


@dataclass(frozen=True, slots=True)
class Prior:
    """What items of a category usually do: a gamma law of the rate per unit, or per day.

    `shape` is about how many complaints the prior is worth, `exposure` among how many units or
    days. `revision` says with which change of the rules a shop learned it, 0 that it is built in:
    reasons name it, and it makes no other prior of it.
    """

    shape: float
    exposure: float
    revision: int = field(default=0, compare=False)

    @property
    def rate(self) -> float:
        """Return the mean rate, per unit or per day."""
        return self.shape / self.exposure

    def as_dict(self) -> dict[str, float]:
        """Return the prior in JSON types, as reasons name it."""
        of_revision = {"revision": self.revision} if self.revision else {}
        return {"shape": self.shape, "exposure": self.exposure, **of_revision}


@dataclass(frozen=True, slots=True)
class Priors:
    """The priors of an item: for a rate per unit shipped, and for one per day."""

    units: Prior = Prior(1.0, 250.0)
    days: Prior = Prior(0.5, 365.0)

    def of(self, unit: Unit) -> Prior:
        """Return the prior for what exposure is counted in."""
        return self.units if unit == "units" else self.days

    def replaced(self, per: Unit, shape: float, exposure: float, revision: int = 0) -> "Priors":
        """Return these with another prior for what is counted in a unit."""
        return replace(self, **{per: Prior(shape, exposure, revision)})


UNLEARNED = Priors()
"""What is taken for usual as long as a shop's own data have shown nothing."""


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many customers complained on a day that lies before the signals at hand."""

    day: int
    customers: int


@dataclass(frozen=True, slots=True)
class Background:
    """What is known of an item besides the signals at hand.

    `history` are the complaints of earlier days, in order, and those of any day that were judged
    to be usual: they teach, once their day lies before the window. `heard_of` is the day on which
    anything was first heard of the item, 0 for long ago, None for the first signal at hand.
    `units` is None where nobody reports units.
    """

    priors: Priors = UNLEARNED
    units: UnitsByDay | None = None
    history: Sequence[DayCount] = ()
    heard_of: int | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """The usual rate as history shows it: `shape` complaints among `exposure`, prior included."""

    shape: float
    exposure: float
    unit: Unit
    complaints: float
    prior: Prior

    @property
    def among(self) -> float:
        """Return among how many units or days the item's own complaints were."""
        return self.exposure - self.prior.exposure


class _Past:
    """Counts of the days before the window, and what they add up to as the oldest fall out."""

    def __init__(self) -> None:
        self._days: deque[tuple[int, int]] = deque()
        self._big: deque[tuple[int, int]] = deque()
        self._always = 0

    def add(self, day: int, customers: int) -> None:
        """Take in the next day."""
        self._days.append((day, customers))
        self._always += min(customers, LEAST_LIMIT)
        if customers > LEAST_LIMIT:
            self._big.append((day, customers))

    def forget_before(self, first: int) -> None:
        """Forget what is older than a day."""
        days, big = self._days, self._big
        while days and days[0][0] < first:
            self._always -= min(days.popleft()[1], LEAST_LIMIT)
        while big and big[0][0] < first:
            big.popleft()

    @property
    def first_day(self) -> int | None:
        """Return the oldest day that is known."""
        return self._days[0][0] if self._days else None

    @property
    def always(self) -> int:
        """Return how many complaints count whatever the limit of a day is."""
        return self._always

    @property
    def big(self) -> Sequence[tuple[int, int]]:
        """Return the days with more complaints than always count."""
        return self._big


class DayBook:
    """Takes an item's signals in order, and keeps window and history apart.

    `length` is the window: so long, and up to the last block's five days more. `counts` are the
    `customers` of the window by the day on which they first complained in it; `returned` is the
    number of those whom the last new block made count on a later day. `measured_anew` says that
    it brought another kind of exposure.
    """

    def __init__(self, background: Background, length: timedelta, factor: float) -> None:
        self._background, self._factor = background, factor
        self._blocks = -(-length // _BLOCK)
        self.block = -1
        self.start = 0
        self.today = 0
        self.returned = 0
        self.measured_anew = False
        self.signals: deque[Observed] = deque()
        self.counts: dict[int, int] = {}
        self.exposure: DailyExposure = _NEVER
        self._was_unknown = True
        self._loads: dict[int, float] = {}
        self.customers: set[bytes] = set()
        self._again: dict[bytes, list[int]] = {}
        self._past = _Past()
        self._to_learn = deque(background.history)
        self._first_day = background.heard_of

    def start_at(self, day: int) -> int:
        """Return the first day of the window on a day."""
        return (day // BLOCK - self._blocks) * BLOCK

    def take(self, signal: Observed) -> bool:
        """Take in the next signal; say whether a new block began, with another history."""
        day = signal.occurred_at.toordinal()
        is_new = day // BLOCK != self.block or (day != self.today and self._begins_to_ship(day))
        self.today = day
        if is_new:
            self._enter(day)
        self.signals.append(signal)
        customer = signal.customer or _ANONYMOUS
        if customer not in self.customers:
            self.customers.add(customer)
            self.counts[day] = self.counts.get(day, 0) + 1
        elif customer in self._again:
            self._again[customer].append(day)
        else:
            self._again[customer] = [day]
        return is_new

    def baseline(self) -> Baseline:
        """Return what history says; no day counts for more than a defect would have brought."""
        exposure, past = self.exposure, self._past
        first = max(exposure.start, self.start - HISTORY)
        past.forget_before(first)
        prior = self._background.priors.of(exposure.unit)
        among = prior.exposure + exposure.between(first, self.start - 1)
        always = past.always
        if exposure.unit == "days" and past.first_day == exposure.start:
            always -= 1  # the complaint from which days are counted says not how often they come
        complaints = always
        for _ in range(2 if past.big else 0):
            rate = (prior.shape + complaints) / among
            complaints = always + self._of_big_days(rate * self._factor)
        return Baseline(prior.shape + complaints, among, exposure.unit, complaints, prior)

    def _of_big_days(self, defect_rate: float) -> int:
        """Return what days with more than a few complaints add, at the rate of a defect."""
        loads, load, total = self._loads, self.exposure.load, 0
        for day, count in self._past.big:
            of_day = loads.get(day)
            if of_day is None:
                of_day = loads[day] = load(day, day)
            under_defect = defect_rate * of_day
            # nearly all days: no need to work the limit out
            if count <= under_defect or count <= under_defect + sqrt(under_defect):
                total += count
            else:
                total += min(count, limit_of(under_defect))
        return total - LEAST_LIMIT * len(self._past.big)

    def _begins_to_ship(self, day: int) -> bool:
        units = self._background.units
        return (
            self.exposure.unit == "days"
            and units is not None
            and units.between(self.today + 1, day) > 0
        )

    def _enter(self, day: int) -> None:
        self.block = day // BLOCK
        self.start = self.start_at(day)
        if self._first_day is None:
            self._first_day = day
        self._move_on()
        units = self._background.units
        is_shipped = units is not None and units.between(self.start - HISTORY, day) > 0
        self.measured_anew = is_shipped != (self.exposure is units) or self._was_unknown
        if self.measured_anew:
            self._was_unknown = False
            self._loads.clear()
            self.exposure = units if units and is_shipped else PlainDays(self._first_day)

    def _move_on(self) -> None:
        """Hand over to history what the window has left behind."""
        self.returned = 0
        learned = self._left_behind()
        while self._to_learn and self._to_learn[0].day < self.start:
            one = self._to_learn.popleft()
            learned[one.day] = learned.get(one.day, 0) + one.customers
        for day in sorted(learned) if len(learned) > 1 else learned:
            self._past.add(day, learned[day])

    def _left_behind(self) -> dict[int, int]:
        """Take out of the window what it has left behind; return its customers by day."""
        signals, start = self.signals, self.start
        if not signals or signals[0].occurred_at.toordinal() >= start:
            return {}
        by_day: dict[int, list[Observed]] = {}
        while signals and (day := signals[0].occurred_at.toordinal()) < start:
            if day in by_day:
                by_day[day].append(signals.popleft())
            else:
                by_day[day] = [signals.popleft()]
        return {day: self._told_on(day, several) for day, several in by_day.items()}

    def _told_on(self, day: int, signals: Sequence[Observed]) -> int:
        """Take a day out of the window; return how many customers complained of what on it."""
        customers = [one.customer or _ANONYMOUS for one in signals]
        if self._again.keys().isdisjoint(customers):  # each was there once, on this day
            self.customers.difference_update(customers)
            self.counts.pop(day, None)
            return len(signals)
        for customer in customers:
            self._drop_visit(customer)
        self.counts.pop(day, None)
        return len({(who, one.kind, one.intent, one.result, one.scope)
                    for who, one in zip(customers, signals, strict=True)})  # fmt: skip

    def _drop_visit(self, customer: bytes) -> None:
        again = self._again.get(customer)
        if again is None:
            self.customers.remove(customer)
            return
        day = again.pop(0)  # who complained again counts from then on
        if not again:
            del self._again[customer]
        self.counts[day] = self.counts.get(day, 0) + 1
        self.returned += 1
