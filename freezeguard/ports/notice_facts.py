"""What each kind of notice says, as plain JSON.

Facts are stored in the transaction of the change that they report and worded only when the notice
is sent, in the language and the time zone of its reader. Times are RFC 3339 text with an offset;
numbers are JSON numbers, money is text. Facts stored by an older version must still be worded by a
newer one, so a field that is added later is `NotRequired`.

Where a field holds a code (`step`, `family`, `reason_code`, `missing`, …) the reader sees the words
of his language; a code that the language does not know is shown as it stands. Facts never hold a
customer or an order: what a vendor may see of complaints are sums and masked excerpts.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NotRequired, TypedDict

Audience = Literal["vendor", "staff"]
Lane = Literal["quality", "safety", "authority"]
Level = Literal["hide", "hard"]


class ContactFacts(TypedDict):
    """Who answers questions about this notice."""

    name: str
    address: str
    phone: NotRequired[str]


class StepFacts(TypedDict):
    """What happens next. `step` is a code of the language's `step` table; `by` its due time."""

    step: str
    by: NotRequired[str | None]


class NoticeFacts(TypedDict):
    """What every notice says.

    `recipient` is the name to greet ("" if unknown), `shop` the name of who sends, `link` the
    page to open (http or https), `at` the moment of the change. `reply_to` is the address under
    which an answer reaches the case; `instead_of` is the name of who could not be reached, where
    this reader stands in for somebody.
    """

    audience: Audience
    recipient: str
    shop: str
    link: str
    at: str
    contact: ContactFacts
    steps: list[StepFacts]
    reply_to: NotRequired[str | None]
    instead_of: NotRequired[str | None]


class ScopeFacts(TypedDict):
    """What may not be sold: a SKU, optionally narrowed. An absent field means "all"."""

    sku: str
    seller: NotRequired[str | None]
    channel: NotRequired[str | None]
    country: NotRequired[str | None]
    lot: NotRequired[str | None]


class CaseNoticeFacts(NoticeFacts):
    """What every notice about a case says.

    `case` is its number as people write it, `since` when the sale stopped (absent: it did not).
    `api` is the address of the case for programs; with it, `link` is a page for people.
    """

    case: str
    lane: Lane
    scope: ScopeFacts
    title: str
    since: NotRequired[str | None]
    api: NotRequired[str]


class RiseFacts(TypedDict, total=False):
    """What a rise of the defect rate rests on: complaints in the days since its likely beginning.

    `expected` are the complaints that would be usual; `exposure` is what `per` says, units or days;
    `factor` how many times the usual rate was looked for. Where a rate has a confidence, it is just
    the `rate` itself. `set_aside` are complaints that only repeat others, by what they share with
    them; `of_one_hand` says whose hand is seen, `surplus` how many more came on a day than count.
    Where a rule has a limit, and days had more, `per_day` is how many of one day count.
    """

    complaints: int
    days: int
    per: str
    exposure: float
    expected: float
    factor: float
    rate: float
    set_aside: dict[str, int]
    rest_is_enough: bool
    of_one_hand: str
    surplus: int
    per_day: float
    parts: "list[PartFacts]"


class PartFacts(TypedDict):
    """A part of a rule that reached its bound, with figures as a reason has them."""

    family: str
    window: float
    observed: float
    bound: float
    details: NotRequired[RiseFacts | None]


class DoubtedFacts(TypedDict):
    """A source that is trusted too little to stop a sale by itself, with its recent cases."""

    source: str
    trust: float
    confirmed: float
    false_alarms: float


class SiblingFacts(TypedDict):
    """A related item in which a defect was found, for which the lower bound was enough here."""

    sku: str
    case: str


class WaveFacts(TypedDict):
    """Other SKUs of a vendor that were stopped within some days: their number, and the first."""

    vendor: str
    number: int
    skus: list[str]
    days: float


