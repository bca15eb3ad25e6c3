"""Every clock of a case, beside the commands that start it and the states in which it runs.

A clock runs only in its states: whoever leads the case out of them stops it, in the same
transaction. Where it pauses, somebody else has the ball. The table is drawn in
docs/state-machine.md.

`Kind.due` is computed from what a decision knows; `Ladder` says whom a clock tells when it runs
out, and who comes after them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from freezeguard.domain import probation
from freezeguard.domain.calendars import Calendar, share
from freezeguard.domain.effects import (
    Effect,
    PauseClocks,
    ResumeClocks,
    StartClock,
    StopClocks,
)
from freezeguard.domain.guards import Move
from freezeguard.domain.legal import LegalClock, StartsOn, StopsOn
from freezeguard.domain.people import MachineKey, Person, System, is_vendor
from freezeguard.domain.record import Case, Facts, RunningClock
from freezeguard.domain.transitions import FROZEN_PHASE, OPEN, Command, State

WARNING = 0.8
"""The share of a clock's time after which the one whose clock it is gets a warning."""

WAIVER = "waiver:"
"""Begins the name of a waiver's clock; the catalogue object follows."""
QUESTION, VENDOR_QUESTION = "question:", "vendor_question:"
"""Begin the name of the clock of a question, asked of the shop or of the vendor; its id follows."""


class Ladder(StrEnum):
    """Who is told when a clock runs out, and who after them, until it is answered."""

    OWNER = "owner, deputy, managers, administrators"
    APPROVERS = "approvers, managers, administrators"
    REVIEWERS = "managers, administrators"
    COMPLIANCE = "compliance, administrators"
    VENDOR = "second contact, superior, owner"
    ITSELF = "nobody: it acts"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of clock.

    `starts` restart it where it runs already. `runs_in` are its states, None for all, final ones
    included. `stops` end it earlier, and `stopped_by_vendor` where the vendor gives them. `warns`
    is False where a warning would tell nobody anything.
    """

    name: str
    due: Callable[[Move], datetime]
    lasts: str
    starts: frozenset[Command]
    runs_in: frozenset[State] | None
    ladder: Ladder
    stops: frozenset[Command] = frozenset()
    pauses_in: frozenset[State] = frozenset()
    warns: bool = False
    when: Callable[[Move], bool] = lambda _: True
    calendar: Callable[[Move], Calendar | None] = lambda _: None
    stopped_by_vendor: frozenset[Command] = frozenset()


# ------------------------------------------------------------------------------ how long


def _elapsed(amount: str) -> Callable[[Move], datetime]:
    return lambda move: move.now + getattr(move.facts.policy, amount)


def _owners(move: Move) -> Calendar | None:
    """Working time counts in the owner's place; nobody waits for it where people get hurt."""
    return None if move.case.lane == "safety" else move.facts.owner_calendar


def _vendors(move: Move) -> Calendar | None:
    """A vendor's clock stands still on the vendor's holidays, but not where people get hurt."""
    return None if move.case.lane == "safety" else move.facts.vendor_calendar


def _hours(amount: str, calendar: Callable[[Move], Calendar | None]) -> Callable[[Move], datetime]:
    def due(move: Move) -> datetime:
        time, place = getattr(move.facts.policy, amount), calendar(move)
        return move.now + time if place is None else place.after_hours(move.now, time)

    return due


def _days(amount: str) -> Callable[[Move], datetime]:
    """A term in working days, and the same in elapsed days where people get hurt."""
    return lambda move: after_days(move, getattr(move.facts.policy, amount))


def after_days(move: Move, days: int) -> datetime:
    """Return when a term in days that begins with a move ends: the clock's, and the one told."""
    place = _owners(move)
    return move.now + timedelta(days=days) if place is None else place.after_days(move.now, days)


def _second_opinion(move: Move) -> datetime:
    if isinstance(move.actor, Person):
        return move.now + move.facts.policy.second_opinion
    return datetime.fromisoformat(move.arguments["quiet_after"])


def _own_date(move: Move) -> datetime:
    return datetime.fromisoformat(move.arguments["date"])


def _probation(move: Move) -> datetime:
    return datetime.fromisoformat(probation.terms(move.case, move.facts.policy, move.now)["until"])


def _updates(move: Move) -> datetime:
    return move.now + update_rhythm(move)


def update_rhythm(move: Move) -> timedelta:
    """Return how often the vendor and the owner hear of a case, news or not."""
    policy = move.facts.policy
    return policy.update_rhythm if move.case.lane == "quality" else policy.safety_update_rhythm


# ------------------------------------------------------------------------------- when


