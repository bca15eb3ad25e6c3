"""The admin side: look up, change, deny. Faults live here."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from freezeguard.sampleshop.faults import Call
from freezeguard.sampleshop.premises import Body, Premises
from freezeguard.sampleshop.products import MOST_PRODUCTS, parse_change, parse_products
from freezeguard.sampleshop.shop import RefusedError
from freezeguard.sampleshop.truthlog import Entry


def operation_of(fields: Mapping[str, Any]) -> str:
    """Tell a change that stops a sale from one that lifts a stop, by the fields it writes."""
    stops = (
        fields.get("published") is False
        or fields.get("sale_stop") is True
        or fields.get("stock", 1) <= 0
    )
    lifts = (
        fields.get("published") is True
        or fields.get("sale_stop") is False
        or fields.get("stock", 0) > 0
        or fields.get("allow_backorder") is True
        or fields.get("track_stock") is False
    )
    if lifts:
        return "restore"
    return "stop" if stops else "write"


class Backoffice:
    """Handlers of `/admin/products` and `/admin/deny-list`."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._shop = premises.shop

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this side."""
        return [
            web.get("/admin/products", self.look_up),
            web.post("/admin/products", self.add),
            web.get("/admin/products/{id}", self.show),
            web.patch("/admin/products/{id}", self.change),
            web.put("/admin/deny-list/{id}", self.deny),
            web.delete("/admin/deny-list/{id}", self.allow),
        ]

    async def look_up(self, request: web.Request) -> web.StreamResponse:
        sku = request.query.get("sku")

        def act() -> Body:
            products = self._shop.every_product() if sku is None else self._shop.find(sku)
            return {"products": [product.view() for product in products]}

        return await self._read(request, sku, act)

    async def show(self, request: web.Request) -> web.StreamResponse:
        product = self._shop.product(request.match_info["id"])
        return await self._read(request, product.sku, product.view)

    async def change(self, request: web.Request) -> web.StreamResponse:
        received_ns = self._premises.clock()
        product_id = request.match_info["id"]
        fields = parse_change(await request.read())
        entry = self._entry(request, operation_of(fields), received_ns)
        entry.fields = fields

        def act() -> Body:
            return self._shop.write(product_id, fields, entry.revision).view()

        def pretend() -> Body:
            return {**self._shop.product(product_id).view(), **fields}

        return await self._write(request, entry, act, pretend)

    async def deny(self, request: web.Request) -> web.StreamResponse:
        entry = self._entry(request, "stop", self._premises.clock())
        product_id = request.match_info["id"]

        def act() -> Body:
            self._shop.deny(product_id, entry.revision)
            return {"id": product_id, "denied": True}

        return await self._write(request, entry, act, lambda: {"id": product_id, "denied": True})

    async def allow(self, request: web.Request) -> web.StreamResponse:
        entry = self._entry(request, "restore", self._premises.clock())
        product_id = request.match_info["id"]

        def act() -> Body:
            self._shop.allow(product_id, entry.revision)
            return {"id": product_id, "denied": False}

        return await self._write(request, entry, act, lambda: {"id": product_id, "denied": False})

    async def add(self, request: web.Request) -> web.StreamResponse:
        products = parse_products(await request.read())
        if len(products) > MOST_PRODUCTS:
            raise RefusedError(413, "too_many_products", f"at most {MOST_PRODUCTS} at once")
        added = self._shop.add(products)
        return web.json_response(
            {"created": len(added), "ids": [product.id for product in added]}, status=201
        )

    async def _read(
        self, request: web.Request, sku: str | None, act: Callable[[], Body]
    ) -> web.StreamResponse:
        entry = Entry(
            self._premises.clock(), "admin", "lookup", request.method, request.path, sku=sku
        )
        call = Call("lookup", request.method, sku)
        return await self._premises.answer(request, call, entry, act, act)

    async def _write(
        self,
        request: web.Request,
        entry: Entry,
        act: Callable[[], Body],
        pretend: Callable[[], Body],
    ) -> web.StreamResponse:
        call = Call(entry.operation, request.method, entry.sku)
        return await self._premises.answer(request, call, entry, act, pretend)

    def _entry(self, request: web.Request, operation: str, received_ns: int) -> Entry:
        product = self._shop.product(request.match_info["id"])
        return self._premises.log.open(
            received_ns,
            "admin",
            operation,
            method=request.method,
            path=request.path,
            product=product.id,
            sku=product.sku,
            revision=_revision(request),
            idempotency_key=request.headers.get("Idempotency-Key"),
        )


def _revision(request: web.Request) -> int | None:
    text = request.headers.get("Freezeguard-Revision")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise RefusedError(400, "bad_revision", "Freezeguard-Revision is a whole number")
    return int(text)