class ReasonFacts(TypedDict):
    """A case's reason: `sentence` says why; the rest are the figures or the pull behind it.

    The names are those of `domain.reasons`: a rule's reason has `rule_id` and what follows it
    (`window` in seconds, `exposure` in units shipped, `observed` and `bound` in the unit of
    `family`); a person's has `reason_code` and `comment`. Names of people and identities of
    signals, which a stored reason holds as well, are never shown.
    """

    sentence: str
    family: NotRequired[str | None]
    rule_id: NotRequired[str | None]
    rule_version: NotRequired[int | None]
    window: NotRequired[float | None]
    observed: NotRequired[float | None]
    bound: NotRequired[float | None]
    customers: NotRequired[int | None]
    exposure: NotRequired[int | None]
    tightened: NotRequired[bool | None]
    details: NotRequired[RiseFacts | None]
    doubted: NotRequired[list[DoubtedFacts] | None]
    budget: NotRequired[str | None]
    wave: NotRequired[WaveFacts | None]
    sibling: NotRequired[SiblingFacts | None]
    reason_code: NotRequired[str | None]
    comment: NotRequired[str | None]


class TallyFacts(TypedDict):
    """How many of the counted complaints share a name (an intent, a severity, a lot)."""

    name: str
    number: int


class EvidenceFacts(TypedDict):
    """The counted complaints as sums. `excerpts` are masked; the renderer masks them once more."""

    complaints: int
    customers: NotRequired[int | None]
    first_at: NotRequired[str | None]
    last_at: NotRequired[str | None]
    intents: NotRequired[list[TallyFacts]]
    severities: NotRequired[list[TallyFacts]]
    lots: NotRequired[list[TallyFacts]]
    excerpts: NotRequired[list[str]]


class CatalogueFacts(TypedDict):
    """One catalogue that was asked to stop, or to sell again.

    `scope` is there only where the stop is enforced wider than the hold; `siblings` are other SKUs
    that this stop takes along; `status` is what the read-back at `seen_at` made of it.
    """

    name: str
    level: NotRequired[Level | None]
    scope: NotRequired[ScopeFacts | None]
    siblings: NotRequired[list[str]]
    status: NotRequired[str | None]
    seen_at: NotRequired[str | None]


class OrderFacts(TypedDict):
    """An authority's order. `issued` is a date as the document writes it."""

    authority: str
    reference: str
    issued: NotRequired[str | None]
    document: NotRequired[str | None]


class StatementFacts(CaseNoticeFacts):
    """`statement_of_reasons`, with the freeze.

    The reason and the lane choose the text: a rule, a person's pull (family `pull`), a safety
    signal (family `safety`) or an authority's order (lane `authority`, with `order`). `soft_until`
    is the end of a soft hold. `terms` names the ground in the contract; a contest is answered
    within `contest_working_days` (2 if absent). The vendor has `acknowledge_within` and
    `plan_within` (seconds) to answer: time of its working days, unless it `elapses`.
    """

    reason: ReasonFacts
    catalogues: list[CatalogueFacts]
    evidence: NotRequired[EvidenceFacts | None]
    order: NotRequired[OrderFacts | None]
    soft_until: NotRequired[str | None]
    terms: NotRequired[str | None]
    contest_working_days: NotRequired[int | None]
    acknowledge_within: NotRequired[float | None]
    plan_within: NotRequired[float | None]
    elapses: NotRequired[bool]
    # "as" (a code of the `you` table): why a reader who does not own the case is told


class RefrozenFacts(StatementFacts):
    """`refrozen`: a statement of reasons once more, in the same case, for the n-th time."""

    recurrence: int
    released_at: NotRequired[str | None]


class WaivedFacts(TypedDict):
    """A catalogue object that may still sell; by whom it was waived and why is for staff."""

    name: str
    until: str
    by: NotRequired[str | None]
    why: NotRequired[str | None]


class FrozenConfirmedFacts(CaseNoticeFacts):
    """`frozen_confirmed`: every catalogue was read back; `at` is the last read-back.

    `waived` are objects that were not, and need not be for a time: they may still sell.
    """

    catalogues: list[CatalogueFacts]
    waived: NotRequired[list[WaivedFacts]]


