"""What the wire makes of good, bad, slow, dead and hostile far sides."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from datetime import UTC, datetime

import pytest

from freezeguard.catalogues import wire as module
from freezeguard.catalogues.wire import MOST_BYTES, Call, Wire
from freezeguard.ports.catalogues import CatalogueError
from tests.catalogues.farside import far_side, http

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
async def wire():
    wire = Wire("shop", connections=4, secrets=["s3cret-token"], now=lambda: NOON)
    yield wire
    await wire.close()


def _call(side, method="PATCH", body=b"{}"):
    return Call("stop", method, f"{side.url}/products/1", {"X-Test": "1"}, body)


async def _error(wire, side, deadline=5.0) -> CatalogueError:
    with pytest.raises(CatalogueError) as caught:
        await wire.send(_call(side), deadline=deadline)
    return caught.value


async def test_one_connection_serves_many_calls(wire):
    """Calls that follow each other share one connection."""
    async with far_side(lambda _: http()) as side:
        for _ in range(5):
            await wire.send(_call(side), deadline=5)

        assert (1, 5) == (side.connections, len(side.exchanges))


@pytest.mark.parametrize("method", ["PATCH", "POST", "PUT", "GET"])
async def test_dead_kept_connection_is_replaced(wire, method):
    """A call that meets a kept connection that dies is sent once more and succeeds."""
    script = lambda e: None if e.number == 2 else http()  # noqa: E731
    async with far_side(script) as side:
        await wire.send(_call(side, method), deadline=5)
        answer = await wire.send(_call(side, method), deadline=5)

        assert (200, 2, 3) == (answer.status, side.connections, len(side.exchanges))
        assert side.exchanges[1].body == side.exchanges[2].body


async def test_what_is_closed_stays_closed(wire):
    """A call that comes while the service stops is refused for now, and opens nothing anew."""
    async with far_side(lambda _: http()) as side:
        await wire.send(_call(side), deadline=5)
        await wire.close()
        error = await _error(wire, side)

        assert error.recoverable
        assert "the service is stopping" in error.detail
        assert (1, 1) == (side.connections, len(side.exchanges))


@pytest.mark.parametrize("method", ["PATCH", "POST"])
async def test_fresh_connection_that_dies_is_not_tried_again(wire, method):
    """Where a new connection dies the call is not repeated; that is for the caller to do."""
    async with far_side(lambda _: None) as side:
        with pytest.raises(CatalogueError) as caught:
            await wire.send(_call(side, method), deadline=5)

        assert caught.value.recoverable
        assert 1 == len(side.exchanges)


async def test_repetition_happens_once(wire):
    """A kept connection and its replacement that both die end in a recoverable error."""
    async with far_side(lambda e: http() if e.number == 1 else None) as side:
        await wire.send(_call(side), deadline=5)
        error = await _error(wire, side)

        assert error.recoverable
        assert 3 == len(side.exchanges)


async def test_nobody_listens(wire):
    """A refused connection is recoverable."""
    async with far_side(lambda _: http()) as side:
        pass
    error = await _error(wire, side)

    assert error.recoverable
    assert "connection failed" in error.detail


@pytest.mark.parametrize(
    ("status", "recoverable"),
    [
        (301, False), (304, False), (400, False), (401, False), (403, False), (404, False),
        (405, False), (408, True), (409, True), (412, True), (413, False), (422, False),
        (425, True), (428, False), (429, True), (500, True), (502, True), (503, True), (504, True),
    ],
)  # fmt: skip
async def test_statuses(wire, status, recoverable):
    """Each status is sorted by whether the same call may succeed later."""
    async with far_side(lambda _: http(status, b"" if status == 304 else b"{}")) as side:
        error = await _error(wire, side)

        assert recoverable is error.recoverable
        assert str(status) in error.detail


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "0"}, 0.0),
        ({"Retry_After": "1.5"}, 1.5),
        ({"Retry_After": "Mon, 02 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"Retry_After": "Mon, 02 Nov 2026 11:00:00 GMT"}, 0.0),
        (
            {
                "Retry_After": "Mon, 02 Nov 2026 09:00:30 GMT",
                "Date": "Mon, 02 Nov 2026 09:00:00 GMT",
            },
            30.0,
        ),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-3"}, None),
        ({"Retry_After": "9" * 40}, None),
        ({"Retry_After": "nan"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after(wire, status, headers, seconds):
    """Retry-After is read as seconds or as a date, by the far side's clock where it shows one."""
    async with far_side(lambda _: http(status, **headers)) as side:
        assert seconds == (await _error(wire, side)).retry_after


async def test_redirects_are_not_followed(wire):
    """A redirect is an error, and nothing is sent to where it points."""
    async with far_side(lambda _: http()) as other:
        async with far_side(lambda _: http(307, Location=f"{other.url}/products/1")) as side:
            error = await _error(wire, side)

        assert not error.recoverable
        assert [] == other.exchanges


async def test_deadline(wire):
    """A far side that does not answer costs the deadline and no more."""
    async with far_side(lambda _: b"") as side:
        began = asyncio.get_running_loop().time()
        error = await _error(wire, side, deadline=0.1)

        assert error.recoverable
        assert "0.1 s" in error.detail
        assert asyncio.get_running_loop().time() - began < 1


