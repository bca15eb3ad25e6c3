"""What a test or a demonstration steers and reads: faults, products, truth. Never faulty itself."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from freezeguard.sampleshop.faults import FaultOrder
from freezeguard.sampleshop.premises import Premises
from freezeguard.sampleshop.products import Sku
from freezeguard.sampleshop.shop import RefusedError

GoOffline = Callable[[float], None]
"""Closes the listener and every connection for so many seconds; returns at once."""


class _Fences(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    on: bool


class _Name(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    sku: Sku


class _Place(BaseModel):
    model_config = ConfigDict(extra="ignore")

    sku: str | None = None
    since: Annotated[int, Field(ge=0)] = 0
    after: Annotated[int, Field(ge=0)] = 0


class Controls:
    """Handlers of the remaining `/admin` addresses."""

    def __init__(self, premises: Premises, go_offline: GoOffline) -> None:
        self._premises = premises
        self._go_offline = go_offline

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this part."""
        return [
            web.get("/admin/faults", self.show_faults),
            web.post("/admin/faults", self.switch_on),
            web.delete("/admin/faults", self.switch_off),
            web.put("/admin/fences", self.set_fences),
            web.post("/admin/lose-database", self.lose_database),
            web.put("/admin/products/{id}/sku", self.rename),
            web.delete("/admin/products/{id}", self.remove),
            web.get("/admin/orders", self.show_orders),
            web.get("/admin/log", self.show_log),
            web.get("/admin/sellable", self.show_sellable),
        ]

    async def show_faults(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"faults": list(self._premises.faults.views())})

    async def switch_on(self, request: web.Request) -> web.StreamResponse:
        try:
            order = FaultOrder.model_validate_json(await request.read())
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in problem["loc"])
            raise RefusedError(422, "bad_fault", f"{place}: {problem['msg']}") from None
        added = self._premises.faults.switch_on(order)
        if not added and order.offline is None:
            raise RefusedError(422, "bad_fault", "no fault is named")
        response = web.json_response({"ids": [fault.id for fault in added]}, status=201)
        if order.offline is not None:
            response.force_close()
            await response.prepare(request)
            await response.write_eof()
            self._go_offline(order.offline)
        return response

    async def switch_off(self, _: web.Request) -> web.StreamResponse:
        self._premises.switch_faults_off()
        return web.json_response({"faults": []})

    async def set_fences(self, request: web.Request) -> web.StreamResponse:
        try:
            fences = _Fences.model_validate_json(await request.read())
        except ValidationError:
            raise RefusedError(422, "bad_fences", 'the body is {"on": true} or false') from None
        self._premises.shop.fences = fences.on
        return web.json_response({"on": fences.on})

    async def lose_database(self, _: web.Request) -> web.StreamResponse:
        clock, log = self._premises.clock, self._premises.log
        entry = log.open(clock(), "operator", "lose-database")
        self._premises.shop.lose_database()
        log.applied(entry, clock())
        return web.json_response({"products": len(self._premises.shop.every_product())})

    async def rename(self, request: web.Request) -> web.StreamResponse:
        try:
            wanted = _Name.model_validate_json(await request.read())
        except ValidationError:
            raise RefusedError(422, "bad_sku", 'the body is {"sku": text}') from None
        product = self._premises.shop.rename(request.match_info["id"], wanted.sku)
        return web.json_response(product.view())

    async def remove(self, request: web.Request) -> web.StreamResponse:
        product_id = request.match_info["id"]
        self._premises.shop.remove(product_id)
        return web.json_response({"id": product_id})

    async def show_orders(self, _: web.Request) -> web.StreamResponse:
        orders = [asdict(order) for order in self._premises.shop.orders]
        return web.json_response({"orders": orders})

    async def show_log(self, request: web.Request) -> web.StreamResponse:
        try:
            place = _Place.model_validate(dict(request.query))
        except ValidationError:
            raise RefusedError(400, "bad_place", "since= is in ns, after= is a seq") from None
        log = self._premises.log
        entries = list(log.select(place.sku, place.since, place.after))
        return web.json_response({"entries": entries, "forgotten": log.forgotten})

    async def show_sellable(self, _: web.Request) -> web.StreamResponse:
        skus = self._premises.shop.sellable_skus()
        return web.json_response({"count": len(skus), "skus": skus})
