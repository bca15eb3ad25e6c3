"""The chain over a real record: nothing missed, nothing doubled, no change unnoticed."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from aiohttp import web

from freezeguard.bootstrap.auditchecks import check_audit
from freezeguard.bootstrap.settings import AuditSettings, Settings
from freezeguard.bootstrap.surroundings import random_bytes
from freezeguard.domain.auditchain import Anchor
from freezeguard.domain.auditverification import Report, What
from freezeguard.domain.errors import Unavailable
from freezeguard.notices.anchorpost import AnchorPost
from freezeguard.ports.metrics import NoMetrics
from freezeguard.services.records import auditchain
from freezeguard.services.records.auditchain import Anchoring, AuditReading, Chaining
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from freezeguard.storage.journal import FileJournal

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
INSERT = """
    INSERT INTO audit (at, actor, action, subject, why, details)
    VALUES (now(), 'person:ann', 'comment', $1, '', $2)
"""


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


class Shop:
    """One database with a record, its chain and its anchors."""

    def __init__(self, database: PostgresDatabase, place: Path) -> None:
        self.database, self.clock = database, Clock()
        self.file = place / "anchors.ndjson"
        self.chaining = self.another_chaining()
        self.anchoring = self.another_anchoring()
        self.reading = AuditReading(database, self.anchoring, lambda: datetime.now(UTC))

    def another_chaining(self) -> Chaining:
        """Another replica's."""
        return Chaining(self.database, random_bytes, NoMetrics(), self.clock)

    def another_anchoring(self, post=None) -> Anchoring:
        """Another replica's, or the same after a restart."""
        return Anchoring(self.database, FileJournal(self.file), post, timedelta(minutes=5), 100,
                         NoMetrics(), self.clock)

    async def write(self, number: int, subject: str = "rule:r") -> None:
        """Write so many rows."""
        await self.database.run(
            lambda tx: tx.connection.execute(
                "INSERT INTO audit (at, actor, action, subject, details) "
                "SELECT now(), 'person:ann', 'comment', $1, jsonb_build_object('n', n, 'x', 1.50)"
                "  FROM generate_series(1, $2::integer) AS n", subject, number
            )
        )

    async def chain(self) -> int:
        """Chain until there is nothing left; return how many."""
        total = 0
        while number := await self.chaining.step():
            total += number
        return total

    async def verify(self) -> Report:
        """Verify with the anchors of the file."""
        return (await self.reading.verify()).report

    async def chained_seqs(self) -> list[int]:
        """The rows in the order of their positions."""
        rows = await self.database.run(
            lambda tx: tx.connection.fetch("SELECT audit_seq FROM audit_chain ORDER BY position")
        )
        return [row["audit_seq"] for row in rows]


@pytest.fixture
async def shop(database: PostgresDatabase, tmp_path: Path) -> Shop:
    """A record of 20 rows that are chained and anchored."""
    made = Shop(database, tmp_path)
    await made.write(20)
    await made.chain()
    await made.anchoring.step()
    return made


