"""What the service answers, resource by resource."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from freezeguard.api.models.requests import ViewFilters
from freezeguard.domain.auditverification import What
from freezeguard.domain.knownissue import IssueState
from freezeguard.domain.transitions import Command, State
from freezeguard.services.detecting.charting import MarkKind

Lane = Literal["quality", "safety", "authority"]


class Output(BaseModel):
    """An answer: never changed once it was made."""

    model_config = ConfigDict(frozen=True)


class ScopeOut(Output):
    """A SKU, optionally narrowed; an absent field means "all"."""

    model_config = ConfigDict(title="Scope")

    sku: str
    seller: str | None = None
    channel: str | None = None
    country: str | None = None
    lot: str | None = None


class RejectedItem(Output):
    """One item of a batch that was not accepted."""

    index: int = Field(description="Position in the batch, from 0; the line in NDJSON.")
    code: str
    detail: str
    pointer: str | None = Field(None, description="JSON pointer into the item.")


class Accepted(Output):
    """What became of a batch. Everything accepted is durable."""

    accepted: int
    duplicates: int
    rejected: list[RejectedItem]


class Delivered(Output):
    """What became of a signed delivery. Everything accepted is durable, everything rejected kept.

    `ignored` counts what the conditions of the endpoint's map leave out.
    """

    accepted: int
    duplicates: int
    ignored: int
    rejected: list[RejectedItem]


class Heeded(Output):
    """What a tip brings about: `looked_at` counts the stopped objects that are read back for it."""

    looked_at: int


class RejectedSignalOut(Output):
    """A signal that was not accepted, kept as it came (masked)."""

    id: str
    received_at: datetime
    source: str | None
    index: int
    code: str
    detail: str
    body: str


class RejectedSignals(Output):
    """A page of rejected signals, newest first."""

    items: list[RejectedSignalOut]
    next: str | None


class HoldOut(Output):
    """One hold as readers see it."""

    model_config = ConfigDict(title="Hold")

    id: str
    case: str
    lane: Lane
    scope: ScopeOut
    level: Literal["hide", "hard"]
    reason: str
    since: datetime
    revision: int


class SaleStatus(Output):
    """Whether a SKU may be sold."""

    sku: str
    known: bool
    status: Literal["sellable", "frozen"]
    revision: int = Field(description="Revision of the held set that this answer is from.")
    as_of: datetime = Field(description="When this replica last heard from the database.")
    holds: list[HoldOut]


class SaleStatuses(Output):
    """The same for a cart or a page."""

    items: list[SaleStatus]


class HeldSetOut(Output):
    """The whole held set."""

    model_config = ConfigDict(title="HeldSet")

    revision: int
    as_of: datetime
    items: list[HoldOut]


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
    reviews: list[dict[str, Any]] = []
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


class ChartRule(Output):
    """The rule that stopped the sale, or suspected."""

    id: str
    version: int
    family: str
    window: float = Field(description="Seconds.")


class ChartPoint(Output):
    """What was seen from a moment on, for a step."""

    at: datetime
    complaints: int = Field(description="Made in this step, and counted by the rule.")
    customers: int = Field(description="The most that the window of the rule held.")
    value: float | None = Field(
        description="What the rule compares with its bound, where that came nearest: customers, "
        "complaints, defects per unit, or odds. Null: nobody complained, or there was too little "
        "to go by."
    )
    bound: float | None = Field(description="Lower on probation; null: no rule opened the case.")
    units: int | None = Field(description="Shipped in this step; for staff only.")


class ChartMark(Output):
    """Something that happened."""

    kind: MarkKind
    at: datetime
    what: str | None = Field(description="The rule, the kind of notice, or the final state.")
    recipient: str | None = Field(description="Who was told, for a notice.")
    channel: str | None


class ChartOut(Output):
    """What a chart of a case is drawn from: at most some 400 points, oldest first."""

    model_config = ConfigDict(title="CaseChart")

    case: str
    number: int
    rule: ChartRule | None = Field(description="Null: no rule opened the case, people did.")
    step: float = Field(description="Seconds from one point to the next.")
    start: datetime
    end: datetime
    points: list[ChartPoint]
    marks: list[ChartMark]


class ShareOut(Output):
    """What some of the complaints say; null: they do not say."""

    model_config = ConfigDict(title="Share")

    value: str | None
    complaints: int
    customers: int
    share: float = Field(description="Of all complaints, 0 to 1.")
    cumulative: float = Field(description="The shares down to this one, together.")


class ParetoOut(Output):
    """The complaints by one field, the most first."""

    model_config = ConfigDict(title="Pareto")

    items: list[ShareOut] = Field(description="Up to 50.")
    more: int = Field(description="Further values.")


class CausesBy(Output):
    """What complaints are told apart by."""

    intent: ParetoOut
    lot: ParetoOut
    channel: ParetoOut
    seller: ParetoOut
    severity: ParetoOut


class FixOut(Output):
    """What was done about it, as the remedy of a closed case says."""

    model_config = ConfigDict(title="Fix")

    corrective_action: str
    preventive_action: str


class SimilarCase(Output):
    """A case like it: of the same SKU, vendor or category, the nearest first."""

    id: str
    number: int
    sku: str
    state: State
    outcome: str | None
    opened_at: datetime
    closed_at: datetime | None
    reason: str | None = Field(description="Why its sale was stopped, as a sentence.")
    cause: dict[str, Any] | None = Field(description="Where it is closed.")
    fix: FixOut | None = Field(description="Where it is closed.")


class CausesOut(Output):
    """Where the complaints of a case come from."""

    model_config = ConfigDict(title="CaseCauses")

    case: str
    complaints: int = Field(description="Those that count against the item.")
    customers: int
    by: CausesBy
    similar: list[SimilarCase]


class RuleOut(Output):
    """One rule in its current version."""

    model_config = ConfigDict(title="RuleVersion")

    id: str
    version: int
    mode: Literal["armed", "shadow", "off"]
    created_by: str
    created_at: datetime
    body: dict[str, Any]


class ProposalOut(Output):
    """A change of a rule that waits for a second person; `loosens` says what would be less."""

    model_config = ConfigDict(title="RuleProposal")

    status: Literal["proposed"] = "proposed"
    id: str
    rule: str
    base_version: int = Field(description="The version that it changes; 0: there is none yet.")
    body: dict[str, Any]
    loosens: list[str]
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime


class ProposalList(Output):
    """Every proposal that waits and may still be approved, oldest first."""

    items: list[ProposalOut]
    next: str | None


class ShadowFigures(Output):
    """What a shadow rule would have done since a moment, in SKUs, beside what was done.

    Of those that it would have frozen, `by_rules` were also stopped by an armed rule, `by_pulls` by
    a person or a catalogue, `only_here` by nobody. `missed` were stopped by an armed rule of the
    same lane when this one had said nothing. `days_earlier` is the median of how far it was
    ahead; below 0 it was behind. `false_alarms` and `confirmed` say how those also stopped ended.
    """

    rule: str
    version: int
    since: datetime
    until: datetime
    would_freeze: int
    by_rules: int
    by_pulls: int
    only_here: int
    missed: int
    days_earlier: float | None
    false_alarms: int
    confirmed: int


class ShadowList(Output):
    """Every shadow rule."""

    items: list[ShadowFigures]
    next: str | None


class SightingOut(Output):
    """One SKU: when the rule would first have frozen it, and how it was stopped, if it was."""

    model_config = ConfigDict(title="Sighting")

    sku: str
    would_freeze_at: datetime | None
    stopped_at: datetime | None
    stopped_by: Literal["rule", "pull"] | None
    case: int | None
    ended: Literal["false_alarm", "confirmed"] | None
    days_earlier: float | None


class ShadowOut(ShadowFigures):
    """One shadow rule, with the SKUs behind its figures."""

    items: list[SightingOut]
    next: str | None


class RuleList(Output):
    """Every rule."""

    items: list[RuleOut]
    next: str | None


class WouldCross(Output):
    """What a rule would have done to a SKU, or to a part of it, and why."""

    sku: str
    scope: dict[str, str]
    outcome: Literal["freeze", "suspect"]
    at: datetime
    reason: dict[str, Any]


class PreviewOut(Output):
    """What a rule would have done; `looked_at` is the number of SKUs with enough signals."""

    model_config = ConfigDict(title="PreviewResult")

    items: list[WouldCross]
    looked_at: int
    next: str | None


class TriedSku(SightingOut):
    """A SKU at one time: what a rule would have done, what was done, and why it would have."""

    model_config = ConfigDict(title="TriedSku")

    why: str | None


class TrialOut(Output):
    """What a rule would have done in the past, beside how it ended.

    The numbers are of the SKUs that were looked at for this answer: those of the next are added to
    them. Of what the rule would have stopped, `confirmed` were defects, `false_alarms` were none,
    `undecided` are stopped now, and `only_here` nobody stopped; what was stopped without it was a
    defect (`missed`) or a false alarm (`spared`).
    """

    model_config = ConfigDict(title="TrialResult")

    since: datetime
    until: datetime
    would_freeze: int
    confirmed: int
    false_alarms: int
    undecided: int
    only_here: int
    missed: int
    spared: int
    items: list[TriedSku]
    looked_at: int
    next: str | None


class ReviewScore(Output):
    """How often later reviews found somebody's pulls, or a rule's freezes, right or wrong."""

    kind: Literal["person", "rule"]
    name: str
    right: int
    wrong: int
    undecided: int


class ReviewScores(Output):
    """The scores of everybody who pulled and of every rule that froze."""

    items: list[ReviewScore]
    next: str | None


class HeldBackOut(Output):
    """What a suppression has held back until now."""

    model_config = ConfigDict(title="HeldBack")

    crossings: int
    skus: int
    named: list[str] = Field(description="Up to ten of the SKUs.")


class SuppressionOut(Output):
    """One suppression."""

    model_config = ConfigDict(title="SuppressionRecord")

    id: str
    sku: str | None
    vendor: str | None
    category: str | None
    rule: str | None
    cause: str
    author: str
    created_at: datetime
    expires_at: datetime
    held_back: HeldBackOut


class SuppressionList(Output):
    """Every suppression in force."""

    items: list[SuppressionOut]
    next: str | None


class SkuOut(Output):
    """Master data of a SKU."""

    model_config = ConfigDict(title="SkuRecord")

    sku: str
    title: str | None
    vendor: str | None
    category: str | None
    gtin: str | None
    price: str | None
    owner: str | None


class SkuList(Output):
    """SKUs that were looked up, in the order of their names."""

    items: list[SkuOut]
    next: str | None


class KnownIssueOut(Output):
    """What a contact centre may say of an item. Of what is not known all but `sku` is null."""

    model_config = ConfigDict(title="KnownIssue")

    sku: str
    known: bool
    state: IssueState | None = Field(
        description="`stopped`; `fixed`: on sale again, and what was sold before may be affected; "
        "`off_sale` for good; `suspected` only where the shop tells of suspicions."
    )
    scope: ScopeOut | None = Field(description="What is affected: ask for the lot it names.")
    since: datetime | None
    words: dict[str, str] | None = Field(description="What may be said, by language.")
    offer: dict[str, str] | None = Field(
        description="What may be offered, by language; null where the shop has not said."
    )
    fix_by: datetime | None = Field(
        description="The date that the vendor has set itself: expected, never promised."
    )
    case: int | None = Field(description="The number of the case; for staff only.")


class VendorOut(Output):
    """Master data of a vendor."""

    model_config = ConfigDict(title="VendorRecord")

    vendor: str
    name: str
    contacts: dict[str, list[str]]
    language: str
    time_zone: str
    calendar: str | None


class PersonOut(Output):
    """A person."""

    model_config = ConfigDict(title="PersonRecord")

    id: str
    name: str
    roles: list[str]
    email: str | None
    vendor: str | None
    areas: list[str]
    language: str
    time_zone: str
    calendar: str | None
    deputy: str | None
    active: bool
    signed_in_at: datetime | None = Field(
        description="When they last signed in with a browser, as far back as is kept: 30 days."
    )


class PersonList(Output):
    """Everybody, those who may not sign in any more too."""

    items: list[PersonOut]
    next: str | None


class PersonWithToken(PersonOut):
    """A person as just registered, with a token where one was asked for; shown this once."""

    token: str | None


class KeyOut(Output):
    """A machine key or personal token, without its secret."""

    model_config = ConfigDict(title="KeyRecord")

    id: str
    name: str
    person: str | None
    rights: list[str]
    source: str | None
    freeze_budget: int
    created_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


class NewKey(KeyOut):
    """A machine key with its secret, shown this once: null where the answer is repeated."""

    secret: str | None


class ViewOut(Output):
    """A view of the queue that somebody named."""

    model_config = ConfigDict(title="ViewRecord")

    id: str
    name: str
    filters: ViewFilters
    saved_at: datetime


class ViewList(Output):
    """Your views, the oldest first."""

    items: list[ViewOut]
    next: str | None


class KeyList(Output):
    """Every key and token."""

    items: list[KeyOut]
    next: str | None


class StandingOut(Output):
    """How far a feed is trusted, by what became of the cases that its signals opened."""

    model_config = ConfigDict(title="Standing")

    trust: float = Field(description="0 to 1: the given trust, weighed with its cases.")
    confirmed: float = Field(description="Cases that proved right; one 90 days old counts half.")
    false_alarms: float = Field(
        description="Those by abuse, doubles or a wrong item, counted in the same way."
    )


class SourceOut(Output):
    """A feed."""

    model_config = ConfigDict(title="SourceRecord")

    source: str
    name: str
    trust: float = Field(description="As an admin gave it.")
    false_alarms: int = Field(description="All that were ever declared, whatever the cause.")
    standing: StandingOut
    max_silence: str | None
    last_heard_at: datetime | None = Field(description="When it last sent a new signal.")
    usual_per_day: float | None = Field(
        description="New signals a day, in the 28 days before it was last heard."
    )
    silent_since: datetime | None = Field(
        description="Silent for longer than chance allows, or than `max_silence`; null: it is not."
    )


class SourceList(Output):
    """Every feed that is registered or was heard."""

    items: list[SourceOut]
    next: str | None


class AuditEntry(Output):
    """One line of the record."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    why: str
    details: dict[str, Any]


