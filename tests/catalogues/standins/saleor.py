"""A stand-in for Saleor: one GraphQL address for apps and buyers, channels, checkouts, orders.

What is not asked for as Saleor's documents say is refused. A variant that is switched off in a
channel is hidden from buyers there, goes into no checkout, and lets none be completed. One whose
stock is tracked needs some, unless it is ordered ahead. A checkout is completed at once: there is
none that stands at payment.
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
ADMIN_ONLY = {"channelListings", "productVariantChannelListingAvailabilityUpdate"}


def global_id(kind: str, number: int) -> str:
    """Make an id as Saleor does."""
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


class PermissionDenied(Exception):
    """Saleor's name for it; what an answer says of an error is the name of its class."""


class Saleor:
    """Everything that one Saleor knows; its methods that GraphQL calls have GraphQL's names."""

    def __init__(self, channels: int = 2) -> None:
        self.channels = [
            {"id": global_id("Channel", number), "slug": f"channel-{number}", "isActive": True}
            for number in range(1, channels + 1)
        ]
        self.variants: dict[str, dict[str, Any]] = {}
        self.checkouts: dict[str, dict[str, Any]] = {}
        self.requests_left: int | None = None
        self.broken_requests = 0
        self.per_minute: int | None = None
        self.throttled = 0
        self._minute = (0.0, 0)
        self._numbers = itertools.count(1)
        self._is_app = False
        self.app = web.Application()
        self.app.add_routes([web.post("/graphql/", self._answer)])

    def serving(self):
        """Serve it on loopback; yields its address."""
        return serving(self.app)

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
        product = [
            {"channel": one, "isPublished": True, "isAvailableForPurchase": True}
            for one in self.channels
        ]
        self.variants[number] = {
            "id": number, "sku": sku, "product": {"channelListings": product},
            "trackInventory": tracked, "isPreorder": ahead,
            "channelListings": [
                {"channel": one, "isAvailableForPurchase": True, "price": 5 + place}
                for place, one in enumerate(self.channels)
            ],
            "quantityAvailable": stock,
        }
        if beside:
            self.variants[number]["product"] = self.variants[beside]["product"]
        return number

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
        wrong = graphql_side.mistakes(SCHEMA, sent["query"])
        if wrong:
            return _refusal(wrong[0], "GraphQLError", status=400)
        passed = request.headers.get("Authorization", "")
        if passed not in {"", f"Bearer {TOKEN}"}:
            return _refusal("Invalid token. App doesn't exist.", "InvalidTokenError")
        self._is_app = bool(passed)
        if not self._is_app and any(name in sent["query"] for name in ADMIN_ONLY):
            return _refusal("You need one of: MANAGE_PRODUCTS", "PermissionDenied")
        result = graphql_side.run(SCHEMA, self, sent)
        if result.errors:
            return _refusal(result.errors[0].message, "GraphQLError")
        return web.json_response({"data": result.data})

    # ------------------------------------------------------------------------------- what is asked

    def productVariant(self, info, *, id=None, sku=None, channel=None):  # noqa: N802, A002
        self._known(id)
        found = self.variants.get(id or "")
        if found is None or (not self._is_app and not self._is_sold(found, channel)):
            return None
        return found

    def productVariants(self, info, *, first=0, where=None, ids=None, channel=None):  # noqa: N802
        assert self._is_app
        if not 0 < first <= 100:
            raise GraphQLError("`first` must be between 1 and 100.")
        for one in ids or ():
            self._known(one)
        wanted = (where or {}).get("sku", {}).get("eq")
        found = [
            one for one in self.variants.values()
            if (ids is None or one["id"] in ids) and (where is None or one["sku"] == wanted)
        ]
        return {"edges": [{"node": one} for one in found[:first]]}

    def productVariantChannelListingAvailabilityUpdate(  # noqa: N802
        self, info, *, input, id=None, sku=None,  # noqa: A002
    ):
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
        self._known(line["variantId"])
        variant = self.variants.get(line["variantId"])
        if variant is None or not self._is_sold(variant, input["channel"]):
            error = {"field": "lines", "message": "It is unavailable for purchase.",
                     "code": "UNAVAILABLE_VARIANT_IN_CHANNEL"}
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

    def _known(self, given: str | None) -> None:
        """Refuse what is no id of anything, as Saleor does before it looks."""
        try:
            kind, _, number = base64.b64decode(given or "", validate=True).decode().partition(":")
        except ValueError:
            kind = number = ""
        if kind != "ProductVariant" or not number.isdigit():
            raise GraphQLError(f"Invalid ID: {given}. Expected: ProductVariant.")


def _refusal(message: str, code: str, status: int = 200) -> web.Response:
    error = {"message": message, "extensions": {"exception": {"code": code}}}
    return web.json_response({"errors": [error], "data": None}, status=status)


def _unwritten(field: str, code: str, message: str, channels: list[str] | None):
    error = {"field": field, "code": code, "message": message, "channels": channels}
    return {"variant": None, "errors": [error]}
