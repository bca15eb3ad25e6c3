"""The kind `woocommerce`: WooCommerce's REST API v3 and Store API. Run against WooCommerce 11.0.

What is not published can't be bought, and leaves every cart that already holds it with the cart's
next request, the one that would pay included. So one write, `status: private`, is both `hide` and
`hard`. Nothing is ever deleted: what is put back from the trash comes without its variations.
"""

import asyncio
import base64
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from pydantic import SecretStr

from freezeguard.catalogues.connector import MOST_OBJECTS, Connector
from freezeguard.catalogues.tables import GuardedTable, Secrets, read_table
from freezeguard.catalogues.wire import Answer
from freezeguard.ports.catalogues import Attempt, CatalogueError, Found, Level, Observation, Traits

STOPPED: Mapping[str, Any] = {"status": "private"}
PAGE = 100
"""Objects that are asked for at once: WooCommerce refuses more."""

_REMOTE_ID = re.compile(r"(?:([0-9]{1,19})/)?([0-9]{1,19})")
_GONE = frozenset({404})
_REFUSED = frozenset({400, 404, 409})


class WooCommerceTable(GuardedTable):
    """`[catalogues.<name>]` with `kind = "woocommerce"`.

    The key needs read and write rights. `storefront` says whether to look as a buyer, too; it is
    switched off where the Store API is closed to the public.
    """

    kind: Literal["woocommerce"]
    consumer_key: SecretStr
    consumer_secret: SecretStr
    storefront: bool = True
    api_path: str = "/wp-json/wc/v3"
    store_path: str = "/wp-json/wc/store/v1"


def open_woocommerce(name: str, table: Mapping[str, Any]) -> "WooCommerce":
    """Build a catalogue of `[catalogues.<name>]`. Raises `CatalogueConfigurationError`."""
    return WooCommerce(name, read_table(name, WooCommerceTable, table), os.environ)