class AuditPage(Output):
    """A page of the record, newest first."""

    items: list[AuditEntry]
    next: str | None


class LinkOut(Output):
    """One link of the chain over the record; docs/audit.md says what is hashed."""

    model_config = ConfigDict(title="AuditLink")

    position: int
    audit_seq: int
    chained_at: str = Field(description="In UTC with six decimals, as it is hashed.")
    salt: str = Field(description="16 bytes in hexadecimal.")
    digest: str = Field(description="SHA-256 in hexadecimal.")
    hash: str = Field(description="SHA-256 in hexadecimal.")
    entry: str | None = Field(
        description="The row as it is now, in the form that is hashed; null where it is gone."
    )


class ChainPage(Output):
    """A page of the chain, oldest first."""

    instance: str = Field(description="Which chain this is; anchors name it.")
    items: list[LinkOut]
    next: str | None


class FindingOut(Output):
    """One thing that is wrong with the record."""

    model_config = ConfigDict(title="AuditFinding")

    what: What
    position: int | None
    audit_seq: int | None
    detail: str


class HeadOut(Output):
    """The last link."""

    model_config = ConfigDict(title="AuditHead")

    position: int
    audit_seq: int
    hash: str


class UnchainedOut(Output):
    """What is in no link."""

    model_config = ConfigDict(title="AuditUnchained")

    rows: int = Field(description="How many; counted up to 10,000.")
    seqs: list[int] = Field(description="Those below the highest that is chained; at most 100.")
    oldest_at: datetime | None
    as_of: datetime


