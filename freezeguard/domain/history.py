"""The history of a case, replayed: the same events always lead to the same state.

Replaying is strict. An event that the table does not allow where it stands is no history of a
case, whoever wrote it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from freezeguard.domain.transitions import FROZEN_PHASE, OPEN, Command, Row, State, rows_from

NEWS = "news"
"""Stands in history where material news raised the evidence revision; it is no command."""

BESIDE = frozenset({
    "ask_question", "answer_question", "withdraw_question", "suggest_cause", "judge_cause",
    "argue_cause", "share_finding",
})
"""What people say to each other on a case: no commands, and they leave the case as it is."""

TWO_PERSON = frozenset(
    {Command.APPROVE, Command.DECLARE_FALSE_ALARM, Command.DELIST, Command.NARROW}
)
"""Commands whose first vote leaves the state as it is, where the case needs two."""

RAISES_EVIDENCE = frozenset(
    {Command.WIDEN, Command.NARROW, Command.ABSORB, Command.ATTACH_EVIDENCE}
)
"""Commands that raise the evidence revision; of those for two people, the last vote."""

_COMMANDS = {command.value: command for command in Command}
_BORN_AT = 1
_FALSE_ALARM, _DELISTED = "false_alarm", "delisted"
_AGAIN = frozenset({State.REINSTATING, State.PROBATION, State.APPEALED})
_ENDS = {
    Command.DECLARE_FALSE_ALARM: _FALSE_ALARM,
    Command.DISMISS: _FALSE_ALARM,
    Command.DELIST: _DELISTED,
}


class BrokenHistory(ValueError):
    """An event does not follow from those before it."""


class Event(Protocol):
    """One line of a case's history: what was asked, and how the case stood afterwards."""

    @property
    def command(self) -> str: ...
    @property
    def from_state(self) -> str | None: ...
    @property
    def to_state(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def evidence_revision(self) -> int: ...
    @property
    def arguments(self) -> Mapping[str, Any]: ...


AnEvent = TypeVar("AnEvent", bound=Event)


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a case stands after some events.

    `outcome` is `false_alarm` once one was declared, `delisted` once two have agreed to that.
    """

    state: State
    version: int
    evidence_revision: int
    recurrence: int
    outcome: str | None = None


def replay(events: Iterable[Event]) -> Replayed:
    """Return how a case stands after its events, the oldest first.

    Raises BrokenHistory where there are none, where one does not follow from those before it, or
    where one claims another state, version or evidence revision than the table gives.
    """
    standing: Replayed | None = None
    for number, event in enumerate(events, start=1):
        try:
            standing = _after(standing, event)
        except BrokenHistory as error:
            raise BrokenHistory(f"event {number} ({event.command}): {error}") from None
    if standing is None:
        raise BrokenHistory("a case has at least the event that opened it")
    return standing


def without_first_votes(events: Sequence[AnEvent]) -> list[AnEvent]:
    """Return the events, the oldest first, that are no first vote: what was decided or happened."""
    revisions = (None, *(one.evidence_revision for one in events))
    return [
        event
        for event, revision in zip(events, revisions, strict=False)
        if not _is_first_vote(event, revision)
    ]


def _is_first_vote(event: Event, revision: int | None) -> bool:
    """Say whether an event is a vote that left the case as it was, at this evidence revision."""
    return (
        event.command in TWO_PERSON
        and event.from_state == event.to_state
        and event.evidence_revision == revision
    )


def _after(before: Replayed | None, event: Event) -> Replayed:
    state = None if before is None else before.state
    if event.from_state != state:
        raise BrokenHistory(f"it starts from {event.from_state}, but the case is {state}")
    if before is not None and event.command == NEWS:
        after = _news(before)
    elif before is not None and event.command in BESIDE:
        after = before
    elif before is None:
        after = _birth(event)
    else:
        after = _step(before, event)
    told = (event.to_state, event.version, event.evidence_revision)
    due = (after.state, after.version, after.evidence_revision)
    if told != due:
        raise BrokenHistory(f"it tells of {told}, but the table leads to {due}")
    return after


def _news(before: Replayed) -> Replayed:
    if before.state not in OPEN:
        raise BrokenHistory(f"a case that is {before.state} takes no news")
    return replace(before, evidence_revision=before.evidence_revision + 1)


def _birth(event: Event) -> Replayed:
    row = _row(event.command, None)
    return Replayed(_target(row, None, event, None), _BORN_AT, _BORN_AT, 0)


def _step(before: Replayed, event: Event) -> Replayed:
    row = _row(event.command, before.state)
    target = _target(row, before.state, event, before.outcome)
    moved = target is not before.state
    fresh = before.state in _AGAIN and target is State.FREEZING
    outcome = None if fresh else before.outcome
    if moved and row.command in _ENDS:
        outcome = _ENDS[row.command]
    return Replayed(
        target,
        before.version + (1 if row.versioned or moved else 0),
        before.evidence_revision + (1 if fresh or _raises(row, before, event) else 0),
        _recurrence(before, event, fresh=fresh),
        outcome,
    )


def _recurrence(before: Replayed, event: Event, *, fresh: bool) -> int:
    """Return how often the sale was stopped again; of two cases that became one, the higher."""
    if event.command == Command.ABSORB:
        return max(before.recurrence, int(event.arguments.get("recurrence") or 0))
    return before.recurrence + (1 if fresh and event.command != Command.REOPEN else 0)


def _raises(row: Row, before: Replayed, event: Event) -> bool:
    """Say whether an event raised the evidence revision: of a first vote only the event knows."""
    if row.command is Command.REGISTER_ORDER:
        return before.state in FROZEN_PHASE
    if row.command not in RAISES_EVIDENCE:
        return False
    first_vote = event.evidence_revision == before.evidence_revision
    return not (row.command in TWO_PERSON and first_vote)


def _row(command: str, state: State | None) -> Row:
    known = _COMMANDS.get(command)
    rows = () if known is None else rows_from(known, state)
    if not rows:
        raise BrokenHistory(f"the table has no such command while a case is {state}")
    return rows[0]


def _target(row: Row, state: State | None, event: Event, outcome: str | None) -> State:
    """Return where an event leads: the row's target, but for first votes and false alarms."""
    if row.to is None:
        if state is None:
            raise BrokenHistory("it opens a case in no state")
        return state
    if row.command in TWO_PERSON and state is not None and event.to_state == state:
        return state
    if row.or_to is not None and outcome == _FALSE_ALARM:
        return row.or_to
    return row.to
