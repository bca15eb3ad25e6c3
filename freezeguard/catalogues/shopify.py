"""The kind `shopify`: Shopify's Admin GraphQL API. From its documents and schema, not run.

From API version 2026-07 on, a variant is published by itself: a stop takes it out of every
publication (online store, point of sale, markets, companies), a restore publishes it in those
that it was taken out of. Before, a product is the least that can be unpublished. Inventory is not
touched, so there is nothing to compare and set. Shopify's documents do not say what becomes of
carts that are open already, so there is no `hard` here.
"""

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NoReturn

from pydantic import Field, SecretStr

from freezeguard.catalogues.connector import MOST_OBJECTS, Connector
from freezeguard.catalogues.graphql import GraphQlError, data_of
from freezeguard.catalogues.tables import BaseUrl, GuardedTable, Pace, Secrets, read_table
from freezeguard.catalogues.wire import Answer
from freezeguard.ports.catalogues import Attempt, CatalogueError, Found, Level, Observation, Traits

FIELDS = ("publications", "scheduled")
"""Before-image: ids of the publications where it is published, and `[id, moment]` of those where
it will be."""
VARIANTS_SINCE = "2026-07"
MOST_PAGES = 20
MOST_PUBLICATIONS = 250
"""Shopify takes no longer lists as an argument."""
LOOK_OVER_PAGE = 25
PLACES_AT_ONCE = 50
UNKNOWN_COST = 100.0

_KINDS = {"app": "APP", "market": "MARKET", "company": "COMPANY_LOCATION", "none": "NONE"}
_REMOTE_ID = re.compile(r"gid://shopify/(Product|ProductVariant)/[0-9]{1,19}")

LOOK_UP = """query($search: String!) { productVariants(first: 100, query: $search) {
  nodes { id sku product { id } } } }"""
READ = """query($id: ID!, $app: String, $market: String, $company: String, $none: String) {
  node(id: $id) {
    __typename id
    ... on Product { status }
    ... on ProductVariant { product { id } }
    ... on Publishable {
      app: resourcePublicationsV2(
        first: 25, after: $app, catalogType: APP, onlyPublished: false) { ...Places }
      market: resourcePublicationsV2(
        first: 25, after: $market, catalogType: MARKET, onlyPublished: false) { ...Places }
      company: resourcePublicationsV2(
        first: 25, after: $company, catalogType: COMPANY_LOCATION, onlyPublished: false
      ) { ...Places }
      none: resourcePublicationsV2(
        first: 25, after: $none, catalogType: NONE, onlyPublished: false) { ...Places }
    } } }
fragment Places on ResourcePublicationV2Connection {
  nodes { isPublished publishDate publication { id } } pageInfo { hasNextPage endCursor } }"""
def published_on(count: int) -> str:
    """Return a query for whether a variant is published in each of so many publications."""
    asked = range(count)
    variables = "".join(f" $p{one}: ID!" for one in asked)
    fields = " ".join(f"p{one}: publishedOnPublication(publicationId: $p{one})" for one in asked)
    return f"query($id: ID!{variables}) {{ productVariant(id: $id) {{ {fields} }} }}"


SIBLINGS = """query($id: ID!, $after: String) { product(id: $id) {
  variants(first: 100, after: $after) {
    nodes { sku } pageInfo { hasNextPage endCursor } } } }"""
UNPUBLISH = """mutation($id: ID!, $input: [PublicationInput!]!) {
  publishableUnpublish(id: $id, input: $input) { userErrors { field message } } }"""
PUBLISH = """mutation($id: ID!, $input: [PublicationInput!]!) {
  publishablePublish(id: $id, input: $input) { userErrors { field message } } }"""
LOOK_OVER = """query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Publishable {
  app: resourcePublicationsV2(first: 1, catalogType: APP) { nodes { isPublished } }
  market: resourcePublicationsV2(first: 1, catalogType: MARKET) { nodes { isPublished } }
  company: resourcePublicationsV2(
    first: 1, catalogType: COMPANY_LOCATION) { nodes { isPublished } }
  none: resourcePublicationsV2(first: 1, catalogType: NONE) { nodes { isPublished } } } } }"""

