"""What is usual, learned live from a shop's own past: as a backtest learns it, and used at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from freezeguard.bootstrap.service import Service
from freezeguard.detection.backtest.items import Item, learn_priors
from freezeguard.detection.daybook import UNLEARNED, Prior
from freezeguard.detection.evaluation import Spares
from freezeguard.detection.families import Spare
from freezeguard.detection.learning import HELD_BACK, STEP
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity, Signal
from freezeguard.ports.learning import LearnedPrior
from freezeguard.ports.rows import Sku, UnitsShipped
from freezeguard.ports.storage import Transaction
from freezeguard.services.detecting.evaluation import Evaluated
from freezeguard.services.detecting.learning import BY, PriorLearning, begin_of_night
from freezeguard.services.detecting.recomputing import Recomputation, recompute
from freezeguard.services.detecting.rulebook import RuleBook
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.privacy.conftest import sql
from tests.rig import CATEGORY, Rig, shop_with_service, until

RISEN = {"id": "risen", "family": "likelihood", "bound": 200, "mode": "armed"}
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Past:
    """The past of a shop, as it is sent and as a backtest reads it."""

    signals: list[Signal]
    units: list[UnitsShipped]
    items: list[Item]

    async def store(self, database: PostgresDatabase) -> None:
        """Store all of it, with the category of each SKU that has one."""
        skus = [Sku(one.sku, category=one.category) for one in self.items if one.category]
        now = datetime.now(UTC)

        async def work(tx: Transaction) -> None:
            await tx.master.put_skus(skus, now)
            await tx.signals.store(self.signals, [b""] * len(self.signals), now)
            await tx.signals.store_shipments(self.units, now)

        await database.run(work, deadline=60)


def a_past(end: datetime, seed: int = 7, rate: float = 0.0004, name: str = "P") -> Past:
    """Return what came of 240 items with units shipped, of a category, and 220 without any."""
    chance, past = Random(seed), Past([], [], [])
    for n in range(460):
        sku, signals, shipments = f"{name}-{n:03}", list[Observed](), list[Shipment]()
        if n < 240:
            for _ in range(3):
                sent = Shipment(Scope(sku), end - chance.uniform(100, 600) * DAY,
                                chance.choice([300, 1000, 4000]))
                shipments.append(sent)
                past.units.append(UnitsShipped(
                    f"{sku}-{len(past.units)}", "wms", b"", sku, sent.units, sent.shipped_at))
            first = min(one.shipped_at for one in shipments)
            expected = rate * sum(one.units for one in shipments) * chance.gammavariate(2, 0.5)
        else:
            first, expected = end - chance.uniform(200, 600) * DAY, 1 + chance.gammavariate(1, 2)
        for _ in range(int(expected + chance.random())):
            at = first + chance.random() * (end - first)
            customer = f"{sku}-{chance.randint(0, 40)}".encode()
            intent = chance.choice(["defect", "defect", "defect", "delivery"])
            signal = Signal("crm", f"{sku}-{len(past.signals)}", Kind.COMPLAINT, sku, at,
                            Severity.MAJOR, intent, customer=customer)
            past.signals.append(signal)
            signals.append(Observed(Scope(sku), at, "crm", signal.id, 1, signal.kind, intent,
                                    signal.severity, customer=customer))
        category = CATEGORY if n < 240 else None
        past.items.append(Item(sku, signals, shipments, category=category))
    return past


def end_of_lessons(now: datetime) -> datetime:
    """Return the midnight until which the past teaches."""
    return (now - HELD_BACK).replace(hour=0, minute=0, second=0, microsecond=0)


def learning(database: Any) -> PriorLearning:
    """Return what one replica learns with."""
    ids = iter(range(1, 1000))
    return PriorLearning(database, lambda: datetime.now(UTC), lambda: UUID(int=next(ids)))


async def taught(database: PostgresDatabase) -> RuleBook:
    """Learn, and return the rule book that has heard of it."""
    assert await learning(database).learn("test")
    book = RuleBook(database, lambda: datetime.now(UTC))
    await book.refresh()
    return book


async def test_live_learns_what_a_backtest_learns(database: PostgresDatabase) -> None:
    """On the same data the same priors, to the last digit: of a category, and of all items."""
    past = a_past(end_of_lessons(datetime.now(UTC)))
    await past.store(database)
    book = await taught(database)
    expected = learn_priors(past.items, end_of_lessons(datetime.now(UTC)))

    assert {None, CATEGORY} == set(expected)
    assert expected[CATEGORY] == book.priors(CATEGORY)
    assert expected[None] == book.priors(None) == book.priors("garden")
    assert UNLEARNED.units != expected[CATEGORY].units
    assert UNLEARNED.days != expected[None].days


async def test_what_is_recent_or_held_teaches_nothing(
    database: PostgresDatabase, dsns: OwnerAndRuntimeDsns
) -> None:
    """A flood of the last weeks, and items that are stopped, leave what is usual as it was."""
    now = datetime.now(UTC)
    past = a_past(end_of_lessons(now))
    await past.store(database)
    before = (await taught(database)).priors(CATEGORY)
    flood = [
        Signal("crm", f"f-{n}", Kind.COMPLAINT, f"P-{n % 240:03}", now - (n % 60) * DAY,
               Severity.MAJOR, customer=f"f-{n}".encode())
        for n in range(4800)
    ]  # fmt: skip
    await database.run(lambda tx: tx.signals.store(flood, [b""] * len(flood), now), deadline=30)
    after = (await taught(database)).priors(CATEGORY)
    # half of the items were bad all along, and are stopped now
    await sql(
        dsns, "INSERT INTO cases (id, sku, state, lane, version, evidence_revision, opened_by,"
        " opened_at, reason) SELECT gen_random_uuid(), 'P-' || lpad(n::text, 3, '0'), 'frozen',"
        " 'quality', 1, 1, 'detector', now(), '{}' FROM generate_series(0, 239, 2) AS n",
    )
    too_few = await learning(database).learn("test") or []

    assert before == after
    [of_category] = [one for one in too_few if one.group == (CATEGORY, "units")]
    assert (120, None) == (of_category.items, of_category.says)


async def test_two_replicas_learn_once(database: PostgresDatabase) -> None:
    """Whoever comes first learns; the other one does not, nor later in the same night."""
    await a_past(end_of_lessons(datetime.now(UTC))).store(database)
    replicas = [learning(database), learning(database)]
    zone, at = ZoneInfo("UTC"), (datetime.now(UTC) - timedelta(minutes=30)).time()
    changed = await asyncio.gather(*(one.step(at, zone) for one in replicas))
    again = await asyncio.gather(*(one.step(at, zone) for one in replicas))
    later = await replicas[0].step((datetime.now(UTC) + timedelta(hours=2)).time(), zone)

    assert [0, 3] == sorted(changed)
    assert ([0, 0], 0) == (again, later)
    assert all(0 <= one.age() < 60 for one in replicas)
    record = await database.run(lambda tx: tx.record.entries(None, None, 50))
    told = [one for one in record if one["action"] == "learn_prior"]
    assert {"prior:units", "prior:days", f"prior:units/{CATEGORY}"} == {
        one["subject"] for one in told
    }
    assert {BY} == {one["actor"] for one in told}


class Interrupted:
    """A database before one of whose transactions, by number, something else happens."""

    def __init__(self, database: PostgresDatabase, at: int, what: Callable[[], Any]) -> None:
        self._database, self._at, self._what, self._count = database, at, what, 0

    async def run(self, work: Any, **how: Any) -> Any:
        self._count += 1
        if self._count == self._at:
            await self._what()
        return await self._database.run(work, **how)


@pytest.mark.parametrize("at", [3, 5])
async def test_who_is_overtaken_changes_nothing(
    at: int, database: PostgresDatabase, dsns: OwnerAndRuntimeDsns
) -> None:
    """One that was away for longer than its lease finds another at it, and gives up.

    Before its second page, and when all is read and only to be put in force.
    """
    await a_past(end_of_lessons(datetime.now(UTC))).store(database)

    async def overtake() -> None:
        await sql(dsns, "UPDATE prior_learning SET lease_until = now() - interval '1 second'")
        now = datetime.now(UTC)
        assert await database.run(lambda tx: tx.learning.claim(UUID(int=99), now, None, DAY))

    slow = learning(Interrupted(database, at, overtake))

    assert None is await slow.learn("slow")
    assert None is await learning(database).learn("quick")
    assert [] == await database.run(lambda tx: tx.learning.priors())


@pytest.mark.parametrize(
    ("now", "begins"),
    [("2026-11-20T02:59:59+01:00", None), ("2026-11-20T03:00:00+01:00", "2026-11-20T02:00:00Z"),
     ("2026-11-20T05:59:00+01:00", "2026-11-20T02:00:00Z"), ("2026-11-20T06:00:00+01:00", None),
     ("2026-07-01T03:30:00+02:00", "2026-07-01T01:00:00Z")],
)  # fmt: skip
def test_a_night_begins_at_its_hour_in_the_shops_zone(now: str, begins: str | None) -> None:
    """For three hours from then on; a service that was away waits for the next night."""
    found = begin_of_night(datetime.fromisoformat(now), time(3), ZoneInfo("Europe/Berlin"))

    assert found == (None if begins is None else datetime.fromisoformat(begins))


async def test_a_broken_feed_moves_it_by_a_step_a_night(database: PostgresDatabase) -> None:
    """Units that are reported anew at a tenth: what is usual doubles, and is bounded, and says so.

    Hardly a change is none: the revision stays.
    """
    end = end_of_lessons(datetime.now(UTC))
    await a_past(end).store(database)
    first = await taught(database)
    same = await learning(database).learn("test") or []
    unchanged = await taught(database)
    await a_past(end, seed=8, rate=0.01, name="Q").store(database)
    moved = {one.group: one for one in await learning(database).learn("test") or ()}
    now = moved[CATEGORY, "units"]

    assert not any(one.has_changed for one in same)
    assert first.revision == unchanged.revision
    assert now.is_bounded
    assert now.says is not None
    assert now.says.rate > STEP * now.before.rate
    assert STEP * now.before.rate == pytest.approx(now.after.rate)


# ---------------------------------------------------------------------------------- in a service


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with a rule that learns, whose nights are far off."""
    far = (datetime.now(UTC) + timedelta(hours=12)).time().replace(microsecond=0)
    async with shop_with_service(
        dsns, tmp_path, rules=(RISEN,), calendar={"zone": "UTC"},
        detection={"learn_priors": True, "learn_at": far},
    ) as running:
        yield running


