"""What may be said of an item: of which cases, in which words, and what is never said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from freezeguard.domain.knownissue import (
    WORDS,
    ContactTerms,
    IssueState,
    in_language,
    known_issue,
    words_for,
)
from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import FROZEN_PHASE, State

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
SKU = Scope("K-1")
DATE = datetime(2026, 12, 3, 23, 30, tzinfo=UTC)
TERMS = ContactTerms(zone=ZoneInfo("Europe/Berlin"))


def case(state: State, **changes: Any) -> Case:
    """Return a case that was opened and frozen yesterday."""
    plain = Case(
        uuid4(), SKU, state, "quality", "detector", NOW - timedelta(days=1), {}, number=1,
        frozen_at=None if state in {State.SUSPECTED, State.EXPIRED} else NOW - timedelta(hours=20),
        reinstated_at=NOW if state is State.PROBATION else None,
    )
    return replace(plain, **changes)


def promised(**changes: Any) -> dict[str, Any]:
    """Return a vendor's own date, as a case keeps it."""
    return {"date": DATE.isoformat(), "made_at": NOW.isoformat(), **changes}


@pytest.mark.parametrize(("about", "expected"), [
    *[(case(state), IssueState.STOPPED) for state in sorted({*FROZEN_PHASE, State.REINSTATING})],
    (case(State.PROBATION), IssueState.FIXED),
    (case(State.DELISTED, outcome="delisted"), IssueState.OFF_SALE),
    (case(State.APPEALED, outcome="delisted"), IssueState.OFF_SALE),
    (case(State.SUSPECTED), None),
    (case(State.REINSTATING, outcome="false_alarm"), None),
    (case(State.CLOSED_FALSE_ALARM, outcome="false_alarm"), None),
    (case(State.APPEALED, outcome="false_alarm"), None),
    (case(State.CLOSED_REINSTATED), None),
    (case(State.MERGED), None),
    (case(State.EXPIRED), None),
])  # fmt: skip
def test_what_is_known_is_what_was_decided(about, expected):
    """What two people or a rule have stopped is known; a suspicion and a false alarm are not."""
    found = known_issue([about], SKU, NOW, TERMS)

    assert expected == (None if found is None else found.state)


def test_a_shop_may_tell_of_suspicions():
    """Then in words of their own, which claim nothing."""
    terms = replace(TERMS, tell_suspicions=True)

    found = known_issue([case(State.SUSPECTED)], SKU, NOW, terms)

    assert found is not None
    assert (IssueState.SUSPECTED, NOW - timedelta(days=1)) == (found.state, found.since)
    assert WORDS["suspected"] == words_for(found, terms)


def test_the_gravest_of_several_is_told():
    """A stop before what is off sale, fixed or suspected; a strict lane before quality."""
    cases = [
        case(State.PROBATION, number=1),
        case(State.DELISTED, outcome="delisted", number=2),
        case(State.FROZEN, number=3),
        case(State.FROZEN, number=4, lane="safety"),
        case(State.FROZEN, number=5, opened_at=NOW - timedelta(days=9)),
    ]
    told = []
    while found := known_issue(cases, SKU, NOW, TERMS):
        told.append(found.case.number)
        cases.remove(found.case)

    assert [4, 5, 3, 2, 1] == told


def test_only_what_touches_the_question_counts():
    """A customer with lot L-8 hears nothing of lot L-7; one who does not know the lot does."""
    of_a_lot = case(State.FROZEN, scope=Scope("K-1", lot="L-7"))

    assert None is known_issue([of_a_lot], Scope("K-1", lot="L-8"), NOW, TERMS)
    for asked in (SKU, Scope("K-1", lot="L-7"), Scope("K-1", seller="s")):
        assert known_issue([of_a_lot], asked, NOW, TERMS) is not None
    merged = replace(of_a_lot, further_scopes=(Scope("K-1", lot="L-8"),))
    assert known_issue([merged], Scope("K-1", lot="L-8"), NOW, TERMS) is not None


