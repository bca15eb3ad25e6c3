"""What a decision asks for. The service carries out all of them in the command's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Level = Literal["hide", "hard"]
Reader = Literal[
    "vendor", "vendor_second", "vendor_superior", "owner", "deputy", "approvers", "pullers",
    "everyone_told", "managers", "reviewers", "compliance", "admins", "person",
]
"""Who is told. `person` is the one whose id is in the facts of the notice."""


@dataclass(frozen=True, slots=True)
class SetHold:
    """Put the case's hold in force at this level, or harden the one that is."""

    level: Level
    soft: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseHold:
    """Start to release the case's hold: still not sellable to readers until it is read back."""


@dataclass(frozen=True, slots=True)
class EndHold:
    """The release was read back: the hold is over."""


@dataclass(frozen=True, slots=True)
class StartClock:
    """Start (or restart) a clock of the case."""

    kind: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class StopClocks:
    """Stop these clocks of the case; empty means all."""

    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell somebody, with facts beside those that every notice of a case carries."""

    kind: str
    reader: Reader
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CastVote:
    """Store the first vote of a two-person command."""

    command: str
    person: str
    arguments: Mapping[str, Any]
    evidence_revision: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class VoidVotes:
    """Votes that were cast on older evidence, or were used, count no more."""

    why: str


@dataclass(frozen=True, slots=True)
class JudgeSignals:
    """The complaints of this case are judged: they never count again."""


@dataclass(frozen=True, slots=True)
class ScoreFalseAlarm:
    """The rule and the sources of the complaints were wrong: count it against them."""


@dataclass(frozen=True, slots=True)
class OpenTask:
    """Ask a person to do by hand what a catalogue would not."""

    task: Literal["stop", "release"]
    catalogue: str
    remote_id: str
    instruction: str


@dataclass(frozen=True, slots=True)
class CloseTask:
    """A person says the task is done; enforcement looks again at once."""

    catalogue: str
    remote_id: str
    note: str


@dataclass(frozen=True, slots=True)
class CloseTasks:
    """What was to be done by hand has become pointless."""

    task: Literal["stop", "release"]


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Enforcement reads every object of the case back at once."""


Effect = (
    SetHold
    | ReleaseHold
    | EndHold
    | StartClock
    | StopClocks
    | Notify
    | CastVote
    | VoidVotes
    | JudgeSignals
    | ScoreFalseAlarm
    | OpenTask
    | CloseTask
    | CloseTasks
    | LookAgain
)
