"""A catalogue is proved by stopping a SKU for a moment, and everything is put back."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from freezeguard.catalogues.http import HttpCatalogue
from freezeguard.catalogues.http_settings import http_settings
from freezeguard.ports.catalogues import Attempt
from freezeguard.sampleshop.client import ShopClient, sample_configuration
from freezeguard.services.enforcing.proving import Proving, may_be_proved
from freezeguard.storage.journal import FileJournal

SOON = 4.0


class Buying(HttpCatalogue):
    """The sample shop's catalogue, which can also buy there."""

    shop: ShopClient

    async def try_to_buy(self, sku: str, remote_id: str, *, deadline: float) -> Attempt:
        bought = await self.shop.open_cart(sku)
        return Attempt(bought.ok, bought.text or "")


@pytest.fixture
async def catalogue(shop: ShopClient) -> AsyncIterator[Buying]:
    """The catalogue of a running sample shop."""
    table = http_settings("shop", sample_configuration(shop.url, shop.admin_token))
    opened = Buying("shop", table, environment={})
    opened.shop = shop
    yield opened
    await opened.close()


@pytest.fixture
def journal(tmp_path: Path) -> FileJournal:
    """Where images are kept while a proof is under way."""
    return FileJournal(tmp_path / "checks.ndjson")


def verdicts(proving: Proving) -> dict[str, bool]:
    """Return what came of each step."""
    return {one.name: one.ok for one in proving.proof.steps}


async def test_a_proof_stops_buys_restores_and_compares(
    shop: ShopClient, sku: str, catalogue: Buying, journal: FileJournal
) -> None:
    """Nobody can buy meanwhile, all is as before afterwards, and every step is told."""
    await shop.seed([{"sku": sku}])
    before = await shop.products(sku)
    proving = Proving(catalogue, sku, sku, journal, SOON)

    assert await proving.dry_run()
    assert await proving.prove()

    assert before == await shop.products(sku)
    assert [] == await journal.lines()
    assert [
        "look up", "before-image", "is on sale", "stop",
        "read back as stopped", "try to buy", "restore", "compare with the before-image",
        "read back as on sale", "buy",
    ] == list(verdicts(proving))


async def test_a_dry_run_changes_nothing(
    shop: ShopClient, sku: str, catalogue: Buying, journal: FileJournal
) -> None:
    """It looks up, shows the image and says whether the SKU is on sale."""
    await shop.seed([{"sku": sku}])
    before = await shop.products(sku)
    proving = Proving(catalogue, sku, sku, journal, SOON)

    assert await proving.dry_run()
    assert before == await shop.products(sku)
    [image] = proving.proof.images.values()
    assert False is image["sale_stop"]
    assert not await Proving(catalogue, "x", f"{sku}-unknown", journal, SOON).dry_run()


async def test_a_shop_that_sells_on_is_not_proved(
    shop: ShopClient, sku: str, catalogue: Buying, journal: FileJournal
) -> None:
    """A stop that is answered with success and does nothing fails the proof, and is put back."""
    await shop.seed([{"sku": sku}])
    before = await shop.products(sku)
    await shop.faults(skus=[sku], lie=True, methods=["PATCH"], times=1)
    proving = Proving(catalogue, sku, sku, journal, SOON, patience=0)

    assert await proving.dry_run()
    assert not await proving.prove()
    assert False is verdicts(proving)["try to buy"]
    assert True is verdicts(proving)["compare with the before-image"]
    assert before == await shop.products(sku)


async def test_a_proof_that_was_killed_is_put_right_by_the_next(
    shop: ShopClient, sku: str, catalogue: Buying, journal: FileJournal
) -> None:
    """The image on disk is what is restored, not what the killed proof left behind."""
    await shop.seed([{"sku": sku}])
    before = await shop.products(sku)
    killed = Proving(catalogue, sku, sku, journal, SOON)
    assert await killed.dry_run()
    await killed._remember()
    await killed._stop({})
    assert not (await shop.buy(sku)).ok

    assert not await Proving(catalogue, sku, sku, journal, SOON).dry_run()
    proving = Proving(catalogue, sku, sku, journal, SOON)
    assert {sku} == await proving.left()
    assert await proving.recover()
    assert before == await shop.products(sku)
    assert await proving.dry_run()
    assert await proving.prove()
    assert [] == await journal.lines()
    assert json.dumps(killed.proof.images) == json.dumps(proving.proof.images)


@pytest.mark.parametrize(("wanted", "may"), [
    ([], True),
    ([("s", "shop", "sellable")], True),
    ([("s", "shop", "hard")], False),
    ([("s", "other", "hard")], True),
])  # fmt: skip
def test_what_is_held_is_not_proved(wanted: Any, may: bool) -> None:
    """A proof ends by putting the SKU back on sale, which a hold forbids."""
    assert may is may_be_proved(wanted, "shop")