class SuspectedFacts(CaseNoticeFacts):
    """`suspected`, to the owner: a second opinion is asked until `expires_at`.

    `soft_hold` says whether the sale is paused meanwhile; `asked` are names of who was asked.
    """

    reason: ReasonFacts
    expires_at: str
    soft_hold: NotRequired[bool]
    evidence: NotRequired[EvidenceFacts | None]
    asked: NotRequired[list[str]]


class ExpiredFacts(CaseNoticeFacts):
    """`expired`, to who pulled and the owner: nobody agreed in time, or no news came."""

    reason: ReasonFacts
    soft_hold: NotRequired[bool]


class DismissedFacts(CaseNoticeFacts):
    """`dismissed`, to who pulled: `why`, and who decided (`by`)."""

    why: str
    by: NotRequired[str | None]
    soft_hold: NotRequired[bool]


class AttemptFacts(TypedDict):
    """What was tried on a catalogue object (`means`, a code) and what came of it."""

    means: str
    outcome: str
    at: NotRequired[str | None]


class ChangedFieldFacts(TypedDict):
    """A field that somebody changed while the sale was stopped."""

    field: str
    written: str
    seen: str


class ObjectNoticeFacts(CaseNoticeFacts):
    """What notices about one catalogue object share.

    `remote_id` is empty where the SKU was not found. `detail` is the catalogue's own answer,
    `instruction` what a person has to do there by hand; `selling` is the last read-back (of
    `seen_at`), None if unknown.
    """

    catalogue: str
    remote_id: str
    detail: str
    status: NotRequired[str | None]
    instruction: NotRequired[str | None]
    selling: NotRequired[bool | None]
    seen_at: NotRequired[str | None]
    tried: NotRequired[list[AttemptFacts]]


class DegradedFacts(ObjectNoticeFacts):
    """`degraded`, to the owner: an object is refused, unreachable or drifted (`status`).

    With `not_listed` no catalogue lists the SKU: nothing was stopped, and nothing is confirmed.
    """


class ReleaseRefusedFacts(ObjectNoticeFacts):
    """`release_refused`, to the owner: so many `tries` failed, or fields were `changed`."""

    tries: NotRequired[int | None]
    changed: NotRequired[list[ChangedFieldFacts]]


class ManualTaskFacts(ObjectNoticeFacts):
    """`manual_task`: a person has to do by hand what freezeguard could not.

    With the task `tell_vendor` no mail reached the vendor: `vendor` is whom, `address` where it
    was tried (None: none is known), and `detail` why it failed.
    """

    task: NotRequired[Literal["stop", "release", "tell_vendor"] | None]
    due: NotRequired[str | None]
    vendor: NotRequired[str | None]
    address: NotRequired[str | None]


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


class BudgetFacts(TypedDict):
    """A governor's budget: whose (`of`: source, category, vendor, shop, safety), and how much.

    `window` is in seconds.
    """

    of: str
    name: str
    spent: int
    limit: int
    window: float


class WaitingFacts(TypedDict):
    """A case that waits for a person because the budget was spent, most urgent first."""

    case: str
    sku: str
    sentence: str
    reason: NotRequired[ReasonFacts | None]
    link: NotRequired[str | None]


class BudgetSpentFacts(NoticeFacts):
    """`budget_spent`, to owners and admins: the governor stopped further automatic freezes."""

    budget: BudgetFacts
    waiting: list[WaitingFacts]
    resumes_at: NotRequired[str | None]


class FeedFacts(TypedDict):
    """A feed: when it was last heard, how many signals a day are usual, how long it may be silent.

    `max_silence` is in seconds, absent where chance decides.
    """

    source: str
    name: str
    heard: NotRequired[str | None]
    silent_since: NotRequired[str | None]
    usual_per_day: NotRequired[float | None]
    max_silence: NotRequired[float | None]


class FeedNoticeFacts(NoticeFacts):
    """`feed_silent`, `feed_speaks`, to the default owner and admins."""

    feed: FeedFacts


