"""Every GraphQL document that a connector sends is valid, by our schema and by its vendor's.

The vendors' own schemas are not ours to keep. FREEZEGUARD_SCHEMAS names a directory that has them:
`saleor.graphql` (3.22 or newer), `saleor-variants.graphql` (a version whose variants have a switch
of their own), `shopify-admin.graphql` and `shopify-storefront.graphql` (2026-07
or newer), `shopify-admin-older.graphql` (before 2026-07).
"""

import os
import re
from pathlib import Path
from types import ModuleType

import pytest
from graphql import GraphQLSchema, build_schema

from freezeguard.catalogues import saleor, saleor_objects, shopify
from tests.catalogues.standins import graphql_side
from tests.catalogues.standins import saleor as saleor_standin
from tests.catalogues.standins import shopify as shopify_standin


def documents(module: ModuleType) -> dict[str, str]:
    """Return the GraphQL documents of a connector by their names."""
    return {
        name: text for name, text in vars(module).items()
        if name.isupper() and isinstance(text, str) and re.match(r"query|mutation", text)
    }


SALEOR_VARIANTS = {
    name: text for name, text in documents(saleor_objects).items() if name.startswith("VARIANT_")
}
SALEOR = {
    name: text for name, text in {**documents(saleor), **documents(saleor_objects)}.items()
    if name not in SALEOR_VARIANTS
}
SHOPIFY_SHOP = {
    name: text for name, text in documents(shopify).items() if name.startswith("SHOP_")
}
SHOPIFY_ADMIN = {
    **{name: text for name, text in documents(shopify).items() if name not in SHOPIFY_SHOP},
    "published_on": shopify.published_on(2),
    "published_on, coming": shopify.published_on(2, coming=True),
    "sold_on": shopify.sold_on(2),
}
OLDER = documents(shopify).keys() - SHOPIFY_SHOP.keys() - {"PUBLICATIONS"}
OLDER = {name: text for name, text in SHOPIFY_ADMIN.items() if name in OLDER}

OURS = {
    "saleor": (saleor_standin.SCHEMA, SALEOR),
    "saleor-variants": (saleor_standin.SWITCHING, {**SALEOR, **SALEOR_VARIANTS}),
    "shopify-admin": (shopify_standin.ADMIN, SHOPIFY_ADMIN),
    "shopify-storefront": (shopify_standin.STOREFRONT, SHOPIFY_SHOP),
}
THEIRS = {
    "saleor": SALEOR,
    "saleor-variants": SALEOR_VARIANTS,
    "shopify-admin": SHOPIFY_ADMIN,
    "shopify-admin-older": OLDER,
    "shopify-storefront": SHOPIFY_SHOP,
}


def published(name: str) -> GraphQLSchema:
    """Read a vendor's schema, or skip the test with the reason."""
    place = os.environ.get("FREEZEGUARD_SCHEMAS")
    if place is None:
        pytest.skip("FREEZEGUARD_SCHEMAS names no directory with the vendors' schemas")
    file = Path(place) / f"{name}.graphql"
    if not file.exists():
        pytest.skip(f"{file.name} is not in the directory that FREEZEGUARD_SCHEMAS names")
    # Vendors' schemas use directives that they do not define: they are taken as they are.
    return build_schema(file.read_text("utf-8"), assume_valid=True, no_location=True)


def wrong(schema: GraphQLSchema, given: dict[str, str]) -> dict[str, list[str]]:
    """Return the documents that do not fit, with what is wrong."""
    found = {name: graphql_side.mistakes(schema, text) for name, text in given.items()}
    return {name: errors for name, errors in found.items() if errors}


def test_documents_are_found() -> None:
    """The tests below look at something, of each connector."""
    calls = {"LOOK_UP", "READ", "WRITE", "LOOK_OVER", "SHOWN"}
    assert {f"PRODUCT_{one}" for one in calls} <= SALEOR.keys()
    assert {f"VARIANT_{one}" for one in calls} == SALEOR_VARIANTS.keys()
    assert {"LOOK_UP", "READ", "PUBLISH", "UNPUBLISH", "LOOK_OVER"} <= OLDER.keys()
    assert {"SHOP_SHOWN", "SHOP_ADD", "SHOP_TAKE_OUT"} == SHOPIFY_SHOP.keys()


@pytest.mark.parametrize("name", OURS)
def test_by_our_schema(name: str) -> None:
    """What a connector sends is what the stand-in lets through, word for word."""
    schema, given = OURS[name]

    assert {} == wrong(schema, given)


@pytest.mark.parametrize("name", THEIRS)
def test_by_the_vendors_schema(name: str) -> None:
    """What a connector sends is valid by the whole schema that the vendor publishes."""
    assert {} == wrong(published(name), THEIRS[name])


@pytest.mark.parametrize("name", OURS)
def test_ours_is_part_of_theirs(name: str) -> None:
    """Our schema has no type, field or argument that the vendor's lacks, and none of another type.

    So a stand-in can't accept what the vendor would refuse.
    """
    ours, theirs = OURS[name][0], published(name)

    assert [] == list(graphql_side.strays(ours, theirs))


def test_the_world_speaks_of_the_default_version() -> None:
    """The stand-in serves the version that the connector asks for unless told otherwise."""
    default = shopify.ShopifyTable.model_fields["api_version"].default

    assert shopify_standin.Shopify().version == default
    assert default >= shopify.VARIANTS_SINCE
