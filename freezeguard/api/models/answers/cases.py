"""Cases with all that hangs on them: objects, notices, clocks, tasks, evidence, questions."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from freezeguard.api.models.answers.holds import HoldOut
from freezeguard.api.models.answers.output import Lane, Output, ScopeOut
from freezeguard.domain.transitions import Command, State


class ObjectOut(Output):
    """Whether one catalogue object obeys."""

    model_config = ConfigDict(title="CatalogueObject")

    catalogue: str
    remote_id: str
    wanted: Literal["sellable", "hide", "hard"]
    status: str
    detail: str
    seen_sellable: bool | None
    seen_side: str | None
    seen_at: datetime | None
    sent_at: datetime | None
    attempts: int
    fallbacks: list[str]
    enforced_scope: ScopeOut | None = Field(
        None, description="Where the catalogue can't stop the exact scope: the wider one."
    )
    takes_along: list[str]
    held_by_other: str | None = Field(None, description="A case whose hold keeps it stopped.")
    waived_by: str | None = None
    waived_until: datetime | None = None
    waived_why: str | None = None


class NoticeOut(Output):
    """One notice and whether it arrived."""

    model_config = ConfigDict(title="Notice")

    id: str
    n: int
    kind: str
    recipient: str
    channel: str
    state: str
    attempts: int
    created_at: datetime | None
    sent_at: datetime | None
    last_error: str | None


class ClockOut(Output):
    """One clock of a case."""

    model_config = ConfigDict(title="Clock")

    kind: str
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None
    fired_at: datetime | None = Field(None, description="When it ran out.")
    warned_at: datetime | None = None
    paused_at: datetime | None = Field(None, description="Somebody else has the ball since then.")
    level: int = Field(0, description="How far it has escalated.")
    law: str | None = Field(None, description="The article, where a law sets it.")


class TaskOut(Output):
    """Something to be done by hand."""

    model_config = ConfigDict(title="ManualTask")

    id: str
    catalogue: str
    remote_id: str
    task: Literal["stop", "release"]
    instruction: str
    opened_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None


class EvidenceOut(Output):
    """The signals of a case as sums; excerpts are masked and for staff only."""

    model_config = ConfigDict(title="Evidence")

    signals: int
    customers: int
    first_at: datetime | None
    last_at: datetime | None
    by_intent: dict[str, int]
    by_severity: dict[str, int]
    by_lot: dict[str, int]
    excerpts: list[str]


class EvidenceFileOut(Output):
    """A file that was attached to a case. `sha256` is that of the bytes that are kept."""

    model_config = ConfigDict(title="EvidenceFile")

    id: str
    name: str
    media_type: str
    size: int = Field(description="Bytes.")
    sha256: str
    note: str
    uploaded_by: str
    uploaded_at: datetime
    visible_to_vendor: bool
    erased_at: datetime | None = Field(description="Since when only this entry is left.")


class EvidenceFileList(Output):
    """The files of a case that the caller may see, the oldest first."""

    items: list[EvidenceFileOut]
    next: str | None


class AttachedOut(Output):
    """A file on a case, and how the case stands now."""

    model_config = ConfigDict(title="AttachedEvidence")

    file: EvidenceFileOut
    state: State
    version: int
    evidence_revision: int


class OverdueOut(Output):
    """A clock that is past its time."""

    model_config = ConfigDict(title="OverdueClock")

    kind: str
    due_at: datetime
    level: int = Field(description="How far it has escalated.")


class QuestionOut(Output):
    """A question on a case. A vendor sees those that it was asked or has asked."""

    model_config = ConfigDict(title="Question")

    id: str
    of: Literal["vendor", "owner", "person"]
    person: str | None = Field(description="Who is named; for staff only.")
    with_vendor: bool = Field(description="It was asked of the vendor or by it.")
    text: str
    asked_by: str
    asked_at: datetime
    due_at: datetime
    outcome: Literal["answered", "withdrawn", "case_over"] | None = Field(
        description="Null: somebody waits for the answer."
    )
    answer: str | None = Field(description="The answer, or why it was withdrawn.")
    closed_by: str | None
    closed_at: datetime | None
    may_answer: bool
    may_withdraw: bool


class CommandOut(Output):
    """A command that the caller may give now."""

    model_config = ConfigDict(title="AvailableCommand")

    command: Command
    arguments: dict[str, Any] = Field(description="JSON Schema of its arguments.")
    unmet: list[str] = Field(description="What would still be missing without arguments.")
    votes: int = Field(description="People who have agreed already, for two-person commands.")


class CaseSummary(Output):
    """A case in a list."""

    id: str
    number: int
    scope: ScopeOut
    state: State
    lane: Lane
    degraded: bool
    version: int
    evidence_revision: int
    recurrence: int
    owner: str | None
    vendor: str | None
    vendor_status: str
    category: str | None
    opened_at: datetime
    frozen_at: datetime | None
    closed_at: datetime | None
    reason: dict[str, Any]
    overdue: list[OverdueOut] = Field([], description="Clocks past due, the latest first.")


class DeadlineOut(Output):
    """What is due next."""

    model_config = ConfigDict(title="Deadline")

    kind: str
    due_at: datetime


class HarmOut(Output):
    """What a case's place in the queue was worked out from; for staff only."""

    model_config = ConfigDict(title="Harm")

    rank: float = Field(description="The higher, the sooner somebody should look.")
    severity: Literal["minor", "major", "critical", "safety"] | None = Field(
        description="Of the worst complaint; null: there is none."
    )
    customers: int | None = Field(
        description="Who complained, each once; null: nobody has counted yet."
    )
    units: int | None = Field(description="Units shipped, from 90 days before the case on.")
    contact_cost: str = Field(description="What the contacts of these complaints cost.")
    price: str | None
    overdue: int = Field(description="Clocks past their time.")
    days: float = Field(description="Since the case was opened.")


