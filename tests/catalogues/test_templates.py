"""Templates of paths and bodies: no value breaks out of its place."""

import datetime as dt
import json
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.catalogues.templates import (
    BodyTemplate,
    PathTemplate,
    UnsendableError,
    Values,
    joined_id,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def test_path():
    """Values are percent-encoded in the path and in the query."""
    path = PathTemplate.parse("/p/{id}/x?sku={sku}&r={revision}")

    assert "/p/a%2Fb/x?sku=%F0%9F%92%A3%20%26&r=7" == path.render(Values("💣 &", "a/b", 7))


@given(TEXT, TEXT)
def test_values_stay_in_their_segment(sku, remote_id):
    """Whatever the value, the path keeps its segments and its query, and the value comes back."""
    path = PathTemplate.parse("/p/{id}?sku={sku}")
    if remote_id in {".", ".."}:
        return
    text = path.render(Values(sku, remote_id))

    before, _, query = text.partition("?sku=")
    assert ["", "p", remote_id] == [unquote(part) for part in before.split("/")]
    assert sku == unquote(query)


@pytest.mark.parametrize("value", [".", "..", "", "\ud800"])
def test_values_that_would_lead_astray(value):
    """A dot segment, nothing at all and half a character can't be put into a path."""
    with pytest.raises(UnsendableError):
        PathTemplate.parse("/p/{id}").render(Values("A", value))


def test_dots_in_a_query_are_harmless():
    """In a query a dot is a dot."""
    assert "/p?sku=.." == PathTemplate.parse("/p?sku={sku}").render(Values(".."))


@pytest.mark.parametrize(
    "text",
    ["p", "//host/p", "http://host/p", "/{ski}", "/{fields}", "/{field.a}", "/a b", "/é", "/{", 7],
)
def test_what_is_no_path_template(text):
    """A path that leads elsewhere or has unknown placeholders is refused when configured."""
    with pytest.raises(ValueError, match=r"path|placeholder"):
        PathTemplate.parse(text)


def test_body_of_fields():
    """A body that is `{fields}` is just the fields."""
    fields = {"published": False, "note": 'a "quote"'}

    assert fields == json.loads(BodyTemplate.parse("{fields}").render(Values("A", "1", 1, fields)))


def test_nested_body():
    """Placeholders stand for JSON values, or for text inside longer text."""
    body = BodyTemplate.parse(
        {"input": [{"gid": "gid://shop/{id}", "sku": "{sku}", "r": "{revision}", "on": True}]}
    )

    assert {"input": [{"gid": 'gid://shop/1"', "sku": "A", "r": 3, "on": True}]} == json.loads(
        body.render(Values("A", '1"', 3))
    )


def test_field_that_is_not_written_is_left_out():
    """A member for a field that is not among the given ones is left out of the body."""
    body = BodyTemplate.parse({"stock": {"on_hand": "{field.stock}"}, "status": "{field.status}"})

    assert {"stock": {}, "status": None} == json.loads(
        body.render(Values("A", "1", 1, {"status": None}))
    )


@given(st.text(), TEXT)
def test_values_stay_in_their_string(sku, remote_id):
    """Whatever the value, the body keeps its shape."""
    body = BodyTemplate.parse({"a": "{sku}", "b": "x{id}y"})

    assert {"a": sku, "b": f"x{remote_id}y"} == json.loads(body.render(Values(sku, remote_id)))


@pytest.mark.parametrize(
    "node",
    [
        "{ski}",
        {"a": "x {fields}"},
        {"a": "x {field.b}"},
        {"a": dt.date(2026, 1, 1)},
        {"key": "{env:KEY}"},
        {"key": "{file:/run/key}"},
        "{id.x}",
    ],
)
def test_what_is_no_body(node):
    """Unknown placeholders, dates and secrets are refused in bodies."""
    with pytest.raises(ValueError, match=r"placeholder|alone|JSON|headers"):
        BodyTemplate.parse(node)


def test_braces_of_a_query_language():
    """Braces with blanks are literal, so that GraphQL fits into a body."""
    query = "mutation($id:ID!){ stop(id:$id){ ok } }"

    assert query == json.loads(BodyTemplate.parse(query).render(Values("A")))


@given(st.lists(TEXT, min_size=2, max_size=4))
def test_parts_of_a_joined_id_come_back(parts):
    """An id of several parts is one text, and each part can be had again."""
    values = Values("A", joined_id(parts))

    assert parts == [values.get(f"id.{place}") for place in range(len(parts))]


def test_single_id_stays_as_it_is():
    """An id of one part is not changed, whatever it holds."""
    assert "gid://shop/1" == joined_id(["gid://shop/1"])


def test_missing_part_of_an_id():
    """Asking for a part that the id does not have can't be sent."""
    with pytest.raises(UnsendableError):
        PathTemplate.parse("/p/{id.1}").render(Values("A", "only"))
