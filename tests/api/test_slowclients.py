"""Slow clients are closed, and only they."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator

import pytest

from freezeguard.api.access import Access
from freezeguard.api.bodies import Pace
from freezeguard.api.routing import Call, Media, Reply, Route
from freezeguard.api.slowclients import Patience
from tests.api.service import Service, serving

HASTY = Patience(head=0.3, idle=0.6, unread=0.3, rate=1024, lingering=0.3, look=0.05)
LARGE = b'"' + b"x" * 16 * 1024 * 1024 + b'"'
TRICKLE = 0.05


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving(patience=HASTY) as running:
        yield running


async def trickle(service: Service, first: bytes, drop: bytes) -> bytes:
    """Send drops until the server has closed; return what it answered."""
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(service.host, service.port)
        answer = asyncio.create_task(everything(reader))
        writer.write(first)
        while not answer.done():
            writer.write(drop)
            await asyncio.wait([answer], timeout=TRICKLE)
        writer.close()
        return await answer


async def everything(reader: asyncio.StreamReader) -> bytes:
    """Read until the end, a reset included."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := await reader.read(65536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("first", [b"GET /", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX: "])
async def test_trickled_headers_are_closed(service: Service, first: bytes) -> None:
    """A head that never ends gets 408 and the door."""
    answer = await trickle(service, first, b"a")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert "too_slow" == json.loads(body)["code"]


async def test_trickled_headers_on_a_used_connection_are_closed(service: Service) -> None:
    """A good first request buys no patience for the second."""
    first = b"GET /v1/open HTTP/1.1\r\nHost: x\r\n\r\n"

    answer = await trickle(service, first + b"GET /", b"a")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in answer


async def test_silent_connections_are_closed(service: Service) -> None:
    """Who says nothing at all is closed without a word."""
    assert b"" == await service.raw(b"")


async def test_idle_connections_are_closed(service: Service) -> None:
    """A kept connection without a further request is closed."""
    answer = await service.raw(b"GET /v1/open HTTP/1.1\r\nHost: x\r\n\r\n")

    assert 1 == answer.count(b"HTTP/1.1 200 ")


async def test_a_line_end_too_many_is_no_head(service: Service) -> None:
    """Some clients send one after a body; it starts no request that could be too slow."""
    answer = await service.raw(b"GET /v1/open HTTP/1.1\r\nHost: x\r\n\r\n\r\n")

    assert b" 408 " not in answer


async def test_trickled_bodies_are_refused() -> None:
    """A body that does not keep its pace gets 408."""
    hasty = Pace(seconds=2, grace=0.2, rate=1024)
    async with serving(patience=HASTY, pace=hasty) as service:
        head = b"POST /v1/raw HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
        answer = await trickle(service, head, b" ")

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "too_slow"' in answer


async def test_a_body_that_nobody_reads_does_not_hold_the_connection(service: Service) -> None:
    """After a refusal the rest of the body is awaited for a moment only."""
    head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"

    assert (await trickle(service, head, b" ")).startswith(b"HTTP/1.1 404 ")


def download(is_stream: bool) -> Route:
    """Return a route with a large answer."""

    async def large(call: Call) -> Reply:
        return Reply(LARGE)

    async def stream(call: Call):
        response = await call.open_stream("text/event-stream")
        await response.write(LARGE)
        return response

    return Route(
        method="GET", path="/v1/large", summary="x", who=Access.public(), tag="x",
        handler=stream if is_stream else large,
        result=Media("text/event-stream", "x") if is_stream else None,
    )  # fmt: skip


async def ask_and_read_nothing(service: Service, seconds: float) -> int:
    """Ask for the large answer, read nothing for a while, then count what still comes."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, (service.host, service.port))
        await loop.sock_sendall(client, b"GET /v1/large HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait([asyncio.create_task(asyncio.sleep(seconds))])
        received = 0
        try:
            async with asyncio.timeout(3):
                while received < len(LARGE) and (part := await loop.sock_recv(client, 1 << 20)):
                    received += len(part)
        except ConnectionResetError:
            pass
        return received


async def test_answers_that_nobody_reads_are_broken_off() -> None:
    """A reader who takes next to nothing of a large answer is disconnected."""
    async with serving([download(is_stream=False)], patience=HASTY) as service:
        assert await ask_and_read_nothing(service, 1.0) < len(LARGE)


async def test_streams_may_be_read_slowly() -> None:
    """A stream of events lives at its reader's pace."""
    async with serving([download(is_stream=True)], patience=HASTY) as service:
        assert await ask_and_read_nothing(service, 1.0) >= len(LARGE)


async def test_500_slow_clients_do_not_disturb_the_quick() -> None:
    """Trickling and silent clients are all closed; others are answered meanwhile."""
    async with serving(patience=HASTY) as service, asyncio.timeout(10):
        opened = [await asyncio.open_connection(service.host, service.port) for _ in range(500)]
        for number, (_, writer) in enumerate(opened):
            writer.write(b"GET /slow" if number % 2 else b"")
        statuses = {(await service.call("GET", "/v1/open")).status for _ in range(100)}
        answers = await asyncio.gather(*(everything(reader) for reader, _ in opened))
        for _, writer in opened:
            writer.close()

    assert {200} == statuses
    assert {b"", b"HTTP/1.1 408"} == {answer[:12] for answer in answers}


async def test_long_work_is_not_slowness(service: Service) -> None:
    """A client that waits for a handler is not idle."""
    gate = asyncio.Event()

    async def work(call: Call) -> Reply:
        await gate.wait()
        return Reply(b"{}")

    route = Route(method="GET", path="/v1/work", handler=work, summary="x", who=Access.public(),
                  tag="x")  # fmt: skip
    async with serving([route], patience=HASTY) as working:
        asyncio.get_running_loop().call_later(1.0, gate.set)

        assert 200 == (await working.call("GET", "/v1/work")).status
