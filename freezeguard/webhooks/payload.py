"""What a message says on the wire: `{"type", "timestamp", "data"}`, under 20 kB. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from freezeguard.domain.masking import mask
from freezeguard.ports.webhooks import Message

MOST_BYTES = 20_000
"""Standard Webhooks asks for less than 20 kB."""
LONGEST_TEXT = 500
"""Characters that are left of each text where nothing else made a message short enough."""

_OF_LETTERS = frozenset({"audience", "recipient"})
"""Facts that only a letter to somebody needs."""


def body_of(message: Message) -> bytes:
    """Return the body of a message: the same bytes for each attempt.

    What is too long loses the excerpts of complaints first, then lists and texts are cut.
    """
    data = {name: fact for name, fact in message.data.items() if name not in _OF_LETTERS}
    for shorter in _ever_shorter(_masked(data)):
        body = _encoded(message, shorter)
        if len(body) < MOST_BYTES:
            return body
    return _encoded(message, {"truncated": True, "case": data.get("case")})


def _encoded(message: Message, data: Mapping[str, Any]) -> bytes:
    payload = {"type": message.type, "timestamp": message.at.isoformat(), "data": data}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def _masked(data: Mapping[str, Any]) -> dict[str, Any]:
    """Mask excerpts once more, as letters do: a pattern learnt later counts for older ones too."""
    evidence = data.get("evidence")
    if not isinstance(evidence, dict) or not evidence.get("excerpts"):
        return dict(data)
    excerpts = [mask(str(one)) for one in evidence["excerpts"]]
    return {**data, "evidence": {**evidence, "excerpts": excerpts}}


def _ever_shorter(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield data
    evidence = data.get("evidence")
    if isinstance(evidence, dict):
        data = {**data, "evidence": {**evidence, "excerpts": []}, "truncated": True}
        yield data
    for entries in (50, 10, 3):
        yield {**_cut(data, entries), "truncated": True}


def _cut(value: Any, entries: int) -> Any:
    match value:
        case dict():
            return {name: _cut(one, entries) for name, one in value.items()}
        case list():
            return [_cut(one, entries) for one in value[:entries]]
        case str() if len(value) > LONGEST_TEXT:
            return value[: LONGEST_TEXT - 1] + "…"
        case _:
            return value
