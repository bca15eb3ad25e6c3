"""The worlds of the kind `medusa`: a stand-in that manages its stock, and one that does not."""

import contextlib
import copy
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from freezeguard.catalogues.registry import open_catalogue
from freezeguard.sampleshop.client import ShopProcess
from tests.catalogues.standins import medusa


class MedusaWorld:
    """Purchases go through the Store API."""

    hide_lets_open_carts_pay = False
    has_fallbacks = False
    sku_is_unique = True
    gone, tells_gone = "prod_999999/variant_999999", True

    def __init__(
        self, far_side: medusa.Medusa, url: str, session: aiohttp.ClientSession, *, managed: bool
    ) -> None:
        self.catalogue = open_catalogue("shop", table_of(url))
        self.far_side, self._managed = far_side, managed
        self._url, self._session = url, session

    async def offer(self, sku: str, *, times: int = 1) -> None:
        assert times == 1
        self.far_side.add_variant(sku, managed=self._managed)

    async def buy(self, sku: str) -> bool:
        return await self.pay(await self.open_cart(sku))

    async def open_cart(self, sku: str) -> str:
        [variant] = [one for one in self.far_side.variants.values() if one["sku"] == sku]
        _, made = await self._store("/store/carts", {})
        cart = str(made["cart"]["id"])
        body = {"variant_id": variant["id"], "quantity": 1}
        await self._store(f"/store/carts/{cart}/line-items", body)
        return cart

    async def pay(self, cart: str) -> bool:
        _, body = await self._store(f"/store/carts/{cart}/complete", {})
        return bool(body["type"] == "order")

    async def image(self, sku: str) -> Any:
        mine = [one for one in self.far_side.variants.values() if one["sku"] == sku]
        return copy.deepcopy((mine, self.far_side.items))

    async def _store(self, path: str, body: Any) -> tuple[int, Any]:
        async with self._session.post(self._url + path, json=body) as answer:
            return answer.status, await answer.json()


def table_of(url: str) -> dict[str, Any]:
    """Return the table of a catalogue over the stand-in."""
    return {"kind": "medusa", "base_url": url, "secret_key": medusa.SECRET,
            "publishable_key": medusa.PUBLISHABLE}


@contextlib.asynccontextmanager
async def medusa_world(_: ShopProcess, *, managed: bool = True) -> AsyncIterator[MedusaWorld]:
    """A world over a stand-in of its own."""
    far_side = medusa.Medusa()
    async with far_side.serving() as url, aiohttp.ClientSession() as session:
        world = MedusaWorld(far_side, url, session, managed=managed)
        yield world
        await world.catalogue.close()


def unmanaged_medusa_world(
    process: ShopProcess,
) -> contextlib.AbstractAsyncContextManager[MedusaWorld]:
    """The same, of a shop that manages no stock."""
    return medusa_world(process, managed=False)
