"""The buyer's side: carts, checkout, and what can be bought. No sign-in."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from freezeguard.sampleshop.faults import Call
from freezeguard.sampleshop.premises import Body, Premises
from freezeguard.sampleshop.shop import Cart, Line, RefusedError
from freezeguard.sampleshop.truthlog import Entry


class _NewLine(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    sku: str
    quantity: Annotated[int, Field(ge=1, le=1000)] = 1


class Storefront:
    """Handlers of `/shop`."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._shop = premises.shop

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this side."""
        return [
            web.get("/shop/products", self.availability),
            web.post("/shop/carts", self.open_cart),
            web.get("/shop/carts/{id}", self.show_cart),
            web.post("/shop/carts/{id}/lines", self.add_line),
            web.post("/shop/carts/{id}/checkout", self.check_out),
        ]

    async def availability(self, request: web.Request) -> web.StreamResponse:
        sku = request.query.get("sku")
        if sku is None:
            raise RefusedError(400, "sku_missing", "ask for ?sku=")

        def act() -> Body:
            return {"products": [self._shop.availability(found) for found in self._shop.find(sku)]}

        entry = Entry(
            self._premises.clock(), "admin", "read_back", request.method, request.path, sku=sku
        )
        call = Call("read_back", request.method, sku)
        return await self._premises.answer(request, call, entry, act, act)

    async def open_cart(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(_cart_view(self._shop.open_cart()), status=201)

    async def show_cart(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(_cart_view(self._shop.cart(request.match_info["id"])))

    async def add_line(self, request: web.Request) -> web.StreamResponse:
        received_ns = self._premises.clock()
        wanted = _new_line(await request.read())
        cart = self._shop.cart(request.match_info["id"])
        entry = self._entry(request, "add", received_ns, cart)
        entry.sku, entry.quantity = wanted.sku, wanted.quantity
        try:
            line = self._shop.put_in_cart(cart, wanted.sku, wanted.quantity)
        except RefusedError as refusal:
            _note_refusal(entry, refusal)
            raise
        entry.product = line.product
        self._premises.log.applied(entry, self._premises.clock())
        entry.status = 201
        return web.json_response(_cart_view(cart), status=201)

    async def check_out(self, request: web.Request) -> web.StreamResponse:
        received_ns = self._premises.clock()
        cart = self._shop.cart(request.match_info["id"])
        entries = [self._line_entry(request, received_ns, cart, line) for line in cart.lines] or [
            self._entry(request, "checkout", received_ns, cart)
        ]
        try:
            order = self._shop.check_out(cart, at_ns=self._premises.clock())
        except RefusedError as refusal:
            for entry in entries:
                _note_refusal(entry, refusal)
            raise
        for entry in entries:
            self._premises.log.applied(entry, order.at_ns)
            entry.order, entry.status = order.id, 201
        return web.json_response({"id": order.id, "cart": cart.id}, status=201)

    def _line_entry(self, request: web.Request, received_ns: int, cart: Cart, line: Line) -> Entry:
        entry = self._entry(request, "checkout", received_ns, cart)
        entry.product, entry.sku, entry.quantity = line.product, line.sku, line.quantity
        return entry

    def _entry(self, request: web.Request, step: str, received_ns: int, cart: Cart) -> Entry:
        return self._premises.log.open(
            received_ns,
            "purchase",
            step,
            method=request.method,
            path=request.path,
            cart=cart.id,
        )


def _new_line(body: bytes) -> _NewLine:
    try:
        return _NewLine.model_validate_json(body)
    except ValidationError:
        text = 'a line is {"sku": text, "quantity": 1 to 1000}'
        raise RefusedError(422, "bad_line", text) from None


def _note_refusal(entry: Entry, refusal: RefusedError) -> None:
    entry.outcome, entry.code, entry.status = "refused", refusal.code, refusal.status


def _cart_view(cart: Cart) -> dict[str, Any]:
    lines = [
        {"product": line.product, "sku": line.sku, "quantity": line.quantity} for line in cart.lines
    ]
    return {"id": cart.id, "lines": lines, "order": cart.order}
