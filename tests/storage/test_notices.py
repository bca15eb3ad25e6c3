"""The outbox on real PostgreSQL: once, in order, with leases."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from freezeguard.ports.outbox import CHATS, MAIL
from freezeguard.ports.rows import Notice
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from tests.storage.makers import NOW, notice, open_case, sort_singly

HOUR = timedelta(hours=1)
OVER = timedelta(0)


async def add(database: PostgresDatabase, *notices: Notice) -> None:
    async def work(tx: Transaction) -> None:
        for one in notices:
            await tx.notices.add(one, NOW)

    await database.run(work)
    await sort_singly(database)


async def claim(
    database: PostgresDatabase, lease: timedelta = HOUR, limit: int = 9
) -> list[Notice]:
    channels = (*MAIL, *CHATS)
    return await database.run(
        lambda tx: tx.notices.claim_due(lease, uuid4(), limit, channels=channels)
    )


async def due_in(database: PostgresDatabase) -> float | None:
    return await database.run(lambda tx: tx.notices.seconds_until_due())


async def test_a_notice_is_claimed_whole_and_sent_once(database: PostgresDatabase) -> None:
    """What was queued comes back as it was, to one worker; once sent it is nobody's."""
    of = await open_case(database)
    queued = notice(of, 1)
    await add(database, queued)

    first, second = await claim(database), await claim(database)
    await database.run(lambda tx: tx.notices.sent(first[0], NOW))
    [kept] = await database.run(lambda tx: tx.notices.of_case(of.id))

    assert [replace(queued, created_at=NOW, lease_token=first[0].lease_token)] == first
    assert [] == second
    assert replace(queued, created_at=NOW, state="sent", attempts=1, sent_at=NOW) == kept
    assert await due_in(database) is None


async def test_a_case_tells_its_story_in_order(database: PostgresDatabase) -> None:
    """No notice overtakes an earlier one to the same reader; other readers do not wait."""
    of = await open_case(database)
    other = await open_case(database, "pan")
    await add(database, notice(of, 1), notice(of, 2), notice(of, 3, recipient="person:ann"),
              notice(of, 4, channel="slack", address=str(uuid4())))  # fmt: skip
    await add(database, notice(other, 1), notice(of, 5), notice(None, 1), notice(None, 1))

    first = await claim(database)
    [early] = [one for one in first if one.facts == {"n": 1} and one.case_id == of.id]
    await database.run(lambda tx: tx.notices.sent(early, NOW))
    second = await claim(database)
    await database.run(lambda tx: tx.notices.failed(second[0], "no such box", retry_in=None))
    third = await claim(database)

    told = await database.run(lambda tx: tx.notices.of_case(of.id))
    assert [1, 2, 3, 4, 5] == [one.n for one in told]
    assert [1, 2, 3, 4, 5] == [one.facts["n"] for one in told]
    assert ["sent", "bounced"] == [one.state for one in told[:2]]
    assert 6 == len(first)
    assert [[2], [5]] == [[one.facts["n"] for one in found] for found in (second, third)]


async def test_a_failed_notice_waits_and_holds_up_its_successors(
    database: PostgresDatabase,
) -> None:
    """Until its retry is due the reader's later notices wait too, and no one spins over them."""
    of = await open_case(database)
    await add(database, notice(of, 1), notice(of, 2))
    [early] = await claim(database)

    await database.run(lambda tx: tx.notices.failed(early, "busy " * 400, retry_in=60))
    waits = await due_in(database)
    [kept, _] = await database.run(lambda tx: tx.notices.of_case(of.id))

    assert [] == await claim(database)
    assert 59 < (waits or 0) <= 60
    assert ("queued", 1, 1000) == (kept.state, kept.attempts, len(kept.last_error or ""))


async def test_a_dead_workers_notice_is_delivered_by_another(database: PostgresDatabase) -> None:
    """When a lease ends the notice is claimed again; the first worker's failure counts no more."""
    of = await open_case(database)
    await add(database, notice(of, 1))
    [late] = await claim(database, OVER)
    [taken] = await claim(database)

    await database.run(lambda tx: tx.notices.failed(late, "too late", retry_in=None))
    [kept] = await database.run(lambda tx: tx.notices.of_case(of.id))

    assert late.id == taken.id
    assert ("queued", None) == (kept.state, kept.last_error)
    await database.run(lambda tx: tx.notices.sent(late, NOW))
    assert "sent" == (await database.run(lambda tx: tx.notices.of_case(of.id)))[0].state


async def test_workers_share_the_outbox(database: PostgresDatabase) -> None:
    """Claims that race never take one notice twice."""
    await add(database, *(notice(None, n) for n in range(30)))

    claims = await asyncio.gather(*(claim(database, limit=5) for _ in range(8)))

    ids = [one.id for found in claims for one in found]
    assert 30 == len(ids) == len(set(ids))
