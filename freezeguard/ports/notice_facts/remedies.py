"""Remedies, approvals, the release and the end of a case."""

from typing import NotRequired, TypedDict

from freezeguard.ports.notice_facts.common import CaseNoticeFacts
from freezeguard.ports.notice_facts.reasons import EvidenceFacts, ReasonFacts
from freezeguard.ports.notice_facts.stops import CatalogueFacts, WaivedFacts


class CauseFacts(TypedDict):
    """The root cause of a remedy."""

    description: NotRequired[str | None]
    branch: NotRequired[str | None]
    proof: NotRequired[str | None]


class ContainmentFacts(TypedDict):
    """What was done about the units that exist already."""

    own_stock: NotRequired[str | None]
    vendor_stock: NotRequired[str | None]
    in_transit: NotRequired[str | None]


class RemedyFacts(TypedDict):
    """Cause and fix, as the case stores them."""

    cause: NotRequired[CauseFacts]
    containment: NotRequired[ContainmentFacts]
    corrective_action: NotRequired[str | None]
    preventive_action: NotRequired[str | None]


class VerificationFacts(TypedDict):
    """How the fix was verified."""

    result: NotRequired[str | None]


class RemedyProposedFacts(CaseNoticeFacts):
    """`remedy_proposed`, to whoever judges it; `other_manager`: the owner has returned two."""

    remedy: RemedyFacts
    other_manager: bool


class RemedyReturnedFacts(CaseNoticeFacts):
    """`remedy_returned`, to the vendor: exactly what is `missing`, as codes or words.

    `round` counts the returns from 1; the next proposal after the second goes to another manager.
    """

    missing: list[str]
    round: NotRequired[int]


class ApprovalRequestedFacts(CaseNoticeFacts):
    """`approval_requested`, to the approvers.

    `second_needed`: one has approved, another must. `unconfirmed` names catalogue objects, and
    `waived` those that somebody waived; they are part of what is approved.
    """

    remedy: NotRequired[RemedyFacts | None]
    verification: NotRequired[VerificationFacts | None]
    evidence_revision: int
    requested_by: NotRequired[str | None]
    second_needed: NotRequired[bool]
    valid_until: NotRequired[str | None]
    unconfirmed: NotRequired[list[str]]
    waived: NotRequired[list[WaivedFacts]]
    evidence: NotRequired[EvidenceFacts | None]


class ApprovalVoidedFacts(CaseNoticeFacts):
    """`approval_voided`: a code of the `voided` table or words, and the news that did it."""

    why: str
    evidence_revision: NotRequired[int | None]
    news: NotRequired[list[str]]


class EvidenceAttachedFacts(CaseNoticeFacts):
    """`evidence_attached`: a file that the other side has put on the case; `size` in bytes."""

    name: str
    note: NotRequired[str | None]
    size: int


class ApprovalRejectedFacts(CaseNoticeFacts):
    """`approval_rejected`: why, and (to staff only) who said no."""

    why: str
    by: NotRequired[str | None]


class ProbationFacts(TypedDict):
    """Terms of the probation: it ends when the time **and** the units are reached."""

    until: str
    units: int
    cap: NotRequired[str | None]


class ReleasedFacts(CaseNoticeFacts):
    """`released`: sold again. `waits_for` are cases whose holds still cover some objects."""

    probation: NotRequired[ProbationFacts | None]
    catalogues: NotRequired[list[CatalogueFacts]]
    waits_for: NotRequired[list[str]]


class FalseAlarmFacts(CaseNoticeFacts):
    """`false_alarm`: released, our mistake. `reason` is that of the stop."""

    reason_code: str
    comment: NotRequired[str | None]
    reason: NotRequired[ReasonFacts | None]


class EffectivenessFacts(TypedDict):
    """What the probation showed: units shipped after the fix, complaints about them."""

    units: int
    complaints: int
    days: NotRequired[int | None]


class ClosedFacts(CaseNoticeFacts):
    """`closed`, to everyone told of the freeze. `outcome` is the final state of the case."""

    outcome: str
    remedy: NotRequired[RemedyFacts | None]
    effectiveness: NotRequired[EffectivenessFacts | None]
    comment: NotRequired[str | None]
