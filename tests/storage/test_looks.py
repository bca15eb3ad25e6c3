"""What an evaluation or a decision starts from is read in one look, and is the same as in many."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from freezeguard.ports.rows import Pending, Surroundings
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from tests.storage.makers import NOW, ago, hold, open_case, person, put_people, signal, store


async def test_the_window_comes_along_with_the_prelude(database: PostgresDatabase) -> None:
    """What an evaluation will count is read in the same look: all of it, or none of it."""
    await store(
        database,
        *(signal(one_id=f"{n}", occurred_at=ago(days=n)) for n in range(5)),
        *(signal("busy", one_id=f"b{n}", occurred_at=ago(days=1)) for n in range(201)),
    )
    days = timedelta(days=1)

    async def window(sku: str = "kettle", **asked: Any) -> list[str] | None:
        found = (await database.run(lambda tx: tx.master.prelude(sku, **asked))).window
        return None if found is None else [one.id for one in found]

    async def observed(after: datetime) -> list[str]:
        found = await database.run(lambda tx: tx.signals.observed("kettle", after))
        return [one.id for one in found]

    assert await observed(ago(days=3)) == ["2", "1", "0"]
    assert await observed(ago(days=3)) == await window(since=ago(days=1), reach=2 * days)
    assert await window(since=ago(days=1)) is None
    assert await window(reach=2 * days) is None  # nobody has asked for an evaluation
    assert await window("busy", since=ago(days=1), reach=days) is None
    await database.run(
        lambda tx: tx.signals.mark_pending([Pending("kettle", 1, ago(days=2))], NOW)
    )
    assert ["3", "2", "1", "0"] == await window(since=NOW, reach=2 * days)
    of = await open_case(database)
    await database.run(lambda tx: tx.holds.insert(hold(of, 1)))
    assert await window(since=NOW, reach=2 * days) is None  # held: no rule looks at its past


async def test_the_surroundings_of_a_case_are_one_look(database: PostgresDatabase) -> None:
    """What is deferred is seen, what has ended is not, and another case's is left out."""
    await put_people(database, person("ann"))
    of, other = await open_case(database, owner="ann"), await open_case(database, "pan")
    clocks = {name: uuid4() for name in ("frozen", "ownership", "update")}

    async def work(tx: Transaction) -> Surroundings:
        await tx.holds.insert(hold(of, 1))
        await tx.holds.insert(hold(other, 2))
        for kind, whose in (("frozen", of), ("ownership", of), ("update", other)):
            await tx.cases.start_clock(clocks[kind], whose, kind, NOW, ago(days=-1))
        await tx.cases.stop_clocks(of.id, ["ownership"], NOW)
        await tx.cases.open_task(uuid4(), of, "stop", "shop", "1", "please", NOW)
        await tx.cases.open_task(uuid4(), of, "stop", "shop", "2", "please", NOW)
        await tx.cases.close_tasks(of.id, "stop", ("shop", "2"), "person:ann", "done", NOW)
        await tx.cases.add_event(of, NOW, "person:ann", "freeze", None, {})
        await tx.objects.want(
            of.scope.sku, "shop", "1", "hard", 1, lease=None, token=None
        )
        return await tx.master.surroundings(of)

    found = await database.run(work)
    await database.run(
        lambda tx: tx.cases.add_vote(uuid4(), of, "approve", "ann", {}, NOW, ago(days=-1))
    )
    await database.run(lambda tx: tx.signals.mark_pending([Pending(of.scope.sku, 1, NOW)], NOW))
    later = await database.run(lambda tx: tx.master.surroundings(of))

    assert [("shop", "1", "hard")] == [(o.catalogue, o.remote_id, o.wanted) for o in found.objects]
    assert [of.id] == [one.case_id for one in found.holds]
    assert [clocks["frozen"]] == [one.id for one in found.clocks]
    assert [("shop", "1", "please", NOW)] == [
        (one.catalogue, one.remote_id, one.instruction, one.opened_at) for one in found.tasks
    ]
    assert ("ann",) == found.pullers
    assert not found.has_votes
    assert not found.has_news
    assert replace(found, has_votes=True, has_news=True) == later
