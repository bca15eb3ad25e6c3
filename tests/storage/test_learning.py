"""What the database shows of each item's past, and who may learn from it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from freezeguard.detection.daybook import Prior
from freezeguard.detection.learning import Heard, Shipped
from freezeguard.domain.signals import Kind
from freezeguard.domain.transitions import State
from freezeguard.ports.learning import LearnedPrior
from freezeguard.ports.rows import Sku, UnitsShipped
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.privacy.conftest import sql
from tests.storage.makers import NOW, ago, hold, open_case, signal, store

SINCE, UNTIL, LEASE = ago(days=365), NOW, timedelta(minutes=1)


async def ship(database: PostgresDatabase, sku: str, *sent: tuple[datetime, int]) -> None:
    """Store units shipped of a SKU."""
    units = [UnitsShipped(uuid4().hex, "wms", b"", sku, number, at) for at, number in sent]
    await database.run(lambda tx: tx.signals.store_shipments(units, NOW))


async def heard(database: PostgresDatabase, after: str = "", limit: int = 50) -> list[Heard]:
    """Read a page."""
    return await database.run(lambda tx: tx.learning.heard(after, SINCE, UNTIL, limit))


async def test_every_item_is_read_once_page_by_page(database: PostgresDatabase) -> None:
    """Those with complaints, with units shipped, or with both: none twice, and none left out."""
    await store(database, *(signal(f"k-{n}", occurred_at=ago(days=9)) for n in (1, 3, 4)))
    for n in (0, 3, 5):
        await ship(database, f"k-{n}", (ago(days=9), 5), (ago(days=8), 0), (ago(days=7), 6))
    seen, after = list[str](), ""
    while page := await heard(database, after, 2):
        seen += [one.sku for one in page]
        after = seen[-1]

    assert ["k-0", "k-1", "k-3", "k-4", "k-5"] == seen


async def test_an_items_past_is_its_customers_by_day_and_its_units(
    database: PostgresDatabase,
) -> None:
    """A customer counts once a day; what is no fault of the item's, or lies outside, does not."""
    day = ago(days=100).replace(hour=0)
    told: list[dict[str, Any]] = [
        {"occurred_at": SINCE - timedelta(days=9)},
        {"occurred_at": SINCE, "customer": b"ann"},
        *({"occurred_at": day + timedelta(hours=n), "customer": b"ben"} for n in (0, 23)),
        *({"occurred_at": day + timedelta(hours=n), "customer": who}
          for n, who in enumerate((b"col", None, None))),
        {"occurred_at": day, "intent": "delivery", "customer": b"dee"},
        {"occurred_at": day, "kind": Kind.INSPECTION, "result": "fail"},
        {"occurred_at": day, "kind": Kind.RETURN, "customer": b"ben"},
        {"occurred_at": ago(seconds=1), "intent": "change_of_mind"},
        {"occurred_at": UNTIL, "customer": b"eve"},
    ]
    await store(database, *(signal(**one) for one in told))
    await ship(database, "kettle", (SINCE - timedelta(days=1), 7), (day, 20), (ago(days=2), 30),
               (ago(days=1), 0), (UNTIL, 9))
    await database.run(lambda tx: tx.master.put_skus([Sku("kettle", category="kitchen")], NOW))
    [found] = await heard(database)

    ordinals = {SINCE.toordinal(): 1, day.toordinal(): 4}
    shipped = Shipped(50, day.toordinal(), ago(days=2).toordinal())
    edges = (SINCE - timedelta(days=9), ago(seconds=1))
    assert Heard("kettle", "kitchen", ordinals, *edges, shipped) == found


async def test_what_was_judged_teaches_only_where_it_is_usual(
    database: PostgresDatabase, migrated_dsns: OwnerAndRuntimeDsns
) -> None:
    """Complaints of a confirmed defect are no measure; those of a rule's own error are."""
    days = [ago(days=n) for n in (30, 20, 10)]
    await store(database, *(signal(one_id=f"{n}", occurred_at=at) for n, at in enumerate(days)))
    await sql(
        migrated_dsns, "UPDATE signals SET judged_by = $1, judged_at = $2, judged_usual = id = '0'"
        " WHERE id IN ('0', '1')", uuid4(), NOW,
    )  # fmt: skip
    [found] = await heard(database)

    assert {days[0].toordinal(): 1, days[2].toordinal(): 1} == found.by_day


