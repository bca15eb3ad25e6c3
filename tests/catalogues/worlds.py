"""Systems that the behavioural suite is run against: one world for each kind of catalogue.

A world is a running far side, a connector to it, and the hands of its owner and of a buyer. To
put another kind through the suite, write a world and add it to `WORLDS`.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from freezeguard.catalogues.registry import open_catalogue
from freezeguard.ports.catalogues import Catalogue
from freezeguard.sampleshop.client import ShopClient, ShopProcess, sample_configuration
from tests.catalogues.standins.medusa_world import medusa_world, unmanaged_medusa_world
from tests.catalogues.standins.saleor_world import saleor_variants_world, saleor_world
from tests.catalogues.standins.shopify_world import older_shopify_world, shopify_world
from tests.catalogues.standins.woocommerce_world import woocommerce_world


class World(Protocol):
    catalogue: Catalogue
    hide_lets_open_carts_pay: bool
    """Whether `hide` is known to let an open cart be paid in this system."""

    has_fallbacks: bool
    """Whether the kind knows further ways to stop a sale, each of which is put through a test."""
    sku_is_unique: bool
    """Whether the system itself refuses to list one SKU twice."""
    gone: str
    """An id as the system makes them, of an object that is not there."""
    tells_gone: bool
    """Whether a read-back asks for the object by its id, and so can tell that it is gone."""

    async def offer(self, sku: str, *, times: int = 1) -> None:
        """List a SKU, sellable; `times` where the system takes it more than once."""

    async def buy(self, sku: str) -> bool:
        """Begin and finish a purchase."""

    async def open_cart(self, sku: str) -> str:
        """Put the SKU into a cart."""

    async def pay(self, cart: str) -> bool:
        """Try to pay for a cart."""

    async def image(self, sku: str) -> Any:
        """Return everything that the owner of the system can see of the SKU."""


class SampleShopWorld:
    """The kind `http` with the sample shop."""

    hide_lets_open_carts_pay = True
    has_fallbacks = True
    sku_is_unique = False
    gone, tells_gone = "p999999", False

    def __init__(self, shop: ShopClient, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._shop = shop

    async def offer(self, sku: str, *, times: int = 1) -> None:
        await self._shop.seed([{"sku": sku, "stock": 40 + n} for n in range(times)])

    async def buy(self, sku: str) -> bool:
        return (await self._shop.buy(sku)).ok

    async def open_cart(self, sku: str) -> str:
        return (await self._shop.open_cart(sku)).cart

    async def pay(self, cart: str) -> bool:
        return (await self._shop.checkout(cart)).ok

    async def image(self, sku: str) -> Any:
        return await self._shop.products(sku)


@contextlib.asynccontextmanager
async def _sample_shop(process: ShopProcess) -> AsyncIterator[World]:
    table = sample_configuration(process.url, process.admin_token)
    catalogue = open_catalogue("shop", table)
    async with ShopClient(process.url, process.admin_token) as shop:
        yield SampleShopWorld(shop, catalogue)
    await catalogue.close()


WORLDS: Mapping[str, Callable[[ShopProcess], AbstractAsyncContextManager[World]]] = {
    "http": _sample_shop,
    "medusa": medusa_world,
    "medusa, nobody manages the stock": unmanaged_medusa_world,
    "saleor": saleor_world,
    "saleor, by variant": saleor_variants_world,
    "shopify": shopify_world,
    "shopify before 2026-07": older_shopify_world,
    "woocommerce": woocommerce_world,
}
