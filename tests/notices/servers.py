"""A real SMTP server on loopback, in the loop of the test, that can misbehave on request."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

CERTIFICATE = Path(__file__).with_name("loopback.pem")


@dataclass
class Mailbox:
    """What arrived, and how the server shall answer.

    `replies` are given instead of the usual answer to the named command, the first of the list
    first; "hang" never answers, "drop" breaks the connection.
    """

    received: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    replies: dict[str, list[str]] = field(default_factory=dict)
    connections: int = 0
    goodbyes: int = 0
    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_EHLO(  # noqa: N802 - the name that aiosmtpd calls
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        await self._misbehave("EHLO", server)
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := await self._misbehave("MAIL", server):
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := await self._misbehave("RCPT", server):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if reply := await self._misbehave("DATA", server):
            return reply
        content = envelope.original_content or b""
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        self.received.append(message)
        self.envelopes.append(envelope)
        return f"250 taken as {len(self.received)}"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.goodbyes += 1
        return (await self._misbehave("QUIT", server)) or "221 Bye"

    async def _misbehave(self, command: str, server: SMTP) -> str | None:
        planned = self.replies.get(command)
        reply = planned.pop(0) if planned else None
        if reply == "drop":
            transport = server.transport
            assert isinstance(transport, asyncio.Transport)
            transport.abort()
        if reply in {"hang", "drop"}:
            self.hanging.set()
            await asyncio.Event().wait()  # ends with the connection
        return reply or None


def server_context() -> ssl.SSLContext:
    """Return a context that shows the loopback certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def accepts(user: str, password: str) -> Any:
    """Return an authenticator that knows one user."""

    def check(_: SMTP, __: Session, ___: Envelope, ____: str, given: Any) -> AuthResult:
        known = given == LoginPassword(user.encode(), password.encode())
        return AuthResult(success=known, handled=False)

    return check


@asynccontextmanager
async def serving(
    mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[int]:
    """Serve a mailbox on a free port; every connection is gone at the end."""
    loop = asyncio.get_running_loop()
    protocols: list[SMTP] = []

    def accept() -> SMTP:
        mailbox.connections += 1
        protocols.append(
            SMTP(mailbox, hostname="mx.shop.example", enable_SMTPUTF8=True, loop=loop, **options)
        )
        return protocols[-1]

    server = await loop.create_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for protocol in protocols:
            if isinstance(protocol.transport, asyncio.Transport):
                with suppress(AttributeError):  # Python 3.11.2: TLS that has ended by itself
                    protocol.transport.abort()
        await server.wait_closed()
