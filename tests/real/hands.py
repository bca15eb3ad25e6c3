"""The hands of owners and buyers in real shop systems: what tests do there besides freezeguard."""

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp
from yarl import URL

from freezeguard.catalogues.medusa import FLAGS, HUGE
from freezeguard.catalogues.vendure import HARD
from tests.real.systems import ADMIN, PASSWORD, FarSide

STOCK, PATIENCE = 100, 30.0


class Shop(Protocol):
    """One real shop. A cart is a name that `pay` understands."""

    kind: str

    def table(self) -> dict[str, Any]:
        """Return the configuration of its catalogue."""

    async def offer(self, sku: str, variety: str = "tracked") -> None:
        """List a SKU for sale."""

    async def open_cart(self, sku: str) -> str | None:
        """Put one into a new cart; None where the shop refuses."""

    async def to_payment(self, cart: str) -> bool:
        """Take a cart as far as it gets without paying; say whether that is as far as payment."""

    async def pay(self, cart: str) -> bool:
        """Pay for a cart, whatever is left to do before that; say whether there is an order."""

    async def known(self, sku: str) -> Any:
        """Return what the two below need to know of a SKU, so that they make no further calls."""

    async def stop_by_hand(self, known: Any) -> None:
        """Make the calls that stop it, and no others."""

    async def refuses(self, known: Any, begun: float) -> float:
        """Try to buy until the shop refuses; return the seconds since a moment."""

    async def image(self, sku: str) -> Any:
        """Return all that the owner sees of a SKU, stock included, but for times of changes."""

    async def put_back_on_sale(self, sku: str) -> None:
        """Put it back on sale by hand, as somebody does who does not know why it is stopped."""

    async def ship_newest(self) -> None:
        """Send out all of the order that was placed last."""


_SLUGS = itertools.count(1)


def _slug() -> str:
    """Return a name for a page that no other product has."""
    return f"page-{next(_SLUGS)}"


async def buys(shop: Shop, sku: str) -> bool:
    """Buy one, from the first step to the last."""
    cart = await shop.open_cart(sku)
    return cart is not None and await shop.pay(cart)


# ---------------------------------------------------------------------------------------- Vendure

_CREATE_PRODUCT = """mutation($name: String!, $slug: String!) { createProduct(input: {
  translations: [{languageCode: en, name: $name, slug: $slug, description: ""}]}) { id } }"""
_CREATE_VARIANTS = """mutation($input: [CreateProductVariantInput!]!) {
  createProductVariants(input: $input) { id } }"""
_CREATE_SIZES = """mutation { createProductOptionGroup(input: {code: "size", options: [
    {code: "s", translations: [{languageCode: en, name: "S"}]},
    {code: "m", translations: [{languageCode: en, name: "M"}]}],
  translations: [{languageCode: en, name: "Size"}]}) { id options { id } } }"""
_ADD_SIZES = """mutation($product: ID!, $group: ID!) {
  addOptionGroupToProduct(productId: $product, optionGroupId: $group) { id } }"""
_VARIANT = """query($sku: String!) { productVariants(options: {filter: {sku: {eq: $sku}}}) { items {
  id sku name enabled trackInventory outOfStockThreshold useGlobalOutOfStockThreshold price
  stockLevels { stockOnHand stockAllocated } channels { code } options { code }
  product { id enabled } } } }"""
_ADD = """mutation($id: ID!) { addItemToOrder(productVariantId: $id, quantity: 1) {
  __typename ... on Order { code } } }"""
_CUSTOMER = """mutation { setCustomerForOrder(input: {firstName: "Bea", lastName: "Buyer",
  emailAddress: "bea@example.com"}) { __typename } }"""
_ADDRESS = """mutation {
  setOrderShippingAddress(input: {streetLine1: "Road 1", countryCode: "DE"}) { __typename } }"""
_WAYS = "query { eligibleShippingMethods { id } }"
_WAY = "mutation($ids: [ID!]!) { setOrderShippingMethod(shippingMethodId: $ids) { __typename } }"
_TO_PAYMENT = """mutation { transitionOrderToState(state: "ArrangingPayment") {
  __typename ... on Order { state } } }"""
_UPDATE = """mutation($input: UpdateProductVariantInput!) {
  updateProductVariants(input: [$input]) { id } }"""
_PAY = """mutation($method: String!) { addPaymentToOrder(input: {method: $method, metadata: {}}) {
  __typename ... on Order { state } } }"""
_NEWEST = """query { orders(options: {filter: {active: {eq: false}}, sort: {id: DESC}, take: 1}) {
  items { lines { id quantity } } } }"""
