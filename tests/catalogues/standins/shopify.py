"""A stand-in for Shopify: Admin API, Storefront API, publications, carts, points of query cost.

What is not asked for as Shopify's documents say is refused. Of a variant's publications its own
list shows only those that somebody has set (`lists_all` False), which is the worse of the two ways
to read the documents. Whatever goes into a cart before a stop is paid: the documents do not say
that it is not. No checkout stands at payment. What is tracked needs stock, unless its policy is
to go on selling without. Queries are paid for in points; `latency` is how many seconds each is
under way.
"""

import asyncio
import itertools
import re
from collections import Counter
from typing import Any

from aiohttp import web
from graphql import GraphQLError

from tests.catalogues.standins import graphql_side
from tests.catalogues.standins.serving import serving
from tests.catalogues.standins.shopify_points import MOST_AT_ONCE, STANDARD, Bucket, Price

TOKEN, STOREFRONT_TOKEN = "shpat_0123456789abcdef", "storefront-0123456789"
ADMIN = graphql_side.schema("shopify.graphql")
STOREFRONT = graphql_side.schema("shopify_storefront.graphql")
KINDS = {"online": "APP", "pos": "APP", "market": "MARKET", "company": "COMPANY_LOCATION"}


def gid(kind: str, number: int | str) -> str:
    """Make an id as Shopify does."""
    return f"gid://shopify/{kind}/{number}"


