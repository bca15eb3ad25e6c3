"""From signals to crossings. The same code serves live, shadow, preview and backtest."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from freezeguard.detection.daybook import UNLEARNED, Background, DayCount, Priors
from freezeguard.detection.explain import one_day, one_hand, sentence, with_echoes
from freezeguard.detection.exposure import UnitsByDay
from freezeguard.detection.families import (
    ALWAYS,
    NONE_TO_SPARE,
    NOTHING,
    Finding,
    Load,
    Sample,
    Spare,
    Tracker,
    counts,
    counts_as,
    effective_bound,
    learns,
    needs_at_least,
    track,
)
from freezeguard.detection.patterns import Crowd, Echoes, Hands, echoes, is_wary, tally
from freezeguard.detection.windows import Exposure, Observed, Shipment, by_scope, in_order
from freezeguard.domain.reasons import Crossing, Reason, SignalKey
from freezeguard.domain.rules import Rule
from freezeguard.domain.scope import NARROWING, Scope
from freezeguard.domain.signals import Kind

_LOWEST = 2.0
"""A bound that keeps a rule which learns from sparing itself the work."""
EARLIER = 0
"""The day that stands for all those before a history begins."""


@dataclass(frozen=True, slots=True)
class PastDay:
    """How many customers complained of one kind of thing on a day before the signals at hand.

    `day` is an ordinal; EARLIER stands for all the days that lie too far back to be learned from.
    """

    scope: Scope
    day: int
    kind: Kind
    intent: str
    result: str | None
    customers: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a rule may look at for one SKU: signals that still count, and units shipped.

    `since` drops everything up to a moment (the baseline after a reinstatement); `factor` tightens
    bounds (0.5 on probation). `history` and `priors` are for rules that learn what is usual, and
    so are units `shipped_by_day`, further back, where `shipments` are of the windows alone.
    """

    signals: Sequence[Observed]
    shipments: Sequence[Shipment] = ()
    since: datetime | None = None
    factor: float = 1.0
    history: Sequence[PastDay] = ()
    priors: Priors = UNLEARNED
    shipped_by_day: Sequence[Shipment] | None = None


@dataclass(frozen=True, slots=True)
class Fix:
    """What a reinstatement changed: since when, without which lots, bounds tightened by what."""

    since: datetime | None
    lots: frozenset[str]
    factor: float


def after_the_fix(
    rule: Rule,
    scope: Scope,
    signals: Sequence[Observed],
    shipments: Sequence[Shipment],
    fix: Fix,
    priors: Priors,
) -> tuple[Rule, Evidence]:
    """Return a rule and its evidence as they count on probation, for the scope of the case.

    Only what the case covers speaks, and neither complaints nor units of the lots that the remedy
    gave up. The rule counts within the case's own scope where its own is wider.
    """
    narrowed = (*rule.hold_scope[1:], *scope.narrowing())
    hold_scope = ("sku", *(name for name in NARROWING if name in narrowed))
    post_fix = [one for one in signals if scope.covers(one.scope) and one.scope.lot not in fix.lots]
    shipped = [one for one in shipments if one.scope.lot not in fix.lots]
    evidence = Evidence(post_fix, shipped, fix.since, fix.factor, priors=priors)
    return replace(rule, hold_scope=hold_scope), evidence


class Spares:
    """Takes in, from one evaluation after the other, how many more signals surely cross nothing."""

    def __init__(self) -> None:
        self.least: Spare | None = None

    def take(self, spare: Spare | None) -> None:
        """Take in what one rule has to say of one scope."""
        if spare is not None:
            self.least = spare if self.least is None else self.least.and_also(spare)