class CanaryFacts(TypedDict):
    """A canary: of which catalogue, and how its last round went; seconds of what was seen in time.

    `since` is since when it was known not to be well, `succeeded_at` when it last was.
    """

    catalogue: str
    sku: str
    late_after: float
    detail: NotRequired[str | None]
    stop_seconds: NotRequired[float | None]
    release_seconds: NotRequired[float | None]
    since: NotRequired[str | None]
    succeeded_at: NotRequired[str | None]


class CanaryNoticeFacts(NoticeFacts):
    """`canary_late`, `canary_well`, to the default owner and admins."""

    canary: CanaryFacts


class SuppressionFacts(TypedDict):
    """A suppression: of what, why, by whom, until when; how much it held back, and which SKUs."""

    id: str
    cause: str
    author: str
    until: str
    crossings: int
    skus: int
    named: list[str]
    sku: NotRequired[str | None]
    vendor: NotRequired[str | None]
    category: NotRequired[str | None]
    rule: NotRequired[str | None]


class SuppressionNoticeFacts(NoticeFacts):
    """`suppression_ending`, `suppression_ended`: to its author and who answers for its SKUs."""

    suppression: SuppressionFacts


class VendorReminderFacts(CaseNoticeFacts):
    """`vendor_reminder`, to the vendor or its second contact: nothing was heard `silent_since`.

    `number` counts the reminders from 1; `due` is when somebody above is told.
    """

    silent_since: str
    number: int
    due: NotRequired[str | None]


class VendorEscalatedFacts(CaseNoticeFacts):
    """`vendor_escalated`, to the vendor's superior; `due` is when the shop goes on without."""

    silent_since: str
    due: NotRequired[str | None]


class VendorSilentFacts(CaseNoticeFacts):
    """`vendor_silent`, to the owner, who must choose; `number` is how many reminders went out."""

    silent_since: str
    number: NotRequired[int | None]


class CommitmentFacts(CaseNoticeFacts):
    """`commitment_made` (owner) and `commitment_broken` (owner, vendor): the vendor's own date.

    `kept` and `broken` count this vendor's earlier dates; only staff sees them.
    """

    due: str
    note: NotRequired[str | None]
    kept: NotRequired[int | None]
    broken: NotRequired[int | None]


class VendorCommentedFacts(CaseNoticeFacts):
    """`vendor_commented`, to the owner: what the vendor wrote, in a mail or on the case.

    If it is an objection, the vendor was promised an answer by `answer_due`.
    """

    text: str
    vendor: NotRequired[str | None]
    answer_due: NotRequired[str | None]


class QuestionAskedFacts(CaseNoticeFacts):
    """`question_asked`, to who is to answer by `due`: vendor, owner or a person.

    `clock` is the clock that waits for the answer; a vendor does not learn who asks (`by`).
    """

    text: str
    due: str
    clock: str
    by: NotRequired[str | None]


class QuestionAnsweredFacts(CaseNoticeFacts):
    """`question_answered`, to who asked."""

    text: str
    answer: str
    by: NotRequired[str | None]


class ContestReceivedFacts(CaseNoticeFacts):
    """`contest_received`, to the owner: what the vendor says is wrong."""

    text: str
    answer_due: str


class ContestAnsweredFacts(CaseNoticeFacts):
    """`contest_answered`, to the vendor; `accepted` says whether the stop was wrong."""

    answer: str
    accepted: NotRequired[bool | None]


class ClockWarningFacts(CaseNoticeFacts):
    """`clock_warning`, to staff: `share` (0 to 1) of the time of a clock is over."""

    clock: str
    due: str
    share: NotRequired[float | None]


class ClockBreachedFacts(CaseNoticeFacts):
    """`clock_breached`, to staff: overdue since `due`.

    `level` is how far it has escalated, `told` names who else was told, and `next` is when the
    next one hears of it. `as` is the rung on which the reader stands: a code of the `you` table.
    """

    clock: str
    due: str
    level: int
    told: NotRequired[list[str]]
    next: NotRequired[str | None]


