"""One function over the table: `decide`. It returns the new case and what must be done.

Nothing here awaits, reads a clock or knows a database. A refused command raises, and nothing has
changed. The service stores the new case, one history record and all effects in one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from freezeguard.domain import guards
from freezeguard.domain.acts import desk, endings, freezing, orders, remedies, scopes, vendors
from freezeguard.domain.acts.outcome import Act
from freezeguard.domain.authority import accepts
from freezeguard.domain.clocks import clock_effects
from freezeguard.domain.effects import FOR_COMPLIANCE, Effect, Notify, SetHold, VoidVotes
from freezeguard.domain.errors import (
    GuardFailed,
    IllegalTransition,
    NotAllowed,
    VersionConflict,
)
from freezeguard.domain.guards import Guard, Move, live_votes
from freezeguard.domain.people import Actor, System, actor_name
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

_PARTS = (freezing, remedies, endings, vendors, scopes, orders, desk)
ACTS: Mapping[Command, Act] = {
    command: act for part in _PARTS for command, act in part.ACTS.items()
}
GUARDS: Mapping[Command, tuple[Guard, ...]] = {
    command: tuple(
        guard
        for table in (guards.GUARDS, endings.GUARDS, vendors.GUARDS, scopes.GUARDS, orders.GUARDS,
                      desk.GUARDS)
        for guard in table.get(command, ())
    )
    for command in Command
}

ON_EVIDENCE = frozenset({Command.DISMISS, Command.DECLARE_FALSE_ALARM, Command.DELIST})
"""Commands that say on which evidence they were decided, if whoever gives them does."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command did: the case afterwards, and what the service must carry out with it."""

    case: Case
    from_state: State | None
    command: str
    arguments: Mapping[str, Any]
    effects: tuple[Effect, ...]


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
    Refuses in this order: NotAllowed, VersionConflict, IllegalTransition, GuardFailed.
    """
    _check_authority(case, command, actor)
    row = find_row(command, case.state, case.lane)
    if version is not None and version != case.version and _is_versioned(command):
        raise VersionConflict(
            f"The case is at version {case.version} ({case.state}), not {version}."
        )
    if row is None or (case.lane == "authority" and command in ILLEGAL_IN_AUTHORITY_LANE):
        raise IllegalTransition(f"{command} is not possible while a case is {case.state}.")
    _check_evidence_seen(case, command, arguments)
    move = Move(case, case.state, command, arguments, actor, now, facts)
    return _carry_out(move, row)


def _check_evidence_seen(case: Case, command: Command, arguments: Mapping[str, Any]) -> None:
    """Refuse an ending that was decided on other evidence: news leaves the version as it is."""
    seen = arguments.get("evidence_revision")
    if command in ON_EVIDENCE and seen not in {None, case.evidence_revision}:
        raise VersionConflict(
            f"The evidence is at revision {case.evidence_revision}, not {seen}: read what has come."
        )


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

    Where an approval is asked for, `void_approval` must follow in the same transaction. A scope
    that is being narrowed is not any more: who agreed to that has not seen the news.
    """
    after = replace(
        case, evidence_revision=case.evidence_revision + 1, known_evidence=known, lane=lane,
        narrowing=None,
    )
    effects: tuple[Effect, ...] = (VoidVotes("the evidence has changed"),)
    # Readers see the stricter lane; what was to be released by a narrowing stays stopped.
    if case.keeps_its_hold and (lane != case.lane or case.narrowing):
        effects = (*effects, SetHold("hard"))
    if case.in_frozen_phase and lane == "safety" != case.lane:
        effects = (*effects, Notify("statement_of_reasons", "compliance", FOR_COMPLIANCE))
    return Decision(after, case.state, "news", {"news": list(news), "lane": lane}, effects)


def _is_versioned(command: Command) -> bool:
    return all(row.versioned for row in rows_of(command))


def _check_authority(case: Case, command: Command, actor: Actor) -> None:
    """Refuse who may never give this command, and who may not give it in this state."""
    row = find_row(command, case.state, case.lane)
    candidates = (row,) if row is not None else rows_of(command)
    if not any(accepts(candidate, case, actor) for candidate in candidates):
        who = sorted({who.value for candidate in candidates for who in candidate.who})
        raise NotAllowed(f"{command} is for: {', '.join(who)}.")


def missing(move: Move) -> tuple[str, ...]:
    """Return one sentence per unmet guard of the command; empty where it may act."""
    return tuple(word for guard in GUARDS[move.command] for word in guard(move))


def _carry_out(move: Move, row: Row) -> Decision:
    if unmet := missing(move):
        raise GuardFailed(unmet)
    changes, effects = ACTS[move.command](move)
    target = changes.pop("state", row.to) or move.case.state
    changes["state"] = target
    noted = {**move.arguments, **changes.pop("noted", {})}
    if move.from_state is not None and (row.versioned or target is not move.from_state):
        changes["version"] = move.case.version + 1
    if target in FINAL and move.from_state is not target:
        changes["closed_at"] = move.now
        changes["hand_off"] = None
    after = replace(move.case, **changes)
    # Clocks first: what a notice says of due times is already true then.
    effects = [*clock_effects(move, after), *effects, *desk.ended_waivers(move, after)]
    return Decision(after, move.from_state, move.command, noted, tuple(effects))


# ------------------------------------------------------------------------- what callers may do


def possible_commands(
    case: Case, actor: Actor, facts: Facts | None = None
) -> tuple[Command, ...]:
    """Return the commands that the table offers this actor in the present state.

    Where facts are known, a task is resolved only while one is open.
    """
    offered = []
    for command in Command:
        row = find_row(command, case.state, case.lane)
        if row is None or isinstance(actor, System):
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

