"""Which changes of rules may freeze less than before: named ones, the way people make them."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from freezeguard.domain.rulechanges import HARMLESS, concerns_safety, loosenings
from freezeguard.domain.rules import Family, Rule, RuleScope, read_rule
from freezeguard.domain.signals import Kind

DAY = timedelta(days=1)
FIVE = Rule("five", 3, Family.DISTINCT_CUSTOMERS, 30 * DAY, 5, mode="armed", look=3)
RATE = Rule("rate", 1, Family.RATE, 30 * DAY, 0.05, mode="armed", min_units=200, min_customers=3)
RISEN = Rule("risen", 1, Family.LIKELIHOOD, 60 * DAY, 10_000, mode="armed", min_customers=3)
SAFE = Rule(
    "safe", 1, Family.SAFETY, 30 * DAY, 1, lane="safety", mode="armed", kinds=frozenset(Kind)
)
EVERY = (FIVE, RATE, RISEN, SAFE)
RARE = read_rule({"id": "rare", "family": "predictive", "mode": "armed"}, 1)
CONTRACT = read_rule(
    {"id": "contract", "family": "all_of", "mode": "armed", "parts": [
        {"family": "count", "bound": 4}, {"family": "rate", "bound": 0.1, "min_units": 9}]}, 1,
)  # fmt: skip


@pytest.mark.parametrize(
    ("old", "change"),
    [
        (FIVE, {}), (FIVE, {"bound": 4.0}), (FIVE, {"window": 60 * DAY}), (FIVE, {"look": 2}),
        (FIVE, {"kinds": frozenset(Kind)}), (replace(FIVE, look=None), {"look": 3}),
        (replace(FIVE, hold_scope=("sku", "lot")), {"hold_scope": ("sku",)}),
        (replace(FIVE, intents=frozenset({"smell"})), {"intents": frozenset({"smell", "noise"})}),
        (RATE, {"bound": 0.02}), (RATE, {"min_units": 100}), (RATE, {"min_customers": 0}),
        (RATE, {"kinds": frozenset(Kind)}),
        (replace(RATE, confidence=0.9), {"confidence": None}),
        (replace(RATE, confidence=0.9), {"confidence": 0.8}),
        (replace(FIVE, per_day=2), {"per_day": 3}), (replace(RATE, per_day=2), {"per_day": None}),
        (RARE, {"bound": 10.0}), (CONTRACT, {"version": 2}),
        (RISEN, {"bound": 5_000.0}), (RISEN, {"min_customers": 2}), (RISEN, {"look": 100.0}),
        (replace(FIVE, scope=RuleScope(category="garden")), {"scope": RuleScope()}),
    ],
)
def test_more_is_frozen_by_one_person(old: Rule, change: dict[str, Any]) -> None:
    """A lower bound, a longer window, more that counts: nobody else is needed for that."""
    assert () == loosenings([old], replace(old, **change))


@pytest.mark.parametrize(
    ("old", "change", "named"),
    [
        (FIVE, {"bound": 6.0}, "bound: 5 → 6"),
        (FIVE, {"window": 7 * DAY}, "window: 30d → 7d"),
        (FIVE, {"look": None}, "look: 3 → none"),
        (FIVE, {"look": 4}, "look: 3 → 4"),
        (FIVE, {"kinds": frozenset({Kind.RETURN})}, "kinds: complaint, return → return"),
        (FIVE, {"intents": frozenset({"defect"})}, "intents: none → defect"),
        (replace(FIVE, intents=frozenset({"delivery"})), {"intents": frozenset()}, "intents"),
        (FIVE, {"min_customers": 2}, "min_customers: 0 → 2"),
        (FIVE, {"hold_scope": ("sku", "lot")}, "hold_scope: sku → sku, lot"),
        (FIVE, {"family": Family.COUNT}, "family: distinct_customers → count"),
        (FIVE, {"lane": "safety"}, "lane: quality → safety"),
        (FIVE, {"mode": "shadow"}, "mode: armed → shadow"),
        (FIVE, {"mode": "off"}, "mode: armed → off"),
        (FIVE, {"scope": RuleScope(vendor="acme")}, "scope: everywhere → vendor acme"),
        (RATE, {"window": 60 * DAY}, "window: 30d → 60d"),
        (replace(RATE, hold_scope=("sku", "lot")), {"hold_scope": ("sku",)}, "hold_scope"),
        (RATE, {"min_units": 300}, "min_units: 200 → 300"),
        (RISEN, {"window": 90 * DAY}, "window: 60d → 90d"),
        (RISEN, {"kinds": frozenset(Kind)}, "kinds"),
        (RISEN, {"factor": 10.0}, "factor: 7 → 10"),
        (RISEN, {"bound": 20_000.0}, "bound: 10,000 → 20,000"),
        (SAFE, {"mode": "shadow"}, "mode: armed → shadow"),
        (RATE, {"confidence": 0.9}, "confidence: none → 0.9"),
        (FIVE, {"per_day": 2}, "per_day: none → 2"),
        (replace(FIVE, per_day=3), {"per_day": 2}, "per_day: 3 → 2"),
        (RARE, {"windows": ()}, "windows: 7d, 30d, 90d → none"),
        (CONTRACT, {"parts": (*CONTRACT.parts, FIVE)},
         "parts: count 4 in 30d, rate 0.1 in 30d → count 4 in 30d, rate 0.1 in 30d, distinct_c"),
    ],
)
def test_less_is_frozen_by_two(old: Rule, change: dict[str, Any], named: str) -> None:
    """Whatever may freeze less, or of which that is not known, is named for the second person."""
    [said] = loosenings([old], replace(old, **change))

    assert named in said


@pytest.mark.parametrize("old", EVERY, ids=lambda one: one.id)
def test_a_field_that_is_not_known_to_be_harmless_loosens(old: Rule) -> None:
    """Whichever field a rule gets in the future: until it is thought about, it takes two."""
    known = {"id", "version", "mode", "scope", *HARMLESS[old.family]}
    others: dict[str, Any] = {
        "window": old.window + DAY, "factor": 3.0, "lane": "safety", "kinds": frozenset(Kind),
        "family": Family.COUNT, "hold_scope": ("sku", "lot"), "min_units": old.min_units + 1,
        "intents": frozenset({"smell"}), "min_customers": 0,
    }
    others["lane"] = "quality" if old.lane == "safety" else "safety"
    others["family"] = Family.COUNT if old.family is not Family.COUNT else Family.SAFETY
    of_other_families = {"windows", "parts", "confidence", "per_day"}
    unknown = {one.name for one in fields(Rule)} - known - of_other_families

    assert unknown <= others.keys(), "a new field: think of it in HARMLESS, and name it here"
    for name in unknown:
        assert loosenings([old], replace(old, **{name: others[name]})), name


def test_a_shadow_rule_may_become_anything_that_replaces_nothing() -> None:
    """Nothing hangs on it: changed, switched off, or armed beside others, by one person."""
    shadow = replace(FIVE, id="calm", bound=50.0, mode="shadow")

    for mode in ("shadow", "off", "armed"):
        assert () == loosenings([FIVE, shadow], replace(shadow, mode=mode))
    assert () == loosenings([FIVE, shadow], replace(shadow, bound=9_000.0))


def test_a_nearer_rule_replaces_a_wider_one() -> None:
    """Nearest wins: to be armed or off nearby loosens, unless the nearer one freezes all of it."""
    near = replace(FIVE, id="near", scope=RuleScope(sku="K-1"))

    assert () == loosenings([FIVE], replace(near, bound=4.0))
    [looser] = loosenings([FIVE], replace(near, bound=6.0))
    [exempt] = loosenings([FIVE], replace(near, mode="off"))
    assert looser == "it replaces five where it applies (bound: 5 → 6)"
    assert exempt == "it exempts from five"
    assert () == loosenings([FIVE], replace(near, bound=6.0, mode="shadow"))
    assert () == loosenings([FIVE], replace(near, bound=6.0, family=Family.COUNT, look=None))
    assert () == loosenings([replace(FIVE, mode="shadow")], replace(near, mode="off"))
    # what replaced it already, replaces nothing new
    assert () == loosenings([FIVE, replace(near, mode="off")], replace(near, bound=99.0))


def test_a_rule_that_is_made_wider_may_give_way_to_others() -> None:
    """A rule of a vendor that becomes one for all is no longer nearest where a category has one."""
    vendor = replace(FIVE, id="acme", scope=RuleScope(vendor="acme"), bound=3.0, look=None)
    category = replace(FIVE, id="garden", scope=RuleScope(category="garden"), bound=10.0)

    assert ("in its new scope it gives way to garden",) == loosenings(
        [vendor, category], replace(vendor, scope=RuleScope())
    )
    assert () == loosenings([vendor], replace(vendor, scope=RuleScope()))


def test_what_concerns_safety() -> None:
    """The lane or the family, before the change or after it."""
    assert concerns_safety([SAFE], replace(SAFE, lane="quality", family=Family.COUNT))
    assert concerns_safety([], SAFE)
    assert not concerns_safety([SAFE, FIVE], replace(FIVE, bound=9.0))
