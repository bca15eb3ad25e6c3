"""The life of a case. Everything that decides which command is legal where stands in this file.

A case is in one state. A command, given by somebody who may give it, moves it along one row of
`TABLE`, or is refused and changes nothing. The rows are those of the design, in its order; the
diagram and the table in docs/state-machine.md are drawn from here, and a test notices when they
are stale.

`Who` names the kinds of actor that a row accepts. Whether *this* person is one of them for *this*
case (the owner, a manager of its category, the vendor's own person) is answered by
`freezeguard.domain.authority`; what else must be true is answered by the guards in
`freezeguard.domain.guards`; what follows is done by `freezeguard.domain.case`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a case stands."""

    SUSPECTED = "suspected"
    FREEZING = "freezing"
    FROZEN = "frozen"
    DIAGNOSING = "diagnosing"
    REMEDY_PROPOSED = "remedy_proposed"
    AWAITING_APPROVAL = "awaiting_approval"
    REINSTATING = "reinstating"
    PROBATION = "probation"
    APPEALED = "appealed"
    CLOSED_REINSTATED = "closed_reinstated"
    CLOSED_FALSE_ALARM = "closed_false_alarm"
    DELISTED = "delisted"
    MERGED = "merged"
    EXPIRED = "expired"


_S = State

FROZEN_PHASE = frozenset(
    {_S.FREEZING, _S.FROZEN, _S.DIAGNOSING, _S.REMEDY_PROPOSED, _S.AWAITING_APPROVAL}
)
OPEN = FROZEN_PHASE | {_S.SUSPECTED, _S.REINSTATING, _S.PROBATION, _S.APPEALED}
FINAL = frozenset(State) - OPEN
EVERYWHERE = OPEN | FINAL
UNBORN: None = None
"""The state of a case that does not exist yet."""


class Command(StrEnum):
    """What can be asked of a case."""

    SUSPECT = "suspect"
    EXPIRE = "expire"
    DISMISS = "dismiss"
    FREEZE = "freeze"
    CONFIRM_FREEZE = "confirm_freeze"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    DRIFTED = "drifted"
    CONFIRMED = "confirmed"
    RESOLVE_TASK = "resolve_task"
    WAIVE = "waive"
    UNWAIVE = "unwaive"
    ACCEPT_OWNERSHIP = "accept_ownership"
    ACKNOWLEDGE = "acknowledge"
    COMMIT_DATE = "commit_date"
    CONTEST = "contest"
    ANSWER_CONTEST = "answer_contest"
    VENDOR_NOTIFIED = "vendor_notified"
    VENDOR_SILENT = "vendor_silent"
    MISS_DATE = "miss_date"
    PROPOSE_REMEDY = "propose_remedy"
    RETURN_REMEDY = "return_remedy"
    REQUEST_APPROVAL = "request_approval"
    REJECT_APPROVAL = "reject_approval"
    VOID_APPROVAL = "void_approval"
    APPROVE = "approve"
    CONFIRM_RELEASE = "confirm_release"
    REFUSE_RELEASE = "refuse_release"
    COMPLETE_PROBATION = "complete_probation"
    DECLARE_FALSE_ALARM = "declare_false_alarm"
    DELIST = "delist"
    APPEAL = "appeal"
    REOPEN = "reopen"
    UPHOLD = "uphold"
    WIDEN = "widen"
    NARROW = "narrow"
    CONFIRM_NARROW = "confirm_narrow"
    REGISTER_ORDER = "register_order"
    REGISTER_REVOCATION = "register_revocation"
    RECORD_ACTION = "record_action"
    MERGE = "merge"
    ABSORB = "absorb"
    HAND_OFF = "hand_off"
    ACCEPT_HAND_OFF = "accept_hand_off"
    LAPSE_HAND_OFF = "lapse_hand_off"
    REPLACE_OWNER = "replace_owner"
    COMMENT = "comment"
    ATTACH_EVIDENCE = "attach_evidence"
    EXTEND_DEADLINE = "extend_deadline"
    REVIEW = "review"


