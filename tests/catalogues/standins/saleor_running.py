"""The world of a Saleor that runs: everything goes over its address, for the owner and buyers.

FREEZEGUARD_SALEOR names it as `http://app-token:owner-token@127.0.0.1:8000`: the first token is of
an app that may MANAGE_PRODUCTS and no more, which is the connector's; the second one's app may do
all. Saleor's own sample data (`populatedb`) must be there.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import SplitResult

import aiohttp

from freezeguard.catalogues.registry import open_catalogue
from freezeguard.catalogues.saleor import Saleor
from tests.catalogues.standins.saleor import global_id

BEGIN = """query { channels { id slug } categories(first: 1) { edges { node { id } } }
  warehouses(first: 20) { edges { node { id } } } }"""
UNPAID = """mutation($id: ID!) { channelUpdate(id: $id, input: {
  orderSettings: {allowUnpaidOrders: true, markAsPaidStrategy: TRANSACTION_FLOW}}) {
  errors { message } } }"""
TYPE = """mutation { productTypeCreate(input: {
  name: "Nothing to ship", isShippingRequired: false, hasVariants: true}) {
  made: productType { id } errors { field message } } }"""
PRODUCT = """mutation($input: ProductCreateInput!) { productCreate(input: $input) {
  made: product { id } errors { field message } } }"""
VARIANT = """mutation($input: ProductVariantCreateInput!) { productVariantCreate(input: $input) {
  made: productVariant { id } errors { field message } } }"""
REMOVE = """mutation($id: ID!) { productDelete(id: $id) { errors { field message } } }"""
LISTED = """mutation($id: ID!, $input: ProductChannelListingUpdateInput!) {
  productChannelListingUpdate(id: $id, input: $input) { errors { field message } } }"""
PRICED = """mutation($id: ID!, $input: [ProductVariantChannelListingAddInput!]!) {
  productVariantChannelListingUpdate(id: $id, input: $input) { errors { field message } } }"""
IMAGE = """query($sku: String!) { productVariants(first: 9, where: {sku: {eq: $sku}}) {
  edges { node { id sku trackInventory quantityLimitPerCustomer
    channelListings { id channel { slug } price { amount } costPrice { amount } }
    stocks { id quantity }
    product { id name visibleChannels: channelListings {
      id channel { slug } isPublished publishedAt visibleInListings isAvailableForPurchase
      availableForPurchaseAt } } } } } }"""
CREATE = """mutation($channel: String!, $id: ID!, $address: AddressInput!) {
  checkoutCreate(input: {channel: $channel, email: "buyer@example.com", billingAddress: $address,
    lines: [{quantity: 1, variantId: $id}]}) {
    checkout { id totalPrice { gross { amount currency } } } errors { code } } }"""
AUTHORISE = """mutation($id: ID!, $amount: PositiveDecimal!, $currency: String!) {
  transactionCreate(id: $id, transaction: {
    name: "card", amountAuthorized: {amount: $amount, currency: $currency}}) {
    errors { message } } }"""
COMPLETE = """mutation($id: ID!) { checkoutComplete(id: $id) {
  order { id } errors { code message } } }"""
ADDRESS = {
    "firstName": "A", "lastName": "B", "streetAddress1": "Long Road 1", "city": "Warsaw",
    "postalCode": "00-001", "country": "PL",
}
SINCE = "2024-05-13T21:22:42.287000+00:00"


class RunningSaleorWorld:
    """Orders are paid later: `begin` tells every channel so."""

    hide_lets_open_carts_pay = False
    has_fallbacks = False
    sku_is_unique = True
    gone, tells_gone = global_id("Product", 999_999_999), True

    def __init__(self, real: SplitResult, session: aiohttp.ClientSession, **more: Any) -> None:
        self.url = f"http://{real.hostname}:{real.port}"
        self._owner, self._session = str(real.password), session
        table = {"kind": "saleor", "base_url": self.url, "token": str(real.username), **more}
        self.table = table
        catalogue = open_catalogue("shop", table)
        assert isinstance(catalogue, Saleor)
        self.catalogue = catalogue

    async def begin(self) -> None:
        """Find what products are made of here; let orders be placed before they are paid."""
        found = await self.owner(BEGIN)
        self.channels = found["channels"]
        self.warehouses = [one["node"]["id"] for one in found["warehouses"]["edges"]]
        self._type = (await self.owner(TYPE))["productTypeCreate"]["made"]["id"]
        self._category = found["categories"]["edges"][0]["node"]["id"]
        for one in self.channels:
            await self.owner(UNPAID, id=one["id"])

    async def offer(
        self, sku: str, *, times: int = 1, siblings: tuple[str, ...] = (), tracked: bool = True,
        stock: int = 50, ahead: bool = False,
    ) -> None:
        """Make a product, with a variant for each SKU, on sale in every channel.

        One that an earlier run has left there goes first.
        """
        assert times == 1
        for one in (await self.image(sku))["productVariants"]["edges"]:
            await self.owner(REMOVE, id=one["node"]["product"]["id"])
        given = {"name": f"Made for {sku}", "productType": self._type, "category": self._category}
        product = (await self.owner(PRODUCT, input=given))["productCreate"]["made"]["id"]
        channels = [
            {"channelId": one["id"], "isPublished": True, "visibleInListings": True,
             "isAvailableForPurchase": True, "availableForPurchaseAt": SINCE}
            for one in self.channels
        ]
        await self.owner(LISTED, id=product, input={"updateChannels": channels})
        for each in (sku, *siblings):
            await self._add_variant(product, each, tracked, stock, ahead=ahead)

    async def _add_variant(
        self, product: str, sku: str, tracked: bool, stock: int, *, ahead: bool
    ) -> None:
        stocks = [{"warehouse": one, "quantity": stock} for one in self.warehouses]
        given = {
            "product": product, "sku": sku, "name": sku, "trackInventory": tracked,
            "attributes": [], "stocks": stocks,
            **({"preorder": {"globalThreshold": 100}} if ahead else {}),
        }
        made = (await self.owner(VARIANT, input=given))["productVariantCreate"]["made"]["id"]
        prices = [{"channelId": one["id"], "price": 5} for one in self.channels]
        await self.owner(PRICED, id=made, input=prices)

    async def buy(self, sku: str) -> bool:
        cart = await self.open_cart(sku)
        return bool(cart) and await self.pay(cart)

    async def open_cart(self, sku: str) -> str:
        made = await self._create(sku, self.channels[0]["slug"])
        return "" if made is None else str(made["id"])

    async def cart_at_payment(self, sku: str) -> str:
        """Open a cart that a payment has been authorised for, in whole."""
        made = await self._create(sku, self.channels[0]["slug"])
        assert made is not None
        await self.owner(AUTHORISE, id=made["id"], **made["totalPrice"]["gross"])
        return str(made["id"])

    async def pay(self, cart: str) -> bool:
        done = (await self._send(COMPLETE, {"id": cart}, {}))["checkoutComplete"]
        return done["order"] is not None

    async def image(self, sku: str) -> Any:
        return await self.owner(IMAGE, sku=sku)

    async def owner(self, query: str, **variables: Any) -> Any:
        """Do something as the owner of the shop."""
        return await self._send(query, variables, {"Authorization": f"Bearer {self._owner}"})

    async def _create(self, sku: str, channel: str) -> Any:
        edges = (await self.image(sku))["productVariants"]["edges"]
        given = {"channel": channel, "id": edges[0]["node"]["id"], "address": ADDRESS}
        return (await self._send(CREATE, given, {}))["checkoutCreate"]["checkout"]

    async def _send(self, query: str, variables: Any, headers: Any) -> Any:
        sent = {"query": query, "variables": variables}
        async with self._session.post(
            f"{self.url}/graphql/", json=sent, headers=headers
        ) as answer:
            document = await answer.json()
        assert not document.get("errors"), document["errors"][0]["message"]
        refused = [
            one["errors"] for name, one in document["data"].items()
            if isinstance(one, dict) and not name.startswith("checkout") and one.get("errors")
        ]
        assert not refused, refused
        return document["data"]


@contextlib.asynccontextmanager
async def running_saleor_world(
    real: SplitResult, **more: Any
) -> AsyncIterator[RunningSaleorWorld]:
    """A world over the Saleor that is named; `more` goes into the configuration."""
    async with aiohttp.ClientSession() as session:
        world = RunningSaleorWorld(real, session, **more)
        try:
            await world.begin()
            yield world
        finally:
            await world.catalogue.close()
