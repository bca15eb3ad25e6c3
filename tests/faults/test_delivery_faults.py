"""Faults while notices leave: a mail goes once, nobody sends late, a bounce is told to a person."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from freezeguard.bootstrap.metrics import PrometheusMetrics
from freezeguard.domain.errors import Unavailable
from freezeguard.domain.people import Person, Role
from freezeguard.ports.notices import DigestTerms, Message, NoticeError, Receipt, Rendered
from freezeguard.ports.rows import Notice
from freezeguard.ports.storage import Transaction
from freezeguard.services.delivering.bounces import Bounces
from freezeguard.services.delivering.carriers import MailCarrier, Sender
from freezeguard.services.delivering.delivery import LEASE, SEND_WITHIN, Delivery
from freezeguard.services.delivering.digests import Digests
from freezeguard.services.directory import Directory
from freezeguard.services.telling.telling import House, Telling
from freezeguard.storage.database import PostgresDatabase
from tests.acceptance.steps import body_of
from tests.bare import bare_casework
from tests.faults.observing import told
from tests.rig import Rig, until
from tests.storage.makers import NOW, notice, open_case, sort_singly

OWNER = Person("owen", "Owen", frozenset({Role.MANAGER}), "owen@shop.example")
NO_BOX = NoticeError("550 no such box", recoverable=False, permanent_recipient=True)


class Post:
    """A way out that takes every notice over, and then does what a test wants."""

    def __init__(self, then: Callable[[], Any] = lambda: None) -> None:
        self.sent: list[Message] = []
        self.then = then

    async def send(self, message: Message, *, deadline: float) -> Receipt:
        self.sent.append(message)
        self.then()
        return Receipt(message.message_id, "250 kept")

    async def close(self) -> None:
        """Nothing is open."""


class Refusing(Post):
    """A way out that takes nothing over: mails to some addresses come back for good."""

    async def send(self, message: Message, *, deadline: float) -> Receipt:
        if message.recipient.startswith("gone"):
            raise NO_BOX
        return await super().send(message, deadline=deadline)


class Interrupted:
    """A database whose next transactions do what a test wants, then go on where that allows it."""

    def __init__(self, database: PostgresDatabase) -> None:
        self.database = database
        self.before: Callable[[], Awaitable[None]] | None = None

    async def run(self, work: Callable[[Transaction], Awaitable[Any]], **more: Any) -> Any:
        if self.before is not None:
            await self.before()
        return await self.database.run(work, **more)

    def fail(self, error: Exception, *, times: float = math.inf) -> None:
        """Fail so many times from now on."""
        left = [times]

        async def failing() -> None:
            left[0] -= 1
            if left[0] >= 0:
                raise error

        self.before = failing


def words(*_: Any, **__: Any) -> Rendered:
    return Rendered("subject", "text", "<p>text</p>")


def delivery_on(
    database: Any, transport: Post, render: Callable[..., Rendered] = words
) -> Delivery:
    """Return a delivery in a shop without catalogues."""
    telling, now = Telling(Directory([]), House(), uuid4), lambda: datetime.now(UTC)
    return Delivery(
        database,
        MailCarrier(
            database, transport, render, Sender("shop@shop.example", "shop.example"), now
        ),
        bare_casework(telling, now), Bounces(telling, now, uuid4),
        Digests(DigestTerms(after=5), "https://shop.example/v1/cases", uuid4),
        now, uuid4, lambda: 1.0, PrometheusMetrics(),
    )


async def queue(database: PostgresDatabase, *notices: Notice) -> None:
    async def work(tx: Transaction) -> None:
        for one in notices:
            await tx.notices.add(one, NOW)

    await database.run(work)


async def leases_end(database: PostgresDatabase) -> None:
    """Let every lease have run out, as after 30 seconds."""
    await database.run(lambda tx: tx.connection.execute(
        "UPDATE notices SET lease_until = now() WHERE lease_until IS NOT NULL"))


async def states(database: PostgresDatabase) -> list[str]:
    rows = await database.run(lambda tx: tx.connection.fetch("SELECT state FROM notices"))
    return [row["state"] for row in rows]


# ------------------------------------------------------------------------------------ doubles


async def test_a_mail_whose_sending_could_not_be_stored_goes_once(database: PostgresDatabase):
    """The database is away right after the mail left: once it is back that is stored, not sent."""
    case = await open_case(database)
    await queue(database, notice(case, 1), notice(case, 2))
    away = Interrupted(database)
    post = Post(lambda: away.fail(Unavailable("gone")))
    delivery = delivery_on(away, post)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await delivery.deliver_due()
        assert (1, ["queued", "queued"]) == (len(post.sent), await states(database))

    await leases_end(database)
    away.before, post.then = None, lambda: None
    await delivery.deliver_due()
    assert 2 == len({one.message_id for one in post.sent}) == len(post.sent)
    assert ["sent", "sent"] == await states(database)


async def test_a_mail_that_can_not_be_stored_goes_once(database: PostgresDatabase):
    """Its row refuses to be marked: other readers get theirs, and this one gets no second mail."""
    await queue(database, notice(None, 1, recipient="person:ann"))
    odd = Interrupted(database)
    post = Post(lambda: odd.fail(ArithmeticError("odd"), times=2))
    delivery = delivery_on(odd, post)
    await delivery.deliver_due(limit=1)
    post.then = lambda: None
    await leases_end(database)
    await queue(database, notice(None, 1, recipient="person:bob"))

    await delivery.deliver_due()  # the first thing is to store what is known: it fails once more
    assert ["queued", "sent"] == sorted(await states(database))
    await leases_end(database)
    await delivery.deliver_due()
    assert 2 == len({one.message_id for one in post.sent}) == len(post.sent)
    assert ["sent", "sent"] == await states(database)


async def test_a_worker_that_is_stopped_stores_what_it_sent(database: PostgresDatabase):
    """A replica shuts down between the mail and its record: the next one sends nothing again."""
    await queue(database, notice(None, 1))
    slow, reached, opened = Interrupted(database), asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await opened.wait()

    def next_waits() -> None:
        slow.before = wait

    worker = asyncio.create_task(delivery_on(slow, Post(next_waits)).deliver_due())
    async with asyncio.timeout(10):
        await reached.wait()
        worker.cancel()
        asyncio.get_running_loop().call_soon(opened.set)
        await asyncio.gather(worker, return_exceptions=True)

    assert worker.cancelled()
    assert ["sent"] == await states(database)


async def test_who_slept_through_its_lease_does_not_send(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
):
    """Stopped by the system while it worded a notice, it leaves it to whoever holds it by now."""
    loop = asyncio.get_running_loop()
    awake = loop.time
    asleep = LEASE.total_seconds() - SEND_WITHIN + 1

    def sleepy(*_: Any, **__: Any) -> Rendered:
        monkeypatch.setattr(loop, "time", lambda: awake() + asleep)
        return words()

    await queue(database, notice(None, 1))
    post = Post()
    await delivery_on(database, post, sleepy).deliver_due()
    monkeypatch.undo()
    assert (0, ["queued"]) == (len(post.sent), await states(database))

    await leases_end(database)
    await delivery_on(database, post).deliver_due()
    assert (1, ["sent"]) == (len(post.sent), await states(database))


@asynccontextmanager
async def locked(dsn: str, sku: str):
    """Hold the lock of a SKU, as a long transaction does."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM sku_tallies WHERE sku = $1 FOR UPDATE", sku)
            yield
    finally:
        await connection.close()


