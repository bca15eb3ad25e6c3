"""The case as a value, and what a decision about it needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from freezeguard.domain.calendars import Calendar
from freezeguard.domain.enforcement import ObjectState
from freezeguard.domain.legal import LegalClock
from freezeguard.domain.people import Person, Role
from freezeguard.domain.policy import Policy
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import FINAL, FROZEN_PHASE, OPEN, State

ORDER_NAMES = ("authority", "document", "jurisdiction", "registered_at", "registered_by")
"""What a case keeps of each order of an authority."""

SOME_AUTHORITY = "the authority"
"""Whose order it is where nobody has said so."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case, as stored.

    `version` rises with every command that people or timers give and with every change of state;
    `evidence_revision` with material news. `reason` says why it was opened, in JSON types.
    `known_evidence` holds the intents, lots, channels and severity seen so far, and the customers
    who are new since approval was requested. `number` is 0 until the database gave it one.

    `further_scopes` came with cases that were merged into this one. `narrowing` is the narrower
    scope on its way: its hold is in force, and not yet read back everywhere. `commitment` is the
    vendor's own date; `contest` what the vendor disputes; `decided_by` who closed the case, so
    that others judge an appeal. `defect_found` says that the vendor has proposed a remedy, or that
    it was taken off sale for good, and nobody has found since that nothing was wrong.
    """

    id: UUID
    scope: Scope
    state: State
    lane: str
    opened_by: str
    opened_at: datetime
    reason: Mapping[str, Any]
    number: int = 0
    version: int = 1
    evidence_revision: int = 1
    recurrence: int = 0
    degraded: bool = False
    vendor: str | None = None
    vendor_status: str = "unreached"
    category: str | None = None
    owner: str | None = None
    outcome: str | None = None
    frozen_at: datetime | None = None
    reinstated_at: datetime | None = None
    closed_at: datetime | None = None
    rule_id: str | None = None
    rule_version: int | None = None
    diagnosis: Mapping[str, Any] | None = None
    remedy: Mapping[str, Any] | None = None
    remedy_author: str | None = None
    remedy_rounds: int = 0
    verification: Mapping[str, Any] | None = None
    approval_requested_at: datetime | None = None
    approval_requested_by: str | None = None
    approval_evidence: int | None = None
    release_tries: int = 0
    probation: Mapping[str, Any] | None = None
    known_evidence: Mapping[str, Any] = field(default_factory=dict)
    contact_cost: Decimal = Decimal(0)
    further_scopes: tuple[Scope, ...] = ()
    narrowing: Mapping[str, Any] | None = None
    authority_order: Mapping[str, Any] | None = None
    commitment: Mapping[str, Any] | None = None
    contest: Mapping[str, Any] | None = None
    appeal: Mapping[str, Any] | None = None
    hand_off: Mapping[str, Any] | None = None
    defect_found: bool = False
    decided_by: tuple[str, ...] = ()
    merged_into: UUID | None = None

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Return all that the case is about: its own scope, and those merged into it."""
        return (self.scope, *self.further_scopes)

    def covers(self, scope: Scope) -> bool:
        """Say whether all that `scope` names is this case's business."""
        return any(one.covers(scope) for one in self.scopes)

    @property
    def orders_in_force(self) -> list[dict[str, Any]]:
        """Return the orders of authorities that nobody has revoked, the newest first."""
        order = dict(self.authority_order or {})
        if self.lane != "authority" or not order or order.get("revocation"):
            return []
        return [{key: order.get(key) for key in ORDER_NAMES}, *order.get("further", ())]

    def is_ordered_by(self, authority: str, document: str) -> bool:
        """Say whether this very order is in force: of this authority, by this document."""
        asked = order_identity({"authority": authority, "document": document})
        return any(order_identity(one) == asked for one in self.orders_in_force)

    @property
    def is_revoked(self) -> bool:
        """Say whether the authority has taken its order back."""
        return bool((self.authority_order or {}).get("revocation"))

    @property
    def is_open(self) -> bool:
        """Say whether the case still has a life before it."""
        return self.state in OPEN

    @property
    def is_final(self) -> bool:
        """Say whether the case has come to an end."""
        return self.state in FINAL

    @property
    def in_frozen_phase(self) -> bool:
        """Say whether the sale is, or is being, stopped for good reason until people lift it."""
        return self.state in FROZEN_PHASE

    @property
    def keeps_its_hold(self) -> bool:
        """Say whether a hard hold of the case is in force: stopped, or delisted and appealed."""
        return self.in_frozen_phase or (
            self.state is State.APPEALED and self.outcome == "delisted"
        )

    @property
    def remedy_judges(self) -> tuple[str, ...]:
        """Return who has returned a remedy of this diagnosis."""
        return tuple((self.diagnosis or {}).get("judged_by") or ())

    @property
    def contest_waits(self) -> bool:
        """Say whether the vendor disputes the stop, and nobody has answered yet."""
        return bool(self.contest) and not (self.contest or {}).get("answered_at")

    @property
    def frozen_vendor_knows(self) -> bool:
        """Say whether the vendor has been told: suspicions stay inside the shop."""
        return self.frozen_at is not None


