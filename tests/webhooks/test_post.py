"""One attempt at one endpoint: bounded whatever the far side does, and told in few words."""

import asyncio
import ssl
import time

import pytest
from aiohttp import web

from tests.webhooks.farm import (
    CERTIFICATE,
    NOW,
    a_message,
    endpoint_at,
    posting_to,
    receiving,
    speaking,
)
from tests.webhooks.test_signing import verify_ed25519

OK = b"HTTP/1.1 200 OK\r\n"


async def test_a_message_arrives_signed() -> None:
    """Id, time of the attempt, signature and body are where Standard Webhooks wants them."""
    async with receiving() as receiver, posting_to(receiver.port) as post:
        endpoint, message = endpoint_at(receiver.url, scheme="v1a"), a_message()
        answered = await post.send(endpoint, message, now=NOW, deadline=5)
        [(headers, body)] = receiver.requests
        stamp = int(headers["webhook-timestamp"])
        verify_ed25519(
            post.published("v1a", endpoint.secret), headers["webhook-signature"],
            headers["webhook-id"], stamp, body,
        )

    assert (200, "", True) == (answered.status, answered.error, answered.is_taken)
    assert (message.webhook_id, int(NOW.timestamp())) == (headers["webhook-id"], stamp)
    assert "application/json" == headers["content-type"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_taken(status: int) -> None:
    """Whatever success an endpoint answers, it has the message."""
    async with receiving() as receiver, posting_to(receiver.port) as post:
        receiver.status = status
        answered = await post.send(endpoint_at(receiver.url), a_message(), now=NOW, deadline=5)

    assert answered.is_taken


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503])
async def test_any_other_status_is_not(status: int) -> None:
    """And the log says which; 410 is told apart."""
    async with receiving() as receiver, posting_to(receiver.port) as post:
        receiver.status = status
        answered = await post.send(endpoint_at(receiver.url), a_message(), now=NOW, deadline=5)

    assert (status, f"answered {status}") == (answered.status, answered.error)
    assert (status == 410) == answered.is_gone


@pytest.mark.parametrize(
    ("status", "value", "seconds"),
    [
        (429, "120", 120.0), (503, "7", 7.0), (503, "Sat, 21 Nov 2026 12:01:00 GMT", 60.0),
        (503, "Sat, 21 Nov 2026 11:00:00 GMT", 0.0), (500, "120", None), (429, "soon", None),
        (429, "-5", None), (429, "", None), (429, "9" * 40, None), (429, "٣", None),
    ],
)  # fmt: skip
async def test_retry_after_is_read(status: int, value: str, seconds: float | None) -> None:
    """In seconds or as a date, of 429 and 503 only; nonsense counts for nothing."""
    async with receiving() as receiver, posting_to(receiver.port) as post:
        receiver.status, receiver.headers = status, {"Retry-After": value}
        answered = await post.send(endpoint_at(receiver.url), a_message(), now=NOW, deadline=5)

    assert seconds == answered.retry_after


async def test_a_slow_endpoint_is_cut_off() -> None:
    """Who has said nothing by the deadline has failed."""

    async def silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with speaking(silent) as port, posting_to(port) as post:
        begun = time.monotonic()
        answered = await post.send(
            endpoint_at(f"http://127.0.0.1:{port}"), a_message(), now=NOW, deadline=0.2
        )

    assert (None, "no answer within 0.2 s") == (answered.status, answered.error)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("pause", [0.0, 0.02])
async def test_an_endless_body_is_not_read_to_its_end(pause: float) -> None:
    """At most 64 kB and a moment are spent on it; the status has decided already."""
    said = [0]

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            said[0] += 4096
            await writer.drain()
            await asyncio.sleep(pause)

    async with speaking(endless) as port, posting_to(port) as post:
        begun = time.monotonic()
        answered = await post.send(
            endpoint_at(f"http://127.0.0.1:{port}"), a_message(), now=NOW, deadline=5
        )

    assert answered.is_taken
    assert time.monotonic() - begun < 3
    assert said[0] < 8_000_000  # what the sockets between us hold, and no more


@pytest.mark.parametrize(
    "head",
    [
        b"X: " + b"x" * 100_000, b"X: 1\r\n" * 100_000, b"x" * 1_000_000,
    ],
    ids=["a long one", "many", "one without end"],
)  # fmt: skip
async def test_huge_headers_fail_and_cost_little(head: bytes) -> None:
    """More than 8 kB in a header, or more than 128 headers: that is no answer."""

    async def big(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + head + b"\r\n\r\n")
        await writer.drain()

    async with speaking(big) as port, posting_to(port) as post:
        answered = await post.send(
            endpoint_at(f"http://127.0.0.1:{port}"), a_message(), now=NOW, deadline=5
        )

    assert (None, True) == (answered.status, bool(answered.error))


@pytest.mark.parametrize("said", [b"", b"\x00\xff" * 50, b"220 mail.example ESMTP\r\n", OK[:9]])
async def test_what_is_no_http_fails(said: bytes) -> None:
    """An endpoint that hangs up, or speaks another protocol, has not taken the message."""

    async def odd(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    async with speaking(odd) as port, posting_to(port) as post:
        answered = await post.send(
            endpoint_at(f"http://127.0.0.1:{port}"), a_message(), now=NOW, deadline=5
        )

    assert (None, True) == (answered.status, bool(answered.error))


async def test_a_certificate_that_nobody_trusts_fails() -> None:
    """TLS must be right; with its authority named the same endpoint takes the message."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATE)
    knowing = ssl.create_default_context(cafile=CERTIFICATE)
    async with receiving(server) as receiver:
        url = receiver.url.replace("http:", "https:")
        plain = f"https://127.0.0.1:{receiver.port}"
        async with posting_to(receiver.port) as post:
            untrusted = await post.send(endpoint_at(plain), a_message(), now=NOW, deadline=5)
        async with posting_to(receiver.port, tls=knowing) as post:
            trusted = await post.send(
                endpoint_at(url.replace("127.0.0.1", "localhost")), a_message(), now=NOW,
                deadline=5,
            )

    assert "TLS: its certificate is not trusted" == untrusted.error
    assert trusted.is_taken, trusted


async def test_no_tls_at_the_other_end_fails() -> None:
    """A server that speaks no TLS gives no answer to https."""
    async with receiving() as receiver, posting_to(receiver.port) as post:
        url = receiver.url.replace("http:", "https:")
        answered = await post.send(endpoint_at(url), a_message(), now=NOW, deadline=5)

    assert ("TLS failed", []) == (answered.error, receiver.requests)


async def test_nobody_there_fails() -> None:
    """A closed port is said to be one."""
    async with receiving() as receiver:
        port = receiver.port
    async with posting_to(port) as post:
        answered = await post.send(
            endpoint_at(f"http://127.0.0.1:{port}"), a_message(), now=NOW, deadline=5
        )

    assert "could not connect" == answered.error


async def test_what_the_far_side_says_is_not_kept() -> None:
    """Words of an answer never get into our log: an answer may hold anything."""

    async def tell(_: web.Request) -> web.Response:
        return web.Response(status=500, reason="secret reason", text="secret text")

    async with receiving() as receiver, posting_to(receiver.port) as post:
        receiver.then = tell
        answered = await post.send(endpoint_at(receiver.url), a_message(), now=NOW, deadline=5)

    assert "answered 500" == answered.error