def service_of(rig: Rig) -> Service:
    """Return the replica in this process."""
    assert rig.service is not None
    return rig.service


async def learned(rig: Rig) -> None:
    """Learn from a past with few complaints, and wait until the replica has heard of it."""
    service = service_of(rig)
    await a_past(end_of_lessons(datetime.now(UTC))).store(service.database)
    assert await service.learning.learn("test")

    async def heard() -> bool:
        return service.rules.priors(CATEGORY).units != UNLEARNED.units

    await until(heard, "the rules heard of what was learned")


async def sent(rig: Rig, sku: str) -> None:
    """Send three complaints of the last days, one by one, about an item that sells 30 a day."""
    now = datetime.now(UTC)
    units = [
        {"id": f"{sku}-{n}", "source": "helpdesk", "sku": sku, "units": 30,
         "shipped_at": (now - n * DAY).isoformat()}
        for n in range(1, 40)
    ]  # fmt: skip
    assert (await rig.call("POST", "/v1/units", "source", json=units)).status == 202
    await rig.complain(sku, 1, occurred_at=(now - 3 * DAY).isoformat())
    await rig.complain(sku, 1, occurred_at=(now - 2 * DAY).isoformat())
    await rig.complain(sku, 1, occurred_at=(now - 1 * DAY).isoformat())


