"""Cases as they look in each state, the facts around them, and arguments that satisfy guards."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from freezeguard.domain import effects as fx
from freezeguard.domain.case import Decision, decide
from freezeguard.domain.enforcement import ObjectState, Status
from freezeguard.domain.people import Actor
from freezeguard.domain.policy import Policy
from freezeguard.domain.record import Case, Facts, ProbationRecord, RunningClock, Vote
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import FINAL, Command, State
from tests.domain.cast import OWEN, VERA

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
POLICY = Policy()

REMEDY: Mapping[str, Any] = {
    "cause": {
        "branch": "material",
        "description": "a brittle seal",
        "proof": "twelve seals cracked under load",
    },
    "containment": {
        "own_stock": "quarantined",
        "vendor_stock": "quarantined",
        "in_transit": "called back",
    },
    "corrective_action": "new seal",
    "preventive_action": "seals are sampled on arrival",
}
VERIFICATION: Mapping[str, Any] = {"result": "fifty units inspected, none leaks"}

STOPPED = ObjectState("shop", "p-1", "hard", Status.CONFIRMED, seen_sellable=False)
PENDING = ObjectState("till", "t-9", "hard", Status.PENDING, seen_sellable=True)
REFUSED = replace(PENDING, status=Status.REFUSED)
RESTORED = ObjectState("shop", "p-1", "sellable", Status.IDLE, seen_sellable=True)
RELEASING = replace(PENDING, wanted="sellable", seen_sellable=False)

_BORN_FROZEN = frozenset({State.SUSPECTED, State.EXPIRED})


@dataclass(frozen=True)
class Line:
    """An event as the database keeps it."""

    command: str
    from_state: str | None
    to_state: str
    version: int
    evidence_revision: int
    arguments: Mapping[str, Any] = field(default_factory=dict)


def case_in(state: State | str, **changes: Any) -> Case:
    """Return a case that is in a state by the ordinary course of things."""
    state = State(state)
    case = Case(
        id=UUID(int=7), scope=Scope("K-1"), state=state, lane="quality", opened_by="detector",
        opened_at=NOW - 3 * DAY, reason={"sentence": "5 customers complained."}, version=4,
        evidence_revision=3, vendor="acme", category="kettles", owner=OWEN.id,
        frozen_at=None if state in _BORN_FROZEN else NOW - 2 * DAY,
        closed_at=NOW - HOUR if state in FINAL else None,
    )
    if state in {State.REMEDY_PROPOSED, State.AWAITING_APPROVAL}:
        case = replace(case, remedy=REMEDY, remedy_author=VERA.id)
    if state is State.AWAITING_APPROVAL:
        case = replace(
            case, verification=VERIFICATION, approval_requested_at=NOW - HOUR,
            approval_requested_by=OWEN.id, approval_evidence=3,
        )
    if state in {State.REINSTATING, State.PROBATION}:
        case = replace(case, reinstated_at=NOW - DAY)
    if state is State.PROBATION:
        case = replace(case, probation=terms(started=NOW - DAY))
    return replace(case, **changes)


def terms(started: datetime, *, units: int = 200) -> dict[str, Any]:
    """Return the terms of a first probation."""
    return {
        "started_at": started.isoformat(),
        "until": (started + 14 * DAY).isoformat(),
        "units": units,
        "cap": (started + 90 * DAY).isoformat(),
    }


GOOD_RECORD = ProbationRecord(complaints=0, units=300)


def vote(person: str, command: Command = Command.APPROVE, **changes: Any) -> Vote:
    """Return a live vote of a manager on the evidence of `case_in`."""
    cast = Vote(command.value, person, True, 3, NOW + HOUR)
    return replace(cast, **changes)


def approval(**changes: Any) -> dict[str, Any]:
    """Return the arguments of an approval on the evidence of `case_in`."""
    return {"evidence_revision": 3, **changes}


def give(
    case: Case,
    command: Command,
    actor: Actor,
    arguments: Mapping[str, Any] | None = None,
    facts: Facts | None = None,
    **options: Any,
) -> Decision:
    """Give a command at `NOW`, with the version that the case has."""
    return decide(
        case, command, arguments=arguments or {}, actor=actor, now=options.get("now", NOW),
        facts=facts or Facts(), version=options.get("version", case.version),
    )


def kinds(decision: Decision) -> list[tuple[str, str]]:
    """Return who is told what by a decision, in order."""
    return [(one.kind, one.reader) for one in decision.effects if isinstance(one, fx.Notify)]


CLOCKS = (fx.StartClock, fx.StopClocks, fx.PauseClocks, fx.ResumeClocks)


def without_clocks(decision: Decision) -> list[fx.Effect]:
    """Return what a decision asks for beside clocks (test_clocks.py is about those), in order."""
    return [one for one in decision.effects if not isinstance(one, CLOCKS)]


def beside_clocks(decision: Decision) -> list[fx.Effect]:
    """Return what a decision asks for beside clocks and notices, in order."""
    return [one for one in without_clocks(decision) if not isinstance(one, fx.Notify)]


def started(decision: Decision) -> dict[str, datetime]:
    """Return the clocks that a decision starts, and when they are due."""
    return {one.kind: one.due_at for one in decision.effects if isinstance(one, fx.StartClock)}


def stopped(decision: Decision) -> set[str]:
    """Return the clocks that a decision stops."""
    return {
        kind for one in decision.effects if isinstance(one, fx.StopClocks) for kind in one.kinds
    }


def running(*kinds: str, **changes: Any) -> tuple[RunningClock, ...]:
    """Return clocks that run, started an hour ago and due in an hour."""
    return tuple(
        replace(RunningClock(kind, NOW - HOUR, NOW + HOUR, next_at=NOW + HOUR), **changes)
        for kind in kinds
    )


def without_notices(decision: Decision) -> list[fx.Effect]:
    """Return what a decision asks for beside notices, in order."""
    return [one for one in decision.effects if not isinstance(one, fx.Notify)]
