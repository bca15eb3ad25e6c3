"""The kind `medusa`: Medusa's Admin API and Store API (REST). Run against Medusa 2.21.

A product that is a draft is still ordered by a cart that was ready before, and takes its siblings
along; one that is taken out of its sales channel sells on. So one variant is stopped otherwise:
each of its units is made to need more of its inventory than there can be, and it may neither be
back-ordered nor be sold unmanaged. No stock figure is touched. It stops carts of any age, so both
levels are the same here.

A variant whose stock nobody manages gets an inventory item of ours to need. Medusa would make one
itself, leave it behind when the variant is unmanaged again, and then refuse the next stop because
the item exists already. When a variant becomes unmanaged, Medusa also cuts its links to inventory
items: a restore ties them again, those too that somebody has tied during the stop.

One item that is short is enough to stop a variant. So a stop by the item of ours leaves alone what
somebody ties beside it, and tells of it in the field `ours`: whether the variant is to be managed
from now on is then a person's to say.
"""

import asyncio
import os
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, unquote, urlencode

from pydantic import SecretStr

from freezeguard.catalogues import orderbook
from freezeguard.catalogues.connector import MOST_OBJECTS, SigningConnector
from freezeguard.catalogues.tables import GuardedTable, Secrets, read_table
from freezeguard.catalogues.templates import joined_id
from freezeguard.catalogues.wire import Answer
from freezeguard.ports.catalogues import (
    Attempt,
    CatalogueError,
    Found,
    Level,
    Observation,
    OrdersFound,
    OrderUnderWay,
    Traits,
)

HUGE = 1_000_000_000
FLAGS: Mapping[str, Any] = {"manage_inventory": True, "allow_backorder": False}
LINK = "required_quantity/"
"""A field that begins so is the need of one inventory item, whose id follows."""
ITEM = "ours"
"""The field that says what a variant needs of an inventory item of ours; None where it has none.

Where other items are tied beside it, it is a mapping that names them: `needs` and `beside`.
"""
OURS = "freezeguard-"
"""The SKU of an inventory item of ours begins so; the id of its variant follows."""
MOST_REMEMBERED = 50_000
PAGE = 100

_FIELDS = (
    "id,sku,manage_inventory,allow_backorder,product_id,product.status,"
    "inventory_items.inventory_item_id,inventory_items.required_quantity,"
    "inventory_items.inventory.sku"
)
_ORDER_FIELDS = (
    "id,display_id,created_at,email,status,payment_status,fulfillment_status,"
    "items.variant_id,items.quantity,items.detail.shipped_quantity,"
    "items.detail.delivered_quantity"
)
_PAID = frozenset({"authorized", "captured", "partially_refunded"})
_GONE = frozenset({404})
_REFUSED = frozenset({400, 404, 409})
"""How the shop says that it does not sell something; what else it says is no answer to that."""


class MedusaTable(GuardedTable):
    """`[catalogues.<name>]` with `kind = "medusa"`.

    `secret_key` (sk_…) or `user` and `password` let us in. With `publishable_key` (pk_…) we look
    as a buyer too; `region` is one that sells there, the first that the shop names if absent.
    """

    kind: Literal["medusa"]
    secret_key: SecretStr | None = None
    user: SecretStr | None = None
    password: SecretStr | None = None
    publishable_key: SecretStr
    region: str | None = None


def open_medusa(name: str, table: Mapping[str, Any]) -> "Medusa":
    """Build a catalogue of `[catalogues.<name>]`. Raises `CatalogueConfigurationError`."""
    return Medusa(name, read_table(name, MedusaTable, table), os.environ)


