"""A rule as a form and back: nothing is lost on the way, and what is wrong stands at its field."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from freezeguard.api.models.answers.rules import TrialOut, TriedSku
from freezeguard.domain.rules import read_rule
from freezeguard.notices.wording import Wording
from freezeguard.web import rulechart
from freezeguard.web.forms import Form
from freezeguard.web.ruleforms import (
    FAMILIES,
    differences,
    field_of,
    given_of,
    names_of,
    read,
    starting,
)
from freezeguard.web.rulewords import in_words

FULL = {
    "look": 2, "scope": {"category": "kitchen", "vendor": "acme"}, "kinds": ["complaint"],
    "intents": ["defect", "wrong_item"], "hold_scope": ["sku", "lot"], "mode": "armed",
}


def form(given: Mapping[str, Sequence[str]]) -> Form:
    return Form([(name, one) for name, every in given.items() for one in every])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_form_says_what_its_rule_says(family: str) -> None:
    """Of every family, as somebody begins with it, and with all that a rule may say."""
    full = {**starting(family), **FULL}
    if family == "rate":
        full |= {"look": 0.0125, "bound": 0.0175, "per_day": 3}
    if family in {"safety", "any_of", "all_of"}:
        del full["look"]
    for body in (starting(family), full):
        again = read(form(given_of(body)))

        assert not again.errors
        assert [] == differences(body, again.body)
        read_rule({**again.body, "id": "again"}, 1)


@pytest.mark.parametrize(("name", "typed", "at"), [
    ("bound", "many", "bound"), ("bound", "nan", "bound"), ("bound", "1e400", "bound"),
    ("bound", "", "bound"), ("window", "3.5", "window"), ("window", "-1", "window"),
    ("look", "x", "look"),
])
def test_what_is_no_number_is_said_at_its_field(name: str, typed: str, at: str) -> None:
    """And the rest is read all the same."""
    filled = read(form({**given_of(starting("distinct_customers")), name: [typed]}))

    assert {at} == set(filled.errors)
    assert "shadow" == filled.body["mode"]


@pytest.mark.parametrize(("family", "pointer", "at"), [
    ("count", "/bound", "bound"), ("count", "/scope/category", "scope.category"),
    ("count", "/kinds/0", "kinds"), ("predictive", "/windows/2", "windows"),
    ("predictive", "/window", "windows"), ("all_of", "/parts/1/min_units", "parts.1.min_units"),
    ("all_of", "/parts", "parts"), ("count", "/unheard", None), ("count", "", None),
])
def test_pointers_lead_to_fields(family: str, pointer: str, at: str | None) -> None:
    """What the API says of a place in a rule stands at the field that it came from."""
    assert at == field_of(pointer, names_of(starting(family)))


def test_what_differs_is_named_and_nothing_else() -> None:
    """What is left out and meant anyway is no difference; what is within parts is found."""
    before = {"family": "count", "bound": 5, "window": "30d"}
    assert [] == differences(before, {**before, "mode": "shadow", "look": None, "lane": "quality"})
    [bound] = differences(before, {**before, "bound": 7})
    assert ("bound", "5", "7") == (bound.name, bound.before, bound.after)
    parts = starting("all_of")
    changed = {**parts, "parts": [parts["parts"][0], {**parts["parts"][1], "min_units": 50}]}
    [units] = differences(parts, changed)
    assert ("part 2 min_units", "200", "50") == (units.name, units.before, units.after)


def test_every_rule_can_be_said() -> None:
    """A rule of any family, with what it means where it leaves something out."""
    for family in FAMILIES:
        said = in_words(starting(family))
        assert said.startswith("It only notes that it would stop an item, when ")
        assert "{" not in said
    assert "2 % or more of the units shipped within 30 days" in in_words(starting("rate"))
    assert " and 2 % or more of the units" in in_words(starting("all_of"))
    assert "10,000 to 1" in in_words({"family": "likelihood"})


def trial(*items: TriedSku, days: int = 30) -> TrialOut:
    until = datetime(2026, 11, 27, tzinfo=UTC)
    return TrialOut(
        since=until - timedelta(days=days), until=until, would_freeze=1, confirmed=1,
        false_alarms=0, undecided=0, only_here=0, missed=1, spared=0, items=list(items),
        looked_at=2, next=None,
    )


def tried(sku: str, said: int | None, stopped: int | None, ended: str | None) -> TriedSku:
    until = datetime(2026, 11, 27, tzinfo=UTC)
    moments = [None if ago is None else until - timedelta(days=ago) for ago in (said, stopped)]
    return TriedSku(sku=sku, would_freeze_at=moments[0], stopped_at=moments[1],
                    stopped_by=stopped and "rule", case=stopped, ended=ended, days_earlier=None,
                    why=None)


@pytest.mark.parametrize("days", [30, 90, 365])
def test_a_trial_is_drawn(days: int) -> None:
    """A bar above the line for what it would have stopped, one below for what it missed."""
    words = Wording("en", "UTC")
    some = [tried("A", 5, 3, "confirmed"), tried("B", None, 9, "confirmed"),
            tried("C", None, 9, "false_alarm"), tried("D", None, 2, None)]
    drawn = ET.fromstring(rulechart.draw(trial(*some, days=days), words))  # noqa: S314
    classes = sorted(one.get("class") for one in drawn.iter("rect"))

    assert ["tried-confirmed", "tried-missed"] == classes
    assert ["confirmed", "missed", "spared", "silent"] == [rulechart.outcome(one) for one in some]
    assert "It would have stopped 1: 1 defect, 0 false alarms" in drawn.get("aria-label")
