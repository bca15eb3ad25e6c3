"""A catalogue is proved by stopping a SKU for a moment, and everything is put back."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from freezeguard.bootstrap.metrics import PrometheusMetrics
from freezeguard.catalogues.http import HttpCatalogue
from freezeguard.catalogues.http_settings import http_settings
from freezeguard.domain.enforcement import Status
from freezeguard.domain.errors import GuardFailed
from freezeguard.ports.catalogues import Attempt, CatalogueError, Observation
from freezeguard.ports.rows import CatalogueRow
from freezeguard.sampleshop.client import ShopClient, sample_configuration
from freezeguard.services.cases.holding import LEASE
from freezeguard.services.directory import Directory, Outlet
from freezeguard.services.enforcing.breaker import Breaker
from freezeguard.services.enforcing.claims import Calls, Claim
from freezeguard.services.enforcing.enforcement import Enforcement
from freezeguard.services.enforcing.pace import Pace
from freezeguard.services.enforcing.proving import Looking, Proving, may_be_proved
from freezeguard.services.enforcing.releasing import Releasing
from freezeguard.services.sweeping import ReadAhead
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.journal import FileJournal

SOON = 4.0


class Buying(HttpCatalogue):
    """The sample shop's catalogue, which can also buy there; `then` is called after a stop."""

    shop: ShopClient
    then: Callable[[], Any] | None = None

    async def stop(self, sku: str, remote_id: str, *level: Any, **more: Any) -> Any:
        written = await super().stop(sku, remote_id, *level, **more)
        if self.then is not None:
            then, self.then = self.then, None
            await then()
        return written

    async def try_to_buy(self, sku: str, remote_id: str, *, deadline: float) -> Attempt:
        bought = await self.shop.open_cart(sku)
        return Attempt(bought.ok, bought.text or "")


class NoCases:
    """No case is about the SKU."""

    async def release_seen(self, *told: Any, **more: Any) -> None:
        """Hear of it."""


@pytest.fixture
async def catalogue(shop: ShopClient) -> AsyncIterator[Buying]:
    """The catalogue of a running sample shop."""
    table = http_settings("shop", sample_configuration(shop.url, shop.admin_token))
    opened = Buying("shop", table, environment={})
    opened.shop = shop
    yield opened
    await opened.close()


@pytest.fixture
def proving(
    database: PostgresDatabase, sku: str, catalogue: Buying, tmp_path: Path
) -> Callable[..., Proving]:
    """What begins proofs of the SKU."""

    def begin(of: str = sku, **more: Any) -> Proving:
        calls = Calls(
            database, NoCases(), {"shop": Breaker()}, lambda: datetime.now(UTC), Pace(),
            PrometheusMetrics(),
        )
        releasing = Releasing(calls, FileJournal(tmp_path / "journal.ndjson"))
        return Proving(calls, releasing, Outlet(catalogue), of, uuid4, **more)

    return begin


def verdicts(proving: Proving) -> dict[str, bool]:
    """Return what came of each step."""
    return {one.name: one.ok for one in proving.proof.steps}


async def row_of(database: PostgresDatabase, sku: str) -> CatalogueRow:
    """Return the one object of the SKU as it is stored."""
    [row] = await database.run(lambda tx: tx.objects.of_sku(sku))
    return row


async def killed_after_its_stop(database: PostgresDatabase, proving: Proving) -> None:
    """Leave behind what a proof does that is killed right after its stop, five seconds later."""
    assert await proving._looking.look()
    first = await database.run(lambda tx: proving._reserve(tx, 10**9))
    assert await proving._stop(first)
    await lease_is_over(database)


async def lease_is_over(database: PostgresDatabase) -> None:
    """Let the time of every lease pass."""
    await database.run(lambda tx: tx.connection.execute(
        "UPDATE catalogue_objects SET lease_until = now(), next_at = now()"))


async def test_a_proof_stops_buys_restores_and_compares(
    database: PostgresDatabase, shop: ShopClient, sku: str, proving: Callable[..., Proving]
) -> None:
    """Nobody can buy meanwhile, all is as before afterwards, and every step is told."""
    await shop.seed([{"sku": sku}])
    before = await shop.products(sku)
    proof = proving()

    assert await proof.prove(), proof.proof.steps

    assert before == await shop.products(sku)
    row = await row_of(database, sku)
    assert ("sellable", Status.IDLE) == (row.wanted, row.status)
    assert [
        "look up", "before-image", "is on sale", "stop",
        "read back as stopped", "try to buy", "restore", "compare with the before-image",
        "read back as on sale", "buy",
    ] == list(verdicts(proof))
    again = proving()
    assert await again.prove(), again.proof.steps


