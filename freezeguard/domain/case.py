"""One function over the table: `decide`. It returns the new case and what must be done.

Nothing here awaits, reads a clock or knows a database. A refused command raises, and nothing has
changed. The service stores the new case, one history record and all effects in one transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from freezeguard.domain import probation
from freezeguard.domain.authority import accepts
from freezeguard.domain.effects import (
    CastVote,
    CloseTask,
    CloseTasks,
    Effect,
    EndHold,
    JudgeSignals,
    LookAgain,
    Notify,
    OpenTask,
    Reader,
    ReleaseHold,
    ScoreFalseAlarm,
    SetHold,
    StartClock,
    StopClocks,
    VoidVotes,
)
from freezeguard.domain.enforcement import is_degraded
from freezeguard.domain.errors import (
    GuardFailed,
    IllegalTransition,
    NotAllowed,
    NotAvailableYet,
    VersionConflict,
)
from freezeguard.domain.guards import Move, is_last_vote, live_votes, missing
from freezeguard.domain.people import Actor, Person, System, actor_name
from freezeguard.domain.record import Case, Facts
from freezeguard.domain.transitions import (
    FINAL,
    ILLEGAL_IN_AUTHORITY_LANE,
    Command,
    Row,
    State,
    find_row,
    rows_of,
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command did: the case afterwards, and what the service must carry out with it."""

    case: Case
    from_state: State | None
    command: str
    arguments: Mapping[str, Any]
    effects: tuple[Effect, ...]


Outcome = tuple[dict[str, Any], list[Effect]]


def decide(
    case: Case,
    command: Command,
    *,
    arguments: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    facts: Facts,
    version: int | None = None,
) -> Decision:
    """Decide a command on an existing case.

    `version` is the one that the caller saw; None where the caller holds the case's lock and
    means its present version (the system's own commands, and those that need none).
    Refuses in this order: NotAllowed, VersionConflict, IllegalTransition or NotAvailableYet,
    GuardFailed.
    """
    _check_authority(case, command, actor)
    row = find_row(command, case.state)
    if version is not None and version != case.version and _is_versioned(command):
        raise VersionConflict(
            f"The case is at version {case.version} ({case.state}), not {version}."
        )
    if row is None or (case.lane == "authority" and command in ILLEGAL_IN_AUTHORITY_LANE):
        raise IllegalTransition(f"{command} is not possible while a case is {case.state}.")
    if not row.available:
        raise NotAvailableYet(f"{command} comes with a later release.")
    move = Move(case, case.state, command, arguments, actor, now, facts)
    return _carry_out(move, row)


def open_case(
    seed: Case,
    command: Command,
    *,
    arguments: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    facts: Facts,
) -> Decision:
    """Open a case by `suspect` or `freeze`. `seed` is the case as it shall be born.

    Raises NotAllowed or GuardFailed.
    """
    row = find_row(command, None)
    if row is None or not accepts(row, seed, actor):
        raise NotAllowed(f"{actor_name(actor)} may not {command}.")
    return _carry_out(Move(seed, None, command, arguments, actor, now, facts), row)


def take_news(case: Case, known: Mapping[str, Any], news: Sequence[str], lane: str) -> Decision:
    """Raise the evidence revision for material news; a stricter lane is such news.

    Where an approval is asked for, `void_approval` must follow in the same transaction.
    """
    after = replace(
        case, evidence_revision=case.evidence_revision + 1, known_evidence=known, lane=lane
    )
    effects: tuple[Effect, ...] = (VoidVotes("the evidence has changed"),)
    if lane != case.lane:
        effects = (*effects, SetHold("hard"))  # readers see the stricter lane
    return Decision(after, case.state, "news", {"news": list(news), "lane": lane}, effects)


def _is_versioned(command: Command) -> bool:
    return all(row.versioned for row in rows_of(command))


def _check_authority(case: Case, command: Command, actor: Actor) -> None:
    """Refuse who may never give this command, and who may not give it in this state."""
    row = find_row(command, case.state)
    candidates = (row,) if row is not None else rows_of(command)
    if not any(accepts(candidate, case, actor) for candidate in candidates):
        who = sorted({who.value for candidate in candidates for who in candidate.who})
        raise NotAllowed(f"{command} is for: {', '.join(who)}.")


