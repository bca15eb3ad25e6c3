"""The worlds of the kind `saleor`: a stand-in whose owner and buyers we are, or one that runs."""

import contextlib
import copy
import os
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from freezeguard.catalogues.registry import open_catalogue
from freezeguard.catalogues.saleor import Saleor
from freezeguard.sampleshop.client import ShopProcess
from tests.catalogues.standins import saleor
from tests.catalogues.standins.saleor_running import RunningSaleorWorld, running_saleor_world

CREATE = """mutation($channel: String!, $id: ID!) {
  checkoutCreate(input: {channel: $channel, lines: [{quantity: 1, variantId: $id}]}) {
    checkout { id } errors { code } } }"""
COMPLETE = "mutation($id: ID!) { checkoutComplete(id: $id) { order { id } errors { code } } }"


class SaleorWorld:
    """Purchases go through the public address, without a token."""

    hide_lets_open_carts_pay = False
    has_fallbacks = False
    sku_is_unique = True
    tells_gone = True

    def __init__(
        self, far_side: saleor.Saleor, url: str, session: aiohttp.ClientSession, **more: Any
    ) -> None:
        kind = "ProductVariant" if more.get("finest") == "variant" else "Product"
        self.gone = saleor.global_id(kind, 999_999)
        table = {"kind": "saleor", "base_url": url, "token": saleor.TOKEN, **more}
        self.table = table
        catalogue = open_catalogue("shop", table)
        assert isinstance(catalogue, Saleor)
        self.catalogue = catalogue
        self.far_side, self.url, self._session = far_side, url, session

    async def offer(
        self, sku: str, *, times: int = 1, siblings: tuple[str, ...] = (), **how: Any
    ) -> None:
        assert times == 1
        number = self.far_side.add(sku, **how)
        for one in siblings:
            self.far_side.add(one, beside=number, **how)

    async def buy(self, sku: str) -> bool:
        carts = [await self._create(sku, one["slug"]) for one in self.far_side.channels]
        return any([bool(cart) and await self.pay(cart) for cart in carts])

    async def open_cart(self, sku: str) -> str:
        return await self._create(sku, self.far_side.channels[0]["slug"])

    async def pay(self, cart: str) -> bool:
        return (await self._buyer(COMPLETE, {"id": cart}))["checkoutComplete"]["order"] is not None

    async def image(self, sku: str) -> Any:
        return copy.deepcopy(self.variant(sku))

    def variant(self, sku: str) -> dict[str, Any]:
        """Return what the owner sees of a SKU."""
        return next(one for one in self.far_side.variants.values() if one["sku"] == sku)

    async def _create(self, sku: str, channel: str) -> str:
        given = {"channel": channel, "id": self.variant(sku)["id"]}
        made = (await self._buyer(CREATE, given))["checkoutCreate"]["checkout"]
        return "" if made is None else made["id"]

    async def _buyer(self, query: str, variables: Any) -> Any:
        sent = {"query": query, "variables": variables}
        async with self._session.post(f"{self.url}/graphql/", json=sent) as answer:
            return (await answer.json())["data"]


@contextlib.asynccontextmanager
async def saleor_variants_world(
    process: ShopProcess | None = None, **more: Any
) -> AsyncIterator[SaleorWorld]:
    """A world over a stand-in with two channels and a switch for each variant.

    `more` goes into the configuration.
    """
    async with _world(saleor.Saleor(switches=True), finest="variant", **more) as world:
        yield world


@contextlib.asynccontextmanager
async def saleor_world(
    process: ShopProcess | None = None, **more: Any
) -> AsyncIterator[SaleorWorld | RunningSaleorWorld]:
    """A world where products are stopped: over a stand-in, or what the environment names."""
    real = urlsplit(os.environ.get("FREEZEGUARD_SALEOR", ""))
    if real.hostname:
        async with running_saleor_world(real, **more) as running:
            yield running
        return
    async with _world(saleor.Saleor(), **more) as world:
        yield world


@contextlib.asynccontextmanager
async def _world(far_side: saleor.Saleor, **more: Any) -> AsyncIterator[SaleorWorld]:
    async with far_side.serving() as url, aiohttp.ClientSession() as session:
        world = SaleorWorld(far_side, url, session, **more)
        yield world
        await world.catalogue.close()