async def test_trickle_does_not_stretch_the_deadline(wire):
    """An answer that never ends is cut off at the deadline, too."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    async with far_side(lambda _: head) as side:
        assert (await _error(wire, side, deadline=0.1)).recoverable


async def test_no_time_left(wire):
    """With no time left nothing is sent."""
    async with far_side(lambda _: http()) as side:
        assert (await _error(wire, side, deadline=0)).recoverable
        assert [] == side.exchanges


async def test_connection_that_is_not_accepted(wire, monkeypatch):
    """A host that swallows the connection costs the connection time, not the deadline."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    full = [asyncio.open_connection(*listener.getsockname()) for _ in range(4)]
    taken = [asyncio.create_task(one) for one in full]
    await asyncio.wait(taken, timeout=0.2)
    monkeypatch.setattr(module, "_NO_DEADLINE", module.aiohttp.ClientTimeout(sock_connect=0.1))

    port = listener.getsockname()[1]
    with pytest.raises(CatalogueError, match="did not connect") as caught:
        await wire.send(Call("stop", "GET", f"http://127.0.0.1:{port}/", {}), deadline=5)

    assert caught.value.recoverable
    for task in taken:
        if task.done():
            task.result()[1].close()
        task.cancel()
    listener.close()


async def test_answer_is_read_up_to_a_limit(wire):
    """Of an oversized answer no more than the limit is kept, and its connection is given up."""
    async with far_side(lambda _: http(body=b"x" * (3 * MOST_BYTES))) as side:
        answer = await wire.send(_call(side), deadline=5)

        assert not answer.whole
        assert len(answer.body) <= MOST_BYTES
        await wire.send(_call(side), deadline=5)
        assert 2 == side.connections


async def test_answer_of_exactly_the_limit(wire):
    """An answer of just the limit is whole."""
    async with far_side(lambda _: http(body=b"x" * MOST_BYTES)) as side:
        answer = await wire.send(_call(side), deadline=5)

        assert (MOST_BYTES, True) == (len(answer.body), answer.whole)


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9\r\n\r\n", b"HTTP/1.1 999999 X\r\n\r\n"])
async def test_what_is_not_http(wire, answer):
    """Something else than HTTP is an error that repeating does not mend."""
    async with far_side(lambda _: answer) as side:
        assert not (await _error(wire, side)).recoverable


async def test_secrets_stay_out_of_messages(wire):
    """What the far side says is quoted in the error, but never a secret."""
    body = b'{"text": "unknown token s3cret-token"}'
    async with far_side(lambda _: http(401, body)) as side:
        error = await _error(wire, side)

        assert "unknown token ***" in error.detail
        assert "s3cret" not in str(error)


async def test_quote_is_short_and_printable(wire):
    """A long or binary error page does not flood the message."""
    async with far_side(lambda _: http(500, b"long " * 10_000)) as side:
        assert len((await _error(wire, side)).detail) < 400
    async with far_side(lambda _: http(500, b"\x00\x1b[31m")) as side:
        assert (await _error(wire, side)).detail.endswith("answered 500")


async def test_warm_opens_one_connection_ahead(wire):
    """Warming opens a connection that the next call uses, and costs nothing while it is open."""
    async with far_side(lambda _: http(405, b"")) as side:
        head = Call("warm", "HEAD", f"{side.url}/", {})
        for _ in range(3):
            await wire.warm(head, deadline=1)

        assert ["HEAD / HTTP/1.1"] == [e.first_line for e in side.exchanges]
        with pytest.raises(CatalogueError):
            await wire.send(_call(side), deadline=1)
        assert 1 == side.connections


async def test_warm_tells_when_nobody_is_there(wire):
    """Warming a far side that is not there raises, so that a caller may tell."""
    async with far_side(lambda _: http()) as side:
        pass
    with pytest.raises(CatalogueError):
        await wire.warm(Call("warm", "HEAD", f"{side.url}/", {}), deadline=1)


async def test_connections_are_not_kept_for_long(wire, monkeypatch):
    """A connection that was idle for longer than the limit is not used again."""
    assert module.WARM_SECONDS < module.IDLE_SECONDS < 5
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)
    async with far_side(lambda _: http()) as side:
        await wire.send(_call(side), deadline=5)
        await wire.send(_call(side), deadline=5)

        assert 2 == side.connections


async def test_cookies_are_not_kept(wire):
    """A cookie of one answer is not sent with the next call."""
    async with far_side(lambda _: http(Set_Cookie="session=1")) as side:
        await wire.send(_call(side), deadline=5)
        await wire.send(_call(side), deadline=5)

        assert side.exchanges[1].header("Cookie") is None


async def test_cancelling_passes_through(wire):
    """A cancelled call ends as cancelled, not as a catalogue error."""
    async with far_side(lambda _: b"") as side:
        task = asyncio.create_task(wire.send(_call(side), deadline=30))
        while not side.exchanges:
            await asyncio.wait([task], timeout=0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture
def certificate(tmp_path):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += [
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=shop",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    subprocess.run(
        [*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return context, cert


async def test_self_signed_certificate_is_refused_with_a_hint(wire, certificate):
    """An untrusted certificate is refused, nothing is sent, and the message names the key."""
    context, _ = certificate
    async with far_side(lambda _: http(), ssl=context) as side:
        error = await _error(wire, side)

        assert not error.recoverable
        assert "ca_file" in error.detail
        assert [] == side.exchanges


async def test_certificate_of_ca_file_is_trusted(certificate):
    """The same certificate is accepted once it is named as trusted."""
    context, path = certificate
    wire = Wire("shop", connections=1, tls=ssl.create_default_context(cafile=path))
    async with far_side(lambda _: http(), ssl=context) as side:
        assert 200 == (await wire.send(_call(side), deadline=5)).status
        await wire.close()
