"""Saleor, stopped by product: what goes along, moments to come, servers without more.

With FREEZEGUARD_SALEOR those tests that need no hand inside the far side are run against that one.
"""

import pytest

from freezeguard.catalogues.saleor_objects import objects_of
from freezeguard.ports.catalogues import CatalogueError
from tests.catalogues.standins import saleor
from tests.catalogues.standins.saleor_world import SaleorWorld, saleor_variants_world, saleor_world

SOON = 5.0
CHANNELS = ("Q2hhbm5lbDox", "Q2hhbm5lbDoy")


@pytest.fixture
async def world():
    async with saleor_world() as world:
        yield world


@pytest.fixture
def inside(world) -> SaleorWorld:
    """The world, where we may reach into the far side."""
    if not isinstance(world, SaleorWorld):
        pytest.skip("this far side runs by itself")
    return world


async def _stop(world, sku):
    [found] = await world.catalogue.lookup(sku, deadline=SOON)
    written = await world.catalogue.stop(
        sku, found.remote_id, "hard", revision=1, deadline=SOON
    )
    return found, written


async def test_siblings_go_along(world, sku):
    """The look-up names what is stopped with it, and both SKUs are the same object."""
    await world.offer(sku, siblings=(f"{sku}-L", f"{sku}-XL"))
    found, _ = await _stop(world, sku)
    [sibling] = await world.catalogue.lookup(f"{sku}-L", deadline=SOON)

    assert (f"{sku}-L", f"{sku}-XL") == found.takes_along
    assert found.remote_id == sibling.remote_id
    assert not await world.buy(f"{sku}-L")
    seen = await world.catalogue.read_back(f"{sku}-XL", found.remote_id, deadline=SOON)
    assert seen.stopped("hard")


async def test_many_siblings(inside, sku):
    """More variants than one page has are all named."""
    others = tuple(f"{sku}-{number:03}" for number in range(250))
    await inside.offer(sku, siblings=others)

    [found] = await inside.catalogue.lookup(sku, deadline=SOON)

    assert others == found.takes_along


async def test_very_many_siblings(inside, sku):
    """A product with more variants than are named is frozen all the same, by whichever of them."""
    others = tuple(f"{sku}-{number:04}" for number in range(700))
    await inside.offer(sku, siblings=others)
    last = others[-1]
    for one in others[:-1]:
        inside.variant(one)["quantityAvailable"] = 0
    found, _ = await _stop(inside, last)

    assert 450 < len(found.takes_along) <= 500
    assert not await inside.buy(last)
    await inside.catalogue.restore(last, found.remote_id, found.fields, revision=2, deadline=SOON)
    assert (await inside.catalogue.read_back(last, found.remote_id, deadline=SOON)).sellable
    assert (await inside.catalogue.try_to_buy(last, found.remote_id, deadline=SOON)).sold


async def test_ids_of_another_form(inside, sku):
    """What is not known by its id is not taken to be stopped: the look-up does not fit."""
    await inside.offer(sku)
    inside.variant(sku)["product"]["id"] = "product_01J9"

    with pytest.raises(CatalogueError, match="ids of another form"):
        await inside.catalogue.lookup(sku, deadline=SOON)


async def test_listings_that_are_not_told(inside, sku):
    """A null in the place of the listings is no "listed nowhere"."""
    await inside.offer(sku)
    found, _ = await _stop(inside, sku)
    inside.variant(sku)["product"]["channelListings"] = None

    with pytest.raises(CatalogueError, match="does not fit"):
        await inside.catalogue.read_back(sku, found.remote_id, deadline=SOON)


async def test_a_buyer_is_shown_it_and_gets_it(world, sku):
    """Before a stop a buyer is offered it; the attempt leaves nothing in a checkout."""
    await world.offer(sku)
    [found] = await world.catalogue.lookup(sku, deadline=SOON)

    seen = await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)
    tried = await world.catalogue.try_to_buy(sku, found.remote_id, deadline=SOON)

    assert (True, "buyer", True) == (seen.sellable, seen.side, seen.open_carts)
    assert tried.sold
    await _stop(world, sku)
    tried = await world.catalogue.try_to_buy(sku, found.remote_id, deadline=SOON)
    assert not tried.sold
    assert "PRODUCT_UNAVAILABLE_FOR_PURCHASE" in tried.detail


