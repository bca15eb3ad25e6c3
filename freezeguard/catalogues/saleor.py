"""The kind `saleor`: Saleor's GraphQL API, 3.22 or newer.

`finest` says what a stop takes. `product`, which every version knows, was run: a product that is
not available for purchase can be put into no checkout, and a checkout that holds it already can't
be completed. `variant` is from Saleor's documents, for versions that have a switch of its own for
a variant in each channel. Either is one write, so `hide` and `hard` are the same; prices and stock
are left alone.
"""

import asyncio
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NoReturn

from pydantic import SecretStr

from freezeguard.catalogues.connector import Connector
from freezeguard.catalogues.graphql import GraphQlError, data_of
from freezeguard.catalogues.saleor_objects import (
    FIELD,
    MOST_VARIANTS,
    PAGE,
    PRODUCT_SIBLINGS,
    PRODUCTS,
    RIGHT,
    VARIANTS,
    Objects,
    State,
    may_see_all,
    nodes,
    objects_of,
)
from freezeguard.catalogues.tables import GuardedTable, Secrets, read_table
from freezeguard.ports.catalogues import Attempt, CatalogueError, Found, Level, Observation, Traits

MOST_PAGES = 5
"""Of siblings that are named; a stop takes along those beyond as well."""
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

LACKS_SWITCH = re.compile(r"on type .{1,3}ProductVariantChannelListing")
"""What a server says, with status 400, that does not know the switch of a variant."""
UNKNOWN_TOKEN = f"; is the token still that of an app with the permission {RIGHT}?"
NO_SWITCH = '; this server can stop whole products only: set finest = "product"'


class SaleorTable(GuardedTable):
    """`[catalogues.<name>]` with `kind = "saleor"`.

    `token` is that of an app with the permission MANAGE_PRODUCTS. `finest` is what a stop takes.
    `storefront` says whether to look as a buyer too, which takes no token.
    """

    kind: Literal["saleor"]
    token: SecretStr
    finest: Literal["product", "variant"] = "product"
    storefront: bool = True
    path: str = "/graphql/"


def open_saleor(name: str, table: Mapping[str, Any]) -> "Saleor":
    """Build a catalogue of `[catalogues.<name>]`. Raises `CatalogueConfigurationError`."""
    return Saleor(name, read_table(name, SaleorTable, table), os.environ)


