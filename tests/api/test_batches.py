"""Batches: the good ones are kept, the bad ones reported."""

import contextlib
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.api.batches import Parsed, parse_signals, parse_skus, parse_units
from freezeguard.api.models.signals import SignalIn
from freezeguard.api.refusals import Refused
from freezeguard.domain.errors import FreezeguardError, InvalidInput
from freezeguard.domain.signals import Kind, Severity, Signal
from tests.api.service import GOOD, NOW

JSON = "application/json"
LINES = "application/x-ndjson"


def parse(*signals: Any, media_type: str = JSON, now: datetime = NOW) -> Parsed[SignalIn]:
    """Send signals as one array, or as lines."""
    if media_type == LINES:
        body = "\n".join(json.dumps(signal) for signal in signals)
    else:
        body = json.dumps(list(signals))
    return parse_signals(body.encode(), media_type, {}, now)


def codes(parsed: Parsed[Any]) -> list[tuple[int, str, str]]:
    """Return what was rejected: index, code, pointer."""
    return [(each.index, each.code, each.pointer) for each in parsed.rejected]


BAD_SIGNALS: Mapping[str, tuple[Any, str, str]] = {
    "no object": (5, "invalid_input", ""),
    "null": (None, "invalid_input", ""),
    "array": ([GOOD], "invalid_input", ""),
    "no id": ({**GOOD, "id": None}, "invalid_input", "/id"),
    "empty id": ({**GOOD, "id": ""}, "invalid_input", "/id"),
    "long id": ({**GOOD, "id": "x" * 201}, "invalid_input", "/id"),
    "number as id": ({**GOOD, "id": 7}, "invalid_input", "/id"),
    "unknown kind": ({**GOOD, "kind": "praise"}, "invalid_input", "/kind"),
    "unknown severity": ({**GOOD, "severity": "huge"}, "invalid_input", "/severity"),
    "empty sku": ({**GOOD, "sku": ""}, "invalid_input", "/sku"),
    "sku of 201 bytes": ({**GOOD, "sku": "é" * 100 + "x"}, "invalid_input", "/sku"),
    "sku with a line end": ({**GOOD, "sku": "a\nb"}, "invalid_input", "/sku"),
    "sku with a line separator": ({**GOOD, "sku": "a\u2028b"}, "invalid_input", "/sku"),
    "no offset": ({**GOOD, "occurred_at": "2026-11-21T09:30:00"}, "invalid_input", "/occurred_at"),
    "a number as time": ({**GOOD, "occurred_at": 1700000000}, "invalid_input", "/occurred_at"),
    "digits as time": ({**GOOD, "occurred_at": "1700000000"}, "invalid_input", "/occurred_at"),
    "30 February": ({**GOOD, "occurred_at": "2026-02-30T00:00:00Z"}, "invalid_input",
                    "/occurred_at"),
    "leap second": ({**GOOD, "occurred_at": "2016-12-31T23:59:60Z"}, "invalid_input",
                    "/occurred_at"),
    "year 0": ({**GOOD, "occurred_at": "0000-01-01T00:00:00Z"}, "invalid_input", "/occurred_at"),
    "before year 1 in UTC": ({**GOOD, "occurred_at": "0001-01-01T00:00:00+14:00"},
                             "invalid_input", "/occurred_at"),
    "after year 9999 in UTC": ({**GOOD, "occurred_at": "9999-12-31T23:00:00-12:00"},
                               "invalid_input", "/occurred_at"),
    "year 9999": ({**GOOD, "occurred_at": "9999-12-31T23:59:59Z"}, "future_dated",
                  "/occurred_at"),
    "observed tomorrow": ({**GOOD, "observed_at": "2026-11-22T12:00:00Z"}, "future_dated",
                          "/observed_at"),
    "long intent": ({**GOOD, "intent": "x" * 65}, "invalid_input", "/intent"),
    "long text": ({**GOOD, "text": "x" * 20_001}, "invalid_input", "/text"),
    "money as a number": ({**GOOD, "contact_cost": 4.5}, "invalid_input", "/contact_cost"),
    "five decimals": ({**GOOD, "contact_cost": "1.00001"}, "invalid_input", "/contact_cost"),
    "negative money": ({**GOOD, "contact_cost": "-1"}, "invalid_input", "/contact_cost"),
    "country in words": ({**GOOD, "country": "Germany"}, "invalid_input", "/country"),
    "inspection without result": ({**GOOD, "kind": "inspection"}, "invalid_input", "/result"),
    "too much beside": ({**GOOD, "more": "x" * 16_400}, "too_large", ""),
    "NUL": ({**GOOD, "text": "a\0"}, "nul_character", ""),
    "NUL beside": ({**GOOD, "more": {"a\0": 1}}, "nul_character", ""),
    "half a character": ({**GOOD, "text": "\ud83d"}, "lone_surrogate", ""),
    "NaN beside": ({**GOOD, "more": float("nan")}, "not_a_number", ""),
}  # fmt: skip