def _by_few(move: Move) -> bool:
    """A freeze that fewer than a manager's judgement brought about is looked at later.

    By two associates, by one for a safety reason, by a machine key, by an emergency order that
    nobody put their name to, and of the detector's a sample: the same share of all cases, chosen
    by nothing but their ids.
    """
    if isinstance(move.actor, MachineKey) or move.actor is System.OPERATOR:
        return True
    if isinstance(move.actor, Person):
        return not move.actor.judges_alone
    every = move.facts.policy.review_every
    return bool(every) and move.case.id.int % every == 0


def _is_reinstated(move: Move) -> bool:
    return move.case.outcome != "false_alarm"


_C, _S = Command, State
_STOPPED = frozenset({_C.FREEZE, _C.REGISTER_ORDER, _C.REOPEN})
_BEFORE_REMEDY = frozenset({_S.FREEZING, _S.FROZEN, _S.DIAGNOSING})
_BACK_TO_DIAGNOSIS = frozenset({_C.RETURN_REMEDY, _C.REJECT_APPROVAL, _C.VOID_APPROVAL, _C.ABSORB})
_VENDOR_SPOKE = frozenset({_C.ACKNOWLEDGE, _C.COMMIT_DATE, _C.CONTEST})
_WORDS = frozenset({_C.COMMENT, _C.ATTACH_EVIDENCE})

# fmt: off
KINDS: tuple[Kind, ...] = (
    Kind("second_opinion", _second_opinion, "15 min, or the window of the rule",
         frozenset({_C.SUSPECT}), frozenset({_S.SUSPECTED}), Ladder.ITSELF),
    Kind("accept", _elapsed("accept_within"), "5 s",
         _STOPPED, frozenset({_S.FREEZING}), Ladder.OWNER),
    Kind("confirm", _elapsed("confirm_within"), "30 s",
         _STOPPED | {_C.WIDEN}, FROZEN_PHASE, Ladder.OWNER, stops=frozenset({_C.CONFIRM_FREEZE})),
    Kind("ownership", _hours("ownership_within", _owners), "1 working hour",
         _STOPPED, frozenset({_S.FREEZING, _S.FROZEN}), Ladder.OWNER, calendar=_owners),
    Kind("vendor_ack", _hours("vendor_ack_within", _vendors), "24 h from delivery",
         frozenset({_C.VENDOR_NOTIFIED}), _BEFORE_REMEDY, Ladder.VENDOR, stops=_VENDOR_SPOKE,
         stopped_by_vendor=_WORDS, calendar=_vendors),
    Kind("vendor_plan", _hours("vendor_plan_within", _vendors), "72 h from delivery",
         frozenset({_C.VENDOR_NOTIFIED, _C.RETURN_REMEDY}), _BEFORE_REMEDY, Ladder.OWNER,
         stops=frozenset({_C.COMMIT_DATE, _C.CONTEST}), calendar=_vendors),
    Kind("vendor_date", _own_date, "the vendor's own date",
         frozenset({_C.COMMIT_DATE}), _BEFORE_REMEDY, Ladder.OWNER, warns=True,
         pauses_in=frozenset({_S.REMEDY_PROPOSED, _S.AWAITING_APPROVAL})),
    Kind("diagnosis", _days("diagnosis_days"), "10 working days",
         _STOPPED | _BACK_TO_DIAGNOSIS, _BEFORE_REMEDY, Ladder.OWNER, warns=True,
         stops=frozenset({_C.COMMIT_DATE}), calendar=_owners),
    Kind("contest", _days("contest_days"), "2 working days",
         frozenset({_C.CONTEST}), FROZEN_PHASE, Ladder.OWNER, warns=True,
         stops=frozenset({_C.ANSWER_CONTEST}), calendar=_owners),
    Kind("judge", _hours("judge_within", _owners), "8 working hours",
         frozenset({_C.PROPOSE_REMEDY}), frozenset({_S.REMEDY_PROPOSED}), Ladder.OWNER,
         warns=True, calendar=_owners),
    Kind("approve", _hours("judge_within", _owners), "8 working hours",
         frozenset({_C.REQUEST_APPROVAL}), frozenset({_S.AWAITING_APPROVAL}), Ladder.APPROVERS,
         warns=True, calendar=_owners),
    Kind("revocation", _hours("judge_within", _owners), "8 working hours",
         frozenset({_C.REGISTER_REVOCATION}), FROZEN_PHASE, Ladder.COMPLIANCE,
         stops=frozenset({_C.REGISTER_ORDER}), warns=True, calendar=_owners,
         when=lambda move: not move.case.orders_in_force),
    Kind("update", _updates, "3 days; 1 day in the lanes safety and authority",
         _STOPPED | {_C.APPEAL}, FROZEN_PHASE | {_S.APPEALED}, Ladder.ITSELF,
         when=lambda move: move.case.frozen_vendor_knows),
    Kind("release", _elapsed("release_within"), "60 s",
         frozenset({_C.APPROVE, _C.DECLARE_FALSE_ALARM}), frozenset({_S.REINSTATING}),
         Ladder.OWNER),
    Kind("probation", _probation, "14 days, doubled with each recurrence",
         frozenset({_C.CONFIRM_RELEASE}), frozenset({_S.PROBATION}), Ladder.ITSELF,
         when=_is_reinstated),
    Kind("hand_off", _hours("hand_off_within", _owners), "1 working hour",
         frozenset({_C.HAND_OFF}), OPEN, Ladder.ITSELF,
         stops=frozenset({_C.ACCEPT_HAND_OFF, _C.LAPSE_HAND_OFF}), calendar=_owners),
    Kind("appeal", _days("appeal_days"), "5 working days",
         frozenset({_C.APPEAL}), frozenset({_S.APPEALED}), Ladder.REVIEWERS, warns=True,
         calendar=_owners),
    Kind("hold_review", _elapsed("hold_review_after"), "30 days",
         _STOPPED | {_C.REVIEW}, FROZEN_PHASE, Ladder.ITSELF),
    Kind("later_review", _days("later_review_days"), "1 working day",
         frozenset({_C.FREEZE}), None, Ladder.REVIEWERS, stops=frozenset({_C.REVIEW}),
         when=_by_few, calendar=_owners),
)
# fmt: on