async def test_a_dry_run_changes_nothing(
    shop: ShopClient, sku: str, catalogue: Buying
) -> None:
    """It looks up, shows the image and says whether the SKU is on sale."""
    await shop.seed([{"sku": sku}])
    before = await shop.products(sku)
    looking = Looking(catalogue, sku, SOON)

    assert await looking.look()
    assert before == await shop.products(sku)
    [image] = looking.proof.images.values()
    assert False is image["sale_stop"]
    assert not await Looking(catalogue, f"{sku}-unknown", SOON).look()


async def test_a_shop_that_sells_on_is_not_proved(
    shop: ShopClient, sku: str, proving: Callable[..., Proving]
) -> None:
    """A stop that is answered with success and does nothing fails the proof, and is put back."""
    await shop.seed([{"sku": sku}])
    before = await shop.products(sku)
    await shop.faults(skus=[sku], lie=True, methods=["PATCH"], times=1)
    proof = proving(patience=0)

    assert not await proof.prove()
    assert False is verdicts(proof)["try to buy"]
    assert True is verdicts(proof)["compare with the before-image"]
    assert before == await shop.products(sku)


# -------------------------------------------------------------------------------- in good company


async def test_nothing_is_read_ahead_from_what_a_proof_has_stopped(
    database: PostgresDatabase, shop: ShopClient, sku: str, catalogue: Buying,
    proving: Callable[..., Proving],
) -> None:
    """A look-up that meets the stop, in the middle or just begun before, is no before-image."""
    await shop.seed([{"sku": sku}])
    directory = Directory([Outlet(catalogue)])
    enforcement = Enforcement(
        database, directory, None, None, lambda: datetime.now(UTC), uuid4, Pace(),
        PrometheusMetrics(),
    )
    reading = ReadAhead(database, directory, enforcement, lambda: datetime.now(UTC))
    revision = await database.run(lambda tx: tx.holds.current_revision())
    late: list[Any] = []

    async def meanwhile() -> None:
        await reading._look_up(sku, directory.outlets["shop"])
        late.extend(await catalogue.lookup(sku, deadline=SOON))

    catalogue.then = meanwhile
    assert await proving().prove()
    [found] = late
    assert found.fields["sale_stop"]
    await database.run(lambda tx: tx.objects.refresh_image(
        sku, "shop", [(found.remote_id, found.fields, ())], datetime.now(UTC), revision=revision))
    row = await row_of(database, sku)
    assert row.before_image is not None
    assert not row.before_image["sale_stop"]


async def test_a_freeze_in_the_middle_keeps_what_the_proof_has_stopped(
    database: PostgresDatabase, shop: ShopClient, sku: str, catalogue: Buying,
    proving: Callable[..., Proving],
) -> None:
    """The freeze goes out at once; the proof puts nothing back, and leaves its image."""
    await shop.seed([{"sku": sku}])
    before = (await catalogue.lookup(sku, deadline=SOON))[0]
    token = uuid4()

    async def freeze() -> None:
        remote_id = before.remote_id
        async with asyncio.timeout(2):
            await database.run(lambda tx: tx.objects.want(
                sku, "shop", remote_id, "hard", 10**6, lease=LEASE, token=token))

    catalogue.then = freeze
    proof = proving()
    assert not await proof.prove()

    assert not (await shop.buy(sku)).ok
    [told] = [one for one in proof.proof.steps if one.name == "restore"]
    assert "come to want it stopped" in told.detail
    row = await row_of(database, sku)
    assert ("hard", token) == (row.wanted, row.lease_token)
    assert before.fields == row.before_image
    assert row.written
    assert row.sent_at is not None


async def test_what_is_held_or_in_hand_is_not_proved(
    database: PostgresDatabase, shop: ShopClient, sku: str, proving: Callable[..., Proving]
) -> None:
    """Nothing is sent where something wants the SKU stopped, or another proof is at it."""
    await shop.seed([{"sku": sku}])
    first, second = proving(), proving()
    assert await first._looking.look()
    assert await second._looking.look()
    await database.run(lambda tx: first._reserve(tx, 10**9))
    with pytest.raises(GuardFailed, match="Somebody works on"):
        await database.run(lambda tx: second._reserve(tx, 10**9))

    await database.run(lambda tx: tx.objects.want(
        sku, "shop", first._claims[0].row.remote_id, "hard", 10**6, lease=None, token=None))
    with pytest.raises(GuardFailed, match="is held"):
        await proving().prove()
    assert (await shop.buy(sku)).ok


