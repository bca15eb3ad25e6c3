"""Recomputes why a case froze: from the stored signals, the rule's version, what was known then.

A signal was known if its number is not above the highest one that the case had attached by then:
numbers are drawn under the lock of the SKU, so they follow the order in which a SKU's signals
became known.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import starmap, zip_longest
from typing import Any
from uuid import UUID

from freezeguard.detection.daybook import UNLEARNED, Priors
from freezeguard.detection.evaluation import Evidence, Fix, after_the_fix, crossings
from freezeguard.detection.families import learns
from freezeguard.detection.statistics.likelihood import LARGEST_ODDS
from freezeguard.detection.windows import Observed
from freezeguard.domain.errors import NotFound
from freezeguard.domain.people import System
from freezeguard.domain.policy import Policy
from freezeguard.domain.reasons import Crossing
from freezeguard.domain.record import Case
from freezeguard.domain.rules import Rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import Command, State
from freezeguard.ports.rows import CaseEvent
from freezeguard.ports.storage import Database, Transaction

AUTOMATIC = frozenset({Command.FREEZE.value, Command.SUSPECT.value})
BESIDE_THE_FIGURES = frozenset({"doubted", "budget", "wave", "sibling"})
"""What a reason says beside the figures of its rule."""
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class RecomputedFreeze:
    """One automatic freeze or suspicion: the stored reason, and what comes out today."""

    at: datetime
    rule_id: str
    rule_version: int
    stored: Mapping[str, Any]
    recomputed: Mapping[str, Any] | None
    differences: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Say whether the answer is the same."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class Recomputation:
    """All automatic freezes of a case. `from_all` is what the rule says to all that is known now.

    It may be another complaint than the one that first triggered, where earlier ones arrived late.
    """

    case_id: UUID
    sku: str
    freezes: tuple[RecomputedFreeze, ...]
    from_all: Crossing | None

    @property
    def is_same(self) -> bool:
        """Say whether every stored reason came out again."""
        return all(one.is_same for one in self.freezes)

    def as_dict(self) -> dict[str, Any]:
        """Return everything in JSON types."""
        freezes = [
            {
                "at": one.at.isoformat(), "rule": one.rule_id, "rule_version": one.rule_version,
                "same": one.is_same, "differences": list(one.differences),
                "stored": dict(one.stored), "recomputed": one.recomputed,
            }
            for one in self.freezes
        ]
        return {
            "case": str(self.case_id), "sku": self.sku, "same": self.is_same,
            "freezes": freezes,
            "from_all": None if self.from_all is None else _crossing_as_dict(self.from_all),
        }


def _crossing_as_dict(crossing: Crossing) -> dict[str, Any]:
    by = crossing.crossed_by
    return {
        "crossed_by": {"source": by.source, "id": by.id, "occurred_at": by.occurred_at.isoformat()},
        "reason": crossing.reason.as_dict(),
    }


async def recompute(database: Database, case_id: UUID, now: datetime) -> Recomputation:
    """Recompute every automatic freeze of a case. Raises NotFound."""

    async def work(tx: Transaction) -> Recomputation:
        case = await tx.cases.get(case_id)
        if case is None:
            raise NotFound(f"There is no case {case_id}.")
        return await _recompute(tx, case, now)

    return await database.run(work)


async def _recompute(tx: Transaction, case: Case, now: datetime) -> Recomputation:
    events = await tx.cases.events(case.id)
    found = [
        await _recompute_one(tx, case, events[:n], event)
        for n, event in enumerate(events)
        if is_automatic(event)
    ]
    rule = await _rule(tx, found[-1].rule_id, found[-1].rule_version) if found else None
    return Recomputation(
        case.id, case.scope.sku, tuple(found),
        None if rule is None else await _from_all(tx, case, rule, priors_of(found[-1].stored), now),
    )


def is_automatic(event: CaseEvent) -> bool:
    """Say whether the detector stopped a sale, or suspected, by a rule."""
    by_us = event.actor == System.DETECTOR.value and event.command in AUTOMATIC
    return by_us and event.arguments.get("rule_id") is not None


async def _rule(tx: Transaction, rule_id: str, version: int) -> Rule:
    rule = await tx.detection.rule_version(rule_id, version)
    if rule is None:
        raise NotFound(f"There is no version {version} of the rule {rule_id}.")
    return rule


@dataclass(frozen=True, slots=True)
class AsItWas:
    """What the detector had before it when it stopped a sale, or suspected: rule and evidence.

    `stored` are the figures of the reason that it gave.
    """

    at: datetime
    rule: Rule
    evidence: Evidence
    scope: Scope
    stored: Mapping[str, Any]


async def as_it_was(
    tx: Transaction, case: Case, before: Sequence[CaseEvent], event: CaseEvent,
    signals: Sequence[Observed],
) -> AsItWas:
    """Return what was known at an automatic freeze or suspicion; `before` is the history then.

    `signals` are those that counted at that moment, known by then or not. Raises NotFound where
    the version of the rule is gone.
    """
    stored: Mapping[str, Any] = {
        name: value for name, value in event.arguments["reason"].items()
        if name not in BESIDE_THE_FIGURES
    }
    rule = await _rule(tx, event.arguments["rule_id"], event.arguments["rule_version"])
    known_seq = await tx.cases.known_seq(case.id, event.at)
    known = [one for one in signals if known_seq is not None and one.seq <= known_seq]
    shipments = await tx.signals.shipments(case.scope.sku, None, known_at=event.at)
    history = await tx.signals.judged_usual(case.scope.sku, event.at) if learns(rule) else ()
    priors = priors_of(stored)
    evidence = Evidence(known, shipments, history=history, priors=priors)
    scope = Scope.of(case.scope.sku, event.arguments.get("scope") or case.scope.as_dict())
    if stored.get("tightened"):
        rule, evidence = after_the_fix(rule, scope, known, shipments, fix_of(before), priors)
    return AsItWas(event.at, rule, evidence, scope, stored)


async def _recompute_one(
    tx: Transaction,
    case: Case,
    before: Sequence[CaseEvent],
    event: CaseEvent,
) -> RecomputedFreeze:
    signals = await tx.signals.observed(
        case.scope.sku, None, also_judged_by=case.id, judged_after=event.at
    )
    was = await as_it_was(tx, case, before, event, signals)
    crossing = _at(was.rule, was.evidence, was.stored["counted"][-1])
    recomputed = None if crossing is None else _plain(crossing.reason.as_dict())
    differences = _differences(was.stored, recomputed) + await _unheard_of(
        tx, was.stored, event.at
    )
    return RecomputedFreeze(
        event.at, was.rule.id, was.rule.version, was.stored, recomputed, differences
    )


def fix_of(before: Sequence[CaseEvent]) -> Fix:
    """Return the lots that a remedy had given up, and since when the baseline counts."""
    lots: frozenset[str] = frozenset()
    since = None
    for event in before:
        if event.command == Command.PROPOSE_REMEDY.value:
            lots = frozenset(event.arguments.get("remedy", {}).get("affected_lots") or ())
        if event.to_state == State.REINSTATING.value and event.from_state != event.to_state:
            since = event.at
    return Fix(since, lots, Policy().probation_bound_factor)


def _at(rule: Rule, evidence: Evidence, crossed_by: Mapping[str, Any]) -> Crossing | None:
    """Return the crossing by one complaint, None where it does not cross."""
    moment = datetime.fromisoformat(crossed_by["occurred_at"])
    key = (moment, crossed_by["source"], crossed_by["id"])
    for crossing in crossings(rule, evidence, after=moment - INSTANT):
        by = crossing.crossed_by
        if (by.occurred_at, by.source, by.id) == key:
            return crossing
    return None


def priors_of(stored: Mapping[str, Any]) -> Priors:
    """Return the priors that a reason names: shops learn them anew from time to time."""
    priors = UNLEARNED
    for named in _named_priors(stored):
        priors = priors.replaced(**named)
    return priors


def _named_priors(stored: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the priors that a reason names: one, or both where a rule has parts."""
    details = stored.get("details") or {}
    return details.get("priors") or [one for one in (details.get("prior"),) if one]


