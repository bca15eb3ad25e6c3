"""The case as a value, and what a decision about it needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from freezeguard.domain.enforcement import ObjectState
from freezeguard.domain.policy import Policy
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import FINAL, FROZEN_PHASE, OPEN, State


@dataclass(frozen=True, slots=True)
class Case:
    """One case, as stored.

    `version` rises with every command that people or timers give and with every change of state;
    `evidence_revision` with material news. `reason` says why it was opened, in JSON types.
    `known_evidence` holds the intents, lots, channels and severity seen so far, and the customers
    who are new since approval was requested. `number` is 0 until the database gave it one.
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
    def frozen_vendor_knows(self) -> bool:
        """Say whether the vendor has been told: suspicions stay inside the shop."""
        return self.frozen_at is not None


@dataclass(frozen=True, slots=True)
class Vote:
    """The first vote of a two-person command.

    `may_vote` says whether the voter is still one of those whom the command asks; `unconfirmed`
    are the objects that the vote names as not confirmed.
    """

    command: str
    person: str
    is_approver: bool
    evidence_revision: int
    expires_at: datetime
    may_vote: bool = True
    unconfirmed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProbationRecord:
    """What happened since the reinstatement, and before the freeze.

    Units are units shipped; `baseline_units` is None where no shipment before the freeze is known.
    """

    complaints: int = 0
    units: int = 0
    baseline_complaints: int = 0
    baseline_units: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision needs to know beside the case itself.

    `pullers` are the persons whose pull opened or seconded the suspicion; `news_pending` says
    that signals of the SKU are stored and not evaluated yet; `awaits_confirmation` that nobody
    has been told yet that the freeze is read back everywhere.
    """

    policy: Policy = field(default_factory=Policy)
    objects: tuple[ObjectState, ...] = ()
    votes: tuple[Vote, ...] = ()
    pullers: tuple[str, ...] = ()
    open_tasks: tuple[tuple[str, str], ...] = ()
    news_pending: bool = False
    awaits_confirmation: bool = False
    probation: ProbationRecord = field(default_factory=ProbationRecord)
