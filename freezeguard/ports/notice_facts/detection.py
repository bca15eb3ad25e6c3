"""Budgets, feeds, suppressions and rules."""

from typing import NotRequired, TypedDict

from freezeguard.ports.notice_facts.common import NoticeFacts
from freezeguard.ports.notice_facts.reasons import ReasonFacts


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
