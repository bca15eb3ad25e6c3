"""Leases and late commands: what is asked of a claim before each call, and what losers leave."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from freezeguard.bootstrap.metrics import PrometheusMetrics
from freezeguard.domain.enforcement import Status
from freezeguard.domain.transitions import State
from freezeguard.ports.catalogues import CatalogueError, NoTurnError
from freezeguard.ports.rows import CatalogueRow
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.holding import LEASE
from freezeguard.services.directory import Outlet
from freezeguard.services.enforcing.breaker import Breaker
from freezeguard.services.enforcing.claims import Calls, Claim, LeaseLost, Paused
from freezeguard.services.enforcing.pace import Pace
from freezeguard.storage.database import PostgresDatabase
from tests.rig import until
from tests.storage.makers import hold, open_case

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SKU, SHOP = "sku", "shop"


class NoCatalogue:
    """A catalogue of which only the name is asked."""

    name = SHOP


def calls_on(database: PostgresDatabase, **pace: Any) -> Calls:
    """Return what turns use, on a database and without any case to tell."""
    return Calls(
        database, None, {SHOP: Breaker()}, lambda: NOW, Pace(**pace), PrometheusMetrics(),
    )


async def wanted(
    database: PostgresDatabase, level: str = "hard", revision: int = 1, *, token: UUID | None = None
) -> CatalogueRow:
    """Want one object stopped or sold, with a lease where a token is given."""
    lease = None if token is None else LEASE
    return await database.run(lambda tx: tx.objects.want(
        SKU, SHOP, "r", level, revision, lease=lease, token=token))


async def present(database: PostgresDatabase) -> dict[str, Any]:
    """Return the object's row as it stands in the table."""
    rows = await database.run(lambda tx: tx.connection.fetch("SELECT * FROM catalogue_objects"))
    return dict(rows[0])


def claim_of(row: CatalogueRow, seconds: float) -> Claim:
    """Return a claim whose lease runs for so many seconds more."""
    until = asyncio.get_running_loop().time() + seconds
    return Claim(Outlet(NoCatalogue()), row, row, until)


def answer(value: Any = "answer") -> Callable[[], Awaitable[Any]]:
    """Return a call that counts how often it was made."""

    async def call() -> Any:
        call.made += 1
        return value

    call.made = 0
    return call


async def test_a_call_that_found_no_turn_is_a_pause(database: PostgresDatabase):
    """Nothing failed, so no attempt is counted; what nobody waits for is put off meanwhile."""
    calls, claim = calls_on(database), claim_of(await wanted(database), 60)

    async def no_turn() -> None:
        raise NoTurnError("no turn within 2 s")

    with pytest.raises(Paused):
        await calls.ask(claim, no_turn)
    assert calls.is_crowded(SHOP)
    assert not calls.is_crowded("another")
    assert 0 == calls.breakers[SHOP].failures


async def test_what_is_only_out_of_sight_waits_for_stops(database: PostgresDatabase):
    """It was seen stopped: a slow pace is first for stops that nobody has seen yet, else never."""
    row = await wanted(database)
    lost = replace(row, status=Status.UNREACHABLE, failing_since=NOW, attempts=0)
    assert claim_of(row, 60).is_hasty
    assert not claim_of(lost, 60).is_hasty
    assert claim_of(replace(lost, attempts=1), 60).is_hasty

    await database.run(lambda tx: tx.connection.execute("""
        INSERT INTO catalogue_objects (sku, catalogue, remote_id, wanted, status, next_at,
                                       failing_since)
        SELECT 'lost', catalogue, 'r', wanted, 'unreachable', now() - interval '1 hour', now()
          FROM catalogue_objects"""))
    await database.run(lambda tx: tx.objects.wake(SHOP, SKU))
    [first] = await database.run(lambda tx: tx.objects.claim_due(SHOP, LEASE, uuid4(), 1))
    assert SKU == first.sku


