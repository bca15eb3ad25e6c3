"""From a suspicion to a stop that is read back, and what the reconciler sees on the way."""

from collections.abc import Mapping
from typing import Any

from freezeguard.domain.acts.outcome import (
    Act,
    Outcome,
    no_approval,
    stricter_lane,
    told_of_the_stop,
)
from freezeguard.domain.clocks import stopped_by_confirmation
from freezeguard.domain.effects import (
    FOR_COMPLIANCE,
    CloseTask,
    CloseTasks,
    Effect,
    JudgeSignals,
    LookAgain,
    Notify,
    OpenTask,
    ReleaseHold,
    SetHold,
    StopClocks,
    VoidVotes,
)
from freezeguard.domain.enforcement import Status, are_stopped, is_degraded, listed_nowhere
from freezeguard.domain.guards import Move
from freezeguard.domain.people import Person
from freezeguard.domain.record import SOME_AUTHORITY, Case
from freezeguard.domain.transitions import Command, State

AGAIN = frozenset({State.REINSTATING, State.PROBATION, State.APPEALED})


def _suspect(move: Move) -> Outcome:
    effects: list[Effect] = []
    if isinstance(move.actor, Person) and move.facts.policy.soft_hold:
        effects.append(SetHold("hide", soft=True))
    return {}, [*effects, Notify("suspected", "owner")]


def _expire(_: Move) -> Outcome:
    return {}, [ReleaseHold(), CloseTasks("stop"), Notify("expired", "pullers")]


def _dismiss(move: Move) -> Outcome:
    why = {"why": move.arguments["reason"]}
    changes = {"outcome": "false_alarm", "decided_by": (move.person or "",)}
    return changes, [
        ReleaseHold(), CloseTasks("stop"), JudgeSignals(usual=True),
        Notify("dismissed", "pullers", why),
    ]


def _freeze(move: Move) -> Outcome:
    """Freeze for the first time, or again in the same case."""
    case, arguments = move.case, move.arguments
    lane = stricter_lane(case.lane, arguments.get("lane") or "quality")
    changes: dict[str, Any] = {"lane": lane}
    for key in ("reason", "rule_id", "rule_version", "known_evidence"):
        if arguments.get(key) is not None:
            changes[key] = arguments[key]
    if arguments.get("lane") == "authority":
        changes["authority_order"] = order_of(move)
    return stopped(move, changes)


def order_of(move: Move) -> dict[str, Any]:
    """Return an authority's order as a case keeps it."""
    arguments, before = move.arguments, move.case.lane
    if before == "authority":
        before = (move.case.authority_order or {}).get("lane_before") or "quality"
    order = {
        "authority": arguments.get("authority") or arguments.get("comment") or SOME_AUTHORITY,
        "document": arguments.get("document") or "",
        "jurisdiction": next(iter(move.facts.jurisdictions), arguments.get("jurisdiction")),
        "registered_at": move.now.isoformat(),
        "registered_by": move.person,
        "lane_before": before,
    }
    in_force = move.case.orders_in_force
    return {**order, "further": in_force} if in_force else order


def stopped(move: Move, changes: Mapping[str, Any]) -> Outcome:
    """Stop the sale of a case's scope; where it was reinstated or appealed, begin afresh."""
    after = {"frozen_at": move.now, "narrowing": None, **changes}
    effects: list[Effect] = [SetHold("hard"), CloseTasks("release")]
    again = move.from_state in AGAIN
    if again:
        after |= fresh_start(move.case)
        effects.append(VoidVotes("the sale was stopped again"))
    if move.command is Command.REOPEN:
        return after, [*effects, *_told_of_reopening(move)]
    if again:
        after["recurrence"] = move.case.recurrence + 1
    kind = "refrozen" if again else "statement_of_reasons"
    told = [Notify(kind, "vendor"), Notify(kind, "owner")]
    if after.get("lane", move.case.lane) == "safety":
        told.append(Notify(kind, "compliance", FOR_COMPLIANCE))
    return after, [*effects, *told]


def _told_of_reopening(move: Move) -> list[Effect]:
    """An appeal was granted: no fault came back, and what was delisted was never sold meanwhile.

    After a false alarm the sale ran, and staff has appealed: to the vendor it is a stop as any.
    """
    sold = move.case.outcome == "false_alarm"
    told = {"why": move.arguments["reason"], "was_sold": sold}
    to_vendor = Notify("statement_of_reasons", "vendor") if sold else Notify(
        "appeal_reopened", "vendor", told
    )
    effects: list[Effect] = [to_vendor, Notify("appeal_reopened", "owner", told)]
    if sold and move.case.lane == "safety":
        effects.append(Notify("statement_of_reasons", "compliance", FOR_COMPLIANCE))
    return effects


def fresh_start(case: Case) -> dict[str, Any]:
    """Return the fields of a case whose remedy, promises and probation are a thing of the past."""
    return {
        "evidence_revision": case.evidence_revision + 1,
        "outcome": None,
        "reinstated_at": None,
        "remedy": None,
        "remedy_author": None,
        "remedy_rounds": 0,
        "verification": None,
        "probation": None,
        "release_tries": 0,
        "commitment": None,
        "contest": None,
        "vendor_status": "unreached",
        **no_approval(),
    }


def _confirm_freeze(move: Move) -> Outcome:
    return {"degraded": is_degraded(move.facts.objects)}, told_of_the_stop(move)


def _fact(move: Move) -> Outcome:
    """Record what the reconciler saw: derive `degraded`, and call a person where needed."""
    degraded = is_degraded(move.facts.objects)
    effects: list[Effect] = []
    seen = {key: move.arguments.get(key, "") for key in ("catalogue", "remote_id", "detail")}
    if degraded and not move.case.degraded:
        status = move.command.value
        if listed_nowhere(move.facts.objects):
            status = Status.NOT_LISTED.value
        effects.append(Notify("degraded", "owner", {**seen, "status": status}))
    if instruction := move.arguments.get("instruction"):
        effects += [
            OpenTask("stop", seen["catalogue"], seen["remote_id"], instruction),
            Notify("manual_task", "owner", {**seen, "instruction": instruction}),
        ]
    if _is_stopped_for_good(move):
        running = [one.kind for one in move.facts.clocks]
        waiting = ["confirm"] if "confirm" in running else []
        if over := [*waiting, *stopped_by_confirmation(move, running)]:
            effects.append(StopClocks(tuple(over)))
        if waiting:
            effects += told_of_the_stop(move)
    return {"degraded": degraded}, effects


def _is_stopped_for_good(move: Move) -> bool:
    """Say whether the stop is read back, if only now: the case was taken over or widened before.

    While it is freezing `confirm_freeze` says so. What no catalogue lists nobody has seen stopped.
    """
    case = move.case
    held = case.keeps_its_hold or case.state is State.DELISTED
    return held and case.state is not State.FREEZING and are_stopped(move.facts.objects)


def _resolve_task(move: Move) -> Outcome:
    arguments = move.arguments
    where = (arguments["catalogue"], str(arguments.get("remote_id", "")))
    return {}, [CloseTask(*where, str(arguments.get("note", ""))), LookAgain()]


ACTS: Mapping[Command, Act] = {
    Command.SUSPECT: _suspect,
    Command.EXPIRE: _expire,
    Command.DISMISS: _dismiss,
    Command.FREEZE: _freeze,
    Command.CONFIRM_FREEZE: _confirm_freeze,
    Command.REFUSED: _fact,
    Command.UNREACHABLE: _fact,
    Command.DRIFTED: _fact,
    Command.CONFIRMED: _fact,
    Command.RESOLVE_TASK: _resolve_task,
}
