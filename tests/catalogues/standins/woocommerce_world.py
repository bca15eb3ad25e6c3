"""The world of the kind `woocommerce`: its owner and its buyers, over HTTP alone.

So the same world serves for a WooCommerce that runs: FREEZEGUARD_WOOCOMMERCE names it as
`http://KEY:SECRET@127.0.0.1:PORT`. It must take one SKU several times (filters
`wc_product_has_unique_sku` and `wc_product_pre_lock_on_sku`), and payment on delivery.
"""

import base64
import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from freezeguard.catalogues.registry import open_catalogue
from freezeguard.catalogues.woocommerce import WooCommerce
from freezeguard.sampleshop.client import ShopProcess
from tests.catalogues.standins import woocommerce

ADDRESS = {
    "first_name": "A", "last_name": "B", "address_1": "Street 1", "city": "Berlin",
    "postcode": "10115", "country": "DE", "state": "DE-BE", "email": "a@shop.example",
    "phone": "030123",
}


class WooCommerceWorld:
    """A shop with simple products; `offer_variation` lists one that has a parent."""

    hide_lets_open_carts_pay = False
    has_fallbacks = False
    sku_is_unique = False
    gone, tells_gone = "999999", True

    def __init__(
        self, url: str, key: str, secret: str, session: aiohttp.ClientSession
    ) -> None:
        table = {
            "kind": "woocommerce", "base_url": url, "consumer_key": key, "consumer_secret": secret,
        }
        catalogue = open_catalogue("shop", table)
        assert isinstance(catalogue, WooCommerce)
        self.catalogue = catalogue
        self._session, self._url = session, url
        both = base64.b64encode(f"{key}:{secret}".encode()).decode()
        self._pass = {"Authorization": f"Basic {both}"}

    async def offer(self, sku: str, *, times: int = 1) -> None:
        for _ in range(times):
            await self.admin("POST", "/products", {"name": "n", "sku": sku, "regular_price": "5"})

    async def offer_variation(self, sku: str, *siblings: str) -> str:
        """List a SKU and its siblings as variations; return the parent's number."""
        names = [sku, *siblings]
        attribute = {"name": "size", "variation": True, "visible": True, "options": names}
        body = {"name": "n", "type": "variable", "sku": f"{sku}-all", "attributes": [attribute]}
        parent = await self.admin("POST", "/products", body)
        for name in names:
            own = {"sku": name, "regular_price": "5"}
            own["attributes"] = [{"name": "size", "option": name}]
            await self.admin("POST", f"/products/{parent['id']}/variations", own)
        return str(parent["id"])

    async def buy(self, sku: str) -> bool:
        cart = await self.open_cart(sku)
        return bool(cart) and await self.pay(cart)

    async def open_cart(self, sku: str) -> str:
        [one, *_] = await self.listed(sku)
        async with self._session.get(f"{self._url}/wp-json/wc/store/v1/cart") as answer:
            token = answer.headers["Cart-Token"]
        wanted = {"id": one["id"], "quantity": 1}
        return token if await self._store("/cart/add-item", token, wanted) == 201 else ""

    async def pay(self, cart: str) -> bool:
        given = {
            "billing_address": ADDRESS, "shipping_address": ADDRESS, "payment_method": "cod",
        }
        return await self._store("/checkout", cart, given) == 200

    async def image(self, sku: str) -> Any:
        # Related products are drawn by lot at each request; the rest are what a purchase moves.
        changing = {"date_modified", "date_modified_gmt", "_links", "total_sales", "related_ids"}
        return [
            {key: one[key] for key in one.keys() - changing} for one in await self.listed(sku)
        ]

    async def listed(self, sku: str) -> list[dict[str, Any]]:
        """Return the products of a SKU, the oldest first."""
        found = await self.admin("GET", "/products", params={"sku": sku, "status": "any"})
        return sorted((one for one in found if one["sku"] == sku), key=lambda one: one["id"])

    async def admin(self, method: str, path: str, body: Any = None, params: Any = None) -> Any:
        """Do something as the shop's owner."""
        url = f"{self._url}/wp-json/wc/v3{path}"
        sent = {"json": body, "params": params, "headers": self._pass}
        async with self._session.request(method, url, **sent) as answer:
            document = await answer.json()
            assert answer.status < 300, document
            return document

    async def _store(self, path: str, token: str, body: Any) -> int:
        url = f"{self._url}/wp-json/wc/store/v1{path}"
        async with self._session.post(url, json=body, headers={"Cart-Token": token}) as answer:
            return answer.status


@contextlib.asynccontextmanager
async def woocommerce_world(process: ShopProcess) -> AsyncIterator[WooCommerceWorld]:
    """A world over the stand-in, or over the shop that the environment names."""
    real = urlsplit(os.environ.get("FREEZEGUARD_WOOCOMMERCE", ""))
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        if real.hostname:
            url, key, secret = f"http://{real.hostname}:{real.port}", real.username, real.password
        else:
            url = await stack.enter_async_context(woocommerce.WooCommerce().serving())
            key, secret = woocommerce.KEY, woocommerce.SECRET
        world = WooCommerceWorld(url, str(key), str(secret), session)
        stack.push_async_callback(world.catalogue.close)
        yield world