async def test_a_call_within_the_lease_asks_nobody(database: PostgresDatabase):
    """The first stop of a freeze goes out without a further round trip to the database."""
    row = await wanted(database, token=uuid4())
    before = await present(database)
    assert "answer" == await calls_on(database).ask(claim_of(row, 5), answer())
    assert before == await present(database)


async def test_a_call_that_might_outlive_the_lease_lengthens_it_first(
    database: PostgresDatabase,
):
    """With three seconds left and four to wait, the lease is renewed before the call."""
    row = await wanted(database, token=uuid4())
    before = await present(database)
    claim = claim_of(row, 3)
    await calls_on(database).ask(claim, answer())
    assert before["lease_until"] < (await present(database))["lease_until"]
    assert claim.ours_until > asyncio.get_running_loop().time() + 4


async def test_who_lost_the_lease_does_not_call(database: PostgresDatabase):
    """Taken over meanwhile: nothing is sent."""
    row = await wanted(database, token=uuid4())
    await database.run(lambda tx: tx.connection.execute(
        "UPDATE catalogue_objects SET lease_token = $1", uuid4()))
    call = answer()
    with pytest.raises(LeaseLost):
        await calls_on(database).ask(claim_of(row, 0), call)
    assert 0 == call.made


async def test_a_restore_needs_the_newest_order(database: PostgresDatabase):
    """Frozen anew since it was claimed: a restore is not sent, a read-back may be."""
    row = await wanted(database, "sellable", token=uuid4())
    await wanted(database, "sellable", revision=2)
    calls, call = calls_on(database), answer()
    with pytest.raises(LeaseLost):
        await calls.ask(claim_of(row, 5), call, restores=True)
    assert 0 == call.made
    assert "answer" == await calls.ask(claim_of(row, 5), answer())


async def test_a_pause_that_another_object_was_asked_for_holds_in_the_middle_of_a_turn(
    database: PostgresDatabase,
):
    """Between its stop and its read-back the far side asked somebody for a pause: it gets it."""
    row = await wanted(database, token=uuid4())
    calls, call = calls_on(database), answer()
    calls.breakers[SHOP].failed(asyncio.get_running_loop().time(), 7)
    with pytest.raises(Paused) as paused:
        await calls.ask(claim_of(row, 5), call)
    assert 0 == call.made
    assert 0 < paused.value.seconds <= 7


@pytest.mark.filterwarnings("error::RuntimeWarning")
async def test_a_connector_that_ignores_its_deadline_is_cut_off(database: PostgresDatabase):
    """A call that never ends counts as unanswered, one that blows up as refused."""
    row = await wanted(database, token=uuid4())
    calls = calls_on(database, call_deadline=0.05)

    async def never() -> None:
        await asyncio.Event().wait()

    async def broken() -> None:
        raise KeyError("surprise")

    with pytest.raises(CatalogueError) as unanswered:
        await calls.ask(claim_of(row, 5), never)
    with pytest.raises(CatalogueError) as refused:
        await calls.ask(claim_of(row, 5), broken)
    assert (True, False) == (unanswered.value.recoverable, refused.value.recoverable)
    assert "KeyError" in refused.value.detail


async def test_a_clock_that_is_set_back_lengthens_no_pause(database: PostgresDatabase):
    """The pause was asked for at noon; by eleven, an hour later for nobody, it is over."""
    clock = [NOW]
    row, calls = await wanted(database, token=uuid4()), calls_on(database)
    calls.now = lambda: clock[0]

    async def asks_for_a_pause() -> None:
        raise CatalogueError("busy", recoverable=True, retry_after=0.05)

    with pytest.raises(CatalogueError):
        await calls.ask(claim_of(row, 5), asks_for_a_pause)
    clock[0] -= timedelta(hours=1)
    assert calls.breakers[SHOP].pause_left(asyncio.get_running_loop().time()) <= 0.05

    async def over() -> bool:
        with contextlib.suppress(Paused):
            return "answer" == await calls.ask(claim_of(row, 5), answer())
        return False

    await until(over, "the pause is over")


# ------------------------------------------------------------------------------ out of sight


