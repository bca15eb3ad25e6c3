"""`[inbound.NAME]`: an address for signed deliveries, and `[inbound.NAME.map]`: what they say."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    SecretStr,
    model_validator,
)

from freezeguard.domain.errors import InvalidInput
from freezeguard.domain.jsonpath import JsonPath
from freezeguard.domain.payloads import NEEDED, PayloadMap, Source, When
from freezeguard.domain.rules import parse_window

T = TypeVar("T")
InboundKind = Literal["zendesk", "shopify", "hmac", "standard"]

_OF_HMAC = ("signature_header", "timestamp_header", "encoding", "prefix", "separator", "digest")
_HEADER = r"^[A-Za-z0-9-]{1,100}$"


def _parsed(parse: Callable[[object], T]) -> BeforeValidator:
    return BeforeValidator(lambda given: given if given is None else parse(given))


def _window(value: object) -> object:
    try:
        return parse_window(value) if isinstance(value, str) else value
    except InvalidInput as error:  # pydantic names the setting where it hears a ValueError
        raise ValueError(error.detail) from None


def _items(value: object) -> JsonPath:
    path = JsonPath.parse(value)
    if not path.many:
        raise ValueError("a path to items ends in [*]")
    return path


def _folded(table: object) -> object:
    """Let a table of values know its words in any case."""
    if not isinstance(table, Mapping):
        return table
    return {str(word).casefold(): value for word, value in table.items()}


SourceOf = Annotated[InstanceOf[Source], _parsed(Source.parse)]
MaybeSource = Annotated[InstanceOf[Source] | None, _parsed(Source.parse)]
Secrets = SecretStr | Annotated[list[SecretStr], Field(min_length=1, max_length=2)]
"""A union, so that a variable of the environment may hold one as it is, or two as JSON."""
Tolerance = Annotated[
    timedelta, BeforeValidator(_window), Field(gt=timedelta(0), le=timedelta(hours=1))
]
Words = Annotated[dict[str, str], BeforeValidator(_folded)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class InboundMap(_Table):
    """Where each field of a signal is in a payload; docs/inbound.md has the notation.

    A field that is not named here is not taken, whatever the payload holds.
    """

    id: MaybeSource = Field(
        None, description="Absent: the signed id of the delivery, else a digest of its body."
    )
    sku: MaybeSource = Field(None, description="Always needed, here or by the kind.")
    occurred_at: MaybeSource = Field(
        None, description="Always needed; RFC 3339, or a Unix time in seconds or milliseconds."
    )
    kind: MaybeSource = Field(None, description="`complaint` where nobody says otherwise.")
    severity: MaybeSource = Field(None, description="`major` where nobody says otherwise.")
    intent: MaybeSource = Field(
        None, description="`defect` where nobody says otherwise; the kind `shopify` wants it said."
    )
    observed_at: MaybeSource = Field(None, description="When the fault first showed.")
    result: MaybeSource = Field(None, description="Of an inspection: `pass` or `fail`.")
    customer: MaybeSource = Field(None, description="Stored as a keyed hash.")
    order: MaybeSource = Field(None, description="The order's number.")
    lot: MaybeSource = Field(None, description="The lot.")
    seller: MaybeSource = Field(None, description="Who sold it.")
    channel: MaybeSource = Field(None, description="Where it was sold.")
    country: MaybeSource = Field(None, description="Two letters.")
    text: MaybeSource = Field(
        None, description="Masked on entry; cut at 20,000 characters."
    )
    contact_cost: MaybeSource = Field(None, description="A decimal number.")
    customer_since: MaybeSource = Field(None, description="When the account was opened.")
    device: MaybeSource = Field(None, description="What it came from; stored as a keyed hash.")
    address: MaybeSource = Field(None, description="Where the customer lives; as `device`.")
    extra: dict[str, SourceOf] = Field({}, description="Further fields to keep, by name.")
    values: dict[str, Words] = Field(
        {},
        description="Per field, a table from a word of the sender to one of ours; `*` is any "
        "other word, or none.",
    )
    items: Annotated[InstanceOf[JsonPath] | None, _parsed(_items)] = Field(
        None, description="A path ending in `[*]`: each thing found is a signal of its own."
    )
    when: Annotated[InstanceOf[When], _parsed(When.parse)] = Field(
        When(), description="What must be found for an item to count: a table from path to value."
    )

    @property
    def fields(self) -> dict[str, Source]:
        """Return the sources of the fields of a signal."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: one for name, one in named.items() if isinstance(one, Source)}