class Medusa(SigningConnector):
    """See `freezeguard.ports.catalogues.Catalogue`; a `Shopfront`, `Watchful`, an `OrderBook`."""

    def __init__(self, name: str, table: MedusaTable, environment: Mapping[str, str]) -> None:
        secrets = Secrets(name, environment)
        key = secrets.reveal("secret_key", table.secret_key)
        self._user = secrets.reveal("user", table.user)
        self._password = secrets.reveal("password", table.password)
        self._buyer = {
            "x-publishable-api-key": secrets.reveal("publishable_key", table.publishable_key)
        }
        if not key and not (self._user and self._password):
            secrets.problem("secret_key", "is needed, or `user` and `password`")
        basic = b64encode(f"{key}:".encode()).decode()
        secrets.texts.append(basic)
        table.check_transport(secrets)
        traits = Traits(
            levels=("hide", "hard"), proven="run", level=table.level,
            scope=dict(table.scope.items()), holds_carts=True,
        )
        super().__init__(
            name, table, secrets, traits, {"Authorization": f"Basic {basic}"} if key else {}
        )
        self._region = table.region
        self._links: dict[str, tuple[str, ...]] = {}
        self._carts: list[str] = []

    # ------------------------------------------------------------------------- the four calls

    async def lookup(self, sku: str, *, deadline: float) -> tuple[Found, ...]:
        query = {"sku": sku, "fields": _FIELDS, "limit": PAGE}
        variants = await self._variants("lookup", query, _until(deadline))
        found = [one for one in variants if one.sku == sku]
        if len(found) > MOST_OBJECTS:
            self.refuse("lookup", f"{len(found)} variants for one SKU")
        for one in found:
            self._remember(one)
        return tuple(Found(one.remote_id, one.fields) for one in found)

    async def stop(
        self, sku: str, remote_id: str, level: Level, *, revision: int, deadline: float
    ) -> Mapping[str, Any]:
        until = _until(deadline)
        known = self._links.get(remote_id)
        if known and await self._stop_by(known, remote_id, revision, until):
            return _stopped(known)
        fresh = await self._one("stop", remote_id, until)
        if fresh is None:
            return {}
        self._remember(fresh)
        links = () if await self._is_ours(fresh, until) else fresh.links
        if not links and fresh.ours != HUGE:
            await self._tie_ours(remote_id, HUGE, until, is_tied=fresh.ours is not None)
        if not await self._stop_by(links, remote_id, revision, until):
            # In a moment it is asked for anew, the variant too: what is gone is found to be so.
            gone = "the variant or one of its inventory items has just gone"
            raise CatalogueError(self.told("stop", gone), recoverable=True)
        return _stopped(links)

    async def read_back(self, sku: str, remote_id: str, *, deadline: float) -> Observation:
        until = _until(deadline)
        fresh = await self._one("read_back", remote_id, until)
        if fresh is None:
            return Observation(False, "admin", detail="there is no such object", is_gone=True)
        self._remember(fresh)
        attempt = await self._add_to_cart(_variant(remote_id), until)
        # A refusal for another reason (a key, a price, a lock) says nothing of a stop.
        is_sure = attempt.sold or fresh.is_stopped or not fresh.is_open
        sellable = attempt.sold or not (is_sure or _is_about_stock(attempt.detail))
        return Observation(
            sellable=sellable, side="buyer", fields=fresh.fields, detail=attempt.detail,
            open_carts=not fresh.is_stopped,
        )

    async def restore(
        self, sku: str, remote_id: str, fields: Mapping[str, Any], *,
        revision: int, deadline: float,
    ) -> None:
        self.known_only(
            {key: fields[key] for key in fields if not key.startswith(LINK)}, (*FLAGS, ITEM)
        )
        until = _until(deadline)
        self._links.pop(remote_id, None)
        if (need := _need(fields.get(ITEM))) is not None:  # before it is managed, as in a stop
            fresh = await self._one("restore", remote_id, until)
            is_tied = fresh is not None and fresh.ours is not None
            await self._tie_ours(remote_id, need, until, is_tied=is_tied)
        kept = await self._cut_by(remote_id, fields, until)
        writes = [*_flags(remote_id, fields), *_needs(remote_id, {**kept, **fields})]
        if not await self._write("restore", writes, revision, until):
            self.refuse("restore", "the variant or one of its inventory items is gone")
        if fields and fields.get(ITEM) is None:
            await self._remove_ours(remote_id, until)

    # --------------------------------------------------------------------------------- further

    async def try_to_buy(self, sku: str, remote_id: str, *, deadline: float) -> Attempt:
        return await self._add_to_cart(_variant(remote_id), _until(deadline))

    async def look_over(self, remote_ids: Sequence[str], *, deadline: float) -> frozenset[str]:
        until, kept = _until(deadline), set[str]()
        for start in range(0, len(remote_ids), PAGE):
            ids = [_variant(one) for one in remote_ids[start:start + PAGE]]
            query = {"id[]": ids, "fields": _FIELDS, "limit": PAGE}
            variants = await self._variants("look_over", query, until)
            kept |= {one.remote_id for one in variants if one.is_stopped}
        return frozenset(remote_ids) - kept

    async def orders_with(
        self, sku: str, remote_id: str, since: datetime, *, deadline: float
    ) -> OrdersFound:
        loop, variant = asyncio.get_running_loop(), _variant(remote_id)
        until = loop.time() + deadline
        asked = {
            "fields": _ORDER_FIELDS, "limit": orderbook.PAGE, "order": "id",  # ids grow with time
            "created_at[$gte]": since.astimezone(UTC).isoformat(),
        }

        async def read(skip: int) -> orderbook.Page:
            path = f"/admin/orders?{_query({**asked, 'offset': skip})}"
            document = self.document("orders", await self._ask("orders", "GET", path, until))
            with self.reading("orders"):
                return page_of_orders(document, variant, skip)

        return await orderbook.look_through(read, until, loop.time)

    # --------------------------------------------------------------------------------- reading

    def _remember(self, variant: "_Variant") -> None:
        """Keep which inventory items a variant has: a stop then need not ask first.

        One that had none, or has one of ours, is asked about until it is restored: what has been
        tied to it since is somebody's.
        """
        if len(self._links) >= MOST_REMEMBERED:
            self._links.clear()
        if variant.ours is not None or not self._links.get(variant.remote_id, variant.links):
            self._links[variant.remote_id] = ()
        else:
            self._links[variant.remote_id] = variant.links

    async def _is_ours(self, variant: "_Variant", until: float) -> bool:
        """Say whether a variant is to be stopped, or was, by an inventory item of ours."""
        if not variant.links or variant.ours is not None:
            return True
        return await self._ours(variant.remote_id, until) is not None

    async def _cut_by(
        self, remote_id: str, fields: Mapping[str, Any], until: float
    ) -> Mapping[str, Any]:
        """Return what a variant needs of items that writing these fields cuts off."""
        if fields.get("manage_inventory", True):
            return {}
        fresh = await self._one("restore", remote_id, until)
        return {} if fresh is None else fresh.needs

    async def _one(self, operation: str, remote_id: str, until: float) -> "_Variant | None":
        query = {"id": _variant(remote_id), "fields": _FIELDS}
        variants = await self._variants(operation, query, until)
        return next((one for one in variants if one.remote_id == remote_id), None)

    async def _variants(
        self, operation: str, query: Mapping[str, Any], until: float
    ) -> "list[_Variant]":
        path = f"/admin/product-variants?{_query(query)}"
        answer = await self._ask(operation, "GET", path, until)
        document = self.document(operation, answer)
        with self.reading(operation):
            return [_Variant.read(one) for one in document["variants"]]

    # --------------------------------------------------------------------------------- writing

    async def _stop_by(
        self, links: Sequence[str], remote_id: str, revision: int, until: float
    ) -> bool:
        """Stop a variant that has these inventory items; False where it or one of them is gone."""
        fields = _stopped(links)
        needs = [one._replace(tie={}) for one in _needs(remote_id, fields)]
        return await self._write("stop", [*needs, *_flags(remote_id, fields)], revision, until)

    async def _write(
        self, operation: str, writes: "Iterable[_Write]", revision: int, until: float
    ) -> bool:
        """Write to a variant and its inventory items; False where one is not there any more."""
        for one in writes:
            status = await self._post(operation, one.path, one.body, revision, until)
            if status == 404 and one.tie:
                status = await self._post(operation, one.path.rpartition("/")[0],
                                          {**one.tie, **one.body}, revision, until)
            if status == 404:
                return False
        return True

    async def _post(
        self, operation: str, path: str, body: Mapping[str, Any], revision: int, until: float
    ) -> int:
        answer = await self._ask(
            operation, "POST", path, until, body=body, absent=_GONE,
            headers={"Freezeguard-Revision": str(revision)},
        )
        return answer.status

    async def _tie_ours(
        self, remote_id: str, need: int, until: float, *, is_tied: bool
    ) -> None:
        """Have a variant need so many of an inventory item of ours."""
        item = await self._ours(remote_id, until)
        if item is None:
            sku = OURS + _variant(remote_id)
            made = {"sku": sku, "title": "Sale stopped by freezeguard"}
            answer = await self._ask("stop", "POST", "/admin/inventory-items", until, body=made)
            document = self.document("stop", answer)
            with self.reading("stop"):
                item = str(document["inventory_item"]["id"])
        path = f"{_path(remote_id)}/inventory-items"
        body: dict[str, Any] = {"required_quantity": need}
        if is_tied:
            path += f"/{quote(item, safe='')}"
        else:
            body["inventory_item_id"] = item
        await self._ask("stop", "POST", path, until, body=body)

    async def _remove_ours(self, remote_id: str, until: float) -> None:
        """Remove the inventory item of ours, and with it what ties it to its variant."""
        item = await self._ours(remote_id, until)
        if item is not None:
            await self._ask(
                "restore", "DELETE", f"/admin/inventory-items/{quote(item, safe='')}", until,
                absent=_GONE,
            )

    async def _ours(self, remote_id: str, until: float) -> str | None:
        query = _query({"sku": OURS + _variant(remote_id), "fields": "id,sku"})
        answer = await self._ask("inventory", "GET", f"/admin/inventory-items?{query}", until)
        document = self.document("inventory", answer)
        with self.reading("inventory"):
            return next((str(one["id"]) for one in document["inventory_items"]), None)

    # ---------------------------------------------------------------------------------- buying

    async def _add_to_cart(self, variant: str, until: float) -> Attempt:
        """Put one into a cart of ours, and take it out again where the shop took it.

        A cart is used again and again, by one attempt at a time: a shop is not to be filled with
        empty carts.
        """
        for _ in range(2):
            cart = self._carts.pop() if self._carts else await self._new_cart(until)
            answer = await self._browse(
                "buy", "POST", f"/store/carts/{cart}/line-items", until,
                body={"variant_id": variant, "quantity": 1}, absent=_REFUSED,
            )
            if answer.status == 200:
                await self._empty(cart, answer, until)
            if not _is_about_the_cart(answer, cart):
                self._carts.append(cart)
                break
        detail = "it went into a cart" if answer.status == 200 else self._said(answer)
        return Attempt(sold=answer.status == 200, detail=detail)

    async def _new_cart(self, until: float) -> str:
        if self._region is None:
            answer = await self._browse("buy", "GET", "/store/regions?limit=1", until)
            document = self.document("buy", answer)
            with self.reading("buy"):
                self._region = str(document["regions"][0]["id"])
        answer = await self._browse(
            "buy", "POST", "/store/carts", until, body={"region_id": self._region}
        )
        document = self.document("buy", answer)
        with self.reading("buy"):
            return str(document["cart"]["id"])

    async def _empty(self, cart: str, answer: Answer, until: float) -> None:
        document = self.document("buy", answer)
        with self.reading("buy"):
            lines = [str(one["id"]) for one in document["cart"]["items"]]
        for line in lines:
            await self._browse(
                "buy", "DELETE", f"/store/carts/{cart}/line-items/{line}", until
            )

    def _said(self, answer: Answer) -> str:
        document = self.document("buy", answer)
        with self.reading("buy"):
            return self.blot(str(document.get("message") or answer.status)[:200])

    # --------------------------------------------------------------------------------- calling

    async def _browse(
        self, operation: str, method: str, path: str, until: float, *,
        body: Mapping[str, Any] | None = None, absent: frozenset[int] = frozenset(),
    ) -> Answer:
        """Ask the shop, as a customer."""
        return await self.call(
            operation, method, path, body=body, headers=self._buyer, absent=absent,
            deadline=until - asyncio.get_running_loop().time(),
        )

    async def _ask(
        self, operation: str, method: str, path: str, until: float, *,
        body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None,
        absent: frozenset[int] = frozenset(),
    ) -> Answer:
        """Ask the Admin API; where the session has ended, log in and ask once more."""
        loop = asyncio.get_running_loop()
        used = await self.enter(until)
        known = absent | {401} if self._logs_in else absent
        for is_last in (False, True):
            answer = await self.call(
                operation, method, path, body=body, headers={**used, **(headers or {})},
                deadline=until - loop.time(), absent=absent if is_last else known,
            )
            if is_last or answer.status != 401:
                break
            self.forget(used)
            used = await self.enter(until)
        return answer

    async def _new_session(self, until: float) -> Mapping[str, str]:
        answer = await self.call(
            "login", "POST", "/auth/user/emailpass", urgent=True,
            body={"email": self._user, "password": self._password},
            deadline=until - asyncio.get_running_loop().time(),
        )
        document = self.document("login", answer)
        with self.reading("login"):
            token = str(document["token"])
        self.hide(token)
        return {"Authorization": f"Bearer {token}"}


