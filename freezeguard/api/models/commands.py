"""What each command needs beside its name and the version.

Guards say what a decision needs (422 `guard_failed` with what is missing); these models only say
of what type it must be.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from freezeguard.api.models.fields import DayOrMoment, Input, Label, Name, Revision, Text
from freezeguard.domain.acts.desk import VERDICTS
from freezeguard.domain.guards import FALSE_ALARM_CODES
from freezeguard.domain.remedy import BRANCHES
from freezeguard.domain.transitions import Command


class Nothing(Input):
    """No arguments."""

    model_config = ConfigDict(title="NoArguments")


class Comment(Input):
    """A word for the record."""

    comment: Text = Field(min_length=1)


class Remark(Input):
    """An optional word for the record."""

    comment: Text | None = None


class Reasoned(Input):
    """A command that must say why."""

    reason: Text | None = None


class ReasonedOnEvidence(Reasoned):
    """A decision that must say why, on the evidence that was seen."""

    evidence_revision: Revision | None = Field(
        None, description="That of the case as you read it; other evidence by now is a conflict."
    )


class FreezeArguments(Input):
    """Freeze, or second a suspicion."""

    reason_code: Literal[
        "defective", "wrong_item", "mislabelled", "safety_injury", "safety_hazard",
        "authority_order", "other",
    ] = "other"
    comment: Text | None = None
    lane: Literal["quality", "safety", "authority"] | None = None
    document: Name | None = None


class TaskDone(Input):
    """A manual task is done."""

    catalogue: Name
    remote_id: str = Field("", max_length=200)
    note: Text | None = None


class Cause(Input):
    """The root cause, with its branch and proof."""

    model_config = ConfigDict(title="RootCause")

    branch: str | None = Field(None, max_length=64, description=f"One of {', '.join(BRANCHES)}.")
    description: Text | None = None
    proof: Text | None = None
    whys: list[Text] | None = Field(None, max_length=10)


class Containment(Input):
    """What was done in the three places where broken goods may lie."""

    own_stock: Text | None = None
    vendor_stock: Text | None = None
    in_transit: Text | None = None


class Remedy(Input):
    """Cause, containment, and what prevents it from coming back."""

    cause: Cause | None = None
    containment: Containment | None = None
    corrective_action: Text | None = None
    preventive_action: Text | None = None
    affected_lots: list[Name] | None = Field(None, max_length=200)


class ProposeRemedy(Input):
    """Propose a remedy."""

    remedy: Remedy = Remedy()


class ReturnRemedy(Input):
    """Return a remedy, naming exactly what is missing."""

    missing: list[Text] | None = Field(None, max_length=50)


class Verification(Input):
    """What was checked, with what result."""

    kind: Label | None = Field(None, description="inspection, lot_clearance, page_fix, test …")
    result: Text | None = None
    document: Name | None = None


class RequestApproval(Input):
    """Ask for approval of the remedy."""

    verification: Verification = Verification()


class Approve(Input):
    """Approve the reinstatement, on the evidence that was seen."""

    evidence_revision: Revision | None = None
    unconfirmed: list[Text] | None = Field(
        None, max_length=200, description="Objects that are not confirmed, each named."
    )
    comment: Text | None = None


class FalseAlarm(Input):
    """Declare a false alarm."""

    reason_code: str | None = Field(
        None, max_length=64, description=f"One of {', '.join(FALSE_ALARM_CODES)}."
    )
    evidence_revision: Revision | None = Field(
        None, description="That of the case as you read it; other evidence by now is a conflict."
    )
    comment: Text | None = None


class CommitDate(Input):
    """The vendor's own date for its remedy."""

    date: DayOrMoment | None = Field(
        None, description="By when: a day means its end in the vendor's time zone."
    )
    comment: Text | None = None


class Appeal(Input):
    """Ask for another look at a decision."""

    new_facts: Text | None = Field(None, description="What was not known when it was decided.")


class ScopePart(Input):
    """A part of the sale of a SKU; an absent field means all."""

    model_config = ConfigDict(title="ScopePart")

    sku: Name | None = None
    seller: Name | None = None
    channel: Name | None = None
    country: Name | None = None
    lot: Name | None = None


class Widen(Input):
    """Stop more of the same SKU."""

    scope: ScopePart = ScopePart()
    reason: Text | None = None


class Narrow(Input):
    """Stop less of it: evidence isolates a lot, a channel or a seller."""

    scope: ScopePart = ScopePart()
    reason: Text | None = None
    evidence_revision: Revision | None = None


