"""What the mail transport promises, against a real SMTP server on loopback."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

from freezeguard.notices.mail import MailServer, MailTransport
from freezeguard.notices.render import render
from freezeguard.ports.notices import Message, NoticeError, Transport, message_id_for
from tests.notices.pages import read_page
from tests.notices.samples import VARIANTS
from tests.notices.servers import CERTIFICATE, Mailbox, accepts, server_context, serving

DEADLINE = 10.0  # generous; nothing here waits for it
SHORT = 0.2  # for waits that must end by themselves


def message(number: int = 1, **changes: Any) -> Message:
    """Return a message like those of the delivery service."""
    fields: dict[str, Any] = {
        "message_id": message_id_for(f"notice-{number}", "freezeguard.example"),
        "recipient": "quality@vendor.example",
        "sender": "Example Shop <freezeguard@shop.example>",
        "reply_to": "desk@shop.example",
        "subject": f"[FG-1] Sale stopped: {number}",
        "text": f"Notice {number}.\n.dot at the start\n",
        "html": f'<!DOCTYPE html><html lang="en"><body><p>Notice {number}.</p></body></html>',
        "date": datetime(2025, 11, 22, 13, 5, tzinfo=UTC),
        **changes,
    }
    return Message(**fields)


def _plain(received: EmailMessage) -> str:
    part = received.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def _html(received: EmailMessage) -> str:
    part = received.get_body(("html",))
    assert part is not None
    return str(part.get_content())


@pytest.fixture
async def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def transport(mailbox: Mailbox) -> AsyncIterator[MailTransport]:
    async with serving(mailbox) as port:
        transport = MailTransport(MailServer("127.0.0.1", port, "none"))
        yield transport
        await transport.close()


async def _refusal(transport: MailTransport, deadline: float = DEADLINE) -> NoticeError:
    with pytest.raises(NoticeError) as refused:
        await transport.send(message(), deadline=deadline)
    return refused.value


async def test_a_notice_arrives_whole(transport: MailTransport, mailbox: Mailbox) -> None:
    """Envelope, headers and both parts arrive as they were given; the receipt says so."""
    receipt = await transport.send(message(), deadline=DEADLINE)
    received = mailbox.received[0]

    assert "<notice.notice-1@freezeguard.example>" == receipt.message_id == received["Message-ID"]
    assert "taken as 1" == receipt.reply
    assert "freezeguard@shop.example" == mailbox.envelopes[0].mail_from
    assert ["quality@vendor.example"] == mailbox.envelopes[0].rcpt_tos
    assert "[FG-1] Sale stopped: 1" == received["Subject"]
    assert "auto-generated" == received["Auto-Submitted"]
    assert "multipart/alternative" == received.get_content_type()
    assert "Notice 1.\n.dot at the start\n" == _plain(received).replace("\r\n", "\n")
    assert "<p>Notice 1.</p>" in _html(received)


@pytest.mark.parametrize("name", VARIANTS)
async def test_each_kind_arrives_with_the_same_facts_in_both_parts(
    transport: MailTransport, mailbox: Mailbox, name: str
) -> None:
    """What was rendered is what a mail program reads, in plain text and in HTML."""
    kind, facts = VARIANTS[name]
    notice = render(kind, facts, language="en", time_zone="Europe/Berlin")
    sent = message(subject=notice.subject, text=notice.text, html=notice.html)
    await transport.send(sent, deadline=DEADLINE)
    received = mailbox.received[0]
    page = read_page(_html(received))
    plain = re.findall(r"\w+", _plain(received))
    rich = re.findall(r"\w+", page.text + " " + " ".join(page.links.values()))

    assert notice.subject == received["Subject"]
    assert notice.text == _plain(received).replace("\r\n", "\n")
    assert sorted(rich) == sorted(plain)


async def test_fifty_notices_take_one_connection(
    transport: MailTransport, mailbox: Mailbox
) -> None:
    """A burst goes over one connection, each notice once."""
    await asyncio.gather(
        *(transport.send(message(number), deadline=DEADLINE) for number in range(50))
    )
    ids = {received["Message-ID"] for received in mailbox.received}

    assert 50 == len(mailbox.received) == len(ids)
    assert 1 == mailbox.connections


@pytest.mark.parametrize(
    ("command", "reply", "recoverable", "permanent"),
    [
        ("MAIL", "451 try later", True, False),
        ("MAIL", "550 sender unknown", True, False),
        ("MAIL", "552 too large", False, False),
        ("RCPT", "450 greylisted", True, False),
        ("RCPT", "421 going down", True, False),
        ("RCPT", "550 5.1.1 no such user", False, True),
        ("RCPT", "550 no such user", False, True),
        ("RCPT", "552 5.2.2 mailbox full", False, True),
        ("RCPT", "553 5.1.3 bad address", False, True),
        ("RCPT", "550 5.7.1 relaying denied", False, False),
        ("DATA", "451 4.3.0 disk full", True, False),
        ("DATA", "554 5.6.0 content refused", False, False),
        ("EHLO", "drop", True, False),
        ("MAIL", "drop", True, False),
        ("RCPT", "drop", True, False),
        ("DATA", "drop", True, False),
    ],
)
async def test_errors_say_whether_to_try_again(
    transport: MailTransport,
    mailbox: Mailbox,
    command: str,
    reply: str,
    recoverable: bool,
    permanent: bool,
) -> None:
    """Each refusal has its meaning, the server's words are kept, and the next notice leaves."""
    mailbox.replies[command] = [reply]
    refused = await _refusal(transport)
    await transport.send(message(2), deadline=DEADLINE)

    assert (recoverable, permanent) == (refused.recoverable, refused.permanent_recipient)
    assert reply == "drop" or reply.split(maxsplit=1)[0] in refused.detail
    assert "[FG-1] Sale stopped: 2" == mailbox.received[-1]["Subject"]