_FULFIL = """mutation($lines: [OrderLineInput!]!) { addFulfillmentToOrder(input: {lines: $lines,
  handler: {code: "manual-fulfillment", arguments: [
    {name: "method", value: "parcel"}, {name: "trackingCode", value: "1"}]}}) {
  __typename ... on Fulfillment { id } ... on ErrorResult { message } } }"""
_SHIP = """mutation($id: ID!) { transitionFulfillmentToState(id: $id, state: "Shipped") {
  __typename ... on Fulfillment { state } ... on ErrorResult { message } } }"""


class VendureShop:
    """Vendure, through its two GraphQL APIs. A cart is a session."""

    kind = "vendure"

    def __init__(self, side: FarSide, session: aiohttp.ClientSession) -> None:
        self._side, self._session = side, session
        self._token = ""

    def table(self) -> dict[str, Any]:
        return {
            "kind": "vendure", "base_url": self._side.url, "user": ADMIN, "password": PASSWORD,
        }

    async def offer(self, sku: str, variety: str = "tracked") -> None:
        product = await self._admin(_CREATE_PRODUCT, name=f"Product {sku}", slug=_slug())
        product_id = product["createProduct"]["id"]
        one = {
            "productId": product_id, "sku": sku, "price": 1290, "stockOnHand": STOCK,
            "trackInventory": "FALSE" if variety == "untracked" else "TRUE",
            "translations": [{"languageCode": "en", "name": sku}],
        }
        if variety == "back-ordered":
            one |= {"stockOnHand": 0, "useGlobalOutOfStockThreshold": False,
                    "outOfStockThreshold": -50}
        variants = [one]
        if variety == "multi-variant":
            sizes = (await self._admin(_CREATE_SIZES))["createProductOptionGroup"]
            await self._admin(_ADD_SIZES, product=product_id, group=sizes["id"])
            small, medium = (option["id"] for option in sizes["options"])
            sibling = {**one, "sku": f"{sku}-sibling", "optionIds": [medium]}
            variants = [{**one, "optionIds": [small]}, sibling]
        await self._admin(_CREATE_VARIANTS, input=variants)

    async def twin(self, sku: str) -> None:
        """List the same SKU once more, which Vendure allows."""
        product = await self._admin(_CREATE_PRODUCT, name=f"Twin {sku}", slug=_slug())
        one = {"productId": product["createProduct"]["id"], "sku": sku, "price": 990,
               "stockOnHand": STOCK, "translations": [{"languageCode": "en", "name": sku}]}
        await self._admin(_CREATE_VARIANTS, input=[one])

    async def open_cart(self, sku: str) -> str | None:
        [variant, *_] = await self._variants(sku)
        return await self.open_cart_of(variant["id"])

    async def open_cart_of(self, variant_id: str) -> str | None:
        """Put a variant into a new cart."""
        data, token = await self._shop("", _ADD, id=variant_id)
        taken = data and data["addItemToOrder"]["__typename"] == "Order"
        return token if taken else None

    async def to_payment(self, cart: str) -> bool:
        await self._shop(cart, _CUSTOMER)
        await self._shop(cart, _ADDRESS)
        ways, _ = await self._shop(cart, _WAYS)
        await self._shop(cart, _WAY, ids=[ways["eligibleShippingMethods"][0]["id"]])
        return await self._arrange(cart)

    async def _arrange(self, cart: str) -> bool:
        data, _ = await self._shop(cart, _TO_PAYMENT)
        return bool(data) and (data["transitionOrderToState"] or {}).get("state") is not None

    async def pay(self, cart: str) -> bool:
        state, _ = await self._shop(cart, "query { activeOrder { state } }")
        if not state or not state["activeOrder"]:
            return False
        if state["activeOrder"]["state"] != "ArrangingPayment" and not await self.to_payment(cart):
            return False
        return await self.pay_at_once(cart)

    async def pay_at_once(self, cart: str) -> bool:
        """Pay for a cart that stands at payment."""
        data, _ = await self._shop(cart, _PAY, method="invoice")
        state = data and data["addPaymentToOrder"].get("state")
        return state in {"PaymentSettled", "PaymentAuthorized"}

    async def known(self, sku: str) -> Any:
        [variant] = await self._variants(sku)
        return variant["id"]

    async def stop_by_hand(self, known: Any) -> None:
        await self._admin(_UPDATE, input={"id": known, **HARD})

    async def refuses(self, known: Any, begun: float) -> float:
        while await self.open_cart_of(known) is not None:
            assert time.perf_counter() - begun < PATIENCE, f"{known} sells on"
        return time.perf_counter() - begun

    async def image(self, sku: str) -> Any:
        return await self._variants(sku)

    async def ship_newest(self) -> None:
        [order] = (await self._admin(_NEWEST))["orders"]["items"]
        lines = [{"orderLineId": one["id"], "quantity": one["quantity"]} for one in order["lines"]]
        made = (await self._admin(_FULFIL, lines=lines))["addFulfillmentToOrder"]
        assert made["__typename"] == "Fulfillment", made
        sent = (await self._admin(_SHIP, id=made["id"]))["transitionFulfillmentToState"]
        assert sent.get("state") == "Shipped", sent

    async def put_back_on_sale(self, sku: str) -> None:
        await self.change(
            sku, enabled=True, useGlobalOutOfStockThreshold=True, outOfStockThreshold=0
        )

    async def change(self, sku: str, **fields: Any) -> None:
        """Change fields of a SKU by hand."""
        for one in await self._variants(sku):
            await self._admin(_UPDATE, input={"id": one["id"], **fields})

    async def end_sessions(self) -> None:
        """End every session of the administrator: whoever was logged in is so no more."""
        self._side.sql("DELETE FROM session", database=self._side.database)
        self._token = ""

    async def _variants(self, sku: str) -> list[dict[str, Any]]:
        found = await self._admin(_VARIANT, sku=sku)
        return list(found["productVariants"]["items"])

    async def _admin(self, query: str, **variables: Any) -> Any:
        if not self._token:
            login = """mutation($user: String!, $password: String!) {
              login(username: $user, password: $password) { __typename } }"""
            _, self._token = await self._ask("/admin-api", "", login, user=ADMIN, password=PASSWORD)
        data, _ = await self._ask("/admin-api", self._token, query, **variables)
        assert data is not None, query
        return data

    async def _shop(self, token: str, query: str, **variables: Any) -> tuple[Any, str]:
        return await self._ask("/shop-api", token, query, **variables)

    async def _ask(self, path: str, token: str, query: str, **variables: Any) -> tuple[Any, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._session.post(
            self._side.url + path, json={"query": query, "variables": variables}, headers=headers
        ) as answer:
            body = await answer.json()
            errors = body.get("errors")
            return (None if errors else body["data"]), answer.headers.get(
                "vendure-auth-token", token
            )


# ----------------------------------------------------------------------------------------- Medusa

_LOOK = (
    "id,sku,title,manage_inventory,allow_backorder,product_id,product.status,"
    "inventory_items.inventory_item_id,inventory_items.required_quantity,"
    "inventory_items.inventory.location_levels.location_id,"
    "inventory_items.inventory.location_levels.stocked_quantity,"
    "inventory_items.inventory.location_levels.reserved_quantity"
)


@dataclass
class _Premises:
    """What a shop needs before it can sell anything."""

    channel: str
    region: str
    location: str
    profile: str
    shipping: str
    publishable: str
    secret: str


class MedusaShop:
    """Medusa, through its two REST APIs."""

    kind = "medusa"

    def __init__(self, side: FarSide, session: aiohttp.ClientSession) -> None:
        self._side, self._session = side, session
        self._token = ""
        self.premises: _Premises | None = None

    def table(self) -> dict[str, Any]:
        assert self.premises is not None
        return {
            "kind": "medusa", "base_url": self._side.url, "user": ADMIN, "password": PASSWORD,
            "publishable_key": self.premises.publishable, "region": self.premises.region,
        }

    async def furnish(self) -> None:
        """Open the shop: a channel, a region, a place with stock, a way to send, keys."""
        channel = (await self._admin("GET", "/admin/sales-channels"))["sales_channels"][0]["id"]
        key = (await self._admin("POST", "/admin/api-keys", {
            "title": "storefront", "type": "publishable"}))["api_key"]
        await self._admin(
            "POST", f"/admin/api-keys/{key['id']}/sales-channels", {"add": [channel]})
        secret = (await self._admin("POST", "/admin/api-keys", {
            "title": "freezeguard", "type": "secret"}))["api_key"]["token"]
        region = (await self._admin("POST", "/admin/regions", {
            "name": "Germany", "currency_code": "eur", "countries": ["de"],
            "payment_providers": ["pp_system_default"]}))["region"]["id"]
        location = (await self._admin("POST", "/admin/stock-locations", {
            "name": "Warehouse"}))["stock_location"]["id"]
        await self._admin(
            "POST", f"/admin/stock-locations/{location}/sales-channels", {"add": [channel]})
        profile, shipping = await self._furnish_shipping(location)
        self.premises = _Premises(
            channel, region, location, profile, shipping, key["token"], secret)

    async def _furnish_shipping(self, location: str) -> tuple[str, str]:
        known = (await self._admin("GET", "/admin/shipping-profiles"))["shipping_profiles"]
        profile = known[0]["id"] if known else (await self._admin(
            "POST", "/admin/shipping-profiles", {"name": "Parcel", "type": "default"},
        ))["shipping_profile"]["id"]
        place = f"/admin/stock-locations/{location}"
        await self._admin("POST", f"{place}/fulfillment-providers", {"add": ["manual_manual"]})
        sets = (await self._admin(
            "POST", f"{place}/fulfillment-sets?fields=*fulfillment_sets",
            {"name": "Parcels", "type": "shipping"}))["stock_location"]["fulfillment_sets"]
        zone = (await self._admin(
            "POST", f"/admin/fulfillment-sets/{sets[0]['id']}/service-zones",
            {"name": "Germany", "geo_zones": [{"type": "country", "country_code": "de"}]},
        ))["fulfillment_set"]["service_zones"][0]["id"]
        option = await self._admin("POST", "/admin/shipping-options", {
            "name": "Parcel", "service_zone_id": zone, "shipping_profile_id": profile,
            "provider_id": "manual_manual", "price_type": "flat",
            "type": {"label": "Parcel", "description": "Parcel", "code": "parcel"},
            "prices": [{"currency_code": "eur", "amount": 4.9}],
            "rules": [
                {"attribute": "enabled_in_store", "operator": "eq", "value": "true"},
                {"attribute": "is_return", "operator": "eq", "value": "false"},
            ],
        })
        return profile, option["shipping_option"]["id"]

    async def offer(self, sku: str, variety: str = "tracked") -> None:
        assert self.premises is not None
        one = {
            "title": "S", "sku": sku, "options": {"Size": "S"},
            "manage_inventory": variety != "untracked",
            "allow_backorder": variety == "back-ordered",
            "prices": [{"currency_code": "eur", "amount": 12.9}],
        }
        variants = [one]
        if variety == "multi-variant":
            sibling = {**one, "title": "M", "sku": f"{sku}-sibling", "options": {"Size": "M"}}
            variants.append(sibling)
        handle = _slug()
        await self._admin("POST", "/admin/products", {
            "title": f"Product {sku}", "handle": handle, "status": "published",
            "options": [{"title": "Size", "values": ["S", "M"][:len(variants)]}],
            "variants": variants, "sales_channels": [{"id": self.premises.channel}],
            "shipping_profile_id": self.premises.profile,
        })
        for wanted in variants:
            await self._stock(str(wanted["sku"]), 0 if variety == "back-ordered" else STOCK)

    async def _stock(self, sku: str, number: int) -> None:
        assert self.premises is not None
        [variant] = await self._variants(sku)
        for link in variant["inventory_items"]:
            await self._admin(
                "POST", f"/admin/inventory-items/{link['inventory_item_id']}/location-levels",
                {"location_id": self.premises.location, "stocked_quantity": number},
            )

    async def open_cart(self, sku: str) -> str | None:
        assert self.premises is not None
        [variant, *_] = await self._variants(sku)
        cart = (await self._store("POST", "/store/carts", {
            "region_id": self.premises.region, "email": "bea@example.com",
        }))[1]["cart"]["id"]
        status, _ = await self._store(
            "POST", f"/store/carts/{cart}/line-items", {"variant_id": variant["id"], "quantity": 1})
        return cart if status == 200 else None

    async def to_payment(self, cart: str) -> bool:
        assert self.premises is not None
        address = {"first_name": "Bea", "last_name": "Buyer", "address_1": "Road 1",
                   "city": "Town", "postal_code": "10115", "country_code": "de"}
        await self._store("POST", f"/store/carts/{cart}", {"shipping_address": address})
        await self._store("POST", f"/store/carts/{cart}/shipping-methods",
                          {"option_id": self.premises.shipping})
        _, made = await self._store("POST", "/store/payment-collections", {"cart_id": cart})
        status, _ = await self._store(
            "POST", f"/store/payment-collections/{made['payment_collection']['id']}"
            "/payment-sessions", {"provider_id": "pp_system_default"})
        return status == 200

    async def pay(self, cart: str) -> bool:
        _, told = await self._store("GET", f"/store/carts/{cart}?fields=payment_collection.id")
        if not told["cart"].get("payment_collection") and not await self.to_payment(cart):
            return False
        return await self.pay_at_once(cart)

    async def pay_at_once(self, cart: str) -> bool:
        """Complete a cart that is ready."""
        _, body = await self._store("POST", f"/store/carts/{cart}/complete", {})
        return body.get("type") == "order"

    async def image(self, sku: str) -> Any:
        return await self._variants(sku)

    async def known(self, sku: str) -> Any:
        assert self.premises is not None
        [variant] = await self._variants(sku)
        cart = (await self._store("POST", "/store/carts", {
            "region_id": self.premises.region}))[1]["cart"]["id"]
        return variant, cart

    async def stop_by_hand(self, known: Any) -> None:
        variant, _ = known
        base = f"/admin/products/{variant['product_id']}/variants/{variant['id']}"
        for link in variant["inventory_items"]:
            await self._admin("POST", f"{base}/inventory-items/{link['inventory_item_id']}",
                              {"required_quantity": HUGE})
        await self._admin("POST", base, dict(FLAGS))

    async def refuses(self, known: Any, begun: float) -> float:
        variant, cart = known
        body = {"variant_id": variant["id"], "quantity": 1}
        while (await self._store("POST", f"/store/carts/{cart}/line-items", body))[0] == 200:
            assert time.perf_counter() - begun < PATIENCE, f"{variant['sku']} sells on"
        return time.perf_counter() - begun

    async def items(self) -> set[str]:
        """Return the SKUs of all inventory items: a stop is to leave none behind."""
        found = await self._admin("GET", "/admin/inventory-items?limit=1000&fields=id,sku")
        return {one["sku"] for one in found["inventory_items"]}

    async def tie(self, sku: str, item: str) -> str:
        """Make an inventory item with stock and tie it to a SKU; return its id."""
        assert self.premises is not None
        made = await self._admin("POST", "/admin/inventory-items", {"sku": item})
        number = str(made["inventory_item"]["id"])
        await self._admin("POST", f"/admin/inventory-items/{number}/location-levels", {
            "location_id": self.premises.location, "stocked_quantity": STOCK})
        [one] = await self._variants(sku)
        base = f"/admin/products/{one['product_id']}/variants/{one['id']}"
        await self._admin("POST", f"{base}/inventory-items",
                          {"inventory_item_id": number, "required_quantity": 1})
        return number

    async def untie(self, sku: str, number: str) -> None:
        """Untie an inventory item from a SKU."""
        [one] = await self._variants(sku)
        base = f"/admin/products/{one['product_id']}/variants/{one['id']}"
        await self._admin("DELETE", f"{base}/inventory-items/{number}")

    async def ship_newest(self) -> None:
        assert self.premises is not None
        listed = await self._admin("GET", "/admin/orders?order=-id&limit=1&fields=id,*items")
        [order] = listed["orders"]
        path = f"/admin/orders/{order['id']}/fulfillments"
        items = [{"id": one["id"], "quantity": one["quantity"]} for one in order["items"]]
        await self._admin("POST", path, {"items": items, "location_id": self.premises.location})
        told = await self._admin("GET", f"/admin/orders/{order['id']}?fields=fulfillments.id")
        [made] = told["order"]["fulfillments"]
        await self._admin("POST", f"{path}/{made['id']}/shipments", {"items": items})

    async def put_back_on_sale(self, sku: str) -> None:
        for one in await self._variants(sku):
            base = f"/admin/products/{one['product_id']}/variants/{one['id']}"
            for link in one["inventory_items"]:
                await self._admin("POST", f"{base}/inventory-items/{link['inventory_item_id']}",
                                  {"required_quantity": 1})

    async def change(self, sku: str, **fields: Any) -> None:
        """Change fields of a SKU by hand."""
        for one in await self._variants(sku):
            await self._admin(
                "POST", f"/admin/products/{one['product_id']}/variants/{one['id']}", fields)

    async def _variants(self, sku: str) -> list[dict[str, Any]]:
        asked = f"sku={quote(sku, safe='')}&fields={_LOOK}"
        found = await self._admin("GET", f"/admin/product-variants?{asked}")
        return list(found["variants"])

    async def _admin(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Any:
        if not self._token:
            async with self._session.post(
                f"{self._side.url}/auth/user/emailpass", json={"email": ADMIN, "password": PASSWORD}
            ) as answer:
                self._token = (await answer.json())["token"]
        status, found = await self._ask(
            method, path, body, {"Authorization": f"Bearer {self._token}"})
        assert status == 200, f"{method} {path}: {status} {found}"
        return found

    async def _store(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> tuple[int, Any]:
        assert self.premises is not None
        return await self._ask(
            method, path, body, {"x-publishable-api-key": self.premises.publishable})

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> tuple[int, Any]:
        async with self._session.request(
            method, URL(self._side.url + path, encoded=True), json=body, headers=headers
        ) as answer:
            return answer.status, await answer.json()
