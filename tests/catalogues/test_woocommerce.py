"""WooCommerce beyond what every kind must do: parents, keys, versions, plain HTTP."""

import base64

import pytest

from freezeguard.catalogues.configuration import CatalogueConfigurationError
from freezeguard.catalogues.registry import open_catalogue
from freezeguard.ports.catalogues import CatalogueError
from tests.catalogues.farside import far_side, http
from tests.catalogues.standins import woocommerce
from tests.catalogues.standins.woocommerce_world import woocommerce_world

SOON = 5.0
TABLE = {"kind": "woocommerce", "consumer_key": "ck_x", "consumer_secret": "cs_secret"}


@pytest.fixture
async def world():
    async with woocommerce_world(None) as world:
        yield world


async def test_a_variation_is_stopped_alone(world, sku):
    """A variation is written under its parent, and its siblings go on selling."""
    parent = await world.offer_variation(sku, f"{sku}-big")
    cart = await world.open_cart(sku)
    [found] = await world.catalogue.lookup(sku, deadline=SOON)

    await world.catalogue.stop(sku, found.remote_id, "hard", revision=1, deadline=SOON)

    assert found.remote_id.startswith(f"{parent}/")
    assert () == found.takes_along
    assert not await world.pay(cart)
    assert not (await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)).sellable
    assert await world.buy(f"{sku}-big")


async def test_a_product_with_variations_takes_them_along(world, sku):
    """The look-up of a parent names every variation that its stop ends, too."""
    await world.offer_variation(sku, f"{sku}-big")
    catalogue = world.catalogue
    [found] = await catalogue.lookup(f"{sku}-all", deadline=SOON)
    assert (await catalogue.try_to_buy(f"{sku}-all", found.remote_id, deadline=SOON)).sold

    await catalogue.stop(f"{sku}-all", found.remote_id, "hard", revision=1, deadline=SOON)

    assert (sku, f"{sku}-big") == found.takes_along
    assert not await world.buy(sku)
    [variation] = await catalogue.lookup(sku, deadline=SOON)
    seen = await catalogue.read_back(sku, variation.remote_id, deadline=SOON)
    assert not seen.sellable  # though it is published itself


async def test_look_over_tells_variations_from_products(world, sku):
    """Products and variations are looked over together, with one request for each."""
    await world.offer(sku)
    await world.offer_variation(f"{sku}-v", f"{sku}-w")
    ids = {}
    for one in (sku, f"{sku}-v", f"{sku}-w"):
        [found] = await world.catalogue.lookup(one, deadline=SOON)
        ids[one] = found.remote_id
    facts = {"revision": 1, "deadline": SOON}
    for one in (sku, f"{sku}-v"):
        await world.catalogue.stop(one, ids[one], "hard", **facts)

    astray = await world.catalogue.look_over(list(ids.values()), deadline=SOON)

    assert {ids[f"{sku}-w"]} == astray


async def test_look_over_before_10_3(sku):
    """Where no request lists variations of all products, each parent is asked for its own."""
    shop = woocommerce.WooCommerce(has_variations_route=False)
    async with shop.serving() as url:
        catalogue = open_catalogue("shop", {
            **TABLE, "base_url": url, "consumer_key": woocommerce.KEY,
            "consumer_secret": woocommerce.SECRET,
        })
        parent = shop._create({"type": "variable", "sku": "p"})
        own = {"type": "variation", "parent_id": parent["id"], "regular_price": "5"}
        first, second = (shop._create({**own, "sku": one}) for one in ("a", "b"))
        second["status"] = "private"
        ids = [f"{parent['id']}/{one['id']}" for one in (first, second)]

        assert {ids[0]} == await catalogue.look_over(ids, deadline=SOON)
        await catalogue.close()


async def test_a_search_may_find_more(world, sku):
    """WooCommerce parts a search at commas and ignores case; only the exact SKU counts."""
    for one in (f"{sku},b", sku, "b", sku.lower()):
        await world.offer(one)

    [found] = await world.catalogue.lookup(f"{sku},b", deadline=SOON)

    [product] = await world.listed(f"{sku},b")
    assert str(product["id"]) == found.remote_id


