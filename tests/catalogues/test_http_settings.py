"""Mistakes in the configuration of a catalogue are told by table and key, all at once."""

import tomllib

import pytest

from freezeguard.catalogues.configuration import CatalogueConfigurationError
from freezeguard.catalogues.http import HttpCatalogue
from freezeguard.catalogues.http_settings import http_settings
from freezeguard.sampleshop.client import sample_configuration

WHOLE = """
[catalogues.shop]
kind = "http"
base_url = "https://shop.example/api/"
headers = { Authorization = "Bearer {env:SHOP_TOKEN}" }
level = "hide"
scope = { country = "DE" }
narrowest = ["channel"]
proven = "run"
connections = 4
warm_path = "/health"

[catalogues.shop.lookup]
method = "GET"
path = "/products?sku={sku}"
objects = "$.products[*]"
id = "$.id"
sku = "$.sku"
fields = { status = "$.status", stock = "$.inventory.on_hand" }
takes_along = "$.siblings[*].sku"

[catalogues.shop.stop]
method = "PATCH"
path = "/products/{id}"
body = { product = { status = "{field.status}" } }
headers = { Content-Type = "application/merge-patch+json" }
hide = { status = "hidden" }

[catalogues.shop.read_back]
side = "buyer"
path = "/store/products/{id}"
base_url = "https://www.shop.example"
objects = "$"
id = "$.id"
sellable = { "$.status" = ["active", "sale"], "$.stock" = { more_than = 0 } }

[catalogues.shop.restore]
method = "PATCH"
path = "/products/{id}"
body = { product = { status = "{field.status}" } }

[catalogues.shop.fallbacks.stock_zero]
fields = { stock = 0 }
stop = { method = "PUT", path = "/stock/{id}", body = { on_hand = "{field.stock}" } }
lift = { method = "PUT", path = "/stock/{id}", body = { on_hand = "{field.stock}" } }
"""


def _problems(table, environment=None):
    with pytest.raises(CatalogueConfigurationError) as caught:
        HttpCatalogue("shop", http_settings("shop", table), environment=environment or {})
    return dict(caught.value.problems)


def _sample(**changes):
    table = sample_configuration("http://127.0.0.1:9", "t")
    for key, value in changes.items():
        place = table
        *way, last = key.split("__")
        for step in way:
            place[step] = dict(place[step])
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return table


def test_whole_table():
    """A table as a user writes it is understood."""
    table = tomllib.loads(WHOLE)["catalogues"]["shop"]
    catalogue = HttpCatalogue("shop", http_settings("shop", table), environment={"SHOP_TOKEN": "t"})

    traits = catalogue.traits
    assert (("hide",), "hide", ("channel",)) == (traits.levels, traits.level, traits.narrowest)
    assert ({"country": "DE"}, "run") == (traits.scope, traits.proven)


def test_sample_configuration_is_valid():
    """The table that drives the sample shop has no problem."""
    HttpCatalogue("shop", http_settings("shop", _sample()), environment={})


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ({"colour": "red"}, "colour", "unknown key"),
        ({"stop__hrad": {}}, "stop.hrad", "unknown key"),
        ({"fallbacks__deny_list__stop__methd": "PUT"}, "fallbacks.deny_list.stop.methd", "unknown"),
        ({"lookup": None}, "lookup", "is missing"),
        ({"read_back__side": None}, "read_back.side", "is missing"),
        ({"base_url": "127.0.0.1:9100"}, "base_url", "http://"),
        ({"base_url": "http://user:word@h"}, "base_url", "use headers"),
        ({"base_url": "http://h/?key=1"}, "base_url", "use headers"),
        ({"stop__path": "products/{id}"}, "stop.path", 'begins with one "/"'),
        ({"stop__path": "/products/{ID}"}, "stop.path", "braces"),
        ({"stop__path": "/products/{remote}"}, "stop.path", "unknown placeholder {remote}"),
        ({"stop__path": "/products"}, "stop", "neither {id} nor {sku}"),
        ({"stop__method": "GET"}, "stop.method", "'PATCH'"),
        ({"stop__body": "{feilds}"}, "stop.body", "unknown placeholder {feilds}"),
        ({"stop__body": {"published": False}}, "stop.body", "needs {fields}"),
        ({"stop__hard": None}, "level", "not one of the levels"),
        ({"lookup__fields": ["published"]}, "stop.hard.sale_stop", "could not be restored"),
        ({"lookup__id": "$.ids[*]"}, "lookup.id.0", "one is wanted"),
        ({"lookup__objects": "products"}, "lookup.objects", 'begins with "$"'),
        ({"lookup__path": "/products"}, "lookup", "{sku}"),
        ({"lookup__path": "/products/{id}?sku={sku}"}, "lookup", "nothing else"),
        ({"read_back__sellable": {}}, "read_back.sellable", "give a table"),
        ({"read_back__sellable": {"sellable": True}}, "read_back.sellable", 'begins with "$"'),
        ({"read_back__path": "/p?sku={sku}&r={revision}"}, "read_back", "reads"),
        ({"read_back__absent": [500]}, "read_back.absent.0", "499"),
        ({"restore__body": {"x": "{field.colour}"}}, "restore", "not among lookup.fields"),
        ({"scope": {"planet": "earth"}}, "scope.planet", "country"),
        ({"warm_path": "/{sku}"}, "warm_path", "no placeholders"),
        ({"headers": {"Bad Header": "x"}}, "headers.Bad Header", "pattern"),
        ({"headers": {"X": "a\nb"}}, "headers.X", "control character"),
        ({"headers": {"X": "{env:NOT_SET}"}}, "headers.X", "NOT_SET is not set"),
        ({"headers": {"X": "{file:/nowhere}"}}, "headers.X", "/nowhere can't be read"),
        ({"ca_file": "/nowhere"}, "ca_file", "can't be used"),
        ({"fallbacks__Bad-Name": {}}, "fallbacks.Bad-Name", "pattern"),
    ],
)
def test_mistakes(changes, key, text):
    """Each mistake is told with the table and key where it is."""
    problems = _problems(_sample(**changes))

    place = next((place for place in problems if place.startswith(f"catalogues.shop.{key}")), None)
    assert place is not None, problems
    assert text in problems[place]


def test_all_mistakes_are_told_at_once():
    """One run shows every mistake."""
    assert {"catalogues.shop.colour", "catalogues.shop.lookup", "catalogues.shop.base_url"} == set(
        _problems(_sample(colour="red", lookup=None, base_url="x"))
    )


def test_values_are_not_told():
    """A message names the key and never repeats a value, which may be secret."""
    table = _sample(headers={"X": ["s3cret"]}, base_url="ftp://s3cret")

    assert "s3cret" not in str(_problems(table))
    assert "s3cret" not in repr(http_settings("shop", _sample(headers={"X": "s3cret"})))


def test_secret_from_a_file(tmp_path):
    """A file's last line end is not part of the secret; an empty file is a mistake."""
    (tmp_path / "token").write_text("t0ken\n")
    (tmp_path / "empty").write_text("\n")
    good = _sample(headers={"X": f"Bearer {{file:{tmp_path}/token}}"})
    bad = _sample(headers={"X": f"{{file:{tmp_path}/empty}}"})

    catalogue = HttpCatalogue("shop", http_settings("shop", good), environment={})
    assert "Bearer t0ken" == catalogue._requests["stop"].headers["X"]
    assert "is empty" in _problems(bad)["catalogues.shop.headers.X"]
