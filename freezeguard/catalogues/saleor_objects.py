"""What is stopped in Saleor: a whole product, or a variant by a switch of its own.

Every version has the switch of a product in each channel. That of a variant is newer; where a
server lacks it, it refuses each query that names it. Nothing here calls anybody: documents that
are sent, and how their answers are read.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

FIELD = "available"
"""The one field of a before-image: by the id of a channel, whether or since when it is on sale."""
PAGE = 100
"""Objects that are asked for at once, and channels that are written at once: Saleor's limit."""

MOST_VARIANTS = 5
"""A SKU is one variant's in Saleor; a look-up that finds so many has gone wrong."""

PRODUCT_LOOK_UP = """query($sku: String!) {
  app { permissions { code } }
  productVariants(first: 5, where: {sku: {eq: $sku}}) { edges { node { sku product {
    id channelListings { availableForPurchaseAt channel { id } }
    productVariants(first: 100) {
      edges { node { sku } } pageInfo { hasNextPage endCursor } } } } } } }"""
PRODUCT_SIBLINGS = """query($id: ID!, $after: String) {
  app { permissions { code } }
  product(id: $id) {
  productVariants(first: 100, after: $after) {
    edges { node { sku } } pageInfo { hasNextPage endCursor } } } }"""
PRODUCT_READ = """query($id: ID!, $sku: String) {
  app { permissions { code } }
  product(id: $id) {
  id
  channelListings {
    isPublished isAvailableForPurchase availableForPurchaseAt channel { id slug isActive } }
  ours: productVariants(first: 1, where: {sku: {eq: $sku}}) { edges { node { id } } }
  any: productVariants(first: 1) { edges { node { id } } } } }"""
PRODUCT_WRITE = """mutation($id: ID!, $input: ProductChannelListingUpdateInput!) {
  productChannelListingUpdate(id: $id, input: $input) {
    written: product { id } errors { field message code } } }"""
PRODUCT_LOOK_OVER = """query($ids: [ID!]!) {
  app { permissions { code } }
  found: products(first: 100, where: {ids: $ids}) {
  edges { node { id
    channelListings { isPublished isAvailableForPurchase channel { isActive } } } } } }"""
PRODUCT_SHOWN = """query($id: ID!, $channel: String!) {
  product(id: $id, channel: $channel) {
    isAvailableForPurchase productVariants(first: 100) { edges { node { quantityAvailable } } } } }
"""

VARIANT_LOOK_UP = """query($sku: String!) {
  app { permissions { code } }
  productVariants(first: 5, where: {sku: {eq: $sku}}) { edges { node {
    id sku channelListings { isAvailableForPurchase channel { id } } } } } }"""
VARIANT_READ = """query($id: ID!) {
  app { permissions { code } }
  productVariant(id: $id) {
  id
  channelListings { isAvailableForPurchase channel { id slug isActive } }
  product { channelListings { isPublished isAvailableForPurchase channel { id } } } } }"""
VARIANT_WRITE = """mutation($id: ID!, $input: [ProductVariantChannelListingAvailabilityInput!]!) {
  productVariantChannelListingAvailabilityUpdate(id: $id, input: $input) {
    written: variant { id } errors { field message code } } }"""
VARIANT_LOOK_OVER = """query($ids: [ID!]!) {
  app { permissions { code } }
  found: productVariants(first: 100, ids: $ids) {
  edges { node { id channelListings { isAvailableForPurchase channel { isActive } } } } } }"""
VARIANT_SHOWN = """query($id: ID!, $channel: String!) {
  productVariant(id: $id, channel: $channel) { quantityAvailable } }"""

Document = Mapping[str, Any]
RIGHT = "MANAGE_PRODUCTS"


@dataclass(frozen=True, slots=True)
class State:
    """Where an object is on sale.

    `available` is its before-image; `on` and `off` are the slugs of active channels where it is on
    sale and where it is not; `open_carts` says whether one that holds it could be paid; `variants`
    are ids of what a buyer would put into a checkout.
    """

    available: dict[str, Any]
    on: tuple[str, ...]
    off: tuple[str, ...]
    open_carts: bool
    variants: tuple[str, ...]


class Objects(Protocol):
    """One of the two ways. Whatever reads a document raises as dictionaries and lists do."""

    look_up: str
    read: str
    write: str
    look_over: str
    shown: str
    stopped: bool | None
    """What a stop puts in the place of each channel's value."""

    def sold_as(self, node: Document) -> Document:
        """Return what is stopped for a variant that a look-up found."""
        ...

    def siblings(self, node: Document) -> Document | None:
        """Return a first page of variants that a stop takes along, None where it takes none."""
        ...

    def available(self, node: Document) -> dict[str, Any]:
        """Return the value of each channel that lists it; there may be none."""
        ...

    def state(self, data: Document) -> State | None:
        """Return what a read says, None where there is no such object."""
        ...

    def given(self, available: Mapping[str, Any]) -> Any:
        """Return the `input` that writes the values of some channels."""
        ...

    def is_astray(self, node: Document) -> bool:
        """Say whether what was looked over is on sale anywhere."""
        ...

    def is_shown(self, data: Document) -> bool:
        """Say whether a buyer is offered it."""
        ...


