"""What a stop holds back, by the stand-ins of systems that are not run here.

Less than what tests/real sees: a stand-in does what the documents say of its system. The page says
so, and says `not shown` of carts that a stand-in does not have. FREEZEGUARD_TRUTH=write writes it.
What a Saleor that runs has shown (FREEZEGUARD_SALEOR) stays there, and its stand-in must agree.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.catalogues.standins.saleor_running import RunningSaleorWorld
from tests.catalogues.standins.saleor_world import SaleorWorld
from tests.catalogues.standins.shopify_world import ShopifyWorld
from tests.catalogues.standins.woocommerce_world import WooCommerceWorld
from tests.catalogues.worlds import WORLDS
from tests.truthpage import VARIETIES, Cells, put, section, sections

SOON = 5.0
Offer = Callable[[Any, str, str], Awaitable[None]]


async def _offer_woocommerce(world: WooCommerceWorld, sku: str, variety: str) -> None:
    if variety == "multi-variant":
        await world.offer_variation(sku, f"{sku}-sibling")
        return
    stock = {
        "tracked": {"manage_stock": True, "stock_quantity": 50},
        "untracked": {"manage_stock": False},
        "back-ordered": {"manage_stock": True, "stock_quantity": 0, "backorders": "yes",
                         "stock_status": "onbackorder"},
    }
    body = {"name": "n", "sku": sku, "regular_price": "5", **stock[variety]}
    await world.admin("POST", "/products", body)


async def _offer_saleor(
    world: SaleorWorld | RunningSaleorWorld, sku: str, variety: str
) -> None:
    is_back_ordered = variety == "back-ordered"
    await world.offer(
        sku, siblings=(f"{sku}-sibling",) if variety == "multi-variant" else (),
        tracked=variety != "untracked", stock=0 if is_back_ordered else 50, ahead=is_back_ordered,
    )


async def _offer_shopify(world: ShopifyWorld, sku: str, variety: str) -> None:
    is_back_ordered = variety == "back-ordered"
    skus = (sku, f"{sku}-sibling") if variety == "multi-variant" else (sku,)
    world.far_side.add(*skus, tracked=variety != "untracked", stock=0 if is_back_ordered else 50,
                       policy="CONTINUE" if is_back_ordered else "DENY")
    world.far_side.bucket.points = 1000.0


RUN_SALEOR = "Saleor 3.23.28"
AHEAD = "*Back-ordered* is ordered ahead here."
BY_HAND = f"Run by hand: no registry has it for `make test-real` to install. {AHEAD}"
KINDS: dict[str, tuple[Offer, str, str]] = {
    "woocommerce": (_offer_woocommerce, "WooCommerce, by a stand-in",
                    ("An order that waits for its payment is no cart, and can be paid: see "
                     "[its page](woocommerce.md#pitfalls).")),
    "saleor": (_offer_saleor, RUN_SALEOR, BY_HAND),
    "saleor, by variant": (_offer_saleor, "Saleor by variant, by a stand-in", AHEAD),
    "shopify": (_offer_shopify, "Shopify 2026-10, by a stand-in",
                ("Of open carts the documents say nothing: they are taken to be paid, and the "
                 "connector promises no more than that new carts are refused.")),
}


async def _tried(world: Any, offer: Offer, variety: str) -> Cells:
    """Stop a SKU; return which carts were held back. All else is as it should be, or this fails."""
    sku, catalogue = f"TRUTH-{variety}", world.catalogue
    await offer(world, sku, variety)
    before = await world.image(sku)
    assert await world.buy(sku)
    opened, paying = await world.open_cart(sku), None
    if isinstance(world, RunningSaleorWorld):
        paying = await world.cart_at_payment(sku)
    [found] = await catalogue.lookup(sku, deadline=SOON)
    level = catalogue.traits.levels[-1]
    written = await catalogue.stop(sku, found.remote_id, level, revision=1, deadline=SOON)
    assert (await catalogue.read_back(sku, found.remote_id, deadline=SOON)).stopped(level)
    cells = {"new cart": not await world.buy(sku), "open cart": not await world.pay(opened),
             "cart at payment": None if paying is None else not await world.pay(paying)}
    if variety == "multi-variant":
        assert await world.buy(f"{sku}-sibling") == (f"{sku}-sibling" not in found.takes_along)

    fields = {key: found.fields[key] for key in written}
    await catalogue.restore(sku, found.remote_id, fields, revision=2, deadline=SOON)
    assert before == await world.image(sku)
    assert await world.buy(sku)
    return cells


@pytest.mark.parametrize("kind", KINDS)
async def test_the_page_says_what_a_stand_in_shows(kind: str, shop_process: Any):
    """Each way to list a SKU, each age of a cart; new carts are refused in all of them.

    A stand-in has no cart at payment: of that a section of a system that was run keeps its word.
    """
    offer, title, remark = KINDS[kind]
    async with WORLDS[kind](shop_process) as world:
        rows = {variety: await _tried(world, offer, variety) for variety in VARIETIES}
    assert all(one["new cart"] for one in rows.values())
    if (holds := world.catalogue.traits.holds_carts) is not None:
        assert {holds} == {one["open cart"] for one in rows.values()}

    if title == RUN_SALEOR and not isinstance(world, RunningSaleorWorld):
        rows = {variety: {**cells, "cart at payment": True} for variety, cells in rows.items()}
    text = section(title, remark, rows)
    if os.environ.get("FREEZEGUARD_TRUTH") == "write" and (
        title != RUN_SALEOR or isinstance(world, RunningSaleorWorld)
    ):
        put(title, text)
    assert text == sections().get(title), "run this with FREEZEGUARD_TRUTH=write"
