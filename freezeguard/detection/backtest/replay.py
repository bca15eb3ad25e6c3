"""The same engine as live, over a past that is over.

After each freeze an item is as live: it is stopped for some time, what was counted and what comes
meanwhile is judged, and counting goes on with what is left. What speaks against a sound item is
judged to be usual, and a rule that learns, learns of it.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf

from freezeguard.detection.backtest.items import Item
from freezeguard.detection.backtest.results import EARLY, RuleResult, WouldHaveFrozen
from freezeguard.detection.daybook import UNLEARNED, Priors
from freezeguard.detection.evaluation import Evidence, by_days, crossings, samples
from freezeguard.detection.families import needs_at_least
from freezeguard.detection.governor import charge_for
from freezeguard.detection.patterns import echoes
from freezeguard.detection.waves import Stop, beyond
from freezeguard.detection.windows import Observed, in_order
from freezeguard.domain.policy import Budget
from freezeguard.domain.reasons import Crossing, SignalKey
from freezeguard.domain.rules import Rule, applicable

STOPPED = timedelta(days=90)
"""How long an item is taken to be stopped."""
STANDARD = Budget()

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
    """Yield the freezes that a rule would have ordered, one after the other.

    What people judged counts until they did.
    """
    signals, after = list(item.signals), None
    usual: list[Observed] = []
    judgements = deque(item.judgements)
    while len(signals) >= needs_at_least(rule):
        until = judgements[0].at if judgements else None
        counting = [one for one in signals if until is None or one.occurred_at < until]
        evidence = Evidence(counting, item.shipments, history=by_days(usual), priors=priors)
        first = _first_freeze(rule, evidence, after)
        if first is not None:
            yield first
            after = first.crossed_at + stopped
            gone = _judged(signals, first, after)
            is_usual = is_sound
        elif judgements:
            judgement = judgements.popleft()
            after = judgement.at if after is None else max(after, judgement.at)
            gone, is_usual = {one.key for one in judgement.signals}, judgement.usual
        else:
            return
        usual += [one for one in signals if is_usual and one.key in gone]
        signals = [one for one in signals if one.key not in gone]


def _first_freeze(rule: Rule, evidence: Evidence, after: datetime | None) -> Crossing | None:
    found = [one for one in crossings(rule, evidence, after=after) if one.bound_kind == "freeze"]
    return min(
        found, key=lambda one: (one.crossed_at, one.crossed_by.source, str(one.scope)), default=None
    )


def _judged(
    signals: Iterable[Observed], freeze: Crossing, until: datetime
) -> set[SignalKey]:
    """Return what a freeze counted, and what came while the item was stopped."""
    came = {one.key for one in signals if freeze.crossed_at < one.occurred_at <= until}
    return came.union(freeze.reason.counted)


def highest(rule: Rule, item: Item, priors: Priors, worth_it: float) -> float:
    """Return the highest value that a rule sees of an item; 0 where that is below `worth_it`.

    A bound freezes the item at least once if it is no higher than that, and else never. What was
    judged meanwhile, or only repeats others, makes that hard to say: then it is as high as can be.
    """
    if item.judgements or echoes(in_order(item.signals)):
        return inf
    if len(item.signals) < needs_at_least(replace(rule, bound=worth_it, look=None)):
        return 0.0
    evidence = Evidence(item.signals, item.shipments, priors=priors)
    return max((sample.value for _, sample in samples(rule, evidence, worth_it)), default=0.0)


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
    since: datetime | None = None,
    horizon: timedelta = EARLY,
    budget: Budget = STANDARD,
    of_vendor: Mapping[str | None, int] | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[RuleResult]:
    """Replay rules over items.

    `alerts` are known defects, by SKU: when the public was warned, or the sale stopped. Items
    without one are taken for sound. `priors` are by category, None for all others. With `since`,
    what lies before is replayed and not counted. A freeze is about an alert within the `horizon`
    before it. What goes beyond a vendor's part of the `budget` is left to people, as live; the item
    is then taken to be looked at as if it were stopped. `of_vendor` is how many items each vendor
    has, where these are not all. `progress` is told the number of signals of each item that is
    done. A rule is replayed whatever its mode.
    """
    alerts, priors = alerts or {}, priors or {}
    known = sum(since is None or at > since for at in alerts.values())
    results = {one.id: RuleResult(one, alerts=known) for one in rules}
    replayed = [replace(one, mode="armed") for one in rules]
    vendors, heard_of = dict[str, str | None](), Counter[str | None]()
    for item in items:
        vendors[item.sku] = item.vendor
        heard_of[item.vendor] += 1
        alert, learned = alerts.get(item.sku), priors_of(item, priors)
        years = 0.0 if alert is not None else item.years(end, since)
        for rule in applicable(replayed, item.sku, item.vendor, item.category):
            result = results[rule.id]
            result.sound_years += years
            found = freezes(rule, item, learned, stopped, is_sound=alert is None)
            result.freezes += [_frozen(item, one, alert, stopped, horizon) for one in found]
        if progress is not None:
            progress(len(item.signals))
    for result in results.values():
        _leave_waves(result, vendors, of_vendor or heard_of, budget)
        if since is not None:
            result.freezes = [one for one in result.freezes if one.at > since]
            result.left_to_people = [one for one in result.left_to_people if one.at > since]
    return list(results.values())


def _leave_waves(
    result: RuleResult, vendors: Mapping[str, str | None], of_vendor: Mapping[str | None, int],
    budget: Budget,
) -> None:
    """Take out what live leaves to people for the vendor's sake."""

    def stop(one: WouldHaveFrozen) -> Stop:
        return Stop(one.at, one.sku, vendors[one.sku], not one.is_wrong)

    charged = [stop(one) for one in result.freezes if one.lane == "quality"]
    left = beyond(charged, of_vendor, budget)
    if left:
        result.left_to_people = [one for one in result.freezes if stop(one) in left]
        result.freezes = [one for one in result.freezes if stop(one) not in left]


def charged_lane(item: Item, crossing: Crossing) -> str:
    """Return the lane whose budget a freeze spends."""
    if crossing.lane == "quality":
        return crossing.lane
    keys = set(crossing.reason.counted)
    return charge_for(crossing.lane, [one for one in item.signals if one.key in keys]).lane


def _frozen(
    item: Item, crossing: Crossing, alert: datetime | None, stopped: timedelta, horizon: timedelta
) -> WouldHaveFrozen:
    at, sentence = crossing.crossed_at, crossing.reason.sentence
    lane = charged_lane(item, crossing)
    if alert is None:
        return WouldHaveFrozen(item.sku, at, crossing.rule_id, sentence, is_wrong=True, lane=lane)
    until = min(alert, at + stopped)
    return WouldHaveFrozen(
        item.sku, at, crossing.rule_id, sentence, is_wrong=False, lead=alert - at, horizon=horizon,
        units=sum(one.units for one in item.shipments if at < one.shipped_at <= until),
        contacts=sum(at < one.occurred_at <= until for one in item.signals), lane=lane,
    )
