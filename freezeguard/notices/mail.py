"""Notices by mail: one SMTP connection, kept for a burst, with a deadline on everything.

Which error means what is decided here, in one place, by the stage at which it came:

- connecting, TLS, sign-in: recoverable (somebody will mend our server or our account);
- deadline, broken connection, any 4xx: recoverable;
- recipient refused with 5xx: not recoverable, and the address is bad for good, unless the reply
  says that it is a matter of policy (5.7.x) and not of the address;
- sender refused with 5xx: recoverable (our account again); content refused with 5xx: not.
"""

import asyncio
import contextlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import aiosmtplib
import structlog

from freezeguard.notices.mime import Envelope, compose, one_line
from freezeguard.ports.notices import Message, NoticeError, Receipt

log = structlog.get_logger()

Security = Literal["none", "starttls", "tls"]
_Answer = TypeVar("_Answer")

_GOODBYE = 2.0  # seconds that a server may take to answer QUIT
_REPLY_LIMIT = 300  # characters of a server's reply that are kept
_CLOSING = 421
_TOO_LARGE = 552
_POLICY = re.compile(r"5\.7\.\d+")  # RFC 3463: X.7.X is security or policy, not the address


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail goes.

    `security`: `tls` from the first byte (port 465), `starttls` upgraded or refused (port 587),
    `none` in clear; a password never travels in clear but on loopback. `ca_file` is for a private
    authority. `hello_name` is how we introduce ourselves, the host name if empty. A connection
    that lay idle for `idle_limit` seconds is replaced, not trusted.
    """

    host: str
    port: int
    security: Security = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    hello_name: str = ""
    ca_file: str | None = None
    idle_limit: float = 5.0

    def __post_init__(self) -> None:
        if self.user and self.security == "none" and not _is_loopback(self.host):
            raise ValueError(
                f"mail: a password for {self.host} would travel in clear; use starttls or tls"
            )


class MailTransport:
    """Hands messages to one SMTP server, one after the other over one connection."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._context = None if server.security == "none" else _tls(server)
        self._turn = asyncio.Lock()
        self._client: aiosmtplib.SMTP | None = None
        self._used_at = 0.0

    async def send(self, message: Message, *, deadline: float) -> Receipt:
        envelope = compose(message)
        try:
            async with asyncio.timeout(deadline), self._turn:
                reply = await self._hand_over(envelope)
        except TimeoutError as late:
            raise NoticeError(
                f"mail server {self._server.host} did not answer in time (deadline {deadline:g} s)",
                recoverable=True,
            ) from late
        log.info("mail_handed_over", message_id=message.message_id, reply=_readable(reply))
        return Receipt(message.message_id, _readable(reply))

    async def close(self) -> None:
        async with self._turn:
            client, self._client = self._client, None
            if client is None:
                return
            # Nothing is lost with a QUIT that fails: every message has had its answer.
            with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                async with asyncio.timeout(_GOODBYE):
                    await client.quit()
            _abort(client)

    async def _hand_over(self, envelope: Envelope) -> str:
        """Send one envelope; after any error the connection is not used again."""
        try:
            client = await self._addressed(envelope)
            reply = await _staged(_content_error, lambda: client.data(envelope.wire))
        except BaseException:
            self._drop()
            raise
        self._used_at = _now()
        return reply.message

    async def _addressed(self, envelope: Envelope) -> aiosmtplib.SMTP:
        """Return a connection that accepted sender and recipient.

        A kept connection may have been closed by the server meanwhile. That shows here, before
        any content was sent, so one more try on a new connection can't send anything twice.
        """
        kept = self._kept()
        if kept is not None:
            try:
                await _address(kept, envelope)
            except NoticeError as error:
                if not _is_stale(error.__cause__):
                    raise
                self._drop()
            else:
                return kept
        self._client = await self._connected()
        await _address(self._client, envelope)
        return self._client

    def _kept(self) -> aiosmtplib.SMTP | None:
        client = self._client
        idle = _now() - self._used_at
        if client is None or not client.is_connected or idle > self._server.idle_limit:
            self._drop()
            return None
        return client

    async def _connected(self) -> aiosmtplib.SMTP:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            local_hostname=server.hello_name or socket.gethostname(),
            timeout=None,  # `send` puts its deadline around everything
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=self._context,
        )
        try:
            await _staged(_connection_error, client.connect)
        except BaseException:
            _abort(client)
            raise
        return client

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            _abort(client)


