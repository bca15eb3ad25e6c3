"""Holds on real PostgreSQL: revisions in order, one snapshot, a ledger for disputes."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from freezeguard.domain.errors import VersionConflict
from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.ports.rows import Hold, HoldChange
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from tests.storage.makers import NOW, ago, hold, open_case


async def put(database: PostgresDatabase, of: Case) -> Hold:
    async def work(tx: Transaction) -> Hold:
        made = hold(of, await tx.holds.next_revision())
        await tx.holds.insert(made)
        return made

    return await database.run(work)


async def test_a_hold_is_in_force_until_it_ends(database: PostgresDatabase) -> None:
    """Active and releasing holds are in force, in every view of them; ended ones are not."""
    of = await open_case(database, "kettle", scope=Scope("kettle", "s", "web", "DE", "L"))
    made = await put(database, of)
    releasing = replace(made, state="releasing", level="hide", soft=True, revision=2)
    ended = replace(releasing, state="released", revision=3)

    views = []
    for change, end in ((made, None), (releasing, None), (ended, NOW)):
        await database.run(lambda tx, c=change, e=end: tx.holds.update(c, ended_at=e))
        views.append(
            (
                await database.run(lambda tx: tx.holds.of_case(of.id)),
                await database.run(lambda tx: tx.holds.in_force("kettle")),
                await database.run(lambda tx: tx.holds.all_in_force()),
            )
        )

    assert [
        ([made], [made], (1, [made])),
        ([releasing], [releasing], (1, [releasing])),
        ([], [], (1, [])),
    ] == views


async def test_a_case_has_one_hold_per_scope(database: PostgresDatabase) -> None:
    """A second hold of a case for the same scope is refused by the database itself."""
    of = await open_case(database)
    await put(database, of)

    with pytest.raises(VersionConflict):
        await put(database, of)


async def test_revisions_commit_in_order(database: PostgresDatabase) -> None:
    """Whoever sees a revision sees all lower ones: changes wait for one another."""
    seen: list[int] = []

    async def work(tx: Transaction) -> None:
        revision = await tx.holds.next_revision()
        await asyncio.sleep(0)
        seen.append(revision)

    await asyncio.gather(*(database.run(work) for _ in range(20)))

    assert list(range(1, 21)) == seen
    assert 20 == await database.run(lambda tx: tx.holds.current_revision())


async def test_a_failed_change_leaves_no_gap(database: PostgresDatabase) -> None:
    """A revision whose transaction failed is given to the next change."""

    async def fail(tx: Transaction) -> None:
        await tx.holds.next_revision()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.run(fail)

    assert 1 == await database.run(lambda tx: tx.holds.next_revision())


async def test_the_held_set_is_one_snapshot(database: PostgresDatabase) -> None:
    """While holds come and go, a reader's revision always fits the holds that came with it."""
    cases = [await open_case(database, f"sku-{n}") for n in range(10)]
    done = asyncio.Event()

    async def write() -> None:
        for of in cases:
            await put(database, of)
        done.set()

    async def read() -> list[tuple[int, int]]:
        found = []
        while not done.is_set():
            revision, holds = await database.run(lambda tx: tx.holds.all_in_force())
            found.append((revision, len(holds)))
        return found

    _, *readings = await asyncio.gather(write(), read(), read())

    assert [] == [one for reading in readings for one in reading if one[0] != one[1]]


async def test_the_ledger_answers_for_any_moment(database: PostgresDatabase) -> None:
    """Readers catch up from a revision; a dispute sees the last change of each hold until then."""
    of = await open_case(database)
    one, other = hold(of, 1), hold(of, 2)
    lines = [
        HoldChange(1, ago(hours=3), "hold", one.id, "kettle", one.as_dict()),
        HoldChange(2, ago(hours=2), "hold", other.id, "kettle", other.as_dict()),
        HoldChange(3, ago(hours=1), "release", one.id, "kettle", {"n": 3}),
    ]
    for line in lines:
        await database.run(lambda tx, line=line: tx.holds.log_change(line))

    after = await database.run(lambda tx: tx.holds.changes_after(1, 9))
    page = await database.run(lambda tx: tx.holds.changes_after(0, 2))
    then = await database.run(lambda tx: tx.holds.changes_until(ago(hours=2)))
    now = await database.run(lambda tx: tx.holds.changes_until(NOW))
    before = await database.run(lambda tx: tx.holds.changes_until(ago(hours=4)))

    assert (lines[1:], lines[:2], []) == (after, page, before)
    assert {1: lines[0], 2: lines[1]} == {line.revision: line for line in then}
    assert {2: lines[1], 3: lines[2]} == {line.revision: line for line in now}
    assert NOW + timedelta(0) == one.since
