"""Catalogue objects on real PostgreSQL: leases, fencing, and before-images that are never lost."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from freezeguard.domain.enforcement import Status, Wanted
from freezeguard.ports.rows import CatalogueRow, Json, Sku
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from tests.storage.makers import NOW, ago, hold, open_case

IMAGE = {"published": True, "stock": 7}
FROZEN_IMAGE = {"published": False, "stock": 7}
HOUR = timedelta(hours=1)
OVER = timedelta(0)


async def want(
    database: PostgresDatabase, wanted: Wanted = "hard", revision: int = 1, remote_id: str = "r",
    lease: timedelta | None = None, token: UUID | None = None,
) -> CatalogueRow:  # fmt: skip
    return await database.run(
        lambda tx: tx.objects.want(
            "kettle", "shop", remote_id, wanted, revision, lease=lease,
            token=(token or uuid4()) if lease is not None else None,
        )
    )  # fmt: skip


async def claim(database: PostgresDatabase, lease: timedelta = HOUR) -> list[CatalogueRow]:
    return await database.run(lambda tx: tx.objects.claim_due("shop", lease, uuid4(), 9))


async def settle(
    database: PostgresDatabase, row: CatalogueRow, next_in: float | None = None
) -> bool:
    return await database.run(lambda tx: tx.objects.settle(row, next_in=next_in, now=NOW))


async def refresh(
    database: PostgresDatabase, *remote_ids: str, image: Json = IMAGE, revision: int = 0
) -> None:
    found = [(one, image, ("sibling",)) for one in remote_ids]
    await database.run(
        lambda tx: tx.objects.refresh_image("kettle", "shop", found, NOW, revision=revision)
    )


async def seen(database: PostgresDatabase) -> dict[str, CatalogueRow]:
    rows = await database.run(lambda tx: tx.objects.of_sku("kettle"))
    return {row.remote_id: row for row in rows}


async def due_in(database: PostgresDatabase) -> float | None:
    return await database.run(lambda tx: tx.objects.seconds_until_due("shop"))


def confirmed(row: CatalogueRow) -> CatalogueRow:
    return replace(
        row, status=Status.CONFIRMED, written={"published": False}, seen_sellable=False,
        seen_side="buyer", seen_at=NOW, sent_at=ago(seconds=1), fallbacks=("stock_zero",),
        takes_along=("s",), detail="done", attempts=0,
    )  # fmt: skip


# ------------------------------------------------------------------------------------- wanting


async def test_a_stop_makes_its_row_pending_and_due(database: PostgresDatabase) -> None:
    """Wanting a stop of an unknown object is remembered, and due at once without a lease."""
    row = await want(database)

    assert ("hard", 1, Status.PENDING, None) == (
        row.wanted, row.wanted_revision, row.status, row.lease_token
    )  # fmt: skip
    assert 0.0 == await due_in(database)
    assert [row.key] == [one.key for one in await claim(database)]


async def test_a_caller_with_a_lease_works_alone(database: PostgresDatabase) -> None:
    """With a lease the object is the caller's, and due again only when the lease has ended."""
    token = uuid4()
    row = await want(database, lease=HOUR, token=token)

    assert token == row.lease_token
    assert [] == await claim(database)
    assert 3500 < (await due_in(database) or 0) <= 3600


async def test_wanting_the_same_again_raises_the_revision_only(database: PostgresDatabase) -> None:
    """A second hold on a stopped object neither forgets that it is stopped nor its failures."""
    await want(database, lease=HOUR)
    [row] = (await seen(database)).values()
    await settle(database, replace(confirmed(row), attempts=3, failing_since=NOW))

    again = await want(database, revision=2)
    older = await want(database, revision=1)
    harder = await want(database, "hide", revision=3)

    assert (2, Status.CONFIRMED, 3, NOW) == (
        again.wanted_revision, again.status, again.attempts, again.failing_since
    )  # fmt: skip
    assert 2 == older.wanted_revision
    assert (Status.PENDING, 0, None) == (harder.status, harder.attempts, harder.failing_since)


