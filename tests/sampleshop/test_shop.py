"""What the shop sells, what it refuses, and what its admin side does."""

import asyncio

import aiohttp
import pytest

from freezeguard.sampleshop.client import ShopError
from tests.sampleshop.fixtures import until


async def _product(shop, sku, **fields):
    [product_id] = await shop.seed([{"sku": sku, **fields}])
    return product_id


async def test_remote_id_is_not_the_sku(shop, sku):
    """A product is found by its SKU and has an id of the shop's own."""
    product_id = await _product(shop, sku)

    assert product_id != sku
    assert product_id == (await shop.product(sku))["id"]


@pytest.mark.parametrize(
    "text", ["A/B", "two words", "💣 & Söhne", "100%", "a+b=c?d#e", "..", "a;b"]
)
async def test_odd_skus(shop, sku, text):
    """SKUs with slashes, blanks, emoji and reserved characters are sold like any other."""
    await _product(shop, f"{text}{sku}")

    assert (await shop.buy(f"{text}{sku}")).ok


async def test_sku_of_two_products(shop, sku):
    """Where two products have one SKU, stopping one of them leaves the SKU on sale."""
    first, second = await shop.seed([{"sku": sku}, {"sku": sku}])

    await shop.change(first, {"sale_stop": True})
    assert (await shop.buy(sku)).ok

    await shop.change(second, {"sale_stop": True})
    assert "sale_stopped" == (await shop.buy(sku)).code


async def test_unknown_sku(shop, sku):
    """Nobody buys what the shop does not know."""
    assert "no_such_sku" == (await shop.buy(sku)).code
    assert [] == await shop.availability(sku)
    assert [] == await shop.products(sku)


async def test_a_product_that_is_renamed_or_removed(shop, sku):
    """It is found under its new SKU only, with the same id; removed, nobody finds it."""
    product_id = await _product(shop, sku)
    cart = (await shop.open_cart(sku)).cart
    await shop.rename(product_id, f"{sku}-NEW")
    assert [] == await shop.products(sku)
    assert product_id == (await shop.product(f"{sku}-NEW"))["id"]

    await shop.remove(product_id)

    assert [] == await shop.products(f"{sku}-NEW")
    assert (404, "no_such_product") == (
        (changed := await shop.change(product_id, {"stock": 1}))[0], changed[1]["code"])
    assert "no_such_product" == (await shop.checkout(cart)).code
    with pytest.raises(ShopError, match="no_such_product"):
        await shop.remove(product_id)


async def test_open_cart_trap(shop, sku):
    """Unpublishing refuses new cart lines, but a cart that holds the line is still paid."""
    product_id = await _product(shop, sku)
    cart = (await shop.open_cart(sku)).cart

    await shop.change(product_id, {"published": False})

    assert "not_published" == (await shop.open_cart(sku)).code
    assert (await shop.checkout(cart)).ok


async def test_sale_stop_is_hard(shop, sku):
    """A sale stop refuses both the new line and the payment of an open cart."""
    product_id = await _product(shop, sku)
    cart = (await shop.open_cart(sku)).cart

    await shop.change(product_id, {"sale_stop": True})

    assert "sale_stopped" == (await shop.open_cart(sku)).code
    assert "sale_stopped" == (await shop.checkout(cart)).code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"stock": 0}, "out_of_stock"),
        ({"stock": 0, "allow_backorder": True}, None),
        ({"stock": 0, "track_stock": False}, None),
    ],
)
async def test_back_order_trap(shop, sku, fields, code):
    """Stock 0 stops only what is tracked and can't be back-ordered."""
    product_id = await _product(shop, sku)
    await shop.change(product_id, fields)

    assert code == (await shop.buy(sku)).code


async def test_deny_list_works_at_checkout(shop, sku):
    """A denied product can be put in a cart and can't be paid for."""
    product_id = await _product(shop, sku)
    await shop._ask("PUT", f"/admin/deny-list/{product_id}")

    assert (await shop.open_cart(sku)).ok
    assert "denied_at_checkout" == (await shop.buy(sku)).code

    await shop._ask("DELETE", f"/admin/deny-list/{product_id}")
    assert (await shop.buy(sku)).ok


@pytest.mark.parametrize(
    ("fields", "sellable", "open_carts"),
    [
        ({}, True, True),
        ({"published": False}, False, True),
        ({"sale_stop": True}, False, False),
        ({"stock": 0}, False, False),
    ],
)
async def test_shown_availability_is_what_happens(shop, sku, fields, sellable, open_carts):
    """What the buyer's side shows is exactly what a purchase then meets."""
    product_id = await _product(shop, sku)
    cart = (await shop.open_cart(sku)).cart
    await shop.change(product_id, fields)

    [shown] = await shop.availability(sku)

    assert (sellable, open_carts) == (shown["sellable"], shown["open_carts"])
    assert sellable == (sku in await shop.sellable())
    assert sellable == (await shop.buy(sku)).ok
    assert open_carts == (await shop.checkout(cart)).ok


async def test_stock_is_counted(shop, sku):
    """A sale takes its pieces from the stock, and two lines of one cart share it."""
    await _product(shop, sku, stock=3)
    cart = (await shop.open_cart(sku, 2)).cart
    await shop._ask("POST", f"/shop/carts/{cart}/lines", {"sku": sku, "quantity": 2})

    assert "out_of_stock" == (await shop.checkout(cart)).code
    assert (await shop.buy(sku, 3)).ok
    assert 0 == (await shop.product(sku))["stock"]