class UpdateFacts(CaseNoticeFacts):
    """`update`, to vendor and owner, also without news.

    `state` is the state of the case, `ball` a code of the `ball` table: whose turn it is.
    """

    state: str
    ball: str
    next_update: str
    news: NotRequired[list[str]]


class DelistedFacts(CaseNoticeFacts):
    """`delisted`, to vendor and owner: off sale for good, unless an appeal by then succeeds."""

    why: str
    appeal_until: str


class AppealedFacts(CaseNoticeFacts):
    """`appealed`, to the reviewers: the new facts, and who decided before (`decided_by`)."""

    text: str
    answer_due: str
    decided_by: NotRequired[list[str]]


class AppealDecidedFacts(CaseNoticeFacts):
    """`appeal_upheld` (the decision stands) and `appeal_reopened`, to vendor and owner.

    `was_sold`: after a false alarm the sale ran until it was stopped again. The vendor of a case
    that is open again has the time to answer that a statement of reasons gives.
    """

    why: str
    was_sold: NotRequired[bool]
    acknowledge_within: NotRequired[float | None]
    plan_within: NotRequired[float | None]
    elapses: NotRequired[bool]


class RescopedFacts(CaseNoticeFacts):
    """`widened` and `narrowed`, to vendor and owner; `scope` is what is stopped now.

    `catalogues` tell of a narrower stop how wide each of them still stops.
    """

    from_scope: ScopeFacts
    why: NotRequired[str | None]
    catalogues: NotRequired[list[CatalogueFacts]]


class NarrowRequestedFacts(CaseNoticeFacts):
    """`narrow_requested`, to those who may give the second vote."""

    to_scope: ScopeFacts
    requested_by: str
    why: NotRequired[str | None]
    valid_until: NotRequired[str | None]


class DelistRequestedFacts(CaseNoticeFacts):
    """`delist_requested`, to those who may give the second vote."""

    requested_by: str
    why: str
    valid_until: NotRequired[str | None]


class OrderRegisteredFacts(CaseNoticeFacts):
    """`order_registered`, to vendor, owner and compliance."""

    order: OrderFacts


class RevocationRegisteredFacts(CaseNoticeFacts):
    """`revocation_registered`, to owner, approvers, compliance: the revocation, as an order is.

    `remaining` are orders that still stand; `stopped_before` is the lane in which the sale was
    stopped already when the first order came.
    """

    revocation: OrderFacts
    remaining: NotRequired[list[OrderFacts]]
    stopped_before: NotRequired[str | None]


class MergedFacts(CaseNoticeFacts):
    """`merged`, to vendor, owner and who pulled: the case goes on as case `into`."""

    into: str
    into_link: NotRequired[str | None]


class MergeProposedFacts(CaseNoticeFacts):
    """`merge_proposed`, to the owner: the open case `other` overlaps with this one."""

    other: str
    other_link: NotRequired[str | None]
    why: NotRequired[str | None]


class HandOffOfferedFacts(CaseNoticeFacts):
    """`hand_off_offered`, to the person who is asked to take a case over: with what is known.

    `next_clock` is the clock that runs out next, at `next_due`.
    """

    from_person: str
    note: NotRequired[str | None]
    valid_until: NotRequired[str | None]
    reason: NotRequired[ReasonFacts | None]
    confirmed_cause: NotRequired[str | None]
    open_causes: NotRequired[list[str]]
    open_questions: NotRequired[list[str]]
    next_clock: NotRequired[str | None]
    next_due: NotRequired[str | None]


class FindingFacts(CaseNoticeFacts):
    """`finding`, to owners of related items: the confirmed cause of this one.

    `items` are the reader's own, each with how many complaints about it count at the moment.
    """

    cause: str
    items: list[str]
    by: NotRequired[str | None]


class HandOffEndedFacts(CaseNoticeFacts):
    """`hand_off_accepted` and `hand_off_lapsed`, to the old owner."""

    to_person: str