class ListedCase(CaseSummary):
    """A case in a list, with what whoever reads the list looks for."""

    model_config = ConfigDict(title="ListedCase")

    state_since: datetime | None = Field(None, description="Since when it is in its state.")
    next_deadline: DeadlineOut | None = Field(
        None, description="The clock that runs out next, where none has run out. For a vendor's "
        "people one that runs for the vendor, where there is any."
    )
    harm: HarmOut | None = Field(None, description="With `order=harm` only.")


class CaseOut(CaseSummary):
    """A case, whole."""

    model_config = ConfigDict(title="Case")

    outcome: str | None
    opened_by: str
    reinstated_at: datetime | None
    diagnosis: dict[str, Any] | None
    remedy: dict[str, Any] | None
    remedy_author: str | None
    remedy_rounds: int
    verification: dict[str, Any] | None
    approval_requested_at: datetime | None
    approval_requested_by: str | None
    probation: dict[str, Any] | None
    contact_cost: str | None = Field(description="What the contacts have cost; for staff only.")
    hold: HoldOut | None
    holds: list[HoldOut] = Field([], description="All of them: of merged scopes, or narrowed.")
    further_scopes: list[ScopeOut] = Field([], description="Of cases merged into this one.")
    narrowing: dict[str, Any] | None = Field(None, description="The narrower scope on its way.")
    authority_order: dict[str, Any] | None = None
    commitment: dict[str, Any] | None = Field(None, description="The vendor's own date.")
    contest: dict[str, Any] | None = None
    appeal: dict[str, Any] | None = None
    hand_off: dict[str, Any] | None = Field(None, description="To whom the case is offered.")
    merged_into: str | None = None
    reviews: list[dict[str, Any]] = Field([])
    evidence: EvidenceOut
    evidence_files: list[EvidenceFileOut]
    enforcement: list[ObjectOut]
    notices: list[NoticeOut]
    clocks: list[ClockOut]
    tasks: list[TaskOut]
    questions: list[QuestionOut] = Field([], description="Open ones first, the next due first.")
    available_commands: list[CommandOut]


class PulledCase(CaseOut):
    """The case that a pull opened or joined, and whether anybody has registered the SKU."""

    model_config = ConfigDict(title="PulledCase")

    known: bool = Field(description="The SKU is registered. A stop of one that is not may stop "
                        "nothing: it may be misspelt.")
    near: list[str] = Field(description="Registered SKUs that may be meant, where it is not.")


class CaseList(Output):
    """A page of cases, newest first, or the worst first where that was asked for."""

    items: list[ListedCase]
    next: str | None


class EventOut(Output):
    """One line of a case's history."""

    model_config = ConfigDict(title="CaseEvent")

    n: int
    at: datetime
    actor: str
    command: str
    from_state: str | None
    to_state: str
    version: int
    evidence_revision: int
    arguments: dict[str, Any]


class Timeline(Output):
    """The history of a case, oldest first."""

    items: list[EventOut]
    next: str | None