async def test_a_busy_sku_does_not_hinder_the_record_of_a_mail(
    database: PostgresDatabase, migrated_dsns: Any
):
    """Somebody works on the SKU for long: the mail is on record at once, the vendor's status after.

    Other notices do not wait for it.
    """
    case = await open_case(database)
    await database.run(lambda tx: tx.signals.lock_sku(case.scope.sku))
    await queue(database, notice(case, 1, recipient="vendor:acme"), notice(None, 1))
    post = Post()
    delivery = delivery_on(database, post)
    async with locked(migrated_dsns.owner, case.scope.sku):
        assert 2 == await delivery.deliver_due()
        assert ["sent", "sent"] == await states(database)
        assert "unreached" == await _vendor_status(database, case.id)
    assert 0 == await delivery.deliver_due()
    assert (2, "notified") == (len(post.sent), await _vendor_status(database, case.id))


async def _vendor_status(database: PostgresDatabase, case_id: Any) -> str:
    case = await database.run(lambda tx: tx.cases.get(case_id))
    assert case is not None
    return str(case.vendor_status)


# ------------------------------------------------------------------------------------ bounces


async def asked(database: PostgresDatabase, case_id: Any) -> list[Notice]:
    """Return what the owner of a case was asked to do by hand."""
    notices = await database.run(lambda tx: tx.notices.of_case(case_id))
    return [one for one in notices if (one.kind, one.recipient) == ("manual_task", "person:owen")]


