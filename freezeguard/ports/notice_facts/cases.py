"""What becomes of a case: clocks, scope, orders, hand-offs, waivers, reviews."""

from typing import NotRequired

from freezeguard.ports.notice_facts.common import CaseNoticeFacts, ScopeFacts
from freezeguard.ports.notice_facts.reasons import ReasonFacts
from freezeguard.ports.notice_facts.stops import CatalogueFacts, OrderFacts


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
