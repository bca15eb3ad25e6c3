"""Payloads from outside: what a map makes of them, and that it keeps nothing besides."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.jsonpath import JsonPath
from freezeguard.domain.payloads import MOST, PayloadMap, Source, When

TICKET: dict[str, Any] = {
    "id": 5158, "at": "2026-11-21T09:30:00Z", "sku": "K-1", "level": "HIGH", "urgent": True,
    "cost": 4.5, "empty": "", "nothing": None, "tags": ["broken", "kitchen"],
    "fields": [{"id": 7, "value": "L-7"}, {"id": 8, "value": None}, {"id": "7", "value": "x"}],
    "lines": [{"n": 1, "sku": "K-1"}, {"n": 2, "sku": "K-2"}, {"n": 3}],
    "private": {"name": "Ann", "street": "Long Road 5"},
}
BASE = {"id": "$.id", "sku": "$.sku", "occurred_at": "$.at"}


def mapping(fields: dict[str, Any] | None = None, **more: Any) -> PayloadMap:
    """Return a map as it would be written."""
    sources = {name: Source.parse(one) for name, one in {**BASE, **(fields or {})}.items()}
    if "when" in more:
        more["when"] = When.parse(more["when"])
    if "items" in more:
        more["items"] = JsonPath.parse(more["items"])
    return PayloadMap(sources, **more)


def entry(fields: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return what becomes of the ticket."""
    mapped = mapping(fields, **more).read(TICKET, "digest")
    assert [] == list(mapped.unmapped)
    return mapped.entries[0][1]


def why(fields: dict[str, Any] | None = None, payload: Any = TICKET, **more: Any) -> str:
    """Return why a map does not fit."""
    mapped = mapping(fields, **more).read(payload, "digest")
    assert ("not_mapped", 0) == (mapped.unmapped[0].why.code, len(mapped.entries))
    return mapped.unmapped[0].why.detail


@pytest.mark.parametrize(("source", "found"), [
    ("$.id", "5158"),
    ("$.cost", "4.5"),
    ("$.urgent", "true"),
    ("complaint", "complaint"),
    ("ticket-{$.id}", "ticket-5158"),
    ("{$.id}/{$.sku}", "5158/K-1"),
    (["$.nowhere", "$.empty", "$.nothing", "$.sku"], "K-1"),
    (["{$.nothing}-x", "fixed"], "fixed"),
    ("$.fields[?@.id==7].value", "L-7"),
    ('$.fields[?@.id=="7"].value', "x"),
    ("$.nowhere", None),
    ("$.nowhere.else[3]", None),
    ("$.nothing", None),
    ("$.empty", None),
    ("x{$.empty}y", None),
    ("$.fields[?@.id==8].value", None),
    ("$.fields[?@.id==9].value", None),
])
def test_what_a_source_finds(source: Any, found: str | None):
    """Paths, constants, text around paths, the first of several; null and empty are absent."""
    assert found == entry({"lot": source}).get("lot")


@pytest.mark.parametrize("source", [
    "$.", "@x", "$x", "a{$.}b", "", [], ["$.a", 7], 7, None, {"path": "$.a"},
])
def test_what_is_no_source_is_refused(source: Any):
    """A mistake is found when the settings are read."""
    with pytest.raises(ValueError, match=r"\$"):
        Source.parse(source)


def test_only_what_is_mapped_is_kept():
    """The rest of a payload, names and streets, goes no further."""
    assert BASE.keys() | {"stars"} == entry(extra={"stars": Source.parse("$.cost")}).keys()


@pytest.mark.parametrize(("level", "severity"), [
    ("HIGH", "major"), ("high", "major"), ("low", "minor"), ("else", "minor"), (None, "minor"),
])
def test_words_are_translated_in_any_case(level: str | None, severity: str):
    """A star stands for every other word, and for none."""
    rules = mapping({"severity": "$.level"}, values={"severity": {"high": "major", "*": "minor"}})
    mapped = rules.read({**TICKET, "level": level}, "digest")

    assert severity == mapped.entries[0][1]["severity"]


def test_a_word_that_no_table_knows_stays_as_it_is():
    """What it means is judged where signals are checked."""
    assert "HIGH" == entry({"severity": "$.level"}, values={"severity": {"x": "y"}})["severity"]


@pytest.mark.parametrize(("at", "moment"), [
    (1795253400, "2026-11-21T09:30:00+00:00"),
    (1795253400000, "2026-11-21T09:30:00+00:00"),
    ("1795253400", "2026-11-21T09:30:00+00:00"),
    ("2026-11-21T09:30:00Z", "2026-11-21T09:30:00Z"),
    (9_999_999_999_999, "2286-11-20T17:46:39.999000+00:00"),
    ("yesterday", "yesterday"),
])
def test_unix_times_become_moments(at: Any, moment: str):
    """In seconds or milliseconds; any other text is judged where signals are checked."""
    mapped = mapping().read({**TICKET, "at": at}, "digest")

    assert moment == mapped.entries[0][1]["occurred_at"]