async def test_an_object_that_is_sold_anyway_is_left_alone(database: PostgresDatabase) -> None:
    """Wanting "sellable" of an idle object makes no work."""
    await refresh(database, "r")

    row = await want(database, "sellable", revision=5)

    assert (Status.IDLE, 5) == (row.status, row.wanted_revision)
    assert await due_in(database) is None


async def test_a_stolen_object_is_looked_at_again(database: PostgresDatabase) -> None:
    """Where another worker's lease still runs, its late command is put right: look again after it.

    Nor does settling the new work forget that look.
    """
    first = await want(database, lease=timedelta(seconds=100), token=uuid4())
    second = await want(database, "sellable", revision=2, lease=timedelta(seconds=10))
    after_steal = await due_in(database) or 0

    mine = await settle(database, replace(second, status=Status.IDLE), None)
    after_settle = await due_in(database) or 0

    assert not await settle(database, confirmed(first), 5)
    assert mine
    assert 99 < after_steal <= 101
    assert 99 < after_settle <= 101


@pytest.mark.parametrize("past", [
    {},
    {"status": Status.IDLE, "before_image": IMAGE, "before_at": NOW, "takes_along": ("sibling",)},
    {"status": Status.NOT_LISTED, "detail": "the catalogue lists no such SKU", "seen_at": NOW},
    {"status": Status.CONFIRMED, "wanted": "hide", "written": {"on": False}, "sent_at": NOW,
     "fallbacks": ("stock_zero",), "seen_sellable": False, "seen_side": "buyer"},
    {"status": Status.REFUSED, "wanted": "hide", "attempts": 4, "failing_since": NOW},
])  # fmt: skip
async def test_what_is_ordered_is_foreseen(past: Any, database: PostgresDatabase) -> None:
    """The row that a freeze goes on with, without reading it back, is the one that is stored."""
    known = CatalogueRow("kettle", "shop", "r", "sellable", 0, Status.IDLE)
    if past:
        row = await want(database, past.get("wanted", "sellable"), lease=HOUR)
        assert await settle(database, replace(row, **past))
        known = (await seen(database))["r"]
    ordered = known.ordered("hard", 7, uuid4())
    beside = replace(ordered, remote_id="s")

    async def work(tx: Transaction) -> None:
        await tx.objects.order(ordered, HOUR)
        await tx.objects.order(beside, HOUR)

    await database.run(work)
    assert ordered == (await seen(database))["r"]
    assert {"r", "s"} == set(await seen(database))
    assert [] == await claim(database)


async def test_the_last_of_two_orders_counts(database: PostgresDatabase) -> None:
    """One transaction may want an object hidden, and then stopped."""

    async def work(tx: Transaction) -> CatalogueRow:
        first = CatalogueRow("kettle", "shop", "r", "sellable", 0, Status.IDLE)
        hidden = first.ordered("hide", 1, uuid4())
        await tx.objects.order(hidden, HOUR)
        await tx.objects.order(hidden.ordered("hard", 2, uuid4()), HOUR)
        [row] = await tx.objects.of_sku("kettle")
        return row

    row = await database.run(work)
    assert ("hard", 2) == (row.wanted, row.wanted_revision)


async def test_two_workers_never_claim_one_object(database: PostgresDatabase) -> None:
    """Claims that race share the work; none is done twice and none is left."""
    for n in range(40):
        await want(database, remote_id=f"r{n}")

    claims = await asyncio.gather(
        *(
            database.run(lambda tx: tx.objects.claim_due("shop", HOUR, uuid4(), 7))
            for _ in range(8)
        )
    )

    keys = [row.key for rows in claims for row in rows]
    assert 40 == len(keys) == len(set(keys))
    assert all(len({row.lease_token for row in rows}) <= 1 for rows in claims)