async def _address(client: aiosmtplib.SMTP, envelope: Envelope) -> None:
    options = await _staged(_connection_error, lambda: _mail_options(client, envelope))
    encoding = "utf-8" if envelope.international else "ascii"
    await _staged(
        _sender_error, lambda: client.mail(envelope.sender, options=options, encoding=encoding)
    )
    await _staged(_recipient_error, lambda: client.rcpt(envelope.recipient, encoding=encoding))


async def _mail_options(client: aiosmtplib.SMTP, envelope: Envelope) -> list[str]:
    if client.is_ehlo_or_helo_needed:
        try:
            await client.ehlo()
        except aiosmtplib.SMTPHeloError:
            await client.helo()
    options = [f"SIZE={len(envelope.wire)}"] if client.supports_extension("size") else []
    if not envelope.international:
        return options
    if not client.supports_extension("smtputf8"):
        raise NoticeError(
            "the mail server can't carry an address with letters beyond ASCII",
            recoverable=False,
            permanent_recipient=True,
        )
    return [*options, "SMTPUTF8", "BODY=8BITMIME"]


async def _staged(
    classify: Callable[[Exception], NoticeError], step: Callable[[], Awaitable[_Answer]]
) -> _Answer:
    """Run one step of the dialogue; its errors get the meaning that they have at this stage."""
    try:
        return await step()
    except TimeoutError:
        raise
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise classify(error) from error


def _connection_error(error: Exception) -> NoticeError:
    return NoticeError(f"mail server: {_readable(str(error))}", recoverable=True)


def _sender_error(error: Exception) -> NoticeError:
    return NoticeError(
        f"mail server refused our sender: {_answer(error)}",
        recoverable=_code(error) != _TOO_LARGE,
    )


def _recipient_error(error: Exception) -> NoticeError:
    answer, final = _answer(error), _is_final(error)
    return NoticeError(
        f"mail server refused the recipient: {answer}",
        recoverable=not final,
        permanent_recipient=final and _POLICY.search(answer) is None,
    )


def _content_error(error: Exception) -> NoticeError:
    return NoticeError(
        f"mail server did not take the message: {_answer(error)}",
        recoverable=not _is_final(error),
    )


def _is_final(error: Exception) -> bool:
    """Whether a repeat is pointless: 5xx, or an argument that can't be put on the wire."""
    code = _code(error)
    return code // 100 == 5 if code is not None else isinstance(error, ValueError)


def _is_stale(error: BaseException | None) -> bool:
    """Whether a kept connection turned out to have been closed by the far side."""
    lost = isinstance(error, aiosmtplib.SMTPServerDisconnected | OSError)
    return lost or (isinstance(error, Exception) and _code(error) == _CLOSING)


def _code(error: Exception) -> int | None:
    return error.code if isinstance(error, aiosmtplib.SMTPResponseException) else None


def _answer(error: Exception) -> str:
    code = _code(error)
    text = error.message if isinstance(error, aiosmtplib.SMTPException) else str(error)
    return _readable(text if code is None else f"{code} {text}")


def _readable(reply: str) -> str:
    """Return a server's words as one short line without control characters or surrogates."""
    return one_line(reply)[:_REPLY_LIMIT]


def _abort(client: aiosmtplib.SMTP) -> None:
    """Close at once: a far side that reads nothing must not keep the socket open."""
    transport = client.transport
    client.close()
    if isinstance(transport, asyncio.Transport):
        with contextlib.suppress(AttributeError):  # Python 3.11.2: TLS that has ended by itself
            transport.abort()


def _tls(server: MailServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"


def _now() -> float:
    return asyncio.get_running_loop().time()