async def looked_at(database: PostgresDatabase, *seconds_ago: float) -> None:
    """Make objects that are confirmed as stopped, each by a read-back of so many seconds ago."""

    async def work(tx: Transaction) -> None:
        for number, ago in enumerate(seconds_ago):
            row = await tx.objects.want(
                SKU, SHOP, f"r{number}", "hard", 1, lease=LEASE, token=uuid4())
            done = replace(row, status=Status.CONFIRMED, seen_sellable=False, sent_at=NOW,
                           seen_at=NOW - timedelta(seconds=ago))
            assert await tx.objects.settle(done, next_in=30, now=NOW)

    await database.run(work)


async def unseen(database: PostgresDatabase, limit: int = 9) -> list[str]:
    """Claim what nobody has seen for a minute and a half."""
    age = timedelta(seconds=90)
    rows = await database.run(
        lambda tx: tx.objects.claim_unseen(SHOP, LEASE, uuid4(), limit, NOW, age))
    return [one.remote_id for one in rows]


async def test_what_was_not_seen_for_long_is_claimed_once(database: PostgresDatabase):
    """Due or not; neither what was seen just now nor what another replica has in its hands."""
    await looked_at(database, 91, 3600, 89, 0)
    assert ["r0"] == await unseen(database, limit=1)
    assert ["r1"] == await unseen(database)
    assert [] == await unseen(database)


async def test_a_read_back_from_the_future_tells_nothing(database: PostgresDatabase):
    """A clock was set back by an hour: for an hour nobody would know better."""
    await looked_at(database, -3600, -1)
    assert ["r0"] == await unseen(database)


# ------------------------------------------------------------------------- seen once more


async def young_stop(
    database: PostgresDatabase, state: State = State.FROZEN, **of_hold: Any
) -> CatalogueRow:
    """Make an object that is confirmed as stopped for a case; return it claimed to be seen."""
    case = await open_case(database, SKU, state=state)
    await database.run(lambda tx: tx.holds.insert(hold(case, 1, **of_hold)))
    stop = await wanted(database, token=uuid4())
    done = replace(stop, status=Status.CONFIRMED, seen_sellable=False, sent_at=NOW)
    await database.run(lambda tx: tx.objects.settle(done, next_in=0, now=NOW))
    [row] = await _claimed(database)
    return replace(row, seen_at=NOW)


async def seen_again(database: PostgresDatabase, row: CatalogueRow) -> bool:
    return await database.run(
        lambda tx: tx.objects.see_again(row, frozenset({State.FROZEN}), next_in=9))


async def test_a_repetition_is_stored_without_the_lock_of_the_sku(database: PostgresDatabase):
    """The look is on record and the lease given back, though somebody else works on the SKU."""
    row = await young_stop(database)

    async def beside(tx: Transaction) -> bool:
        await tx.signals.lock_sku(SKU)
        return await calls_on(database)._seen_again(claim_of(row, 5), 9)

    assert await database.run(beside)
    after = await present(database)
    assert (NOW, None, None) == (after["seen_at"], after["lease_token"], after["lease_until"])
    assert 0 == await _due(database)


@pytest.mark.parametrize("change", [
    "UPDATE catalogue_objects SET wanted_revision = 2",
    "UPDATE catalogue_objects SET lease_token = gen_random_uuid()",
    "UPDATE catalogue_objects SET next_at = now()",
    "UPDATE catalogue_objects SET status = 'drifted'",
    "UPDATE cases SET state = 'freezing'",
    "UPDATE cases SET narrowing = '{}'",
    "UPDATE holds SET state = 'releasing'",
    "UPDATE holds SET state = 'released', ended_at = now()",
])  # fmt: skip
async def test_what_may_be_news_to_a_case_is_no_repetition(
    change: str, database: PostgresDatabase
):
    """Something else is wanted by now, or a case is on its way: nothing is stored in passing."""
    row = await young_stop(database)
    await database.run(lambda tx: tx.connection.execute(change))
    before = await present(database)
    assert not await seen_again(database, row)
    assert before == await present(database)


