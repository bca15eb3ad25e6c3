"""Catalogues are opened by their kind, ours and those of other packages."""

import importlib.metadata

import pytest
from pydantic import SecretStr

from freezeguard.catalogues import registry
from freezeguard.catalogues.configuration import CatalogueConfigurationError
from freezeguard.catalogues.http import HttpCatalogue
from freezeguard.catalogues.medusa import MedusaTable
from freezeguard.catalogues.registry import fingerprint_of, open_catalogue, open_catalogues
from freezeguard.catalogues.saleor import SaleorTable
from freezeguard.catalogues.shopify import ShopifyTable
from freezeguard.catalogues.tables import ConnectorTable, GuardedTable
from freezeguard.catalogues.vendure import VendureTable
from freezeguard.catalogues.woocommerce import WooCommerceTable
from freezeguard.sampleshop.client import sample_configuration

SAMPLE = sample_configuration("http://127.0.0.1:9", "t")


@pytest.fixture
def registered(monkeypatch):
    """Lets a test say which entry points are installed."""
    found = []
    monkeypatch.setattr(registry.importlib.metadata, "entry_points", lambda **_: found)
    return lambda name, value: found.append(
        importlib.metadata.EntryPoint(name, value, registry.GROUP)
    )


def open_odd_catalogue(name, table):
    """What another package would bring."""
    return (name, table["kind"])


def test_our_kinds_need_no_installation(registered):
    """From a checkout, without any entry point, the kinds that we bring can be opened."""
    catalogues = open_catalogues({"shop": SAMPLE, "other": SAMPLE})

    assert ["shop", "other"] == [catalogue.name for catalogue in catalogues.values()]
    assert all(isinstance(catalogue, HttpCatalogue) for catalogue in catalogues.values())


def test_kind_of_another_package(registered):
    """An installed package may add a kind through the entry-point group."""
    registered("odd", f"{__name__}:open_odd_catalogue")

    assert ("mine", "odd") == open_catalogue("mine", {"kind": "odd"})


def test_another_package_can_not_replace_a_kind_of_ours(registered):
    """What is installed beside us can't take over how a stop is sent."""
    registered("http", f"{__name__}:open_odd_catalogue")

    assert isinstance(open_catalogue("shop", SAMPLE), HttpCatalogue)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"kind": "htpp"}, "did you mean http?"),
        ({"kind": "abacus"}, "'abacus' is not one of broken, http"),
        ({"kind": ["http"]}, "['http'] is not one of"),
        ({}, "is missing"),
        ({"kind": "broken"}, "can't be loaded"),
    ],
)
def test_kind_that_can_not_be_opened(registered, table, text):
    """An unknown, absent or broken kind is told with its table and key."""
    registered("broken", "no_such_module:open")

    with pytest.raises(CatalogueConfigurationError) as caught:
        open_catalogue("shop", table)
    [(place, problem)] = caught.value.problems
    assert "catalogues.shop.kind" == place
    assert text in problem


def test_problems_of_all_catalogues_together(registered):
    """One run shows the mistakes of every catalogue."""
    with pytest.raises(CatalogueConfigurationError) as caught:
        open_catalogues({"a": {"kind": "x"}, "b": SAMPLE | {"colour": "red"}, "c": SAMPLE})

    assert ["catalogues.a.kind", "catalogues.b.colour"] == [p for p, _ in caught.value.problems]


def test_no_table(registered):
    """A name that is not a table is told."""
    with pytest.raises(CatalogueConfigurationError, match="not a table"):
        open_catalogue("shop", "http")


PROVED = {"kind": "saleor", "base_url": "https://store.example", "token": "{env:TOKEN}"}
TABLES = (MedusaTable, SaleorTable, ShopifyTable, VendureTable, WooCommerceTable)


@pytest.mark.parametrize("more", [
    {"called": {"KETTLE-17": "4711"}},
    {"called_as": "DE-{sku}"},
    {"requests_per_second": 2.0},
    {"burst": 1},
    {"connections": 4},
    {"ca_file": "/etc/ca.pem"},
    {"allow_plain_http": True},
    {"scope": {"country": "DE"}},
    {"token": "{file:/run/secrets/token}"},
    {"token": "as it is"},
])
def test_what_does_not_change_how_a_stop_works_needs_no_new_proof(more):
    """Pace, trust, names and a renewed key leave a proof as good as it was."""
    assert fingerprint_of(PROVED) == fingerprint_of({**PROVED, **more})


@pytest.mark.parametrize("more", [
    {"kind": "shopify"},
    {"base_url": "https://other.example"},
    {"level": "hide"},
    {"storefront": False},
    {"path": "/api/graphql/"},
    {"storefront_token": "{env:SHOP}"},
    {"api_version": "2026-04"},
])
def test_another_address_kind_level_or_way_in_is_proved_anew(more):
    """What a proof was about is another thing then."""
    assert fingerprint_of(PROVED) != fingerprint_of({**PROVED, **more})


@pytest.mark.parametrize("table", TABLES)
def test_no_secret_is_in_a_fingerprint(table):
    """Whatever a kind of ours keeps secret counts as given or not, whatever it is."""
    secret = {
        key for key, field in table.model_fields.items() if SecretStr in {
            field.annotation, *getattr(field.annotation, "__args__", ())}
    }
    assert secret
    assert secret <= registry.SECRET
    assert {"level", "base_url"} == (
        ConnectorTable.model_fields.keys() | GuardedTable.model_fields.keys()) - registry.UNPROVED
