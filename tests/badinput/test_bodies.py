"""Bad bodies, each against every operation that takes one and every media type that it reads."""

import gzip
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.badinput.operations import Operation, ask, wrong_with
from tests.rig import KEYS, Rig

pytestmark = pytest.mark.asyncio(loop_scope="package")

MIB = 1024 * 1024
JSON = "application/json"
LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
DEEP = 1_000_000


@dataclass(frozen=True, slots=True)
class Bad:
    """A bad body. `status` is None where an entry of a batch may be refused for itself (422)."""

    body: bytes
    status: int | None
    codes: tuple[str, ...]
    headers: dict[str, str] = field(default_factory=dict)


def whole(body: bytes, status: int, code: str, **headers: str) -> Bad:
    """Return a body that is refused as a whole, whatever it is sent to."""
    return Bad(body, status, (code,), {name.replace("_", "-"): text for name, text in
                                       headers.items()})


def entry(body: bytes, *codes: str) -> Bad:
    """Return a body that is refused as a whole, or as the one entry of a batch."""
    return Bad(body, None, codes)


BOMB = gzip.compress(b'{"id":"' + b" " * 200 * MIB + b'"}', compresslevel=6, mtime=0)
BAD = {
    "empty": whole(b"", 400, "empty_body"),
    "blank": whole(b" \r\n\t ", 400, "empty_body"),
    "only a byte order mark": whole(b"\xef\xbb\xbf", 400, "empty_body"),
    "6 MiB": whole(b'{"id":"' + b"x" * 6 * MIB + b'"}', 413, "too_large"),
    "a gzip bomb": whole(BOMB, 413, "too_large", Content_Encoding="gzip"),
    "gzip cut off": whole(gzip.compress(b"{}")[:-4], 400, "invalid_compression",
                          Content_Encoding="gzip"),
    "not gzip at all": whole(b"{}", 400, "invalid_compression", Content_Encoding="gzip"),
    "a strange compression": whole(b"{}", 415, "unsupported_encoding", Content_Encoding="br"),
    "not UTF-8": whole(b'{"id":"\xff"}', 400, "invalid_utf8"),
    "Latin-1": whole('{"id":"Käse"}'.encode("latin-1"), 400, "invalid_utf8"),
    "an encoded surrogate": whole(b'{"id":"\xed\xa0\x80"}', 400, "invalid_utf8"),
    "UTF-16": Bad('{"id":1}'.encode("utf-16"), 400, ("invalid_utf8", "nul_character")),
    "a raw NUL": whole(b'{"id":"\0"}', 400, "nul_character"),
    "a charset nobody knows": whole(b"{}", 415, "unsupported_charset", charset="martian"),
    "Latin-1 as charset": whole(b"{}", 415, "unsupported_charset", charset="latin-1"),
    "malformed": entry(b'{"id":', "invalid_json"),
    "two values": entry(b"{} {}", "invalid_json"),
    "a comma too many": entry(b'{"id":"a",}', "invalid_json"),
    "no JSON at all": entry(b"id=a&sku=b", "invalid_json"),
    "an escaped NUL": entry(b'{"id":"\\u0000"}', "nul_character"),
    "an escaped NUL in a key": entry(b'{"a\\u0000":1}', "nul_character"),
    "half a character": entry(b'{"id":"\\ud800"}', "lone_surrogate"),
    "the other half": entry(b'{"id":"\\udc00x"}', "lone_surrogate"),
    "NaN": entry(b'{"id":NaN}', "not_a_number"),
    "Infinity": entry(b'{"id":-Infinity}', "not_a_number"),
    "a number beyond all": entry(b'{"id":1e999}', "not_a_number"),
    "5,000 digits": entry(b'{"id":' + b"9" * 5000 + b"}", "number_too_long"),
    "the same key twice": entry(b'{"id":"a","id":"b"}', "duplicate_key"),
    "a million lists deep": Bad(b"[" * DEEP, None, ("too_complex", "too_deep")),
    "a million objects deep": Bad(b'{"a":' * DEEP + b"1" + b"}" * DEEP, None,
                                  ("too_complex", "too_deep", "too_large")),
    "a hundred deep": entry(b'{"id":' + b"[" * 100 + b"]" * 100 + b"}", "too_deep"),
    "a number": entry(b"1", "invalid_input"),
    "a text": entry(b'"id"', "invalid_input"),
    "null": entry(b"null", "invalid_input"),
    "a list of lists": entry(b"[[]]", "invalid_input"),
}
WRONG: tuple[Any, ...] = (
    None, True, 7, -1, 1.5, 10**30, 1e300, "", "x" * 70_000, "2026", [], [1], [[]], {}, {"a": {}},
    "\u2028", "a\nb", "a\u0085b",
)