async def test_cart_is_paid_once(shop, sku):
    """A paid cart can't be paid again."""
    await _product(shop, sku)
    bought = await shop.buy(sku)

    assert "cart_closed" == (await shop.checkout(bought.cart)).code
    assert [bought.order] == [o["id"] for o in await shop.orders() if o["cart"] == bought.cart]


async def test_admin_refusals(shop, sku):
    """Unknown fields are 422, unknown ids 404, a wrong token 401, a taken id 409."""
    product_id = await _product(shop, sku)
    wrong = {"Authorization": "Bearer wrong"}

    assert 422 == (await shop.change(product_id, {"publisched": False}))[0]
    assert 404 == (await shop.change("nobody", {"published": False}))[0]
    url = f"{shop.url}/admin/products"
    async with aiohttp.ClientSession() as session, session.get(url, headers=wrong) as response:
        assert 401 == response.status
    with pytest.raises(ShopError, match="id_taken"):
        await shop.seed([{"sku": sku, "id": product_id}])


async def test_fences_refuse_older_revisions(shop, sku):
    """With fences on, a write with an older revision is 409 and changes nothing."""
    product_id = await _product(shop, sku)
    await shop.fences(on=True)
    newer, older = ({"Freezeguard-Revision": text} for text in ("8", "7"))

    assert 200 == (await shop.change(product_id, {"sale_stop": True}, newer))[0]
    assert 409 == (await shop.change(product_id, {"sale_stop": False}, older))[0]
    assert (await shop.product(sku))["sale_stop"]
    assert 200 == (await shop.change(product_id, {"sale_stop": False}, newer))[0]


async def test_without_fences_the_last_write_wins(shop, sku):
    """With fences off, the shop takes an older revision like any other."""
    product_id = await _product(shop, sku)

    await shop.change(product_id, {"sale_stop": True}, {"Freezeguard-Revision": "8"})
    assert (
        200
        == (await shop.change(product_id, {"sale_stop": False}, {"Freezeguard-Revision": "7"}))[0]
    )


async def test_lost_database(shop, sku):
    """After the loss of its database the shop stands as seeded; orders remain."""
    product_id = await _product(shop, sku, stock=7)
    before = await shop.product(sku)
    order = (await shop.buy(sku)).order
    await shop.change(product_id, {"sale_stop": True, "published": False})
    await shop._ask("PUT", f"/admin/deny-list/{product_id}")

    await shop.lose_database()

    assert before == await shop.product(sku)
    assert (await shop.buy(sku)).ok
    assert order in {one["id"] for one in await shop.orders()}


async def test_truth_log(shop, sku):
    """Every write and purchase attempt is in the log, in order, with revision and outcome."""
    product_id = await _product(shop, sku)
    headers = {"Freezeguard-Revision": "4", "Idempotency-Key": "k"}
    await shop.change(product_id, {"sale_stop": True}, headers)
    await shop.buy(sku)
    await shop.change(product_id, {"sale_stop": False})
    await shop.buy(sku)

    entries = await shop.log(sku)

    assert [
        ("admin", "stop", "applied"),
        ("purchase", "add", "refused"),
        ("admin", "restore", "applied"),
        ("purchase", "add", "applied"),
        ("purchase", "checkout", "applied"),
    ] == [(e["kind"], e["operation"], e["outcome"]) for e in entries]
    assert (4, "k", {"sale_stop": True}, product_id) == (
        entries[0]["revision"],
        entries[0]["idempotency_key"],
        entries[0]["fields"],
        entries[0]["product"],
    )
    assert all(e["received_ns"] <= e["applied_ns"] for e in entries if e["applied_ns"])
    assert entries[3:] == await shop.log(sku, after=entries[2]["seq"])
    assert entries[3:] == await shop.log(sku, since_ns=entries[3]["received_ns"])


async def test_slow_write_is_logged_by_arrival_and_by_effect(shop, sku):
    """A write that waits arrives first and takes effect last; the log tells both orders."""
    product_id = await _product(shop, sku)
    await shop.faults(slow=0.2, times=1)

    async def is_under_way():
        return [e for e in await shop.log(sku) if e["outcome"] == "under_way"] != []

    late = asyncio.create_task(shop.change(product_id, {"sale_stop": False}))
    await until(is_under_way)
    await shop.change(product_id, {"sale_stop": True})
    await late

    first, second = await shop.log(sku)
    assert ("restore", "stop") == (first["operation"], second["operation"])
    assert first["applied_order"] > second["applied_order"]
    assert not (await shop.product(sku))["sale_stop"]


async def test_many_products_at_once(shop, sku):
    """A bulk seed takes 20,000 products and refuses 20,001, whole."""
    ids = await shop.seed({"sku": f"{sku}-{n}"} for n in range(20_000))

    assert 20_000 == len(set(ids))
    with pytest.raises(ShopError, match="too_many_products"):
        await shop.seed({"sku": f"{sku}-more"} for _ in range(20_001))
    assert [] == await shop.products(f"{sku}-more")
