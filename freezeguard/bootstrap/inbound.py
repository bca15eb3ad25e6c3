"""Builds the endpoints of signed deliveries from the settings, and tries them on a file."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

from freezeguard.api.batches import Rejected
from freezeguard.api.inbound import Endpoint, as_json, read_delivery
from freezeguard.bootstrap.inbound_settings import InboundSettings
from freezeguard.bootstrap.settings import SettingsUnfit
from freezeguard.catalogues.configuration import reveal
from freezeguard.domain.masking import mask, mask_own
from freezeguard.domain.signatures import Scheme

SHORTEST_SECRET = 16
STANDARD_PREFIX = "whsec_"
NO_DELIVERY = "id-of-the-delivery"
"""Stands for the signed id in a trial, where there is none."""


def open_endpoints(tables: Mapping[str, InboundSettings]) -> dict[str, Endpoint]:
    """Return the endpoint of each table. Raises SettingsUnfit; secrets never stand in its text."""
    opened = {name: _endpoint(name, one, _secrets(name, one)) for name, one in tables.items()}
    for one, other in combinations(opened.values(), 2):
        if set(one.scheme.secrets) & set(other.scheme.secrets):
            raise SettingsUnfit(
                f"inbound.{one.name} and inbound.{other.name} have a secret in common, so a "
                "delivery to one would be good for the other; give each its own."
            )
    return opened


def _endpoint(name: str, table: InboundSettings, secrets: tuple[bytes, ...]) -> Endpoint:
    return Endpoint(
        name, table.source, _scheme(table, secrets), table.payload_map(), table.may_assert_safety
    )


def _secrets(name: str, table: InboundSettings) -> tuple[bytes, ...]:
    return tuple(_secret(name, table.kind, one.get_secret_value()) for one in table.secrets)


def _secret(name: str, kind: str, text: str) -> bytes:
    decode = _standard_secret if kind == "standard" else _plain_secret
    try:
        return decode(reveal(text, os.environ)[0])
    except ValueError as error:
        raise SettingsUnfit(f"inbound.{name}.secret: {error}") from None


def _plain_secret(secret: str) -> bytes:
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"has less than {SHORTEST_SECRET} characters")
    return secret.encode()


def _standard_secret(secret: str) -> bytes:
    """Return the 24 to 64 bytes of a secret as Standard Webhooks writes it."""
    try:
        found = base64.b64decode(secret.removeprefix(STANDARD_PREFIX), validate=True)
    except ValueError:
        raise ValueError("is not whsec_ and base64") from None
    if not 24 <= len(found) <= 64:
        raise ValueError("holds less than 24 or more than 64 bytes")
    return found


def _scheme(table: InboundSettings, secrets: tuple[bytes, ...]) -> Scheme:
    match table.kind:
        case "zendesk":
            return Scheme(
                secrets, "X-Zendesk-Webhook-Signature", "base64",
                timestamp="X-Zendesk-Webhook-Signature-Timestamp", separator="",
                tolerance=table.tolerance,
            )
        case "shopify":
            return Scheme(secrets, "X-Shopify-Hmac-Sha256", "base64")
        case "standard":
            return Scheme(
                secrets, "webhook-signature", "base64", prefix="v1,", is_list=True,
                timestamp="webhook-timestamp", delivery="webhook-id", tolerance=table.tolerance,
            )
        case "hmac":
            return Scheme(
                secrets, table.signature_header or "", table.encoding, table.prefix,
                table.timestamp_header, table.separator, digest=table.digest,
                tolerance=table.tolerance,
            )


@dataclass(frozen=True, slots=True)
class Trial:
    """What a stored payload would become: signals as they would be stored, the rest, the ignored.

    Of a signal its text is masked as on entry, its own customer and order too; its field `customer`
    is shown as it came, and is stored as a keyed hash.
    """

    signals: list[dict[str, Any]]
    rejected: list[Rejected]
    ignored: int


def try_payload(name: str, table: InboundSettings, body: bytes, now: datetime) -> Trial:
    """Read a payload as a delivery whose signature is good; stores nothing, needs no secret."""
    endpoint = _endpoint(name, table, ())
    delivery = read_delivery(
        endpoint, body, endpoint.identity(lambda _: (NO_DELIVERY,), body), now
    )
    signals = [as_json(one) for _, one in delivery.signals.items]
    return Trial(
        [{**one, "text": _masked(one)} if one.get("text") else one for one in signals],
        delivery.signals.rejected, delivery.ignored,
    )


def _masked(signal: Mapping[str, Any]) -> str:
    return mask_own(mask(signal["text"]), signal.get("customer"), signal.get("order"))
