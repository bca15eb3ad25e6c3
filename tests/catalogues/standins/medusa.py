"""A stand-in for Medusa: variants, inventory items, carts, on loopback.

It does what Medusa 2.21 was seen to do (tests/real run it), where starting that takes too long. A
variant that becomes managed and has no inventory item gets one, named after its SKU; one that
becomes unmanaged loses its ties to items, and the items stay. Whether Medusa ties an item twice was
not looked at: this one refuses, which is the worse of the two.
"""

import itertools
from typing import Any

from aiohttp import web

from tests.catalogues.standins.serving import serving

SECRET, PUBLISHABLE = "sk_" + "5" * 40, "pk_" + "7" * 40
PLENTY = 100


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@web.middleware
async def _errors(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return web.json_response({"type": "not_found", "message": str(refused)},
                                 status=refused.status)


class Medusa:
    """Everything that one Medusa knows. `items` are the SKUs of inventory items, by their ids."""

    def __init__(self) -> None:
        self.variants: dict[str, dict[str, Any]] = {}
        self.items: dict[str, str] = {}
        self.stock: dict[str, int] = {}
        self.carts: dict[str, dict[str, str]] = {}
        self.requests: list[str] = []
        self._numbers = itertools.count(1)
        self.app = web.Application(middlewares=[_errors])
        variant = "/admin/products/{product}/variants/{id}"
        self.app.add_routes([
            web.get("/admin/product-variants", self.list_variants),
            web.post(variant, self.update),
            web.post(variant + "/inventory-items", self.tie),
            web.post(variant + "/inventory-items/{item}", self.set_need),
            web.get("/admin/inventory-items", self.list_items),
            web.post("/admin/inventory-items", self.create_item),
            web.delete("/admin/inventory-items/{item}", self.delete_item),
            web.get("/store/regions", self.regions),
            web.post("/store/carts", self.open_cart),
            web.post("/store/carts/{cart}/line-items", self.add),
            web.delete("/store/carts/{cart}/line-items/{line}", self.take_out),
            web.post("/store/carts/{cart}/complete", self.complete),
        ])

    def serving(self):
        """Serve it on loopback; yields its address."""
        return serving(self.app)

    def add_variant(self, sku: str, *, managed: bool = True, has_item: bool = True) -> str:
        """List a variant; return its id."""
        number = f"variant_{next(self._numbers)}"
        self.variants[number] = {
            "id": number, "sku": sku, "manage_inventory": managed, "allow_backorder": False,
            "product_id": f"prod_{number}", "product": {"status": "published"}, "needs": {},
        }
        if managed and has_item:
            item = self._new_item(sku)
            self.stock[item] = PLENTY
            self.variants[number]["needs"][item] = 1
        return number

    # ---------------------------------------------------------------------------- the admin side

    async def list_variants(self, request: web.Request) -> web.Response:
        self._check(request, "Basic")
        query = request.query
        wanted = {*query.getall("id", []), *query.getall("id[]", [])}
        found = [
            one for one in self.variants.values()
            if one["id"] in wanted or ("sku" in query and one["sku"] == query["sku"])
        ]
        return web.json_response({"variants": [self._told(one) for one in found]})

    def _told(self, variant: dict[str, Any]) -> dict[str, Any]:
        needs = [
            {"inventory_item_id": item, "required_quantity": need,
             "inventory": {"sku": self.items[item]}}
            for item, need in variant["needs"].items()
        ]
        return {**{key: variant[key] for key in variant.keys() - {"needs"}},
                "inventory_items": needs}

    async def update(self, request: web.Request) -> web.Response:
        variant, body = self._variant(request), await request.json()
        if not body.get("manage_inventory", True):
            variant["needs"].clear()
        elif body.get("manage_inventory") and not variant["manage_inventory"] and not (
            variant["needs"]
        ):
            variant["needs"][self._new_item(variant["sku"])] = 1
        variant |= body
        return web.json_response({"product": {"id": variant["product_id"]}})

    async def tie(self, request: web.Request) -> web.Response:
        variant, body = self._variant(request), await request.json()
        item = body["inventory_item_id"]
        if item not in self.items:
            raise Refused(404, "there is no such inventory item")
        if item in variant["needs"]:
            raise Refused(400, "it is tied already")
        variant["needs"][item] = body["required_quantity"]
        return web.json_response({"variant": {"id": variant["id"]}})

    async def set_need(self, request: web.Request) -> web.Response:
        variant, body = self._variant(request), await request.json()
        item = request.match_info["item"]
        if item not in variant["needs"]:
            raise Refused(404, "it is not tied")
        variant["needs"][item] = body["required_quantity"]
        return web.json_response({"variant": {"id": variant["id"]}})

    async def list_items(self, request: web.Request) -> web.Response:
        self._check(request, "Basic")
        found = [
            {"id": item, "sku": sku} for item, sku in self.items.items()
            if sku == request.query["sku"]
        ]
        return web.json_response({"inventory_items": found})

    async def create_item(self, request: web.Request) -> web.Response:
        self._check(request, "Basic")
        return web.json_response(
            {"inventory_item": {"id": self._new_item((await request.json())["sku"])}})

    async def delete_item(self, request: web.Request) -> web.Response:
        self._check(request, "Basic")
        item = request.match_info["item"]
        if self.items.pop(item, None) is None:
            raise Refused(404, "there is no such inventory item")
        for variant in self.variants.values():
            variant["needs"].pop(item, None)
        return web.json_response({"id": item, "deleted": True})

    def _new_item(self, sku: str) -> str:
        if sku in self.items.values():
            raise Refused(400, f"Inventory item with sku: {sku}, already exists.")
        item = f"iitem_{next(self._numbers)}"
        self.items[item] = sku
        return item

    def _variant(self, request: web.Request) -> dict[str, Any]:
        self._check(request, "Basic")
        self.requests.append(f"{request.method} {request.path}")
        found = self.variants.get(request.match_info["id"])
        if found is None or found["product_id"] != request.match_info["product"]:
            raise Refused(404, "there is no such variant")
        return found

    @staticmethod
    def _check(request: web.Request, scheme: str) -> None:
        if not request.headers.get("Authorization", "").startswith(scheme):
            raise Refused(401, "Unauthorized")

    # ---------------------------------------------------------------------------- the buyer's side

    def _is_sold(self, number: str) -> bool:
        one = self.variants.get(number)
        if one is None or one["product"]["status"] != "published":
            return False
        if not one["manage_inventory"]:
            return True
        return bool(one["needs"]) and (one["allow_backorder"] or all(
            self.stock.get(item, 0) >= need for item, need in one["needs"].items()))

    async def regions(self, _: web.Request) -> web.Response:
        return web.json_response({"regions": [{"id": "reg_1"}]})

    async def open_cart(self, _: web.Request) -> web.Response:
        cart = f"cart_{next(self._numbers)}"
        self.carts[cart] = {}
        return web.json_response({"cart": {"id": cart}})

    async def add(self, request: web.Request) -> web.Response:
        lines, body = self.carts[request.match_info["cart"]], await request.json()
        if body["variant_id"] not in self.variants:
            raise Refused(404, "there is no such variant")
        if not self._is_sold(body["variant_id"]):
            raise Refused(400, "Some variant does not have the required inventory")
        lines[f"line_{next(self._numbers)}"] = body["variant_id"]
        return web.json_response({"cart": {"items": [{"id": one} for one in lines]}})

    async def take_out(self, request: web.Request) -> web.Response:
        del self.carts[request.match_info["cart"]][request.match_info["line"]]
        return web.json_response({"deleted": True})

    async def complete(self, request: web.Request) -> web.Response:
        lines = self.carts[request.match_info["cart"]]
        is_sold = bool(lines) and all(self._is_sold(one) for one in lines.values())
        return web.json_response({"type": "order" if is_sold else "cart"})