async def test_what_was_stopped_and_released_since_it_was_looked_at_is_looked_at_anew(
    database: PostgresDatabase, shop: ShopClient, sku: str, proving: Callable[..., Proving]
) -> None:
    """An image from before another stop and its release may not be what is there now."""
    await shop.seed([{"sku": sku}])
    slow = proving()
    revision = await database.run(lambda tx: tx.holds.current_revision())
    assert await slow._looking.look()
    assert await proving().prove()
    with pytest.raises(GuardFailed, match="Somebody works on"):
        await database.run(lambda tx: slow._reserve(tx, revision))


# ------------------------------------------------------------------------------------- left behind


@pytest.mark.parametrize("heard", [True, False])
async def test_a_proof_that_was_killed_is_put_right_by_the_next(
    database: PostgresDatabase, shop: ShopClient, sku: str, proving: Callable[..., Proving],
    heard: bool,
) -> None:
    """The stored image is restored, whether or not the answer of the stop was heard."""
    await shop.seed([{"sku": sku}])
    before = await shop.products(sku)
    killed = proving()
    await killed_after_its_stop(database, killed)
    if not heard:
        await database.run(lambda tx: tx.connection.execute(
            "UPDATE catalogue_objects SET written = NULL"))
    assert not (await shop.buy(sku)).ok

    after = proving()
    assert await after.recover()
    assert before == await shop.products(sku)
    assert await after.prove(), after.proof.steps
    assert json.dumps(killed.proof.images) == json.dumps(after.proof.images)


async def test_a_replica_puts_right_what_a_killed_proof_has_left(
    database: PostgresDatabase, shop: ShopClient, sku: str, proving: Callable[..., Proving]
) -> None:
    """It is due when the lease is over, as any release is: nothing is blocked for long."""
    await shop.seed([{"sku": sku}])
    before = await shop.products(sku)
    killed = proving()
    await killed_after_its_stop(database, killed)

    [row] = await database.run(lambda tx: tx.objects.claim_due("shop", LEASE, uuid4(), 5))
    until = asyncio.get_running_loop().time() + LEASE.total_seconds()
    await killed._releasing.work(Claim(killed._outlet, row, row, until))
    assert before == await shop.products(sku)
    assert Status.IDLE is (await row_of(database, sku)).status


async def test_what_others_have_changed_since_is_left_to_a_person(
    database: PostgresDatabase, shop: ShopClient, sku: str, catalogue: Buying,
    proving: Callable[..., Proving],
) -> None:
    """Nothing is written over it; whoever runs the next proof is told what it was, once."""
    await shop.seed([{"sku": sku}])
    killed = proving()
    await killed_after_its_stop(database, killed)
    row = await row_of(database, sku)
    emptied = replace(row, written={**(row.written or {}), "stock": 0})
    assert await database.run(lambda tx: tx.objects.note_written(emptied))
    await shop.change(row.remote_id, {"stock": 7})
    stopped = await shop.products(sku)

    after = proving()
    assert not await after.recover()
    [step] = after.proof.steps
    assert "stock is 7, the stop wrote 0" in step.detail
    assert "before the proof it was" in step.detail
    assert stopped == await shop.products(sku)
    assert await proving().recover()


async def test_what_was_deleted_meanwhile_is_skipped(
    database: PostgresDatabase, shop: ShopClient, sku: str, catalogue: Buying,
    proving: Callable[..., Proving], monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An object that the catalogue does not know any more needs no restore."""
    await shop.seed([{"sku": sku}])
    await killed_after_its_stop(database, proving())

    async def gone(*asked: Any, **more: Any) -> tuple[Any, ...]:
        return ()

    async def not_there(*asked: Any, **more: Any) -> Observation:
        return Observation(sellable=False, side="admin", is_gone=True)

    async def restored(*asked: Any, **more: Any) -> None:
        raise CatalogueError("there is no such object", recoverable=False)

    monkeypatch.setattr(catalogue, "lookup", gone)
    monkeypatch.setattr(catalogue, "read_back", not_there)
    monkeypatch.setattr(catalogue, "restore", restored)
    assert await proving().recover()
    assert Status.IDLE is (await row_of(database, sku)).status


@pytest.mark.parametrize(("wanted", "may"), [
    ([], True),
    ([("s", "shop", "sellable")], True),
    ([("s", "shop", "hard")], False),
    ([("s", "other", "hard")], True),
])  # fmt: skip
def test_what_is_wanted_stopped_is_not_proved(wanted: Any, may: bool) -> None:
    """A proof ends by putting the SKU back on sale, which a hold forbids."""
    assert may is may_be_proved(wanted, "shop")
