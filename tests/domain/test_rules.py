"""Rules: what makes one, how windows are written, which of several apply."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.errors import InvalidInput
from freezeguard.domain.rules import (
    COMBINING,
    Family,
    Rule,
    RuleScope,
    applicable,
    format_window,
    parse_window,
    read_rule,
    refuse_what_never_speaks,
    rule_body,
)
from freezeguard.domain.signals import Kind

MONTH = timedelta(days=30)
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
TEN_YEARS = 3_660 * 86_400


def _rule(name: str = "r", **changes: Any) -> Rule:
    body: dict[str, Any] = {
        "id": name, "version": 1, "family": Family.COUNT, "window": MONTH, "bound": 5.0,
        "mode": "armed",
    }
    return Rule(**(body | changes))


PART = _rule()
WEEK = _rule(window=timedelta(days=7))
SAFETY = _rule(family=Family.SAFETY, bound=1.0)

# --------------------------------------------------------------------------------- windows


@given(st.integers(1, 999_999), st.sampled_from(sorted(UNITS)))
def test_windows_survive_being_written(number, unit):
    """What can be read is written so that it reads the same again; ten years is the limit."""
    text, seconds = f"{number}{unit}", number * UNITS[unit]
    if seconds > TEN_YEARS:
        with pytest.raises(InvalidInput, match="ten years"):
            parse_window(text)
        return

    window = parse_window(text)

    assert seconds == window.total_seconds()
    assert window == parse_window(format_window(window))
    assert format_window(window) == format_window(parse_window(format_window(window)))


@pytest.mark.parametrize(
    "text",
    ["", "30", "d", "0d", "-1d", "1.5d", "30D", "30 d", " 30d", "30d\n", "1d12h", "٣d", "1000000s"],
)
def test_what_is_no_window_is_refused_with_an_example(text):
    """Anything but a whole number and a unit is answered with how to write one."""
    with pytest.raises(InvalidInput, match="as in 30d") as refused:
        parse_window(text)
    assert "/window" == refused.value.pointer


def test_windows_are_written_in_the_largest_unit():
    """Days before hours before minutes before seconds."""
    written = [format_window(timedelta(seconds=n)) for n in (1_209_600, 7_200, 5_400, 61)]

    assert ["14d", "2h", "90m", "61s"] == written


# ---------------------------------------------------------------------------- what is a rule


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"window": timedelta(0)}, "/window"),
        ({"bound": 0.0}, "/bound"),
        ({"look": 5.0}, "/look"),
        ({"look": 0.0}, "/look"),
        ({"family": Family.RATE, "bound": 1.5, "min_units": 10}, "/min_units"),
        ({"family": Family.RATE, "bound": 0.5}, "/min_units"),
        ({"hold_scope": ("lot",)}, "/hold_scope"),
        ({"hold_scope": ("sku", "colour")}, "/hold_scope"),
        ({"lane": "authority"}, "/lane"),
        ({"family": Family.PREDICTIVE, "bound": 1.0}, "/bound"),
        ({"family": Family.LAUNCH, "bound": 9.0, "look": 1.0}, "/look"),
        ({"family": Family.LAUNCH, "bound": 9.0, "min_customers": 101}, "/min_customers"),
        ({"windows": (timedelta(days=7),)}, "/windows"),
        ({"family": Family.POSTERIOR, "windows": (MONTH,)}, "/windows"),
        ({"confidence": 0.9}, "/confidence"),
        ({"family": Family.RATE, "bound": 0.5, "min_units": 9, "confidence": 1.0}, "/confidence"),
        ({"per_day": 0}, "/per_day"),
        ({"family": Family.LIKELIHOOD, "bound": 9.0, "per_day": 2}, "/per_day"),
        ({"family": Family.ALL_OF, "bound": 1.0}, "/parts"),
        ({"parts": (PART, PART)}, "/parts"),
        ({"family": Family.ALL_OF, "parts": (PART, PART)}, "/bound"),
        ({"family": Family.ALL_OF, "bound": 1.0, "look": 0.5, "parts": (PART, PART)}, "/look"),
        ({"family": Family.ANY_OF, "bound": 1.0, "parts": (WEEK, WEEK)}, "/window"),
        (
            {"family": Family.ANY_OF, "bound": 1.0, "min_customers": 2, "parts": (PART, PART)},
            "/min_customers",
        ),
        ({"family": Family.ANY_OF, "bound": 1.0, "parts": (PART, SAFETY)}, "/parts/1/family"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(changes, pointer):
    """The answer points at the field that has to change."""
    with pytest.raises(InvalidInput) as refused:
        _rule(**changes)
    assert pointer == refused.value.pointer


def test_a_rule_is_read_from_its_json():
    """Every field of the contract arrives; what is absent has the documented default."""
    whole = read_rule(
        {
            "id": "r-1", "family": "rate", "window": "6h", "bound": 0.02, "look": 0.01,
            "min_units": 100, "min_customers": 3, "kinds": ["return"], "intents": ["smell"],
            "hold_scope": ["sku", "lot"], "scope": {"vendor": "acme"}, "lane": "safety",
            "mode": "armed",
        },
        7,
    )

    assert Rule(
        "r-1", 7, Family.RATE, timedelta(hours=6), 0.02, "safety", "armed",
        RuleScope(vendor="acme"), frozenset({Kind.RETURN}), frozenset({"smell"}), 0.01, 100, 3,
        ("sku", "lot"),
    ) == whole


def test_the_defaults_of_a_rule():
    """Thirty days, complaints and returns, shadow; a safety rule takes one signal of any kind."""
    plain = read_rule({"id": "r", "family": "count", "bound": 5}, 1)
    safety = read_rule({"id": "s", "family": "safety"}, 1)

    assert (MONTH, "quality", "shadow", frozenset({Kind.COMPLAINT, Kind.RETURN})) == (
        plain.window, plain.lane, plain.mode, plain.kinds
    )
    assert (1.0, "safety", frozenset(Kind)) == (safety.bound, safety.lane, safety.kinds)


def test_several_windows_and_parts_are_read():
    """The longest window is the rule's; parts have what they measure, all else is the whole's."""
    several = read_rule({"id": "p", "family": "predictive"}, 1)
    one = read_rule({"id": "p", "family": "predictive", "window": "14d"}, 1)
    both = read_rule(
        {"id": "p", "family": "posterior", "window": "14d", "windows": ["7d", "60d"]}, 1
    )
    whole = read_rule(CONTRACT, 1)

    assert [90, 14, 60, 60] == [rule.window.days for rule in (several, one, both, whole)]
    assert [(7, 30), (), (7, 14), ()] == [
        tuple(window.days for window in rule.windows) for rule in (several, one, both, whole)
    ]
    assert [(Family.DISTINCT_CUSTOMERS, 5), (Family.RATE, 0.02)] == [
        (part.family, part.bound) for part in whole.parts
    ]
    assert (1, 5, True) == (whole.bound, whole.needs_customers, whole.needs_units)
    assert [False, True] == [rule.has_a_bound for rule in (whole, several)]


@pytest.mark.parametrize(
    "body",
    [
        {"family": "count", "window": "30d", "bound": 63, "per_day": 2},
        {"family": "distinct_customers", "window": "36h", "bound": 4, "per_day": 1},
        {"family": "rate", "window": "7d", "bound": 0.1, "min_units": 5, "min_customers": 17,
         "per_day": 2},
        {"family": "rate", "window": "1d", "bound": 0.5, "min_units": 100, "per_day": 1},
        {"family": "all_of", "parts": [{"family": "count", "window": "7d", "bound": 9,
                                        "per_day": 1}, {"family": "count"}]},
    ],
)  # fmt: skip
def test_a_limit_of_days_must_let_a_rule_speak(body: dict[str, Any]) -> None:
    """A rule that could never be crossed is refused where it is written down; one less is fine."""
    stored = read_rule({"id": "r", **body}, 1)  # what was taken once is read for ever
    with pytest.raises(InvalidInput, match="can't be reached") as refused:
        refuse_what_never_speaks(stored)
    assert refused.value.pointer == ("/parts/0/per_day" if "parts" in body else "/per_day")
    lower = {name: body[name] - 1 for name in ("bound", "min_customers") if body.get(name, 0) > 1}
    if lower:
        one_less = read_rule({"id": "r", **body, **lower}, 1)
        assert one_less == refuse_what_never_speaks(one_less)


CONTRACT = {
    "id": "contract", "family": "all_of", "parts": [
        {"family": "distinct_customers", "bound": 5, "per_day": 2},
        {"family": "rate", "window": "60d", "bound": 0.02, "min_units": 200, "confidence": 0.9},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        CONTRACT, {**CONTRACT, "family": "any_of", "intents": ["smell"]},
        *({"family": family, "id": "r"} for family in Family if family not in COMBINING
          and family is not Family.RATE),
        {"id": "r", "family": "posterior", "windows": ["6h", "30d"], "look": 1.5},
    ],
)  # fmt: skip
def test_a_rule_survives_being_written(body):
    """What is written reads the same again: a tuned rule is stored as it was tuned."""
    rule = read_rule(body, 3)

    assert rule == read_rule(rule_body(rule), 3)


def test_what_is_wrong_with_a_part_is_named_in_its_place():
    """The answer points into the parts."""
    body = {**CONTRACT, "parts": [{"family": "count"}, {"family": "rate", "bound": 0.1}]}
    with pytest.raises(InvalidInput) as refused:
        read_rule(body, 1)
    assert "/parts/1/min_units" == refused.value.pointer


@pytest.mark.parametrize(("family", "asked"), [("any_of", 2), ("all_of", 5)])
def test_how_many_customers_parts_ask_for(family, asked):
    """All of them the most that any part does, any of them the least."""
    parts = [
        {"family": "distinct_customers", "bound": 5},
        {"family": "cusum", "min_customers": 2},
    ]
    rule = read_rule({"id": "r", "family": family, "parts": parts}, 1)

    assert (asked, False) == (rule.needs_customers, rule.needs_units)


# ----------------------------------------------------------------------------- nearest wins

EVERYWHERE = _rule("everywhere")
CATEGORY = _rule("category", scope=RuleScope(category="kettles"))
VENDOR = _rule("vendor", scope=RuleScope(vendor="acme"))
SKU = _rule("sku", scope=RuleScope(sku="K-1"))


def _ids(*rules: Rule, sku: str = "K-1") -> set[str]:
    return {one.id for one in applicable(rules, sku, "acme", "kettles")}


def test_the_nearest_scope_wins():
    """SKU before vendor before category before everywhere, each replacing all wider ones."""
    assert {"everywhere"} == _ids(EVERYWHERE)
    assert {"category"} == _ids(EVERYWHERE, CATEGORY)
    assert {"vendor"} == _ids(CATEGORY, VENDOR, EVERYWHERE)
    assert {"sku"} == _ids(VENDOR, SKU, CATEGORY, EVERYWHERE)
    assert {"vendor"} == _ids(VENDOR, SKU, CATEGORY, EVERYWHERE, sku="K-2")


def test_a_scope_is_all_that_it_names():
    """A rule for a vendor's toys is not for its kettles."""
    toys = _rule("toys", scope=RuleScope(vendor="acme", category="toys"))

    assert {"everywhere"} == _ids(EVERYWHERE, toys)
    assert [0, 1, 2, 3] == [one.scope.nearness for one in (EVERYWHERE, CATEGORY, VENDOR, SKU)]
    assert 2 == toys.scope.nearness


