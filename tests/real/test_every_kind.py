"""What every kind of catalogue must do, on real systems: the suite of tests/catalogues."""

import itertools
from typing import Any

import pytest

from freezeguard.catalogues.registry import open_catalogue
from tests.catalogues.test_every_kind import *  # noqa: F403 - the same promises, other systems
from tests.real.hands import Shop, VendureShop, buys

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

_NUMBERS = itertools.count(1)


class RealWorld:
    """A running system as the suite wants it."""

    has_fallbacks = False
    tells_gone = True

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.catalogue = open_catalogue("shop", shop.table())
        self.hide_lets_open_carts_pay = shop.kind == "vendure"
        self.sku_is_unique = shop.kind == "medusa"
        number = "01M8D9ECF9NN2FDXHY6D0BF899"
        self.gone = f"prod_{number}/variant_{number}" if shop.kind == "medusa" else "999999"

    async def offer(self, sku: str, *, times: int = 1) -> None:
        await self.shop.offer(sku)
        for _ in range(times - 1):
            assert isinstance(self.shop, VendureShop)
            await self.shop.twin(sku)

    async def buy(self, sku: str) -> bool:
        return await buys(self.shop, sku)

    async def open_cart(self, sku: str) -> str:
        return str(await self.shop.open_cart(sku))

    async def pay(self, cart: str) -> bool:
        return await self.shop.pay(cart)

    async def image(self, sku: str) -> Any:
        return await self.shop.image(sku)


@pytest.fixture
def sku() -> str:
    """A SKU that no other test uses."""
    return f"suite-{next(_NUMBERS)}"


@pytest.fixture
async def world(shop: Shop):
    """A real system, and the connector to it."""
    world = RealWorld(shop)
    yield world
    await world.catalogue.close()
