"""Receiving files: onto disk, within limits of size, time and number; never two under one key."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from typing import Any

import pytest

from freezeguard.api.access import Access
from freezeguard.api.models.answers.output import Output
from freezeguard.api.routing import Call, Reply, Route
from freezeguard.api.uploads import IN_MEMORY, FileBody, Upload
from freezeguard.domain.errors import NotFound
from freezeguard.domain.people import Actor
from tests.api.service import ANNS_TOKEN, Service, serving
from tests.rig import until

LIMIT = 2 * 1024 * 1024


class Received(Output):
    """What came of an upload."""

    size: int
    digest: str
    media_type: str
    on_disk: bool


async def admit(path: Mapping[str, Any], actor: Actor) -> None:
    """Let everybody in but to one place."""
    del actor
    if path["id"] == "closed":
        raise NotFound("There is nothing here.")


async def take(call: Call[None, Upload]) -> Reply:
    """Say what came in; the bytes themselves are read again from where they lie."""
    upload = call.body
    on_disk = bool(getattr(upload.content, "_rolled", False))
    upload.content.seek(0)
    assert sha256(upload.content.read()).digest() == upload.digest
    return Reply(Received(
        size=upload.size, digest=upload.digest.hex(), media_type=upload.media_type,
        on_disk=on_disk,
    ))


BODY = FileBody(("text/plain",), LIMIT, admit, seconds=0.4, at_once=2)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """Serve one route that takes files."""
    route = Route(
        method="POST", path="/v1/files/{id}", handler=take, summary="Take.", tag="Files",
        who=Access.person(), body=BODY, result=Received, errors=("not_found",),
    )
    async with serving([route]) as running:
        yield running
    assert BODY.under_way == 0


async def begin(service: Service, length: int = 100) -> tuple[Any, asyncio.StreamWriter]:
    """Begin to send a file and stop after its first bytes."""
    reader, writer = await asyncio.open_connection(service.host, service.port)
    writer.write(
        f"POST /v1/files/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ANNS_TOKEN}\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\nfirst".encode()
    )
    return reader, writer


async def under_way(number: int) -> None:
    """Wait until so many files are coming in."""

    async def so_many() -> bool:
        return BODY.under_way == number

    await until(so_many, f"{number} files under way")


@pytest.mark.parametrize("size", [1, IN_MEMORY, IN_MEMORY + 1, LIMIT])
async def test_a_file_comes_in_whole_and_mostly_on_disk(service: Service, size: int) -> None:
    """Any bytes at all; beyond a quarter of a mebibyte they are not held in memory."""
    raw = bytes(range(256)) * (size // 256) + bytes(size % 256)

    answer = await service.post("/v1/files/a", raw, headers={"Content-Type": "image/png"})

    assert {
        "size": size, "digest": sha256(raw).hexdigest(), "media_type": "image/png",
        "on_disk": size > IN_MEMORY,
    } == await answer.json()


@pytest.mark.parametrize(
    ("path", "raw", "headers", "expected"),
    [
        ("a", b"", {}, (400, "empty_body")),
        ("a", bytes(LIMIT + 1), {}, (413, "too_large")),
        ("a", b"x", {"Content-Encoding": "gzip"}, (415, "unsupported_encoding")),
        ("closed", b"x", {}, (404, "not_found")),
    ],
    ids=["empty", "large", "packed", "closed"],
)
async def test_refusals(
    service: Service, path: str, raw: bytes, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    """Nothing, too much, packed, or where nothing is taken."""
    answer = await service.post(f"/v1/files/{path}", raw, headers=headers)

    assert expected == (answer.status, (await answer.json())["code"])


async def test_a_slow_upload_is_ended(service: Service) -> None:
    """Whoever stops sending gets 408, and the place is free again."""
    reader, writer = await begin(service)
    async with asyncio.timeout(5):
        answer = await reader.read(65536)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"too_slow" in answer


async def test_only_so_many_come_in_at_a_time(service: Service) -> None:
    """Two slow ones hold both places; the third is told to come back, and later it is taken."""
    slow = [await begin(service), await begin(service)]
    await under_way(2)

    third = await service.post("/v1/files/a", b"x", headers={"Content-Type": "text/plain"})
    for reader, writer in slow:
        await reader.read(65536)
        writer.close()
    later = await service.post("/v1/files/a", b"x", headers={"Content-Type": "text/plain"})

    assert (503, "10") == (third.status, third.headers["Retry-After"])
    assert 200 == later.status


async def test_who_goes_away_leaves_nothing(service: Service) -> None:
    """A connection that breaks in the middle frees its place at once."""
    _, writer = await begin(service)
    await under_way(1)
    writer.transport.abort()

    await under_way(0)