def test_an_off_rule_exempts():
    """Off for one SKU silences the wider rules of its family and lane, and no others."""
    off = _rule("off", mode="off", scope=RuleScope(sku="K-1"))
    safety = _rule("safety", lane="safety")
    customers = _rule("customers", family=Family.DISTINCT_CUSTOMERS)

    assert {"safety", "customers"} == _ids(EVERYWHERE, CATEGORY, off, safety, customers)
    assert {"category", "safety", "customers"} == _ids(
        EVERYWHERE, CATEGORY, off, safety, customers, sku="K-2"
    )


def test_shadow_rules_neither_replace_nor_are_replaced():
    """They only record: a shadow near by leaves the armed one in force, and is kept beside it."""
    shadow = _rule("shadow", mode="shadow", scope=RuleScope(sku="K-1"))
    far = _rule("far", mode="shadow")

    assert {"everywhere", "shadow"} == _ids(EVERYWHERE, shadow)
    assert {"sku", "far"} == _ids(SKU, far, EVERYWHERE)


def test_rules_of_one_nearness_apply_together():
    """Two windows of one family at the same place are both evaluated."""
    week = _rule("week", window=timedelta(days=7))

    assert {"everywhere", "week"} == _ids(EVERYWHERE, week)


RULES = st.lists(
    st.builds(
        lambda number, family, lane, mode, category, vendor, sku: _rule(
            f"r{number}", family=family, lane=lane, mode=mode,
            scope=RuleScope(category, vendor, sku),
        ),
        st.integers(0, 99),
        st.sampled_from([Family.COUNT, Family.DISTINCT_CUSTOMERS]),
        st.sampled_from(["quality", "safety"]),
        st.sampled_from(["armed", "shadow", "off"]),
        st.sampled_from([None, "kettles", "toys"]),
        st.sampled_from([None, "acme", "rival"]),
        st.sampled_from([None, "K-1", "K-2"]),
    ),
    max_size=8,
)


@given(RULES)
def test_what_applies_by_its_definition(rules):
    """A rule applies if it matches, is not off, and no nearer armed or off rule replaces it."""
    matching = [
        one
        for one in rules
        if one.scope.sku in (None, "K-1")
        and one.scope.vendor in (None, "acme")
        and one.scope.category in (None, "kettles")
    ]
    expected = [
        one
        for one in matching
        if one.mode == "shadow"
        or (
            one.mode == "armed"
            and not any(
                other.mode != "shadow"
                and (other.family, other.lane) == (one.family, one.lane)
                and other.scope.nearness > one.scope.nearness
                for other in matching
            )
        )
    ]

    assert expected == list(applicable(rules, "K-1", "acme", "kettles"))