def _carry_out(move: Move, row: Row) -> Decision:
    if unmet := missing(move):
        raise GuardFailed(unmet)
    changes, effects = _HANDLERS[move.command](move)
    target = changes.pop("state", row.to) or move.case.state
    changes["state"] = target
    if move.from_state is not None and (row.versioned or target is not move.from_state):
        changes["version"] = move.case.version + 1
    if target in FINAL and move.from_state is not target:
        changes["closed_at"] = move.now
        effects.append(StopClocks())
    after = replace(move.case, **changes)
    return Decision(after, move.from_state, move.command, move.arguments, tuple(effects))


# ------------------------------------------------------------------- one handler per command


def _suspect(move: Move) -> Outcome:
    policy = move.facts.policy
    effects: list[Effect] = [Notify("suspected", "owner")]
    if isinstance(move.actor, Person):
        due = move.now + policy.second_opinion
        effects.append(StartClock("second_opinion", due))
        if policy.soft_hold:
            effects.append(SetHold("hide", soft=True))
    else:
        window = move.arguments["quiet_after"]
        effects.append(StartClock("second_opinion", datetime.fromisoformat(window)))
    return {}, effects


def _expire(_: Move) -> Outcome:
    return {}, [ReleaseHold(), Notify("expired", "pullers")]


def _dismiss(move: Move) -> Outcome:
    why = {"why": move.arguments["reason"]}
    return {}, [ReleaseHold(), JudgeSignals(), Notify("dismissed", "pullers", why)]


def _freeze(move: Move) -> Outcome:
    """Freeze for the first time, or again in the same case."""
    case, arguments = move.case, move.arguments
    again = move.from_state in {State.REINSTATING, State.PROBATION, State.APPEALED}
    changes: dict[str, Any] = {
        "frozen_at": move.now,
        "lane": stricter_lane(case.lane, arguments.get("lane") or "quality"),
    }
    for key in ("reason", "rule_id", "rule_version", "known_evidence"):
        if arguments.get(key) is not None:
            changes[key] = arguments[key]
    effects: list[Effect] = [
        StopClocks(),
        SetHold("hard"),
        CloseTasks("release"),
        StartClock("confirm", move.now + move.facts.policy.confirm_within),
    ]
    if again:
        changes |= _fresh_start(case)
        effects.append(VoidVotes("the sale was stopped again"))
    kind = "refrozen" if again else "statement_of_reasons"
    return changes, [*effects, Notify(kind, "vendor"), Notify(kind, "owner")]


def _fresh_start(case: Case) -> dict[str, Any]:
    return {
        "recurrence": case.recurrence + 1,
        "evidence_revision": case.evidence_revision + 1,
        "outcome": None,
        "reinstated_at": None,
        "remedy": None,
        "remedy_author": None,
        "remedy_rounds": 0,
        "verification": None,
        "probation": None,
        "release_tries": 0,
        **_no_approval(),
    }


def _no_approval() -> dict[str, Any]:
    return {
        "approval_requested_at": None,
        "approval_requested_by": None,
        "approval_evidence": None,
    }


def _confirm_freeze(move: Move) -> Outcome:
    return {"degraded": is_degraded(move.facts.objects)}, _told_of_the_stop()


def _told_of_the_stop() -> list[Effect]:
    return [
        StopClocks(("confirm",)),
        CloseTasks("stop"),
        Notify("frozen_confirmed", "vendor"),
        Notify("frozen_confirmed", "owner"),
    ]


def _fact(move: Move) -> Outcome:
    """Record what the reconciler saw: derive `degraded`, and call a person where needed."""
    degraded = is_degraded(move.facts.objects)
    effects: list[Effect] = []
    seen = {key: move.arguments.get(key, "") for key in ("catalogue", "remote_id", "detail")}
    if degraded and not move.case.degraded:
        effects.append(Notify("degraded", "owner", {**seen, "status": move.command.value}))
    if instruction := move.arguments.get("instruction"):
        effects += [
            OpenTask("stop", seen["catalogue"], seen["remote_id"], instruction),
            Notify("manual_task", "owner", {**seen, "instruction": instruction}),
        ]
    if move.facts.awaits_confirmation and all(one.is_stopped for one in move.facts.objects):
        effects += _told_of_the_stop()  # somebody took the case over before it was confirmed
    return {"degraded": degraded}, effects