def _until(deadline: float) -> float:
    return asyncio.get_running_loop().time() + deadline


def _stopped(links: Sequence[str]) -> dict[str, Any]:
    """Return what a stop writes, for a variant with these inventory items."""
    needs = {LINK + one: HUGE for one in links} if links else {ITEM: HUGE}
    return {**needs, **FLAGS}


@dataclass(frozen=True, slots=True)
class _Variant:
    """A variant as Medusa tells of it; `ours` is what it needs of an inventory item of ours.

    `needs` are the fields of its other items. `is_open` says whether its product is published.
    """

    remote_id: str
    sku: str | None
    flags: Mapping[str, Any]
    ours: int | None
    needs: Mapping[str, Any]
    is_open: bool

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "_Variant":
        """Read one as Medusa's API tells of it."""
        needs: dict[str, Any] = {}
        ours = None
        for one in told.get("inventory_items") or ():
            if ((one.get("inventory") or {}).get("sku") or "").startswith(OURS):
                ours = one["required_quantity"]
            else:
                needs[LINK + one["inventory_item_id"]] = one["required_quantity"]
        flags = {key: told[key] for key in FLAGS}
        remote_id = joined_id([told["product_id"], told["id"]])
        is_open = (told.get("product") or {}).get("status") == "published"
        return cls(remote_id, told["sku"], flags, ours, needs, is_open)

    @property
    def links(self) -> tuple[str, ...]:
        """Return its inventory items but for one of ours."""
        return tuple(key.removeprefix(LINK) for key in self.needs)

    @property
    def fields(self) -> Mapping[str, Any]:
        """Return what a stop may write, as it is."""
        ours: Any = self.ours
        if ours is not None and self.needs:
            ours = {"needs": ours, "beside": sorted(self.links)}
        return {**self.flags, ITEM: ours, **self.needs}

    @property
    def is_stopped(self) -> bool:
        """Say whether it can't be bought: one item that is short is enough."""
        return self.flags == FLAGS and HUGE in {self.ours, *self.needs.values()}