class OwnerReplacedFacts(CaseNoticeFacts):
    """`owner_replaced`, to the new owner: the old one is gone; the case is in `state`."""

    from_person: NotRequired[str | None]
    state: str


class DeadlineExtendedFacts(CaseNoticeFacts):
    """`deadline_extended`, to vendor or owner: a clock is due later than it `was_due`."""

    clock: str
    due: str
    was_due: NotRequired[str | None]
    why: NotRequired[str | None]


class WaiverSetFacts(CaseNoticeFacts):
    """`waiver_set`, to owner and approvers: a catalogue object need not be stopped, for a time."""

    catalogue: str
    remote_id: str
    why: str
    until: str
    by: NotRequired[str | None]


class WaiverEndedFacts(CaseNoticeFacts):
    """`waiver_ended`, to the owner: the object counts again. `over` says why where nobody did."""

    catalogue: str
    remote_id: str
    why: NotRequired[str | None]
    over: NotRequired[str | None]


class ReviewedFacts(CaseNoticeFacts):
    """`reviewed`, to who pulled: `verdict` is right, wrong or undecided, for what was known."""

    verdict: str
    comment: NotRequired[str | None]
    outcome: NotRequired[str | None]


class OutcomeFacts(CaseNoticeFacts):
    """`outcome`, to who pulled: what became of the case, and why it was a false alarm."""

    outcome: str
    reason_code: NotRequired[str | None]
    comment: NotRequired[str | None]


class ReviewDueFacts(CaseNoticeFacts):
    """`review_due`, to managers, who judge by then whether it was right to pull."""

    due: str


class LegalClockFacts(CaseNoticeFacts):
    """`legal_clock`, to compliance: what a `law` asks for, and by when.

    `clock` is the name under which `record_action` ends it.
    """

    law: str
    due: str
    clock: NotRequired[str | None]
    what: NotRequired[str | None]


class DigestEntryFacts(TypedDict):
    """One notice of a digest: its kind, and what its line says; `due` is by when it asks.

    Entries without a case are about the shop as a whole, or about the `feed` or catalogue
    of that name.
    """

    kind: str
    at: str
    link: str
    case: NotRequired[str | None]
    scope: NotRequired[ScopeFacts | None]
    due: NotRequired[str | None]
    feed: NotRequired[str | None]
    case_id: NotRequired[str | None]


class DigestFacts(NoticeFacts):
    """`digest`: what would have been many mails in a short time, in order, as one."""

    entries: list[DigestEntryFacts]


class RuleProposedFacts(NoticeFacts):
    """`rule_proposed`, to who may agree: a change that loosens a rule, in which ways, until when.

    `by` is the name of who proposed it; `loosens` are the lines of `domain.rulechanges`.
    """

    rule: str
    proposal: str
    by: str
    loosens: list[str]
    expires_at: str


class ShadowFiguresFacts(TypedDict):
    """One shadow rule in numbers, as `domain.shadowing.Comparison` has them."""

    rule: str
    version: int
    since: str
    would_freeze: int
    by_rules: int
    by_pulls: int
    only_here: int
    missed: int
    days_earlier: float | None
    false_alarms: int
    confirmed: int


class ShadowDigestFacts(NoticeFacts):
    """`shadow_digest`, to analysts once a week: every shadow rule over the last `days`."""

    days: int
    rules: list[ShadowFiguresFacts]


class WebhookFacts(NoticeFacts):
    """`webhook_failing`, `webhook_disabled`: an endpoint takes nothing; `why` is its last answer.

    It is switched off at `disabled_from` unless it answers by then; at once where it said 410.
    """

    endpoint: str
    url: str
    why: str
    description: NotRequired[str]
    failing_since: NotRequired[str | None]
    disabled_from: NotRequired[str | None]


class ChatFacts(TypedDict):
    """An address in a chat, by its kind and host; `team` is empty where it is a person's."""

    kind: str
    host: str
    team: str


class TestMessageFacts(NoticeFacts):
    """`test_message`: somebody (`by`) wants to know whether notices arrive."""

    chat: ChatFacts
    by: str