def order_identity(order: Mapping[str, Any]) -> tuple[str, str]:
    """Return what tells one order from another: two authorities may number theirs alike."""
    authority = " ".join(str(order.get("authority") or SOME_AUTHORITY).split())
    return authority.casefold(), str(order.get("document") or "").strip()


@dataclass(frozen=True, slots=True)
class Vote:
    """The first vote of a two-person command.

    `may_vote` says whether the voter is still one of those whom the command asks; `unconfirmed`
    are the objects that the vote names as not confirmed; `arguments` what it was given for.
    """

    command: str
    person: str
    is_approver: bool
    evidence_revision: int
    expires_at: datetime
    may_vote: bool = True
    roles: frozenset[Role] = frozenset()
    unconfirmed: frozenset[str] = frozenset()
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProbationRecord:
    """What happened since the reinstatement, and before the freeze.

    Units are units shipped; `baseline_units` is None where no shipment before the freeze is known.
    `silent` are the sources of the case's complaints where not one of them speaks any more.
    """

    complaints: int = 0
    units: int = 0
    baseline_complaints: int = 0
    baseline_units: int | None = None
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningClock:
    """A clock of the case that has not been stopped."""

    kind: str
    started_at: datetime
    due_at: datetime
    is_paused: bool = False
    next_at: datetime | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Promises:
    """How many of its own dates a vendor has kept, and how many it has broken."""

    kept: int = 0
    broken: int = 0


_UNKNOWN_PLACE = Calendar("shop", "UTC")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision needs to know beside the case itself.

    `pullers` are the persons whose pull opened or seconded the suspicion; `news_pending` says
    that signals of the SKU are stored and not evaluated yet. `clocks` are those that run or are
    paused. `laws` are the legal clocks that concern the shop, each with the calendar by which it
    counts. `jurisdictions` are those to which the one that the arguments name belongs, itself
    first; empty where nobody knows it. `named` is the person whom the arguments name, where they
    do and that person is active; `owner` who owns the case, where that person is active; `other`
    the case that the arguments name; `open_scopes` the scopes of the SKU's other open cases;
    `complained` where the complaints that counted lie.
    """

    policy: Policy = field(default_factory=Policy)
    objects: tuple[ObjectState, ...] = ()
    votes: tuple[Vote, ...] = ()
    pullers: tuple[str, ...] = ()
    open_tasks: tuple[tuple[str, str], ...] = ()
    news_pending: bool = False
    probation: ProbationRecord = field(default_factory=ProbationRecord)
    clocks: tuple[RunningClock, ...] = ()
    owner_calendar: Calendar = _UNKNOWN_PLACE
    vendor_calendar: Calendar = _UNKNOWN_PLACE
    laws: tuple[tuple[LegalClock, Calendar], ...] = ()
    promises: Promises = field(default_factory=Promises)
    named: Person | None = None
    owner: Person | None = None
    other: Case | None = None
    open_scopes: tuple[Scope, ...] = ()
    jurisdictions: tuple[str, ...] = ()
    complained: tuple[Scope, ...] = ()

    def runs(self, kind: str) -> bool:
        """Say whether a clock of this name has been started and not stopped."""
        return any(one.kind == kind for one in self.clocks)