async def test_out_of_stock_is_no_stop(world, sku):
    """What is merely sold out can't be bought, and yet does not read as held back from carts."""
    await world.offer(sku)
    [product] = await world.listed(sku)
    body = {"stock_status": "outofstock"}
    await world.admin("PUT", f"/products/{product['id']}", body)

    seen = await world.catalogue.read_back(sku, str(product["id"]), deadline=SOON)

    assert (True, False) == (seen.stopped("hide"), seen.stopped("hard"))


async def test_without_the_store_api(sku):
    """With `storefront = false` the admin's side answers, and nobody tries to buy."""
    shop = woocommerce.WooCommerce()
    async with shop.serving() as url:
        catalogue = open_catalogue("shop", {
            "kind": "woocommerce", "base_url": url, "storefront": False,
            "consumer_key": woocommerce.KEY, "consumer_secret": woocommerce.SECRET,
        })
        number = str(shop._create({"type": "simple", "sku": sku, "regular_price": "5"})["id"])

        seen = await catalogue.read_back(sku, number, deadline=SOON)
        assert (True, "admin", True) == (seen.sellable, seen.side, seen.open_carts)
        await catalogue.stop(sku, number, "hard", revision=1, deadline=SOON)
        assert (await catalogue.read_back(sku, number, deadline=SOON)).stopped("hard")
        with pytest.raises(CatalogueError, match="storefront = false"):
            await catalogue.try_to_buy(sku, number, deadline=SOON)
        assert not any("/store/" in request for request in shop.requests)
        await catalogue.close()


async def test_a_wrong_key(sku):
    """A key that is not let in is an error for good, and appears in no message."""
    async with woocommerce.WooCommerce().serving() as url:
        catalogue = open_catalogue("shop", {**TABLE, "base_url": url})

        with pytest.raises(CatalogueError) as caught:
            await catalogue.lookup(sku, deadline=SOON)
        await catalogue.close()

    assert not caught.value.recoverable
    assert "answered 401" in caught.value.detail
    assert "cs_secret" not in caught.value.detail


@pytest.mark.parametrize("kind", ["woocommerce", "saleor", "shopify"])
def test_secrets_in_the_clear(kind):
    """Plain HTTP is refused but to this machine, or where it is asked for."""
    own = TABLE if kind == "woocommerce" else {"kind": kind, "token": "t-123456789"}

    with pytest.raises(CatalogueConfigurationError) as caught:
        open_catalogue("shop", {**own, "base_url": "http://shop.example"})
    [(place, problem)] = caught.value.problems
    assert "catalogues.shop.base_url" == place
    assert "in the clear" in problem
    for url in ("http://localhost:81", "http://127.0.0.1", "http://[::1]:8", "https://shop.example"):
        assert open_catalogue("shop", {**own, "base_url": url}).name == "shop"
    asked_for = {**own, "base_url": "http://shop.example", "allow_plain_http": True}
    assert open_catalogue("shop", asked_for).name == "shop"


@pytest.mark.parametrize(
    ("own", "secret"),
    [
        (TABLE, base64.b64encode(b"ck_x:cs_secret").decode()),
        ({"kind": "saleor", "token": "t-123456789"}, "t-123456789"),
        ({"kind": "shopify", "token": "t-123456789"}, "t-123456789"),
    ],
    ids=["woocommerce", "saleor", "shopify"],
)
async def test_a_far_side_that_repeats_secrets(own, secret):
    """Whatever a far side quotes of our request, the secret is blotted out, encoded or not."""
    async with far_side(lambda exchange: http(400, exchange.head.encode())) as side:
        catalogue = open_catalogue("shop", {**own, "base_url": side.url})

        with pytest.raises(CatalogueError, match=r"\*\*\*") as caught:
            await catalogue.lookup("S", deadline=SOON)
        await catalogue.close()

    assert secret in side.exchanges[0].head
    assert secret not in caught.value.detail


async def test_the_stand_in_is_strict(world, sku):
    """A body that the REST index does not describe is refused, as `rest_invalid_param`."""
    for body in ({"status": "frozen"}, {"stock_quantity": "5"}, {"colour": "red"}):
        with pytest.raises(woocommerce.Refused) as caught:
            woocommerce.check_body(body, woocommerce.PRODUCT)
        assert (400, "rest_invalid_param") == (caught.value.status, caught.value.body["code"])
    with pytest.raises(woocommerce.Refused):
        woocommerce.check_body({"status": "future"}, woocommerce.VARIATION)
