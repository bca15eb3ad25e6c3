"""Delivery of webhooks on a real database to real endpoints: once, in order, patient, bounded."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import web

from freezeguard.domain.people import Person, Role
from freezeguard.notices.render import render
from freezeguard.ports.metrics import NoMetrics
from freezeguard.ports.rows import Vendor
from freezeguard.ports.webhooks import Endpoint, Message
from freezeguard.services.delivering.endpoints import Endpoints
from freezeguard.services.delivering.posting import ATTEMPTS, SCHEDULE, Posting
from freezeguard.services.directory import Directory
from freezeguard.services.telling.telling import House, Telling
from freezeguard.storage.database import PostgresDatabase
from freezeguard.webhooks.post import HttpPost
from tests.rig import until
from tests.storage.makers import NOW, endpoint, notice, open_case
from tests.webhooks.farm import a_message, posting_to, receiving

ROOT = Person("root", "Root", frozenset({Role.ADMIN}), "root@shop.example")
OWEN = Person("owen", "Owen", frozenset({Role.MANAGER}), "owen@shop.example")
HOUR = timedelta(hours=1)


@dataclass
class Stage:
    """A database, a way out, and one or more senders; `now` is the time that they are told."""

    database: PostgresDatabase
    post: HttpPost
    now: datetime = NOW
    senders: list[Posting] = field(default_factory=list)

    def sender(self, database: Any = None, **more: Any) -> Posting:
        made = Posting(
            database or self.database, self.post, Telling(Directory([]), House(), uuid4),
            lambda: self.now, uuid4, lambda: 1.0, NoMetrics(), **{"deadline": 2.0, **more},
        )
        self.senders.append(made)
        return made

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(self.database, self.post, lambda: self.now, uuid4, lambda: b"n" * 32)

    async def add(self, one: Endpoint) -> Endpoint:
        await self.database.run(lambda tx: tx.webhooks.add_endpoint(one, self.now))
        return one

    async def enqueue(self, *messages: Message) -> None:
        for one in messages:
            await self.database.run(lambda tx, one=one: tx.webhooks.enqueue(one))

    async def sql(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        rows = await self.database.run(lambda tx: tx.connection.fetch(query, *arguments))
        return [dict(row) for row in rows]

    async def deliver(self, sender: Posting | None = None) -> None:
        """Have a sender do all that is due now, to its end."""
        sender = sender or self.senders[0]
        while await sender.deliver_due() or sender._under_way:
            if sender._under_way:
                await asyncio.wait(list(sender._under_way))

    async def all_due(self) -> None:
        """Let every pause be over."""
        await self.sql("UPDATE webhook_deliveries SET next_at = now() WHERE state = 'queued'")
        await self.sql("UPDATE webhook_endpoints SET not_before = NULL, lease_until = NULL")

    async def states(self) -> Counter[str]:
        rows = await self.sql("SELECT state FROM webhook_deliveries")
        return Counter(row["state"] for row in rows)

    async def read(self, endpoint_id: UUID) -> Endpoint:
        found = await self.database.run(lambda tx: tx.webhooks.endpoint(endpoint_id))
        assert found is not None
        return found

    async def pauses(self) -> list[float]:
        rows = await self.sql(
            "SELECT extract(epoch FROM next_at - now())::float8 AS s FROM webhook_deliveries"
            " WHERE state = 'queued' ORDER BY seq"
        )
        return [row["s"] for row in rows]

    async def letters(self) -> list[str]:
        """Return the text of every letter that was written, as its reader gets it."""
        rows = await self.sql("SELECT kind, facts, language, time_zone FROM notices")
        return [
            render(row["kind"], row["facts"], language=row["language"],
                   time_zone=row["time_zone"]).text
            for row in rows
        ]  # fmt: skip

    async def told(self, kind: str) -> set[str]:
        rows = await self.sql("SELECT address FROM notices WHERE kind = $1", kind)
        assert len(rows) == len({row["address"] for row in rows})
        return {row["address"] for row in rows}


@asynccontextmanager
async def stage_with(database: PostgresDatabase, *ports: int) -> AsyncIterator[Stage]:
    async with posting_to(*ports) as post:
        stage = Stage(database, post)

        async def register(tx: Any) -> None:
            for one in (ROOT, OWEN):
                await tx.people.put_person(one, active=True, now=NOW)
            contact = {"channel": "mail", "address": "quality@acme.example"}
            await tx.master.put_vendor(Vendor("acme", "Acme", (contact,)), NOW)

        await database.run(register)
        stage.sender()
        try:
            yield stage
        finally:
            for one in stage.senders:
                await one.drain(0)


def thread(name: str, n: int, **more: Any) -> Message:
    return a_message(thread=name, data={"n": n}, **more)


# ------------------------------------------------------------------------------------- enqueuing


async def test_nothing_is_stored_that_nobody_wants(database: PostgresDatabase) -> None:
    """No endpoint, another vendor's, another type's, a removed one: no row; and one per wanting."""
    async with stage_with(database) as stage:
        await stage.enqueue(a_message())
        assert [] == await stage.sql("SELECT FROM webhook_messages")

        gone = await stage.add(endpoint())
        await database.run(lambda tx: tx.webhooks.remove_endpoint(gone.id, NOW))
        for one in (endpoint("rival"), endpoint(None), endpoint(types=("case.closed",))):
            await stage.add(one)
        await stage.enqueue(a_message())
        assert [] == await stage.sql("SELECT FROM webhook_messages")

        for one in (endpoint(), endpoint(types=("case.released", "case.closed"))):
            await stage.add(one)
        await stage.enqueue(a_message())
        assert Counter(queued=2) == await stage.states()


@pytest.mark.parametrize("endpoints", [0, 3])
async def test_posting_costs_no_round_trip(database: PostgresDatabase, endpoints: int) -> None:
    """A message leaves for the database with the other rows of its change, whoever wants it."""
    statements: list[str] = []
    async with stage_with(database) as stage:
        for _ in range(endpoints):
            await stage.add(endpoint())
        case = await open_case(database)

        async def work(tx: Any) -> None:
            with tx.pooled.query_logger(lambda seen: statements.append(seen.query)):
                await tx.notices.add(notice(case, 1), NOW)
                await tx.webhooks.enqueue(a_message())
                await tx.webhooks.enqueue(a_message())
                await tx.finish()

        await database.run(work)
        assert Counter(queued=2 * endpoints) == await stage.states()

    assert 1 == len(statements)


async def test_a_removed_endpoint_keeps_no_secret(database: PostgresDatabase) -> None:
    """What signed is gone from the database; what waited is given up; the log stays."""
    async with stage_with(database) as stage:
        gone = await stage.add(endpoint())
        await stage.enqueue(a_message())
        await database.run(lambda tx: tx.webhooks.remove_endpoint(gone.id, NOW))
        [row] = await stage.sql("SELECT secret, previous_secret FROM webhook_endpoints")

        assert {"secret": b"", "previous_secret": None} == row
        assert Counter(cancelled=1) == await stage.states()


# ---------------------------------------------------------------------------------------- sending


async def test_messages_of_a_case_arrive_once_and_in_order(database: PostgresDatabase) -> None:
    """Two replicas share the work: each message once, each case in order, one call at a time."""
    at_once, most = [0], [0]

    async def slowly(_: web.Request) -> web.Response:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        await asyncio.sleep(0.002)
        at_once[0] -= 1
        return web.Response()

    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        receiver.then = slowly
        await stage.add(endpoint(url=receiver.url))
        await stage.enqueue(*(thread(f"case:{n % 3}", n) for n in range(30)))
        await asyncio.gather(*(stage.deliver(one) for one in (stage.senders[0], stage.sender())))

        async def all_sent() -> bool:
            await stage.deliver()
            return await stage.states() == Counter(sent=30)

        await until(all_sent, "all sent")
        numbers = [body["data"]["n"] for body in receiver.bodies]
        assert 30 == len(set(receiver.ids)) == len(receiver.ids)
        for case in range(3):
            of_case = [n for n in numbers if n % 3 == case]
            assert sorted(of_case) == of_case
        assert 1 == most[0]
        assert 30 == len(await stage.sql("SELECT FROM webhook_attempts"))


async def test_a_failing_message_holds_up_its_case_only(database: PostgresDatabase) -> None:
    """Later messages of the same case wait behind it; other cases go on."""

    async def refuse_first(request: web.Request) -> web.Response:
        return web.Response(status=500 if b'"n":1}' in await request.read() else 200)

    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        receiver.then = refuse_first
        await stage.add(endpoint(url=receiver.url))
        await stage.enqueue(thread("a", 1), thread("a", 2), thread("b", 3))
        await stage.deliver()
        numbers = [body["data"]["n"] for body in receiver.bodies]
        waits = await stage.pauses()

        receiver.then = None
        await stage.all_due()
        await stage.deliver()

    assert [1, 3] == sorted(numbers)
    assert 4 < waits[0] <= 5
    assert [1, 2] == [body["data"]["n"] for body in receiver.bodies][2:]
    assert receiver.ids[2] in receiver.ids[:2]


def test_the_schedule_is_that_of_the_standard() -> None:
    """Ten attempts over 75 hours, 35 minutes and 5 seconds."""
    assert (10, timedelta(hours=75, minutes=35, seconds=5)) == (
        ATTEMPTS, timedelta(seconds=sum(SCHEDULE))
    )  # fmt: skip


async def test_a_message_is_tried_ten_times_then_given_up(database: PostgresDatabase) -> None:
    """After each failure the next pause of the schedule; the log has every attempt; one id."""
    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        receiver.status = 500
        of = await stage.add(endpoint(url=receiver.url))
        await stage.enqueue(thread("a", 1), thread("a", 2))
        paused = []
        for _ in SCHEDULE:
            await stage.deliver()
            paused.append((await stage.pauses())[0])
            await stage.all_due()
        assert ATTEMPTS - 1 == len(receiver.requests)
        await stage.deliver()
        found = await database.run(lambda tx: tx.webhooks.deliveries(of.id, None, 9))

    first = next(one for _, one in found if one.state == "failed")
    assert [*SCHEDULE] == [pytest.approx(one, abs=1) for one in paused]
    assert 1 == len(set(receiver.ids[:ATTEMPTS]))
    assert [500] * ATTEMPTS == [entry["status"] for entry in first.log]
    assert (ATTEMPTS + 1, 2) == (len(receiver.ids), len(set(receiver.ids)))  # the next one's turn


@pytest.mark.parametrize(
    ("status", "asked", "pause"),
    [(429, "60", 60), (503, "3600", 3600), (429, "1", 5), (503, "99999999", 86_400),
     (500, "60", 5)],
)  # fmt: skip
async def test_retry_after_is_obeyed_within_the_schedule(
    database: PostgresDatabase, status: int, asked: str, pause: float
) -> None:
    """Never sooner than the schedule, never later than its longest pause; all cases wait."""
    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        receiver.status, receiver.headers = status, {"Retry-After": asked}
        await stage.add(endpoint(url=receiver.url))
        await stage.enqueue(thread("a", 1))
        await stage.deliver()
        waits = await stage.pauses()
        await stage.enqueue(thread("b", 2))
        await stage.deliver()

    assert [pytest.approx(pause, abs=1)] == waits
    assert (2 if status == 500 else 1) == len(receiver.requests)


async def test_what_is_due_goes_by_a_moment_that_is_given(database: PostgresDatabase) -> None:
    """Pauses begin and end at the moment that the sender is told, not at the database's."""
    far = datetime(2099, 1, 5, 9, tzinfo=UTC)
    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        stage.now, receiver.status, receiver.headers = far, 429, {"Retry-After": "600"}
        await stage.add(endpoint(url=receiver.url))
        await stage.enqueue(thread("a", 1))
        sender, numbers = stage.sender(moment=lambda: stage.now), []
        for minutes in (0, 9, 2):
            stage.now += timedelta(minutes=minutes)
            await stage.deliver(sender)
            numbers.append(len(receiver.requests))

    assert [1, 1, 2] == numbers