@pytest.mark.parametrize("media_type", [JSON, LINES])
@pytest.mark.parametrize("name", BAD_SIGNALS)
def test_a_bad_signal_does_not_lose_the_good_ones(name: str, media_type: str) -> None:
    """Whatever is wrong with the middle one, its neighbours are kept and it is reported."""
    bad, code, pointer = BAD_SIGNALS[name]

    parsed = parse({**GOOD, "id": "1"}, bad, {**GOOD, "id": "3"}, media_type=media_type)

    assert [(0, "1"), (2, "3")] == [(index, signal.id) for index, signal in parsed.items]
    assert [(1, code, pointer)] == codes(parsed)
    parsed.rejected[0].raw.encode()
    assert "\0" not in parsed.rejected[0].raw


def test_a_key_sent_twice_is_rejected_singly() -> None:
    """Parsers disagree about which of the two counts, so neither does; the others are kept."""
    good = json.dumps(GOOD)
    twice = good[:-1] + ', "severity": "minor"}'
    nested = good[:-1] + ', "more": {"a": 1, "a": 2}}'
    body = f"[{good}, {twice}, {nested}]".encode()

    parsed = parse_signals(body, JSON, {}, NOW)

    assert [0] == [index for index, _ in parsed.items]
    assert [(1, "duplicate_key", ""), (2, "duplicate_key", "")] == codes(parsed)


def test_lines_are_read_one_by_one() -> None:
    """In newline-delimited JSON a broken line costs itself; the index is the line."""
    good = json.dumps(GOOD)
    deep = "[" * 70 + "]" * 70
    body = f"{good}\r\n\n{good[:-2]}\n  \n{deep}\n[{good}]\n{good}{good}\n{good}".encode()

    parsed = parse_signals(body, LINES, {}, NOW)

    assert [0, 7] == [index for index, _ in parsed.items]
    assert [
        (2, "invalid_json", ""),
        (4, "too_deep", ""),
        (5, "invalid_input", ""),
        (6, "invalid_json", ""),
    ] == codes(parsed)


@pytest.mark.parametrize("body", [b"[1, 2", b"{", b"{} {}", b"nope", b"[\x01]"])
def test_what_is_no_json_is_refused_as_a_whole(body: bytes) -> None:
    """Where the text breaks, nothing after it can be trusted."""
    with pytest.raises(InvalidInput) as refused:
        parse_signals(body, JSON, {}, NOW)

    assert "invalid_json" == refused.value.code


def test_a_thousand_are_taken_and_one_more_is_not() -> None:
    """The limit of an array is exact, and the refusal names a way out."""
    assert 1000 == len(parse(*[GOOD] * 1000).items)
    for extra in (GOOD, None):
        with pytest.raises(Refused) as refused:
            parse(*[GOOD] * 1000, extra)
        assert "too_many" == refused.value.code


def test_lines_have_no_number_of_their_own() -> None:
    """Newline-delimited JSON may hold as many signals as fit the body."""
    assert 2500 == len(parse(*[GOOD] * 2500, media_type=LINES).items)


def test_unknown_fields_are_kept() -> None:
    """What the contract does not name is kept, never dropped silently."""
    parsed = parse({**GOOD, "queue": "blue", "tags": [{"a": 1.5}, None]})

    assert {"queue": "blue", "tags": [{"a": 1.5}, None]} == parsed.items[0][1].extra


def test_a_signal_arrives_in_the_domain_complete() -> None:
    """Customer hashed, text masked, time in UTC, money exact, country in capitals."""
    sent = {
        **GOOD,
        "occurred_at": "2026-11-21T10:30:00.25+01:00",
        "observed_at": "0001-01-01T00:00:00Z",
        "intent": "broken",
        "customer": "c-1",
        "order": "o-1",
        "lot": "L1",
        "seller": "S",
        "channel": "web",
        "country": "de",
        "text": "call me",
        "contact_cost": "4.50",
        "queue": "blue",
    }

    read = parse(sent).items[0][1]
    signal = read.to_domain(
        hash_customer=lambda customer: f"#{customer}".encode(),
        hash_mark=lambda value: value[:7],
        mask=str.upper,
        may_assert_safety=True,
    )

    assert (
        Signal(
            source="helpdesk",
            id="s-1",
            kind=Kind.COMPLAINT,
            sku="KETTLE-17/blue",
            occurred_at=datetime(2026, 11, 21, 9, 30, 0, 250_000, UTC),
            severity=Severity.MAJOR,
            intent="broken",
            observed_at=datetime(1, 1, 1, tzinfo=UTC),
            customer=b"#c-1",
            order="o-1",
            lot="L1",
            seller="S",
            channel="web",
            country="DE",
            text="CALL ME",
            contact_cost=Decimal("4.50"),
            extra={"queue": "blue"},
            may_assert_safety=True,
        )
        == signal
    )


