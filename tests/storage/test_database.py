"""Transactions: whole or not at all, within a deadline, again where asked, and healing."""

import asyncio
import os
import signal as signals
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from freezeguard.detection.governor import Charge
from freezeguard.domain.errors import GuardFailed, Unavailable
from freezeguard.ports.rows import Sku
from freezeguard.ports.storage import Database, Transaction
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import EmbeddedServer, OwnerAndRuntimeDsns, prepare_database
from freezeguard.storage.migrations import migrate
from freezeguard.storage.transaction import PostgresTransaction
from tests.storage.conftest import scratch, server_pids
from tests.storage.makers import NOW, case, hold, notice, open_case, signal, store

SLEEP = "SELECT pg_sleep(30)"
ASK_AGAIN = "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '{}'; END $$"


async def say(database: PostgresDatabase, text: str, **how: float) -> object:
    return await database.run(lambda tx: tx.connection.fetchval(text), **how)


async def small(dsn: str, **more: float) -> PostgresDatabase:
    given = {"min_size": 1, "max_size": 1, "acquire_timeout": 0.2}
    return await PostgresDatabase.connect(dsn, **(given | more))  # type: ignore[arg-type]


def test_the_database_fits_its_port() -> None:
    """Services may be given the real database wherever the port is asked for."""
    as_port: Callable[[PostgresDatabase], Database] = lambda one: one  # noqa: E731 - checked by mypy

    assert as_port is not None


async def test_connections_are_set_up(database: PostgresDatabase) -> None:
    """Every connection has its limits on the server too, and speaks UTC and JSON types."""

    async def work(tx: PostgresTransaction) -> list[object]:
        names = ("jit", "statement_timeout", "lock_timeout", "application_name", "timezone",
                 "idle_in_transaction_session_timeout", "transaction_isolation")  # fmt: skip
        return [await tx.connection.fetchval(f"SHOW {name}") for name in names]

    longer = await say(database, "SHOW statement_timeout", deadline=7)
    after = await say(database, "SHOW statement_timeout")

    assert ["off", "5s", "2s", "freezeguard", "UTC", "4s", "read committed"] == (
        await database.run(work)
    )
    assert ("7s", "5s") == (longer, after)
    assert {"a": [1, "ü", None]} == await say(
        database, """SELECT '{"a": [1, "ü", null]}'::jsonb"""
    )


async def test_refused_work_leaves_nothing_behind(database: PostgresDatabase) -> None:
    """Where the work raises, nothing of it is stored, and the caller gets the error itself."""

    async def work(tx: Transaction) -> None:
        await tx.signals.store([signal()], [b""], NOW)
        await tx.record.write(NOW, "detector", "x", "y")
        raise GuardFailed(["no"])

    with pytest.raises(GuardFailed):
        await database.run(work)

    assert 0 == await say(database, "SELECT count(*) FROM signals")
    assert 0 == await say(database, "SELECT count(*) FROM audit")


@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_work_is_repeated_where_the_database_asks(
    code: str, database: PostgresDatabase
) -> None:
    """Serialisation failures and deadlocks are tried again, each time from the start."""
    tries = 0

    async def work(tx: PostgresTransaction) -> int:
        nonlocal tries
        tries += 1
        await tx.record.write(NOW, "detector", "x", "y")
        if tries < 5:
            await tx.connection.execute(ASK_AGAIN.format(code))
        return tries

    assert 5 == await database.run(work)
    assert 1 == await say(database, "SELECT count(*) FROM audit")


async def test_repetition_ends(database: PostgresDatabase) -> None:
    """Work that the database never accepts ends as unavailable, with pauses in between."""
    tries = 0

    async def work(tx: PostgresTransaction) -> None:
        nonlocal tries
        tries += 1
        await tx.connection.execute(ASK_AGAIN.format("40001"))

    with pytest.raises(Unavailable) as caught:
        await database.run(work)

    assert 5 == tries
    assert 1.0 == caught.value.retry_after


async def test_a_real_deadlock_harms_nobody(database: PostgresDatabase) -> None:
    """Two transactions that wait for each other both succeed in the end."""
    await store(database, signal("a"), signal("b"))
    met = asyncio.Barrier(2)
    first_time = {"a": True, "b": True}

    async def lock(mine: str, other: str) -> str:
        async def work(tx: Transaction) -> str:
            await tx.signals.lock_sku(mine)
            if first_time.pop(mine, False):
                await met.wait()
            await tx.signals.lock_sku(other)
            return mine

        return await database.run(work)

    assert ["a", "b"] == await asyncio.gather(lock("a", "b"), lock("b", "a"))