def _resolve_task(move: Move) -> Outcome:
    arguments = move.arguments
    remote_id = str(arguments.get("remote_id", ""))
    note = str(arguments.get("note", ""))
    return {}, [CloseTask(arguments["catalogue"], remote_id, note), LookAgain()]


def _accept_ownership(move: Move) -> Outcome:
    sheet = {
        "opened_at": move.now.isoformat(),
        "opened_by": move.person,
        "similar_cases": list(move.arguments.get("similar_cases") or ()),
    }
    return {"diagnosis": sheet}, []


def _propose_remedy(move: Move) -> Outcome:
    """The owner judges it; from the third round on another manager does."""
    judge: Reader = "owner" if move.case.remedy_rounds < 2 else "approvers"
    told: list[Effect] = [Notify("remedy_proposed", judge)]
    return {"remedy": move.arguments["remedy"], "remedy_author": move.person}, told


def _return_remedy(move: Move) -> Outcome:
    lacking = {"missing": list(move.arguments["missing"])}
    rounds = {"remedy_rounds": move.case.remedy_rounds + 1}
    return rounds, [Notify("remedy_returned", "vendor", lacking)]


def _request_approval(move: Move) -> Outcome:
    changes = {
        "verification": move.arguments["verification"],
        "approval_requested_at": move.now,
        "approval_requested_by": move.person,
        "approval_evidence": move.case.evidence_revision,
        "known_evidence": {**move.case.known_evidence, "new_customers": []},
    }
    return changes, [Notify("approval_requested", "approvers")]


def _reject_approval(move: Move) -> Outcome:
    why = {"why": move.arguments["reason"]}
    effects: list[Effect] = [
        VoidVotes("the approval was rejected"),
        Notify("approval_rejected", "owner", why),
        Notify("approval_rejected", "vendor", why),
    ]
    return _no_approval(), effects


def _void_approval(move: Move) -> Outcome:
    why = {"why": move.arguments.get("reason") or "the evidence has changed"}
    effects: list[Effect] = [
        VoidVotes(why["why"]),
        Notify("approval_voided", "approvers", why),
        Notify("approval_voided", "owner", why),
        Notify("approval_voided", "vendor", why),
    ]
    return _no_approval(), effects


def _cast_vote(move: Move) -> Outcome:
    vote = CastVote(
        move.command.value,
        move.person or "",
        move.arguments,
        move.case.evidence_revision,
        move.now + move.facts.policy.vote_lifetime,
    )
    stays = {"state": move.from_state}
    return stays, [vote]


def _approve(move: Move) -> Outcome:
    if not is_last_vote(move):
        changes, effects = _cast_vote(move)
        second = {"second_needed": True}
        return changes, [*effects, Notify("approval_requested", "approvers", second)]
    released: list[Effect] = [
        VoidVotes("used"),
        JudgeSignals(),
        ReleaseHold(),
        CloseTasks("stop"),
    ]
    return {"reinstated_at": move.now, "release_tries": 0, **_no_approval()}, released


def _declare_false_alarm(move: Move) -> Outcome:
    if not is_last_vote(move):
        return _cast_vote(move)
    released: list[Effect] = [
        VoidVotes("used"),
        JudgeSignals(),
        ScoreFalseAlarm(),
        ReleaseHold(),
        CloseTasks("stop"),
    ]
    changes = {
        "outcome": "false_alarm",
        "reinstated_at": move.now,
        "release_tries": 0,
        "verification": {"false_alarm": move.arguments["reason_code"]},
        **_no_approval(),
    }
    return changes, released


def _confirm_release(move: Move) -> Outcome:
    case, policy = move.case, move.facts.policy
    effects: list[Effect] = [EndHold(), CloseTasks("release"), StopClocks()]
    if case.outcome == "false_alarm":
        code = {"reason_code": (case.verification or {}).get("false_alarm", "")}
        told = [Notify("false_alarm", "vendor", code), Notify("false_alarm", "owner", code)]
        return {"state": State.CLOSED_FALSE_ALARM, "degraded": False}, [*effects, *told]
    set_terms = probation.terms(case, policy, move.now)
    effects += [
        StartClock("probation", datetime.fromisoformat(set_terms["until"])),
        Notify("released", "vendor"),
        Notify("released", "owner"),
    ]
    return {"probation": set_terms, "degraded": False}, effects


