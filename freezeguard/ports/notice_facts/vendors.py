"""What vendors are asked and reminded of, what they promise, and what they object to."""

from typing import NotRequired

from freezeguard.ports.notice_facts.common import CaseNoticeFacts


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