def crossings(
    rule: Rule,
    evidence: Evidence,
    *,
    after: datetime | None = None,
    spares: Spares | None = None,
) -> list[Crossing]:
    """Return the first crossing of each scope: of the bound, or else what a person is to look at.

    That is a crossing of the look-bound, or a pattern: many complaints and few voices, which stop
    nothing (see `freezeguard.detection.patterns`).

    With `after`, only crossings by complaints made later than that moment are looked for. The
    result does not depend on the order in which signals are given. `spares` is told how far every
    scope is from a crossing.
    """
    counted = [
        one
        for one in in_order(evidence.signals)
        if counts(rule, one) and (evidence.since is None or one.occurred_at > evidence.since)
    ]
    found = []
    if learns(rule) and spares is not None and (rule.hold_scope != ("sku",) or not counted):
        # a scope of which nothing was heard yet
        spares.take(Spare(needs_at_least(rule) - 1, 0, ALWAYS))
    for scope, signals in by_scope(counted, rule.hold_scope):
        crossing = _first(rule, evidence, scope, signals, after, spares)
        if crossing is not None:
            found.append(crossing)
    return found


def _first(
    rule: Rule,
    evidence: Evidence,
    scope: Scope,
    signals: Sequence[Observed],
    after: datetime | None,
    spares: Spares | None,
) -> Crossing | None:
    tracker = _tracker(rule, evidence, scope)
    bounds = list(_bounds(rule, evidence.factor))
    crowd = Crowd(rule)
    looked: Crossing | None = None
    loaded: Load | None = None
    for place, signal in enumerate(signals):
        sample = tracker.take(signal)
        is_echo = signal.marks is not None and crowd.take(signal)
        if after is not None and signal.occurred_at <= after:
            continue
        loaded = loaded or tracker.load()
        if not sample.sufficient:
            continue
        kind, bound = next(((k, b) for k, b in bounds if sample.value >= b), ("", 0.0))
        if not kind or (looked and _says_nothing_new(looked, kind, is_echo=is_echo)):
            continue
        seen = _Seen(scope, tracker.finding(), sample, kind, bound)
        if is_wary(rule):
            seen = _listened(rule, evidence, seen, signals[: place + 1])
        if seen.kind == "freeze":
            _spare(spares, NONE_TO_SPARE)
            return _crossing(rule, evidence, seen)
        if looked is None or (seen.set_aside and not _tells_of_echoes(looked)):
            looked = _crossing(rule, evidence, seen)
    if spares is not None:  # not for nothing: a tracker may have left things undone
        spares.take(tracker.spare())
    return looked or _few_voices(rule, scope, signals, after, spares, loaded)


def _says_nothing_new(looked: Crossing, kind: str, *, is_echo: bool) -> bool:
    return kind == "look" or (is_echo and _tells_of_echoes(looked))


def _tells_of_echoes(looked: Crossing) -> bool:
    return "set_aside" in looked.reason.details


@dataclass(frozen=True, slots=True)
class _Seen:
    """A bound that was reached: `set_aside` are the echoes among what counted."""

    scope: Scope
    finding: Finding
    sample: Sample
    kind: str
    bound: float
    set_aside: Echoes = field(default_factory=dict)


def _listened(
    rule: Rule, evidence: Evidence, seen: _Seen, signals: Sequence[Observed]
) -> _Seen:
    """Ask what is left of what was seen without its echoes: as much, less, or a mere pattern.

    Without the echoes of one window another one may speak, with echoes of its own: they are asked
    for until there are no more.
    """
    left, set_aside = seen, dict[SignalKey, str]()
    while more := _unknown_echoes(left.finding, set_aside):
        set_aside |= more
        pattern = replace(seen, kind="pattern", set_aside=set_aside)
        if signals[-1].key in set_aside:
            return pattern
        tracker, sample = _tracker(rule, evidence, seen.scope), NOTHING
        for one in signals:
            if one.key not in set_aside:
                sample = tracker.take(one)
        bounds = _bounds(rule, evidence.factor) if sample.sufficient else ()
        kind, bound = next(((k, b) for k, b in bounds if sample.value >= b), ("", 0.0))
        if not kind:
            return pattern
        left = _Seen(seen.scope, tracker.finding(), sample, kind, bound, set_aside)
    return left


