"""SKUs, vendors, people, keys and sources as an administrator registers them.

The identifier of each stands in the address; only in bulk does it stand in the body.
"""

from functools import cache
from typing import Annotated, Self
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from typing_extensions import TypeAliasType

from freezeguard.api.models.fields import (
    GTIN_PATTERN,
    WINDOW_PATTERN,
    CalendarCode,
    Email,
    FreezeBudget,
    Input,
    Language,
    Money,
    Name,
    Sku,
    Title,
)
from freezeguard.domain.people import Right, Role

_zones = cache(available_timezones)


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise PydanticCustomError("unknown_time_zone", "no time zone of the IANA database")
    return name


class _ZoneSchema:
    """The JSON schema of a time zone; the names are read only when somebody asks for it."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "enum": sorted(_zones())}


TimeZone = TypeAliasType(
    "TimeZone",
    Annotated[
        str,
        AfterValidator(_known_zone),
        _ZoneSchema(),
        Field(description="A time zone of the IANA database.", examples=["Europe/Berlin"]),
    ],
)
_WHOSE_HOLIDAYS = "Whose public holidays count, as in DE or DE-BY; absent: the shop's."
Gtin = Annotated[
    str,
    StringConstraints(pattern=GTIN_PATTERN),
    Field(examples=["4006381333931"]),
]


class GtinQuery(Input):
    """What is printed on an item, or read by a scanner."""

    gtin: Gtin


class SkuIn(Input):
    """What is known about a SKU."""

    model_config = ConfigDict(title="Sku")

    title: Title | None = None
    vendor: Name | None = Field(None, description="Identifier of the vendor.")
    category: Name | None = None
    gtin: Gtin | None = None
    price: Money | None = Field(None, description="Per unit, in the shop's currency.")
    owner: Name | None = Field(None, description="The person who owns the SKU's cases.")


class SkuRow(SkuIn):
    """A SKU in bulk: the same with its identifier."""

    model_config = ConfigDict(title="SkuRow")

    sku: Sku


class Contacts(Input):
    """Where a vendor is told, by channel."""

    email: list[Email] = Field(
        default_factory=list, max_length=10, description="Best first; the next one on a bounce."
    )
    superior: list[Email] = Field(
        default_factory=list, max_length=3, description="Told when the others do not answer."
    )

    def entries(self) -> tuple[dict[str, str], ...]:
        """Return the contacts as they are stored."""
        return (
            *({"channel": "mail", "address": one} for one in self.email),
            *({"channel": "mail", "address": one, "role": "superior"} for one in self.superior),
        )


class VendorIn(Input):
    """Who supplies SKUs and answers for them."""

    model_config = ConfigDict(title="Vendor")

    name: Title
    contacts: Contacts = Field(default_factory=Contacts)
    language: Language = "en"
    time_zone: TimeZone = "UTC"
    calendar: CalendarCode | None = Field(None, description=_WHOSE_HOLIDAYS)


def _goes_with(entries: str, entry: str) -> JsonDict:
    """Return the JSON schema of "this list holds this entry"."""
    return {"properties": {entries: {"contains": {"const": entry}}}, "required": [entries]}


_VENDORS_STAND_ALONE: JsonDict = {
    "if": _goes_with("roles", Role.VENDOR),
    "then": {
        "properties": {"roles": {"items": {"const": Role.VENDOR}}, "vendor": {"type": "string"}},
        "required": ["vendor"],
    },
    "else": {"properties": {"vendor": {"type": "null"}}},
}
_RIGHTS_BELONG_TOGETHER: JsonDict = {
    "allOf": [
        {
            "if": _goes_with("rights", Right.SOURCE),
            "then": {"properties": {"source": {"type": "string"}}, "required": ["source"]},
            "else": {"properties": {"source": {"type": "null"}}},
        },
        {
            "if": _goes_with("rights", Right.MAY_ASSERT_SAFETY),
            "then": _goes_with("rights", Right.SOURCE),
        },
        {
            "if": _goes_with("rights", Right.MAY_FREEZE),
            "then": {
                "allOf": [
                    _goes_with("rights", Right.CATALOGUE),
                    {
                        "properties": {"freeze_budget": {"minimum": 1}},
                        "required": ["freeze_budget"],
                    },
                ]
            },
            "else": {"properties": {"freeze_budget": {"maximum": 0}}},
        },
    ]
}


class PersonIn(Input):
    """A person: every two-person guard compares these, never keys."""

    model_config = ConfigDict(title="Person", json_schema_extra=_VENDORS_STAND_ALONE)

    name: Title
    roles: list[Role] = Field(min_length=1, max_length=len(Role))
    email: Email | None = None
    vendor: Name | None = Field(None, description="For the role `vendor`: the one it is bound to.")
    areas: list[Name] = Field(
        default_factory=list,
        max_length=1000,
        description="Categories that a manager answers for; empty means all.",
    )
    language: Language = "en"
    time_zone: TimeZone = "UTC"
    calendar: CalendarCode | None = Field(None, description=_WHOSE_HOLIDAYS)
    deputy: Name | None = Field(
        None, description="Who is asked next where a clock of this person runs out: one of staff."
    )

    @model_validator(mode="after")
    def _vendors_stand_alone(self) -> Self:
        is_vendor = Role.VENDOR in self.roles
        if is_vendor and len(set(self.roles)) > 1:
            raise PydanticCustomError("mixed_roles", "the role vendor goes with no other role")
        if is_vendor != (self.vendor is not None):
            raise PydanticCustomError(
                "vendor", "vendor goes with the role vendor, and only with it"
            )
        return self


class KeyIn(Input):
    """A machine key to issue. Its secret is shown once, in the answer."""

    model_config = ConfigDict(title="Key", json_schema_extra=_RIGHTS_BELONG_TOGETHER)

    name: Title
    rights: list[Right] = Field(min_length=1, max_length=len(Right))
    source: Name | None = Field(None, description="For the right `source`: the one it sends for.")
    freeze_budget: FreezeBudget = 0

    @model_validator(mode="after")
    def _rights_belong_together(self) -> Self:
        rights = set(self.rights)
        if (Right.SOURCE in rights) != (self.source is not None):
            raise PydanticCustomError(
                "source", "source goes with the right source, and only with it"
            )
        if Right.MAY_ASSERT_SAFETY in rights and Right.SOURCE not in rights:
            raise PydanticCustomError("rights", "may_assert_safety needs the right source")
        if Right.MAY_FREEZE in rights and Right.CATALOGUE not in rights:
            raise PydanticCustomError("rights", "may_freeze needs the right catalogue")
        if (Right.MAY_FREEZE in rights) != (self.freeze_budget > 0):
            raise PydanticCustomError("freeze_budget", "may_freeze needs a freeze_budget above 0")
        return self


class SourceIn(Input):
    """A feed of signals or of units shipped."""

    model_config = ConfigDict(title="Source")

    title: Title | None = None
    trust: float = Field(
        1, ge=0, le=1, strict=True,
        description="0 to 1. What became of its cases is weighed with it; what only sources below "
        "`policy.trust_limit` say opens a suspicion and no stop.",
    )
    max_silence: str | None = Field(
        None, pattern=WINDOW_PATTERN, examples=["6h"],
        description="A longer silence is an alarm; absent: one that chance does not allow.",
    )