def header(bad: Bad, media_type: str) -> dict[str, str]:
    """Return the headers of a bad body sent as a media type."""
    charset = bad.headers.get("charset")
    kind = media_type if charset is None else f"{media_type}; charset={charset}"
    return {"Content-Type": kind} | {
        name: text for name, text in bad.headers.items() if name != "charset"
    }


@pytest.mark.parametrize("name", BAD)
async def test_every_operation_refuses_a_bad_body(rig: Rig, every: list[Operation], name: str):
    """4xx as a problem with its code and request id, from all of them; never 500."""
    bad, wrong = BAD[name], []
    for one in every:
        for media_type in one.media_types:
            # Held in memory it would be sent in one piece; a stream may be refused half-way.
            answer = await ask(rig, one.method, one.address(), one.somebody,
                               data=io.BytesIO(bad.body), headers=header(bad, media_type))
            # The envelope of an event is judged before what stands in it.
            judged = ("invalid_input",) if "cloudevents" in media_type else ()
            if fault := wrong_with(answer, bad.status, *bad.codes, *judged):
                wrong.append((one.name, media_type, fault))

    assert [] == wrong


async def test_without_end_is_refused_as_well(rig: Rig, every: list[Operation]):
    """A chunked body says no length: it is refused once it has exceeded 5 MiB."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(6):
            yield b" " * MIB

    wrong = []
    for one in (one for one in every if one.media_types):
        answer = await ask(rig, one.method, one.address(), one.somebody, data=endless(),
                           headers={"Content-Type": JSON})
        if fault := wrong_with(answer, 413, "too_large"):
            wrong.append((one.name, fault))

    assert [] == wrong


async def test_a_media_type_that_is_not_read_is_named(rig: Rig, every: list[Operation]):
    """415, also for what another operation reads."""
    strange = ("text/plain", "application/xml", "multipart/form-data", "application/json-seq",
               "application/x-www-form-urlencoded", "application/vnd.api+json", "nonsense", *LINES)
    wrong = []
    for one in every:
        for media_type in set(strange) - set(one.media_types) if one.media_types else ():
            answer = await ask(rig, one.method, one.address(), one.somebody, data=b"{}",
                               headers={"Content-Type": media_type})
            if fault := wrong_with(answer, 415, "unsupported_media_type"):
                wrong.append((one.name, media_type, fault))

    assert [] == wrong


def schema_of(document: dict[str, Any], one: Operation) -> dict[str, Any]:
    """Return the schema of a body, or of one entry where it may hold many."""
    schema = one.spec["requestBody"]["content"][JSON]["schema"]
    entry = next(each["$ref"] for each in schema.get("anyOf", [schema]) if "$ref" in each)
    return dict(document["components"]["schemas"][entry.rpartition("/")[2]])


def examples(document: dict[str, Any], one: Operation) -> dict[str, Any]:
    """Return a body with every field that the schema names, at its example or null."""
    schema = schema_of(document, one)
    stated = one.spec["requestBody"]["content"][JSON].get("examples", {})
    good = next((each["value"] for each in stated.values()), {})
    ours = {"id": "for-tests", "mode": "shadow"} if "/rules" in one.path else {}
    if "source" in good:
        ours = {"source": KEYS[str(one.somebody)][1]}
    return dict.fromkeys(schema["properties"]) | good | ours


async def test_a_field_of_a_wrong_type_is_no_accident(
    rig: Rig, every: list[Operation], document: dict[str, Any]
):
    """Every field of every body, with values of every other type: accepted or a 4xx, never 500."""
    wrong, sent = [], 0
    for one in every:
        if JSON not in one.media_types:
            continue
        good = examples(document, one)
        for name in good:
            for value in WRONG:
                body = json.dumps({**good, name: value}).encode()
                answer = await ask(rig, one.method, one.address(), one.somebody, data=body,
                                   headers={"Content-Type": JSON})
                sent += 1
                fault = None if answer.status < 300 else wrong_with(answer)
                if fault:
                    wrong.append((one.name, name, repr(value)[:40], fault))

    assert sent > 500
    assert [] == wrong


def is_open(schema: dict[str, Any]) -> bool:
    """Say whether unknown fields have a meaning: signals keep them, commands take arguments."""
    return schema.get("additionalProperties") is not False


async def test_an_unknown_field_is_named(
    rig: Rig, every: list[Operation], document: dict[str, Any]
):
    """No field is dropped in silence, least of all one that a caller would like to set."""
    wrong, asked = [], 0
    for one in every:
        if JSON not in one.media_types or is_open(schema_of(document, one)):
            continue
        for name in ("state", "created_by", "is_admin", "a/b~c", "__class__"):
            body = {**examples(document, one), name: "x"}
            answer = await ask(rig, one.method, one.address(), one.somebody, json=body)
            asked += 1
            pointer = "/" + name.replace("~", "~0").replace("/", "~1")
            places = [each["pointer"] for each in answer.body.get("errors", ())]
            fault = wrong_with(answer, 422, "invalid_input")
            if fault or not (pointer in places or "rejected" in answer.body):
                wrong.append((one.name, name, fault or places))

    assert asked >= 8 * 5
    assert [] == wrong


async def test_a_body_of_nothing_but_bad_lines_is_refused_at_once(
    rig: Rig, every: list[Operation]
):
    """5 MiB of two million bad lines cost neither time nor memory, and leave no row behind."""
    body = b"1\n" * (5 * MIB // 2 - 1)
    before = await ask(rig, "GET", "/v1/signals/rejected?limit=1", "root")
    wrong = []
    for one in every:
        for media_type in set(LINES) & set(one.media_types):
            answer = await ask(rig, one.method, one.address(), one.somebody,
                               data=io.BytesIO(body), headers={"Content-Type": media_type})
            if fault := wrong_with(answer, 422, "too_many_rejected"):
                wrong.append((one.name, fault))
    after = await ask(rig, "GET", "/v1/signals/rejected?limit=1", "root")

    assert [] == wrong
    assert before.body == after.body


async def test_a_thousand_bad_lines_are_reported_one_by_one(rig: Rig, sku: str):
    """The good one among them is kept."""
    lines = [b"{}"] * 999 + [json.dumps(rig.complaint(sku, "among-bad")).encode()] + [b"1"]
    answer = await ask(rig, "POST", "/v1/signals", "source", data=b"\n".join(lines),
                       headers={"Content-Type": LINES[0]})

    assert (202, 1, 1000) == (answer.status, answer.body["accepted"],
                              len(answer.body["rejected"]))
    assert [*range(999), 1000] == [one["index"] for one in answer.body["rejected"]]


async def test_a_batch_with_one_bad_entry_keeps_the_good(rig: Rig, sku: str):
    """What is good is stored; what is bad is reported by index and kept, its secrets masked."""
    good = [rig.complaint(sku, f"batch-{number}") for number in range(3)]
    bad = {**rig.complaint(sku, "batch-x"), "severity": "horrible",
           "text": "Call me at +49 170 1234567, ann@home.example"}
    lines = b"\n".join(json.dumps(each).encode() for each in [*good, bad])

    answer = await ask(rig, "POST", "/v1/signals", "source", data=lines + b'\n{"id":\n',
                       headers={"Content-Type": LINES[0]})
    kept = await ask(rig, "GET", "/v1/signals/rejected?limit=2", "source")

    assert (202, 3, 0) == (answer.status, answer.body["accepted"], answer.body["duplicates"])
    assert [(3, "invalid_input"), (4, "invalid_json")] == [
        (each["index"], each["code"]) for each in answer.body["rejected"]
    ]
    texts = " ".join(each["body"] for each in kept.body["items"])
    assert "horrible" in texts
    assert "ann@home.example" not in texts
    assert "1234567" not in texts