BY_NAME: Mapping[str, Kind] = {one.name: one for one in KINDS}
MANUAL_TASK = "manual_task"
"""Started with a task that a person is asked for, 5 min; stops with the last of them."""

LASTING = frozenset({"later_review", MANUAL_TASK})
"""Clocks that the end of a case does not stop; legal ones neither."""

EXTENDABLE = frozenset(
    {"ownership", "vendor_ack", "vendor_plan", "vendor_date", "diagnosis", "contest", "judge",
     "approve", "probation", "appeal", "hold_review", "later_review"}
)
"""Deadlines that a manager may move; seconds of a machine and the law's are not his to move."""


# ---------------------------------------------------------------------------- what follows


def clock_effects(move: Move, after: Case) -> list[Effect]:
    """Return what a command does to the clocks of its case, `after` being the case afterwards."""
    settled = Move(after, move.from_state, move.command, move.arguments, move.actor, move.now,
                   move.facts)
    running = {one.kind: one for one in move.facts.clocks}
    starts = [kind for kind in KINDS if _starts(kind, settled)]
    started = {kind.name for kind in starts}
    stops, pauses, resumes = [], [], []
    for name, clock in running.items():
        if _is_over(name, after):
            stops.append(name)
        kind = BY_NAME.get(name)
        if name in started or kind is None:
            continue
        if _is_answered(kind, move) or not _has_place(kind, after.state):
            stops.append(name)
        elif after.state in kind.pauses_in and not clock.is_paused:
            pauses.append(name)
        elif after.state not in kind.pauses_in and clock.is_paused:
            resumes.append(name)
    stops += _stopped_by_law(settled, running)
    effects: list[Effect] = []
    if stops:
        effects.append(StopClocks(tuple(stops)))
    if pauses:
        effects.append(PauseClocks(tuple(pauses)))
    if resumes:
        effects.append(ResumeClocks(tuple(resumes)))
    return [*effects, *(start(kind, settled) for kind in starts), *_legal_starts(settled)]


def start(kind: Kind, move: Move) -> StartClock:
    """Return the start of a clock at the moment of a move."""
    due = kind.due(move)
    warned = share(kind.calendar(move), move.now, due, WARNING) if kind.warns else due
    return StartClock(kind.name, due, warned)


def _starts(kind: Kind, move: Move) -> bool:
    if move.command not in kind.starts or not _has_place(kind, move.case.state):
        return False
    if move.command is Command.ABSORB and move.facts.runs(kind.name):
        return False  # the earlier of two due times is kept
    moved = move.case.state is not move.from_state
    if move.command in _STOPPED and not moved:
        return False  # an order on a sale that is stopped already stops nothing anew
    if move.command in {Command.APPROVE, Command.DECLARE_FALSE_ALARM} and not moved:
        return False  # a first vote
    return kind.when(move)


def _is_answered(kind: Kind, move: Move) -> bool:
    if move.command in kind.stops:
        return True
    return move.command in kind.stopped_by_vendor and is_vendor(move.actor)


def _is_over(name: str, after: Case) -> bool:
    """Say whether what a clock of no kind waits for has ended with what the case was in."""
    if name.startswith(WAIVER):
        return after.state not in FROZEN_PHASE
    return is_of_question(name) and after.is_final


def _has_place(kind: Kind, state: State) -> bool:
    return kind.runs_in is None or state in kind.runs_in or state in kind.pauses_in


# ------------------------------------------------------------------------------ the law


