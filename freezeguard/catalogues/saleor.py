"""The kind `saleor`: Saleor's GraphQL API, 3.23 or newer. From its documents and schema, not run.

Since 3.23 a variant has a switch of its own in each channel. Switched off it can be put into no
checkout, and a checkout that holds it already can't be completed, by Saleor's documents. So one
write is both `hide` and `hard`, and prices and stock are left alone.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NoReturn

from pydantic import SecretStr

from freezeguard.catalogues.connector import MOST_OBJECTS, Connector
from freezeguard.catalogues.graphql import GraphQlError, data_of
from freezeguard.catalogues.tables import GuardedTable, Secrets, read_table
from freezeguard.ports.catalogues import Attempt, CatalogueError, Found, Level, Observation, Traits

FIELD = "available"
"""The one field of a before-image: whether the variant can be bought, by the id of the channel."""
PAGE = 100
"""Variants that are asked for at once, and channels that are written at once: Saleor's limit."""

LOOK_UP = """query($sku: String!) {
  productVariants(first: 100, where: {sku: {eq: $sku}}) { edges { node {
    id sku channelListings { isAvailableForPurchase channel { id } } } } } }"""
READ = """query($id: ID!) { productVariant(id: $id) {
  id
  channelListings { isAvailableForPurchase channel { id slug isActive } }
  product { channelListings { isPublished isAvailableForPurchase channel { id } } } } }"""
WRITE = """mutation($id: ID!, $input: [ProductVariantChannelListingAvailabilityInput!]!) {
  productVariantChannelListingAvailabilityUpdate(id: $id, input: $input) {
    variant { id } errors { field message code channels } } }"""
LOOK_OVER = """query($ids: [ID!]!) { productVariants(first: 100, ids: $ids) { edges { node {
  id channelListings { isAvailableForPurchase channel { isActive } } } } } }"""
SHOWN = """query($id: ID!, $channel: String!) {
  productVariant(id: $id, channel: $channel) { id quantityAvailable } }"""
ADD = """mutation($channel: String!, $id: ID!) {
  checkoutCreate(input: {channel: $channel, lines: [{variantId: $id, quantity: 1}]}) {
    checkout { id lines { id } } errors { field message code } } }"""
TAKE_OUT = """mutation($id: ID!, $lines: [ID!]!) {
  checkoutLinesDelete(id: $id, linesIds: $lines) { errors { message code } } }"""

FOR_GOOD = frozenset({
    "PermissionDenied", "GraphQLError", "ValidationError", "InvalidTokenError", "DecodeError",
    "InvalidSignatureError", "ExpiredSignatureError", "QueryCostError", "QueryCostExceeded",
})
"""Classes of errors that no repetition mends; anything else went wrong inside the server."""


class SaleorTable(GuardedTable):
    """`[catalogues.<name>]` with `kind = "saleor"`.

    `token` is that of an app with the permission MANAGE_PRODUCTS. `storefront` says whether to
    look as a buyer too, which takes no token.
    """

    kind: Literal["saleor"]
    token: SecretStr
    storefront: bool = True
    path: str = "/graphql/"


def open_saleor(name: str, table: Mapping[str, Any]) -> "Saleor":
    """Build a catalogue of `[catalogues.<name>]`. Raises `CatalogueConfigurationError`."""
    return Saleor(name, read_table(name, SaleorTable, table), os.environ)