class Who(StrEnum):
    """Kinds of actor. All but the system's own are people, and keys where a row says so.

    An approver is a manager of the case's category; where a row says manager, any manager will do.
    A reviewer is a manager, an analyst or compliance; who decided before is ruled out by a guard.
    """

    DETECTOR = "detector"
    TIMER = "timer"
    RECONCILER = "reconciler"
    COURIER = "courier"
    OPERATOR = "operator"
    ASSOCIATE = "associate"
    ANALYST = "analyst"
    MANAGER = "manager"
    APPROVER = "approver"
    COMPLIANCE = "compliance"
    OWNER = "owner"
    VENDOR = "vendor"
    STAFF = "staff"
    FREEZING_KEY = "catalogue key with may_freeze"
    REVIEWER = "reviewer"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: from these states, by these actors, to that state.

    `to` is None where the state stays; `or_to` is a second target that the case itself decides on
    (a false alarm is closed where a reinstatement goes on probation; an appeal that fails goes
    back to where it came from). `lane` is set where a row is for cases of one lane only; it then
    stands before the row for all lanes. `versioned` is False where the command needs no case
    version.
    """

    command: Command
    sources: frozenset[State | None]
    to: State | None
    who: frozenset[Who]
    versioned: bool = True
    or_to: State | None = None
    lane: str | None = None


def _row(
    command: Command,
    sources: Iterable[State | None],
    to: State | None,
    who: set[Who],
    *,
    versioned: bool = True,
    or_to: State | None = None,
    lane: str | None = None,
) -> Row:
    return Row(command, frozenset(sources), to, frozenset(who), versioned, or_to, lane)


_C, _W = Command, Who
_PULLERS = {_W.ASSOCIATE, _W.ANALYST, _W.MANAGER, _W.COMPLIANCE}
_APPROVERS = {_W.APPROVER, _W.MANAGER, _W.ANALYST, _W.COMPLIANCE}

# fmt: off
TABLE: tuple[Row, ...] = (
    # --- suspicion
    _row(_C.SUSPECT, {UNBORN}, _S.SUSPECTED, {_W.DETECTOR, _W.ASSOCIATE}),
    _row(_C.EXPIRE, {_S.SUSPECTED}, _S.EXPIRED, {_W.TIMER}),
    _row(_C.DISMISS, {_S.SUSPECTED}, _S.CLOSED_FALSE_ALARM, {_W.OWNER, _W.ASSOCIATE}),
    # --- the freeze; from probation and its neighbours it is a re-freeze in the same case
    _row(_C.FREEZE, {UNBORN, _S.SUSPECTED, _S.REINSTATING, _S.PROBATION, _S.APPEALED}, _S.FREEZING,
         _PULLERS | {_W.DETECTOR, _W.FREEZING_KEY, _W.OPERATOR}),
    _row(_C.CONFIRM_FREEZE, {_S.FREEZING}, _S.FROZEN, {_W.RECONCILER}),
    # --- enforcement: the reconciler works in every state, so a task may be left in a final one
    _row(_C.REFUSED, EVERYWHERE, None, {_W.RECONCILER}, versioned=False),
    _row(_C.UNREACHABLE, EVERYWHERE, None, {_W.RECONCILER}, versioned=False),
    _row(_C.DRIFTED, EVERYWHERE, None, {_W.RECONCILER}, versioned=False),
    _row(_C.CONFIRMED, EVERYWHERE, None, {_W.RECONCILER}, versioned=False),
    _row(_C.RESOLVE_TASK, EVERYWHERE, None, {_W.OWNER}),
    _row(_C.WAIVE, FROZEN_PHASE, None, {_W.MANAGER}),
    _row(_C.UNWAIVE, FROZEN_PHASE, None, {_W.MANAGER, _W.TIMER}),
    # --- diagnosis and remedy
    _row(_C.ACCEPT_OWNERSHIP, {_S.FREEZING, _S.FROZEN}, _S.DIAGNOSING, {_W.OWNER}),
    _row(_C.ACKNOWLEDGE, FROZEN_PHASE, None, {_W.VENDOR}),
    _row(_C.COMMIT_DATE, FROZEN_PHASE, None, {_W.VENDOR}),
    _row(_C.CONTEST, FROZEN_PHASE, None, {_W.VENDOR}),
    _row(_C.ANSWER_CONTEST, FROZEN_PHASE, None, {_W.OWNER}),
    _row(_C.VENDOR_NOTIFIED, FROZEN_PHASE, None, {_W.COURIER}, versioned=False),
    _row(_C.VENDOR_SILENT, FROZEN_PHASE, None, {_W.TIMER}, versioned=False),
    _row(_C.MISS_DATE, FROZEN_PHASE, None, {_W.TIMER}, versioned=False),
    _row(_C.PROPOSE_REMEDY, {_S.DIAGNOSING}, _S.REMEDY_PROPOSED, {_W.VENDOR, _W.OWNER}),
    _row(_C.RETURN_REMEDY, {_S.REMEDY_PROPOSED}, _S.DIAGNOSING, {_W.OWNER, _W.MANAGER}),
    # --- approval and reinstatement
    _row(_C.REQUEST_APPROVAL, {_S.REMEDY_PROPOSED}, _S.AWAITING_APPROVAL, {_W.OWNER}),
    _row(_C.REJECT_APPROVAL, {_S.AWAITING_APPROVAL}, _S.DIAGNOSING, {_W.APPROVER}),
    _row(_C.VOID_APPROVAL, {_S.AWAITING_APPROVAL}, _S.DIAGNOSING, {_W.DETECTOR}),
    _row(_C.APPROVE, {_S.AWAITING_APPROVAL}, _S.REINSTATING, _APPROVERS),
    _row(_C.APPROVE, FROZEN_PHASE, _S.REINSTATING, {_W.COMPLIANCE, _W.MANAGER}, lane="authority"),
    _row(_C.CONFIRM_RELEASE, {_S.REINSTATING}, _S.PROBATION, {_W.RECONCILER},
         or_to=_S.CLOSED_FALSE_ALARM),
    _row(_C.REFUSE_RELEASE, {_S.REINSTATING}, None, {_W.RECONCILER}),
    _row(_C.COMPLETE_PROBATION, {_S.PROBATION}, _S.CLOSED_REINSTATED, {_W.TIMER}),
    # --- false alarm: released first; `confirm_release` then closes it
    _row(_C.DECLARE_FALSE_ALARM, FROZEN_PHASE, _S.REINSTATING,
         {_W.OWNER, _W.APPROVER, _W.ANALYST, _W.COMPLIANCE}),
    # --- for good, and appeals
    _row(_C.DELIST, FROZEN_PHASE, _S.DELISTED,
         {_W.APPROVER, _W.ANALYST, _W.COMPLIANCE}),
    _row(_C.APPEAL, {_S.DELISTED}, _S.APPEALED, {_W.VENDOR}),
    _row(_C.APPEAL, {_S.CLOSED_FALSE_ALARM}, _S.APPEALED, {_W.STAFF}),
    _row(_C.REOPEN, {_S.APPEALED}, _S.FREEZING, {_W.REVIEWER}),
    _row(_C.UPHOLD, {_S.APPEALED}, _S.DELISTED, {_W.REVIEWER}, or_to=_S.CLOSED_FALSE_ALARM),
    # --- scope, authority, merging
    _row(_C.WIDEN, OPEN - {_S.SUSPECTED}, None, {_W.OWNER, _W.DETECTOR}),
    _row(_C.NARROW, FROZEN_PHASE, None, _APPROVERS),
    _row(_C.CONFIRM_NARROW, FROZEN_PHASE, None, {_W.RECONCILER}, versioned=False),
    _row(_C.REGISTER_ORDER, {_S.SUSPECTED, _S.REINSTATING, _S.PROBATION, _S.APPEALED}, _S.FREEZING,
         {_W.COMPLIANCE}),
    _row(_C.REGISTER_ORDER, FROZEN_PHASE, None, {_W.COMPLIANCE}),
    _row(_C.REGISTER_REVOCATION, FROZEN_PHASE, None, {_W.COMPLIANCE}, lane="authority"),
    _row(_C.RECORD_ACTION, EVERYWHERE, None, {_W.COMPLIANCE}, versioned=False),
    _row(_C.MERGE, FROZEN_PHASE | {_S.SUSPECTED}, _S.MERGED, {_W.OWNER}),
    _row(_C.ABSORB, FROZEN_PHASE, _S.DIAGNOSING, {_W.RECONCILER}),
    _row(_C.ABSORB, {_S.SUSPECTED}, None, {_W.RECONCILER}),
    # --- around the case
    _row(_C.HAND_OFF, OPEN, None, {_W.OWNER, _W.APPROVER}),
    _row(_C.ACCEPT_HAND_OFF, OPEN, None, {_W.STAFF}),
    _row(_C.LAPSE_HAND_OFF, OPEN, None, {_W.TIMER}, versioned=False),
    _row(_C.REPLACE_OWNER, OPEN, None, {_W.TIMER}, versioned=False),
    _row(_C.COMMENT, OPEN, None, {_W.STAFF, _W.VENDOR}, versioned=False),
    _row(_C.ATTACH_EVIDENCE, OPEN, None, {_W.STAFF, _W.VENDOR}),
    _row(_C.EXTEND_DEADLINE, OPEN, None, {_W.MANAGER, _W.OWNER}),
    _row(_C.REVIEW, EVERYWHERE, None, {_W.MANAGER}),
)
# fmt: on

ILLEGAL_IN_AUTHORITY_LANE = frozenset({_C.DECLARE_FALSE_ALARM, _C.DELIST, _C.MERGE, _C.NARROW})
"""An order of an authority is lifted by its revocation only."""

_BY_KEY: dict[tuple[Command, State | None, str | None], Row] = {
    (row.command, source, row.lane): row for row in TABLE for source in row.sources
}


def find_row(command: Command, state: State | None, lane: str | None = None) -> Row | None:
    """Return the row for a command in a state and lane, or None where the table has none."""
    own = None if lane is None else _BY_KEY.get((command, state, lane))
    return own or _BY_KEY.get((command, state, None))


def rows_of(command: Command) -> tuple[Row, ...]:
    """Return every row of a command."""
    return tuple(row for row in TABLE if row.command is command)


def rows_from(command: Command, state: State | None) -> tuple[Row, ...]:
    """Return the rows of a command in a state, of whatever lane."""
    return tuple(row for row in rows_of(command) if state in row.sources)
