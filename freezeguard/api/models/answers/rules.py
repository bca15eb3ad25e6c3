"""Rules, what they would have stopped, suppressions and budgets."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from freezeguard.api.models.answers.output import Output


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