@pytest.mark.parametrize("ahead", [timedelta(minutes=5), timedelta(minutes=5, microseconds=1)])
def test_five_minutes_ahead_are_the_limit(ahead: timedelta) -> None:
    """Exactly 5 minutes ahead is accepted; a microsecond more is not."""
    parsed = parse({**GOOD, "occurred_at": (NOW + ahead).isoformat()})

    assert (ahead == timedelta(minutes=5)) == bool(parsed.items)


@given(st.permutations(list({**GOOD, "text": "a", "x": {"b": 1, "a": 2}}.items())))
def test_the_order_of_keys_does_not_make_another_signal(items: list[tuple[str, Any]]) -> None:
    """A repeat is a repeat however its keys are ordered."""
    sent = {**GOOD, "text": "a", "x": {"a": 2, "b": 1}}

    assert parse(sent).items[0][1].fingerprint == parse(dict(items)).items[0][1].fingerprint


def test_every_field_belongs_to_the_fingerprint() -> None:
    """The same id with anything else in it is another body: a conflict, not a repeat."""
    full = {
        **GOOD, "observed_at": "2026-01-01T00:00:00Z", "intent": "i", "result": "pass",
        "customer": "c", "order": "o", "lot": "l", "seller": "s", "channel": "h",
        "country": "DE", "text": "t", "contact_cost": "1", "x": 1,
    }  # fmt: skip
    others = [
        {**full, name: value}
        for name, value in {
            "id": "s-2", "source": "b", "kind": "return", "sku": "b", "severity": "minor",
            "occurred_at": "2026-11-21T09:30:01Z", "observed_at": "2026-01-01T00:00:01Z",
            "intent": "j", "result": "fail", "customer": "d", "order": "p", "lot": "m",
            "seller": "t", "channel": "i", "country": "FR", "text": "u", "contact_cost": "2",
            "x": 2,
        }.items()
    ]  # fmt: skip
    absent = [{key: full[key] for key in full if key != name} for name in full if name not in GOOD]

    parsed = parse(full, *others, *absent)

    assert [] == parsed.rejected
    assert len(full) + len(absent) + 1 == len({signal.fingerprint for _, signal in parsed.items})


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    """Any text at all is parsed, rejected singly, or refused as a whole: never an accident."""
    for media_type in (JSON, LINES, "application/cloudevents+json"):
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return
        with contextlib.suppress(FreezeguardError):
            parse_signals(text.encode(), media_type, {}, NOW)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.lists(st.fixed_dictionaries({name: JSON_VALUES | st.just(GOOD[name]) for name in GOOD})))
def test_every_entry_is_either_accepted_or_reported(entries: list[dict[str, Any]]) -> None:
    """No entry vanishes, and none is both."""
    parsed = parse(*entries)

    seen = [index for index, _ in parsed.items] + [each.index for each in parsed.rejected]
    assert list(range(len(entries))) == sorted(seen)


def test_500_signals_parse_quickly() -> None:
    """A batch of 500 full signals is read within a few milliseconds (deadline: tenfold)."""
    full = {**GOOD, "customer": "c", "order": "o", "lot": "l", "text": 'The "handle" [broke]: off'}
    body = json.dumps([{**full, "id": str(number)} for number in range(500)]).encode()
    times = []
    for _ in range(7):
        started = time.perf_counter()
        assert 500 == len(parse_signals(body, JSON, {}, NOW).items)
        times.append(time.perf_counter() - started)

    assert min(times) < 0.05


def test_units_refuse_what_they_do_not_know() -> None:
    """Exposure is counted, so a misspelt field must not be overlooked."""
    good = {"id": "1", "source": "w", "sku": "a", "units": 3, "shipped_at": "2026-11-01T00:00:00Z"}
    bad = [
        {**good, "lott": "L1"},
        {**good, "units": 0},
        {**good, "units": 1.5},
        {**good, "units": "3"},
        {**good, "units": True},
        {**good, "units": 10**12},
        {**good, "shipped_at": "2026-12-01T00:00:00Z"},
    ]

    parsed = parse_units(json.dumps([good, *bad]).encode(), JSON, NOW)

    assert [0] == [index for index, _ in parsed.items]
    assert ["/lott", *["/units"] * 5, "/shipped_at"] == [each.pointer for each in parsed.rejected]


def test_skus_come_in_bulk() -> None:
    """Master data by the thousand, as an array or as lines."""
    rows = [{"sku": "a/b", "title": "A", "price": "9.99"}, {"sku": "", "title": "B"}]
    lines = "\n".join(map(json.dumps, rows)).encode()

    for parsed in (
        parse_skus(json.dumps(rows).encode(), JSON, NOW),
        parse_skus(lines, "application/jsonl", NOW),
    ):
        assert ["a/b"] == [row.sku for _, row in parsed.items]
        assert [(1, "invalid_input", "/sku")] == codes(parsed)