async def test_a_slow_endpoint_holds_up_no_other(database: PostgresDatabase) -> None:
    """However many hang, the living ones get theirs: the failing have half of the places."""
    hang = asyncio.Event()

    async def hanging(_: web.Request) -> web.Response:
        await hang.wait()
        return web.Response()

    async with (
        receiving() as slow, receiving() as quick,
        stage_with(database, slow.port, quick.port) as stage,
    ):
        slow.then = hanging
        sender = stage.sender(parallel=4, deadline=30.0)
        for n in range(6):
            await stage.add(endpoint(url=f"{slow.url}/{n}"))
        await stage.sql(
            "UPDATE webhook_endpoints SET state = 'failing', failing_since = $1", NOW)
        await stage.enqueue(thread("a", 1))

        async def begun() -> bool:
            await sender.deliver_due()
            return len(slow.requests) == 2

        await until(begun, "two of the failing are tried")
        await stage.add(endpoint(url=quick.url))
        await stage.enqueue(thread("b", 2))

        async def arrived() -> bool:
            await sender.deliver_due()
            return bool(quick.requests)

        await until(arrived, "the living one is served")
        assert 2 == len(slow.requests)
        hang.set()


async def test_what_arrived_and_could_not_be_stored_goes_once(database: PostgresDatabase) -> None:
    """The database is away right after the answer: once it is back that is stored, not sent."""
    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        away = _AwayAfter(database, receiver)
        sender = stage.sender(away)
        await stage.add(endpoint(url=receiver.url))
        await stage.enqueue(thread("a", 1))
        await sender.deliver_due()
        await asyncio.wait(list(sender._under_way))
        assert Counter(queued=1) == await stage.states()

        await stage.all_due()  # the lease has run out as well
        away.is_back = True
        await stage.deliver(sender)

        assert (1, Counter(sent=1)) == (len(receiver.requests), await stage.states())
        assert 1 == len(await stage.sql("SELECT FROM webhook_attempts"))


