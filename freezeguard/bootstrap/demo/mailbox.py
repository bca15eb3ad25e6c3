"""A mail server for the demonstration: as much of SMTP (RFC 5321) as one sender needs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

from freezeguard.ports.clock import Now

MAX_MESSAGE = 1024 * 1024
IDLE = 60.0


@dataclass(frozen=True, slots=True)
class Mail:
    """One message that was delivered."""

    received_at: datetime
    to: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        """Return its subject."""
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """Return its plain text."""
        body = self.message.get_body(("plain",))
        return "" if body is None else str(body.get_content())


class Mailbox:
    """Keeps what it is given."""

    def __init__(self, now: Now) -> None:
        self.mails: list[Mail] = []
        self.port = 0
        self._now = now

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass  # a sender that went away, or spoke no SMTP, has delivered nothing more
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to: list[str] = []
        writer.write(b"220 demo ESMTP\r\n")
        while True:
            async with asyncio.timeout(IDLE):
                line = (await reader.readline()).decode("utf-8", "replace").strip()
            verb = line[:4].upper()
            if verb == "RCPT":
                to.append(line.partition("<")[2].partition(">")[0])
            elif verb in {"MAIL", "RSET"}:
                to = []
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                await self._take(reader, to)
            writer.write(_reply(verb))
            await writer.drain()
            if verb in {"QUIT", ""}:
                return

    async def _take(self, reader: asyncio.StreamReader, to: list[str]) -> None:
        lines: list[bytes] = []
        size = 0
        while True:
            async with asyncio.timeout(IDLE):
                line = await reader.readuntil(b"\n")
            if line.rstrip() == b".":
                break
            size += len(line)
            if size > MAX_MESSAGE:
                raise ValueError("a message is too long")
            lines.append(line.removeprefix(b"."))
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(message, EmailMessage)  # noqa: S101 - the policy says so
        self.mails.append(Mail(self._now(), tuple(to), message))


def _reply(verb: str) -> bytes:
    match verb:
        case "EHLO":
            return b"250-demo\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 1048576\r\n"
        case "QUIT":
            return b"221 bye\r\n"
        case "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" | "DATA":
            return b"250 ok\r\n"
        case _:
            return b"502 not known here\r\n"


@asynccontextmanager
async def open_mailbox(now: Now) -> AsyncIterator[Mailbox]:
    """Listen on a free port of this machine."""
    mailbox = Mailbox(now)
    server = await asyncio.start_server(mailbox._serve, "127.0.0.1", 0)  # noqa: SLF001 - ours
    mailbox.port = server.sockets[0].getsockname()[1]
    async with server:
        yield mailbox