SHOP_SHOWN = """query($id: ID!) { node(id: $id) {
  ... on ProductVariant { id availableForSale }
  ... on Product { id availableForSale
    variants(first: 100) { nodes { id availableForSale } } } } }"""
SHOP_ADD = """mutation($id: ID!) {
  cartCreate(input: {lines: [{merchandiseId: $id, quantity: 1}]}) {
    cart { id totalQuantity lines(first: 1) { nodes { id } } } userErrors { code message } } }"""
SHOP_TAKE_OUT = """mutation($id: ID!, $lines: [ID!]!) {
  cartLinesRemove(cartId: $id, lineIds: $lines) { userErrors { code message } } }"""


class ShopifyTable(GuardedTable):
    """`[catalogues.<name>]` with `kind = "shopify"`.

    `token` is an Admin API access token with read_products, read_publications and
    write_publications. With a `storefront_token` we look as a buyer, too, who comes to the channel
    of that token. `requests_per_second` and `burst` are points of query cost here.
    """

    kind: Literal["shopify"]
    token: SecretStr
    storefront_token: SecretStr | None = None
    storefront_url: BaseUrl | None = None
    api_version: Annotated[str, Field(pattern=r"^20[0-9]{2}-(01|04|07|10)$")] = "2026-10"
    level: Level = "hide"
    requests_per_second: Pace | None = 100.0
    burst: Annotated[int, Field(ge=1, le=100_000)] = 1000


def open_shopify(name: str, table: Mapping[str, Any]) -> "Shopify":
    """Build a catalogue of `[catalogues.<name>]`. Raises `CatalogueConfigurationError`."""
    return Shopify(name, read_table(name, ShopifyTable, table), os.environ)


@dataclass(frozen=True, slots=True)
class _State:
    """What is published where, and whether that is enough for a sale."""

    image: dict[str, Any]
    sold: bool