def _refuse_release(move: Move) -> Outcome:
    """After the tries allowed, ask a person: once per object, again if the task did not help."""
    tries = move.case.release_tries + 1
    changes = {"release_tries": tries, "degraded": is_degraded(move.facts.objects)}
    where = (str(move.arguments.get("catalogue", "")), str(move.arguments.get("remote_id", "")))
    if tries < move.facts.policy.release_tries or where in move.facts.open_tasks:
        return changes, []
    seen = {key: str(move.arguments.get(key, "")) for key in ("catalogue", "remote_id", "detail")}
    instruction = (
        f"Put {move.case.scope} back on sale in {seen['catalogue']} by hand "
        f"(object {seen['remote_id']}): {seen['detail']}"
    )
    effects: list[Effect] = [
        OpenTask("release", seen["catalogue"], seen["remote_id"], instruction),
        Notify("release_refused", "owner", {**seen, "instruction": instruction}),
    ]
    return changes, effects


def _complete_probation(move: Move) -> Outcome:
    record = move.facts.probation
    effect = {"complaints": record.complaints, "units": record.units}
    closed = {**(move.case.probation or {}), "effectiveness": effect}
    return {"probation": closed}, [Notify("closed", "everyone_told")]


def _comment(_: Move) -> Outcome:
    return {}, []


def _attach_evidence(move: Move) -> Outcome:
    """A file is new evidence; where an approval is asked for, `void_approval` must follow.

    The owner is told of a vendor's file, and the vendor of one that staff shares.
    """
    told: list[Effect] = [VoidVotes("the evidence has changed")]
    file = {key: move.arguments[key] for key in ("file", "media_type", "size")}
    if isinstance(move.actor, Person) and not move.actor.is_staff:
        told.append(Notify("evidence_attached", "owner", file))
    elif move.arguments.get("shared"):
        told.append(Notify("evidence_attached", "vendor", file))
    return {"evidence_revision": move.case.evidence_revision + 1}, told


_HANDLERS: Mapping[Command, Callable[[Move], Outcome]] = {
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
    Command.ACCEPT_OWNERSHIP: _accept_ownership,
    Command.PROPOSE_REMEDY: _propose_remedy,
    Command.RETURN_REMEDY: _return_remedy,
    Command.REQUEST_APPROVAL: _request_approval,
    Command.REJECT_APPROVAL: _reject_approval,
    Command.VOID_APPROVAL: _void_approval,
    Command.APPROVE: _approve,
    Command.DECLARE_FALSE_ALARM: _declare_false_alarm,
    Command.CONFIRM_RELEASE: _confirm_release,
    Command.REFUSE_RELEASE: _refuse_release,
    Command.COMPLETE_PROBATION: _complete_probation,
    Command.COMMENT: _comment,
    Command.ATTACH_EVIDENCE: _attach_evidence,
}


# ------------------------------------------------------------------------- what callers may do


def possible_commands(
    case: Case, actor: Actor, facts: Facts | None = None
) -> tuple[Command, ...]:
    """Return the commands that the table offers this actor in the present state.

    Where facts are known, a task is resolved only while one is open.
    """
    offered = []
    for command in Command:
        row = find_row(command, case.state)
        if row is None or not row.available or isinstance(actor, System):
            continue
        if case.lane == "authority" and command in ILLEGAL_IN_AUTHORITY_LANE:
            continue
        if command is Command.RESOLVE_TASK and facts is not None and not facts.open_tasks:
            continue
        if accepts(row, case, actor):
            offered.append(command)
    return tuple(offered)


def unmet_guards(
    case: Case, command: Command, actor: Actor, now: datetime, facts: Facts
) -> tuple[str, ...]:
    """Return what a command without any arguments would be told is missing."""
    return missing(Move(case, case.state, command, {}, actor, now, facts))


def votes_cast(case: Case, command: Command, actor: Actor, now: datetime, facts: Facts) -> int:
    """Return how many other people have already agreed to a two-person command."""
    return len(live_votes(Move(case, case.state, command, {}, actor, now, facts)))


_LANES = ("quality", "safety", "authority")


def stricter_lane(one: str, other: str) -> str:
    """Return the stricter of two lanes."""
    return max(one, other, key=_LANES.index)