async def test_an_address_that_is_gone_is_told_once(database: PostgresDatabase):
    """Three notices of a case come back from one address, one from another: two tasks."""
    await database.run(lambda tx: tx.people.put_person(OWNER, active=True, now=NOW))
    case = await open_case(database, owner="owen", vendor="acme")
    of_vendor = {"recipient": "vendor:acme", "address": "gone@acme.example"}
    await queue(database, *(notice(case, n, **of_vendor) for n in (1, 2, 3)))
    post = Refusing()
    await delivery_on(database, post).deliver_due()

    (task,) = await asked(database, case.id)
    assert ("sent", ["owen@shop.example"]) == (task.state, [one.recipient for one in post.sent])
    assert task.facts["instruction"].startswith(
        "A notice to vendor acme at gone@acme.example did not arrive: 550 no such box."
    )
    await queue(database, notice(case, 4, **{**of_vendor, "address": "gone-too@acme.example"}))
    await delivery_on(database, post).deliver_due()
    assert 2 == len(await asked(database, case.id))
    assert "unreached" == await _vendor_status(database, case.id)


async def test_a_bounce_of_a_lost_lease_is_not_told(database: PostgresDatabase):
    """Somebody else has taken the notice over: whether it bounces is for them to say."""
    await database.run(lambda tx: tx.people.put_person(OWNER, active=True, now=NOW))
    case = await open_case(database, owner="owen", vendor="acme")
    lost = notice(case, 1, recipient="vendor:acme", address="gone@acme.example")
    await queue(database, lost)
    await sort_singly(database)
    [claimed] = await database.run(lambda tx: tx.notices.claim_due(LEASE, uuid4(), 1))
    await database.run(lambda tx: tx.connection.execute(
        "UPDATE notices SET lease_token = $1", uuid4()))

    await delivery_on(database, Refusing())._failed(claimed, NO_BOX)
    assert [] == await asked(database, case.id)
    assert ["queued"] == await states(database)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_vendor_whose_address_is_gone_is_told_by_the_owner(rig: Rig, sku: str):
    """The mail server refuses the vendor for good: the owner gets one mail that asks for a call."""

    async def refuse(_: Any, __: Any, envelope: Any, address: str, ___: Any) -> str:
        if address.endswith("@acme.example"):
            return "550 5.1.1 no such box"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    rig.mailbox.handle_RCPT = refuse  # type: ignore[attr-defined]
    try:
        await rig.complain(sku)
        case = await rig.in_state(sku, "frozen")

        async def both_back() -> bool:
            notices = (await rig.case(case["id"]))["notices"]
            back = [one for one in notices if one["recipient"] == "vendor:acme"]
            return [one["state"] for one in back] == ["bounced", "bounced"]

        await until(both_back, "both notices to the vendor came back")
    finally:
        del rig.mailbox.handle_RCPT  # type: ignore[attr-defined]
    assert 1 == told(await rig.case(case["id"]), "manual_task")

    async def asked_for_a_call() -> bool:
        return any("550 5.1.1 no such box" in body_of(one) for one in rig.mailbox.to("owen@"))

    await until(asked_for_a_call, "the owner's mail")