def _need(ours: Any) -> int | None:
    """Return what a variant needs of an inventory item of ours, as its field tells it."""
    need: int | None = ours["needs"] if isinstance(ours, Mapping) else ours
    return need


class _Write(NamedTuple):
    """One POST. `tie` names what is to be tied to the variant where it is so no longer."""

    path: str
    body: Mapping[str, Any]
    tie: Mapping[str, Any]


def _needs(remote_id: str, fields: Mapping[str, Any]) -> list[_Write]:
    """Return the writes of what a variant needs of its inventory items."""
    items = [key.removeprefix(LINK) for key in fields if key.startswith(LINK)]
    return [
        _Write(f"{_path(remote_id)}/inventory-items/{quote(one, safe='')}",
               {"required_quantity": fields[LINK + one]}, {"inventory_item_id": one})
        for one in items
    ]


def _flags(remote_id: str, fields: Mapping[str, Any]) -> list[_Write]:
    """Return the write of a variant's own fields, if any."""
    flags = {key: fields[key] for key in FLAGS if key in fields}
    return [_Write(_path(remote_id), flags, {})] if flags else []


def _path(remote_id: str) -> str:
    product, variant = _parts(remote_id)
    return f"/admin/products/{product}/variants/{variant}"


def _is_about_stock(said: str) -> bool:
    """Say whether the shop refused because there is not enough of it, which its owner may mend."""
    return "required inventory" in said or "stock location" in said