class Verdict(Output):
    """Whether the record is what it was."""

    model_config = ConfigDict(title="AuditVerdict")

    ok: bool = Field(description="Everything was looked at, and nothing is wrong.")
    complete: bool = Field(
        description="False where the time was up: the links up to `head` were looked at, and not "
        "those behind it."
    )
    instance: str
    checked: int = Field(description="Links that were looked at.")
    head: HeadOut | None
    anchors: int = Field(description="Anchors that were compared: those in this replica's file.")
    last_anchored: int | None = Field(
        description="Up to this position an anchor vouches for the chain."
    )
    findings: list[FindingOut]
    more: int = Field(description="Findings beyond the first hundred.")
    unchained: UnchainedOut


class CheckOut(Output):
    """One named check of readiness."""

    model_config = ConfigDict(title="Check")

    ok: bool
    detail: str
    age_seconds: float | None = None


class Readiness(Output):
    """Whether traffic may come here."""

    ready: bool
    checks: dict[str, CheckOut]


class Liveness(Output):
    """The process runs; nothing else was asked."""

    live: bool
    version: str


class UnconfirmedOut(Output):
    """The stop that a catalogue has not confirmed for longest."""

    model_config = ConfigDict(title="UnconfirmedStop")

    sku: str
    remote_id: str
    status: str
    detail: str
    attempts: int
    since: datetime
    case: str
    number: int