class Products:
    """A stop takes the whole product, in every channel; since when it was on sale is kept."""

    look_up, read, write = PRODUCT_LOOK_UP, PRODUCT_READ, PRODUCT_WRITE
    look_over, shown = PRODUCT_LOOK_OVER, PRODUCT_SHOWN
    stopped: bool | None = None

    def sold_as(self, node: Document) -> Document:
        product: Document = node["product"]
        return product

    def siblings(self, node: Document) -> Document | None:
        page: Document = node["productVariants"]
        return page

    def available(self, node: Document) -> dict[str, Any]:
        return {str(one["channel"]["id"]): one["availableForPurchaseAt"] for one in _listings(node)}

    def state(self, data: Document) -> State | None:
        node = data["product"]
        if node is None:
            return None
        on, off = list[str](), list[str]()
        for one in _listings(node):
            if one["channel"]["isActive"]:
                (on if _is_offered(one) else off).append(str(one["channel"]["slug"]))
        variants = list(nodes(node["ours"])) or list(nodes(node["any"]))  # ours may be renamed
        return State(
            self.available(node), tuple(on), tuple(off), bool(on),
            tuple(str(one["id"]) for one in variants),
        )

    def given(self, available: Mapping[str, Any]) -> Any:
        return {"updateChannels": [
            {"channelId": channel, "isAvailableForPurchase": since is not None,
             **({} if since is None else {"availableForPurchaseAt": since})}
            for channel, since in available.items()
        ]}

    def is_astray(self, node: Document) -> bool:
        return any(_is_offered(one) and one["channel"]["isActive"] for one in _listings(node))

    def is_shown(self, data: Document) -> bool:
        shown = data["product"]
        return bool(shown and shown["isAvailableForPurchase"]) and any(
            (one["quantityAvailable"] or 0) > 0 for one in nodes(shown["productVariants"])
        )


class Variants:
    """A stop takes one variant, in every channel that lists it; its siblings go on selling."""

    look_up, read, write = VARIANT_LOOK_UP, VARIANT_READ, VARIANT_WRITE
    look_over, shown = VARIANT_LOOK_OVER, VARIANT_SHOWN
    stopped: bool | None = False

    def sold_as(self, node: Document) -> Document:
        return node

    def siblings(self, node: Document) -> Document | None:
        return None

    def available(self, node: Document) -> dict[str, Any]:
        return {
            str(one["channel"]["id"]): bool(one["isAvailableForPurchase"])
            for one in _listings(node)
        }

    def state(self, data: Document) -> State | None:
        node = data["productVariant"]
        if node is None:
            return None
        offered = {
            str(one["channel"]["id"]) for one in _listings(node["product"]) if _is_offered(one)
        }
        on, off, open_carts = list[str](), list[str](), False
        for one in _listings(node):
            channel = one["channel"]
            if channel["isActive"]:
                open_carts |= bool(one["isAvailableForPurchase"])
                is_on = one["isAvailableForPurchase"] and str(channel["id"]) in offered
                (on if is_on else off).append(str(channel["slug"]))
        return State(self.available(node), tuple(on), tuple(off), open_carts, (str(node["id"]),))

    def given(self, available: Mapping[str, Any]) -> Any:
        return [
            {"channelId": channel, "isAvailableForPurchase": is_on}
            for channel, is_on in available.items()
        ]

    def is_astray(self, node: Document) -> bool:
        return any(
            one["isAvailableForPurchase"] and one["channel"]["isActive"] for one in _listings(node)
        )

    def is_shown(self, data: Document) -> bool:
        shown = data["productVariant"]
        return shown is not None and (shown["quantityAvailable"] or 0) > 0


PRODUCTS: Objects = Products()
VARIANTS: Objects = Variants()
KINDS = {"Product": PRODUCTS, "ProductVariant": VARIANTS}


def objects_of(remote_id: str) -> Objects | None:
    """Return what an id is one of, None where it is neither: Saleor's ids name their kind."""
    try:
        kind, _, number = base64.b64decode(remote_id, validate=True).decode().partition(":")
    except ValueError:
        return None
    return KINDS.get(kind) if number.isdecimal() else None


def may_see_all(data: Document) -> bool:
    """Say whether an answer was given to an app that is shown everything there is."""
    return "app" not in data or RIGHT in {one["code"] for one in data["app"]["permissions"] or ()}


def nodes(connection: Document) -> Iterator[Any]:
    """Return what is on a page of an answer."""
    return (edge["node"] for edge in connection["edges"])


def _listings(node: Document) -> list[Any]:
    return list(node["channelListings"])


def _is_offered(listing: Document) -> bool:
    return bool(listing["isPublished"] and listing["isAvailableForPurchase"])
