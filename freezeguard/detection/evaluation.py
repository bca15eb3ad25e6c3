"""From signals to crossings. The same code serves live, shadow, preview and backtest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from freezeguard.detection.explain import sentence
from freezeguard.detection.families import FAMILIES, Sample, counts, effective_bound
from freezeguard.detection.windows import (
    Exposure,
    Observed,
    Shipment,
    SlidingWindow,
    View,
    by_scope,
    in_order,
)
from freezeguard.domain.reasons import Crossing, Reason
from freezeguard.domain.rules import Rule
from freezeguard.domain.scope import NARROWING, Scope


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a rule may look at for one SKU: signals that still count, and units shipped.

    `since` drops everything up to a moment (the baseline after a reinstatement); `factor` tightens
    bounds (0.5 on probation).
    """

    signals: Sequence[Observed]
    shipments: Sequence[Shipment] = ()
    since: datetime | None = None
    factor: float = 1.0


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
) -> tuple[Rule, Evidence]:
    """Return a rule and its evidence as they count on probation, for the scope of the case.

    Only what the case covers speaks, and neither complaints nor units of the lots that the remedy
    gave up. The rule counts within the case's own scope where its own is wider.
    """
    narrowed = (*rule.hold_scope[1:], *scope.narrowing())
    hold_scope = ("sku", *(name for name in NARROWING if name in narrowed))
    post_fix = [one for one in signals if scope.covers(one.scope) and one.scope.lot not in fix.lots]
    shipped = [one for one in shipments if one.scope.lot not in fix.lots]
    return replace(rule, hold_scope=hold_scope), Evidence(post_fix, shipped, fix.since, fix.factor)


def crossings(rule: Rule, evidence: Evidence, *, after: datetime | None = None) -> list[Crossing]:
    """Return the first crossing of each scope: of the bound, or else of the look-bound.

    With `after`, only crossings by complaints made later than that moment are looked for. The
    result does not depend on the order in which signals are given.
    """
    counted = [
        one
        for one in in_order(evidence.signals)
        if counts(rule, one) and (evidence.since is None or one.occurred_at > evidence.since)
    ]
    found = []
    for scope, signals in by_scope(counted, rule.hold_scope):
        crossing = _first(rule, evidence, scope, signals, after)
        if crossing is not None:
            found.append(crossing)
    return found


def _first(
    rule: Rule,
    evidence: Evidence,
    scope: Scope,
    signals: Sequence[Observed],
    after: datetime | None,
) -> Crossing | None:
    exposure = Exposure(
        [
            one
            for one in evidence.shipments
            if scope.overlaps(one.scope)
            and (evidence.since is None or one.shipped_at > evidence.since)
        ]
    )
    looked: Crossing | None = None
    for view, sample in _samples(rule, signals, exposure):
        if after is not None and view.newest.occurred_at <= after:
            continue
        for kind, bound in _bounds(rule, evidence.factor):
            if sample.value < bound:
                continue
            if kind == "freeze":
                return _crossing(rule, evidence, scope, view(), sample, kind, bound)
            looked = looked or _crossing(rule, evidence, scope, view(), sample, kind, bound)
    return looked


def _bounds(rule: Rule, factor: float) -> Iterator[tuple[str, float]]:
    yield "freeze", effective_bound(rule, rule.bound, factor)
    if rule.look is not None:
        yield "look", effective_bound(rule, rule.look, factor)


def _samples(
    rule: Rule, signals: Sequence[Observed], exposure: Exposure
) -> Iterator[tuple["_Moment", Sample]]:
    window = SlidingWindow(rule.window)
    measure = FAMILIES[rule.family]
    for signal in signals:
        window.add(signal)
        sample = measure(rule, window, signal, exposure)
        if sample.sufficient:
            yield _Moment(window, signal), sample


@dataclass(frozen=True, slots=True)
class _Moment:
    """The window at one signal; turned into a view only where a bound was reached."""

    window: SlidingWindow
    newest: Observed

    def __call__(self) -> View:
        return self.window.view()


def _crossing(
    rule: Rule,
    evidence: Evidence,
    scope: Scope,
    view: View,
    sample: Sample,
    kind: str,
    bound: float,
) -> Crossing:
    tightened = evidence.factor < 1
    reason = Reason(
        family=rule.family.value,
        rule_id=rule.id,
        rule_version=rule.version,
        window=rule.window,
        observed=sample.value,
        bound=bound,
        customers=view.customers,
        exposure=sample.exposure,
        counted=tuple(one.key for one in view.signals),
        sentence=sentence(rule, view, sample, bound, tightened=tightened),
        tightened=tightened,
    )
    return Crossing(
        scope, rule.id, rule.version, rule.lane, rule.mode, kind, view.newest.key, reason
    )