@pytest.mark.parametrize(("fields", "words"), [
    ({"sku": "$.product"}, "There is no sku: $.product finds nothing"),
    ({"sku": ["$.product", "$.empty"]}, "$.product or $.empty finds nothing"),
    ({"id": "$.nothing"}, "There is no id"),
    ({"lot": "$.private"}, "lot: $.private is an object"),
    ({"lot": "$.tags"}, "lot: $.tags is an array"),
    ({"lot": "$.tags[*]"}, "lot: $.tags[*] finds 2 different values"),
])
def test_what_does_not_fit_is_said(fields: dict[str, Any], words: str):
    """Which field, which path, and what was there instead."""
    assert words in why(fields)


def test_of_what_does_not_fit_the_rest_is_found():
    """Enough to find the ticket in the helpdesk, and to mend the map."""
    mapped = mapping({"sku": "$.product"}).read(TICKET, "digest")

    assert {"id": "5158", "occurred_at": "2026-11-21T09:30:00Z"} == mapped.unmapped[0].found


@pytest.mark.parametrize(("when", "met"), [
    ({"$.level": "HIGH"}, True),
    ({"$.level": ["LOW", "HIGH"]}, True),
    ({"$.level": "high"}, False),
    ({"$.urgent": True, "$.level": "LOW"}, False),
    ({"$.cost": {"more_than": 4}}, True),
    ({"$.tags": {"contains": "broken"}}, True),
    ({"$.tags": {"contains": "late"}}, False),
    ({"$.nothing": "x"}, False),
    ({"$.fields[?@.id==7].value": "L-7"}, True),
    ({}, True),
])
def test_conditions_decide_what_counts(when: dict[str, Any], met: bool):
    """What does not meet them is ignored, and is no fault."""
    mapped = mapping(when=when).read(TICKET, "digest")

    assert (met, not met, 0) == (bool(mapped.entries), bool(mapped.ignored), len(mapped.unmapped))


@pytest.mark.parametrize("when", [{"$.levle": "HIGH"}, {"$.id": "5158"}, {"$.level.x": 1}])
def test_a_condition_that_leads_nowhere_is_no_no(when: dict[str, Any]):
    """A misspelt path would silence a whole helpdesk; it is said instead."""
    assert "A condition does not fit" in why(when=when)


def test_each_item_is_an_entry_of_its_own():
    """By position; what does not fit does not take the others along, what does not count either."""
    rules = mapping({"id": "{$.id}-{@.n}", "sku": "@.sku"}, items="$.lines[*]",
                    when={"@.n": [1, 3]})
    mapped = rules.read(TICKET, "digest")

    assert [(0, "5158-1", "K-1")] == [(n, one["id"], one["sku"]) for n, one in mapped.entries]
    assert [2] == [one.position for one in mapped.unmapped]
    assert 1 == mapped.ignored


def test_without_a_field_for_it_the_id_is_the_deliverys():
    """Of several items each has its own."""
    fields = {"sku": Source.parse("@.sku"), "occurred_at": Source.parse("$.at")}
    several = PayloadMap(fields, items=JsonPath.parse("$.lines[*]")).read(TICKET, "digest")
    one = PayloadMap({**fields, "sku": Source.parse("$.sku")}).read(TICKET, "digest")

    assert ["digest-0", "digest-1"] == [entry["id"] for _, entry in several.entries]
    assert "digest" == one.entries[0][1]["id"]


@pytest.mark.parametrize(("items", "words"), [
    ("$.nowhere[*]", "No items"), ("$.sku[*]", "No items"),
])
def test_items_that_are_none_are_said(items: str, words: str):
    """Where the items should be is something else."""
    assert words in why(items=items)


def test_no_items_are_ignored_and_too_many_refused():
    """A refund without lines is no fault; a thousand lines are enough."""
    rules = mapping(items="$.lines[*]")

    assert 1 == rules.read({**TICKET, "lines": []}, "digest").ignored
    assert f"{MOST + 1} items" in why(
        payload={**TICKET, "lines": [{}] * (MOST + 1)}, items="$.lines[*]"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["id", "sku", "at", "lines", "n", "level"]), inner, max_size=4
    ),
    max_leaves=20,
)


@given(payload=JSON)
def test_whatever_comes_is_mapped_ignored_or_said(payload: Any):
    """No payload raises anything, and each item is accounted for once."""
    fields = {"id": "{$.id}-{@.n}", "sku": ["@.sku", "$.sku"], "lot": "$.lines[?@.n==1].sku"}
    several = mapping(fields, items="$.lines[*]", when={"@.level": {"more_than": 1}})
    for rules in (mapping(), several):
        mapped = rules.read(payload, "digest")

        assert len(mapped.entries) + len(mapped.unmapped) + mapped.ignored >= 1
        for _, one in mapped.entries:
            assert all(isinstance(text, str) and text for text in one.values())
            assert {"id", "sku", "occurred_at"} <= one.keys()