async def test_a_claim_keeps_to_its_catalogue(database: PostgresDatabase) -> None:
    """One catalogue's work is never handed to another's worker."""
    await want(database)

    other = await database.run(lambda tx: tx.objects.claim_due("other", HOUR, uuid4(), 9))
    none = await database.run(lambda tx: tx.objects.seconds_until_due("other"))

    assert ([], None) == (other, none)


# ------------------------------------------------------------------------------------ settling


async def test_settling_stores_what_was_seen(database: PostgresDatabase) -> None:
    """All that a worker did and saw is kept, the lease given back, the next look planned."""
    row = confirmed(await want(database, lease=HOUR))

    stored = await settle(database, replace(row, before_image=IMAGE), 60)

    expected = replace(row, before_image=IMAGE, before_at=NOW, lease_token=None)
    assert stored
    assert {"r": expected} == await seen(database)
    assert 59 < (await due_in(database) or 0) <= 60


async def test_without_a_next_look_nothing_is_due(database: PostgresDatabase) -> None:
    """An object that was restored exactly asks for nothing more."""
    row = await want(database, "sellable", lease=HOUR)

    await settle(database, row, None)

    assert await due_in(database) is None


async def test_who_lost_the_lease_stores_nothing(database: PostgresDatabase) -> None:
    """After another worker took over, the first one's late news are refused."""
    first = await want(database, lease=OVER)
    [second] = await claim(database)

    assert not await settle(database, confirmed(first), 5)
    assert not await database.run(lambda tx: tx.objects.renew(first, HOUR))
    assert await database.run(lambda tx: tx.objects.renew(second, HOUR))
    assert Status.PENDING is (await seen(database))["r"].status


async def test_what_is_wanted_meanwhile_is_due_at_once(database: PostgresDatabase) -> None:
    """Where the wish changed during the work, what was seen is kept but the work starts anew."""
    row = await want(database, lease=HOUR)
    await want(database, "sellable", revision=2)

    renewed = [
        await database.run(lambda tx, n=newest: tx.objects.renew(row, HOUR, newest_only=n))
        for newest in (True, False)
    ]
    stored = await settle(database, replace(confirmed(row), attempts=4), 600)
    after = (await seen(database))["r"]

    assert ([False, True], True) == (renewed, stored)
    assert ("sellable", Status.PENDING, 0) == (after.wanted, after.status, after.attempts)
    assert ({"published": False}, False) == (after.written, after.seen_sellable)
    assert 0.0 == await due_in(database)


async def test_a_lease_can_be_lengthened(database: PostgresDatabase) -> None:
    """Renewing moves the end of the lease, and keeps in mind what means may be in force."""
    row = await want(database, lease=timedelta(seconds=5))
    row = replace(row, fallbacks=("stock_zero",))

    assert await database.run(lambda tx: tx.objects.renew(row, HOUR, newest_only=True))
    assert ("stock_zero",) == (await seen(database))["r"].fallbacks
    assert 3500 < (await due_in(database) or 0)
    await settle(database, row, 60)
    assert 59 < (await due_in(database) or 0) <= 60


async def test_waking_makes_waiting_objects_due(database: PostgresDatabase) -> None:
    """A wake-up reaches who waits, also during a lease, and nobody who is done."""
    waiting = await want(database, remote_id="waiting", lease=HOUR)
    await settle(database, waiting, 600)
    done = await want(database, "sellable", remote_id="done", lease=HOUR)
    await settle(database, done, None)
    at_work = await want(database, remote_id="at work", lease=HOUR)

    woken = [
        await database.run(lambda tx, c=catalogue, s=sku: tx.objects.wake(c, s))
        for catalogue, sku in ((None, "pan"), ("other", None), ("shop", "kettle"), (None, None))
    ]
    claimed = await claim(database)
    await settle(database, at_work, 600)

    assert [0, 0, 2, 2] == woken
    assert ["waiting"] == [row.remote_id for row in claimed]
    assert ["at work"] == [row.remote_id for row in await claim(database)]