class RegisterOrder(Input):
    """An order of an authority."""

    authority: Text | None = None
    document: Name | None = Field(None, description="Where the order itself is kept.")
    jurisdiction: Label | None = Field(
        None, description="Whose law counts: EU, a country or a part of it (DE-BY); absent: all."
    )
    comment: Text | None = None


class RegisterRevocation(Input):
    """The authority takes its order back."""

    document: Name | None = Field(None, description="Where the revocation itself is kept.")
    order: Name | None = Field(
        None, description="The document of the order that is revoked, where there are several."
    )
    authority: Text | None = Field(
        None, description="Whose order it is, where several authorities number theirs alike."
    )
    comment: Text | None = None


class RecordAction(Input):
    """What a law wanted to be done is done."""

    clock: Label | None = Field(None, description="The legal clock that ends with it.")
    action: Text | None = Field(None, description="What was done, and who was told.")
    document: Name | None = None


class Merge(Input):
    """Make one case of two that have the same cause; the older one survives."""

    into: Name | None = Field(None, description="Id or number of the case that survives.")
    reason: Text | None = None


class HandOff(Input):
    """Offer the case to another owner."""

    to: Name | None = Field(None, description="Id of the person.")
    reason: Text | None = None


class ExtendDeadline(Input):
    """Move a deadline."""

    clock: Label | None = None
    until: DayOrMoment | None = Field(
        None, description="The new due time: a day means its end in your time zone."
    )
    reason: Text | None = None


class Waive(Input):
    """Take it upon oneself that an object is not stopped, until a moment."""

    catalogue: Name
    remote_id: str = Field("", max_length=200)
    until: DayOrMoment | None = Field(
        None, description="When the waiver ends: a day means its end in your time zone."
    )
    reason: Text | None = None


class Unwaive(Input):
    """End a waiver."""

    catalogue: Name
    remote_id: str = Field("", max_length=200)
    reason: Text | None = None


class Review(Input):
    """Look back whether it was right to stop the sale, for what was known then."""

    verdict: str | None = Field(
        None, max_length=64, description=f"One of {', '.join(VERDICTS)}."
    )
    comment: Text | None = None


class AttachEvidence(Input):
    """The file itself goes to `POST /v1/cases/{id}/evidence`; this command alone attaches none."""


class NoCommand(BaseModel):
    """Arguments of a command that only freezeguard itself gives: always refused."""

    model_config = ConfigDict(extra="allow", frozen=True)


ARGUMENTS: Mapping[Command, type[BaseModel]] = {
    Command.DISMISS: ReasonedOnEvidence,
    Command.FREEZE: FreezeArguments,
    Command.RESOLVE_TASK: TaskDone,
    Command.ACCEPT_OWNERSHIP: Remark,
    Command.PROPOSE_REMEDY: ProposeRemedy,
    Command.RETURN_REMEDY: ReturnRemedy,
    Command.REQUEST_APPROVAL: RequestApproval,
    Command.REJECT_APPROVAL: Reasoned,
    Command.APPROVE: Approve,
    Command.DECLARE_FALSE_ALARM: FalseAlarm,
    Command.COMMENT: Comment,
    Command.ACKNOWLEDGE: Remark,
    Command.COMMIT_DATE: CommitDate,
    Command.CONTEST: Reasoned,
    Command.ANSWER_CONTEST: Reasoned,
    Command.DELIST: ReasonedOnEvidence,
    Command.APPEAL: Appeal,
    Command.REOPEN: Reasoned,
    Command.UPHOLD: Reasoned,
    Command.WIDEN: Widen,
    Command.NARROW: Narrow,
    Command.REGISTER_ORDER: RegisterOrder,
    Command.REGISTER_REVOCATION: RegisterRevocation,
    Command.RECORD_ACTION: RecordAction,
    Command.MERGE: Merge,
    Command.HAND_OFF: HandOff,
    Command.ACCEPT_HAND_OFF: Remark,
    Command.EXTEND_DEADLINE: ExtendDeadline,
    Command.WAIVE: Waive,
    Command.UNWAIVE: Unwaive,
    Command.REVIEW: Review,
    Command.ATTACH_EVIDENCE: AttachEvidence,
}


def arguments_of(command: Command) -> type[BaseModel]:
    """Return the model of a command's arguments."""
    return ARGUMENTS.get(command, NoCommand)


@cache
def argument_schema(command: Command) -> dict[str, Any]:
    """Return the JSON Schema of a command's arguments."""
    return arguments_of(command).model_json_schema()