@pytest.mark.parametrize("claim", [
    lambda row: replace(claim_of(row, 5), has_sent=True),
    lambda row: replace(claim_of(row, 5), before=replace(row, status=Status.PENDING)),
    lambda row: claim_of(replace(row, status=Status.DRIFTED), 5),
])  # fmt: skip
async def test_only_what_was_and_is_confirmed_is_a_repetition(
    claim: Callable[[CatalogueRow], Claim], database: PostgresDatabase
):
    """Whatever was sent, or has another status than before, the cases hear of."""
    row = await young_stop(database)
    assert not await calls_on(database)._seen_again(claim(row), 9)


async def test_a_calm_stop_is_told_to_its_cases_every_time(database: PostgresDatabase):
    """Whatever the short way may overlook lasts no longer than until things are calm."""
    row = await young_stop(database)
    calls = calls_on(database, verify_every=9)
    assert not await calls._seen_again(claim_of(row, 5), 9)
    assert await calls._seen_again(claim_of(row, 5), 8.9)


# ---------------------------------------------------------------------------- late commands


async def at_rest(database: PostgresDatabase) -> CatalogueRow:
    """Make an object that was stopped and released; return the stop that was claimed."""
    stop = await wanted(database, token=uuid4())
    sent = replace(stop, status=Status.CONFIRMED, written={"on": False}, sent_at=NOW)
    await database.run(lambda tx: tx.objects.settle(sent, next_in=30, now=NOW))
    await wanted(database, "sellable", revision=2)
    [release] = await _claimed(database)
    done = replace(release, status=Status.IDLE, written=None, sent_at=None)
    assert await database.run(lambda tx: tx.objects.settle(done, next_in=None, now=NOW))
    row = await present(database)
    assert ("idle", None, None) == (row["status"], row["written"], row["sent_at"])
    return stop


async def test_a_stop_that_came_too_late_is_taken_back(database: PostgresDatabase):
    """Released long ago: what the late stop wrote is on record, and the object is due."""
    stop = replace(await at_rest(database), written={"on": False}, fallbacks=("deny_list",))
    await database.run(lambda tx: tx.objects.overtaken(stop))
    row = await present(database)
    assert ("sellable", "pending", {"on": False}) == (row["wanted"], row["status"], row["written"])
    assert ["deny_list"] == row["fallbacks"]
    assert None not in {row["next_at"], row["sent_at"]}


async def test_a_restore_that_came_too_late_is_looked_at(database: PostgresDatabase):
    """Stopped anew: the stop is looked at now and, as a young one, soon again; nothing else."""
    release = await at_rest(database)
    stop = await wanted(database, revision=3, token=uuid4())
    held = replace(stop, status=Status.CONFIRMED, written={"on": False}, sent_at=NOW)
    await database.run(lambda tx: tx.objects.settle(held, next_in=30, now=NOW))
    late = replace(release, wanted="sellable", written={"other": 1}, fallbacks=("stock_zero",))
    await database.run(lambda tx: tx.objects.overtaken(late))
    row = await present(database)
    assert ("confirmed", {"on": False}, []) == (row["status"], row["written"], row["fallbacks"])
    assert row["sent_at"] > NOW - timedelta(days=365)
    assert 1 == await _due(database)


async def test_a_restore_too_late_for_a_release_is_nothing(database: PostgresDatabase):
    """Two restored the same: there is nothing to look at."""
    release = await at_rest(database)
    late = replace(release, wanted="sellable")
    await database.run(lambda tx: tx.objects.overtaken(late))
    assert (None, "idle") == ((await present(database))["next_at"],
                              (await present(database))["status"])