async def test_new_columns_do_not_disturb_running_code(
    database: PostgresDatabase, migrated_dsns: OwnerAndRuntimeDsns
) -> None:
    """A migration that adds a column while the service runs is not noticed by users."""
    of = await open_case(database)
    owner = await asyncpg.connect(migrated_dsns.owner)
    await owner.execute("ALTER TABLE cases ADD COLUMN brand_new text")
    await owner.close()

    assert of == await database.run(lambda tx: tx.cases.get(of.id))


# ------------------------------------------------------------------------ savepoints, deferral


async def test_guarded_work_is_undone_alone(database: PostgresDatabase) -> None:
    """Where guarded work raises, its rows are gone, also those not sent yet; the rest stays."""
    of = await open_case(database)

    async def work(tx: Transaction) -> int:
        await tx.record.write(NOW, "detector", "before", "x")

        async def fail() -> None:
            await tx.record.write(NOW, "detector", "sent", "x")
            await tx.record.entries(None, None, 9)
            await tx.record.write(NOW, "detector", "waiting", "x")
            await tx.holds.reserve_revision()
            await tx.notify("lost")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await tx.guarded(fail)

        async def succeed() -> int:
            await tx.record.write(NOW, "detector", "guarded", "x")
            return await tx.holds.next_revision()

        revision = await tx.guarded(succeed)
        await tx.holds.insert(hold(of, revision))
        return revision

    revision = await database.run(work)
    entries = await database.run(lambda tx: tx.record.entries(None, None, 9))

    assert 1 == revision == await database.run(lambda tx: tx.holds.current_revision())
    assert ["guarded", "before"] == [one["action"] for one in entries]


async def test_violated_constraints_speak_the_domains_words(database: PostgresDatabase) -> None:
    """Inside guarded work, too, a violation arrives as the domain's error."""
    of = await open_case(database)

    async def work(tx: Transaction) -> str:
        async def twice() -> None:
            await tx.holds.insert(hold(of, 1))
            await tx.holds.insert(hold(of, 2))

        try:
            await tx.guarded(twice)
        except Exception as error:  # noqa: BLE001 - its class is the question
            return type(error).__name__
        return "nothing"

    assert "VersionConflict" == await database.run(work)


async def test_a_row_not_sent_yet_is_seen_by_every_look(database: PostgresDatabase) -> None:
    """Whatever a transaction has added, it reads: deferring writes shows nowhere."""
    of = await open_case(database)

    async def work(tx: Transaction) -> list[int]:
        made = hold(of, await tx.holds.next_revision())
        await tx.holds.insert(made)
        seen = [len(await tx.holds.in_force("kettle"))]
        await tx.notices.add(notice(of, 1), NOW)
        seen.append(len(await tx.notices.of_case(of.id)))
        await tx.cases.start_clock(uuid4(), of, "confirm", NOW, NOW)
        await tx.cases.start_clock(uuid4(), of, "confirm", NOW, NOW)
        seen.append(len(await tx.cases.clocks(of.id)))
        for command in ("suspect", "freeze"):
            await tx.cases.add_event(of, NOW, "person:ann", command, None, {})
        seen.append(len(await tx.cases.pullers(of.id)))
        await tx.detection.spend(of, NOW, "shop", None)
        long_ago = of.opened_at.replace(year=2020)
        slot = await tx.holds.take_slot(
            Sku(of.scope.sku), Charge("quality", "shop"), long_ago, long_ago, None, 0)
        seen.append(slot.spent.by_source)
        await tx.notices.add(notice(of, 9), NOW)
        return [*seen, *(one.n for one in await tx.notices.of_case(of.id))]

    assert [1, 1, 1, 1, 1, 1, 2] == await database.run(work)


async def test_no_statement_overtakes_a_case(database: PostgresDatabase) -> None:
    """A case that is not written yet is there for every statement, known to us or not."""
    counted = "SELECT count(*) FROM cases"

    async def work(tx: Transaction) -> list[int]:
        seen = [await tx.connection.fetchval(counted)]
        for number, ask in enumerate((
            lambda: tx.connection.fetch(counted),
            lambda: tx.connection.fetchrow(counted),
            lambda: tx.connection.execute("DELETE FROM waivers"),
            lambda: tx.connection.copy_records_to_table(
                "sku_tallies", records=[("kettle", 0)], columns=("sku", "signals")),
        )):
            announced = await tx.cases.announce()
            await tx.cases.insert(case(f"sku {number}", number=announced.number))
            await ask()
            seen.append(await tx.pooled.fetchval(counted))
        return seen

    assert [0, 1, 2, 3, 4] == await database.run(work)