class CanaryOut(Output):
    """How the canary of a catalogue did: seconds that its last stop and release took."""

    model_config = ConfigDict(title="CanaryStanding")

    result: Literal["well", "late", "failed", "skipped"] | None
    detail: str
    succeeded_at: datetime | None
    finished_at: datetime | None
    stop_seconds: float | None
    release_seconds: float | None


class CatalogueOut(Output):
    """How a catalogue does.

    `stopped` objects are wanted stopped, `unconfirmed` of them are under way, `degraded` do not
    obey. `drifts` is how often in the last seven days something was put back on sale in an open
    case. `reached_at` is the last read-back or canary; the breaker is that of the replica that
    answers: `paused_seconds` is what is left of a pause that the catalogue asked for. `proven` is
    how its connector was tried by its makers, `proved_at` when its owner did.
    """

    model_config = ConfigDict(title="CatalogueStanding")

    name: str
    configured: bool
    level: Literal["hide", "hard"] | None
    proven: Literal["run", "stand-in", "recipe"] | None
    off_because: str | None
    proved_at: datetime | None
    proved_by: str | None
    reached_at: datetime | None
    breaker_open: bool
    failures: int
    paused_seconds: float
    stopped: int
    unconfirmed: int
    releasing: int
    degraded: int
    drifted: int
    drifts: int
    drifted_at: datetime | None
    oldest_unconfirmed: UnconfirmedOut | None
    canary: CanaryOut | None