@pytest.fixture
async def owner(
    migrated_dsns: OwnerAndRuntimeDsns,
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Somebody who owns the tables and has switched their triggers off."""
    connection = await asyncpg.connect(migrated_dsns.owner)
    await connection.execute(
        "ALTER TABLE audit DISABLE TRIGGER USER; ALTER TABLE audit_chain DISABLE TRIGGER USER"
    )
    yield connection
    await connection.close()


def found(report: Report) -> list[tuple[What, int | None, int | None]]:
    """What was found, and where."""
    return [(one.what, one.position, one.seq) for one in report.findings]


# --------------------------------------------------------------------------------------- chaining


async def test_every_row_is_chained_once_in_order(shop: Shop) -> None:
    """All rows of all batches, in their order; a further step does nothing."""
    await shop.write(600)
    number = await shop.chain()

    assert (600, 0) == (number, await shop.chaining.step())
    assert list(range(1, 621)) == await shop.chained_seqs()
    assert (await shop.verify()).is_sound


async def test_what_commits_late_is_chained_late(shop: Shop, dsns: OwnerAndRuntimeDsns) -> None:
    """Of two open transactions the one with the lower number commits last: it is not missed."""
    first, second = [await asyncpg.connect(dsns.runtime) for _ in range(2)]
    early, late = first.transaction(), second.transaction()
    await early.start()
    await first.execute(INSERT, "case:low", "{}")
    await late.start()
    await second.execute(INSERT, "case:high", "{}")
    await late.commit()
    before = await shop.chain()
    await early.commit()
    after = await shop.chain()
    await asyncio.gather(first.close(), second.close())

    assert (1, 1) == (before, after)
    assert [22, 21] == (await shop.chained_seqs())[-2:]
    assert (await shop.verify()).is_sound


async def test_what_commits_very_late_is_found_by_the_sweep(
    shop: Shop, dsns: OwnerAndRuntimeDsns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row far below the newest ones is found as well, however many came after it."""
    monkeypatch.setattr(auditchain, "RECENT", 10)
    monkeypatch.setattr(auditchain, "SLICE", 7)
    connection = await asyncpg.connect(dsns.runtime)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(INSERT, "case:low", "{}")
    await shop.write(200)
    await shop.chain()
    await transaction.commit()
    await connection.close()

    steps = 0
    while 21 not in await shop.chained_seqs():
        await shop.chaining.step()
        steps += 1
        assert steps < 100

    assert 21 == (await shop.chained_seqs())[-1]
    assert (await shop.verify()).is_sound


async def test_a_transaction_that_was_undone_leaves_no_hole(shop: Shop) -> None:
    """Numbers that nobody committed are no gap in the chain."""
    with pytest.raises(ZeroDivisionError):
        await shop.database.run(_fails_after_writing)
    await shop.write(1)
    await shop.chain()

    assert [20, 22] == (await shop.chained_seqs())[-2:]
    assert (await shop.verify()).is_sound


async def _fails_after_writing(tx) -> None:
    await tx.record.write(START, "ann", "comment", "case:x")
    await tx.finish()
    raise ZeroDivisionError


async def test_replicas_that_chain_at_once_make_one_chain(shop: Shop) -> None:
    """Three replicas over rows that keep coming: each row once, no fork."""
    replicas = [shop.another_chaining() for _ in range(3)]

    async def work(one: Chaining) -> None:
        for _ in range(12):
            await asyncio.gather(one.step(), shop.write(15))

    await asyncio.gather(*map(work, replicas))
    await shop.chain()
    seqs = await shop.chained_seqs()

    assert 20 + 3 * 12 * 15 == len(seqs) == len(set(seqs))
    assert (await shop.verify()).is_sound


async def test_a_kill_between_and_within_batches_loses_and_doubles_nothing(shop: Shop) -> None:
    """Cut off wherever it is: what was not committed is chained by the next one, once."""
    await shop.write(1500)
    for moment in (0.0, 0.002, 0.005, 0.01, 0.02, 0.04):
        task = asyncio.create_task(shop.another_chaining().step())
        await asyncio.sleep(moment)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await shop.chain()

    assert list(range(1, 1521)) == await shop.chained_seqs()
    assert (await shop.verify()).is_sound


CHAIN_FOR_EVER = """
import asyncio, sys
from datetime import UTC, datetime
from freezeguard.bootstrap.surroundings import random_bytes, utc_now
from freezeguard.ports.metrics import NoMetrics
from freezeguard.services.records.auditchain import Chaining
from freezeguard.storage.database import PostgresDatabase

async def main():
    database = await PostgresDatabase.connect(sys.argv[1], min_size=1)
    chaining = Chaining(database, random_bytes, NoMetrics(), utc_now)
    while True:
        print(await chaining.step(), flush=True)

asyncio.run(main())
"""


async def test_a_replica_that_is_killed_while_it_chains_leaves_whole_batches(
    shop: Shop, dsns: OwnerAndRuntimeDsns
) -> None:
    """A kill -9 of the process in the middle: batches are whole or not there, and others go on."""
    await shop.write(3000)
    for batches in (1, 3):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHAIN_FOR_EVER, dsns.runtime, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        async with asyncio.timeout(30):
            for _ in range(batches):
                await process.stdout.readline()
        process.kill()
        await process.wait()

        assert 20 == len(await shop.chained_seqs()) % auditchain.BATCH
    await shop.chain()

    assert list(range(1, 3021)) == await shop.chained_seqs()
    assert (await shop.verify()).is_sound


async def test_any_details_verify_after_the_database_had_them(shop: Shop) -> None:
    """Numbers, letters and keys that PostgreSQL writes in its own way don't break the chain."""
    awkward = json.loads(
        '{"b": 1.10, "a": 1e25, "é": "\\u2028\\ud83d\\ude00", "": [[], {}], "aa": -0.0,'
        ' "n": 0.1000000000000000055511151231257827, "q": "\\"\\\\\\n",'
        ' "big": 123456789012345678901}'
    )
    await shop.database.run(lambda tx: tx.record.write(START, "ann", "a", "rule:r",
                                                       why="ü\n", details=awkward))
    await shop.chain()

    assert (await shop.verify()).is_sound


async def test_a_rows_chain_is_verified_quickly(shop: Shop, record_property) -> None:
    """2,000 rows are verified well under a second, page by page."""
    await shop.write(1980)
    begun = time.perf_counter()
    await shop.chain()
    between = time.perf_counter()
    report = await shop.verify()
    seconds = time.perf_counter() - between
    record_property("figure", f"chained {1980 / (between - begun):,.0f} rows/s, verified 2,000 "
                              f"in {seconds:.3f} s")

    assert (2000, True) == (report.checked, report.is_sound)
    assert seconds < 1


# ---------------------------------------------------------------------------------------- tampering


async def test_an_edit_is_found(shop: Shop, owner) -> None:
    """The owner of the table changes who did it."""
    await owner.execute("UPDATE audit SET actor = 'person:eve' WHERE seq = 7")

    assert [(What.EDITED, 7, 7)] == found(await shop.verify())


async def test_a_deletion_is_found(shop: Shop, owner) -> None:
    """A row in the middle, and a row with its link."""
    await owner.execute("DELETE FROM audit WHERE seq IN (7, 9)")
    await owner.execute("DELETE FROM audit_chain WHERE position = 9")

    assert [(What.DELETED, 7, 7), (What.MISSING_LINK, 9, None)] == found(await shop.verify())


async def test_a_reordering_is_found(shop: Shop, owner) -> None:
    """Two rows change places."""
    await owner.execute(
        "UPDATE audit SET details = (SELECT details FROM audit AS other"
        " WHERE other.seq = 18 - audit.seq) WHERE seq IN (8, 10)"
    )

    assert [(What.MOVED, 8, 8), (What.MOVED, 10, 10)] == found(await shop.verify())


async def test_a_row_put_in_is_found(shop: Shop, owner) -> None:
    """A row with a number in a gap, hours later: chained or not, it is no late commit."""
    await owner.execute("SELECT setval('audit_seq_seq', 30)")
    await shop.write(1)
    await shop.chain()
    planted = ("INSERT INTO audit (seq, at, actor, action, subject) OVERRIDING SYSTEM VALUE "
               "VALUES (25, now(), 'person:eve', 'comment', 'case:x')")
    await owner.execute(planted)
    shop.reading = AuditReading(shop.database, shop.anchoring,
                                lambda: datetime.now(UTC) + timedelta(hours=3))

    assert [(What.INSERTED, None, 25)] == found(await shop.verify())


PLANT = ("INSERT INTO audit (seq, at, actor, action, subject) OVERRIDING SYSTEM VALUE "
         "VALUES ($1, now(), 'person:eve', 'comment', 'case:x')")


async def test_no_number_stalls_the_chain_or_goes_unnoticed(shop: Shop, owner) -> None:
    """Rows with numbers before the first and far ahead: chained, told, and in nobody's way."""
    await owner.execute("ALTER TABLE audit DROP CONSTRAINT audit_numbers_rise_from_one")
    planted = (-(2**62), -100, 0, 4 * 10**18, 2**63 - 1)
    await shop.write(3)
    await shop.chain()
    for seq in planted:
        await owner.execute(PLANT, seq)
    async with asyncio.timeout(30):
        waiting = await shop.reading.unchained()
        await shop.another_chaining().step()
        await shop.write(250)
        chaining = shop.another_chaining()
        for _ in range(8):
            await chaining.step()
        verified = await shop.reading.verify()

    assert [-(2**62), -100, 0] == list(waiting.seqs)
    assert {(What.INSERTED, seq) for seq in planted} == {
        (one.what, one.seq) for one in verified.report.findings
    }
    assert (True, 20 + 3 + 5 + 250) == (verified.is_complete, verified.report.checked)


async def test_what_waits_is_counted_beside_a_number_far_ahead(shop: Shop, owner) -> None:
    """`doctor` and the metrics see rows that nobody chains, whatever the highest number is."""
    await shop.write(150)
    await owner.execute(PLANT, 4 * 10**18)
    await shop.chain()
    await shop.write(7)
    rows, oldest = await shop.database.run(lambda tx: tx.chain.backlog())

    assert (7, True) == (rows, oldest is not None)


async def test_a_verification_says_how_far_it_came(shop: Shop, owner) -> None:
    """When its time is up it tells what it has looked at, and calls nothing cut off."""
    await shop.write(350)
    await shop.chain()
    await shop.anchoring.step()
    await owner.execute("ALTER TABLE audit DISABLE TRIGGER USER")
    await owner.execute("DELETE FROM audit WHERE seq IN (1, 349)")
    ended, whole = await shop.reading.verify(0.0), await shop.reading.verify()

    assert (False, True) == (ended.is_complete, whole.is_complete)
    assert ended.report.checked < whole.report.checked == whole.report.last_anchored
    assert {What.DELETED} == {one.what for one in whole.report.findings}
    assert set(ended.report.findings) <= set(whole.report.findings)


async def test_verifications_wait_for_one_another_and_not_for_ever(shop: Shop) -> None:
    """A second one at the same time is told to come again."""
    await shop.write(3)
    held = asyncio.Event()
    page = shop.reading.page

    async def slow(after: int, limit: int) -> auditchain.Page:
        await held.wait()
        return await page(after, limit)

    shop.reading.page = slow  # type: ignore[method-assign]  # a slow database
    first = asyncio.create_task(shop.reading.verify())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await shop.reading.verify(0.05)
    held.set()

    assert (await first).is_complete


async def test_a_cut_end_is_found_by_an_anchor_alone(shop: Shop, owner) -> None:
    """The chain is sound and short; the anchor knows how much is missing."""
    await owner.execute("DELETE FROM audit WHERE seq > 15")
    await owner.execute("DELETE FROM audit_chain WHERE position > 15")
    with_anchor = await shop.verify()
    shop.file.unlink()
    without = await shop.verify()

    assert [(What.CUT, 16, None)] == found(with_anchor)
    assert without.is_sound


async def test_a_chain_written_anew_is_found_by_an_anchor_alone(shop: Shop, owner) -> None:
    """Whoever owns everything rewrites everything, with our own code; the anchor stays."""
    await owner.execute("UPDATE audit SET actor = 'person:eve' WHERE seq = 3")
    await owner.execute("DELETE FROM audit_chain")
    await shop.chain()
    with_anchor = await shop.verify()
    shop.file.unlink()
    without = await shop.verify()

    assert [(What.REWRITTEN, 20, 20)] == found(with_anchor)
    assert without.is_sound


async def test_an_anchor_of_another_shop_is_refused(shop: Shop, owner) -> None:
    """A true anchor of another chain vouches for nothing here."""
    await owner.execute("UPDATE audit_origin SET instance = gen_random_uuid()")
    await owner.execute("DELETE FROM audit_chain")
    await shop.chain()

    assert [What.FOREIGN_ANCHOR] == [one.what for one in (await shop.verify()).findings]


# ------------------------------------------------------------------------------------------ anchors


async def kept(shop: Shop) -> list[Anchor]:
    """The anchors in the file."""
    return await shop.anchoring.known()


async def test_the_head_is_anchored_by_time_and_by_rows(shop: Shop) -> None:
    """After five minutes or a hundred rows, and only where the chain has moved."""
    moments = []
    for minutes, rows in ((1, 5), (5, 0), (6, 0), (0, 99), (0, 1), (10, 0)):
        shop.clock.now += timedelta(minutes=minutes)
        await shop.write(rows)
        await shop.chain()
        moments.append(await shop.anchoring.step())

    assert [0, 1, 0, 1, 0, 1] == moments
    assert [20, 25, 124, 125] == [one.position for one in await kept(shop)]


async def test_a_restart_goes_on_from_the_file(shop: Shop) -> None:
    """After a kill nothing is anchored twice or skipped, and a torn line is no anchor."""
    with shop.file.open("a") as file:
        file.write('{"position": 99, "audit_')
    await shop.write(3)
    await shop.chain()
    shop.clock.now += timedelta(minutes=6)
    again = shop.another_anchoring()

    assert [1, 0] == [await again.step(), await again.step()]
    assert [20, 23] == [one.position for one in await kept(shop)]
    assert (await shop.verify()).is_sound


async def test_anchors_are_posted_and_again_until_they_arrive(shop: Shop) -> None:
    """A receiver that is away gets the newest anchor later; the file has it meanwhile."""
    received: list[dict[str, object]] = []
    answers = [500, 302, 204]

    async def take(request: web.Request) -> web.Response:
        received.append(await request.json())
        return web.Response(status=answers[len(received) - 1])

    application = web.Application()
    application.router.add_post("/anchors", take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    post = AnchorPost(f"http://127.0.0.1:{runner.addresses[0][1]}/anchors")
    posting = shop.another_anchoring(post)
    await shop.write(100)
    await shop.chain()
    for _ in range(5):
        await posting.step()
        shop.clock.now += timedelta(seconds=31)
    await post.close()
    await runner.cleanup()

    assert [120, 120, 120] == [one["position"] for one in received]
    assert received[0] == (await kept(shop))[-1].as_dict()


async def test_a_receiver_that_is_not_there_hinders_nothing(shop: Shop) -> None:
    """The file is written, and the step ends."""
    post = AnchorPost("http://127.0.0.1:1/anchors")
    posting = shop.another_anchoring(post)
    await shop.write(100)
    await shop.chain()
    done = await posting.step()
    await post.close()

    assert (1, 120) == (done, (await kept(shop))[-1].position)


async def test_doctor_says_that_the_chain_or_the_anchors_lag(shop: Shop) -> None:
    """All well; a row that nobody has chained for an hour; a head that nobody has anchored."""
    settings = Settings(audit=AuditSettings(anchor_file=shop.file))
    shop.file.unlink()
    shop.clock.now = datetime.now(UTC) - timedelta(hours=1)
    await shop.another_anchoring().step()

    async def remedies() -> list[bool]:
        return [bool(one.remedy) for one in await check_audit(shop.database, settings)]

    well = await remedies()
    await shop.database.run(
        lambda tx: tx.record.write(datetime.now(UTC) - timedelta(hours=1), "ann", "a", "rule:r")
    )
    unchained = await remedies()
    await shop.chain()  # the anchor is an hour old
    unanchored = await remedies()
    shop.file.unlink()

    assert ([False, False], [True, False], [False, True]) == (well, unchained, unanchored)
    assert [False, True] == await remedies()
