"""Scopes: which covers which, which touch."""

from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.scope import NARROWING, Scope

FEW = st.sampled_from([None, "a", "b"])
SCOPES = st.builds(Scope, st.sampled_from(["x", "y"]), FEW, FEW, FEW, FEW)
SALES = st.builds(Scope, st.sampled_from(["x", "y"]), *(st.sampled_from("abc"),) * 4)
"""A sale has a seller, a channel, a country and a lot; `c` is a value that no scope names."""


@given(SCOPES, SCOPES, SALES)
def test_covering_is_about_sales(one, other, sale):
    """A scope that covers another covers each of its sales, and a common sale is an overlap."""
    if one.covers(other) and other.covers(sale):
        assert one.covers(sale)
    if one.covers(sale) and other.covers(sale):
        assert one.overlaps(other)


@given(SCOPES, SCOPES)
def test_an_overlap_has_a_sale_in_both(one, other):
    """Two scopes overlap exactly if some sale belongs to both; either may be asked."""
    fields = {
        name: getattr(one, name) or getattr(other, name) or "c" for name in NARROWING
    }
    common = Scope.of(one.sku, fields)

    assert (one.covers(common) and other.covers(common)) == one.overlaps(other)
    assert one.overlaps(other) == other.overlaps(one)


@given(SCOPES, SCOPES, SCOPES)
def test_covering_is_an_order(one, other, third):
    """Reflexive, transitive, and only equals cover each other; covering implies overlapping."""
    assert one.covers(one)
    if one.covers(other) and other.covers(third):
        assert one.covers(third)
    assert (one.covers(other) and other.covers(one)) == (one == other)
    if one.covers(other):
        assert one.overlaps(other)


@given(SCOPES)
def test_the_whole_sku_covers_its_parts(scope):
    """An absent field means "all"."""
    assert Scope(scope.sku).covers(scope)
    assert scope.covers(Scope(scope.sku)) == (scope.narrowing() == {})


@given(SCOPES, SCOPES)
def test_covering_is_stricter_with_each_sale(one, other):
    """What is not covered has a sale outside: the law can't be met by covering too much."""
    outside = Scope.of(other.sku, {name: getattr(other, name) or "c" for name in NARROWING})

    assert one.covers(outside) == one.covers(other)


@given(SCOPES)
def test_scopes_survive_json(scope):
    """As readers see it, a scope holds its SKU and what narrows it, and reads back the same."""
    plain = scope.as_dict()

    assert None not in plain.values()
    assert scope == Scope.of(plain["sku"], plain)
    assert scope.narrowing() == {key: value for key, value in plain.items() if key != "sku"}


def test_scopes_in_words():
    """The SKU alone, or with what narrows it."""
    assert "K-1" == str(Scope("K-1"))
    assert "K-1 (seller s, lot L2)" == str(Scope("K-1", seller="s", lot="L2"))
