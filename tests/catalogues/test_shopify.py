"""Shopify beyond what every kind must do: publications, versions, points, buyers."""

import asyncio

import pytest

from freezeguard.catalogues import shopify as connector
from freezeguard.catalogues.configuration import CatalogueConfigurationError
from freezeguard.catalogues.registry import open_catalogue
from freezeguard.catalogues.shopify import LOOK_UP
from freezeguard.ports.catalogues import CatalogueError
from tests.catalogues.standins import shopify
from tests.catalogues.standins.shopify_world import shopify_world

SOON = 5.0
ONLINE, POS, MARKET, COMPANY = (shopify.gid("Publication", number) for number in (1, 2, 3, 4))
LATER = "2027-05-01T08:00:00Z"


@pytest.fixture
async def world():
    async with shopify_world() as world:
        yield world


async def _stop(world, sku):
    [found] = await world.catalogue.lookup(sku, deadline=SOON)
    await world.catalogue.stop(sku, found.remote_id, "hide", revision=1, deadline=SOON)
    return found


@pytest.mark.parametrize("lists_all", [False, True])
async def test_every_kind_of_publication(world, sku, lists_all):
    """Online store, till, market and company: a stop leaves none of them, a restore all of them.

    This holds whether or not a variant's own list names what nobody has set.
    """
    world.far_side.lists_all = lists_all
    await world.offer(sku)
    found = await _stop(world, sku)
    [variant] = world.variants(sku)

    assert [ONLINE, POS, MARKET, COMPANY] == found.fields["publications"]
    assert {} == world.far_side.places(variant)
    assert not (await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)).sellable
    await world.catalogue.restore(sku, found.remote_id, found.fields, revision=2, deadline=SOON)
    assert dict.fromkeys((ONLINE, POS, MARKET, COMPANY), "") == world.far_side.places(variant)


async def test_siblings_go_on_selling(world, sku):
    """A stop of a variant leaves the product, and the other variants, where they were."""
    world.far_side.add(sku, f"{sku}-big")
    found = await _stop(world, sku)

    assert "ProductVariant" in found.remote_id
    assert () == found.takes_along
    assert not await world.buy(sku)
    assert await world.buy(f"{sku}-big")


async def test_before_2026_07_siblings_go_along(sku):
    """Where a product is the least that can be stopped, the look-up names what goes with it."""
    async with shopify_world(version="2026-04") as world:
        world.far_side.add(sku, f"{sku}-big")
        found = await _stop(world, sku)

        assert "product" == world.catalogue.traits.finest
        assert "gid://shopify/Product/" in found.remote_id
        assert (f"{sku}-big",) == found.takes_along
        assert not await world.buy(f"{sku}-big")


async def test_what_was_off_stays_off_and_what_was_to_come_comes(world, sku):
    """Publications that lacked it lack it again; one that waits for its day waits again."""
    await world.offer(sku)
    [variant] = world.variants(sku)
    variant["own"] |= {ONLINE: "", POS: "never", MARKET: LATER}
    before = await world.image(sku)

    found = await _stop(world, sku)

    assert {"publications": [ONLINE, COMPANY], "scheduled": [[MARKET, LATER]]} == found.fields
    assert {} == world.far_side.places(variant)
    await world.catalogue.restore(sku, found.remote_id, found.fields, revision=2, deadline=SOON)
    assert before == await world.image(sku)


async def test_a_restore_writes_only_what_it_is_given(world, sku):
    """With one of the two fields, the other is left as it is."""
    await world.offer(sku)
    found = await _stop(world, sku)
    fields = {"scheduled": [[MARKET, LATER]]}

    await world.catalogue.restore(sku, found.remote_id, fields, revision=2, deadline=SOON)

    [variant] = world.variants(sku)
    assert {MARKET: LATER} == world.far_side.places(variant)


async def test_more_publications_than_a_page(sku):
    """A shop with many markets is read to the end before it is written."""
    async with shopify_world() as world:
        markets = {shopify.gid("Publication", 100 + number): "MARKET" for number in range(60)}
        world.far_side.channels |= markets
        await world.offer(sku)
        found = await _stop(world, sku)

        assert 64 == len(found.fields["publications"])
        assert {} == world.far_side.places(world.variants(sku)[0])


async def test_a_draft_is_not_sold(world, sku):
    """The product's own status comes first, by the documents."""
    await world.offer(sku)
    [variant] = world.variants(sku)
    variant["product"]["status"] = "DRAFT"

    seen = await world.catalogue.read_back(sku, variant["id"], deadline=SOON)
    assert not seen.sellable


async def test_a_search_may_find_more(world, sku):
    """A search index answers what is alike; only the exact SKU counts."""
    for one in (sku, sku.lower(), f"{sku}-2"):
        await world.offer(one)

    [found] = await world.catalogue.lookup(sku, deadline=SOON)

    assert [found.remote_id] == [one["id"] for one in world.variants(sku)]