class WooCommerce(Connector):
    """See `freezeguard.ports.catalogues.Catalogue`; also a `Shopfront` and `Watchful`.

    A remote id is the number of a product, or `parent/number` for a variation.
    """

    def __init__(
        self, name: str, table: WooCommerceTable, environment: Mapping[str, str]
    ) -> None:
        secrets = Secrets(name, environment)
        key = secrets.reveal("consumer_key", table.consumer_key)
        secret = secrets.reveal("consumer_secret", table.consumer_secret)
        table.check_transport(secrets)
        both = base64.b64encode(f"{key}:{secret}".encode()).decode()
        secrets.texts.append(both)
        traits = Traits(
            levels=("hide", "hard"), proven="run", level=table.level,
            scope=dict(table.scope.items()), holds_carts=True,
        )
        super().__init__(name, table, secrets, traits)
        self._pass = {"Authorization": f"Basic {both}"}
        self._admin = table.base_url + table.api_path
        self._store = table.base_url + table.store_path if table.storefront else None

    # ------------------------------------------------------------------------- the four calls

    async def lookup(self, sku: str, *, deadline: float) -> tuple[Found, ...]:
        until = asyncio.get_running_loop().time() + deadline
        search = f"/products?sku={quote(sku, safe='')}&status=any"
        listed = await self._list("lookup", search, "id,sku,status,type,parent_id", until)
        with self.reading("lookup"):
            ours = [one for one in listed if one["sku"] == sku]
            if len(listed) >= MOST_OBJECTS:
                raise ValueError(f"{len(listed)} products or more for one SKU")
            kinds = [(str(one["id"]), int(one["parent_id"]), one["type"], one["status"])
                     for one in ours]
        return tuple([
            Found(
                f"{parent}/{number}" if kind == "variation" else number,
                {"status": status},
                await self._variations(sku, number, until) if kind == "variable" else (),
            )
            for number, parent, kind, status in kinds
        ])

    async def stop(
        self, sku: str, remote_id: str, level: Level, *, revision: int, deadline: float
    ) -> Mapping[str, Any]:
        until = asyncio.get_running_loop().time() + deadline
        if _place(remote_id) is None:
            return {}
        try:
            await self._write("stop", remote_id, STOPPED, revision, deadline)
        except CatalogueError as error:
            if error.recoverable or await self._exists(remote_id, until):
                raise
            return {}
        return dict(STOPPED)

    async def read_back(self, sku: str, remote_id: str, *, deadline: float) -> Observation:
        until = asyncio.get_running_loop().time() + deadline
        place = _place(remote_id)
        if place is None:
            return Observation(False, "admin", detail="no id of WooCommerce", is_gone=True)
        answer = await self._ask(
            "read_back", "GET", f"{place}?_fields=id,status,stock_status", deadline, absent=_GONE
        )
        if answer.status in _GONE:
            return Observation(False, "admin", detail="there is no such object", is_gone=True)
        document = self.document("read_back", answer)
        with self.reading("read_back"):
            fields = {"status": document["status"]}
            published = document["status"] == "publish"
            sellable = published and document["stock_status"] != "outofstock"
        if self._store is None:
            return Observation(sellable, "admin", fields, open_carts=published)
        shown = await self._shown("read_back", remote_id, until)
        return Observation(
            sellable=shown is not None and shown["is_purchasable"] and shown["is_in_stock"],
            side="buyer", fields=fields, open_carts=published,
            detail="not shown" if shown is None else "shown",
        )

    async def restore(
        self, sku: str, remote_id: str, fields: Mapping[str, Any], *,
        revision: int, deadline: float,
    ) -> None:
        self.known_only(fields, tuple(STOPPED))
        if fields:
            await self._write("restore", remote_id, fields, revision, deadline)

    # --------------------------------------------------------------------------------- further

    async def try_to_buy(self, sku: str, remote_id: str, *, deadline: float) -> Attempt:
        until = asyncio.get_running_loop().time() + deadline
        shown = await self._shown("buy", remote_id, until)
        if shown is None:
            return Attempt(sold=False, detail="not shown")
        with self.reading("buy"):
            variations = shown.get("variations") or [shown]
            wanted = {"id": int(variations[0]["id"]), "quantity": 1}
        answer = await self._browse("buy", "GET", "/cart", until)
        with self.reading("buy"):
            cart = {"Cart-Token": answer.headers["cart-token"]}
        answer = await self._browse("buy", "POST", "/cart/add-item", until, wanted, cart)
        if answer.status in _REFUSED:
            document = self.document("buy", answer)
            with self.reading("buy"):
                return Attempt(sold=False, detail=str(document["message"])[:200])
        await self._browse("buy", "DELETE", "/cart/items", until, headers=cart)
        return Attempt(sold=True, detail="it went into a cart")

    async def look_over(self, remote_ids: Sequence[str], *, deadline: float) -> frozenset[str]:
        """Ask which of them are published: one request for products, one for variations."""
        until = asyncio.get_running_loop().time() + deadline
        astray = set[str]()
        for start in range(0, len(remote_ids), PAGE):
            some = remote_ids[start:start + PAGE]
            products = [one for one in some if "/" not in one]
            variations = {one.partition("/")[2]: one for one in some if "/" in one}
            if products:
                query = f"/products?include={','.join(products)}"
                astray |= await self._published(query, until) or set()
            if variations:
                astray |= await self._published_variations(variations, until)
        return frozenset(astray)

    # ----------------------------------------------------------------------- what is asked for

    async def _published(
        self, path: str, until: float, absent: frozenset[int] = frozenset()
    ) -> set[str] | None:
        """Return the numbers of those that are published, None where there is no such request."""
        left = until - asyncio.get_running_loop().time()
        query = f"{path}&status=publish&per_page={PAGE}&_fields=id"
        answer = await self._ask("look_over", "GET", query, left, absent=absent)
        if answer.status in absent:
            return None
        listed = self.document("look_over", answer)
        with self.reading("look_over"):
            return {str(one["id"]) for one in listed}

    async def _published_variations(
        self, variations: Mapping[str, str], until: float
    ) -> set[str]:
        """Take remote ids by their numbers; before WooCommerce 10.3 each parent is asked."""
        query = f"variations?include={','.join(variations)}"
        found = await self._published(f"/{query}", until, _GONE)
        if found is None:
            found = set()
            for parent in {one.partition("/")[0] for one in variations.values()}:
                found |= await self._published(f"/products/{parent}/{query}", until, _GONE) or set()
        return {variations[one] for one in found & variations.keys()}

    async def _exists(self, remote_id: str, until: float) -> bool:
        left = until - asyncio.get_running_loop().time()
        answer = await self._ask("stop", "GET", f"{_place(remote_id)}?_fields=id", left,
                                 absent=_GONE)
        return answer.status not in _GONE

    async def _variations(self, sku: str, product: str, until: float) -> tuple[str, ...]:
        """Return the SKUs that go with a product that has variations."""
        of_product = f"/products/{product}/variations?status=any"
        listed = await self._list("lookup", of_product, "sku", until)
        with self.reading("lookup"):
            return tuple(sorted({str(one["sku"]) for one in listed} - {sku, ""}))

    async def _shown(self, operation: str, remote_id: str, until: float) -> Any:
        """Return what the shop shows of an object to everybody, None where it shows nothing."""
        place = _REMOTE_ID.fullmatch(remote_id)
        if place is None:
            return None
        answer = await self._browse(operation, "GET", f"/products/{place[2]}", until)
        if answer.status in _REFUSED:
            return None
        shown = self.document(operation, answer)
        with self.reading(operation):
            if not isinstance(shown["is_purchasable"] and shown["is_in_stock"], bool):
                raise TypeError("whether it can be bought is no boolean")
        return shown

    async def _write(
        self, operation: str, remote_id: str, fields: Mapping[str, Any], revision: int,
        deadline: float,
    ) -> None:
        place = _place(remote_id)
        if place is None:
            self.refuse(operation, f"{remote_id!r} is no id of WooCommerce")
        headers = {"Freezeguard-Revision": str(revision)}
        answer = await self._ask(
            operation, "PUT", f"{place}?_fields=id", deadline, dict(fields), headers
        )
        written = self.document(operation, answer)
        with self.reading(operation):
            if place.rpartition("/")[2] != str(written["id"]):
                raise ValueError(f"wrote {written['id']} instead")

    # ---------------------------------------------------------------------------------- calling

    async def _list(self, operation: str, path: str, fields: str, until: float) -> list[Any]:
        left = until - asyncio.get_running_loop().time()
        query = f"{path}&per_page={PAGE}&_fields={fields}"
        answer = await self._ask(operation, "GET", query, left)
        listed = self.document(operation, answer)
        with self.reading(operation):
            if not isinstance(listed, list):
                raise TypeError("no list")
        return listed

    async def _ask(
        self, operation: str, method: str, path: str, deadline: float, body: Any = None,
        headers: Mapping[str, str] | None = None, *, absent: frozenset[int] = frozenset(),
    ) -> Answer:
        """Ask as the owner of the key."""
        return await self.call(
            operation, method, self._admin + path, deadline=deadline, body=body, absent=absent,
            headers={**self._pass, **(headers or {})},
        )

    async def _browse(
        self, operation: str, method: str, path: str, until: float, body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask the shop, as a customer who has no account."""
        if self._store is None:
            self.refuse(operation, "storefront = false, so nobody looks as a buyer")
        return await self.call(
            operation, method, self._store + path, body=body, headers=headers or {},
            absent=_REFUSED, deadline=until - asyncio.get_running_loop().time(),
        )


def _place(remote_id: str) -> str | None:
    """Return the path of an object, None where this is no id of one."""
    parts = _REMOTE_ID.fullmatch(remote_id)
    if parts is None:
        return None
    parent, number = parts.groups()
    return f"/products/{parent}/variations/{number}" if parent else f"/products/{number}"
