"""Reading bodies: the corpus of everything that ever came as a body."""

import asyncio
import gzip
import json
import resource
import zlib
from collections.abc import AsyncIterator

import pytest

from freezeguard.api.bodies import Pace, clean, decompressed
from freezeguard.api.problems import MEDIA_TYPE, PROBLEMS
from freezeguard.api.refusals import Refused
from tests.api.service import GOOD, Service, serving, zipped

MIB = 1024 * 1024
NOTE = json.dumps({"text": "hello"}).encode()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving() as running:
        yield running


BAD_BODIES = {
    "empty": (b"", {}, 400, "empty_body"),
    "blank": (b" \n\t ", {}, 400, "empty_body"),
    "malformed": (b'{"text": ', {}, 400, "invalid_json"),
    "single quotes": (b"{'text': 'a'}", {}, 400, "invalid_json"),
    "trailing comma": (b'{"text": "a",}', {}, 400, "invalid_json"),
    "two documents": (NOTE + NOTE, {}, 400, "invalid_json"),
    "not UTF-8": (b'{"text": "\xff"}', {}, 400, "invalid_utf8"),
    "latin-1": ('{"text": "é"}'.encode("latin-1"), {}, 400, "invalid_utf8"),
    "UTF-16": ('{"text": "a"}'.encode("utf-16-le"), {}, 400, "nul_character"),
    "UTF-16 with mark": ('{"text": "a"}'.encode("utf-16"), {}, 400, "invalid_utf8"),
    "UTF-8 surrogates": (b'{"text": "\xed\xa0\x80"}', {}, 400, "invalid_utf8"),
    "NUL": (b'{"text": "a\0b"}', {}, 400, "nul_character"),
    "NUL escape": (b'{"text": "a\\u0000b"}', {}, 400, "nul_character"),
    "lone surrogate": (b'{"text": "\\ud83d"}', {}, 400, "lone_surrogate"),
    "swapped surrogates": (b'{"text": "\\ude00\\ud83d"}', {}, 400, "lone_surrogate"),
    "NaN": (b'{"text": "a", "amount": NaN}', {}, 400, "not_a_number"),
    "Infinity": (b'{"text": "a", "amount": -Infinity}', {}, 400, "not_a_number"),
    "too large a number": (b'{"text": "a", "amount": 1e999}', {}, 400, "not_a_number"),
    "long integer": (b'{"text": "a", "amount": ' + b"9" * 5000 + b"}", {}, 400, "number_too_long"),
    "duplicate key": (b'{"text": "a", "text": "b"}', {}, 400, "duplicate_key"),
    "deep": (b"[" * 100_000 + b"]" * 100_000, {}, 400, "too_deep"),
    "deep and open": (b'{"a":' * 100_000, {}, 400, "too_deep"),
    "a million deep": (b"[" * 1_000_000, {}, 413, "too_complex"),
    "many values": (b"[" + b"1," * 300_000 + b"1]", {}, 413, "too_complex"),
    "oversized": (b" " * (5 * MIB + 1), {}, 413, "too_large"),
    "form": (b"text=a", {"Content-Type": "application/x-www-form-urlencoded"}, 415,
             "unsupported_media_type"),
    "plain": (NOTE, {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
    "nonsense type": (NOTE, {"Content-Type": ";;;"}, 415, "unsupported_media_type"),
    "latin-1 charset": (NOTE, {"Content-Type": "application/json; charset=latin-1"}, 415,
                        "unsupported_charset"),
    "unknown charset": (NOTE, {"Content-Type": "application/json; charset=nope"}, 415,
                        "unsupported_charset"),
    "brotli": (NOTE, {"Content-Encoding": "br"}, 415, "unsupported_encoding"),
    "twice gzip": (NOTE, {"Content-Encoding": "gzip, gzip"}, 415, "unsupported_encoding"),
    "no gzip": (NOTE, {"Content-Encoding": "gzip"}, 400, "invalid_compression"),
    "cut gzip": (zipped(NOTE)[:-5], {"Content-Encoding": "gzip"}, 400, "invalid_compression"),
    "garbage after gzip": (zipped(NOTE) + b"x", {"Content-Encoding": "gzip"}, 400,
                           "invalid_compression"),
    "empty gzip": (zipped(b""), {"Content-Encoding": "gzip"}, 400, "empty_body"),
    "bomb": (gzip.compress(b" " * 200 * MIB, 9), {"Content-Encoding": "gzip"}, 413, "too_large"),
    "array": (b"[]", {}, 422, "invalid_input"),
    "null": (b"null", {}, 422, "invalid_input"),
    "number": (b"1", {}, 422, "invalid_input"),
    "text": (b'"text"', {}, 422, "invalid_input"),
    "unknown field": (b'{"text": "a", "vendor_id": "x"}', {}, 422, "invalid_input"),
    "wrong type": (b'{"text": 1}', {}, 422, "invalid_input"),
    "control character": (b'{"text": "a\\u0007"}', {}, 422, "invalid_input"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_every_bad_body_gets_a_clear_4xx(service: Service, name: str) -> None:
    """No body makes a 5xx; each answer is a problem whose code says what was wrong."""
    body, headers, status, code = BAD_BODIES[name]

    answer = await service.post("/v1/notes", body, headers=headers)

    problem = await answer.json(content_type=MEDIA_TYPE)
    assert (status, code) == (answer.status, problem["code"])
    assert PROBLEMS[code].address == problem["type"]
    assert answer.headers["X-Request-Id"] == problem["request_id"]
    assert [] == service.echo.calls


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (NOTE, {}),
        (NOTE, {"Content-Type": "application/json; charset=UTF-8"}),
        (NOTE, {"Content-Type": 'APPLICATION/JSON; charset="utf-8"'}),
        (NOTE, {"Content-Encoding": "identity"}),
        (b"\xef\xbb\xbf" + NOTE, {}),
        (b" \n" + NOTE + b"\r\n", {}),
        (zipped(NOTE), {"Content-Encoding": "gzip"}),
        (zipped(NOTE[:5]) + zipped(NOTE[5:]), {"Content-Encoding": "x-gzip"}),
        (zlib.compress(NOTE), {"Content-Encoding": "deflate"}),
        (zlib.compress(NOTE, wbits=-15), {"Content-Encoding": "deflate"}),
    ],
)
async def test_every_honest_body_is_read(
    service: Service, body: bytes, headers: dict[str, str]
) -> None:
    """UTF-8 with or without its mark, plain or compressed: it all means the same."""
    answer = await service.post("/v1/notes", body, headers=headers)

    assert {"text": "hello", "amount": 1} == await answer.json()
    assert 201 == answer.status


async def test_a_body_without_a_content_type_is_taken_for_json(service: Service) -> None:
    """Who sends no Content-Type means JSON."""
    head = f"POST /v1/notes HTTP/1.1\r\nHost: x\r\nContent-Length: {len(NOTE)}\r\n"
    sent = f"{head}Authorization: Bearer ann-token\r\nConnection: close\r\n\r\n".encode() + NOTE

    assert b" 201 " in (await service.raw(sent)).splitlines()[0]


async def test_the_first_bad_byte_is_named(service: Service) -> None:
    """A wrong encoding is found by the offset in the answer."""
    answer = await service.post("/v1/notes", b'{"text": "ab\xe9"}')

    assert "The byte at offset 12 is not UTF-8." == (await answer.json())["detail"]


async def test_every_place_that_does_not_fit_is_named(service: Service) -> None:
    """One answer lists all wrong fields with their pointers, and never repeats their values."""
    body = json.dumps({"amount": "secret", "odd/na~me": 1}).encode()

    problem = await (await service.post("/v1/notes", body)).json()

    assert [
        {"pointer": "/text", "detail": "required"},
        {"pointer": "/amount", "detail": problem["errors"][1]["detail"]},
        {"pointer": "/odd~1na~0me", "detail": "unknown field"},
    ] == problem["errors"]
    assert "secret" not in json.dumps(problem)


async def test_a_chunked_body_is_limited_as_well(service: Service) -> None:
    """A body of unknown length is cut off where it exceeds the limit."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * 65536

    answer = await service.call("POST", "/v1/notes", data=endless(),
                                headers={"Content-Type": "application/json"})  # fmt: skip

    assert 413 == answer.status


async def test_broken_chunks_are_a_400(service: Service) -> None:
    """A chunk that lies about its size is the client's fault."""
    head = b"POST /v1/raw HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    answer = await service.raw(head + b"5\r\n{}\r\nzz\r\n", until_close=False)

    assert b" 400 " in answer.splitlines()[0]
    assert b'"code": "bad_request"' in answer


async def test_a_bomb_costs_no_memory() -> None:
    """200 MiB of blanks in 200 kB are refused after 5 MiB, not after 200."""
    bomb = gzip.compress(b" " * 200 * MIB, 9)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(Refused):
        decompressed(bomb, "gzip", 5 * MIB)

    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 20 * 1024


def test_many_members_are_no_way_around() -> None:
    """Empty gzip members one after the other are refused, not chewed through."""
    with pytest.raises(Refused) as refused:
        decompressed(zipped(b"") * 5000, "gzip", MIB)

    assert "invalid_compression" == refused.value.code


@pytest.mark.parametrize("size", [0, 1, 4096])
def test_the_limit_is_exact(size: int) -> None:
    """A body of exactly the limit passes; one byte more does not."""
    assert size == len(decompressed(zipped(b"x" * size), "gzip", size))
    with pytest.raises(Refused) as refused:
        decompressed(zipped(b"x" * (size + 1)), "gzip", size)
    assert "too_large" == refused.value.code


def test_clean_text_is_left_alone() -> None:
    """Only the byte order mark goes."""
    assert "ä😀".encode() == clean("\ufeffä😀".encode())


@pytest.mark.parametrize(
    ("received", "due"), [(0, 5.0), (1024, 6.0), (10_240, 15.0), (10**9, 30.0)]
)
def test_a_body_must_keep_its_pace(received: int, due: float) -> None:
    """5 seconds of grace, then 1 KiB a second, and 30 seconds in all."""
    assert due == Pace(seconds=30, grace=5, rate=1024).due(received)


async def test_a_client_that_goes_away_leaves_nothing_behind(service: Service) -> None:
    """Half a body and a closed connection: the handler never runs, the service goes on."""
    head = b"POST /v1/raw HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    _, writer = await asyncio.open_connection(service.host, service.port)
    writer.write(head)
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    answer = await service.post("/v1/notes", NOTE)

    assert (201, []) == (answer.status, [call for call in service.echo.calls if call == b"{"])


async def test_a_whole_batch_arrives(service: Service) -> None:
    """1,000 signals in one compressed body are read in one go."""
    batch = [{**GOOD, "id": str(number)} for number in range(1000)]

    answer = await service.post(
        "/v1/signals",
        zipped(json.dumps(batch).encode()),
        headers={"Content-Encoding": "gzip"},
        token="source-token",
    )

    assert {"accepted": list(range(1000)), "rejected": []} == await answer.json()