def _legal_starts(move: Move) -> list[Effect]:
    event = _legal_event(move)
    effects: list[Effect] = []
    for law, calendar in move.facts.laws:
        if law.starts_on is not event or not _concerns(law, move):
            continue
        name, details = law.kind, legal_details(law, move.now, calendar)
        if _is_of_another_order(law, move):
            name = _beside(law.kind, move)
            details |= _of_order(law, move)
        elif _is_settled(law, move):
            continue
        due = law.due(move.now, calendar)
        warned = min(law.warnings(move.now, calendar), default=due)
        effects.append(StartClock(name, due, warned, details))
    return effects


def law_of_news(after: Case, now: datetime, facts: Facts) -> tuple[Effect, ...]:
    """Return the legal clocks that start where news makes a stopped sale a matter of safety."""
    if after.lane != "safety" or not after.in_frozen_phase:
        return ()
    as_frozen = Move(after, after.state, Command.FREEZE, {}, System.DETECTOR, now, facts)
    return tuple(_legal_starts(as_frozen))


def _is_settled(law: LegalClock, move: Move) -> bool:
    """Say whether a period runs already, which no later event prolongs, or is met already."""
    if move.facts.runs(law.kind):
        return True
    return (
        law.stops_on is StopsOn.STOP_CONFIRMED
        and move.from_state in FROZEN_PHASE - {State.FREEZING}
        and all(one.is_read_back for one in move.facts.objects)
    )


def _is_of_another_order(law: LegalClock, move: Move) -> bool:
    """Say whether an earlier order's period runs, and what is told of that answers not this one.

    What ends with the stop ends with it for every order: the earliest of those is enough.
    """
    return (
        law.starts_on is StartsOn.AUTHORITY_ORDER
        and law.stops_on is StopsOn.ACTION_RECORDED
        and move.facts.runs(law.kind)
    )


def _beside(kind: str, move: Move) -> str:
    """Return a name of its own for another clock of a kind: gpsr_order:2."""
    number = 2
    while move.facts.runs(f"{kind}:{number}"):
        number += 1
    return f"{kind}:{number}"


def _of_order(law: LegalClock, move: Move) -> dict[str, Any]:
    """Return what tells a further order's clock from the first one's."""
    order = move.case.authority_order or {}
    named = f"{order.get('document')}, {order.get('authority')}"
    return {"order": named, "sentence": f"{law.sentence} ({named})"}


def legal_details(law: LegalClock, now: datetime, calendar: Calendar) -> dict[str, Any]:
    """Return what the row of a legal clock says of its law, with the moments of its warnings."""
    warnings = [one.isoformat() for one in law.warnings(now, calendar)]
    return {
        "law": law.law, "jurisdiction": law.jurisdiction, "sentence": law.sentence,
        "warn_at": warnings,
    }


def is_of_question(name: str) -> bool:
    """Say whether a clock of this name waits for an answer."""
    return name.startswith((QUESTION, VENDOR_QUESTION))


def sort_of(name: str) -> str:
    """Return what sort of clock a name is of: of several of one sort each adds its own object."""
    return name.partition(":")[0]


def is_legal(clock: RunningClock) -> bool:
    """Say whether a law set this clock: its row names the article."""
    return "law" in clock.details


def _legal_event(move: Move) -> StartsOn | None:
    if move.command is Command.REGISTER_ORDER:
        return StartsOn.AUTHORITY_ORDER
    if move.command is Command.FREEZE and move.case.lane == "authority":
        return StartsOn.AUTHORITY_ORDER
    if move.command is Command.FREEZE and move.case.lane == "safety":
        return StartsOn.SAFETY_FREEZE
    return None


def _concerns(law: LegalClock, move: Move) -> bool:
    """Say whether the law is one of those under which an order was given; all, if none is named."""
    named = move.arguments.get("jurisdiction")
    return named is None or law.jurisdiction.upper() in (
        move.facts.jurisdictions or {str(named).upper()}
    )


def _stopped_by_law(move: Move, running: Iterable[str]) -> list[str]:
    """Return the legal clocks that a command ends: the stop is confirmed, or the act recorded.

    With a case that is merged they go to the one that survives.
    """
    if move.command is Command.MERGE:
        return [one.kind for one in move.facts.clocks if is_legal(one)]
    if move.command is Command.RECORD_ACTION:
        return [name for name in running if name == move.arguments.get("clock")]
    if move.command is not Command.CONFIRM_FREEZE:
        return []
    return stopped_by_confirmation(move, running)


def stopped_by_confirmation(move: Move, running: Iterable[str]) -> list[str]:
    """Return the legal clocks that end once the stop is read back everywhere.

    A law asks that nothing is sold: what somebody waives is not stopped for it.
    """
    if not all(one.is_read_back for one in move.facts.objects):
        return []
    of_stop = {law.kind for law, _ in move.facts.laws if law.stops_on is StopsOn.STOP_CONFIRMED}
    return [name for name in running if name in of_stop]
