"""Why a sale is stopped: rule, figures and evidence."""

from typing import NotRequired, TypedDict


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
