"""An outbox on real PostgreSQL, delivered over real SMTP, on a clock that a test moves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from freezeguard.bootstrap.metrics import PrometheusMetrics
from freezeguard.domain.people import Person, Role
from freezeguard.domain.record import Case
from freezeguard.notices.mail import MailServer, MailTransport
from freezeguard.notices.render import render
from freezeguard.ports.notices import DigestTerms
from freezeguard.ports.rows import Notice, Vendor
from freezeguard.ports.storage import Transaction
from freezeguard.services.delivering.bounces import Bounces
from freezeguard.services.delivering.carriers import MailCarrier, Sender
from freezeguard.services.delivering.delivery import Delivery
from freezeguard.services.delivering.digests import Digests
from freezeguard.services.directory import Directory
from freezeguard.services.telling.telling import House, Telling
from freezeguard.storage.database import PostgresDatabase
from tests.bare import bare_casework
from tests.notices.samples import SAMPLES
from tests.rig import Mailbox
from tests.storage.makers import NOW, notice, open_case

OWEN = Person("owen", "Owen", frozenset({Role.MANAGER}), "owen@shop.example")
DORA = Person("dora", "Dora", frozenset({Role.MANAGER}), "dora@shop.example")
REPLY_TO = "Quality <quality+{case}@shop.example>"
SENDER = Sender("Shop <shop@shop.example>", "shop.example", REPLY_TO)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Outbox:
    """What a test works with. `ahead` is how far the clock of schedules is before the real one."""

    database: PostgresDatabase
    mailbox: Mailbox
    port: int
    ahead: timedelta = timedelta(0)
    queued: int = 0
    telling: Telling = field(default_factory=lambda: Telling(Directory([]), House(), uuid4))

    def moment(self) -> datetime:
        return now() + self.ahead

    def replica(self, database: Any = None, port: int | None = None) -> Delivery:
        """Return a replica's delivery with a connection of its own."""
        return Delivery(
            database or self.database,
            MailCarrier(
                database or self.database,
                MailTransport(MailServer("127.0.0.1", port or self.port, "none")), render, SENDER,
                now,
            ),
            bare_casework(self.telling, now), Bounces(self.telling, now, uuid4),
            Digests(DigestTerms(after=5), "https://shop.example/v1/cases", uuid4),
            now, uuid4, lambda: 1.2, PrometheusMetrics(), self.moment,
        )

    async def deliver(self, delivery: Delivery | None = None) -> None:
        """Let one replica send all that is due."""
        one = delivery or self.replica()
        while await one.deliver_due():
            pass

    async def put(self, *notices: Notice) -> None:
        """Queue notices, each a moment after the one before."""

        async def work(tx: Transaction) -> None:
            for one in notices:
                self.queued += 1
                await tx.notices.add(one, NOW + timedelta(milliseconds=self.queued))

        await self.database.run(work)

    async def put_people(self, *people: Person) -> None:
        async def work(tx: Transaction) -> None:
            for one in people:
                await tx.people.put_person(one, active=True, now=NOW)

        await self.database.run(work)

    async def put_vendor(self, *addresses: str, superior: str | None = None) -> None:
        contacts = [{"channel": "mail", "address": one} for one in addresses]
        if superior is not None:
            contacts.insert(0, {"channel": "mail", "address": superior, "role": "superior"})
        vendor = Vendor("acme", "Acme", tuple(contacts))
        await self.database.run(lambda tx: tx.master.put_vendor(vendor, NOW))

    async def execute(self, statement: str, *arguments: Any) -> None:
        await self.database.run(lambda tx: tx.connection.execute(statement, *arguments))

    async def rows(self, statement: str, *arguments: Any) -> list[Any]:
        return await self.database.run(lambda tx: tx.connection.fetch(statement, *arguments))

    async def leases_end(self) -> None:
        """Let every lease have run out, as after a kill and half a minute."""
        await self.execute("UPDATE notices SET lease_until = now() WHERE lease_until IS NOT NULL")
        await self.execute("UPDATE notice_digests SET lease_until = now()")

    async def states(self) -> list[str]:
        return [row["state"] for row in await self.rows("SELECT state FROM notices ORDER BY n")]

    async def case(self, sku: str, **more: Any) -> Case:
        return await open_case(self.database, sku, owner="owen", vendor="acme", **more)

    def to(self, address: str) -> list[Any]:
        return self.mailbox.to(address)


def told(case: Case | None, kind: str, to: Person | str = OWEN, **more: Any) -> Notice:
    """Return a notice that can be worded, about a case."""
    facts = {**SAMPLES[kind]}
    if case is not None:
        facts |= {
            "case": str(case.number), "scope": {"sku": case.scope.sku}, "title": "",
            "link": f"https://shop.example/v1/cases/{case.id}",
        }
    facts |= more.pop("facts", {})
    if isinstance(to, Person):
        whom = {"recipient": f"person:{to.id}", "address": to.email}
        facts |= {"audience": "staff", "recipient": to.name}
    else:
        whom = {"recipient": "vendor:acme", "address": to}
        facts |= {"audience": "vendor", "recipient": "Acme"}
    return notice(case, 0, kind=kind, facts=facts, **{**whom, **more})


def body(mail: Any) -> str:
    """Return the plain part of a mail, on one line."""
    part = next(one for one in mail.walk() if one.get_content_type() == "text/plain")
    return " ".join(part.get_payload(decode=True).decode().split())


def refusing(*addresses: str, reply: str = "550 5.1.1 no such box") -> Callable[..., Any]:
    """Return what a mail server says where it takes nothing for some addresses."""

    async def handle(_: Any, __: Any, envelope: Any, address: str, ___: Any) -> str:
        if address in addresses:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    return handle