def _unknown_echoes(finding: Finding, known: Mapping[SignalKey, str]) -> dict[SignalKey, str]:
    found = echoes(finding.signals)
    return {key: kind for key, kind in found.items() if key not in known}


def _few_voices(
    rule: Rule,
    scope: Scope,
    signals: Sequence[Observed],
    after: datetime | None,
    spares: Spares | None,
    loaded: Load | None,
) -> Crossing | None:
    """Return a pattern that no bound was needed to see."""
    if not is_wary(rule):
        return None
    found = _of_one_hand(rule, scope, signals, after, spares)
    return found or (None if loaded is None else _of_one_day(rule, scope, loaded))


def _of_one_hand(
    rule: Rule,
    scope: Scope,
    signals: Sequence[Observed],
    after: datetime | None,
    spares: Spares | None,
) -> Crossing | None:
    """Return the first moment at which too many complaints are of one hand."""
    hands = Hands(rule)
    if len(signals) < hands.fewest:  # nearly always
        _spare(spares, Spare(hands.fewest - 1 - len(signals), 0, ALWAYS))
        return None
    for one in signals:
        hand = hands.take(one)
        if hand is not None and (after is None or one.occurred_at > after):
            _spare(spares, NONE_TO_SPARE)
            said, details = one_hand(rule, hand), {"of_one_hand": hand.alike or "customer"}
            return _pattern(rule, scope, hand.signals, hand.bound, said, details)
    _spare(spares, Spare(max(0, hands.room), 0, ALWAYS))
    return None


def _spare(spares: Spares | None, spare: Spare) -> None:
    if spares is not None:
        spares.take(spare)


def _of_one_day(rule: Rule, scope: Scope, load: Load) -> Crossing:
    details = {"surplus": load.surplus}
    return _pattern(rule, scope, load.signals, load.limit, one_day(load), details)


def _pattern(
    rule: Rule,
    scope: Scope,
    signals: Sequence[Observed],
    bound: int,
    said: str,
    details: Mapping[str, Any],
) -> Crossing:
    """Return a crossing that stops nothing: so many complaints for a reason of their own."""
    reason = Reason(
        family=rule.family.value,
        rule_id=rule.id,
        rule_version=rule.version,
        window=rule.window,
        observed=float(len(signals)),
        bound=float(bound),
        customers=len({one.customer or b"" for one in signals}),
        exposure=None,
        counted=tuple(one.key for one in signals),
        sentence=said,
        details=details,
    )
    newest = signals[-1]
    return Crossing(
        scope, rule.id, rule.version, rule.lane, rule.mode, "pattern", newest.key, reason
    )


def samples(
    rule: Rule, evidence: Evidence, worth_it: float = _LOWEST
) -> Iterator[tuple[Observed, Sample]]:
    """Yield what a rule sees at each signal that it counts, however little, scope by scope.

    A rule that learns is spared the work where it can't see as much as is `worth_it`.
    """
    can_spare = learns(rule) and rule.has_a_bound
    lowest = replace(rule, bound=worth_it, look=None) if can_spare else rule
    counted = [one for one in in_order(evidence.signals) if counts(rule, one)]
    for scope, signals in by_scope(counted, rule.hold_scope):
        tracker = _tracker(lowest, evidence, scope)
        for signal in signals:
            sample = tracker.take(signal)
            if sample.sufficient:
                yield signal, sample


def followed(
    rule: Rule, evidence: Evidence, scope: Scope
) -> Iterator[tuple[Observed, Sample]]:
    """Yield every signal that a rule counts for one scope, in order, with what it sees there.

    What an evaluation compared with the bound at a signal is the value here, too. Of a scope for
    which the rule does not count by itself, all that lies in it is followed as one.
    """
    lowest = replace(rule, bound=_LOWEST, look=None) if learns(rule) and rule.has_a_bound else rule
    since = evidence.since
    counted = [
        one
        for one in in_order(evidence.signals)
        if counts(rule, one) and (since is None or one.occurred_at > since)
    ]
    signals = dict(by_scope(counted, rule.hold_scope)).get(scope)
    if signals is None:
        signals = [one for one in counted if scope.covers(one.scope)]
    tracker = _tracker(lowest, evidence, scope)
    for signal in signals:
        yield signal, tracker.take(signal)


