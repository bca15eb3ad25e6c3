"""How the outside world writes products."""

import json

import pytest

from freezeguard.sampleshop.products import (
    BadProductError,
    numbered_products,
    parse_change,
    parse_products,
    parse_seed_file,
)


def test_array_and_ndjson_mean_the_same():
    """A bulk seed may be a JSON array or one JSON object per line."""
    products = [{"sku": "A"}, {"sku": "B", "stock": 3}]
    lines = "\n\n".join(json.dumps(product) for product in products)

    assert parse_products(json.dumps(products).encode()) == parse_products(lines.encode())


def test_seed_file_of_plain_lines():
    """A seed file may be one SKU per line, with odd SKUs and blank lines."""
    assert ["A/1 é", "💣 B"] == [p.sku for p in parse_seed_file("A/1 é\n\n💣 B\n".encode())]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"publisched": false}', "publisched"),
        (b'{"stock": "3"}', "stock"),
        (b'{"stock": true}', "stock"),
        (b'{"published": null}', "published"),
        (b'{"price": "1,50"}', "price"),
        (b'{"id": "p1"}', "id"),
        (b'{"sku": "other"}', "sku"),
        (b"nonsense", "body"),
    ],
)
def test_change_that_is_refused(body, place):
    """A change with an unknown field, a wrong type or null is refused, and the field is named."""
    with pytest.raises(BadProductError, match=f"^{place}:"):
        parse_change(body)


def test_change_holds_only_what_was_named():
    """A change writes the fields that it names and no defaults."""
    assert {"published": False} == parse_change(b'{"published": false}')


@pytest.mark.parametrize("sku", ["", "a\tb", "é" * 101])
def test_sku_that_is_refused(sku):
    """A SKU has 1 to 200 bytes and no control characters."""
    with pytest.raises(BadProductError, match="sku"):
        parse_products(json.dumps([{"sku": sku}]).encode())


def test_numbered_products_have_every_kind_of_stock():
    """Among numbered products are tracked, untracked and back-ordered ones."""
    made = numbered_products(130)

    assert 130 == len({product.sku for product in made})
    assert {True, False} == {product.track_stock for product in made}
    assert {True, False} == {product.allow_backorder for product in made}
