"""A stand-in for Saleor: one GraphQL address for apps and buyers, channels, checkouts, orders.

What is not asked for as Saleor's documents say is refused. A product that is not available for
purchase in a channel is shown there, goes into no checkout, and lets none be completed; so does a
variant that is switched off by itself, which buyers are not even shown, where the server `switches`
variants. One whose stock is tracked needs some, unless it is ordered ahead. A checkout is completed
at once: there is none that stands at payment.
"""

import base64
import itertools
import time
from typing import Any

from aiohttp import web
from graphql import GraphQLError

from tests.catalogues.standins import graphql_side
from tests.catalogues.standins.serving import serving

TOKEN = "app-token-0123456789"
SCHEMA = graphql_side.schema("saleor.graphql")
SWITCHING = graphql_side.schema("saleor.graphql", "saleor_variants.graphql")
SINCE = "2024-05-13T21:22:42.287000+00:00"


def global_id(kind: str, number: int) -> str:
    """Make an id as Saleor does."""
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


class PermissionDenied(Exception):
    """Saleor's name for it; what an answer says of an error is the name of its class."""


class Saleor:
    """Everything that one Saleor knows; its methods that GraphQL calls have GraphQL's names."""

    def __init__(self, channels: int = 2, *, switches: bool = False) -> None:
        self.schema = SWITCHING if switches else SCHEMA
        self.channels = [
            {"id": global_id("Channel", number), "slug": f"channel-{number}", "isActive": True}
            for number in range(1, channels + 1)
        ]
        self.variants: dict[str, dict[str, Any]] = {}
        self.product_by_id: dict[str, dict[str, Any]] = {}
        self.checkouts: dict[str, dict[str, Any]] = {}
        self.requests_left: int | None = None
        self.broken_requests = 0
        self.per_minute: int | None = None
        self.throttled = 0
        self._minute = (0.0, 0)
        self._numbers = itertools.count(1)
        self._is_app = False
        self.rights = ["MANAGE_PRODUCTS"]
        self.served = web.Application()
        self.served.add_routes([web.post("/graphql/", self._answer)])

    def serving(self):
        """Serve it on loopback; yields its address."""
        return serving(self.served)

    def _is_too_many(self) -> bool:
        """Count a request; the count begins anew every 60 s, as the documents say."""
        begun, made = self._minute
        if time.monotonic() - begun > 60:
            begun, made = time.monotonic(), 0
        self._minute = begun, made + 1
        return self.per_minute is not None and made >= self.per_minute

    def add(
        self, sku: str, *, tracked: bool = True, stock: int = 50, ahead: bool = False,
        beside: str = "",
    ) -> str:
        """List a variant in every channel, `beside` another one of its product; SKUs are unique."""
        assert all(one["sku"] != sku for one in self.variants.values())
        number = global_id("ProductVariant", next(self._numbers))
        product = self.variants[beside]["product"] if beside else self._add_product()
        self.variants[number] = {
            "id": number, "sku": sku, "product": product,
            "trackInventory": tracked, "isPreorder": ahead,
            "channelListings": [
                {"channel": one, "isAvailableForPurchase": True, "price": 5 + place}
                for place, one in enumerate(self.channels)
            ],
            "quantityAvailable": stock,
        }
        return number

    def page(
        self, product: dict[str, Any], *, first: int = 0, after: str | None = None,
        where: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return variants of a product; a cursor is the number of those that came before."""
        assert 0 < first <= 100
        ours = [
            one for one in self.variants.values()
            if one["product"] is product and (where is None or one["sku"] == where["sku"]["eq"])
        ]
        end = int(after or 0) + first
        info = {"hasNextPage": end < len(ours), "endCursor": str(end)}
        return {"edges": [{"node": one} for one in ours[end - first:end]], "pageInfo": info}

    def _add_product(self) -> dict[str, Any]:
        number = global_id("Product", next(self._numbers))
        self.product_by_id[number] = product = {"id": number, "channelListings": [
            {"channel": one, "isPublished": True, "isAvailableForPurchase": True,
             "availableForPurchaseAt": SINCE}
            for one in self.channels
        ]}
        product["productVariants"] = lambda _info, **asked: self.page(product, **asked)
        return product

    async def _answer(self, request: web.Request) -> web.Response:
        if self.requests_left is not None:
            self.requests_left -= 1
            if self.requests_left < 0:
                return web.json_response({"detail": "Too many requests."}, status=429)
        if self._is_too_many():
            self.throttled += 1
            return web.json_response({"detail": "Too many requests."}, status=429)
        if self.broken_requests:
            self.broken_requests -= 1
            return _refusal("Internal Server Error", "OperationalError")
        sent = await request.json()
        wrong = graphql_side.mistakes(self.schema, sent["query"])
        if wrong:
            return _refusal(wrong[0], "GraphQLError", status=400)
        self._is_app = request.headers.get("Authorization", "") == f"Bearer {TOKEN}"
        result = graphql_side.run(self.schema, self, sent)
        if result.errors:
            cause = result.errors[0].original_error or result.errors[0]
            return _refusal(result.errors[0].message, type(cause).__name__)
        return web.json_response({"data": result.data})

    # ------------------------------------------------------------------------------- what is asked

    def app(self, info):
        if not self._is_app:
            raise PermissionDenied("You need one of: AUTHENTICATED_APP")
        return {"id": global_id("App", 1), "permissions": [{"code": one} for one in self.rights]}

    @property
    def _may_manage(self) -> bool:
        return self._is_app and "MANAGE_PRODUCTS" in self.rights

    def _manages(self) -> None:
        if not self._may_manage:
            raise PermissionDenied("You need one of: MANAGE_PRODUCTS")

    @property
    def _sees_all(self) -> bool:
        """Whether who asks is more than a passer-by, who must name a channel of several.

        One who does not know of any, in a shop that has but one, is told that nothing is there.
        """
        if self._may_manage:
            return True
        if len(self.channels) > 1:
            raise GraphQLError("More than one channel exists. Specify which channel to use.")
        return False

    def productVariant(self, info, *, id=None, sku=None, channel=None):  # noqa: N802, A002
        self._known("ProductVariant", id)
        found = self.variants.get(id or "")
        if channel is None:
            return found if self._sees_all else None
        return found if found is not None and self._is_sold(found, channel) else None

    def productVariants(self, info, *, first=0, where=None, ids=None, channel=None):  # noqa: N802
        for one in ids or ():
            self._known("ProductVariant", one)
        wanted = (where or {}).get("sku", {}).get("eq")
        return self._first(first, [
            one for one in self.variants.values()
            if (ids is None or one["id"] in ids) and (where is None or one["sku"] == wanted)
        ])

    def product(self, info, *, id=None, channel=None):  # noqa: A002
        self._known("Product", id)
        found = self.product_by_id.get(id or "")
        if found is None or channel is None:
            return found if self._sees_all else None
        listed = [one for one in found["channelListings"] if one["channel"]["slug"] == channel]
        if not any(one["isPublished"] for one in listed):
            return None
        is_on = any(one["isAvailableForPurchase"] for one in listed)
        return {**found, "isAvailableForPurchase": is_on}

    def products(self, info, *, first=0, where=None, channel=None):
        known = self.product_by_id
        return self._first(first, [known[one] for one in (where or {})["ids"] if one in known])

    def _first(self, first: int, found: list[Any]) -> dict[str, Any]:
        if not 0 < first <= 100:
            raise GraphQLError("`first` must be between 1 and 100.")
        return {"edges": [{"node": one} for one in found[:first] if self._sees_all]}

    def productChannelListingUpdate(self, info, *, id, input):  # noqa: N802, A002
        self._manages()
        given = input["updateChannels"]
        product = self.product_by_id.get(id)
        if product is None:
            return _unwritten("id", "NOT_FOUND", "Couldn't resolve to a node.", None)
        known = {one["id"]: one for one in self.channels}
        ids = [one["channelId"] for one in given]
        if not known.keys() >= set(ids):
            text = "Could not resolve to a node with the global id list of"
            return _unwritten("channelId", "GRAPHQL_ERROR", text, None)
        if len(set(ids)) < len(ids):
            return _unwritten("channelId", "DUPLICATED_INPUT_ITEM", "Duplicated channel ID.", ids)
        listed = {one["channel"]["id"]: one for one in product["channelListings"]}
        for one in given:
            since = one.get("availableForPurchaseAt")
            if since and not one["isAvailableForPurchase"]:
                return _unwritten("availableForPurchaseDate", "INVALID", "Cannot set a date.", ids)
            if one["channelId"] not in listed:
                new = {"channel": known[one["channelId"]], "isPublished": False}
                product["channelListings"].append(new)
                listed[one["channelId"]] = new
            at = (since or "2026-11-27T00:00:00+00:00") if one["isAvailableForPurchase"] else None
            listed[one["channelId"]] |= {
                "availableForPurchaseAt": at, "isAvailableForPurchase": at is not None,
            }
        return {"product": product, "errors": []}

    def productVariantChannelListingAvailabilityUpdate(  # noqa: N802
        self, info, *, input, id=None, sku=None,  # noqa: A002
    ):
        self._manages()
        given = [one["channelId"] for one in input]
        variant = self.variants.get(id or "")
        if variant is None:
            return _unwritten("id", "NOT_FOUND", "Couldn't resolve to a node.", None)
        listed = {one["channel"]["id"]: one for one in variant["channelListings"]}
        if len(given) > 100:
            return _unwritten("input", "INVALID", "Too many channels.", given)
        if len(set(given)) < len(given):
            return _unwritten("channelId", "DUPLICATED_INPUT_ITEM", "Duplicated channel ID.", given)
        if not listed.keys() >= set(given):
            return _unwritten("channelId", "NOT_FOUND", "Variant has no channel listing.", given)
        for one in input:
            listed[one["channelId"]]["isAvailableForPurchase"] = one["isAvailableForPurchase"]
        return {"variant": variant, "errors": []}

    def checkoutCreate(self, info, *, input):  # noqa: N802, A002
        [line] = input["lines"]
        self._known("ProductVariant", line["variantId"])
        variant = self.variants.get(line["variantId"])
        if variant is None or not self._is_sold(variant, input["channel"]):
            error = {"field": "lines", "message": "It is unavailable for purchase.",
                     "code": "PRODUCT_UNAVAILABLE_FOR_PURCHASE"}
            return {"checkout": None, "errors": [error]}
        number = global_id("Checkout", next(self._numbers))
        self.checkouts[number] = {
            "id": number, "channel": input["channel"], "variant": variant,
            "lines": [{"id": global_id("CheckoutLine", next(self._numbers))}],
        }
        return {"checkout": self.checkouts[number], "errors": []}

    def checkoutLinesDelete(self, info, *, linesIds, id=None):  # noqa: N802, N803, A002
        checkout = self.checkouts[id]
        checkout["lines"] = [one for one in checkout["lines"] if one["id"] not in linesIds]
        return {"checkout": checkout, "errors": []}

    def checkoutComplete(self, info, *, id=None):  # noqa: N802, A002
        checkout = self.checkouts[id]
        if not checkout["lines"] or not self._is_sold(checkout["variant"], checkout["channel"]):
            error = {"field": "lines", "message": "It is not available.", "code": "INVALID"}
            return {"order": None, "errors": [error]}
        return {"order": {"id": global_id("Order", next(self._numbers))}, "errors": []}

    def _is_sold(self, variant: dict[str, Any], channel: str | None) -> bool:
        def on(listings: list[dict[str, Any]]) -> bool:
            return any(
                one["isAvailableForPurchase"] and one.get("isPublished", True)
                for one in listings if one["channel"]["slug"] == channel
                and one["channel"]["isActive"]
            )

        is_there = not variant["trackInventory"] or variant["isPreorder"] or (
            variant["quantityAvailable"] > 0
        )
        return is_there and on(variant["channelListings"]) and on(
            variant["product"]["channelListings"]
        )

    def _known(self, wanted: str, given: str | None) -> None:
        """Refuse what is no id of anything, as Saleor does before it looks."""
        try:
            kind, _, number = base64.b64decode(given or "", validate=True).decode().partition(":")
        except ValueError:
            kind = number = ""
        if kind != wanted or not number.isdigit():
            raise GraphQLError(f"Invalid ID: {given}. Expected: {wanted}.")


def _refusal(message: str, code: str, status: int = 200) -> web.Response:
    error = {"message": message, "extensions": {"exception": {"code": code}}}
    return web.json_response({"errors": [error], "data": None}, status=status)


def _unwritten(field: str, code: str, message: str, channels: list[str] | None):
    error = {"field": field, "code": code, "message": message, "channels": channels}
    return {"variant": None, "product": None, "errors": [error]}