async def test_a_case_without_a_number_of_ours_is_refused(database: PostgresDatabase) -> None:
    """Nobody opens two cases under one number."""

    async def work(tx: Transaction) -> None:
        announced = await tx.cases.announce()
        await tx.cases.insert(case("kettle", number=announced.number))
        await tx.cases.insert(case("pan", number=announced.number))

    with pytest.raises(asyncpg.UniqueViolationError):
        await database.run(work)


# ---------------------------------------------------------------------------------- deadlines


async def test_slow_work_ends_at_its_deadline(migrated_dsns: OwnerAndRuntimeDsns) -> None:
    """At its deadline work is cut off as unavailable; its connection is replaced, not reused."""
    database = await small(migrated_dsns.runtime)
    begun = time.monotonic()

    with pytest.raises(Unavailable):
        await say(database, SLEEP, deadline=0.2)

    took = time.monotonic() - begun
    assert 1 == await say(database, "SELECT 1")
    await until_nothing_sleeps(migrated_dsns)
    await database.close()
    assert 0.2 <= took < 0.6


async def until_nothing_sleeps(dsns: OwnerAndRuntimeDsns) -> None:
    """A statement whose client has gone must end on the server too."""
    watcher = await asyncpg.connect(dsns.runtime)
    text = "SELECT count(*) FROM pg_stat_activity WHERE query = $1 AND state = 'active'"
    async with asyncio.timeout(3.5):  # statement_timeout alone would take 5 s
        while await watcher.fetchval(text, SLEEP):
            await asyncio.sleep(0.05)
    await watcher.close()


@pytest.mark.parametrize(
    "trouble",
    [
        "SET LOCAL statement_timeout = '20ms'; SELECT pg_sleep(5)",
        "SET LOCAL lock_timeout = '20ms'; SELECT FROM held_set FOR UPDATE",
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SET TRANSACTION READ ONLY; UPDATE held_set SET revision = 0",
        "SET LOCAL idle_in_transaction_session_timeout = '1ms'; SELECT pg_sleep(0.01)",
    ],
)
async def test_trouble_of_the_database_is_unavailability(
    trouble: str, database: PostgresDatabase
) -> None:
    """Whatever ails the database is one error to callers, and the next transaction works."""
    locked, done = asyncio.Event(), asyncio.Event()

    async def hold_lock(tx: Transaction) -> None:
        await tx.holds.next_revision()
        locked.set()
        await done.wait()

    async def work(tx: PostgresTransaction) -> None:
        await tx.connection.execute(trouble)
        await asyncio.sleep(0.05)
        await tx.connection.execute("SELECT 1")

    holder = asyncio.create_task(database.run(hold_lock))
    await locked.wait()
    try:
        with pytest.raises(Unavailable):
            await database.run(work)
    finally:
        done.set()
        await holder

    assert 1 == await database.run(lambda tx: tx.holds.current_revision())


async def test_cancelled_work_is_undone(migrated_dsns: OwnerAndRuntimeDsns) -> None:
    """A caller that goes away leaves neither rows nor a connection inside a transaction."""
    database = await small(migrated_dsns.runtime)
    begun = asyncio.Event()

    async def work(tx: Transaction) -> None:
        await tx.holds.next_revision()
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(database.run(work))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert 1 == await database.run(lambda tx: tx.holds.next_revision())
    await database.close()


async def test_a_freeze_by_hand_does_not_queue(migrated_dsns: OwnerAndRuntimeDsns) -> None:
    """While slow work holds every connection others are refused soon, and urgent work runs."""
    database = await small(migrated_dsns.runtime)
    begun, done = asyncio.Event(), asyncio.Event()

    async def report(tx: Transaction) -> None:
        await tx.holds.current_revision()
        begun.set()
        await done.wait()

    slow = asyncio.create_task(database.run(report))
    await begun.wait()
    start = time.monotonic()
    with pytest.raises(Unavailable, match="busy"):
        await say(database, "SELECT 1")
    refused_after = time.monotonic() - start
    urgent = await database.run(lambda tx: tx.holds.next_revision(), urgent=True)
    done.set()
    await slow
    await database.close()

    assert 1 == urgent
    assert 0.2 <= refused_after < 0.6


async def test_a_warm_pool_asks_for_no_types(migrated_dsns: OwnerAndRuntimeDsns) -> None:
    """The first freeze on any connection finds it open, and its types known."""
    asked: list[str] = []

    async def first_look(tx: PostgresTransaction) -> int:
        with tx.pooled.query_logger(lambda record: asked.append(record.query)):
            await tx.master.prelude("kettle")
        return int(await tx.connection.fetchval("SELECT pg_backend_pid()"))

    database = await PostgresDatabase.connect(migrated_dsns.runtime, min_size=1, max_size=3)
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    before = await say(database, query)
    await database.warm_up()
    after = await say(database, query)
    urgent = await database.run(first_look, urgent=True)
    usual = await database.run(first_look)
    await database.close()

    assert (2, 5) == (before, after)
    assert urgent != usual
    assert 2 == len(asked)