async def recomputed(rig: Rig, case: dict[str, Any]) -> Recomputation:
    """Recompute a case."""
    return await recompute(service_of(rig).database, UUID(case["id"]), datetime.now(UTC))


async def test_what_was_learned_freezes_what_the_built_in_prior_would_not(rig: Rig) -> None:
    """Where complaints are rare, few are enough: at the next one, and for what is there already.

    The reason names the prior and its revision, and comes out again after the prior has changed.
    """
    before, after = list(await rig.shop.sellable())[:2]
    await sent(rig, before)
    nothing_yet = await rig.cases(before)
    await learned(rig)
    frozen = await rig.in_state(before, "frozen")
    await sent(rig, after)
    at_once = await rig.in_state(after, "frozen")

    service = service_of(rig)
    assert [] == nothing_yet
    prior = service.rules.priors(CATEGORY).units
    named = {"per": "units", "shape": prior.shape, "exposure": prior.exposure,
             "revision": prior.revision}
    assert [named, named] == [one["reason"]["details"]["prior"] for one in (frozen, at_once)]
    other = LearnedPrior((CATEGORY, "units"), Prior(1.0, 9.0), 240)
    await service.database.run(lambda tx: tx.learning.put_priors([other], datetime.now(UTC)))
    await service.rules.refresh()

    assert other.prior == service.rules.priors(CATEGORY).units
    assert [True, True] == [(await recomputed(rig, one)).is_same for one in (frozen, at_once)]


