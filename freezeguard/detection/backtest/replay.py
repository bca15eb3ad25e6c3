"""The same engine as live, over a past that is over.

After each freeze an item is as live: it is stopped for some time, what was counted and what comes
meanwhile is judged, and counting goes on with what is left. What speaks against a sound item is
judged to be usual, and a rule that learns, learns of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from freezeguard.detection.backtest.items import Item
from freezeguard.detection.backtest.results import RuleResult, WouldHaveFrozen
from freezeguard.detection.daybook import UNLEARNED, Priors
from freezeguard.detection.evaluation import Evidence, by_days, crossings, samples
from freezeguard.detection.windows import Observed
from freezeguard.domain.reasons import Crossing
from freezeguard.domain.rules import Rule, applicable

STOPPED = timedelta(days=90)
"""How long an item is taken to be stopped."""

PriorsByCategory = Mapping[str | None, Priors]


def priors_of(item: Item, priors: PriorsByCategory) -> Priors:
    """Return the priors of an item's category, else those of all items."""
    return priors.get(item.category) or priors.get(None) or UNLEARNED


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
        evidence = Evidence(signals, item.shipments, history=by_days(usual), priors=priors)
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


def evidence_over_time(rule: Rule, item: Item, priors: Priors) -> list[tuple[datetime, float]]:
    """Return what a rule saw at each complaint that it counts: moment and value."""
    evidence = Evidence(item.signals, item.shipments, priors=priors)
    return [(one.occurred_at, sample.value) for one, sample in samples(rule, evidence)]


def backtest(
    items: Iterable[Item],
    rules: Sequence[Rule],
    *,
    end: datetime,
    priors: PriorsByCategory | None = None,
    alerts: Mapping[str, datetime] | None = None,
    stopped: timedelta = STOPPED,
    progress: Callable[[int], None] | None = None,
) -> list[RuleResult]:
    """Replay rules over items.

    `alerts` are known defects, by SKU: when the public was warned, or the sale stopped. Items
    without one are taken for sound. `priors` are by category, None for all others. `progress` is
    told the number of signals of each item that is done. A rule is replayed whatever its mode.
    """
    alerts, priors = alerts or {}, priors or {}
    results = {one.id: RuleResult(one, alerts=len(alerts)) for one in rules}
    replayed = [replace(one, mode="armed") for one in rules]
    for item in items:
        alert, learned = alerts.get(item.sku), priors_of(item, priors)
        years = 0.0 if alert is not None else item.years(end)
        for rule in applicable(replayed, item.sku, item.vendor, item.category):
            result = results[rule.id]
            result.sound_years += years
            found = freezes(rule, item, learned, stopped, is_sound=alert is None)
            result.freezes += [_frozen(item, one, alert, stopped) for one in found]
        if progress is not None:
            progress(len(item.signals))
    return list(results.values())


def _frozen(
    item: Item, crossing: Crossing, alert: datetime | None, stopped: timedelta
) -> WouldHaveFrozen:
    at, sentence = crossing.crossed_at, crossing.reason.sentence
    if alert is None:
        return WouldHaveFrozen(item.sku, at, crossing.rule_id, sentence, is_wrong=True)
    until = min(alert, at + stopped)
    return WouldHaveFrozen(
        item.sku, at, crossing.rule_id, sentence, is_wrong=False, lead=alert - at,
        units=sum(one.units for one in item.shipments if at < one.shipped_at <= until),
        contacts=sum(at < one.occurred_at <= until for one in item.signals),
    )
