"""CloudEvents, made by their own SDK as the independent judge."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.api.batches import Parsed, parse_signals
from freezeguard.api.cloudevents import BATCH, KEPT_UNDER, STRUCTURED, header_text, kind_of
from freezeguard.api.models.signals import SignalIn
from freezeguard.domain.errors import InvalidInput
from tests.api.service import NOW, serving

WHEN = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ATTRIBUTES: dict[str, Any] = {
    "id": "e-1",
    "source": "https://helpdesk.example/queue/7",
    "type": "com.example.complaint",
    "time": WHEN,
    "subject": 'KETTLE 17/blau "ä" 100% 🫖',
    "traceparent": "00-abc-def-01",
}
DATA = {"severity": "major", "text": "broken"}


def envelope(**changes: Any) -> dict[str, Any]:
    """Return a structured event in JSON types."""
    plain = {**ATTRIBUTES, "time": "2026-11-21T09:30:00Z", "specversion": "1.0", "data": DATA}
    return {name: value for name, value in (plain | changes).items() if value is not None}


def structured(event: Any, media_type: str = STRUCTURED) -> Parsed[SignalIn]:
    """Parse an event in structured mode."""
    return parse_signals(json.dumps(event).encode(), media_type, {}, NOW)


def binary(headers: Mapping[str, str], body: bytes) -> Parsed[SignalIn]:
    """Parse an event in binary mode."""
    return parse_signals(body, "application/json", headers, NOW)


def only(parsed: Parsed[SignalIn]) -> SignalIn:
    """Return the one signal."""
    assert [] == parsed.rejected
    return parsed.items[0][1]


def test_what_the_sdk_sends_in_structured_mode_is_understood() -> None:
    """Envelope attributes fill what the data lacks; the rest of the envelope is kept."""
    message = to_structured_event(CloudEvent(attributes=ATTRIBUTES, data=DATA))

    signal = only(parse_signals(message.body, STRUCTURED, {}, NOW))

    assert "application/cloudevents+json" == message.headers["content-type"]
    assert ("e-1", ATTRIBUTES["source"], "complaint", ATTRIBUTES["subject"], WHEN) == (
        signal.id,
        signal.source,
        signal.kind,
        signal.sku,
        signal.occurred_at,
    )
    assert "broken" == signal.text
    kept = {"specversion": "1.0", "type": ATTRIBUTES["type"], "traceparent": "00-abc-def-01"}
    assert kept == signal.extra[KEPT_UNDER]


def test_what_the_sdk_sends_in_binary_mode_means_the_same() -> None:
    """Attributes from percent-encoded headers, data from the body: the same signal."""
    event = CloudEvent(attributes=ATTRIBUTES, data=DATA)
    as_binary, as_structured = to_binary_event(event), to_structured_event(event)
    headers = {name: value for name, value in as_binary.headers.items() if name.startswith("ce-")}

    assert only(parse_signals(as_structured.body, STRUCTURED, {}, NOW)) == only(
        binary(headers, as_binary.body)
    )


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029"),
               min_size=1, max_size=50))  # fmt: skip
def test_any_subject_survives_its_way_through_headers(sku: str) -> None:
    """Whatever text a SKU is, the SDK's encoding of it is decoded to the same text."""
    sku = sku.encode()[:200].decode(errors="ignore")
    message = to_binary_event(CloudEvent(attributes={**ATTRIBUTES, "subject": sku}, data=DATA))

    assert sku == only(binary(message.headers, message.body)).sku


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("plain", "plain"),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ('"quoted \\"text\\" %41"', 'quoted "text" A'),
        ('"', '"'),
        ("100%", "100%"),
    ],
)
def test_header_values_are_decoded_as_the_binding_says(sent: str, text: str) -> None:
    """Quotes go first, then percent escapes; what is no escape stays."""
    assert text == header_text(sent)


def test_a_header_that_is_no_utf8_is_refused() -> None:
    """Bytes that are no text make no identifier."""
    with pytest.raises(InvalidInput) as refused:
        header_text("%FF")

    assert "invalid_utf8" == refused.value.code


