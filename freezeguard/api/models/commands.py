"""What each command needs beside its name and the version.

Guards say what a decision needs (422 `guard_failed` with what is missing); these models only say
of what type it must be.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from freezeguard.api.models.fields import Input, Label, Name, Revision, Text
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
    comment: Text | None = None


class AttachEvidence(Input):
    """The file itself goes to `POST /v1/cases/{id}/evidence`; this command alone attaches none."""


class Later(BaseModel):
    """A command of a later release: its arguments are not settled."""

    model_config = ConfigDict(extra="allow", frozen=True)


ARGUMENTS: Mapping[Command, type[BaseModel]] = {
    Command.DISMISS: Reasoned,
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
    Command.ATTACH_EVIDENCE: AttachEvidence,
}


def arguments_of(command: Command) -> type[BaseModel]:
    """Return the model of a command's arguments."""
    return ARGUMENTS.get(command, Later)


@cache
def argument_schema(command: Command) -> dict[str, Any]:
    """Return the JSON Schema of a command's arguments."""
    return arguments_of(command).model_json_schema()
