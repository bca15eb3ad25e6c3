"""The worlds of the kind `shopify`: a shop that sells by variant, and one before 2026-07."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from freezeguard.catalogues.registry import open_catalogue
from freezeguard.catalogues.shopify import Shopify
from freezeguard.sampleshop.client import ShopProcess
from tests.catalogues.standins import shopify


class ShopifyWorld:
    """A buyer here may come through any publication: what is sold in one of them is sold."""

    hide_lets_open_carts_pay = False
    """Nobody knows it: the documents are silent."""
    has_fallbacks = False
    sku_is_unique = False
    gone, tells_gone = shopify.gid("ProductVariant", 999_999), True

    def __init__(self, far_side: shopify.Shopify, url: str, **more: Any) -> None:
        table = {
            "kind": "shopify", "base_url": url, "token": shopify.TOKEN,
            "storefront_token": shopify.STOREFRONT_TOKEN, "api_version": far_side.version, **more,
        }
        table = {key: value for key, value in table.items() if value is not None}
        catalogue = open_catalogue("shop", table)
        assert isinstance(catalogue, Shopify)
        self.catalogue, self.far_side = catalogue, far_side

    async def offer(self, sku: str, *, times: int = 1) -> None:
        for _ in range(times):
            self.far_side.add(sku)
        self.far_side.points = 1000.0  # each test spends points of its own

    async def buy(self, sku: str) -> bool:
        return bool(await self.open_cart(sku))

    async def open_cart(self, sku: str) -> str:
        far_side = self.far_side
        sold = any(
            far_side.is_sold(one, place) for one in self.variants(sku)
            for place in far_side.publications
        )
        return "cart" if sold else ""

    async def pay(self, cart: str) -> bool:
        return bool(cart)

    async def image(self, sku: str) -> Any:
        return [
            {kind: self.far_side.places(one) for kind, one in
             (("variant", variant), ("product", variant["product"]))}
            for variant in self.variants(sku)
        ]

    def variants(self, sku: str) -> list[shopify.Thing]:
        """Return what the owner sees of a SKU."""
        return [one for one in self.far_side.things.values() if one.get("sku") == sku]


@contextlib.asynccontextmanager
async def shopify_world(
    process: ShopProcess | None = None, version: str = "2026-10", **more: Any
) -> AsyncIterator[ShopifyWorld]:
    """A world over a stand-in; `more` goes into the configuration."""
    far_side = shopify.Shopify(version)
    async with far_side.serving() as url:
        world = ShopifyWorld(far_side, url, **more)
        yield world
        await world.catalogue.close()


@contextlib.asynccontextmanager
async def older_shopify_world(process: ShopProcess) -> AsyncIterator[ShopifyWorld]:
    """A world whose version knows products only."""
    async with shopify_world(process, "2026-04") as world:
        yield world
