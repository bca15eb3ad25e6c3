"""The pages about connectors show what can be opened, and explain every key there is."""

import re
import tomllib
from pathlib import Path

import pytest

from freezeguard.catalogues.medusa import MedusaTable
from freezeguard.catalogues.registry import open_catalogue
from freezeguard.catalogues.saleor import SaleorTable
from freezeguard.catalogues.shopify import ShopifyTable
from freezeguard.catalogues.tables import GuardedTable
from freezeguard.catalogues.vendure import VendureTable
from freezeguard.catalogues.woocommerce import WooCommerceTable

PAGES = Path(__file__).parents[2] / "docs" / "connectors"
TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KINDS: dict[str, type[GuardedTable]] = {
    "woocommerce": WooCommerceTable, "saleor": SaleorTable, "shopify": ShopifyTable,
    "vendure": VendureTable, "medusa": MedusaTable,
}
RECIPES = {
    name: table
    for block in TOML.findall((PAGES / "recipes.md").read_text("utf-8"))
    for name, table in tomllib.loads(block)["catalogues"].items()
}


def page(kind: str) -> str:
    """Return the page of a kind."""
    return (PAGES / f"{kind}.md").read_text("utf-8")


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every secret that the pages name."""
    for file in PAGES.glob("*.md"):
        for name in re.findall(r"\{env:([A-Z_]+)\}", file.read_text("utf-8")):
            monkeypatch.setenv(name, "made-up-secret")


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_opens(kind: str) -> None:
    """The example of each page passes the real parser, and is of the kind that it is about."""
    [block] = TOML.findall(page(kind))
    [(name, table)] = tomllib.loads(block)["catalogues"].items()

    catalogue = open_catalogue(name, table)

    assert kind == table["kind"]
    assert catalogue.traits.level in catalogue.traits.levels
    experimental = "**Experimental: not run.**" in page(kind)
    assert experimental == (catalogue.traits.proven != "run")


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_explained(kind: str) -> None:
    """A key that a kind learns has its row; a row without a key is stale."""
    rows = re.findall(r"^\| ([^|]*`[a-z_]+`[^|]*) \|", page(kind), re.MULTILINE)
    explained = set(re.findall(r"`([a-z_]+)`", " ".join(rows)))

    assert KINDS[kind].model_fields.keys() - {"kind"} == explained


@pytest.mark.parametrize("kind", ["vendure", "medusa"])
def test_what_was_seen_is_what_is_promised(kind: str) -> None:
    """The table that purchases wrote has no sale in it where a kind says that it holds carts."""
    [(_, table)] = tomllib.loads(TOML.findall(page(kind))[0])["catalogues"].items()
    seen = page("truth").split("## ")
    [mine] = [one for one in seen if one.lower().startswith(kind)]

    assert open_catalogue("shop", table).traits.holds_carts is ("**sold**" not in mine)
    assert 12 == mine.count("refused")


def test_four_recipes() -> None:
    """The test below looks at something."""
    assert {"bigcommerce", "commercetools", "magento", "amazon"} == RECIPES.keys()


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_is_a_valid_configuration(name: str) -> None:
    """Each recipe opens as written, and promises neither a run nor a stop of open carts."""
    catalogue = open_catalogue(name, RECIPES[name])

    assert ("recipe", ("hide",)) == (catalogue.traits.proven, catalogue.traits.levels)