class Thing(dict):
    """A product or variant, asked for its publications."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self["resourcePublicationsV2"] = self.resourcePublicationsV2
        self["publishedOnPublication"] = self.publishedOnPublication
        self["variants"] = self.variants

    def resourcePublicationsV2(  # noqa: N802
        self, info, *, first, after=None, catalogType="APP", onlyPublished=True,  # noqa: N803
    ):
        shop = self["shop"]
        places = [
            {"publication": {"id": place}, "isPublished": moment == "",
             "publishDate": moment or "2026-01-01T00:00:00Z"}
            for place, moment in sorted(shop.listed(self).items())
            if shop.channels[place] == catalogType and (moment == "" or not onlyPublished)
        ]
        return shop.page(places, first, after)

    def variants(self, info, *, first, after=None):
        shop = self["shop"]
        return shop.page(shop.variants_of(self), first, after)

    def publishedOnPublication(self, info, *, publicationId):  # noqa: N802, N803
        return self["shop"].places(self).get(publicationId) == ""


class Shopify:
    """Everything that one shop knows; its methods that GraphQL calls have GraphQL's names."""

    def __init__(
        self, version: str = "2026-10", *, lists_all: bool = False, restored: float = STANDARD
    ) -> None:
        self.version = version
        self.lists_all = lists_all
        self.channels = {
            gid("Publication", number): kind
            for number, kind in enumerate(KINDS.values(), start=1)
        }
        self.things: dict[str, Thing] = {}
        self.carts: dict[str, str] = {}
        self.bucket, self.latency = Bucket(restored), 0.0
        self.asked = self.throttled = 0
        self.spent: Counter[str] = Counter()
        self._numbers = itertools.count(1001)
        self.app = web.Application()
        self.app.add_routes([
            web.post(f"/admin/api/{version}/graphql.json", self._admin),
            web.post(f"/api/{version}/graphql.json", self._storefront),
        ])

    def serving(self):
        """Serve the shop on loopback; yields its address."""
        return serving(self.app)

    def add(self, *skus: str, tracked: bool = True, stock: int = 50, policy: str = "DENY") -> str:
        """List one product with these variants, published everywhere; return its id."""
        product = self._thing("Product", status="ACTIVE", own=dict.fromkeys(self.channels, ""))
        for sku in skus:
            self._thing("ProductVariant", sku=sku, product=product, own={}, status="ACTIVE",
                        tracked=tracked, stock=stock, policy=policy)
        return product["id"]

    def _thing(self, kind: str, **facts: Any) -> Thing:
        number = gid(kind, next(self._numbers))
        self.things[number] = Thing(id=number, __typename=kind, shop=self, **facts)
        return self.things[number]

    def variants_of(self, product: Thing) -> list[Thing]:
        """Return the variants of a product, the oldest first."""
        return [one for one in self.things.values() if one.get("product") is product]

    def places(self, thing: Thing) -> dict[str, str]:
        """Return where it is published, with the moment where it will be; unset is published."""
        if thing["__typename"] == "Product":
            found = thing["own"]
        else:
            found = {**dict.fromkeys(self.channels, ""), **thing["own"]}
        return {place: moment for place, moment in found.items() if moment != "never"}

    def listed(self, thing: Thing) -> dict[str, str]:
        """Return what its own list shows."""
        if self.lists_all or thing["__typename"] == "Product":
            return self.places(thing)
        return {place: moment for place, moment in thing["own"].items() if moment != "never"}

    def is_sold(self, variant: Thing, place: str) -> bool:
        """Say whether a buyer who comes through a publication may have it."""
        product = variant["product"]
        is_there = not variant["tracked"] or variant["stock"] > 0 or variant["policy"] == "CONTINUE"
        return is_there and product["status"] == "ACTIVE" and all(
            self.places(one).get(place) == "" for one in (product, variant)
        )

    @staticmethod
    def page(found: list[Any], first: int, after: str | None) -> dict[str, Any]:
        """Return one page of a connection."""
        if not 0 < first <= 250:
            raise GraphQLError("first must be between 1 and 250")
        start = int(after or 0)
        end = start + first
        return {
            "nodes": found[start:end],
            "pageInfo": {"hasNextPage": end < len(found), "endCursor": str(min(end, len(found)))},
        }

    # --------------------------------------------------------------------------------- admin side

    async def _admin(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Shopify-Access-Token") != TOKEN:
            text = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return web.json_response({"errors": text}, status=401)
        self.asked += 1
        sent = await request.json()
        if wrong := graphql_side.mistakes(ADMIN, sent["query"]):
            return web.json_response({"errors": [{"message": one} for one in wrong]})
        price = Price(ADMIN, sent["query"], sent.get("variables") or {})
        asked = price.of()
        cost: dict[str, Any] = {"requestedQueryCost": asked, "actualQueryCost": None}
        if asked > min(self.bucket.points, MOST_AT_ONCE):
            self.throttled += 1
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return web.json_response(
                {"errors": [error], "extensions": {"cost": {**cost, **self._status()}}}
            )
        self.bucket.points -= asked
        await asyncio.sleep(self.latency)
        answer = self._run(ADMIN, sent)
        if answer.get("data") is not None:
            cost["actualQueryCost"] = price.of(answer["data"])
            self.bucket.points += asked - cost["actualQueryCost"]
            self.spent[sent["query"]] += int(cost["actualQueryCost"])
        answer["extensions"] = {"cost": {**cost, **self._status()}}
        return web.json_response(answer)

    def _status(self) -> dict[str, Any]:
        status = {"maximumAvailable": self.bucket.size, "currentlyAvailable": self.bucket.points}
        return {"throttleStatus": {**status, "restoreRate": self.bucket.restored}}

    def _run(self, schema: Any, sent: Any) -> dict[str, Any]:
        wrong = graphql_side.mistakes(schema, sent["query"])
        if wrong:
            return {"errors": [{"message": one} for one in wrong]}
        result = graphql_side.run(schema, self if schema is ADMIN else _Front(self), sent)
        if result.errors:
            return {"errors": [{"message": one.message} for one in result.errors]}
        return {"data": result.data}

    def node(self, info, *, id):  # noqa: A002
        if not re.fullmatch(r"gid://shopify/\w+/\d+", id):
            raise GraphQLError(f"Invalid global id '{id}'")
        return self.things.get(id)

    def nodes(self, info, *, ids):
        return [self.node(info, id=one) for one in ids]

    def product(self, info, *, id):  # noqa: A002
        return self.things.get(id)

    productVariant = product  # noqa: N815

    def productVariants(self, info, *, query, first, after=None):  # noqa: N802
        words = re.fullmatch(r'sku:"((?:[^"\\]|\\.)*)"', query)
        if words is None:
            raise GraphQLError(f"not a search for a SKU: {query}")
        wanted = re.sub(r"\\(.)", r"\1", words[1]).casefold()
        # A search index finds more than was asked for.
        found = [one for one in self.things.values() if one.get("sku", "").casefold() == wanted
                 or one.get("sku", "").casefold().startswith(wanted + "-")]
        return self.page(found, first, after)

    def publications(self, info, *, first, after=None, catalogType=None):  # noqa: N803
        found = [
            {"id": place} for place, kind in sorted(self.channels.items())
            if kind == catalogType
        ]
        return self.page(found, first, after)

    def publishablePublish(self, info, *, id, input):  # noqa: N802, A002
        return self._set(id, {one["publicationId"]: one.get("publishDate", "") for one in input})

    def publishableUnpublish(self, info, *, id, input):  # noqa: N802, A002
        return self._set(id, {one["publicationId"]: "never" for one in input})

    def _set(self, number: str, places: dict[str, str]) -> dict[str, Any]:
        thing = self.things.get(number)
        if thing is None or not self.channels.keys() >= places.keys():
            return {"userErrors": [{"field": ["id"], "message": "Resource not found"}]}
        if thing["__typename"] == "ProductVariant" and self.version < "2026-07":
            return {"userErrors": [{"field": ["id"], "message": "It can't be published"}]}
        thing["own"] |= places
        return {"userErrors": []}

    # --------------------------------------------------------------------------------- buyer side

    async def _storefront(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Shopify-Storefront-Access-Token") != STOREFRONT_TOKEN:
            error = {"message": "", "extensions": {"code": "UNAUTHORIZED"}}
            return web.json_response({"errors": [error]}, status=401)
        return web.json_response(self._run(STOREFRONT, await request.json()))


class _Front:
    """The online store as its buyers see it."""

    def __init__(self, shop: Shopify) -> None:
        self.shop, self.place = shop, gid("Publication", 1)

    def _seen(self, variant: Thing) -> dict[str, Any] | None:
        if not self.shop.is_sold(variant, self.place):
            return None
        return {"id": variant["id"], "__typename": "ProductVariant", "availableForSale": True}

    def node(self, info, *, id):  # noqa: A002
        thing = self.shop.things.get(id)
        if thing is None or "product" in thing:
            return None if thing is None else self._seen(thing)
        variants = [seen for one in self.shop.variants_of(thing) if (seen := self._seen(one))]
        if not variants:
            return None
        return {
            "id": id, "__typename": "Product", "availableForSale": True,
            "variants": {"nodes": variants},
        }

    def cartCreate(self, info, *, input):  # noqa: N802, A002
        [line] = input["lines"]
        variant = self.shop.things.get(line["merchandiseId"])
        if variant is None or "product" not in variant or self._seen(variant) is None:
            text = "The merchandise with id does not exist."
            return {"cart": None, "userErrors": [{"code": "INVALID", "message": text}]}
        number = gid("Cart", len(self.shop.carts) + 1)
        self.shop.carts[number] = variant["id"]
        lines = {"nodes": [{"id": gid("CartLine", 1), "__typename": "CartLine"}]}
        cart = {"id": number, "totalQuantity": line["quantity"], "lines": lines}
        return {"cart": cart, "userErrors": []}

    def cartLinesRemove(self, info, *, cartId, lineIds):  # noqa: N802, N803
        assert lineIds == [gid("CartLine", 1)]
        del self.shop.carts[cartId]
        return {"cart": None, "userErrors": []}