async def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """Opening the pool without a server says so in the domain's words."""
    with pytest.raises(Unavailable):
        await PostgresDatabase.connect(f"postgresql://x@/x?host={tmp_path}&port=1")


async def test_a_wrong_password_is_no_passing_trouble(migrated_dsns: OwnerAndRuntimeDsns) -> None:
    """Bad credentials are told as they are: repeating would not help."""
    wrong = migrated_dsns.runtime.replace("@", "x@", 1)

    with pytest.raises(asyncpg.InvalidPasswordError):
        await PostgresDatabase.connect(wrong)


# ------------------------------------------------------------------- a server that goes away


@dataclass(frozen=True)
class OwnServer:
    """A server of our own, to be restarted and stopped."""

    place: Path
    endpoint_data: Path
    dsns: OwnerAndRuntimeDsns

    def restart(self) -> None:
        """What `restart -m fast` does; the keeper starts it again."""
        pid = int((self.endpoint_data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signals.SIGINT)

    def send(self, number: signals.Signals) -> None:
        for pid in server_pids(self.place):
            os.kill(pid, number)


@pytest.fixture(scope="module")
def own_server() -> Iterator[OwnServer]:
    with scratch() as place:
        server = asyncio.run(EmbeddedServer.attach(place, test_mode=True))
        dsns = asyncio.run(_migrated(server))
        yield OwnServer(place, server.endpoint.data_dir, dsns)
        asyncio.run(server.close())


async def _migrated(server: EmbeddedServer) -> OwnerAndRuntimeDsns:
    dsns = await prepare_database(server.endpoint, "own")
    await migrate(dsns.owner)
    return dsns


@pytest.fixture
async def pool(own_server: OwnServer) -> AsyncIterator[PostgresDatabase]:
    opened = await PostgresDatabase.connect(own_server.dsns.runtime, min_size=5, max_size=5)
    yield opened
    await opened.close()


async def first_answer(work: Callable[[], Awaitable[object]], seconds: float) -> float:
    """Repeat work, as clients do on 503, until it is done; return how long that took."""
    begun = time.monotonic()
    async with asyncio.timeout(seconds):
        while True:
            try:
                await work()
            except Unavailable:
                await asyncio.sleep(0.02)
            else:
                return time.monotonic() - begun


async def test_the_pool_heals_after_a_restart(
    own_server: OwnServer, pool: PostgresDatabase
) -> None:
    """Under a restart callers see unavailability only, and soon after it all is as before."""
    await asyncio.gather(*(say(pool, "SELECT pg_sleep(0.01)") for _ in range(5)))
    before = await say(pool, "SELECT pg_postmaster_start_time()")

    own_server.restart()
    async with asyncio.timeout(20):
        while True:
            try:
                if before != await say(pool, "SELECT pg_postmaster_start_time()"):
                    break
            except Unavailable:
                await asyncio.sleep(0.01)
    begun = time.monotonic()
    answers = await asyncio.gather(*(say(pool, "SELECT 1") for _ in range(20)))

    assert [1] * 20 == answers
    assert time.monotonic() - begun < 2


async def test_idle_connections_that_died_are_not_noticed(
    own_server: OwnServer, pool: PostgresDatabase
) -> None:
    """Killed while idle, each connection is replaced before any work begins."""
    await asyncio.gather(*(say(pool, "SELECT pg_sleep(0.01)") for _ in range(5)))
    watcher = await asyncpg.connect(own_server.dsns.runtime)
    await watcher.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND usename = current_user"
    )
    await watcher.close()

    assert [1] * 10 == await asyncio.gather(*(say(pool, "SELECT 1") for _ in range(10)))


async def test_a_hanging_server_hangs_nobody(own_server: OwnServer, pool: PostgresDatabase) -> None:
    """While PostgreSQL does not respond every caller hears so at the deadline, queued ones too."""
    own_server.send(signals.SIGSTOP)
    try:
        begun = time.monotonic()
        outcomes = await asyncio.gather(
            *(say(pool, "SELECT 1", deadline=0.5) for _ in range(12)), return_exceptions=True
        )
        took = time.monotonic() - begun
    finally:
        own_server.send(signals.SIGCONT)
    healed = await first_answer(lambda: say(pool, "SELECT 1"), 10)

    assert [Unavailable] * 12 == [type(one) for one in outcomes]
    assert took < 1.5
    assert healed < 3
