"""Random requests against the running service: never a 5xx, always one shape of errors."""

import asyncio
import contextlib
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.api.agreement import agreement_routes
from tests.api.service import GOOD, Service, serving

SEED = 20261121
TOKENS = ("source-token", "ann-token", "wrong", None)
TYPES = (
    "application/json",
    "application/x-ndjson",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "text/plain",
)
PIECES = (
    b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"null", b"1e999", b"NaN", b"\xff", b"\0",
    b"\\u0000", b"\\ud800", b"\\udc00", b'"id":', b"\n", b"\xef\xbb\xbf", b"-", b"[" * 70,
    "🫖".encode(), b"9" * 5000, b" ", b"\xed\xa0\x80", b"\xe2\x80\xa8",
)  # fmt: skip


def mutated(chance: random.Random) -> bytes:
    """Return a good body with some bad pieces in random places."""
    many = chance.random() < 0.5
    body = bytearray(json.dumps([GOOD] * 3 if many else GOOD).encode())
    for _ in range(chance.randrange(4)):
        start = chance.randrange(len(body) + 1)
        end = min(len(body), start + chance.choice((0, 0, 1, 5, 50)))
        body[start:end] = chance.choice(PIECES)
    return bytes(body)


def requests(chance: random.Random, number: int) -> Iterator[dict[str, Any]]:
    """Yield random requests."""
    for _ in range(number):
        headers = {"Content-Type": chance.choice(TYPES)}
        if chance.random() < 0.1:
            headers["Content-Encoding"] = chance.choice(("gzip", "deflate", "br", ""))
        if chance.random() < 0.1:
            headers |= {"ce-specversion": "1.0", "ce-id": "%ff", "ce-source": "a", "ce-type": "b"}
        yield {
            "path": chance.choice(("/v1/signals", "/v1/notes", "/v1/raw")),
            "body": mutated(chance),
            "headers": headers,
            "token": chance.choice(TOKENS),
        }


async def judged(service: Service, request: dict[str, Any]) -> int:
    """Send one request and judge the answer."""
    answer = await service.post(
        request["path"], request["body"], headers=request["headers"], token=request["token"]
    )
    body = await answer.json(content_type=None)
    assert answer.status < 500, request
    assert answer.headers["X-Request-Id"]
    if answer.status >= 400:
        assert "application/problem+json" == answer.content_type
        assert answer.status == body["status"], request
    return answer.status


async def test_no_body_makes_an_accident() -> None:
    """3,000 damaged bodies: each is answered below 500, errors as problems."""
    chance = random.Random(SEED)
    async with serving() as service:
        statuses = [await judged(service, request) for request in requests(chance, 3000)]

    assert {200, 202, 400, 401, 415, 422} <= set(statuses)


async def test_no_bytes_on_the_wire_make_an_accident() -> None:
    """Damaged heads are answered below 500 or closed; the service lives on."""
    chance = random.Random(SEED)
    good = b"GET /v1/skus/a%2Fb?seller=x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ann-token\r\n"
    async with serving() as service:
        for _ in range(300):
            head = bytearray(good + b"Connection: close\r\n\r\n")
            for _ in range(chance.randrange(1, 4)):
                start = chance.randrange(len(head))
                head[start : start + chance.choice((0, 1, 3))] = chance.choice(
                    (*PIECES, b"\r\n", b"%", b"%FF", b"?", b"&", b"#", b"\x7f")
                )
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(0.05):
                    answer = await service.raw(bytes(head))
                    assert b" 5" != answer[8:10], head
        assert 200 == (await service.call("GET", "/v1/open")).status


async def test_schema_and_service_agree(tmp_path: Path) -> None:
    """An independent tester finds no request where the published schema and the answer differ."""
    async with serving(agreement_routes()) as service:
        address = f"http://{service.host}:{service.port}/openapi.json"
        tester = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("schemathesis"), "run", address, "--no-color",
            "--header", "Authorization: Bearer ann-token", "--max-examples", "5",
            "--seed", "1", "--phases", "coverage,fuzzing",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(tester.communicate(), 90)

    assert 0 == tester.returncode, output.decode()
    assert b"Tested: 8\n" in output