def _tracker(rule: Rule, evidence: Evidence, scope: Scope) -> Tracker:
    since = evidence.since
    shipped = evidence.shipments if rule.measures_units else ()
    exposure = Exposure(
        [
            one
            for one in shipped
            if scope.overlaps(one.scope) and (since is None or one.shipped_at > since)
        ]
    )
    background = _background(rule, evidence, scope) if learns(rule) else Background()
    return track(rule, exposure, background, evidence.factor)


def _background(rule: Rule, evidence: Evidence, scope: Scope) -> Background:
    shipped, since = evidence.shipped_by_day, evidence.since
    if shipped is None:
        shipped = evidence.shipments
    # by days: what left on the day of a fix may have been made before it
    after = 0 if since is None else since.toordinal()
    units = UnitsByDay.of(
        one
        for one in shipped
        if scope.overlaps(one.scope) and one.shipped_at.toordinal() > after
    )
    if since is not None:
        return Background(evidence.priors, units)
    past = _past(rule, scope, evidence.history)
    return Background(evidence.priors, units, past, _heard_of(evidence))


def _heard_of(evidence: Evidence) -> int | None:
    """Return the day on which anything was first heard of a SKU, of whatever kind and scope."""
    days = [one.day for one in evidence.history]
    days += [one.occurred_at.toordinal() for one in evidence.signals]
    return min(days, default=None)


def _past(rule: Rule, scope: Scope, days: Iterable[PastDay]) -> list[DayCount]:
    """Return what of a SKU's history a rule counts, for the scope that it follows."""
    found: dict[int, int] = {}
    narrowing = rule.hold_scope[1:]
    for one in days:
        fields = {name: getattr(one.scope, name) for name in narrowing}
        counted = one.day != EARLIER and counts_as(rule, one.kind, one.intent, one.result)
        if counted and scope == Scope.of(one.scope.sku, fields):
            found[one.day] = found.get(one.day, 0) + one.customers
    return [DayCount(day, found[day]) for day in sorted(found)]


def by_days(signals: Iterable[Observed]) -> list[PastDay]:
    """Sum up signals as history does: customers by day and kind of thing."""
    told: dict[tuple[Scope, int, Kind, str, str | None], set[bytes | None]] = {}
    for one in signals:
        day = one.occurred_at.toordinal()
        told.setdefault((one.scope, day, one.kind, one.intent, one.result), set()).add(one.customer)
    return [PastDay(*key, len(who)) for key, who in sorted(told.items(), key=lambda one: one[0][1])]


def _bounds(rule: Rule, factor: float) -> Iterator[tuple[str, float]]:
    yield "freeze", effective_bound(rule, rule.bound, factor)
    if rule.look is not None:
        yield "look", effective_bound(rule, rule.look, factor)


def _crossing(rule: Rule, evidence: Evidence, seen: _Seen) -> Crossing:
    tightened, finding = evidence.factor < 1, seen.finding
    newest = finding.signals[-1]
    said = sentence(rule, finding, seen.sample, seen.bound, tightened=tightened)
    details = dict(finding.details)
    if seen.set_aside:
        is_enough = seen.kind != "pattern"
        said = with_echoes(said, seen.set_aside, is_enough=is_enough)
        details |= {"set_aside": tally(seen.set_aside), "rest_is_enough": is_enough}
    reason = Reason(
        family=rule.family.value,
        rule_id=rule.id,
        rule_version=rule.version,
        window=rule.window,
        observed=seen.sample.value,
        bound=seen.bound,
        customers=finding.customers,
        exposure=finding.exposure,
        counted=tuple(one.key for one in finding.signals),
        sentence=said,
        tightened=tightened,
        details=details,
    )
    return Crossing(
        seen.scope, rule.id, rule.version, rule.lane, rule.mode, seen.kind, newest.key, reason
    )
