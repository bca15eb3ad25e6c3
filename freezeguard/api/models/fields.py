"""The kinds of text, time and money that the contract knows, each with its limits."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from freezeguard.domain.transitions import State

MAX_SKU_BYTES = 200
MAX_TEXT = 20_000
CONTROLS = "\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029"
"""Control characters (Cc), and the two separators that end a line like one: refused in names."""

_NAME_PATTERN = rf"^[^{CONTROLS}]+$"
NO_NUL = r"^[^\u0000]*$"
_RFC_3339 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
_MONEY_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,4})?$"
_COUNTRY_PATTERN = r"^[A-Za-z]{2}$"
_CALENDAR_PATTERN = r"^[A-Z]{2}(-[^-]{1,40})?$"
_EMAIL_PATTERN = rf"^[^@\s{CONTROLS}]+@[^@\s{CONTROLS}]+$"
_LANGUAGE_PATTERN = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$"

_PLACE_PATTERN = r"^[0-9a-f]{46}$"
_ONE_OF = "|".join(State)
_STATES_PATTERN = rf"^({_ONE_OF})(,({_ONE_OF})){{0,{len(State) - 1}}}$"
_NUMBER_PATTERN = r"^[0-9]{1,18}$"

GTIN_PATTERN = r"^([0-9]{8}|[0-9]{12,14})$"

CLOCK_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"

WINDOW_PATTERN = r"^[1-9][0-9]{0,5}[smhdw]$"

PATTERNS_IN_WORDS = {
    WINDOW_PATTERN: "a whole number and s, m, h, d or w: 30d",
    CLOCK_PATTERN: "a time of the clock: 22:00",
    GTIN_PATTERN: "8, 12, 13 or 14 digits",
    "^[\\x20-\\x7e]+$": "printable ASCII",
    NO_NUL: "no NUL",
    _NAME_PATTERN: "no control characters, no line ends",
    _RFC_3339: "a time as RFC 3339 writes it, with its offset: 2026-11-21T09:30:00Z",
    _MONEY_PATTERN: 'a decimal string with up to 4 decimals: "4.50"',
    _COUNTRY_PATTERN: "two letters of ISO 3166-1: DE",
    _CALENDAR_PATTERN: "the code of a country or of a part of it: DE, DE-BY",
    _EMAIL_PATTERN: "a mail address",
    _LANGUAGE_PATTERN: "a language tag: en, pt-BR",
    _PLACE_PATTERN: "`next` of the page before, as it came",
    _STATES_PATTERN: f"states of cases, with commas between them: {', '.join(State)}",
    _NUMBER_PATTERN: "`next` of the page before, as it came",
}


class Input(BaseModel):
    """A body that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _at_most_200_bytes(sku: str) -> str:
    if not sku.isascii() and len(sku.encode()) > MAX_SKU_BYTES:
        raise PydanticCustomError("sku_too_long", "SKUs have at most 200 bytes of UTF-8")
    return sku


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("out_of_range", "years go from 1 to 9999 in UTC") from None


class _Rfc3339:
    """A moment with its offset, written as RFC 3339 says; checked at the parser's speed."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.chain_schema(
            [
                core_schema.str_schema(strict=True, pattern=_RFC_3339),
                core_schema.datetime_schema(tz_constraint="aware"),
            ]
        )


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _day_or_text(value: Any) -> Any:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("no_such_day", "there is no such day") from None
    return value


class _DayOrMoment:
    """A day, or a moment with its offset: what people mean by "until"."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        moment = core_schema.chain_schema(
            [
                core_schema.str_schema(strict=True, pattern=_RFC_3339),
                core_schema.datetime_schema(tz_constraint="aware"),
                core_schema.no_info_plain_validator_function(_in_utc),
            ]
        )
        return core_schema.no_info_before_validator_function(
            _day_or_text,
            core_schema.union_schema(
                [core_schema.is_instance_schema(date), moment],
                custom_error_type="day_or_moment",
                custom_error_message="a day (2026-12-04) or a time with its offset "
                                     "(2026-12-04T10:00:00+01:00)",
            ),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda named: named.isoformat()
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [
            {"type": "string", "format": "date-time"}, {"type": "string", "format": "date"},
        ]}


class Whole:
    """A whole number within limits, as JSON Schema means it: 3 and 3.0, not "3" and not true."""

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.chain_schema(
            [
                core_schema.float_schema(strict=True),
                core_schema.int_schema(ge=self._least, le=self._most),
            ]
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "integer", "minimum": self._least, "maximum": self._most}


Revision = Annotated[int, Whole(1, 2_147_483_647)]
Units = Annotated[int, Whole(1, 1_000_000_000)]
FreezeBudget = Annotated[
    int, Whole(0, 1_000_000), Field(description="Freezes in the governor's window.")
]
PlaceCursor = Annotated[
    str,
    StringConstraints(pattern=_PLACE_PATTERN),
    Field(description="`next` of the page before."),
]
States = Annotated[
    str,
    StringConstraints(pattern=_STATES_PATTERN),
    Field(description="One state or several, with commas between them.",
          examples=["frozen", "diagnosing,remedy_proposed"]),
]
NumberCursor = Annotated[
    str,
    StringConstraints(pattern=_NUMBER_PATTERN),
    Field(description="`next` of the page before."),
]
Sku = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_SKU_BYTES, pattern=_NAME_PATTERN),
    AfterValidator(_at_most_200_bytes),
    Field(
        description="Up to 200 bytes of UTF-8.",
        examples=["KETTLE-17/blue"],
    ),
]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=_NAME_PATTERN),
]
Label = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=_NAME_PATTERN),
]
Title = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, pattern=_NAME_PATTERN),
]
Text = Annotated[
    str,
    StringConstraints(max_length=MAX_TEXT),
    # NUL is refused before any model sees the text; the schema says so all the same.
    Field(json_schema_extra={"pattern": NO_NUL}),
]
Country = Annotated[
    str,
    StringConstraints(pattern=_COUNTRY_PATTERN, to_upper=True),
    Field(examples=["DE"]),
]
CalendarCode = Annotated[
    str,
    StringConstraints(max_length=50, pattern=_CALENDAR_PATTERN),
    Field(examples=["DE-BY"]),
]
Moment = Annotated[
    datetime,
    _Rfc3339(),
    AfterValidator(_in_utc),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Field(examples=["2026-11-21T09:30:00Z"]),
]
DayOrMoment = Annotated[
    datetime | date,
    _DayOrMoment(),
    Field(examples=["2026-12-04", "2026-12-04T10:00:00+01:00"]),
]
Money = Annotated[
    str,
    StringConstraints(pattern=_MONEY_PATTERN),
    Field(examples=["4.50"]),
]
Email = Annotated[
    str,
    StringConstraints(max_length=254, pattern=_EMAIL_PATTERN),
    Field(examples=["quality@vendor.example"]),
]
Language = Annotated[
    str,
    StringConstraints(pattern=_LANGUAGE_PATTERN),
    Field(examples=["en"]),
]
