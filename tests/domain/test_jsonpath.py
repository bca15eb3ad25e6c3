"""The subset of JSONPath, and conditions on what it finds."""

import pytest

from freezeguard.domain.jsonpath import Conditions, DoesNotFitError, JsonPath

DOCUMENT = {
    "products": [{"id": 7, "on sale": True}, {"id": 8, "on sale": False}],
    "empty": [],
    "nothing": None,
    "twins": [{"id": 1}, {"id": 1}],
    "a-b": {"c_d": "x"},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", [DOCUMENT]),
        ("$.products[*].id", [7, 8]),
        ("$.products[1].id", [8]),
        ('$.products[*]["on sale"]', [True, False]),
        ("$.products[0]['on sale']", [True]),
        ("$.empty[*].id", []),
        ("$.nothing", [None]),
        ("$.a-b.c_d", ["x"]),
        ("$.products[?@.id==8]['on sale']", [False]),
        ("$.products[?@.id == 7].id", [7]),
    ],
)
def test_what_is_found(path, found):
    """Members, elements and every element are found in order."""
    assert found == JsonPath.parse(path).all(DOCUMENT)


@pytest.mark.parametrize(
    "path",
    ["$.missing", "$.products[2]", "$.products.id", "$.nothing.id", "$.a-b[*]", "$.a-b[0]", "$[0]",
     "$.products[?@.id==9].id", "$.products[?@.name==7].id", '$.products[?@.id=="7"].id',
     "$.twins[?@.id==1].id", "$.a-b[?@.id==1]", "$.empty[?@.id==1]"],
)
def test_what_is_not_there_is_an_error(path):
    """A path that leads nowhere is an error, never an empty result."""
    with pytest.raises(DoesNotFitError):
        JsonPath.parse(path).all(DOCUMENT)


@pytest.mark.parametrize(
    "text", ["", "products", "$.", "$..a", "$[-1]", "$[?]", "$.a[", "$.a b", "$[a]", 7, None]
)
def test_what_is_no_path(text):
    """Whatever the subset does not have is refused when it is configured."""
    with pytest.raises(ValueError, match=r"JSON path|not understood"):
        JsonPath.parse(text)


@pytest.mark.parametrize(
    ("wanted", "document", "met"),
    [
        (True, True, True),
        (True, False, False),
        ("active", "active", True),
        ("active", "draft", False),
        (["a", "b"], "b", True),
        (["a", "b"], "c", False),
        (1, 1.0, True),
        ({"more_than": 0}, 3, True),
        ({"more_than": 0}, 0, False),
        ({"contains": "BUYABLE"}, ["BUYABLE", "X"], True),
        ({"contains": "BUYABLE"}, [], False),
        ({"contains": 1}, [True], False),
    ],
)
def test_conditions(wanted, document, met):
    """A condition is met or not by the value found."""
    assert met is Conditions.parse({"$": wanted}).are_met(document)


@pytest.mark.parametrize(
    ("wanted", "document"),
    [
        (True, 1),
        (True, "true"),
        (True, None),
        (1, True),
        ("active", None),
        ({"more_than": 0}, "3"),
        ({"more_than": 0}, True),
        ({"contains": "BUYABLE"}, "BUYABLE"),
    ],
)
def test_value_of_another_type_does_not_fit(wanted, document):
    """A value of another type is an error and not "no"."""
    with pytest.raises(DoesNotFitError):
        Conditions.parse({"$": wanted}).are_met(document)


def test_all_conditions_must_fit():
    """A condition that is not met does not hide that another one does not fit."""
    conditions = Conditions.parse({"$.a": True, "$.b": True})

    assert not conditions.are_met({"a": False, "b": True})
    with pytest.raises(DoesNotFitError):
        conditions.are_met({"a": False})


@pytest.mark.parametrize(
    "table",
    [
        {},
        [],
        {"$.a": None},
        {"$.a": []},
        {"$.a": [None]},
        {"$.a": {"less_than": 1}},
        {"$.a": {"more_than": True}},
        {"$.a": {"more_than": 1, "contains": 1}},
        {"$.a[*]": 1},
        {"a": 1},
    ],
)
def test_what_is_no_condition(table):
    """Conditions that say nothing, or nothing that is understood, are refused."""
    with pytest.raises(ValueError, match=r"give|path"):
        Conditions.parse(table)