async def _unheard_of(tx: Transaction, stored: Mapping[str, Any], at: datetime) -> tuple[str, ...]:
    """Say so where a reason names a prior that the shop had not learned by then."""
    for named in _named_priors(stored):
        prior = priors_of(stored).of(named["per"])
        if prior.revision and not await tx.learning.was_learned(named["per"], prior, at):
            return (f"prior: revision {prior.revision} did not learn what the reason names",)
    return ()


def _plain(reason: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(reason))
    return plain


def _differences(
    stored: Mapping[str, Any], recomputed: Mapping[str, Any] | None
) -> tuple[str, ...]:
    if recomputed is None:
        return ("the complaint that crossed the bound does not cross it now",)
    recomputed = _as_far_as_was_said(dict(stored), recomputed)
    return tuple(
        f"{name}: stored {stored.get(name)!r}, recomputed {recomputed.get(name)!r}"
        for name in sorted({*stored, *recomputed})
        if stored.get(name) != recomputed.get(name)
    )


def _as_far_as_was_said(stored: Any, recomputed: Any) -> Any:
    """Return what comes out, cut where the stored figures were: `predictive` goes further now."""
    if isinstance(stored, dict) and isinstance(recomputed, dict):
        return {
            name: _as_far_as_was_said(stored.get(name), value)
            for name, value in recomputed.items()
        }
    if isinstance(stored, list) and isinstance(recomputed, list):
        return list(starmap(_as_far_as_was_said, zip_longest(stored, recomputed)))
    is_cut = stored == LARGEST_ODDS and isinstance(recomputed, float)
    return min(recomputed, LARGEST_ODDS) if is_cut else recomputed


async def _from_all(
    tx: Transaction, case: Case, rule: Rule, priors: Priors, now: datetime
) -> Crossing | None:
    signals = await tx.signals.observed(case.scope.sku, None, also_judged_by=case.id)
    shipments = await tx.signals.shipments(case.scope.sku, None, known_at=now)
    history = await tx.signals.judged_usual(case.scope.sku, now) if learns(rule) else ()
    found = crossings(rule, Evidence(signals, shipments, history=history, priors=priors))
    return next((one for one in found if case.covers(one.scope)), None)