class ManualTaskOut(Output):
    """Something that a person is to stop or release by hand."""

    model_config = ConfigDict(title="OpenTask")

    catalogue: str
    sku: str
    remote_id: str
    task: Literal["stop", "release"]
    instruction: str
    assigned_to: str | None
    opened_at: datetime
    case: str
    number: int


class CatalogueList(Output):
    """Every catalogue, and what waits for people's hands; periods are in seconds."""

    items: list[CatalogueOut]
    tasks: list[ManualTaskOut]
    verify_every: float
    call_deadline: float
    next: str | None


class BudgetOut(Output):
    """A budget of the governor, and what is left of it now.

    `of` is shop, source, category, vendor, safety, or vendor_skus: SKUs of one vendor in which no
    defect was found. Of the last five, only those are listed of which something was spent.
    """

    model_config = ConfigDict(title="BudgetStanding")

    of: Literal["shop", "source", "category", "vendor", "safety", "vendor_skus"]
    whose: str | None
    limit: int
    spent: int
    left: int
    window: float = Field(description="Seconds.")


class BudgetList(Output):
    """The governor's budgets; what any source, category or vendor may spend of its own."""

    items: list[BudgetOut]
    each: dict[str, int]
    next: str | None


class AnswersOut(Output):
    """How long a vendor took to answer, and how often it was late."""

    model_config = ConfigDict(title="AnswerTimes")

    answered: int
    late: int
    median_seconds: float


class VendorStandingOut(Output):
    """How a vendor does.

    Dates that it named since a year ago: `kept`, `broken`, `moved`, `waiting`. `answers` are by
    what was waited for. Contacts are told by GET /v1/vendors/{vendor}.
    """

    model_config = ConfigDict(title="VendorStanding")

    vendor: str
    name: str
    language: str
    contacts: int
    open_cases: int
    oldest_case_at: datetime | None
    kept: int
    broken: int
    moved: int
    waiting: int
    answers: dict[Literal["vendor_ack", "vendor_plan"], AnswersOut]
    endpoints: int
    endpoints_failing: int
    endpoints_disabled: int


class VendorList(Output):
    """Vendors in the order of their names."""

    items: list[VendorStandingOut]
    next: str | None