async def test_a_reason_with_a_prior_that_was_never_learned_is_noticed(
    rig: Rig, dsns: OwnerAndRuntimeDsns
) -> None:
    """Where the history of what was learned was tampered with, an explanation says so."""
    await learned(rig)
    sku = next(iter(await rig.shop.sellable()))
    await sent(rig, sku)
    case = await rig.in_state(sku, "frozen")
    before = await recomputed(rig, case)
    await sql(dsns, "UPDATE learned_priors SET shape = shape + 0.5")
    after = await recomputed(rig, case)

    assert (True, False) == (before.is_same, after.is_same)
    revision = case["reason"]["details"]["prior"]["revision"]
    assert (f"prior: revision {revision} did not learn what the reason names",) == (
        after.freezes[0].differences
    )


async def test_what_was_spared_by_another_prior_is_spared_no_more(rig: Rig) -> None:
    """The watch forgets what it was told, and heeds no evaluation that began before."""
    service, sku = service_of(rig), "WATCHED-1"
    watch = service.ingestion._watch
    today = datetime.now(UTC).toordinal()

    def told(revision: int) -> Evaluated:
        spares = Spares()
        spares.take(Spare(50, today - 1, today + 2))
        return Evaluated(sku, [], (), 0, 10, revision, spares)

    def asks() -> bool:
        moment = int(datetime.now(UTC).timestamp())
        return watch.might_cross(sku, [moment], 11)

    old = service.rules.revision
    service.ingestion._settle(told(old))
    spared = not asks()
    service.ingestion._settle(told(old))
    await learned(rig)
    forgotten = asks()
    service.ingestion._settle(told(old))
    late = asks()

    assert (True, True, True) == (spared, forgotten, late)


async def test_switched_off_what_is_built_in_counts(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, database: PostgresDatabase
) -> None:
    """Also where something was learned before."""
    await a_past(end_of_lessons(datetime.now(UTC))).store(database)
    await learning(database).learn("test")
    async with shop_with_service(dsns, tmp_path, rules=(RISEN,)) as rig:
        await service_of(rig).rules.refresh()
        assert UNLEARNED == service_of(rig).rules.priors(CATEGORY)