@pytest.mark.parametrize("command", ["EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_slow_server_ends_at_the_deadline(
    transport: MailTransport, mailbox: Mailbox, command: str
) -> None:
    """A server that does not answer costs the deadline, no more, and its connection."""
    mailbox.replies[command] = ["hang"]
    refused = await _refusal(transport, SHORT)
    await transport.send(message(2), deadline=DEADLINE)

    assert refused.recoverable
    assert "did not answer in time" in refused.detail
    assert 1 == len(mailbox.received)
    assert 2 == mailbox.connections


async def test_waiting_for_a_turn_counts_to_the_deadline(
    transport: MailTransport, mailbox: Mailbox
) -> None:
    """A notice behind a stuck one ends at its own deadline; the stuck one is not disturbed."""
    mailbox.replies["DATA"] = ["hang"]
    stuck = asyncio.create_task(transport.send(message(1), deadline=DEADLINE))
    await asyncio.wait_for(mailbox.hanging.wait(), DEADLINE)
    refused = await _refusal(transport, SHORT)

    assert refused.recoverable
    assert not stuck.done()
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck


async def test_a_cancelled_send_leaves_a_clean_transport(
    transport: MailTransport, mailbox: Mailbox
) -> None:
    """After a cancellation half way the next notice gets a connection of its own."""
    mailbox.replies["DATA"] = ["hang"]
    sending = asyncio.create_task(transport.send(message(1), deadline=DEADLINE))
    await asyncio.wait_for(mailbox.hanging.wait(), DEADLINE)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await transport.send(message(2), deadline=DEADLINE)

    assert ["[FG-1] Sale stopped: 2"] == [received["Subject"] for received in mailbox.received]


async def test_nobody_listening_is_recoverable() -> None:
    """A refused connection is no fault of the notice."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    refused = await _refusal(MailTransport(MailServer("127.0.0.1", port, "none")))

    assert refused.recoverable
    assert not refused.permanent_recipient


async def test_an_unknown_host_is_recoverable() -> None:
    """A name that does not resolve may resolve later."""
    refused = await _refusal(MailTransport(MailServer("mail.invalid", 25, "none")))

    assert refused.recoverable


async def test_a_server_that_is_no_mail_server_is_recoverable() -> None:
    """Another protocol on the port is reported in readable words."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 \xff\xfe\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    refused = await _refusal(MailTransport(MailServer("127.0.0.1", port, "none")))
    server.close()
    await server.wait_closed()

    assert refused.recoverable
    assert refused.detail.encode()


@pytest.mark.parametrize("reply", ["421 idle for too long", "drop"])
async def test_a_connection_that_went_stale_is_replaced(
    transport: MailTransport, mailbox: Mailbox, reply: str
) -> None:
    """A kept connection that the server has given up costs nothing: the notice arrives, once."""
    await transport.send(message(1), deadline=DEADLINE)
    mailbox.replies["MAIL"] = [reply]
    await transport.send(message(2), deadline=DEADLINE)

    assert 2 == len(mailbox.received) == mailbox.connections


@pytest.mark.parametrize("reply", ["550 5.1.1 no such user", "hang"])
async def test_a_kept_connection_is_not_used_after_an_error(
    transport: MailTransport, mailbox: Mailbox, reply: str
) -> None:
    """After a refusal or a deadline the next notice starts from nothing."""
    await transport.send(message(1), deadline=DEADLINE)
    mailbox.replies["RCPT"] = [reply]
    await _refusal(transport, SHORT if reply == "hang" else DEADLINE)
    await transport.send(message(2), deadline=DEADLINE)

    assert 2 == len(mailbox.received) == mailbox.connections


async def test_a_new_connection_that_is_told_off_is_not_tried_again(
    transport: MailTransport, mailbox: Mailbox
) -> None:
    """The second try is for stale connections only; a busy server is left alone."""
    mailbox.replies["MAIL"] = ["421 busy", "421 busy"]
    refused = await _refusal(transport)

    assert refused.recoverable
    assert 1 == mailbox.connections


async def test_an_idle_connection_is_not_trusted(mailbox: Mailbox) -> None:
    """Beyond its idle limit a connection is replaced before it is used."""
    async with serving(mailbox) as port:
        transport = MailTransport(MailServer("127.0.0.1", port, "none", idle_limit=-1))
        await transport.send(message(1), deadline=DEADLINE)
        await transport.send(message(2), deadline=DEADLINE)
        await transport.close()

    assert 2 == mailbox.connections


async def test_a_closed_transport_said_goodbye(transport: MailTransport, mailbox: Mailbox) -> None:
    """Closing ends the dialogue politely, twice is harmless, and sending opens anew."""
    await transport.send(message(1), deadline=DEADLINE)
    await transport.close()
    await transport.close()
    await transport.send(message(2), deadline=DEADLINE)

    assert 1 == mailbox.goodbyes
    assert 2 == mailbox.connections


async def test_closing_does_not_wait_for_a_broken_server(
    transport: MailTransport, mailbox: Mailbox
) -> None:
    """A server that drops the line at QUIT is no error."""
    await transport.send(message(1), deadline=DEADLINE)
    mailbox.replies["QUIT"] = ["drop"]
    await transport.close()

    assert 1 == len(mailbox.received)


async def test_tls_from_the_first_byte(mailbox: Mailbox) -> None:
    """With a certificate that is trusted the notice arrives, signed in."""
    options = {"authenticator": accepts("guard", "s3cret"), "auth_require_tls": False}
    async with serving(mailbox, tls=server_context(), **options) as port:
        server = MailServer("127.0.0.1", port, "tls", "guard", "s3cret", ca_file=str(CERTIFICATE))
        transport = MailTransport(server)
        await transport.send(message(), deadline=DEADLINE)
        await transport.close()

    assert 1 == len(mailbox.received)


async def test_starttls_and_sign_in(mailbox: Mailbox) -> None:
    """The connection is upgraded before the password is sent."""
    options = {"tls_context": server_context(), "require_starttls": True, "auth_required": True}
    async with serving(mailbox, authenticator=accepts("guard", "s3cret"), **options) as port:
        server = MailServer("localhost", port, "starttls", "guard", "s3cret")
        trusting = MailServer(**{**_fields(server), "ca_file": str(CERTIFICATE)})
        transport = MailTransport(trusting)
        await transport.send(message(), deadline=DEADLINE)
        await transport.close()

    assert 1 == len(mailbox.received)


def _fields(server: MailServer) -> dict[str, Any]:
    return {name: getattr(server, name) for name in MailServer.__dataclass_fields__}


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_certificate_that_nobody_trusts_is_refused(mailbox: Mailbox, security: Any) -> None:
    """Nothing is sent to a server that can't prove its name; somebody may mend that."""
    context = server_context()
    tls = {"tls": context} if security == "tls" else {"tls_context": context}
    async with serving(mailbox, **tls) as port:
        refused = await _refusal(MailTransport(MailServer("127.0.0.1", port, security)))

    assert refused.recoverable
    assert "certificate" in refused.detail.lower()
    assert [] == mailbox.envelopes


async def test_starttls_is_never_skipped(transport: MailTransport, mailbox: Mailbox) -> None:
    """A server (or somebody in between) that does not offer STARTTLS gets no mail in clear."""
    server = MailServer("127.0.0.1", transport._server.port, "starttls")
    refused = await _refusal(MailTransport(server))

    assert refused.recoverable
    assert [] == mailbox.received


async def test_a_wrong_password_is_ours_to_mend(mailbox: Mailbox) -> None:
    """A failed sign-in is recoverable, and no error shows the password."""
    options = {"authenticator": accepts("guard", "s3cret"), "auth_require_tls": False}
    async with serving(mailbox, **options) as port:
        server = MailServer("127.0.0.1", port, "none", "guard", "wr0ng-pass")
        refused = await _refusal(MailTransport(server))

    assert refused.recoverable
    assert "wr0ng-pass" not in refused.detail
    assert "wr0ng-pass" not in repr(server)


def test_a_password_does_not_travel_in_clear() -> None:
    """Without TLS a password is only sent over loopback."""
    with pytest.raises(ValueError, match="would travel in clear"):
        MailServer("mx.shop.example", 25, "none", "guard", "s3cret")

    assert "guard" == MailServer("localhost", 25, "none", "guard", "s3cret").user


async def test_letters_beyond_ascii_in_an_address(
    transport: MailTransport, mailbox: Mailbox
) -> None:
    """A domain travels in IDNA, a local part by SMTPUTF8 where the server can."""
    await transport.send(message(recipient="qualität@müller.example"), deadline=DEADLINE)

    assert ["qualität@xn--mller-kva.example"] == mailbox.envelopes[0].rcpt_tos
    assert "SMTPUTF8" in mailbox.envelopes[0].mail_options


async def test_a_server_without_smtputf8_makes_the_address_bad(mailbox: Mailbox) -> None:
    """Where the address can't be written, another address is needed."""
    async with serving(mailbox) as port:
        transport = MailTransport(MailServer("127.0.0.1", port, "none"))
        await transport.send(message(1), deadline=DEADLINE)
        assert transport._client is not None
        del transport._client.esmtp_extensions["smtputf8"]
        with pytest.raises(NoticeError, match="beyond ASCII") as refused:
            await transport.send(message(2, recipient="qualität@shop.example"), deadline=DEADLINE)
        await transport.close()

    assert not refused.value.recoverable
    assert refused.value.permanent_recipient


async def test_an_address_that_is_none_never_reaches_the_server(
    transport: MailTransport, mailbox: Mailbox
) -> None:
    """Nothing is sent for an address that can't be one, however it tries to be two."""
    for bad in (
        "",
        "nobody",
        "a@b@c.example",
        "a@x.example>\r\nRCPT TO:<evil@x.example",
        "a b@x.y",
    ):
        with pytest.raises(NoticeError) as refused:
            await transport.send(message(recipient=bad), deadline=DEADLINE)

        assert refused.value.permanent_recipient
        assert not refused.value.recoverable
    assert 0 == mailbox.connections


async def test_an_overlong_text_still_arrives(transport: MailTransport, mailbox: Mailbox) -> None:
    """A text of a megabyte is shortened, not refused: the case page has the rest."""
    huge = message(text="ein Wort ß " * 100_000, html="<p>" + "x" * 1_000_000)
    await transport.send(huge, deadline=DEADLINE)
    content = mailbox.envelopes[0].original_content

    assert content is not None
    assert len(content) <= 100_000
    assert _plain(mailbox.received[0]).rstrip().endswith("[…]")


def test_the_transport_is_a_transport() -> None:
    """The class fits the port."""
    transport: Transport = MailTransport(MailServer("localhost", 25, "none"))

    assert callable(transport.send)
