"""A stand-in for WooCommerce: REST API v3, Store API, carts and orders, on loopback.

It answers as WooCommerce 11.0 did when it was run beside it. It is stricter in one thing: a member
of a body that the REST index does not name is a 400 here, and ignored there.
"""

import base64
import itertools
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from tests.catalogues.standins.serving import serving

KEY, SECRET = "ck_" + "5" * 40, "cs_" + "7" * 40
STATUSES = ["draft", "pending", "private", "publish"]
PRODUCT = {
    "name": str, "type": ["simple", "variable"], "sku": str, "regular_price": str,
    "status": [*STATUSES, "future"], "manage_stock": bool, "stock_quantity": int,
    "stock_status": ["instock", "outofstock", "onbackorder"],
    "backorders": ["no", "notify", "yes"], "attributes": list,
}
VARIATION = {
    **{name: PRODUCT[name] for name in PRODUCT.keys() - {"name", "type"}}, "status": STATUSES,
}
LISTING = {"sku", "include", "status", "per_page", "page", "_fields"}


class Refused(Exception):
    """An answer that is an error: a status, WooCommerce's code for it, and its words."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"code": code, "message": message, "data": {"status": status, **data}}


@web.middleware
async def _errors(request: web.Request, handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return web.json_response(refused.body, status=refused.status)
    except web.HTTPException as error:
        body = {"code": "rest_no_route", "message": "No route was found.", "data": {"status": 404}}
        return web.json_response(body, status=404 if error.status == 405 else error.status)


def check_body(body: Any, arguments: Mapping[str, Any]) -> None:
    """Refuse what the REST index does not let through."""
    wrong = {
        name: f"{name} is not allowed here." for name in body
        if name not in arguments or not _fits(body[name], arguments[name])
    }
    if wrong:
        text = f"Invalid parameter(s): {', '.join(wrong)}"
        raise Refused(400, "rest_invalid_param", text, params=wrong)


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return value in wanted
    return type(value) is wanted


class WooCommerce:
    """Everything that one shop knows."""

    def __init__(self, *, has_variations_route: bool = True) -> None:
        self.products: dict[int, dict[str, Any]] = {}
        self.carts: dict[str, dict[int, int]] = {}
        self.requests: list[str] = []
        self._numbers = itertools.count(10)
        admin, store = "/wp-json/wc/v3", "/wp-json/wc/store/v1"
        self.app = web.Application(middlewares=[_errors, self._noted])
        self.app.add_routes([
            web.get(f"{admin}/products", self.list_products),
            web.post(f"{admin}/products", self.create_product),
            web.get(admin + r"/products/{id:\d+}", self.show),
            web.put(admin + r"/products/{id:\d+}", self.update),
            web.get(admin + r"/products/{parent:\d+}/variations", self.list_variations),
            web.post(admin + r"/products/{parent:\d+}/variations", self.create_variation),
            web.get(admin + r"/products/{parent:\d+}/variations/{id:\d+}", self.show),
            web.put(admin + r"/products/{parent:\d+}/variations/{id:\d+}", self.update),
            web.get(store + r"/products/{id:\d+}", self.browse),
            web.get(f"{store}/cart", self.cart),
            web.post(f"{store}/cart/add-item", self.add_item),
            web.delete(f"{store}/cart/items", self.empty),
            web.post(f"{store}/checkout", self.checkout),
        ])
        if has_variations_route:
            self.app.add_routes([web.get(f"{admin}/variations", self.list_variations)])

    def serving(self):
        """Serve the shop on loopback; yields its address."""
        return serving(self.app)

    @web.middleware
    async def _noted(self, request: web.Request, handler) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        if request.path.startswith("/wp-json/wc/v3"):
            wanted = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
            if request.headers.get("Authorization") != f"Basic {wanted}":
                text = "Sorry, you cannot list resources."
                raise Refused(401, "woocommerce_rest_cannot_view", text)
        return await handler(request)

    # ---------------------------------------------------------------------------- the admin side

    async def list_products(self, request: web.Request) -> web.Response:
        query = request.query
        if "sku" in query:
            # As the database compares: without regard to case; a comma parts several SKUs.
            wanted = {one.casefold() for one in [*query["sku"].split(","), query["sku"]]}
            found = [one for one in self.products.values() if one["sku"].casefold() in wanted]
        else:
            found = [one for one in self.products.values() if not one["parent_id"]]
        return self._listed(request, found)

    async def list_variations(self, request: web.Request) -> web.Response:
        parent = request.match_info.get("parent")
        found = [
            one for one in self.products.values() if one["parent_id"]
            and (parent is None or one["parent_id"] == int(parent))
        ]
        return self._listed(request, found)

    def _listed(self, request: web.Request, found: list[dict[str, Any]]) -> web.Response:
        query = request.query
        unknown = query.keys() - LISTING
        per_page = int(query.get("per_page", 10))
        status = query.get("status", "any")
        if unknown or not 1 <= per_page <= 100 or status not in {"any", *STATUSES, "future"}:
            raise Refused(400, "rest_invalid_param", f"Invalid parameter(s): {unknown or query}")
        if "include" in query:
            wanted = {int(one) for one in query["include"].split(",")}
            found = [one for one in found if one["id"] in wanted]
        found = [
            one for one in found if one["status"] == status or status == "any" != one["status"]
        ]
        newest = sorted(found, key=lambda one: -one["id"])[:per_page]
        return web.json_response([_shaped(request, one) for one in newest])

    async def create_product(self, request: web.Request) -> web.Response:
        body = await request.json()
        check_body(body, PRODUCT)
        return web.json_response(self._create({"type": "simple", **body}), status=201)

    async def create_variation(self, request: web.Request) -> web.Response:
        body, parent = await request.json(), self._object(request.match_info["parent"], None)
        check_body(body, VARIATION)
        of_parent = {"type": "variation", "parent_id": parent["id"], "sku": parent["sku"]}
        return web.json_response(self._create({**of_parent, **body}), status=201)

    def _create(self, given: Mapping[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        self.products[number] = {
            "id": number, "parent_id": 0, "status": "publish", "sku": "", "regular_price": "",
            "manage_stock": False, "stock_quantity": None, "stock_status": "instock",
            "backorders": "no", **given,
        }
        return self.products[number]

    async def show(self, request: web.Request) -> web.Response:
        one = self._object(request.match_info["id"], request.match_info.get("parent"))
        return web.json_response(_shaped(request, one))

    async def update(self, request: web.Request) -> web.Response:
        parent, body = request.match_info.get("parent"), await request.json()
        check_body(body, VARIATION if parent else PRODUCT)
        one = self._object(request.match_info["id"], parent, writing=True)
        one |= body
        return web.json_response(_shaped(request, one))

    def _object(self, number: str, parent: str | None, *, writing: bool = False) -> dict[str, Any]:
        one = self.products.get(int(number))
        if one is None:
            raise Refused(400 if writing and parent is None else 404,
                          "woocommerce_rest_product_invalid_id", "Invalid ID.")
        if one["parent_id"] != int(parent or 0):
            raise Refused(404, "woocommerce_rest_invalid_product_id", "Not at this endpoint.")
        return one

    # ---------------------------------------------------------------------------- the buyer's side

    def _is_purchasable(self, one: dict[str, Any]) -> bool:
        parent = self.products.get(one["parent_id"])
        published = all(each["status"] == "publish" for each in (one, parent) if each)
        return published and (one["type"] == "variable" or one["regular_price"] != "")

    async def browse(self, request: web.Request) -> web.Response:
        one = self.products.get(int(request.match_info["id"]))
        if one is None or not self._is_purchasable(one):
            raise Refused(404, "woocommerce_rest_product_invalid_id", "Invalid product ID.")
        variations = [
            {"id": each["id"]} for each in self.products.values() if each["parent_id"] == one["id"]
            and self._is_purchasable(each)
        ]
        return web.json_response({
            "id": one["id"], "sku": one["sku"], "type": one["type"], "is_purchasable": True,
            "is_in_stock": one["stock_status"] != "outofstock", "variations": variations,
        })

    def _cart(self, request: web.Request) -> tuple[str, dict[int, int]]:
        """Return the cart of a token without what can't be bought any more."""
        token = request.headers.get("Cart-Token", "")
        if token not in self.carts:
            if request.method != "GET":
                raise Refused(401, "woocommerce_rest_missing_nonce", "Missing the Nonce header.")
            token = secrets.token_urlsafe()
            self.carts[token] = {}
        items = self.carts[token]
        for number in [one for one in items if not self._is_purchasable(self.products[one])]:
            del items[number]
        return token, items

    def _cart_answer(self, token: str, status: int = 200) -> web.Response:
        items = [{"id": one, "quantity": many} for one, many in self.carts[token].items()]
        return web.json_response({"items": items}, status=status, headers={"Cart-Token": token})

    async def cart(self, request: web.Request) -> web.Response:
        return self._cart_answer(self._cart(request)[0])

    async def add_item(self, request: web.Request) -> web.Response:
        (token, items), body = self._cart(request), await request.json()
        check_body(body, {"id": int, "quantity": int})
        one = self.products.get(body["id"])
        if one is None or not self._is_purchasable(one):
            text = "This item is not available for purchase."
            raise Refused(400, "woocommerce_rest_product_not_purchasable", text)
        if one["type"] == "variable":
            raise Refused(400, "woocommerce_rest_missing_attributes", "Missing attributes.")
        if one["stock_status"] == "outofstock":
            raise Refused(400, "woocommerce_rest_product_out_of_stock", "It is out of stock.")
        items[one["id"]] = items.get(one["id"], 0) + body["quantity"]
        return self._cart_answer(token, 201)

    async def empty(self, request: web.Request) -> web.Response:
        self._cart(request)[1].clear()
        return web.json_response([])

    async def checkout(self, request: web.Request) -> web.Response:
        token, items = self._cart(request)
        if not items:
            text = "Cannot place an order, your cart is empty."
            raise Refused(409, "woocommerce_rest_cart_empty", text)
        self.carts[token] = {}
        return web.json_response({"order_id": next(self._numbers), "status": "processing"})


def _shaped(request: web.Request, one: Mapping[str, Any]) -> dict[str, Any]:
    wanted = request.query.get("_fields")
    return {key: one[key] for key in one if wanted is None or key in wanted.split(",")}