class Saleor(Connector):
    """See `freezeguard.ports.catalogues.Catalogue`; also a `Shopfront` and `Watchful`."""

    def __init__(self, name: str, table: SaleorTable, environment: Mapping[str, str]) -> None:
        secrets = Secrets(name, environment)
        token = secrets.reveal("token", table.token)
        table.check_transport(secrets)
        traits = Traits(
            levels=("hide", "hard"), proven="stand-in", level=table.level,
            scope=dict(table.scope.items()),
        )
        super().__init__(name, table, secrets, traits)
        self._pass = {"Authorization": f"Bearer {token}"}
        self._path = table.path
        self._looks_as_buyer = table.storefront

    # ------------------------------------------------------------------------- the four calls

    async def lookup(self, sku: str, *, deadline: float) -> tuple[Found, ...]:
        data = await self._ask("lookup", LOOK_UP, {"sku": sku}, deadline)
        with self.reading("lookup"):
            nodes = [edge["node"] for edge in data["productVariants"]["edges"]]
            if len(nodes) >= MOST_OBJECTS:
                raise ValueError(f"{len(nodes)} variants or more for one SKU")
            return tuple(
                Found(str(one["id"]), {FIELD: _available(one)})
                for one in nodes if one["sku"] == sku
            )

    async def stop(
        self, sku: str, remote_id: str, level: Level, *, revision: int, deadline: float
    ) -> Mapping[str, Any]:
        until = asyncio.get_running_loop().time() + deadline
        variant = await self._variant("stop", remote_id, until)
        if variant is None:
            return {}
        with self.reading("stop"):
            written = dict.fromkeys(_available(variant), False)
        await self._write("stop", remote_id, written, revision, until)
        return {FIELD: written}

    async def read_back(self, sku: str, remote_id: str, *, deadline: float) -> Observation:
        until = asyncio.get_running_loop().time() + deadline
        variant = await self._variant("read_back", remote_id, until)
        if variant is None:
            return Observation(False, "admin", detail="there is no such object", is_gone=True)
        with self.reading("read_back"):
            fields = {FIELD: _available(variant)}
            sold, others = _channels(variant)
            carts = any(
                one["isAvailableForPurchase"] for one in variant["channelListings"]
                if one["channel"]["isActive"]
            )
        if not self._looks_as_buyer:
            return Observation(bool(sold), "admin", fields, open_carts=carts)
        for channel in sold:
            if await self._is_shown(remote_id, channel, until):
                return Observation(
                    True, "buyer", fields, f"shown in {channel}"[:200], open_carts=carts
                )
        attempt = await self._add_to_checkout("read_back", remote_id, [*others, *sold], until)
        return Observation(
            attempt.sold, "buyer", fields, attempt.detail, open_carts=carts or attempt.sold
        )

    async def restore(
        self, sku: str, remote_id: str, fields: Mapping[str, Any], *,
        revision: int, deadline: float,
    ) -> None:
        self.known_only(fields, (FIELD,))
        if fields:
            until = asyncio.get_running_loop().time() + deadline
            await self._write("restore", remote_id, fields[FIELD], revision, until)

    # --------------------------------------------------------------------------------- further

    async def try_to_buy(self, sku: str, remote_id: str, *, deadline: float) -> Attempt:
        until = asyncio.get_running_loop().time() + deadline
        variant = await self._variant("buy", remote_id, until)
        if variant is None:
            return Attempt(sold=False, detail="there is no such variant")
        with self.reading("buy"):
            sold, others = _channels(variant)
        return await self._add_to_checkout("buy", remote_id, [*sold, *others], until)

    async def look_over(self, remote_ids: Sequence[str], *, deadline: float) -> frozenset[str]:
        loop = asyncio.get_running_loop()
        until, astray = loop.time() + deadline, set[str]()
        for start in range(0, len(remote_ids), PAGE):
            ids = list(remote_ids[start:start + PAGE])
            data = await self._ask("look_over", LOOK_OVER, {"ids": ids}, until - loop.time())
            with self.reading("look_over"):
                nodes = [edge["node"] for edge in data["productVariants"]["edges"]]
                astray |= {
                    str(one["id"]) for one in nodes
                    if any(each["isAvailableForPurchase"] and each["channel"]["isActive"]
                           for each in one["channelListings"] or ())
                }
        return frozenset(astray)

    # ------------------------------------------------------------------------ writing, reading

    async def _write(
        self, operation: str, remote_id: str, available: Mapping[str, bool], revision: int,
        until: float,
    ) -> None:
        loop, channels = asyncio.get_running_loop(), list(available)
        headers = {"Freezeguard-Revision": str(revision)}
        for start in range(0, len(channels), PAGE):
            given = [
                {"channelId": one, "isAvailableForPurchase": available[one]}
                for one in channels[start:start + PAGE]
            ]
            data = await self._ask(
                operation, WRITE, {"id": remote_id, "input": given}, until - loop.time(), headers
            )
            with self.reading(operation):
                done = data["productVariantChannelListingAvailabilityUpdate"]
                errors = done["errors"]
                if not errors and str(done["variant"]["id"]) != remote_id:
                    raise ValueError(f"wrote {done['variant']['id']} instead")
            if errors:
                self._refuse_write(operation, errors[0])

    def _refuse_write(self, operation: str, error: Mapping[str, Any]) -> NoReturn:
        """Say what was not written. A channel that has just gone is another matter next time."""
        with self.reading(operation):
            gone = error["code"] == "NOT_FOUND" and error["field"] == "channelId"
            told = self._wire.misfit(operation, f"{error['code']} {error['message']}"[:300])
        raise CatalogueError(told.detail, recoverable=gone and operation == "stop")

    async def _variant(self, operation: str, remote_id: str, until: float) -> Any:
        """Return a variant, None where there is none."""
        left = until - asyncio.get_running_loop().time()
        try:
            data = await self._ask(operation, READ, {"id": remote_id}, left)
        except _NoSuchIdError:
            return None
        with self.reading(operation):
            return data["productVariant"]

    async def _is_shown(self, remote_id: str, channel: str, until: float) -> bool:
        data = await self._browse("read_back", SHOWN, {"id": remote_id, "channel": channel}, until)
        with self.reading("read_back"):
            shown = data["productVariant"]
            return shown is not None and (shown["quantityAvailable"] or 0) > 0

    async def _add_to_checkout(
        self, operation: str, remote_id: str, channels: Iterable[str], until: float
    ) -> Attempt:
        """Try each channel; what was put into a checkout is taken out again."""
        detail = "in no active channel"
        for channel in channels:
            data = await self._browse(operation, ADD, {"channel": channel, "id": remote_id}, until)
            with self.reading(operation):
                made, errors = data["checkoutCreate"]["checkout"], data["checkoutCreate"]["errors"]
                if made is None:
                    detail = f"{channel}: {errors[0]['code']} {errors[0]['message']}"[:200]
                    continue
                held = {"id": made["id"], "lines": [line["id"] for line in made["lines"]]}
            if held["lines"]:
                await self._browse(operation, TAKE_OUT, held, until)
                return Attempt(sold=True, detail=f"{channel}: it went into a checkout"[:200])
        return Attempt(sold=False, detail=detail)

    # ---------------------------------------------------------------------------------- calling

    async def _browse(
        self, operation: str, query: str, variables: Mapping[str, Any], until: float
    ) -> Mapping[str, Any]:
        """Ask as a customer who has no account."""
        if not self._looks_as_buyer:
            self.refuse(operation, "storefront = false, so nobody looks as a buyer")
        left = until - asyncio.get_running_loop().time()
        return await self._send(operation, query, variables, left, {})

    async def _ask(
        self, operation: str, query: str, variables: Mapping[str, Any], deadline: float,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """Ask as the app that the token is of."""
        sent = {**self._pass, **(headers or {})}
        return await self._send(operation, query, variables, deadline, sent)

    async def _send(
        self, operation: str, query: str, variables: Mapping[str, Any], deadline: float,
        headers: Mapping[str, str],
    ) -> Mapping[str, Any]:
        answer = await self.call(
            operation, "POST", self._path, body={"query": query, "variables": variables},
            deadline=deadline, headers=headers,
        )
        try:
            return data_of(self, operation, answer)
        except GraphQlError as error:
            if "Couldn't resolve id" in error.message or "Invalid ID" in error.message:
                raise _NoSuchIdError(self._told(operation, error), recoverable=False) from None
            recoverable = error.code not in FOR_GOOD
            raise CatalogueError(self._told(operation, error), recoverable=recoverable) from None

    def _told(self, operation: str, error: GraphQlError) -> str:
        return self._wire.misfit(operation, str(error)).detail


class _NoSuchIdError(CatalogueError):
    """What is asked for by its id can't be an object of this system."""


def _available(variant: Mapping[str, Any]) -> dict[str, bool]:
    """Return whether a variant can be bought, by channel; it may be listed in none."""
    listings = variant["channelListings"] or ()
    return {str(one["channel"]["id"]): bool(one["isAvailableForPurchase"]) for one in listings}


def _channels(variant: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the active channels where it should be on sale, and the others that are active."""
    offered = {
        str(one["channel"]["id"]) for one in variant["product"]["channelListings"] or ()
        if one["isPublished"] and one["isAvailableForPurchase"]
    }
    sold: list[str] = []
    others: list[str] = []
    for one in variant["channelListings"] or ():
        channel = one["channel"]
        if channel["isActive"]:
            on = one["isAvailableForPurchase"] and str(channel["id"]) in offered
            (sold if on else others).append(str(channel["slug"]))
    return sold, others
