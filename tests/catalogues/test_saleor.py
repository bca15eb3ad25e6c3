"""Saleor, stopped by variant, beyond what every kind must do: channels, rights, errors, buyers."""

import asyncio
import contextlib

import pytest

from freezeguard.ports.catalogues import CatalogueError
from tests.catalogues.standins.saleor_world import SaleorWorld
from tests.catalogues.standins.saleor_world import saleor_variants_world as saleor_world

SOON = 5.0


@contextlib.asynccontextmanager
async def stranger(world, **more):
    """Somebody else's connector to the same far side."""
    other = SaleorWorld(world.far_side, world.url, world._session, finest="variant", **more)
    yield other.catalogue
    await other.catalogue.close()


@pytest.fixture
async def world():
    async with saleor_world() as world:
        yield world


async def _stop(world, sku):
    [found] = await world.catalogue.lookup(sku, deadline=SOON)
    written = await world.catalogue.stop(
        sku, found.remote_id, "hard", revision=1, deadline=SOON
    )
    return found, written


async def test_a_channel_that_was_off_stays_off(world, sku):
    """Each channel gets back what it had, prices and stock are never written."""
    await world.offer(sku)
    world.variant(sku)["channelListings"][1]["isAvailableForPurchase"] = False
    before = await world.image(sku)
    found, written = await _stop(world, sku)
    first, second = found.fields["available"]

    assert {first: True, second: False} == found.fields["available"]
    assert {"available": {first: False, second: False}} == written
    await world.catalogue.restore(sku, found.remote_id, found.fields, revision=2, deadline=SOON)
    assert before == await world.image(sku)


async def test_a_channel_that_came_later_is_seen(world, sku):
    """A channel that a stop knew nothing of is seen on sale, and the next stop ends it."""
    await world.offer(sku)
    found, _ = await _stop(world, sku)
    late = {"id": "Q2hhbm5lbDo5", "slug": "late", "isActive": True}
    world.far_side.channels.append(late)
    variant = world.variant(sku)
    variant["channelListings"].append({"channel": late, "isAvailableForPurchase": True})
    variant["product"]["channelListings"].append(
        {"channel": late, "isPublished": True, "isAvailableForPurchase": True}
    )

    assert (await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)).sellable
    assert {found.remote_id} == await world.catalogue.look_over([found.remote_id], deadline=SOON)
    await _stop(world, sku)
    assert (await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)).stopped("hard")


async def test_more_than_a_hundred_channels(sku):
    """A stop writes as many channels at once as Saleor takes, and forgets none."""
    async with saleor_world() as world:
        world.far_side.channels += [
            {"id": f"c{number}", "slug": f"c{number}", "isActive": False} for number in range(150)
        ]
        await world.offer(sku)
        _, written = await _stop(world, sku)

        assert 152 == len(written["available"])
        listings = world.variant(sku)["channelListings"]
        assert not any(one["isAvailableForPurchase"] for one in listings)


async def test_a_buyer_decides(world, sku):
    """Where the switch says off and a buyer can still check out, the variant counts as sold."""
    await world.offer(sku)
    found, _ = await _stop(world, sku)
    world.far_side._is_sold = lambda *_: True

    seen = await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)

    assert (True, "buyer") == (seen.sellable, seen.side)
    assert not seen.stopped("hide")
    assert all(not one["lines"] for one in world.far_side.checkouts.values())


async def test_without_buyers(sku):
    """With `storefront = false` the app's side answers, and nobody tries to buy."""
    async with saleor_world(storefront=False) as world:
        await world.offer(sku)
        number = world.variant(sku)["id"]
        seen = await world.catalogue.read_back(sku, number, deadline=SOON)
        assert (True, "admin") == (seen.sellable, seen.side)
        await _stop(world, sku)
        seen = await world.catalogue.read_back(sku, number, deadline=SOON)
        assert seen.stopped("hard")
        with pytest.raises(CatalogueError, match="storefront = false"):
            await world.catalogue.try_to_buy(sku, number, deadline=SOON)


@pytest.mark.parametrize("channels", [1, 2])
async def test_a_token_that_is_not_known(world, sku, channels):
    """Saleor takes it for a passer-by's: what she is not shown must not be taken to be gone."""
    del world.far_side.channels[channels:]
    await world.offer(sku)
    found, _ = await _stop(world, sku)
    async with stranger(world, token="wrong-token-987654") as catalogue:
        for ask in (
            lambda: catalogue.lookup(sku, deadline=SOON),
            lambda: catalogue.stop(sku, found.remote_id, "hard", revision=2, deadline=SOON),
            lambda: catalogue.read_back(sku, found.remote_id, deadline=SOON),
            lambda: catalogue.look_over([found.remote_id], deadline=SOON),
        ):
            with pytest.raises(CatalogueError, match="PermissionDenied") as caught:
                await ask()
            assert not caught.value.recoverable
            assert "wrong-token" not in caught.value.detail


@pytest.mark.parametrize("channels", [1, 2])
async def test_a_right_that_was_taken_away(world, sku, channels):
    """An app without the permission is told nothing, and nothing is concluded from it."""
    del world.far_side.channels[channels:]
    await world.offer(sku)
    found, _ = await _stop(world, sku)
    world.far_side.rights = ["MANAGE_ORDERS"]

    with pytest.raises(CatalogueError):
        await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)
    with pytest.raises(CatalogueError):
        await world.catalogue.lookup(sku, deadline=SOON)


async def test_what_went_wrong_inside_may_mend(world, sku):
    """An error that is the server's own may be tried again."""
    await world.offer(sku)
    world.far_side.broken_requests = 1
    with pytest.raises(CatalogueError) as caught:
        await world.catalogue.lookup(sku, deadline=SOON)
    assert caught.value.recoverable

    assert await world.catalogue.lookup(sku, deadline=SOON)


async def test_beyond_the_limit_of_a_sandbox(world, sku):
    """A 429 may be tried again, as one answer said."""
    world.far_side.requests_left = 0

    with pytest.raises(CatalogueError, match="answered 429") as caught:
        await world.catalogue.lookup(sku, deadline=SOON)
    assert caught.value.recoverable


async def test_a_listing_that_has_just_gone(world, sku):
    """A stop that names a channel no longer listed may be tried again: it reads anew."""
    await world.offer(sku)
    catalogue, number = world.catalogue, world.variant(sku)["id"]
    soon = asyncio.get_running_loop().time() + SOON

    with pytest.raises(CatalogueError, match="NOT_FOUND") as caught:
        await catalogue._write("stop", number, {"gone": False}, 1, soon)
    assert caught.value.recoverable
    with pytest.raises(CatalogueError, match="no longer listed in gone") as caught:
        await catalogue.restore(
            sku, number, {"available": {"gone": True}}, revision=1, deadline=SOON
        )
    assert not caught.value.recoverable
