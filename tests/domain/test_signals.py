"""Signals: which speak against the item, and how repeats are told from conflicts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.signals import (
    Kind,
    Severity,
    Signal,
    counts_against_the_item,
    fingerprint,
)
from tests.domain.casebook import NOW

TEXT = st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=5)
VALUES = st.lists(TEXT, min_size=3, max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
EXTRA = st.dictionaries(st.text(max_size=3), JSON, max_size=3)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("result", [None, "pass", "fail", "unclear"])
def test_tests_count_when_they_fail(kind, result):
    """Inspection and telemetry are evidence only if they failed; complaints need no result."""
    measured = kind in {Kind.INSPECTION, Kind.TELEMETRY}

    assert (result == "fail" or not measured) == counts_against_the_item(kind, "defect", result)


@pytest.mark.parametrize("intent", ["delivery", "change_of_mind"])
def test_the_parcel_is_not_the_item(intent):
    """Delivery faults and changes of mind are not the item's fault."""
    assert not counts_against_the_item(Kind.COMPLAINT, intent, None)
    assert not counts_against_the_item(Kind.RETURN, intent, None)


def test_severities_are_ordered_and_named():
    """From minor to safety, by the words of the contract."""
    assert ["minor", "major", "critical", "safety"] == [one.word for one in sorted(Severity)]


def test_a_signal_speaks_about_the_narrowest_scope_that_it_names():
    """Lot, seller, channel and country of the signal narrow its scope."""
    signal = Signal("s", "1", Kind.COMPLAINT, "K-1", NOW, Severity.MINOR, lot="L1", country="DE")

    assert {"sku": "K-1", "lot": "L1", "country": "DE"} == signal.scope.as_dict()


@given(VALUES, VALUES, EXTRA, EXTRA)
def test_equal_signals_have_equal_fingerprints_and_no_others(one, other, extra, more):
    """Sixteen bytes; the order of keys is no difference, a missing value is an empty one."""
    same = [value or "" for value in one] == [value or "" for value in other]
    alike = same and json.dumps(extra, sort_keys=True) == json.dumps(more, sort_keys=True)

    assert 16 == len(fingerprint(one, extra))
    assert alike == (fingerprint(one, extra) == fingerprint(other, more))
    backwards = dict(reversed(extra.items()))
    assert fingerprint(one, extra) == fingerprint(one, backwards)


def test_a_value_can_t_move_into_the_next_field():
    """What stands in which field is part of the fingerprint."""
    prints = {
        fingerprint(["ab", "c", None]), fingerprint(["a", "bc", None]),
        fingerprint(["ab", None, "c"]), fingerprint(["ab", "c", None], {"x": 1}),
        fingerprint(["ab", "c", '{"x":1}']),
    }

    assert 5 == len(prints)