async def test_troubled_objects_are_listed(database: PostgresDatabase) -> None:
    """Who watches sees every object that does not obey, and no other."""
    for status in Status:
        row = await want(database, remote_id=status.value, lease=HOUR)
        await settle(database, replace(row, status=status))

    rows = await database.run(lambda tx: tx.objects.troubled())

    assert ["drifted", "refused", "unreachable"] == [row.remote_id for row in rows]


# ------------------------------------------------------------------------------- before-images


async def test_an_image_is_fresh_until_a_stop_may_have_been_sent(
    database: PostgresDatabase,
) -> None:
    """Images are replaced while nothing was sent; from then on the first one is kept."""
    row = await want(database, lease=HOUR)

    async def save(image: dict[str, object]) -> bool:
        return await database.run(lambda tx: tx.objects.save_before_image(row, image, NOW))

    fresh = [await save({"n": 1}), await save({"n": 2})]
    await settle(database, replace(row, sent_at=NOW, status=Status.UNREACHABLE), 0)
    after_sending = await save({"n": 3})
    await settle(database, confirmed((await claim(database))[0]), 0)

    assert [True, True, False] == [*fresh, after_sending]
    assert not await save({"n": 4})
    assert {"n": 2} == (await seen(database))["r"].before_image


async def test_settling_never_replaces_an_image(database: PostgresDatabase) -> None:
    """A worker that read the frozen state by mistake can't make it the state to go back to."""
    row = await want(database, lease=HOUR)
    await database.run(lambda tx: tx.objects.save_before_image(row, IMAGE, ago(days=1)))

    await settle(database, replace(confirmed(row), before_image=FROZEN_IMAGE, before_at=NOW))

    after = (await seen(database))["r"]
    assert (IMAGE, ago(days=1)) == (after.before_image, after.before_at)


async def test_a_worker_that_died_may_have_sent_its_stop(database: PostgresDatabase) -> None:
    """After a lease that was never given back, the stop counts as sent: the image is kept."""
    await refresh(database, "r")
    await want(database, lease=OVER)
    [row] = await claim(database)

    saved = await database.run(lambda tx: tx.objects.save_before_image(row, FROZEN_IMAGE, NOW))

    assert not saved
    assert IMAGE == (await seen(database))["r"].before_image


async def test_a_new_stop_may_refresh_the_image_again(database: PostgresDatabase) -> None:
    """What was sent for an earlier stop, since restored, does not lock the image of the next."""
    row = await want(database, lease=HOUR)
    await settle(database, replace(confirmed(row), before_image=IMAGE))
    row = await want(database, "sellable", revision=2, lease=HOUR)
    await settle(database, replace(row, status=Status.IDLE, written=None, sent_at=None))
    row = await want(database, revision=3, lease=HOUR)

    assert await database.run(lambda tx: tx.objects.save_before_image(row, {"n": 2}, NOW))


async def test_images_are_read_ahead_for_idle_objects_only(database: PostgresDatabase) -> None:
    """Reading ahead fills images, and leaves a SKU alone while any object of it is stopped."""
    await refresh(database, "a", "b")
    first = await seen(database)
    stop = await want(database, remote_id="a", lease=HOUR)
    await settle(database, confirmed(stop))
    await refresh(database, "a", "b", "new", image=FROZEN_IMAGE, revision=9)

    after = await seen(database)

    assert (IMAGE, NOW, ("sibling",), Status.IDLE) == (
        first["a"].before_image, first["a"].before_at, first["a"].takes_along, first["a"].status
    )  # fmt: skip
    assert IMAGE == after["a"].before_image
    assert IMAGE == after["b"].before_image
    assert {"a", "b"} == set(after)


