"""What rules would have done: the same engine, over a past that is over.

After each freeze an item is as live: it is stopped for some time, what was counted and what comes
meanwhile is judged, and counting goes on with what is left. What speaks against a sound item is
judged to be usual, and a rule that learns, learns of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf, sqrt
from statistics import median

from freezeguard.detection.daybook import UNLEARNED, Prior, Priors
from freezeguard.detection.evaluation import Evidence, by_days, crossings
from freezeguard.detection.families import counts
from freezeguard.detection.statistics.gamma import upper_tail
from freezeguard.detection.statistics.priors import fit_gamma_prior
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.reasons import Crossing
from freezeguard.domain.rules import Rule, applicable

STOPPED = timedelta(days=90)
"""How long an item is taken to be stopped."""
TAIL = timedelta(days=365)
"""How long after its last complaint an item is taken to be on sale still."""
EARLY = timedelta(days=365)
"""A freeze so long before an alert is about it; an earlier one is about something else."""
ENOUGH_ITEMS = 200
"""So many items of a category make a prior of its own."""


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

    def years(self, end: datetime) -> float:
        """Return for how long the item was watched: a year more than anything is heard of it."""
        moments = [one.occurred_at for one in self.signals]
        last = max(moments + [one.shipped_at for one in self.shipments])
        return max(0.0, (min(last + TAIL, end) - self.first) / timedelta(days=365.25))


def freezes(
    rule: Rule,
    item: Item,
    priors: Priors = UNLEARNED,
    stopped: timedelta = STOPPED,
    *,
    is_sound: bool = True,
) -> Iterator[Crossing]:
    """Yield the freezes that a rule would have ordered, one after the other."""
    signals, after = list(item.signals), None
    usual: list[Observed] = []
    while True:
        history = by_days(one for one in usual if counts(rule, one))
        evidence = Evidence(signals, item.shipments, history=history, priors=priors)
        found = [
            one for one in crossings(rule, evidence, after=after) if one.bound_kind == "freeze"
        ]
        if not found:
            return
        first = min(found, key=lambda one: (one.crossed_at, one.crossed_by.source, str(one.scope)))
        yield first
        counted, after = set(first.reason.counted), first.crossed_at + stopped
        judged = [
            one
            for one in signals
            if one.key in counted or first.crossed_at < one.occurred_at <= after
        ]
        gone = {one.key for one in judged}
        signals = [one for one in signals if one.key not in gone]
        usual += judged if is_sound else ()


@dataclass(frozen=True, slots=True)
class WouldHaveFrozen:
    """One freeze of a backtest. `lead` is known where the item had an alert afterwards.

    `units` and `contacts` are what was still shipped and complained of until that alert.
    """

    sku: str
    at: datetime
    rule_id: str
    sentence: str
    is_wrong: bool
    lead: timedelta | None = None
    units: int = 0
    contacts: int = 0


@dataclass(slots=True)
class RuleResult:
    """What one rule would have done to all items."""

    rule: Rule
    freezes: list[WouldHaveFrozen] = field(default_factory=list)
    sound_years: float = 0.0
    alerts: int = 0

    @property
    def wrong(self) -> int:
        """Return how many freezes were of items without a known defect."""
        return sum(one.is_wrong for one in self.freezes)

    @property
    def wrong_per_1000(self) -> float:
        """Return wrong freezes per 1,000 SKU-years of items without a known defect."""
        return 1000 * self.wrong / self.sound_years if self.sound_years else 0.0

    @property
    def wrong_interval(self) -> tuple[float, float]:
        """Return between what rates the true one lies with 90 %, if freezes come by chance."""
        if not self.sound_years:
            return 0.0, inf
        low, high = poisson_interval(self.wrong)
        return 1000 * low / self.sound_years, 1000 * high / self.sound_years

    @property
    def leads(self) -> list[timedelta]:
        """Return by how long the first freeze of each alerted item came before its alert."""
        earliest: dict[str, timedelta] = {}
        for one in self.freezes:
            if one.lead is not None and timedelta(0) < one.lead <= EARLY:
                earliest[one.sku] = max(one.lead, earliest.get(one.sku, timedelta(0)))
        return sorted(earliest.values())

    @property
    def median_lead(self) -> timedelta | None:
        """Return the median lead of the alerts that were seen before."""
        leads = [one.total_seconds() for one in self.leads]
        return timedelta(seconds=median(leads)) if leads else None

    def caught_by(self, late: timedelta) -> int:
        """Return for how many alerts there was a freeze by so long after the alert."""
        return len(
            {one.sku for one in self.freezes if one.lead is not None and -late <= one.lead <= EARLY}
        )


def poisson_interval(count: int, level: float = 0.9) -> tuple[float, float]:
    """Return the exact interval for the mean of a Poisson count (Garwood, Biometrika 28, 1936)."""
    each = (1 - level) / 2
    low = 0.0 if count == 0 else _gamma_point(count, 1 - each)
    return low, _gamma_point(count + 1, each)


def _gamma_point(shape: int, above: float) -> float:
    """Return the value that a gamma variable of rate 1 exceeds with this chance."""
    low, high = 0.0, shape + 12 * sqrt(shape) + 12
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        if upper_tail(shape, middle) > above:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def backtest(
    items: Iterable[Item],
    rules: Sequence[Rule],
    *,
    end: datetime,
    priors: Mapping[str | None, Priors] | None = None,
    alerts: Mapping[str, datetime] | None = None,
    stopped: timedelta = STOPPED,
) -> list[RuleResult]:
    """Replay rules over items.

    `alerts` are known defects, by SKU: when the public was warned, or the sale stopped. Items
    without one are taken for sound. `priors` are by category, None for all others.
    """
    alerts, priors = alerts or {}, priors or {}
    results = {one.id: RuleResult(one, alerts=len(alerts)) for one in rules}
    for item in items:
        alert = alerts.get(item.sku)
        years = item.years(end)
        learned = priors.get(item.category) or priors.get(None) or UNLEARNED
        for rule in rules:
            result = results[rule.id]
            if alert is None:
                result.sound_years += years
            if rule in applicable(rules, item.sku, item.vendor, item.category):
                found = freezes(rule, item, learned, stopped, is_sound=alert is None)
                result.freezes += [_frozen(item, one, alert) for one in found]
    return list(results.values())


def _frozen(item: Item, crossing: Crossing, alert: datetime | None) -> WouldHaveFrozen:
    at, sentence = crossing.crossed_at, crossing.reason.sentence
    if alert is None:
        return WouldHaveFrozen(item.sku, at, crossing.rule_id, sentence, is_wrong=True)
    return WouldHaveFrozen(
        item.sku, at, crossing.rule_id, sentence, is_wrong=False, lead=alert - at,
        units=sum(one.units for one in item.shipments if at < one.shipped_at <= alert),
        contacts=sum(at < one.occurred_at <= alert for one in item.signals),
    )


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
    days = [365.25 * one.years(end) for one in by_days]
    return Priors(
        _fitted([_days_told(one) for one in by_units], units, otherwise.units),
        _fitted([_days_told(one) - 1 for one in by_days], days, otherwise.days),
    )


def _days_told(item: Item) -> int:
    """Return how many complaints an item had, no more than two of them on one day."""
    by_day: dict[int, int] = {}
    for one in item.signals:
        day = one.occurred_at.toordinal()
        by_day[day] = min(2, by_day.get(day, 0) + 1)
    return sum(by_day.values())


def _fitted(counts: Sequence[int], exposures: Sequence[float], otherwise: Prior) -> Prior:
    enough = len(counts) >= ENOUGH_ITEMS and any(counts)
    return Prior(*fit_gamma_prior(counts, exposures)) if enough else otherwise