class Saleor(Connector):
    """See `freezeguard.ports.catalogues.Catalogue`; also a `Shopfront` and `Watchful`.

    What was stopped before `finest` was changed is still read, watched and restored as what it is.
    """

    def __init__(self, name: str, table: SaleorTable, environment: Mapping[str, str]) -> None:
        secrets = Secrets(name, environment)
        token = secrets.reveal("token", table.token)
        table.check_transport(secrets)
        by_product = table.finest == "product"
        traits = Traits(
            levels=("hide", "hard"), proven="run" if by_product else "stand-in",
            level=table.level, scope=dict(table.scope.items()), finest=table.finest,
            holds_carts=True if by_product else None,
        )
        super().__init__(name, table, secrets, traits)
        self._pass = {"Authorization": f"Bearer {token}"}
        self._path = table.path
        self._looks_as_buyer = table.storefront
        self._objects: Objects = PRODUCTS if by_product else VARIANTS

    # ------------------------------------------------------------------------- the four calls

    async def lookup(self, sku: str, *, deadline: float) -> tuple[Found, ...]:
        until = asyncio.get_running_loop().time() + deadline
        objects = self._objects
        data = await self._ask("lookup", objects.look_up, {"sku": sku}, until)
        with self.reading("lookup"):
            variants = list(nodes(data["productVariants"]))
            if len(variants) >= MOST_VARIANTS:
                raise ValueError(f"{len(variants)} variants or more for one SKU")
            sold = [objects.sold_as(one) for one in variants if one["sku"] == sku]
            ours = {str(one["id"]): one for one in sold}
            if not all(objects_of(number) is objects for number in ours):
                raise ValueError(f"ids of another form: {', '.join(ours)}")
            images = {number: {FIELD: objects.available(one)} for number, one in ours.items()}
            pages = {number: objects.siblings(one) for number, one in ours.items()}
        return tuple([
            Found(number, image, await self._taken_along(sku, number, pages[number], until))
            for number, image in images.items()
        ])

    async def stop(
        self, sku: str, remote_id: str, level: Level, *, revision: int, deadline: float
    ) -> Mapping[str, Any]:
        until = asyncio.get_running_loop().time() + deadline
        state = await self._state("stop", sku, remote_id, until)
        if state is None:
            return {}
        off = _of(remote_id).stopped
        on = {channel: off for channel, value in state.available.items() if value != off}
        await self._write("stop", remote_id, on, revision, until)
        return {FIELD: dict.fromkeys(state.available, off)}

    async def read_back(self, sku: str, remote_id: str, *, deadline: float) -> Observation:
        until = asyncio.get_running_loop().time() + deadline
        state = await self._state("read_back", sku, remote_id, until)
        if state is None:
            return Observation(False, "admin", detail="there is no such object", is_gone=True)
        fields, carts = {FIELD: state.available}, state.open_carts
        if not self._looks_as_buyer:
            return Observation(bool(state.on), "admin", fields, open_carts=carts)
        for channel in state.on:
            if await self._is_shown(remote_id, channel, until):
                detail = f"shown in {channel}"[:200]
                return Observation(True, "buyer", fields, detail, open_carts=carts)
        channels = [*state.off, *state.on]
        attempt = await self._add_to_checkout("read_back", state.variants, channels, until)
        return Observation(
            attempt.sold, "buyer", fields, attempt.detail, open_carts=carts or attempt.sold
        )

    async def restore(
        self, sku: str, remote_id: str, fields: Mapping[str, Any], *,
        revision: int, deadline: float,
    ) -> None:
        self.known_only(fields, (FIELD,))
        if not fields:
            return
        until = asyncio.get_running_loop().time() + deadline
        state = await self._state("restore", sku, remote_id, until)
        if state is None:
            self.refuse("restore", "there is no such object")
        with self.reading("restore"):
            wanted = dict(fields[FIELD])
        # A product's write would list it anew where it is listed no more.
        gone = sorted(wanted.keys() - state.available.keys())
        if gone:
            self.refuse("restore", f"it is no longer listed in {', '.join(gone)}"[:300])
        changed = {
            channel: value for channel, value in wanted.items()
            if value != state.available[channel]
        }
        await self._write("restore", remote_id, changed, revision, until)

    # --------------------------------------------------------------------------------- further

    async def try_to_buy(self, sku: str, remote_id: str, *, deadline: float) -> Attempt:
        until = asyncio.get_running_loop().time() + deadline
        state = await self._state("buy", sku, remote_id, until)
        if state is None:
            return Attempt(sold=False, detail="there is no such object")
        channels = [*state.on, *state.off]
        return await self._add_to_checkout("buy", state.variants, channels, until)

    async def look_over(self, remote_ids: Sequence[str], *, deadline: float) -> frozenset[str]:
        until, astray = asyncio.get_running_loop().time() + deadline, set[str]()
        for objects in (PRODUCTS, VARIANTS):
            these = [one for one in remote_ids if objects_of(one) is objects]
            for start in range(0, len(these), PAGE):
                sent = {"ids": these[start:start + PAGE]}
                data = await self._ask("look_over", objects.look_over, sent, until)
                with self.reading("look_over"):
                    astray |= {
                        str(one["id"]) for one in nodes(data["found"]) if objects.is_astray(one)
                    }
        return frozenset(astray)

    # ------------------------------------------------------------------------ writing, reading

    async def _write(
        self, operation: str, remote_id: str, available: Mapping[str, Any], revision: int,
        until: float,
    ) -> None:
        objects, channels = _of(remote_id), list(available)
        headers = {"Freezeguard-Revision": str(revision)}
        for start in range(0, len(channels), PAGE):
            some = {one: available[one] for one in channels[start:start + PAGE]}
            sent = {"id": remote_id, "input": objects.given(some)}
            data = await self._ask(operation, objects.write, sent, until, headers)
            with self.reading(operation):
                [done] = data.values()
                errors = done["errors"]
                if not errors and str(done["written"]["id"]) != remote_id:
                    raise ValueError(f"wrote {done['written']['id']} instead")
            if errors:
                self._refuse_write(operation, errors[0])

    def _refuse_write(self, operation: str, error: Mapping[str, Any]) -> NoReturn:
        """Say what was not written. A channel that has just gone is another matter next time."""
        with self.reading(operation):
            gone = error["field"] == "channelId" and error["code"] in {"NOT_FOUND", "GRAPHQL_ERROR"}
            told = self._wire.misfit(operation, f"{error['code']} {error['message']}"[:300])
        raise CatalogueError(told.detail, recoverable=gone and operation == "stop")

    async def _state(
        self, operation: str, sku: str, remote_id: str, until: float
    ) -> State | None:
        """Return where an object is on sale, None where there is none."""
        objects = objects_of(remote_id)
        if objects is None:
            return None  # no look-up has found it: those take no id of another form
        sent = {"id": remote_id, **({"sku": sku} if objects is PRODUCTS else {})}
        data = await self._ask(operation, objects.read, sent, until)
        with self.reading(operation):
            return objects.state(data)

    async def _taken_along(
        self, sku: str, remote_id: str, page: Mapping[str, Any] | None, until: float
    ) -> tuple[str, ...]:
        """Return the other SKUs that a stop would take along, of which one page is there."""
        skus = set[str]()
        for _ in range(MOST_PAGES):
            if page is None:
                break
            with self.reading("lookup"):
                skus |= {str(one["sku"]) for one in nodes(page) if one["sku"]}
                sent = {"id": remote_id, "after": page["pageInfo"]["endCursor"]}
                has_more = page["pageInfo"]["hasNextPage"]
            if not has_more:
                break
            data = await self._ask("lookup", PRODUCT_SIBLINGS, sent, until)
            with self.reading("lookup"):
                page = data["product"] and data["product"]["productVariants"]
        return tuple(sorted(skus - {sku}))

    async def _is_shown(self, remote_id: str, channel: str, until: float) -> bool:
        objects, sent = _of(remote_id), {"id": remote_id, "channel": channel}
        data = await self._browse("read_back", objects.shown, sent, until)
        with self.reading("read_back"):
            return objects.is_shown(data)

    async def _add_to_checkout(
        self, operation: str, variants: Iterable[str], channels: Sequence[str], until: float
    ) -> Attempt:
        """Try each channel; what was put into a checkout is taken out again."""
        detail = "in no active channel"
        for sent in ({"channel": one, "id": each} for each in variants for one in channels):
            channel, data = sent["channel"], await self._browse(operation, ADD, sent, until)
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
        return await self._send(operation, query, variables, until, {})

    async def _ask(
        self, operation: str, query: str, variables: Mapping[str, Any], until: float,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """Ask as the app that the token is of."""
        sent = {**self._pass, **(headers or {})}
        data = await self._send(operation, query, variables, until, sent)
        with self.reading(operation):
            is_ours = may_see_all(data)
        if not is_ours:
            self.refuse(operation, f"the token is of an app without the permission {RIGHT}")
        return data

    async def _send(
        self, operation: str, query: str, variables: Mapping[str, Any], until: float,
        headers: Mapping[str, str],
    ) -> Mapping[str, Any]:
        left = until - asyncio.get_running_loop().time()
        try:
            answer = await self.call(
                operation, "POST", self._path, body={"query": query, "variables": variables},
                deadline=left, headers=headers,
            )
            return data_of(self, operation, answer)
        except GraphQlError as error:
            hint = UNKNOWN_TOKEN if error.code == "PermissionDenied" else ""
            told = self._wire.misfit(operation, f"{error}{hint}").detail
            raise CatalogueError(told, recoverable=error.code not in FOR_GOOD) from None
        except CatalogueError as error:
            if not LACKS_SWITCH.search(error.detail):
                raise
            raise CatalogueError(error.detail + NO_SWITCH, recoverable=False) from None


def _of(remote_id: str) -> Objects:
    """Return what an id is one of. Raises `LookupError` where it is none: read it first."""
    objects = objects_of(remote_id)
    if objects is None:
        raise LookupError(remote_id)
    return objects
