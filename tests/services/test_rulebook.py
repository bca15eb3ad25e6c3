"""Changed rules and ended suppressions: every SKU concerned is asked for, whatever fails."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from freezeguard.domain.errors import Unavailable
from freezeguard.ports.rows import Suppression
from freezeguard.services.detecting import rulebook
from freezeguard.services.detecting.rulebook import RuleBook
from freezeguard.storage.database import PostgresDatabase
from tests.storage.makers import NOW, ago, signal, store

BODY: dict[str, Any] = {"id": "five", "family": "count", "bound": 5, "window": "30d"}
SKUS = [f"sku-{n}" for n in range(5)]


class Failing:
    """A database that fails at some of its transactions after their work is done, by number."""

    def __init__(self, database: PostgresDatabase, *at: int) -> None:
        self._database, self._at, self._count = database, at, 0

    async def run(self, work: Any, **how: Any) -> Any:
        number, self._count = self._count, self._count + 1

        async def or_fail(tx: Any) -> Any:
            result = await work(tx)
            if number in self._at:
                raise Unavailable("It went away.")
            return result

        return await self._database.run(or_fail, **how)


async def put(database: PostgresDatabase, **more: Any) -> None:
    await database.run(lambda tx: tx.detection.put_rule(BODY | more, "person:ann", NOW))


async def waiting(database: PostgresDatabase) -> list[str]:
    """Return the SKUs that wait for an evaluation, in order."""
    rows = await database.run(lambda tx: tx.connection.fetch(
        "SELECT sku FROM pending_evaluations ORDER BY sku"))
    return [row["sku"] for row in rows]


async def forget(database: PostgresDatabase) -> None:
    """Take every request away."""
    await database.run(lambda tx: tx.connection.execute("DELETE FROM pending_evaluations"))


@pytest.fixture(autouse=True)
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulebook, "PAGE", 2)


@pytest.fixture
async def complained(database: PostgresDatabase) -> PostgresDatabase:
    """Give each SKU one complaint."""
    await store(database, *(signal(sku) for sku in SKUS))
    return database


async def ready(database: Any) -> RuleBook:
    """Return a rule book that has read the rules, and has nothing left to ask for."""
    book = RuleBook(database, lambda: NOW)
    await book.revive()
    return book


async def test_rules_read_in_a_transaction_that_fails_are_not_taken_over(
    complained: PostgresDatabase,
) -> None:
    """Nothing is remembered of a reading that failed: the next one finds the rule changed."""
    book = await ready(complained)
    book._database = Failing(complained, 0)
    await put(complained)

    with pytest.raises(Unavailable):
        await book.refresh()
    before = book.rules, book.revision
    changed = await book.refresh()
    await book.revive()

    assert ([], 0) == before
    assert (True, 1) == (changed, book.revision)
    assert SKUS == await waiting(complained)


@pytest.mark.parametrize("at", [2, 3, 4, 5])
async def test_what_fails_in_between_is_gone_on_with(
    at: int, complained: PostgresDatabase
) -> None:
    """A page that fails, or the note that all is done: the next call ends it."""
    book = await ready(complained)
    await put(complained)
    book._database = Failing(complained, at)  # after the rules and the suppressions were read

    with pytest.raises(Unavailable):
        await book.revive()
    unfinished = await complained.run(lambda tx: tx.detection.marked_revision())
    await book.revive()

    assert 0 == unfinished
    assert SKUS == await waiting(complained)
    assert 1 == await complained.run(lambda tx: tx.detection.marked_revision())


async def test_a_scope_that_always_fails_keeps_no_other_waiting(
    complained: PostgresDatabase,
) -> None:
    """Where asking for one rule's SKUs fails each time, those of another are asked for."""
    book = await ready(complained)
    await put(complained, id="a", scope={"sku": SKUS[0]})
    await put(complained, id="b", scope={"sku": SKUS[4]})
    book._database = Failing(complained, 2, 6)  # the first rule's page, both times

    for _ in range(2):
        with pytest.raises(Unavailable):
            await book.revive()

    assert [SKUS[4]] == await waiting(complained)


async def test_who_starts_ends_what_a_killed_replica_began(complained: PostgresDatabase) -> None:
    """A rule stored by a replica that died then is acted upon by the next one, and only once."""
    await put(complained)
    first = await ready(complained)
    found = await waiting(complained)
    await forget(complained)
    second = await ready(complained)

    assert (1, 1) == (first.revision, second.revision)
    assert SKUS == found
    assert [] == await waiting(complained)


async def test_every_replica_asks_again(complained: PostgresDatabase) -> None:
    """Whoever evaluated by the older rule meanwhile did no harm: each asks once it has the new."""
    books = [await ready(complained) for _ in range(2)]
    await put(complained)
    asked = []
    for book in books:
        await book.revive()
        asked.append(await waiting(complained))
        await forget(complained)
        await book.revive()

    assert [SKUS, SKUS] == asked
    assert [] == await waiting(complained)


async def test_an_ended_suppression_is_acted_upon_though_a_page_fails(
    complained: PostgresDatabase,
) -> None:
    """What a suppression held back is asked for in pages, too, and gone on with after a failure."""
    await put(complained)
    book = await ready(complained)
    await forget(complained)
    book._looked_at = ago(minutes=5)
    held = Suppression(uuid4(), "relabelling", "ann", ago(hours=1), ago(minutes=1), sku=SKUS[2])
    await complained.run(lambda tx: tx.detection.add_suppression(held))
    book._database = Failing(complained, 2)

    with pytest.raises(Unavailable):
        await book.revive()
    await book.revive()

    assert timedelta(days=30) == book.longest_window()
    assert [SKUS[2]] == await waiting(complained)


async def test_one_lifted_while_somebody_looks_is_acted_upon(complained: PostgresDatabase) -> None:
    """Lifted at a moment that a replica has looked past already, as its commit came later."""
    await put(complained)
    held = Suppression(uuid4(), "relabelling", "ann", ago(hours=1), NOW + timedelta(1), sku=SKUS[2])
    await complained.run(lambda tx: tx.detection.add_suppression(held))
    book = await ready(complained)
    await forget(complained)

    await complained.run(lambda tx: tx.detection.end_suppression(held.id, ago(minutes=1)))
    await book.revive()

    assert [SKUS[2]] == await waiting(complained)
