"""What is called tightening freezes no less: on random rules, changes and streams."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from freezeguard.detection.evaluation import Evidence, crossings
from freezeguard.domain.reasons import Crossing
from freezeguard.domain.rulechanges import loosenings
from freezeguard.domain.rules import Family, Rule, RuleScope, applicable
from tests.detection.streams import COUNTING, SHIPMENTS, SKU, STREAMS, rules, signal

SCOPES = st.sampled_from([
    RuleScope(), RuleScope(), RuleScope(category="c"), RuleScope(vendor="v"),
    RuleScope(sku="K-1"), RuleScope(category="c", vendor="v"), RuleScope(sku="other"),
])
MODES = st.sampled_from(["armed", "armed", "armed", "off", "shadow"])


@st.composite
def changed(draw: st.DrawFn, base: Rule) -> Rule:
    """Draw a rule that differs from another one in a few fields, rather by freezing more."""
    other = draw(rules((base.family,)))
    changes: dict[str, Any] = {}
    for name in draw(st.sets(st.sampled_from(
        ["bound", "window", "look", "kinds", "intents", "hold_scope", "min_units",
         "min_customers"]), max_size=4)):
        changes[name] = getattr(other, name)
    found = replace(base, **{**changes, "look": None})
    look = changes.get("look", base.look)
    return found if look is None or look >= found.bound else replace(found, look=look)


@st.composite
def rulebooks(draw: st.DrawFn) -> tuple[list[Rule], Rule]:
    """Draw some rules of one family and lane, and a new one or a new version of one of them."""
    first = draw(rules(COUNTING))
    named = [first, *(draw(changed(first)) for _ in range(draw(st.integers(0, 2))))]
    book = [
        replace(one, id=f"r{n}", scope=draw(SCOPES), mode=draw(MODES))
        for n, one in enumerate(named)
    ]
    before = draw(st.sampled_from(book))
    new = replace(draw(changed(before)), mode=draw(MODES))
    new = replace(new, scope=draw(st.sampled_from([before.scope, draw(SCOPES)])))
    return book, replace(new, id=draw(st.sampled_from([before.id, "new"])), version=2)


def freezes(book: list[Rule], vendor: str, category: str, evidence: Evidence) -> list[Crossing]:
    """Return what armed rules would freeze of the SKU of the streams."""
    return [
        one
        for rule in applicable(book, SKU.sku, vendor, category) if rule.mode == "armed"
        for one in crossings(rule, evidence) if one.bound_kind == "freeze"
    ]


def moment(one: Crossing) -> tuple[datetime, str, str]:
    """Return the place of a crossing in the order in which signals count."""
    return one.crossed_by.occurred_at, one.crossed_by.source, one.crossed_by.id


@given(rulebooks(), STREAMS, SHIPMENTS)
def test_what_tightens_freezes_no_less_and_no_later(
    drawn: tuple[list[Rule], Rule], stream: list[Any], shipped: list[Any]
) -> None:
    """For every SKU, whatever vendor and category it has, each freeze has one that covers it."""
    book, new = drawn
    assume(not loosenings(book, new))
    after = [one for one in book if one.id != new.id] + [new]
    evidence = Evidence(stream, shipped)

    for vendor, category in product("vw", "cd"):
        now = freezes(after, vendor, category, evidence)
        for one in freezes(book, vendor, category, evidence):
            assert any(
                other.scope.covers(one.scope) and moment(other) <= moment(one)
                for other in now
            ), (vendor, category, one)


DAYS = st.lists(
    st.tuples(st.integers(0, 120), st.sampled_from([b"ann", b"ben", b"col", b"dee", b"eve"])),
    min_size=3, max_size=25,
)


@given(
    DAYS, st.floats(2, 1e5), st.floats(0.05, 1.5), st.integers(0, 4), st.integers(-2, 2),
    st.sampled_from([None, 1.5]),
)
def test_a_likelihood_that_tightens_freezes_no_later(
    days: list[tuple[int, bytes]], bound: float, share: float, customers: int, more: int,
    look: float | None,
) -> None:
    """Its bound and its customers are all that may differ, and then only downwards."""
    old = Rule(
        "risen", 1, Family.LIKELIHOOD, timedelta(days=60), bound, mode="armed",
        min_customers=customers,
    )
    assume(bound * share > 1.5)
    new = replace(old, bound=bound * share, min_customers=max(0, customers + more), look=look)
    assume(not loosenings([old], new))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    stream = [
        signal(0, f"{n}", customer=who, occurred_at=start + timedelta(days=day, seconds=n))
        for n, (day, who) in enumerate(days)
    ]

    before, now = (freezes([one], "v", "c", Evidence(stream)) for one in (old, new))

    for one in before:
        assert any(moment(other) <= moment(one) for other in now)