async def test_what_was_stopped_while_reading_ahead_keeps_its_image(
    database: PostgresDatabase,
) -> None:
    """An image read before a stop and stored after its release might show the stop: it is not."""
    await refresh(database, "r")
    row = await want(database, revision=5, lease=HOUR)
    await settle(database, confirmed(row))
    row = await want(database, "sellable", revision=6, lease=HOUR)
    await settle(database, replace(row, status=Status.IDLE, written=None, sent_at=None))

    await refresh(database, "r", image=FROZEN_IMAGE, revision=5)
    during = (await seen(database))["r"].before_image
    await refresh(database, "r", image={"n": 2}, revision=6)

    assert IMAGE == during
    assert {"n": 2} == (await seen(database))["r"].before_image


async def test_a_sku_that_is_not_listed_is_noted(database: PostgresDatabase) -> None:
    """Nothing found leaves a row that says so; something found takes its place."""
    await refresh(database)
    unlisted = await seen(database)
    await refresh(database)
    await refresh(database, "r")

    assert {"": Status.NOT_LISTED} == {key: row.status for key, row in unlisted.items()}
    assert ["r"] == list(await seen(database))


async def test_a_wanted_stop_outlives_an_empty_look_up(database: PostgresDatabase) -> None:
    """Reading ahead finds nothing while a stop is wanted: the stop stays wanted."""
    await want(database, remote_id="")

    await refresh(database)

    assert ("hard", Status.PENDING) == (
        (await seen(database))[""].wanted, (await seen(database))[""].status
    )  # fmt: skip


# ---------------------------------------------------------------------------------- resolving


async def test_found_objects_take_the_place_of_the_unknown(database: PostgresDatabase) -> None:
    """One row per object found, all wanted alike, leased to the finder, images saved."""
    row = await want(database, revision=7, remote_id="", lease=HOUR)
    found = [("b", {"n": 2}, ("x", "y")), ("a", {"n": 1}, ()), ("b", {"n": 2}, ("x", "y"))]

    rows = await database.run(lambda tx: tx.objects.replace_unresolved(row, found, NOW, HOUR))

    assert [
        ("a", "hard", 7, Status.PENDING, {"n": 1}, NOW, (), row.lease_token),
        ("b", "hard", 7, Status.PENDING, {"n": 2}, NOW, ("x", "y"), row.lease_token),
    ] == sorted(
        (one.remote_id, one.wanted, one.wanted_revision, one.status, one.before_image,
         one.before_at, one.takes_along, one.lease_token) for one in rows
    )  # fmt: skip
    assert {"a", "b"} == set(await seen(database))
    assert [] == await claim(database)


async def test_resolving_keeps_the_image_of_a_stopped_object(database: PostgresDatabase) -> None:
    """An object that is stopped already keeps its image, and takes over what is wanted now."""
    stop = await want(database, "hide", remote_id="a", lease=HOUR)
    await settle(database, replace(confirmed(stop), before_image=IMAGE))
    row = await want(database, revision=2, remote_id="", lease=HOUR)
    found = [("a", FROZEN_IMAGE, ())]

    [after] = await database.run(lambda tx: tx.objects.replace_unresolved(row, found, NOW, HOUR))

    assert ("hard", 2, Status.PENDING, IMAGE) == (
        after.wanted, after.wanted_revision, after.status, after.before_image
    )  # fmt: skip


async def test_who_lost_the_lease_resolves_nothing(database: PostgresDatabase) -> None:
    """A look-up that took too long does not replace what another worker is resolving."""
    late = await want(database, remote_id="", lease=OVER)
    await claim(database)

    rows = await database.run(
        lambda tx: tx.objects.replace_unresolved(late, [("a", IMAGE, ())], NOW, HOUR)
    )

    assert [] == rows
    assert [""] == list(await seen(database))


