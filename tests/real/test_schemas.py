"""What is sent to Shopify is valid by the whole schemas that Shopify publishes in its npm package.

Nothing of Shopify's is run: its schemas come from npm as the real systems do, and are not ours to
keep in the repository.
"""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_client_schema

from freezeguard.catalogues import shopify
from tests.catalogues.standins import graphql_side
from tests.catalogues.standins import shopify as shopify_standin
from tests.catalogues.test_published_schemas import OLDER, SHOPIFY_ADMIN, SHOPIFY_SHOP, wrong
from tests.real.systems import install, missing_programs

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

DEFAULT = shopify.ShopifyTable.model_fields["api_version"].default
SENT: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("admin", "2026-04"): OLDER,
    ("admin", "2026-07"): SHOPIFY_ADMIN,
    ("admin", "2026-10"): SHOPIFY_ADMIN,
    ("storefront-graphql", "2026-07"): SHOPIFY_SHOP,
    ("storefront-graphql", "2026-10"): SHOPIFY_SHOP,
}
IMITATED: Mapping[str, GraphQLSchema] = {
    "admin": shopify_standin.ADMIN, "storefront-graphql": shopify_standin.STOREFRONT,
}


@pytest.fixture(scope="module")
def published() -> Path:
    """The directory of the package that has the schemas."""
    if missing := missing_programs():
        pytest.skip(f"{missing} missing: Shopify's schemas come from npm")
    return install("shopify") / "node_modules" / "@shopify" / "dev-mcp" / "dist" / "data"


def schema_of(published: Path, api: str, version: str) -> GraphQLSchema:
    """Read what introspection of one version of one API says."""
    with gzip.open(published / f"{api}_{version}.json.gz") as file:
        document = json.load(file)
    return build_client_schema(document["data"], assume_valid=True)


@pytest.mark.parametrize(("api", "version"), SENT)
def test_documents_are_valid(published: Path, api: str, version: str) -> None:
    """Each version that our page names takes all that we send it."""
    assert {} == wrong(schema_of(published, api, version), dict(SENT[api, version]))


@pytest.mark.parametrize("api", IMITATED)
def test_the_stand_in_has_nothing_of_its_own(published: Path, api: str) -> None:
    """Our imitation knows no type, field or argument that the default version lacks."""
    theirs = schema_of(published, api, DEFAULT)

    assert [] == list(graphql_side.strays(IMITATED[api], theirs))
