"""What a stop says, from the suspicion to what a catalogue refuses."""

from typing import Literal, NotRequired, TypedDict

from freezeguard.ports.notice_facts.common import CaseNoticeFacts, Level, ScopeFacts
from freezeguard.ports.notice_facts.reasons import EvidenceFacts, ReasonFacts


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