async def test_new_objects_of_a_stopped_sku_are_stopped_too(database: PostgresDatabase) -> None:
    """An object that appears while its SKU is stopped is wanted stopped as the others are."""
    known = await want(database, "hide", revision=3, remote_id="a", lease=HOUR)
    found = [("a", FROZEN_IMAGE, ()), ("new", {"n": 1}, ("x",))]

    added = await database.run(lambda tx: tx.objects.add_found(known, found, NOW))
    after = await seen(database)

    assert 1 == added
    assert ("hide", 3, Status.PENDING, {"n": 1}, ("x",)) == (
        after["new"].wanted, after["new"].wanted_revision, after["new"].status,
        after["new"].before_image, after["new"].takes_along,
    )  # fmt: skip
    assert after["a"].before_image is None
    assert ["new"] == [row.remote_id for row in await claim(database)]


async def test_a_late_stop_is_remembered(database: PostgresDatabase) -> None:
    """Who lost the lease tells what may have been written: it is taken back, or looked at."""
    late = await want(database, lease=OVER)
    await want(database, "sellable", revision=2, lease=HOUR)
    [row] = (await seen(database)).values()
    await settle(database, replace(row, status=Status.IDLE))
    told = replace(late, written={"published": False}, fallbacks=("deny_list",))

    await database.run(lambda tx: tx.objects.overtaken(told))
    after = (await seen(database))["r"]

    assert ("sellable", Status.PENDING, {"published": False}, ("deny_list",)) == (
        after.wanted, after.status, after.written, after.fallbacks
    )  # fmt: skip
    assert 0.0 == await due_in(database)


async def test_an_image_read_earlier_in_a_hold_is_the_better_one(
    database: PostgresDatabase,
) -> None:
    """An image from a journal replaces a later one of a stopped object, but not of an idle one."""
    of = await open_case(database)
    await database.run(lambda tx: tx.holds.insert(hold(of, 1, since=ago(hours=2))))
    row = await want(database, lease=HOUR)
    await database.run(lambda tx: tx.objects.save_before_image(row, FROZEN_IMAGE, NOW))

    kept = [
        await database.run(lambda tx, at=at: tx.objects.keep_earlier_image(row, IMAGE, at))
        for at in (NOW, ago(hours=3), ago(hours=1))
    ]

    assert [False, False, True] == kept
    assert IMAGE == (await seen(database))["r"].before_image


async def test_what_is_wanted_is_told_for_many_skus(database: PostgresDatabase) -> None:
    """One look tells what is wanted of the objects of many SKUs."""
    await want(database, "hide")

    wanted = await database.run(lambda tx: tx.objects.wanted_of(["kettle", "pan"]))

    assert [("kettle", "shop", "hide")] == wanted


async def test_the_oldest_images_are_read_ahead_first(database: PostgresDatabase) -> None:
    """SKUs never read come first, then the oldest; fresh ones are left alone."""
    skus = [Sku(name) for name in ("never-b", "never-a", "old", "older", "fresh")]
    await database.run(lambda tx: tx.master.put_skus(skus, NOW))
    for sku, at in (("old", ago(hours=2)), ("older", ago(hours=3)), ("fresh", NOW)):
        await database.run(lambda tx, sku=sku, at=at: tx.objects.mark_read_ahead(sku, at))

    found = await database.run(lambda tx: tx.objects.skus_to_read_ahead(ago(hours=1), 9))
    limited = await database.run(lambda tx: tx.objects.skus_to_read_ahead(ago(hours=1), 3))

    assert ["never-a", "never-b", "older", "old"] == found
    assert ["never-a", "never-b", "older"] == limited


@pytest.mark.parametrize("lock", [True, False])
async def test_objects_of_a_sku_come_in_order(lock: bool, database: PostgresDatabase) -> None:
    """The objects of a SKU come by catalogue and remote id, locked or not."""
    for remote_id in ("b", "a"):
        await want(database, remote_id=remote_id)

    rows = await database.run(lambda tx: tx.objects.of_sku("kettle", lock=lock))

    assert ["a", "b"] == [row.remote_id for row in rows]