class ChatDisabledFacts(NoticeFacts):
    """`chat_disabled`: nothing more goes to an address, which answered `why`."""

    chat: ChatFacts
    why: str


class SignInCodeFacts(NoticeFacts):
    """`sign_in_code`, to a vendor's contact who opened the link of a mail: what to type in.

    `number` is that of the case, `lifetime` the seconds for which the code works. It is sent at
    once and stored nowhere.
    """

    number: str
    code: str
    lifetime: float


FACTS_OF_KIND: Mapping[str, type] = MappingProxyType(
    {
        "statement_of_reasons": StatementFacts,
        "frozen_confirmed": FrozenConfirmedFacts,
        "suspected": SuspectedFacts,
        "expired": ExpiredFacts,
        "dismissed": DismissedFacts,
        "degraded": DegradedFacts,
        "remedy_proposed": RemedyProposedFacts,
        "remedy_returned": RemedyReturnedFacts,
        "evidence_attached": EvidenceAttachedFacts,
        "approval_requested": ApprovalRequestedFacts,
        "approval_voided": ApprovalVoidedFacts,
        "approval_rejected": ApprovalRejectedFacts,
        "released": ReleasedFacts,
        "release_refused": ReleaseRefusedFacts,
        "refrozen": RefrozenFacts,
        "false_alarm": FalseAlarmFacts,
        "closed": ClosedFacts,
        "budget_spent": BudgetSpentFacts,
        "manual_task": ManualTaskFacts,
        "vendor_reminder": VendorReminderFacts,
        "vendor_escalated": VendorEscalatedFacts,
        "vendor_silent": VendorSilentFacts,
        "commitment_made": CommitmentFacts,
        "commitment_broken": CommitmentFacts,
        "vendor_commented": VendorCommentedFacts,
        "question_asked": QuestionAskedFacts,
        "question_answered": QuestionAnsweredFacts,
        "contest_received": ContestReceivedFacts,
        "contest_answered": ContestAnsweredFacts,
        "clock_warning": ClockWarningFacts,
        "clock_breached": ClockBreachedFacts,
        "update": UpdateFacts,
        "delisted": DelistedFacts,
        "appealed": AppealedFacts,
        "appeal_upheld": AppealDecidedFacts,
        "appeal_reopened": AppealDecidedFacts,
        "widened": RescopedFacts,
        "narrowed": RescopedFacts,
        "narrow_requested": NarrowRequestedFacts,
        "delist_requested": DelistRequestedFacts,
        "order_registered": OrderRegisteredFacts,
        "revocation_registered": RevocationRegisteredFacts,
        "merged": MergedFacts,
        "merge_proposed": MergeProposedFacts,
        "finding": FindingFacts,
        "hand_off_offered": HandOffOfferedFacts,
        "hand_off_accepted": HandOffEndedFacts,
        "hand_off_lapsed": HandOffEndedFacts,
        "owner_replaced": OwnerReplacedFacts,
        "deadline_extended": DeadlineExtendedFacts,
        "waiver_set": WaiverSetFacts,
        "waiver_ended": WaiverEndedFacts,
        "reviewed": ReviewedFacts,
        "outcome": OutcomeFacts,
        "review_due": ReviewDueFacts,
        "legal_clock": LegalClockFacts,
        "digest": DigestFacts,
        "rule_proposed": RuleProposedFacts,
        "shadow_digest": ShadowDigestFacts,
        "feed_silent": FeedNoticeFacts,
        "feed_speaks": FeedNoticeFacts,
        "canary_late": CanaryNoticeFacts,
        "canary_well": CanaryNoticeFacts,
        "suppression_ending": SuppressionNoticeFacts,
        "suppression_ended": SuppressionNoticeFacts,
        "webhook_failing": WebhookFacts,
        "webhook_disabled": WebhookFacts,
        "sign_in_code": SignInCodeFacts,
        "test_message": TestMessageFacts,
        "chat_disabled": ChatDisabledFacts,
    }
)
"""Every kind of notice and the facts that it needs."""