_GENERAL = {"kind": "complaint", "severity": "major"}
_DEFAULTS: Mapping[str, dict[str, Any]] = {
    # A trigger sends the ticket as its author writes it; an event has it under `detail`.
    "zendesk": {
        "id": ["$.ticket.id", "$.detail.id"],
        "occurred_at": ["$.ticket.created_at", "$.detail.created_at"],
        "severity": ["$.ticket.priority", "$.detail.priority"],
        "customer": ["$.ticket.requester_id", "$.detail.requester_id"],
        "text": ["$.ticket.description", "$.detail.description"],
        "values": {
            "severity": {"urgent": "critical", "high": "major", "normal": "minor", "low": "minor",
                         "*": "minor"},
        },
    },
    "shopify": {  # the topic refunds/create
        "items": "$.refund_line_items[*]",
        "id": "refund-{$.id}-{@.id}",
        "kind": "return",
        "sku": "@.line_item.sku",
        "occurred_at": "$.created_at",
        "order": "$.order_id",
        "text": "$.note",
    },
    "hmac": {},
    "standard": {},
}


class InboundSettings(_Table):
    """An address `POST /v1/inbound/NAME` for a sender that signs; docs/inbound.md.

    One table per address. The keys from `signature_header` to `digest` are for the kind `hmac`.
    """

    kind: InboundKind = Field(description="How deliveries are signed.")
    secret: Secrets = Field(
        description="What the sender signs with; two, while it is changed. "
        "`{env:NAME}` and `{file:PATH}` are filled in."
    )
    source: str = Field(
        min_length=1, max_length=200, description="The source that its signals have."
    )
    may_assert_safety: bool = Field(
        default=False, description="Let one signal of severity `safety` be enough."
    )
    tolerance: Tolerance = Field(
        timedelta(minutes=5), description="How far a signed moment may lie from now."
    )
    signature_header: str | None = Field(
        None, pattern=_HEADER, description="Header of the signature."
    )
    timestamp_header: str | None = Field(
        None, pattern=_HEADER,
        description="Header of the signed moment; absent: the body alone is signed.",
    )
    encoding: Literal["hex", "base64"] = Field("hex", description="How the signature is written.")
    prefix: str = Field("", max_length=20, description="What stands before it, such as `sha256=`.")
    separator: str = Field(
        ".", max_length=5, description="What stands between moment and body when they are signed."
    )
    digest: Literal["sha256", "sha512"] = Field("sha256", description="The digest of the HMAC.")
    map: InboundMap = Field(InboundMap(), description="What a payload says; see below.")

    @model_validator(mode="after")
    def _is_whole(self) -> "InboundSettings":
        given = self.model_fields_set
        if self.kind == "hmac" and self.signature_header is None:
            raise ValueError("signature_header is missing: the kind hmac needs its name")
        if self.kind != "hmac" and (strange := [one for one in _OF_HMAC if one in given]):
            raise ValueError(f"{', '.join(strange)}: only the kind hmac has these")
        if self.kind == "shopify" and self.map.intent is None:
            raise ValueError(
                "map.intent is missing: a refund gives no reason, so say what yours mean, "
                "such as defect or change_of_mind"
            )
        self._check_map(self.payload_map())
        return self

    def _check_map(self, whole: PayloadMap) -> None:
        for name in NEEDED[1:]:
            if name not in whole.fields:
                raise ValueError(f"map.{name} is missing: say where it is in the payload")
        if strange := whole.values.keys() - whole.fields.keys():
            raise ValueError(f"map.values.{min(strange)} translates a field that has no source")
        if whole.items is None and any(place.of_item for place in _places(whole)):
            raise ValueError("map has paths that begin with @, and no items that they are in")
        if whole.items is not None and "id" in whole.fields:
            ways = whole.fields["id"].ways
            if not all(any(getattr(one, "of_item", False) for one in way.parts) for way in ways):
                raise ValueError("map.id must have a path that begins with @: items differ by it")

    @property
    def secrets(self) -> list[SecretStr]:
        """Return the one or two secrets."""
        return self.secret if isinstance(self.secret, list) else [self.secret]

    def payload_map(self) -> PayloadMap:
        """Return the map, with what the kind says where this table says nothing."""
        usual = InboundMap.model_validate(_GENERAL | _DEFAULTS[self.kind])
        own = self.map
        return PayloadMap(
            fields=usual.fields | own.fields,
            extra=own.extra,
            values={**{name: words for name, words in usual.values.items()
                       if name not in own.fields}, **own.values},
            items=own.items or usual.items,
            when=own.when,
        )


def _places(whole: PayloadMap) -> list[Any]:
    sources = [*whole.fields.values(), *whole.extra.values()]
    conditions = [place for place, _ in whole.when.conditions]
    return [*conditions, *(place for source in sources for place in source.places)]
