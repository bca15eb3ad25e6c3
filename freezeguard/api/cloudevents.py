"""CloudEvents 1.0 over HTTP: structured, batched and binary events as signals.

The envelope fills what the data lacks: `id`, `source`, `time` (occurred_at), `subject` (sku) and
the last word of `type` (kind). Its other attributes are kept under `cloudevent` in the signal.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from freezeguard.api.json_text import Flaw, check_structure, parse
from freezeguard.domain.errors import FreezeguardError, InvalidInput
from freezeguard.domain.signals import Kind

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
KEPT_UNDER = "cloudevent"

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "CloudEvents 1.0. `data` is a signal; what it lacks comes from the event: "
    "`id`, `source`, `time` as occurred_at, `subject` as sku, the last word of `type` as kind.",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1},
        "type": {"type": "string", "minLength": 1, "examples": ["com.shop.complaint"]},
        "time": {"type": "string", "format": "date-time"},
        "subject": {"type": "string", "examples": ["KETTLE-17/blue"]},
        "datacontenttype": {"type": "string", "examples": ["application/json"]},
        "data": {"type": "object"},
        "data_base64": {"type": "string", "contentEncoding": "base64"},
    },
}

_PREFIX = "ce-"
_REQUIRED = ("specversion", "id", "source", "type")
_FILLS = {"id": "id", "source": "source", "time": "occurred_at", "subject": "sku"}
_DATA = frozenset({"data", "data_base64", "datacontenttype"})
_VERSION_WORD = re.compile(r"v?[0-9]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def is_binary(headers: Mapping[str, str]) -> bool:
    """Say whether a request carries one event in binary mode: its attributes are headers."""
    return "ce-specversion" in headers


def from_binary(headers: Mapping[str, str], data: Any) -> Any:
    """Return a binary-mode event as a structured one; its data has been parsed."""
    attributes = {
        name.lower().removeprefix(_PREFIX): header_text(value)
        for name, value in headers.items()
        if name.lower().startswith(_PREFIX)
    }
    return attributes | {"data": data}


def header_text(value: str) -> str:
    """Return the text that a header value stands for (HTTP binding 1.0, section 3.1.3.2).

    Raises InvalidInput where its percent-encoding is no UTF-8.
    """
    if quoted := _QUOTED.fullmatch(value):
        value = re.sub(r"\\(.)", r"\1", quoted[1])
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeError:
        raise InvalidInput("A ce- header does not decode to UTF-8.", code="invalid_utf8") from None


def signal_of(event: Any) -> Any:
    """Return the signal that an event carries, in JSON types and not yet validated.

    Raises InvalidInput where it is no CloudEvent or its data is no JSON object.
    """
    if isinstance(event, Flaw):
        return event
    _check_envelope(event)
    signal = dict(_data_of(event))
    for attribute, name in _FILLS.items():
        if attribute in event:
            signal.setdefault(name, event[attribute])
    if kind := kind_of(event["type"]):
        signal.setdefault("kind", kind)
    kept = {name: value for name, value in event.items() if name not in _DATA | _FILLS.keys()}
    signal.setdefault(KEPT_UNDER, kept)
    return signal


def kind_of(event_type: str) -> str | None:
    """Return the kind that a type ends with: `com.shop.complaint`, `com.shop.complaint.v2`."""
    words = event_type.lower().split(".")
    if len(words) > 1 and _VERSION_WORD.fullmatch(words[-1]):
        words.pop()
    return words[-1] if words[-1] in set(Kind) else None


def _check_envelope(event: Any) -> None:
    if not isinstance(event, dict):
        raise InvalidInput("A CloudEvent is a JSON object.")
    for name in _REQUIRED:
        value = event.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidInput("required by CloudEvents, as text", pointer=f"/{name}")
    if event["specversion"] != "1.0":
        raise InvalidInput("only CloudEvents 1.0 is read", pointer="/specversion")


def _data_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    media_type = event.get("datacontenttype", "application/json")
    if not _is_json(media_type):
        raise InvalidInput("only JSON data is read", pointer="/datacontenttype")
    data = event.get("data", {})
    if "data_base64" in event:
        data = _from_base64(event["data_base64"])
    if isinstance(data, Flaw):
        raise InvalidInput(data.detail, code=data.code, pointer="/data")
    if not isinstance(data, dict):
        raise InvalidInput("a signal is a JSON object", pointer="/data")
    return data


def _is_json(media_type: Any) -> bool:
    if not isinstance(media_type, str):
        return False
    kind = media_type.partition(";")[0].strip().lower()
    return kind.endswith(("/json", "+json"))


def _from_base64(encoded: Any) -> Any:
    try:
        data = base64.b64decode(encoded, validate=True)
        check_structure(data)
        return parse(data.decode())
    except (binascii.Error, TypeError, ValueError):
        raise InvalidInput("not base64 of UTF-8", pointer="/data_base64") from None
    except FreezeguardError as broken:
        raise InvalidInput(broken.detail, pointer="/data_base64", code=broken.code) from None