async def test_a_wish_to_look_again_outlives_a_release(database: PostgresDatabase):
    """Somebody else's stop may still land: what it wrote is remembered until that was looked at."""
    stop = await wanted(database, token=uuid4())
    sent = replace(stop, status=Status.CONFIRMED, written={"on": False}, sent_at=NOW)
    await database.run(lambda tx: tx.objects.settle(sent, next_in=30, now=NOW))
    await wanted(database, "sellable", revision=2)
    [release] = await _claimed(database)
    await database.run(lambda tx: tx.objects.overtaken(sent))  # by a loser, meanwhile
    done = replace(release, status=Status.IDLE, written=None, sent_at=None)
    await database.run(lambda tx: tx.objects.settle(done, next_in=None, now=NOW))
    row = await present(database)
    assert ("idle", {"on": False}) == (row["status"], row["written"])
    assert 1 == await _due(database)


async def _claimed(database: PostgresDatabase) -> list[CatalogueRow]:
    return await database.run(lambda tx: tx.objects.claim_due(SHOP, LEASE, uuid4(), 5))


async def _due(database: PostgresDatabase) -> int:
    return len(await _claimed(database))


# ----------------------------------------------------------------------- images and listings


async def test_what_is_due_first(database: PostgresDatabase):
    """Stops that nobody has sent come before checks of what is stopped, then come releases."""

    async def prepare(tx: Transaction) -> None:
        for remote_id, level in (("sold", "sellable"), ("held", "hard"), ("new", "hard")):
            await tx.objects.want(SKU, SHOP, remote_id, "hard", 1, lease=None, token=None)
            if level == "sellable":
                await tx.objects.want(SKU, SHOP, remote_id, level, 2, lease=None, token=None)
        await tx.connection.execute(
            "UPDATE catalogue_objects SET status = 'confirmed' WHERE remote_id = 'held'")

    await database.run(prepare)
    order = []
    for _ in range(3):
        rows = await database.run(lambda tx: tx.objects.claim_due(SHOP, LEASE, uuid4(), 1))
        order += [one.remote_id for one in rows]
    assert ["new", "held", "sold"] == order


async def test_only_an_earlier_image_of_this_hold_replaces_a_later_one(
    database: PostgresDatabase,
):
    """From a journal: older than what was saved, and younger than the hold, or not at all."""
    minute = timedelta(minutes=1)
    row = await wanted(database, token=uuid4())
    case = await open_case(database, SKU)
    in_force = hold(case, 1, since=NOW - 2 * minute)
    await database.run(lambda tx: tx.holds.insert(in_force))

    async def kept(at: datetime) -> Any:
        async def work(tx: Transaction) -> None:
            await tx.connection.execute(
                "UPDATE catalogue_objects SET before_image = $1, before_at = $2", {"n": 2}, NOW)
            await tx.objects.keep_earlier_image(row, {"n": 1}, at)

        await database.run(work)
        return (await present(database))["before_image"]

    assert {"n": 1} == await kept(NOW - minute)
    assert {"n": 2} == await kept(NOW + minute)
    assert {"n": 2} == await kept(NOW - 3 * minute)


async def test_new_listings_of_a_stopped_sku_are_wanted_stopped(database: PostgresDatabase):
    """Found under further ids: they are due, stopped as the known one is, which stays as it is."""
    row = await wanted(database, revision=4, token=uuid4())
    found = [("r", {"n": 9}, ()), ("s", {"n": 1}, ("sibling",))]
    assert 1 == await database.run(lambda tx: tx.objects.add_found(row, found, NOW))
    assert 0 == await database.run(lambda tx: tx.objects.add_found(row, found, NOW))
    rows = {one.remote_id: one for one in await database.run(lambda tx: tx.objects.of_sku(SKU))}
    assert None is rows["r"].before_image
    added = rows["s"]
    assert ("hard", 4, Status.PENDING, {"n": 1}, ("sibling",)) == (
        added.wanted, added.wanted_revision, added.status, added.before_image, added.takes_along)


async def test_nothing_is_added_to_a_sku_that_is_sold(database: PostgresDatabase):
    """Released while the look-up was under way: new listings are nobody's business."""
    row = await at_rest(database)
    found = [("s", {"n": 1}, ())]
    assert 0 == await database.run(lambda tx: tx.objects.add_found(row, found, NOW))