async def test_spent_points(world, sku):
    """Who has spent the points is told when there are enough again, and what is left is heeded."""
    await world.offer(sku)
    bucket = world.far_side.bucket
    bucket.points, bucket.restored = 3.0, 100.0

    with pytest.raises(CatalogueError, match="THROTTLED") as caught:
        await world.catalogue.lookup(sku, deadline=SOON)

    assert caught.value.recoverable
    asked = world.catalogue._costs[LOOK_UP]
    assert pytest.approx((asked - 3) / 100, abs=0.1) == caught.value.retry_after
    assert world.catalogue._throttle._tokens < 50


async def test_many_stops_are_paid_from_one_bucket():
    """Twenty stops with their looks need less than a bucket, and nobody has to be refused.

    Most of what a query asks for is not found, and given back: without that one stop would do.
    """
    async with shopify_world() as world:
        skus = [f"SKU-{number}" for number in range(20)]
        for sku in skus:
            world.far_side.add(sku)
        world.far_side.latency = 0.02
        await asyncio.gather(*(_stop(world, sku) for sku in skus))

        far_side = world.far_side
        assert 0 == far_side.throttled
        assert not any([await world.buy(sku) for sku in skus])
        assert sum(far_side.spent.values()) < 1000


async def test_a_look_at_what_is_stopped_costs_next_to_nothing(world, sku):
    """A read-back takes 5 points or less, a look over many one each: both go on all the time."""
    await world.offer(sku)
    found = await _stop(world, sku)
    far_side = world.far_side
    far_side.spent.clear()
    seen = await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)
    read_back = sum(far_side.spent.values())
    await world.catalogue.look_over([found.remote_id], deadline=SOON)

    assert not seen.sellable
    assert read_back <= 5
    assert sum(far_side.spent.values()) - read_back <= 1


async def test_a_new_publication_is_found(world, sku, monkeypatch):
    """A sales channel that the shop gets after a stop is asked for as well, in a moment."""
    await world.offer(sku)
    found = await _stop(world, sku)
    [variant] = world.variants(sku)
    another = shopify.gid("Publication", 99)
    world.far_side.channels[another] = "APP"
    variant["product"]["own"][another] = ""
    monkeypatch.setattr(connector, "PLACES_ARE_GOOD_FOR", 0.0)

    assert (await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)).sellable
    assert {found.remote_id} == await world.catalogue.look_over([found.remote_id], deadline=SOON)


async def test_no_turn_within_the_deadline(world, sku):
    """With the points spent, a call that can't have its turn in time fails as one to repeat."""
    await world.offer(sku)
    world.far_side.bucket.points = 0.0
    with pytest.raises(CatalogueError, match="THROTTLED"):
        await world.catalogue.lookup(sku, deadline=SOON)
    asked = world.far_side.asked

    with pytest.raises(CatalogueError, match="no turn within") as caught:
        await world.catalogue.look_over([shopify.gid("Product", 1)], deadline=0.05)
    assert caught.value.recoverable
    assert asked == world.far_side.asked


async def test_without_a_storefront_token(sku):
    """The admin's side answers then, and nobody tries to buy."""
    async with shopify_world(storefront_token=None) as world:
        await world.offer(sku)
        found = await _stop(world, sku)
        seen = await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)
        assert (False, "admin") == (seen.sellable, seen.side)
        with pytest.raises(CatalogueError, match="no storefront_token"):
            await world.catalogue.try_to_buy(sku, found.remote_id, deadline=SOON)


async def test_a_shop_that_still_shows_it(world, sku):
    """What the Storefront API still offers counts as sold, whatever the admin's side says."""
    await world.offer(sku)
    found = await _stop(world, sku)
    world.far_side.is_sold = lambda *_: True

    assert (await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)).sellable


async def test_a_wrong_token(sku):
    """A token that is not let in is an error for good, and appears in no message."""
    async with shopify_world(token="shpat_wrong_token") as world:
        with pytest.raises(CatalogueError, match="answered 401") as caught:
            await world.catalogue.lookup(sku, deadline=SOON)

    assert not caught.value.recoverable
    assert "shpat_wrong_token" not in caught.value.detail


def test_hard_is_not_promised():
    """Nothing is documented of open carts, so `hard` can't be configured."""
    table = {"kind": "shopify", "base_url": "https://x.example", "token": "t", "level": "hard"}

    with pytest.raises(CatalogueConfigurationError) as caught:
        open_catalogue("shop", table)
    [(place, _)] = caught.value.problems
    assert "catalogues.shop.level" == place


@pytest.mark.parametrize("version", ["2026-7", "2026-05", "latest", "unstable"])
def test_a_version_that_does_not_exist(version):
    """An API version is a quarter of a year."""
    table = {"kind": "shopify", "base_url": "https://x.example", "token": "t"}

    with pytest.raises(CatalogueConfigurationError) as caught:
        open_catalogue("shop", {**table, "api_version": version})
    [(place, _)] = caught.value.problems
    assert "catalogues.shop.api_version" == place
