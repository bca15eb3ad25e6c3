"""The history of a case, replayed: the same events always lead to the same state.

Replaying is strict. An event that the table does not allow where it stands is no history of a
case, whoever wrote it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from freezeguard.domain.transitions import OPEN, Command, Row, State, find_row

NEWS = "news"
"""Stands in history where material news raised the evidence revision; it is no command."""

TWO_PERSON = frozenset({Command.APPROVE, Command.DECLARE_FALSE_ALARM})
"""Commands whose first vote leaves the state as it is, where the case needs two."""

_RAISING = frozenset({Command.ATTACH_EVIDENCE})
"""Commands that raise the evidence revision and leave the case where it is."""

_COMMANDS = {command.value: command for command in Command}
_BORN_AT = 1
_FALSE_ALARM = "false_alarm"


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


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a case stands after some events. `outcome` is `false_alarm` once one was declared."""

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


def _after(before: Replayed | None, event: Event) -> Replayed:
    state = None if before is None else before.state
    if event.from_state != state:
        raise BrokenHistory(f"it starts from {event.from_state}, but the case is {state}")
    if before is not None and event.command == NEWS:
        after = _news(before)
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
    again = row.command is Command.FREEZE and before.state is not State.SUSPECTED
    raised = again or row.command in _RAISING
    outcome = before.outcome
    if again:
        outcome = None
    elif moved and row.command is Command.DECLARE_FALSE_ALARM:
        outcome = _FALSE_ALARM
    return Replayed(
        target,
        before.version + (1 if row.versioned or moved else 0),
        before.evidence_revision + (1 if raised else 0),
        before.recurrence + (1 if again else 0),
        outcome,
    )


def _row(command: str, state: State | None) -> Row:
    known = _COMMANDS.get(command)
    row = None if known is None else find_row(known, state)
    if row is None or not row.available:
        raise BrokenHistory(f"the table has no such command while a case is {state}")
    return row


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