@pytest.mark.parametrize(
    ("case", "state", "is_held"),
    [({}, None, True), ({"state": State.SUSPECTED}, None, True),
     ({"state": State.CLOSED_REINSTATED, "closed_at": NOW}, None, False),
     ({"state": State.CLOSED_REINSTATED, "closed_at": NOW}, "releasing", True),
     ({"state": State.DELISTED, "closed_at": NOW}, "active", True)],
)  # fmt: skip
async def test_what_is_stopped_or_under_suspicion_is_named_and_nothing_more(
    case: dict[str, Any], state: str | None, is_held: bool, database: PostgresDatabase
) -> None:
    """An open case, or a hold that lasts: the item is passed over. Once it is over it teaches."""
    await store(database, signal(occurred_at=ago(days=9)))
    await ship(database, "kettle", (ago(days=9), 5))
    opened = await open_case(database, **case)
    if state is not None:
        await database.run(lambda tx: tx.holds.insert(hold(opened, 1, state=state)))
    [found] = await heard(database)

    assert (is_held, is_held) == (found.is_held, found == Heard("kettle", None, is_held=True))


async def test_one_learns_and_whoever_is_late_does_not(
    database: PostgresDatabase, migrated_dsns: OwnerAndRuntimeDsns
) -> None:
    """One of two gets the lease; a run is not begun twice a night; a lease that ends goes over."""
    one, other, third = uuid4(), uuid4(), uuid4()

    async def claim(holder: Any, since: datetime | None = None) -> bool:
        return await database.run(lambda tx: tx.learning.claim(holder, NOW, since, LEASE))

    both = await asyncio.gather(claim(one), claim(other))
    winner = one if both[0] else other
    await sql(migrated_dsns, "UPDATE prior_learning SET lease_until = now() - interval '1 second'")
    taken_over = await claim(third, NOW)
    lost = await database.run(lambda tx: tx.learning.renew(winner, LEASE))
    held = await database.run(lambda tx: tx.learning.renew(third, LEASE))
    await database.run(lambda tx: tx.learning.finish(third, NOW))
    again = await claim(one, NOW)
    tomorrow = await claim(one, NOW + timedelta(seconds=1))

    assert [False, True] == sorted(both)
    assert (True, False, True) == (taken_over, lost, held)
    assert (False, True) == (again, tomorrow)
    assert NOW == await database.run(lambda tx: tx.learning.finished_at())


async def test_what_was_learned_is_kept_and_the_newest_counts(database: PostgresDatabase) -> None:
    """Each change has a revision of the rules; what is no longer known is no prior."""

    async def put(*learned: LearnedPrior) -> int:
        return await database.run(lambda tx: tx.learning.put_priors(learned, NOW))

    every, lamps = (None, "units"), ("lamps", "days")
    first = await put(LearnedPrior(every, Prior(1.5, 300.1), 900),
                      LearnedPrior(lamps, Prior(0.1, 7e5), 200))
    second = await put(LearnedPrior(lamps, None, 3))
    revision, _ = await database.run(lambda tx: tx.detection.rules())
    found = {one.group: one for one in await database.run(lambda tx: tx.learning.priors())}

    async def known(prior: Prior, by: datetime = NOW) -> bool:
        return await database.run(lambda tx: tx.learning.was_learned("days", prior, by))

    assert (first + 1, second) == (second, revision)
    assert {every: LearnedPrior(every, Prior(1.5, 300.1), 900),
            lamps: LearnedPrior(lamps, None, 3)} == found
    assert first == found[every].prior.revision  # type: ignore[union-attr]  # it is there
    assert await known(Prior(0.1, 7e5, first))
    assert [False] * 4 == [
        await known(Prior(0.1, 7e5, second)), await known(Prior(0.1, 8e5, first)),
        await known(Prior(1.5, 300.1, first)), await known(Prior(0.1, 7e5, first), ago(days=1)),
    ]


async def test_priors_are_stored_to_the_last_digit(database: PostgresDatabase) -> None:
    """What is read back is what was learned: explanations rest on it."""
    odd = Prior(1 / 3, 1e9 / 7)

    async def work(tx: Transaction) -> Prior | None:
        await tx.learning.put_priors([LearnedPrior((None, "units"), odd, 200)], NOW)
        return (await tx.learning.priors())[0].prior

    assert odd == await database.run(work)
