"""Signed deliveries of helpdesks and shops: whose they are, and which signals they hold."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from freezeguard.api.batches import MAX_RAW, Parsed, Rejected, signals_of
from freezeguard.api.bodies import clean
from freezeguard.api.json_text import check_structure, parse, shown
from freezeguard.api.models.fields import MAX_TEXT
from freezeguard.api.models.signals import SignalIn
from freezeguard.domain.errors import FreezeguardError
from freezeguard.domain.payloads import Mapped, PayloadMap, Unmapped
from freezeguard.domain.signatures import Header, Scheme

BEGINNING = 2_000
"""So many bytes are kept of a body that can't be read: enough to see what it is."""
CUT = "…"
"""Stands at the end of a text that was longer than the contract allows."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address for deliveries: how they are signed, for whom they speak, what they say.

    `source` is the source of every signal of it.
    """

    name: str
    source: str
    scheme: Scheme
    map: PayloadMap
    may_assert_safety: bool = False

    def identity(self, header: Header, body: bytes) -> str:
        """Return an id that is the same for every repetition of a delivery.

        The sender's id of it counts only where the signature covers it; anybody could send a
        signed body again under another one.
        """
        if self.scheme.delivery is not None:
            return header(self.scheme.delivery)[0]
        return "sha256-" + sha256(body).hexdigest()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a delivery holds: signals and what is wrong with others, and how many don't count."""

    signals: Parsed[SignalIn]
    ignored: int = 0


def read_delivery(endpoint: Endpoint, body: bytes, identity: str, now: datetime) -> Delivery:
    """Read the body of a delivery whose signature was found good.

    It does come from whom it should, so nothing about it is refused: the sender would only repeat
    it. What can't be read becomes one rejected entry.
    """
    try:
        text = clean(body)
        check_structure(text)
        payload = parse(text.decode())
    except FreezeguardError as refusal:
        raw = body[:BEGINNING].decode("utf-8", "backslashreplace").replace("\0", "\\0")
        return Delivery(Parsed(rejected=[Rejected(0, refusal.code, refusal.detail, "", raw)]))
    return _signals(endpoint, endpoint.map.read(payload, identity), now)


def _signals(endpoint: Endpoint, mapped: Mapped, now: datetime) -> Delivery:
    entries = [
        (position, _entry(endpoint, fields)) for position, fields in mapped.entries
    ]
    parsed = signals_of(entries, now)
    parsed.rejected.extend(_not_mapped(endpoint, mapped.unmapped))
    return Delivery(_in_order(parsed), mapped.ignored)


def _entry(endpoint: Endpoint, fields: dict[str, Any]) -> dict[str, Any]:
    text = fields.get("text", "")
    if len(text) > MAX_TEXT:
        fields = {**fields, "text": text[: MAX_TEXT - len(CUT)] + CUT}
    return {**fields, "source": endpoint.source}


def _not_mapped(endpoint: Endpoint, unmapped: Sequence[Unmapped]) -> list[Rejected]:
    """Report what the map does not fit; only what it looks for is kept of the payload."""
    return [
        Rejected(
            one.position, one.why.code, one.why.detail, "",
            shown({**one.found, "source": endpoint.source}, MAX_RAW),
        )
        for one in unmapped
    ]


def _in_order(parsed: Parsed[SignalIn]) -> Parsed[SignalIn]:
    return replace(parsed, rejected=sorted(parsed.rejected, key=lambda one: one.index))


def as_json(signal: SignalIn) -> dict[str, Any]:
    """Return a signal as it would be sent to /v1/signals."""
    document: dict[str, Any] = json.loads(signal.model_dump_json(exclude_unset=True))
    return document
