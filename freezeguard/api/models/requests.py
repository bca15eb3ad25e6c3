"""What people and catalogue systems send beside signals and master data."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from freezeguard.api.models.fields import (
    WINDOW_PATTERN,
    Country,
    DayOrMoment,
    Input,
    Label,
    Language,
    Moment,
    Name,
    NumberCursor,
    PlaceCursor,
    Revision,
    Sku,
    States,
    Text,
    Title,
    Whole,
)
from freezeguard.domain.rules import (
    ABOVE_ONE,
    COMBINING,
    MOST_AT_LAUNCH,
    MOST_PARTS,
    MOST_WINDOWS,
    PER_DAY,
    SEVERAL_WINDOWS,
)
from freezeguard.domain.scope import NARROWING
from freezeguard.domain.signals import Kind
from freezeguard.domain.transitions import Command

ReasonCode = Literal[
    "defective",
    "wrong_item",
    "mislabelled",
    "safety_injury",
    "safety_hazard",
    "authority_order",
    "other",
]
Window = Annotated[str, Field(pattern=WINDOW_PATTERN, examples=["30d"])]
Flag = Annotated[bool, Field(strict=True)]
Bound = Annotated[float, Field(gt=0, le=1e15, strict=True)]


class ScopeIn(Input):
    """A SKU, optionally narrowed; an absent field means "all"."""

    model_config = ConfigDict(title="ScopeOfFreeze")

    sku: Sku
    seller: Name | None = None
    channel: Name | None = None
    country: Country | None = None
    lot: Name | None = None


class FreezeIn(Input):
    """Pull the cord."""

    model_config = ConfigDict(title="Freeze")

    scope: ScopeIn
    reason_code: ReasonCode
    comment: Text = ""
    lane: Literal["quality", "safety", "authority"] | None = None
    document: Name | None = Field(None, description="For an authority's order: its reference.")


class CommandIn(BaseModel):
    """A command on a case. What else it needs depends on it; see `available_commands`."""

    model_config = ConfigDict(title="CaseCommand", extra="allow", frozen=True)

    command: Command
    version: Revision | None = Field(
        None, description="The version that you saw; required but for `comment`."
    )

    @property
    def arguments(self) -> dict[str, Any]:
        """Return what the command was given beside its name and the version."""
        return self.__pydantic_extra__ or {}


class CartIn(Input):
    """A cart or a page of SKUs."""

    model_config = ConfigDict(title="Cart")

    skus: list[Sku] = Field(min_length=1, max_length=1000)


def _by_family(schema: dict[str, Any]) -> None:
    """Say what a measure may be: a rate is defects per unit, other bounds are so many to one."""
    schema["allOf"] = [
        _if_family(
            ["rate"], required=["min_units"], bound={"maximum": 1},
            min_units={"type": "integer", "minimum": 1},
        ),
        _if_family(
            sorted(ABOVE_ONE), bound={"exclusiveMinimum": 1}, look={"exclusiveMinimum": 1}
        ),
        _if_family(["launch"], min_customers={"maximum": MOST_AT_LAUNCH}),
        _unless_family(["rate"], confidence={"type": "null"}),
        _unless_family(sorted(PER_DAY), per_day={"type": "null"}),
        _unless_family(sorted(SEVERAL_WINDOWS), windows={"type": "null"}),
    ]


def _by_family_of_the_whole(schema: dict[str, Any]) -> None:
    """Say the same, and that what is made of parts has nothing but them."""
    _by_family(schema)
    schema["allOf"] += [
        _if_family(
            sorted(COMBINING), required=["parts"], parts={"type": "array"},
            bound={"enum": [None, 1]}, look={"type": "null"},
            min_units={"enum": [None, 0]}, min_customers={"enum": [None, 0]},
        ),
        _unless_family(sorted(COMBINING), parts={"type": "null"}),
    ]


def _if_family(
    families: Sequence[str], *, required: Sequence[str] = (), **properties: Any
) -> dict[str, Any]:
    return {
        "if": {"properties": {"family": {"enum": families}}, "required": ["family"]},
        "then": {"properties": properties, "required": list(required)},
    }


def _unless_family(families: Sequence[str], **properties: Any) -> dict[str, Any]:
    return {
        "if": {"properties": {"family": {"enum": families}}, "required": ["family"]},
        "else": {"properties": properties},
    }


def _sku_comes_first(schema: dict[str, Any]) -> None:
    for kind in schema["anyOf"]:
        if kind.get("type") == "array":
            kind["prefixItems"] = [{"const": "sku"}]
            kind["items"] = {"enum": list(NARROWING)}


def _names_what_it_holds_back(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [
        {"properties": {name: {"type": "string"}}, "required": [name]}
        for name in ("sku", "vendor", "category")
    ]


class RuleScopeIn(Input):
    """Where a rule applies; empty: everywhere."""

    model_config = ConfigDict(title="RuleScope")

    category: Name | None = None
    vendor: Name | None = None
    sku: Sku | None = None


class MeasureBody(Input):
    """What is measured, and how much of it is enough. `bound` is in the unit of the family."""

    family: str
    window: Window | None = Field(
        None,
        description="Up to ten years. 30d where left out; 60d for `likelihood`, 90d for `cusum` "
        "and `launch`; a rule of parts has their longest.",
    )
    windows: list[Window] | None = Field(
        None, min_length=1, max_length=MOST_WINDOWS,
        description="For `predictive` and `posterior`: several, of which the worst speaks; "
        "7d, 30d and 90d where neither this nor `window` is given.",
    )
    bound: Bound | None = Field(
        None,
        description="1 where left out; 10,000 for `likelihood`, 100,000 for `predictive`, "
        "10 for `posterior`, 8 for `cusum`, 1,000 for `launch`.",
    )
    min_units: Annotated[int, Whole(0, 1_000_000_000)] | None = None
    min_customers: Annotated[int, Whole(0, 1_000_000)] | None = Field(
        None, description="0 where left out; 4 for `launch`, 3 for others that know the usual."
    )
    factor: Annotated[float, Field(gt=1, le=1000, strict=True)] | None = Field(
        None,
        description="How many times the usual rate a defect brings: 7; 2 for `posterior`, 5 for "
        "`cusum`. For `launch`, how many times that of its category is let pass: 2.",
    )
    confidence: Annotated[float, Field(ge=0.5, lt=1, strict=True)] | None = Field(
        None, examples=[0.95],
        description="For `rate`: what is compared is the lowest rate that it allows.",
    )
    per_day: Annotated[int, Whole(1, 1_000_000)] | None = Field(
        None,
        description="No more of one day (UTC) counts. Where left out, families that know the usual "
        "limit a day by what a defect would bring, and others don't; `likelihood` always does.",
    )


class RulePart(MeasureBody):
    """A part of a rule. All else is said by the whole."""

    model_config = ConfigDict(title="RulePart", json_schema_extra=_by_family)

    family: Literal[
        "count", "distinct_customers", "rate", "likelihood", "predictive", "posterior", "cusum",
        "launch",
    ]


class RuleBody(MeasureBody):
    """When signals are enough. `bound` is in the unit of the family."""

    model_config = ConfigDict(title="RuleBody", json_schema_extra=_by_family_of_the_whole)

    family: Literal[
        "count", "distinct_customers", "rate", "safety", "likelihood", "predictive", "posterior",
        "cusum", "launch", "any_of", "all_of",
    ]
    scope: RuleScopeIn | None = None
    kinds: list[Kind] | None = Field(None, max_length=5)
    intents: list[Label] | None = Field(None, max_length=50)
    look: Bound | None = Field(None, description="Less than `bound`.")
    parts: list[RulePart] | None = Field(
        None, min_length=2, max_length=MOST_PARTS,
        description="For `any_of` and `all_of`: what one of, or all of, has to be reached.",
    )
    hold_scope: list[Literal["sku", "seller", "channel", "country", "lot"]] | None = Field(
        None, min_length=1, max_length=5, json_schema_extra=_sku_comes_first
    )
    lane: Literal["quality", "safety"] | None = None
    mode: Literal["armed", "shadow", "off"] = "shadow"


class PreviewIn(Input):
    """A rule to try on the stored signals of the last days; nothing is stored."""

    model_config = ConfigDict(title="Preview")

    rule: RuleBody
    days: Annotated[int, Whole(1, 366)] = 30
    after: Sku | None = Field(None, description="`next` of the answer before this one.")


class PeriodQuery(Input):
    """How far back."""

    days: int = Field(30, ge=1, le=366)


class ShadowQuery(PeriodQuery):
    """How far back, and which page of the SKUs."""

    limit: int = Field(50, ge=1, le=200)
    after: Sku | None = Field(None, description="`next` of the answer before this one.")


class VendorQuery(Input):
    """Which page of the vendors."""

    limit: int = Field(50, ge=1, le=200)
    after: Name | None = Field(None, description="`next` of the answer before this one.")


class RuleIn(RuleBody):
    """A new rule, with its id."""

    model_config = ConfigDict(title="Rule")

    id: Label


class SuppressionIn(Input):
    """Hold detection back, for a cause and until a moment. Never for safety."""

    model_config = ConfigDict(
        title="Suppression", json_schema_extra=_names_what_it_holds_back
    )

    sku: Sku | None = None
    vendor: Name | None = None
    category: Name | None = None
    rule: Label | None = None
    cause: Text = Field(min_length=1)
    expires_at: DayOrMoment = Field(
        description="Within a year from now: a day means its end in your time zone."
    )


class ScopeQuery(Input):
    """Narrow a question; an absent field means *any*."""

    seller: Name | None = None
    channel: Name | None = None
    country: Country | None = None
    lot: Name | None = None


class KnownIssueQuery(ScopeQuery):
    """Which part of a SKU is meant, and in which language words are wanted."""

    language: Language | None = Field(
        None, description="Words in this language only, in English where it has none."
    )


class SkuQuery(ScopeQuery):
    """The same with the SKU among the parameters."""

    sku: Sku


class HoldsQuery(Input):
    """Ask for the held set of another moment."""

    at: Moment | None = None


class LiveQuery(Input):
    """Where to begin to hear of changes."""

    after: str | None = Field(
        None, max_length=60, pattern=r"^[!-~]+$",
        description="The bookmark that you have, where you can't send `Last-Event-ID`.",
    )


class PageQuery(Input):
    """Which page."""

    limit: int = Field(50, ge=1, le=200)
    cursor: PlaceCursor | None = None


class LinesQuery(Input):
    """Which part of a numbered record."""

    limit: int = Field(50, ge=1, le=200)
    cursor: NumberCursor | None = None


class CasesQuery(PageQuery):
    """Which cases."""

    state: States | None = None
    sku: Sku | None = None
    vendor: Name | None = None
    owner: Name | None = None
    category: Name | None = None
    lane: Literal["quality", "safety", "authority"] | None = None
    degraded: bool | None = Field(
        None, description="Only cases whose stop falls short somewhere; false: only the others."
    )
    mine: bool | None = Field(
        None, description="Only cases that wait for you: that you own, that are offered to you, or "
        "that need your approval, your vote, your judgement of an appeal, or your second opinion."
    )
    my_areas: bool | None = Field(
        None, description="Only cases of the categories that you answer for; of all of them where "
        "you answer for all."
    )
    order: Literal["newest", "harm"] = Field(
        "newest", description="`harm`: open cases only, the worst first; for staff and catalogues."
    )
    open: bool | None = Field(None, description="Only cases that are not final.")
    overdue: bool | None = Field(None, description="Only cases with a clock past its time.")


class ViewFilters(Input):
    """Filters of the queue, as the list of cases takes them."""

    state: States | None = None
    sku: Sku | None = None
    vendor: Name | None = None
    owner: Name | None = None
    category: Name | None = None
    lane: Literal["quality", "safety", "authority"] | None = None
    degraded: Flag | None = None
    mine: Flag | None = None
    my_areas: Flag | None = None
    overdue: Flag | None = None


class ViewIn(Input):
    """A view of the queue to be kept under a name."""

    model_config = ConfigDict(title="View")

    name: Label
    filters: ViewFilters


class AuditQuery(LinesQuery):
    """Which part of the record."""

    subject: Title | None = Field(None, description="Such as `sku:KETTLE-17/blue`.")


class OrdersQuery(Input):
    """Which orders under way are listed, and as what."""

    since: Moment | None = Field(
        None, description="Placed then or later. Absent: since the first complaint that counted "
        "for the case, or since it was opened where none did."
    )
    format: Literal["json", "csv"] | None = Field(
        None, description="Absent: as `Accept` says, JSON where it says neither."
    )


class AnnounceIn(Input):
    """Which orders under way are announced."""

    since: Moment | None = Field(None, description="As for the list.")


class PackQuery(Input):
    """For whom a pack is made."""

    reader: Literal["authority", "vendor", "internal"] = Field(
        "internal", alias="for", description="`vendor` leaves out what is not the vendor's to see."
    )
