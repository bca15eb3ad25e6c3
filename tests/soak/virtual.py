"""A moved clock, and what keeps a log by it outside the service: a mail server, webhook endpoints.

The clock runs far ahead of the machine's own: what the database stamps as due at once is due.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

from aiohttp import web

from tests.acceptance.steps import body_of
from tests.rig import Mailbox
from tests.webhooks.farm import Receiver, receiving

START = datetime(2035, 1, 8, 6, tzinfo=UTC)
"""A Monday morning."""
TICK = timedelta(microseconds=1)
_LINK = re.compile(r"/v1/cases/([0-9a-f-]{36})")


class VirtualClock:
    """Each look at it is later than the one before, by a microsecond; it moves when it is told."""

    def __init__(self, start: datetime = START) -> None:
        self.at = start

    def __call__(self) -> datetime:
        self.at += TICK
        return self.at

    def go(self, to: datetime) -> None:
        """Move on; never back."""
        self.at = max(self.at, to)


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail as the server took it over; `dated` is its own date, `at` when it came."""

    at: datetime
    to: str
    id: str
    dated: datetime
    subject: str
    text: str

    @property
    def case(self) -> str | None:
        """Return the id of the case that the mail links to."""
        found = _LINK.search(self.text)
        return None if found is None else found[1]

    def says(self, news: str) -> bool:
        """Say whether the subject has this news, as the English words of notices have it."""
        return f"] {news}:" in self.subject


class PostOffice(Mailbox):
    """A real SMTP server with a log; it can be busy for a while, and know nothing of an address."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock, self.letters = clock, list[Letter]()
        self.is_busy, self.unknown = False, set[str]()
        self.put_off, self.refused = 0, 0
        self.times: list[tuple[datetime, datetime]] = []
        """When it was busy: from, to."""

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        """Take a recipient, put it off, or refuse it for good."""
        del server, session, options
        if self.is_busy:
            self.put_off += 1
            return "451 4.3.2 come back later"
        if address in self.unknown:
            self.refused += 1
            return "550 5.1.1 nobody of this name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Take one message over."""
        answer = await super().handle_DATA(server, session, envelope)
        for address in envelope.rcpt_tos:
            self.letters.append(_letter(self.clock.at, address, self.messages[-1]))
        return answer

    def shut(self, *, until: datetime) -> None:
        """Answer 451 from now on; `open` ends it."""
        self.is_busy = True
        self.times.append((self.clock.at, until))

    def open(self) -> None:
        """Take mails again."""
        self.is_busy = False


def _letter(at: datetime, address: str, mail: Message) -> Letter:
    dated = parsedate_to_datetime(str(mail["Date"]))
    subject = " ".join(str(make_header(decode_header(str(mail["Subject"])))).split())
    return Letter(at, address, str(mail["Message-ID"]), dated, subject, body_of(mail))


@dataclass(frozen=True, slots=True)
class Posted:
    """One request that reached an endpoint, and what the endpoint answered."""

    at: datetime
    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def id(self) -> str:
        """Return the id of the message."""
        return self.headers["webhook-id"]


@dataclass
class Farm:
    """Endpoints of webhooks, each a path of one server; those in `dead` answer 503."""

    clock: VirtualClock
    receiver: Receiver
    log: list[Posted] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)

    def url(self, name: str) -> str:
        """Return the address of an endpoint."""
        return f"http://127.0.0.1:{self.receiver.port}/{name}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Log a request and answer it."""
        name = request.path.strip("/")
        status = 503 if name in self.dead else 204
        headers, body = self.receiver.requests[-1]
        self.log.append(Posted(self.clock.at, name, headers, body, status))
        return web.Response(status=status)


@asynccontextmanager
async def a_farm(clock: VirtualClock) -> AsyncIterator[Farm]:
    """Run a farm of endpoints."""
    async with receiving() as receiver:
        farm = Farm(clock, receiver)
        receiver.then = farm.answer
        yield farm
