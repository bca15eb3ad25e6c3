"""What a decision asks for. The service carries out all of them in the command's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from freezeguard.domain.record import RunningClock
from freezeguard.domain.scope import Scope

Level = Literal["hide", "hard"]
Reader = Literal[
    "vendor", "vendor_second", "vendor_superior", "owner", "deputy", "approvers", "managers",
    "reviewers", "compliance", "admins", "pullers", "person", "everyone_told",
]
"""Who is told; for `person` the facts of the notice name the person."""


@dataclass(frozen=True, slots=True)
class SetHold:
    """Put the case's holds in force at this level, for its scope as it is now.

    A hold of the case that was narrower is widened, or superseded where another one covers it.
    """

    level: Level
    soft: bool = False


@dataclass(frozen=True, slots=True)
class SetNarrowHold:
    """Put a narrower hold in force beside the one that stays until this one is read back."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class ReleaseWiderHolds:
    """The case's own scope is held: whatever else the case holds begins to be released."""


@dataclass(frozen=True, slots=True)
class ReleaseHold:
    """Start to release the case's holds: still not sellable to readers until it is read back."""


@dataclass(frozen=True, slots=True)
class EndHold:
    """The release was read back: the hold is over."""


@dataclass(frozen=True, slots=True)
class StartClock:
    """Start (or restart) a clock of the case. `next_at` is when its first stage is due."""

    kind: str
    due_at: datetime
    next_at: datetime
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StopClocks:
    """Stop these clocks of the case, and take back what they told and nobody has sent yet."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PauseClocks:
    """Let these clocks stand still: the ball is with somebody else."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResumeClocks:
    """Let these clocks go on, with the time that they had left."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MakePromise:
    """Store the date that the vendor has set itself; an earlier one of the case was moved."""

    due_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class SettlePromise:
    """Store what became of the vendor's date; nothing where there is none."""

    outcome: Literal["kept", "broken", "withdrawn"]


@dataclass(frozen=True, slots=True)
class MarkVendorNotices:
    """The vendor has reacted: its notices of this case count as read, or as answered."""

    state: Literal["acknowledged", "answered"]


@dataclass(frozen=True, slots=True)
class WaiveObject:
    """A manager takes it upon himself that an object is not stopped, until a moment."""

    catalogue: str
    remote_id: str
    until: datetime
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class UnwaiveObject:
    """The waiver is over: the object must obey again."""

    catalogue: str
    remote_id: str


@dataclass(frozen=True, slots=True)
class RecordReview:
    """Store a later review; it counts for who pulled and for the rule."""

    verdict: str
    comment: str
    reviewer: str
    pullers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MergeInto:
    """Give everything that the case has to the one that survives; no hold is released.

    `clocks` are those that ran: of each kind the earlier due time is kept. `pullers` are who
    stopped the sale in this case: what becomes of the other one is theirs to hear.
    """

    survivor: UUID
    clocks: tuple[RunningClock, ...]
    pullers: tuple[str, ...] = ()


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
    """The complaints of this case are judged: they never count again.

    Where there was nothing wrong with them but that a rule counted them, they are `usual`: what
    such an item gets, and what the rule should have known.
    """

    usual: bool = False


@dataclass(frozen=True, slots=True)
class ScoreFalseAlarm:
    """The rule and the sources of the complaints were wrong: count it against them."""


@dataclass(frozen=True, slots=True)
class JudgeSources:
    """Note whether the sources of what counted were right: by that, they are trusted."""

    were_right: bool


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


@dataclass(frozen=True, slots=True)
class AnnounceOrders:
    """Have the orders under way held back, where the shop wants that by itself."""


FOR_COMPLIANCE: Mapping[str, Any] = {"as": "compliance"}
"""A notice tells its reader that it comes for compliance: the case is somebody else's."""

Effect = (
    SetHold
    | SetNarrowHold
    | ReleaseWiderHolds
    | ReleaseHold
    | EndHold
    | StartClock
    | StopClocks
    | PauseClocks
    | ResumeClocks
    | MakePromise
    | SettlePromise
    | MarkVendorNotices
    | WaiveObject
    | UnwaiveObject
    | RecordReview
    | MergeInto
    | Notify
    | CastVote
    | VoidVotes
    | JudgeSignals
    | ScoreFalseAlarm
    | JudgeSources
    | OpenTask
    | CloseTask
    | CloseTasks
    | LookAgain
    | AnnounceOrders
)
