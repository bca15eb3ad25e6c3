"""Webhook endpoints, as they are sent and as they are answered."""

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from freezeguard.api.models.answers.output import Output
from freezeguard.api.models.fields import Input, Moment, Name, Whole
from freezeguard.services.telling.news import known_types

_types = cache(lambda: frozenset(known_types()))


def _known_type(name: str) -> str:
    if name not in _types():
        raise PydanticCustomError("unknown_type", "no type of message; /docs lists them")
    return name


class _TypeSchema:
    """The JSON schema of a type of message."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "enum": sorted(_types())}


MessageType = Annotated[str, AfterValidator(_known_type), _TypeSchema()]
Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, pattern=r"^[\x20-\x7e]+$"),
    Field(
        description="https, on an allowed port (443 or 8443), at a public address.",
        examples=["https://vendor.example/hooks/freezeguard"],
    ),
]
Description = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\u0000-\u001f]*$")]
Types = Annotated[
    list[MessageType], Field(max_length=100, description="Types that are wanted; empty: all.")
]


class WebhookEndpointIn(Input):
    """Where signed messages shall go."""

    model_config = ConfigDict(title="WebhookEndpointToAdd")

    url: Url
    types: Types = Field(default_factory=list)
    scheme: Literal["v1a", "v1"] = Field(
        "v1a", description="`v1a`: ed25519, you get a public key; `v1`: HMAC, you get a secret."
    )
    vendor: Name | None = Field(
        None, description="For admins: whose; absent: a system of the shop's own."
    )
    description: Description = ""


class WebhookEndpointChange(Input):
    """What shall be different; absent fields stay as they are."""

    model_config = ConfigDict(title="WebhookEndpointChange")

    url: Url | None = None
    types: Types | None = None
    description: Description | None = None
    state: Literal["active", "disabled"] | None = Field(
        None, description="`active` again: what was missed is delivered."
    )


class RotateIn(Input):
    """A new key. The one before signs too meanwhile; 0 where it has leaked."""

    model_config = ConfigDict(title="WebhookRotation")

    overlap_hours: Annotated[int, Whole(0, 168)] = 24


class ReplayIn(Input):
    """Send again what an endpoint has not got."""

    model_config = ConfigDict(title="WebhookReplay")

    since: Moment = Field(description="Within 92 days before `until`.")
    until: Moment | None = Field(None, description="Absent: now.")
    also_sent: bool = Field(
        default=False, description="Also what was taken over. Ids stay the same.", strict=True
    )


class WebhookEndpointOut(Output):
    """An endpoint. `public_key` of scheme `v1a`; a secret is shown only when it is new."""

    model_config = ConfigDict(title="WebhookEndpoint")

    id: str
    vendor: str | None
    url: str
    types: list[str]
    scheme: Literal["v1a", "v1"]
    public_key: str | None
    previous_key_until: datetime | None
    description: str
    state: Literal["active", "failing", "disabled"]
    why: str
    failing_since: datetime | None
    disabled_at: datetime | None
    created_at: datetime | None


class NewWebhookKey(WebhookEndpointOut):
    """The same with the secret of scheme `v1`, shown this once."""

    model_config = ConfigDict(title="WebhookEndpointWithSecret")

    secret: str | None


class WebhookEndpointList(Output):
    """Endpoints."""

    items: list[WebhookEndpointOut]
    next: str | None


class AttemptOut(Output):
    """One attempt. No `status`: no answer. No `error`: taken over."""

    model_config = ConfigDict(title="WebhookAttempt")

    at: datetime
    status: int | None
    error: str
    seconds: float


class DeliveryOut(Output):
    """What became of one message at an endpoint."""

    model_config = ConfigDict(title="WebhookDelivery")

    id: str = Field(description="The header `webhook-id`.")
    type: str
    case: str | None
    sku: str | None
    at: datetime
    state: Literal["queued", "sent", "failed", "cancelled"]
    attempts: int = Field(description="Since it was queued last.")
    next_at: datetime | None
    settled_at: datetime | None
    log: list[AttemptOut]


class DeliveryList(Output):
    """A page of deliveries, newest first."""

    items: list[DeliveryOut]
    next: str | None


class QueuedTest(Output):
    """A test message is on its way; the deliveries tell what came of it."""

    model_config = ConfigDict(title="WebhookTest")

    id: str


class Replayed(Output):
    """How many messages were queued again."""

    model_config = ConfigDict(title="WebhookReplayed")

    messages: int


def fields_of(shown: Any) -> dict[str, Any]:
    """Return the fields of an endpoint as it is shown."""
    one = shown.endpoint
    return {
        "id": str(one.id), "vendor": one.vendor, "url": one.url, "types": list(one.types),
        "scheme": one.scheme, "public_key": shown.key if one.scheme == "v1a" else None,
        "previous_key_until": one.previous_until, "description": one.description,
        "state": one.state, "why": one.why, "failing_since": one.failing_since,
        "disabled_at": one.disabled_at, "created_at": one.created_at,
    }