class Shopify(Connector):
    """See `freezeguard.ports.catalogues.Catalogue`; also a `Shopfront` and `Watchful`."""

    def __init__(self, name: str, table: ShopifyTable, environment: Mapping[str, str]) -> None:
        secrets = Secrets(name, environment)
        token = secrets.reveal("token", table.token)
        shop_token = secrets.reveal("storefront_token", table.storefront_token)
        table.check_transport(secrets)
        if table.level != "hide":
            text = "only hide is known here: nothing is documented of carts that are open already"
            secrets.problem("level", text)
        self._by_variant = table.api_version >= VARIANTS_SINCE
        traits = Traits(
            levels=("hide",), proven="stand-in", level="hide", scope=dict(table.scope.items()),
            finest="variant" if self._by_variant else "product",
        )
        super().__init__(name, table, secrets, traits)
        version = table.api_version
        self._admin = f"{table.base_url}/admin/api/{version}/graphql.json"
        self._shop = f"{table.storefront_url or table.base_url}/api/{version}/graphql.json"
        self._pass = {"X-Shopify-Access-Token": token}
        self._shop_pass = {"X-Shopify-Storefront-Access-Token": shop_token} if shop_token else {}
        self._costs: dict[str, float] = {}

    # ------------------------------------------------------------------------- the four calls

    async def lookup(self, sku: str, *, deadline: float) -> tuple[Found, ...]:
        until = asyncio.get_running_loop().time() + deadline
        quoted = sku.replace("\\", "\\\\").replace('"', '\\"')
        data = await self._ask("lookup", LOOK_UP, {"search": f'sku:"{quoted}"'}, until)
        with self.reading("lookup"):
            nodes = data["productVariants"]["nodes"]
            if len(nodes) >= MOST_OBJECTS:
                raise ValueError(f"{len(nodes)} variants or more for one SKU")
            ours = [one for one in nodes if one["sku"] == sku]
            ids = [str((one if self._by_variant else one["product"])["id"]) for one in ours]
        found = [await self._found(sku, one, until) for one in dict.fromkeys(ids)]
        return tuple(one for one in found if one is not None)

    async def stop(
        self, sku: str, remote_id: str, level: Level, *, revision: int, deadline: float
    ) -> Mapping[str, Any]:
        if level != "hide":
            self.refuse("stop", f"the level {level} can't be done in Shopify")
        until = asyncio.get_running_loop().time() + deadline
        nowhere: dict[str, Any] = {name: [] for name in FIELDS}
        is_there = await self._bring_to("stop", remote_id, nowhere, revision, until)
        return nowhere if is_there else {}

    async def read_back(self, sku: str, remote_id: str, *, deadline: float) -> Observation:
        until = asyncio.get_running_loop().time() + deadline
        state = await self._state("read_back", remote_id, until)
        if state is None:
            return Observation(False, "admin", detail="there is no such object", is_gone=True)
        if not self._shop_pass:
            return Observation(state.sold, "admin", state.image)
        shown = await self._shown("read_back", remote_id, until)
        return Observation(
            state.sold or shown is not None, "buyer", state.image,
            "not to be had" if shown is None else "to be had",
        )

    async def restore(
        self, sku: str, remote_id: str, fields: Mapping[str, Any], *,
        revision: int, deadline: float,
    ) -> None:
        self.known_only(fields, FIELDS)
        if fields:
            until = asyncio.get_running_loop().time() + deadline
            if not await self._bring_to("restore", remote_id, fields, revision, until):
                self.refuse("restore", "there is no such object")

    # --------------------------------------------------------------------------------- further

    async def try_to_buy(self, sku: str, remote_id: str, *, deadline: float) -> Attempt:
        """Raises `CatalogueError` where no `storefront_token` is configured."""
        until = asyncio.get_running_loop().time() + deadline
        wanted = await self._shown("buy", remote_id, until)
        data = await self._browse("buy", SHOP_ADD, {"id": wanted or remote_id}, until)
        with self.reading("buy"):
            cart, errors = data["cartCreate"]["cart"], data["cartCreate"]["userErrors"]
            if errors or cart is None or not cart["totalQuantity"]:
                said = errors[0]["message"] if errors else "it stayed out of the cart"
                return Attempt(sold=False, detail=str(said)[:200])
            held = {"id": cart["id"], "lines": [one["id"] for one in cart["lines"]["nodes"]]}
        await self._browse("buy", SHOP_TAKE_OUT, held, until)
        return Attempt(sold=True, detail="it went into a cart")

    async def look_over(self, remote_ids: Sequence[str], *, deadline: float) -> frozenset[str]:
        until, astray = asyncio.get_running_loop().time() + deadline, set[str]()
        for start in range(0, len(remote_ids), LOOK_OVER_PAGE):
            ids = list(remote_ids[start:start + LOOK_OVER_PAGE])
            data = await self._ask("look_over", LOOK_OVER, {"ids": ids}, until)
            with self.reading("look_over"):
                astray |= {
                    str(one["id"]) for one in data["nodes"]
                    if one is not None and any(one[kind]["nodes"] for kind in _KINDS)
                }
        return frozenset(astray)

    # ---------------------------------------------------------------------------------- writing

    async def _bring_to(
        self, operation: str, remote_id: str, wanted: Mapping[str, Any], revision: int,
        until: float,
    ) -> bool:
        """Publish it where it is wanted and nowhere else; of the two fields, only those given.

        Say whether there is such an object.
        """
        state = await self._state(operation, remote_id, until)
        if state is None:
            return False
        with self.reading(operation):
            before = _places({name: state.image[name] for name in wanted})
            after = _places(wanted)
        gone = [{"publicationId": one} for one in before if one not in after]
        added = [
            {"publicationId": one, **({"publishDate": moment} if moment else {})}
            for one, moment in after.items() if one not in before or before[one] != moment
        ]
        await self._mutate(operation, UNPUBLISH, remote_id, gone, revision, until)
        await self._mutate(operation, PUBLISH, remote_id, added, revision, until)
        return True

    async def _mutate(
        self, operation: str, query: str, remote_id: str, given: list[dict[str, str]],
        revision: int, until: float,
    ) -> None:
        headers = {"Freezeguard-Revision": str(revision)}
        for start in range(0, len(given), MOST_PUBLICATIONS):
            sent = {"id": remote_id, "input": given[start:start + MOST_PUBLICATIONS]}
            data = await self._ask(operation, query, sent, until, headers)
            with self.reading(operation):
                [done] = data.values()
                errors = done["userErrors"]
            if errors:
                self.refuse(operation, str(errors[0].get("message"))[:300])

    # ---------------------------------------------------------------------------------- reading

    async def _found(self, sku: str, remote_id: str, until: float) -> Found | None:
        """Read what a look-up found; None where it has gone since."""
        state = await self._state("lookup", remote_id, until)
        if state is None:
            return None
        siblings = () if self._by_variant else await self._siblings(sku, remote_id, until)
        return Found(remote_id, state.image, siblings)

    async def _state(self, operation: str, remote_id: str, until: float) -> "_State | None":
        """Return where an object is published, None where it does not exist.

        A variant that nobody ever published or unpublished by itself is published where its
        product is. Whether its own list says so is not documented, so each place is asked for.
        """
        node = await self._node(operation, remote_id, until)
        if node is None:
            return None
        image, product = self._image(operation, node), node
        if "product" in node:
            with self.reading(operation):
                of = str(node["product"]["id"])
            product = await self._node(operation, of, until)
            if product is None:
                return None
        places = self._image(operation, product)["publications"]
        if product is not node:
            asked = [one for one in places if one not in image["publications"]]
            more = await self._published_on(operation, remote_id, asked, until)
            image["publications"] = sorted([*image["publications"], *more])
        with self.reading(operation):
            active = product["status"] in {"ACTIVE", "UNLISTED"}
        return _State(image, active and not set(places).isdisjoint(image["publications"]))

    async def _published_on(
        self, operation: str, variant: str, places: Sequence[str], until: float
    ) -> list[str]:
        found: list[str] = []
        for start in range(0, len(places), PLACES_AT_ONCE):
            some = places[start:start + PLACES_AT_ONCE]
            sent = {"id": variant, **{f"p{number}": one for number, one in enumerate(some)}}
            data = await self._ask(operation, published_on(len(some)), sent, until)
            with self.reading(operation):
                answer = data["productVariant"]
                found += [one for number, one in enumerate(some) if answer[f"p{number}"]]
        return found

    async def _siblings(self, sku: str, product: str, until: float) -> tuple[str, ...]:
        skus, after = set[str](), None
        for _ in range(MOST_PAGES):
            data = await self._ask("lookup", SIBLINGS, {"id": product, "after": after}, until)
            with self.reading("lookup"):
                page = data["product"]["variants"]
                skus |= {str(one["sku"]) for one in page["nodes"] if one["sku"]}
                after = page["pageInfo"]["endCursor"]
                if not page["pageInfo"]["hasNextPage"]:
                    return tuple(sorted(skus - {sku}))
        raise self._wire.misfit("lookup", "the product has too many variants")

    async def _node(self, operation: str, remote_id: str, until: float) -> Any:
        """Return an object with all of its publications, None where it does not exist."""
        kind = _REMOTE_ID.fullmatch(remote_id)
        if kind is None:
            return None
        sent: dict[str, Any] = {"id": remote_id, **dict.fromkeys(_KINDS)}
        whole: Any = None
        for _ in range(MOST_PAGES):
            data = await self._ask(operation, READ, sent, until)
            with self.reading(operation):
                node = data["node"]
                if node is None or node["__typename"] != kind[1]:
                    return None
                pages = {one: node[one]["pageInfo"] for one in _KINDS}
                if whole is None:
                    whole = node
                else:
                    for one in _KINDS:
                        whole[one]["nodes"] += node[one]["nodes"]
                if not any(page["hasNextPage"] for page in pages.values()):
                    return whole
                sent |= {one: pages[one]["endCursor"] or sent[one] for one in _KINDS}
        raise self._wire.misfit(operation, "it is in too many publications")

    def _image(self, operation: str, node: Mapping[str, Any]) -> dict[str, Any]:
        """Return the before-image: sorted, so that the same state always reads the same."""
        with self.reading(operation):
            places = [one for kind in _KINDS for one in node[kind]["nodes"]]
            published = {str(one["publication"]["id"]) for one in places if one["isPublished"]}
            scheduled = {
                (str(one["publication"]["id"]), str(one["publishDate"])) for one in places
                if not one["isPublished"] and one["publishDate"]
            }
        return {
            "publications": sorted(published),
            "scheduled": sorted([place, moment] for place, moment in scheduled),
        }

    async def _shown(self, operation: str, remote_id: str, until: float) -> str | None:
        """Return the variant that a buyer could have, None where there is none."""
        data = await self._browse(operation, SHOP_SHOWN, {"id": remote_id}, until)
        with self.reading(operation):
            node = data["node"]
            if node is None or not node["availableForSale"]:
                return None
            variants = node["variants"]["nodes"] if "variants" in node else [node]
            return next((str(one["id"]) for one in variants if one["availableForSale"]), None)

    # ---------------------------------------------------------------------------------- calling

    async def _browse(
        self, operation: str, query: str, variables: Mapping[str, Any], until: float
    ) -> Mapping[str, Any]:
        """Ask the Storefront API, as a customer. It counts no points."""
        if not self._shop_pass:
            self.refuse(operation, "no storefront_token is configured, so nobody looks as a buyer")
        answer = await self.call(
            operation, "POST", self._shop, body={"query": query, "variables": variables},
            deadline=until - asyncio.get_running_loop().time(), headers=self._shop_pass,
        )
        try:
            return data_of(self, operation, answer)
        except GraphQlError as error:
            self._refuse_for(operation, error, None)

    async def _ask(
        self, operation: str, query: str, variables: Mapping[str, Any], until: float,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """Ask the Admin API, once the points that it took last time are there."""
        answer = await self.call(
            operation, "POST", self._admin, body={"query": query, "variables": variables},
            deadline=until - asyncio.get_running_loop().time(),
            headers={**self._pass, **(headers or {})},
            cost=self._costs.get(query, UNKNOWN_COST),
        )
        wait = self._heed(operation, query, answer)
        try:
            return data_of(self, operation, answer)
        except GraphQlError as error:
            self._refuse_for(operation, error, wait)

    def _heed(self, operation: str, query: str, answer: Answer) -> float | None:
        """Take Shopify's word for what is left; return the seconds until this could be asked."""
        document = self.document(operation, answer)
        with self.reading(operation):
            cost = (document.get("extensions") or {}).get("cost")
            if cost is None:
                return None
            asked, status = float(cost["requestedQueryCost"]), cost["throttleStatus"]
            left, rate = float(status["currentlyAvailable"]), float(status["restoreRate"])
        self._costs[query] = asked
        self._throttle.owes(left)
        return max(0.0, asked - left) / rate if rate > 0 else None

    def _refuse_for(self, operation: str, error: GraphQlError, wait: float | None) -> NoReturn:
        told = self._wire.misfit(operation, str(error)).detail
        throttled = error.code == "THROTTLED"
        recoverable = throttled or error.code in {"INTERNAL_SERVER_ERROR", "TIMEOUT"}
        raise CatalogueError(
            told, recoverable=recoverable, retry_after=wait if throttled else None
        ) from None


def _places(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return publications with the moment from which on; empty where it is published now."""
    places = {str(place): str(moment) for place, moment in fields.get("scheduled", ())}
    return {**places, **{str(one): "" for one in fields.get("publications", ())}}