async def test_a_message_that_breaks_the_sender_holds_up_no_other(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours counts as a failed attempt of that message; the others go out."""
    send = HttpPost.send

    async def breaking(post: HttpPost, to: Endpoint, message: Message, **more: Any) -> Any:
        if message.data["n"] == 1:
            raise TypeError("no such fact")
        return await send(post, to, message, **more)

    monkeypatch.setattr(HttpPost, "send", breaking)
    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        of = await stage.add(endpoint(url=receiver.url))
        await stage.enqueue(thread("a", 1), thread("b", 2))
        await stage.deliver()
        found = await database.run(lambda tx: tx.webhooks.deliveries(of.id, None, 9))

    assert [2] == [body["data"]["n"] for body in receiver.bodies]
    assert ["could not be sent: TypeError"] == [one["error"] for one in found[1][1].log]


async def test_stopping_begins_nothing_more(database: PostgresDatabase) -> None:
    """What is under way ends; what waits is left to others."""
    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        await stage.add(endpoint(url=receiver.url))
        await stage.enqueue(*(thread(str(n), n) for n in range(5)))
        assert 1 == await stage.senders[0].deliver_due()
        await stage.senders[0].drain(5)

        assert Counter(queued=4, sent=1) == await stage.states()


class _AwayAfter:
    """A database that is away from the first request of a receiver until it is said to be back."""

    def __init__(self, database: PostgresDatabase, receiver: Any) -> None:
        self.database, self.receiver, self.is_back = database, receiver, False

    async def run(self, work: Any, **more: Any) -> Any:
        from freezeguard.domain.errors import Unavailable

        if self.receiver.requests and not self.is_back:
            raise Unavailable("gone")
        return await self.database.run(work, **more)


async def test_who_lost_the_lease_notes_no_failure(database: PostgresDatabase) -> None:
    """A replica that slept beyond its lease does not overwrite what another has found."""
    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        of = await stage.add(endpoint(url=receiver.url))
        await stage.enqueue(thread("a", 1))
        claimed = await database.run(
            lambda tx: tx.webhooks.claim(timedelta(0), uuid4(), failing_too=True))
        assert claimed is not None
        await stage.deliver()
        noted = await database.run(
            lambda tx: tx.webhooks.failed(claimed, NOW, retry_in=1.0))

        assert (False, "active") == (noted, (await stage.read(of.id)).state)
        assert Counter(sent=1) == await stage.states()


# ------------------------------------------------------------------------------------------- dead


async def test_410_switches_off_at_once_and_people_are_told(database: PostgresDatabase) -> None:
    """No second attempt; vendor, case owner and admin get a mail; what comes later is kept."""
    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        receiver.status = 410
        case = await open_case(database, owner="owen", vendor="acme")
        of = await stage.add(endpoint(url=receiver.url))
        await stage.enqueue(thread("a", 1, case_id=case.id), thread("b", 2))
        await stage.deliver()
        await stage.enqueue(thread("c", 3))
        await stage.all_due()
        await stage.deliver()
        disabled = await stage.read(of.id)

        assert 1 == len(receiver.requests)
        assert ("disabled", NOW) == (disabled.state, disabled.disabled_at)
        assert "410" in disabled.why
        assert Counter(cancelled=3) == await stage.states()
        assert {"quality@acme.example", "root@shop.example", "owen@shop.example"} == (
            await stage.told("webhook_disabled"))


async def _fails_for(stage: Stage, length: timedelta) -> None:
    stage.now = NOW + length
    await stage.all_due()
    await stage.deliver()
    await stage.senders[0].look_after()


async def test_a_dead_endpoint_is_warned_of_then_switched_off_then_caught_up(
    database: PostgresDatabase,
) -> None:
    """A mail after a day, the end after five, all that was missed once it is on again."""
    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        receiver.status = 500
        of = await stage.add(endpoint(url=receiver.url))
        await stage.enqueue(thread("before", 0))
        await _fails_for(stage, timedelta(0))
        assert "failing" == (await stage.read(of.id)).state
        await _fails_for(stage, timedelta(hours=23, minutes=59))
        assert set() == await stage.told("webhook_failing")
        await _fails_for(stage, timedelta(hours=24))
        assert {"quality@acme.example", "root@shop.example"} == await stage.told("webhook_failing")

        await _fails_for(stage, timedelta(hours=119))
        await stage.enqueue(thread("during", 1))
        assert set() == await stage.told("webhook_disabled")
        await _fails_for(stage, timedelta(hours=120))
        disabled = await stage.read(of.id)
        assert ("disabled", True) == (disabled.state, "nothing but failure since" in disabled.why)
        assert {"quality@acme.example", "root@shop.example"} == await stage.told("webhook_disabled")
        await stage.enqueue(thread("after", 2))
        tried = len(receiver.requests)
        await _fails_for(stage, timedelta(hours=121))
        assert tried == len(receiver.requests)

        receiver.status = 200
        missed = set(receiver.ids)
        receiver.requests.clear()
        await stage.endpoints.change(ROOT, of.id, active=True)
        await stage.deliver()
        assert [0, 1, 2] == sorted(body["data"]["n"] for body in receiver.bodies)
        assert missed <= set(receiver.ids)
        well = await stage.read(of.id)
        assert ("active", "", None) == (well.state, well.why, well.failing_since)
        letters = await stage.letters()
        assert 4 == len(letters)
        assert all(receiver.url in one and "answered 500" in one for one in letters)
        assert 2 == sum("25 November 2026, 12:00" in " ".join(one.split()) for one in letters)


async def test_nobody_is_switched_off_unwarned(database: PostgresDatabase) -> None:
    """Where we were away ourselves, the warning comes first, and a day to act on it."""
    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        receiver.status = 500
        of = await stage.add(endpoint(url=receiver.url))
        await stage.enqueue(thread("a", 1))
        seen = []
        for length in (0, 200, 223, 224):
            await _fails_for(stage, length * HOUR)
            one = await stage.read(of.id)
            seen.append((one.state, one.warned_at is not None))

    assert [("failing", False), ("failing", True), ("failing", True), ("disabled", True)] == seen


async def test_one_success_begins_anew(database: PostgresDatabase) -> None:
    """Five days of nothing but failure are meant: a success in between counts."""
    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        of = await stage.add(endpoint(url=receiver.url))
        await stage.enqueue(*(thread(str(n), n) for n in range(3)))
        for hours, status in ((0, 500), (100, 200), (101, 200)):
            receiver.status = status
            await _fails_for(stage, hours * HOUR)
        receiver.status = 500
        await stage.enqueue(thread("new", 9))
        await _fails_for(stage, 119 * HOUR)
        await _fails_for(stage, 130 * HOUR)
        one = await stage.read(of.id)

    assert ("failing", NOW + 119 * HOUR, None) == (one.state, one.failing_since, one.warned_at)


# ----------------------------------------------------------------------------------------- replay


async def test_a_replay_sends_exactly_the_gap(database: PostgresDatabase) -> None:
    """[since, until) of what did not arrive; with `also_sent` what did as well; the same ids."""
    async with receiving() as receiver, stage_with(database, receiver.port) as stage:
        of = await stage.add(endpoint(url=receiver.url, types=("case.released",)))
        other = await stage.add(endpoint(url=receiver.url + "/other"))
        sent = [thread("a", n, at=NOW + n * HOUR) for n in range(6)]
        await stage.enqueue(*sent, thread("a", 9, type="case.closed", at=NOW + 2 * HOUR))
        await database.run(lambda tx: tx.webhooks.cancel_queued(other.id, NOW))
        await stage.deliver()
        await stage.sql(
            "UPDATE webhook_deliveries SET state = 'failed' WHERE endpoint_id = $1 AND thread = 'a'"
            " AND message_id = ANY ($2)", of.id, [sent[n].id for n in (1, 2, 4)])
        stage.now = NOW + 10 * HOUR

        async def replayed(since: int, until: int | None, **more: Any) -> list[int]:
            receiver.requests.clear()
            end = None if until is None else NOW + until * HOUR
            count = await stage.endpoints.replay(
                ROOT, of.id, NOW + since * HOUR, end, **{"also_sent": False, **more})
            await stage.deliver()
            assert count == len(receiver.requests)
            assert {one.webhook_id for one in sent} >= set(receiver.ids)
            return [body["data"]["n"] for body in receiver.bodies]

        assert [1, 2] == await replayed(1, 4)
        assert [] == await replayed(1, 4)
        assert [4] == await replayed(0, None)
        assert [0, 1] == await replayed(0, 2, also_sent=True)
        assert Counter(sent=6, cancelled=7) == await stage.states()