@pytest.mark.parametrize(("changes", "expected"), [
    ({"commitment": promised()}, DATE),
    ({}, None),
    ({"commitment": promised(missed_at=NOW.isoformat())}, None),
    ({"commitment": promised(date=(NOW - timedelta(hours=1)).isoformat())}, None),
    ({"commitment": promised(), "lane": "safety"}, DATE),
    ({"commitment": promised(), "lane": "authority"}, None),
    ({"commitment": promised(), "state": State.DELISTED, "outcome": "delisted"}, None),
    ({"commitment": promised(), "state": State.PROBATION, "reinstated_at": NOW}, None),
])  # fmt: skip
def test_a_date_is_told_while_it_holds(changes, expected):
    """A date that was missed, has passed or lifts nothing is no date."""
    found = known_issue([case(**{"state": State.FROZEN, **changes})], SKU, NOW, TERMS)

    assert found is not None
    assert expected == found.fix_by
    said = words_for(found, TERMS)["en"]
    assert (expected is not None) == ("expected to be fixed by" in said)


def test_words_name_the_day_of_the_shop():
    """Half past eleven at night in UTC is the day after in Berlin."""
    found = known_issue([case(State.FROZEN, commitment=promised())], SKU, NOW, TERMS)

    assert found is not None
    assert {
        "en": f"{WORDS['quality']['en']} It is expected to be fixed by 2026-12-04; that date may "
              "still change.",
        "de": f"{WORDS['quality']['de']} Voraussichtlich ist es bis 2026-12-04 behoben; der Termin "
              "kann sich noch ändern.",
    } == words_for(found, TERMS)


@pytest.mark.parametrize("state", [State.FROZEN, State.PROBATION, State.DELISTED])
def test_where_people_may_get_hurt_a_caution_follows(state):
    """In every state, in every language."""
    outcome = "delisted" if state is State.DELISTED else None
    for lane in ("safety", "authority", "quality"):
        found = known_issue([case(state, lane=lane, outcome=outcome)], SKU, NOW, TERMS)
        assert found is not None
        for language, said in words_for(found, TERMS).items():
            assert (lane != "quality") == said.endswith(WORDS["caution"][language])


def test_a_cause_is_never_said():
    """Neither what the vendor proposes nor what staff or customers wrote."""
    told = case(
        State.REMEDY_PROPOSED, remedy={"cause": {"description": "SECRET"}},
        reason={"sentence": "SECRET", "comment": "SECRET"}, diagnosis={"why": "SECRET"},
        commitment=promised(made_by="SECRET"),
    )
    found = known_issue([told], SKU, NOW, TERMS)

    assert found is not None
    assert "SECRET" not in str(words_for(found, TERMS))


def test_a_shop_has_words_of_its_own():
    """In its language they replace what is built in; a new language says the rest in English."""
    terms = replace(TERMS, words={"quality": {"de": "Bekannt.", "fr": "C'est connu."}})
    found = known_issue([case(State.FROZEN, commitment=promised())], SKU, NOW, terms)

    assert found is not None
    said = words_for(found, terms)
    assert said["en"].startswith(WORDS["quality"]["en"])
    assert said["de"].startswith("Bekannt. Voraussichtlich")
    assert said["fr"] == (
        "C'est connu. It is expected to be fixed by 2026-12-04; that date may still change.")


@pytest.mark.parametrize(("asked", "expected"), [
    (None, {"en": "a", "de": "b"}), ("de", {"de": "b"}), ("de-AT", {"de": "b"}),
    ("fr", {"en": "a"}),
])  # fmt: skip
def test_one_language_is_enough(asked, expected):
    """The nearest one: of the same tongue, or English."""
    assert expected == in_language({"en": "a", "de": "b"}, asked)
    assert {} == in_language({"nl": "a"}, "fr")


def test_everything_is_built_in_in_both_languages():
    """No language of the notices is without words here."""
    assert {("de", "en")} == {tuple(sorted(texts)) for texts in WORDS.values()}