async def test_a_moment_to_come_is_kept(inside, sku):
    """What is to go on sale later does not while it is held, and does so again afterwards."""
    await inside.offer(sku)
    listing = inside.variant(sku)["product"]["channelListings"][1]
    listing |= {"availableForPurchaseAt": "2030-01-01T00:00:00+00:00",
                "isAvailableForPurchase": False}
    before = listing["availableForPurchaseAt"]
    found, written = await _stop(inside, sku)

    assert {None} == set(written["available"].values())
    assert listing["availableForPurchaseAt"] is None
    await inside.catalogue.restore(
        sku, found.remote_id, found.fields, revision=2, deadline=SOON
    )
    assert before == listing["availableForPurchaseAt"]


async def test_a_channel_that_was_off_stays_off(inside, sku):
    """Each channel gets back what it had."""
    await inside.offer(sku)
    listing = inside.variant(sku)["product"]["channelListings"][1]
    listing |= {"availableForPurchaseAt": None, "isAvailableForPurchase": False}
    image = await inside.image(sku)
    found, _ = await _stop(inside, sku)

    for revision in (2, 3):
        await inside.catalogue.restore(
            sku, found.remote_id, found.fields, revision=revision, deadline=SOON
        )

    assert image == await inside.image(sku)


async def test_a_listing_that_has_gone_is_not_made_anew(inside, sku):
    """Saleor would list a product in any channel that is written to: a person decides instead."""
    await inside.offer(sku)
    found, _ = await _stop(inside, sku)
    listings = inside.variant(sku)["product"]["channelListings"]
    del listings[1]

    with pytest.raises(CatalogueError, match="no longer listed") as caught:
        await inside.catalogue.restore(
            sku, found.remote_id, found.fields, revision=2, deadline=SOON
        )

    assert not caught.value.recoverable
    assert 1 == len(listings)
    assert not await inside.buy(sku)


async def test_look_over_takes_both_kinds(inside, sku):
    """What is on sale again is found, whatever it was stopped as."""
    await inside.offer(sku)
    found, _ = await _stop(inside, sku)
    ids = [found.remote_id, "nonsense", saleor.global_id("Product", 999_999)]
    assert not await inside.catalogue.look_over(ids, deadline=SOON)

    listing = inside.variant(sku)["product"]["channelListings"][0]
    listing |= {"availableForPurchaseAt": saleor.SINCE, "isAvailableForPurchase": True}

    assert {found.remote_id} == await inside.catalogue.look_over(ids, deadline=SOON)


async def test_what_was_stopped_as_a_product_is_restored_as_one(sku):
    """After `finest` was changed, an older stop is still read and lifted as what it is."""
    async with saleor_variants_world() as world:
        await world.offer(sku)
        image, variants = await world.image(sku), world.catalogue
        other = SaleorWorld(world.far_side, world.url, world._session)
        found, _ = await _stop(other, sku)
        await other.catalogue.close()

        assert (await variants.read_back(sku, found.remote_id, deadline=SOON)).stopped("hard")
        assert not await variants.look_over([found.remote_id], deadline=SOON)
        await variants.restore(sku, found.remote_id, found.fields, revision=2, deadline=SOON)

        assert image == await world.image(sku)


async def test_a_server_without_a_switch_for_variants(sku):
    """Asked for more than it can, it says so, and the message says what to set."""
    async with saleor_world(finest="variant") as world:
        with pytest.raises(CatalogueError, match='set finest = "product"') as caught:
            await world.catalogue.lookup(sku, deadline=SOON)

    assert not caught.value.recoverable


@pytest.mark.parametrize("text", ["", "Product:1", "UHJvZHVjdA==", "UHJvZHVjdDox!", "T3JkZXI6MQ=="])
def test_what_is_no_id_of_an_object(text):
    """Neither a product nor a variant: it is nothing that we could have stopped."""
    assert objects_of(text) is None