def _query(asked: Mapping[str, Any]) -> str:
    return urlencode(asked, doseq=True, quote_via=quote)


def _parts(remote_id: str) -> tuple[str, str]:
    """Return the ids of product and variant, each as it stands in a path."""
    product, _, variant = remote_id.partition("/")
    return product, variant


def _variant(remote_id: str) -> str:
    return unquote(_parts(remote_id)[1])


def _is_about_the_cart(answer: Answer, cart: str) -> bool:
    """Say whether the shop does not know our cart any more, and not the variant."""
    return answer.status in {404, 409} and cart.encode() in answer.body


def page_of_orders(document: Mapping[str, Any], variant: str, skip: int) -> orderbook.Page:
    """Read a page of orders; those that hold no more units of a variant are left out."""
    listed = document["orders"]
    orders = (_under_way(one, variant) for one in listed if one["status"] != "canceled")
    return orderbook.Page(
        [one for one in orders if one.quantity > 0], len(listed),
        datetime.fromisoformat(listed[-1]["created_at"]) if listed else None,
        is_last=skip + len(listed) >= int(document["count"]),
    )


def _under_way(order: Mapping[str, Any], variant: str) -> OrderUnderWay:
    ours = [one for one in order["items"] if one["variant_id"] == variant]
    return OrderUnderWay(
        id=str(order["id"]), code=str(order["display_id"]),
        placed_at=datetime.fromisoformat(order["created_at"]),
        quantity=sum(_not_left(one) for one in ours),
        state=f"{order['payment_status']}, {order['fulfillment_status']}",
        is_paid=order["payment_status"] in _PAID, customer=order["email"],
    )


def _not_left(line: Mapping[str, Any]) -> int:
    """Return the units of a line that are still in the house; packed ones can still be held."""
    detail = line["detail"]
    return int(line["quantity"]) - max(
        int(detail["shipped_quantity"]), int(detail["delivered_quantity"])
    )