def test_a_batch_keeps_its_good_events() -> None:
    """One bad event in a batch is reported by its index."""
    events = [envelope(id="1"), 5, envelope(id="3", type=None), envelope(id="4")]

    parsed = structured(events, BATCH)

    assert [(0, "1"), (3, "4")] == [(index, signal.id) for index, signal in parsed.items]
    assert [(1, ""), (2, "/type")] == [(each.index, each.pointer) for each in parsed.rejected]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"specversion": "0.3"}, "/specversion"),
        ({"specversion": None}, "/specversion"),
        ({"id": None}, "/id"),
        ({"source": ""}, "/source"),
        ({"type": 7}, "/type"),
        ({"data": "text"}, "/data"),
        ({"data": [DATA]}, "/data"),
        ({"datacontenttype": "text/xml"}, "/datacontenttype"),
        ({"datacontenttype": 7}, "/datacontenttype"),
        ({"data_base64": "***"}, "/data_base64"),
        ({"data_base64": 7}, "/data_base64"),
        ({"data_base64": base64.b64encode(b"\xff").decode()}, "/data_base64"),
        ({"data_base64": base64.b64encode(b"{").decode()}, "/data_base64"),
        ({"data_base64": base64.b64encode(b"[" * 150_000).decode()}, "/data_base64"),
        ({"type": "com.example.praise"}, "/kind"),
        ({"subject": None}, "/sku"),
        ({"time": None}, "/occurred_at"),
        ({"time": "yesterday"}, "/occurred_at"),
        ({"data": None}, "/severity"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, Any], pointer: str) -> None:
    """An event that makes no signal is rejected with the place to mend."""
    parsed = structured(envelope(**changes))

    assert [pointer] == [each.pointer for each in parsed.rejected]
    assert [] == parsed.items


def test_the_data_wins_over_the_envelope() -> None:
    """Where both name a field, the data means the signal and the envelope the message."""
    data = {**DATA, "id": "own", "sku": "own-sku", "kind": "return",
            "occurred_at": "2026-11-20T00:00:00Z", "source": "own-source"}  # fmt: skip

    signal = only(structured(envelope(data=data)))

    assert ("own", "own-sku", "return", "own-source") == (
        signal.id,
        signal.sku,
        signal.kind,
        signal.source,
    )


@pytest.mark.parametrize("content_type", [None, "application/json; charset=utf-8", "text/x+json"])
def test_data_may_come_in_base64(content_type: str | None) -> None:
    """Binary data that holds JSON is read as JSON."""
    encoded = base64.b64encode(json.dumps(DATA).encode()).decode()

    event = envelope(data=None, data_base64=encoded, datacontenttype=content_type)

    assert "broken" == only(structured(event)).text


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("com.example.complaint", "complaint"),
        ("com.example.Complaint.v2", "complaint"),
        ("complaint", "complaint"),
        ("telemetry.1", "telemetry"),
        ("com.example.recall", "recall"),
        ("com.example.complaint.opened", None),
        ("v1", None),
        ("", None),
    ],
)
def test_the_kind_is_the_last_word_of_the_type(event_type: str, kind: str | None) -> None:
    """A version at the end is no word."""
    assert kind == kind_of(event_type)


async def test_all_three_modes_work_over_http() -> None:
    """Structured, batched and binary requests are told apart by their headers."""
    event = CloudEvent(attributes=ATTRIBUTES, data=DATA)
    as_binary, as_structured = to_binary_event(event), to_structured_event(event)
    batch = b"[" + as_structured.body + b"," + as_structured.body + b"]"
    async with serving() as service:
        answers = [
            await service.post("/v1/signals", body, headers=headers, token="source-token")
            for body, headers in (
                (as_structured.body, as_structured.headers),
                (batch, {"Content-Type": "application/cloudevents-batch+json"}),
                (as_binary.body, {**as_binary.headers, "Content-Type": "application/json"}),
            )
        ]

        assert [[0], [0, 1], [0]] == [(await answer.json())["accepted"] for answer in answers]
