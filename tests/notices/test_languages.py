"""Languages: German as German readers write it, and nothing of English left in another language."""

import re
import tomllib
from importlib.resources import files
from typing import Any

import pytest

from freezeguard.notices import wording
from freezeguard.notices.render import render
from tests.notices.samples import OBJECT, PULL_REASON, RATE_REASON, RULE_REASON, SAMPLES, VARIANTS

ENGLISH = re.compile(
    r"\b(the|of|and|is|are|not|sale|stopped|please|you|your|we|case|with|from|until|who)\b",
    re.IGNORECASE,
)
SAME_IN_BOTH = {
    "language.months", "subject.case", "statement.catalogue", "statement.catalogue_level",
    "label.name", "branch.material", "frozen_confirmed.line_unseen", "degraded.line",
    "degraded.line_at", "digest.numbered", "chat.slack", "chat.teams", "language.time", "zone.CET",
    "zone.CEST",
}


def said(kind: str, facts: dict[str, Any], language: str = "de") -> str:
    """Return the text of a notice on one line, as a reader in Vienna gets it."""
    notice = render(kind, facts, language=language, time_zone="Europe/Vienna")
    return " ".join(notice.text.split())


@pytest.mark.parametrize(
    ("asked", "given"),
    [("de", "de"), ("de-AT", "de"), ("de_CH", "de"), ("DE", "de"), ("fr", "en"), ("nds", "en")],
)
def test_the_readers_language_is_chosen(asked: str, given: str) -> None:
    """A variety of a language gets that language; a language without words gets English."""
    notice = render("closed", SAMPLES["closed"], language=asked, time_zone="UTC")

    assert f'<html lang="{given}">' in notice.html


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("frozen_confirmed", "Gestoppt seit: Samstag, 22. November 2025, 14:05 Uhr MEZ (UTC+01:"),
        ("statement_of_reasons", "Im Zeitraum versandte Stück: 1.220"),
        ("statement_of_reasons", "Zeitraum: 30 Tage"),
        ("refrozen", "Beschwerden je versandtem Stück: 0,92 %"),
        ("clock_warning", "Verstrichene Zeit: 80 %"),
        ("released", "Bis dahin zu versendende Stück: 200"),
        ("statement_of_reasons", "Ein Mensch antwortet Ihnen innerhalb von 2 Arbeitstagen."),
        ("closed", "Alle Zeiten gelten in der Zeitzone Europe/Vienna."),
    ],
)
def test_german_dates_and_numbers(kind: str, expected: str) -> None:
    """Weekday, day with a full stop, 24 hours and Uhr; comma for decimals, stop for thousands."""
    assert expected in said(kind, SAMPLES[kind])


def test_german_summer_time() -> None:
    """The zone is named as in Germany, and told by its offset."""
    say = wording.Wording("de", "Europe/Berlin")

    assert "Sonntag, 26. Oktober 2025, 02:30 Uhr MESZ (UTC+02:00)" == say.time(
        "2025-10-26T00:30:00Z"
    )


@pytest.mark.parametrize("language", [one for one in wording.languages() if one != "en"])
def test_a_language_has_no_english_left(language: str) -> None:
    """No sentence of another language is the English one, or has an English function word."""
    english, other = wording._words("en"), wording._words(language)
    for table, words in other.items():
        for key, sentence in words.items():
            name = f"{table}.{key}"
            if name in SAME_IN_BOTH or not isinstance(sentence, str):
                continue
            bare = re.sub(r"\{\w+\}", "", sentence)
            assert not (ENGLISH.search(bare) and language == "de"), name
            if len(bare.split()) > 1:
                assert english[table][key] != sentence, name


@pytest.mark.parametrize("language", wording.languages())
def test_every_language_has_the_calendar_and_both_forms(language: str) -> None:
    """Twelve months, seven weekdays, and for each count a form for one and for many."""
    words = wording._words(language)

    assert (12, 7) == (len(words["language"]["months"]), len(words["language"]["weekdays"]))
    for unit in words["duration"].values():
        assert {"one", "other"} == set(unit)
    for table in words.values():
        for key, forms in table.items():
            if isinstance(forms, dict):
                assert {"one", "other"} == set(forms), key


def test_templates_have_no_words() -> None:
    """All words of a letter come from the language: its templates have none of their own."""
    folder = files("freezeguard.notices").joinpath("templates")
    for one in folder.iterdir():
        written = one.read_text(encoding="utf-8")
        bare = re.sub(r"{%.*?%}|{{.*?}}|<[^>]*>", " ", written, flags=re.DOTALL)
        assert [] == re.findall(r"[A-Za-z]{2,}", bare), one.name


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (RULE_REASON, "5 verschiedene Kunden haben sich beschwert (Zeitraum 30 Tage, Schwelle 5)."),
        (
            RATE_REASON,
            "zu 0,92 % (Zeitraum 30 Tage, Schwelle 0,5 %). Die Schwelle ist verschärft, weil",
        ),
        ({**RULE_REASON, "family": "safety"}, "eine Meldung genügt."),
        (PULL_REASON, "Der Artikel wurde als gefährlich gemeldet."),
        ({**RULE_REASON, "family": "maxsprt"}, "5 different customers complained"),
        (
            {**RULE_REASON, "observed": 20, "bound": 20, "details": {"of_one_hand": "customer"}},
            "Ein einziger Kunde hat sich 20-mal beschwert (gezeigt ab 20).",
        ),
        (
            {**RULE_REASON, "observed": 10, "bound": 10, "details": {"of_one_hand": "text"}},
            "10 Beschwerden gleichen sich",
        ),
        (
            {**RULE_REASON, "family": "likelihood", "observed": 22, "bound": 2,
             "details": {"surplus": 20}},
            "An einem einzigen Tag gab es 22 Beschwerden, wo selbst ein Fehler höchstens 2",
        ),
        (
            {**RULE_REASON, "details": {"set_aside": {"text": 3}, "rest_is_enough": False}},
            "Aber 3 davon gleichen anderen, und ohne sie reicht es nicht",
        ),
        (
            {**RULE_REASON, "details": {"set_aside": {"text": 3}, "rest_is_enough": True}},
            "3 weitere gleichen ihnen und wurden nicht gezählt.",
        ),
        ({**PULL_REASON, "reason_code": "mouldy"}, "was reported as a safety hazard."),
    ],
)
def test_the_reason_is_told_in_the_readers_language(
    reason: dict[str, Any], expected: str
) -> None:
    """Made anew from its figures; a kind that the language does not know is quoted as stored."""
    assert expected in said("suspected", {**SAMPLES["suspected"], "reason": reason})


def test_an_english_instruction_is_marked_as_such() -> None:
    """The usual instruction in the reader's language, and the original beside it."""
    text = said("manual_task", SAMPLES["manual_task"])

    assert "Stoppen Sie den Verkauf des genannten Objekts" in text
    assert f"Anweisung im Original: {OBJECT['instruction']}" in text


@pytest.mark.parametrize("name", VARIANTS)
def test_every_kind_is_told_in_german(name: str) -> None:
    """Each kind greets, names its contact and says where it came from, in German."""
    text = said(VARIANTS[name][0], VARIANTS[name][1])

    assert text.startswith("Guten Tag")
    assert "Ihr Ansprechpartner" in text
    assert "Automatisch versandt von Example Shop." in text


def test_the_laws_that_come_along_are_told_in_german() -> None:
    """Names and duties of the laws that freezeguard knows are in the reader's words."""
    laws = tomllib.loads(files("freezeguard.calendars").joinpath("law.toml").read_text())["clocks"]
    for law in laws:
        facts = {**SAMPLES["legal_clock"], "law": law["law"], "what": law["sentence"]}
        text = said("legal_clock", facts)
        assert law["sentence"] not in text
        assert not re.search(r"Regulation|Article|hours|days\)", text)


def test_a_law_that_a_shop_has_set_itself_is_quoted() -> None:
    """What no table knows is told as it is written."""
    facts = {**SAMPLES["legal_clock"], "law": "ProdSG § 6", "what": "Ring the bell."}

    assert "Rechtsgrundlage: ProdSG § 6" in said("legal_clock", facts)
    assert "Ring the bell." in said("legal_clock", facts)


def test_news_that_void_an_approval_are_told_in_german() -> None:
    """The sentences that the detector stores become the reader's."""
    text = said("approval_voided", SAMPLES["approval_voided"])

    assert "neue Charge L2025-0401" in text
    assert "die Schwere ist gestiegen auf kritisch" in text


@pytest.mark.parametrize("due", ["2025-11-28T23:00:00+00:00", "2025-11-28T22:59:59+00:00"])
def test_a_deadline_at_midnight_is_the_end_of_its_day(due: str) -> None:
    """In the reader's zone: nobody has to ask which of two days midnight belongs to."""
    facts = {**SAMPLES["review_due"], "due": due}

    assert "Freitag, 28. November 2025, 24:00 Uhr MEZ" in said("review_due", facts)
    assert "Friday 28 November 2025, end of the day, CET" in said("review_due", facts, "en")


def test_one_customer_is_one() -> None:
    """A sentence with a number has a form for one."""
    facts = {**SAMPLES["suspected"], "reason": {**RULE_REASON, "observed": 1, "bound": 1}}

    assert "1 Kunde hat sich beschwert" in said("suspected", facts)


def test_a_complaint_an_appeal_and_an_objection_have_a_word_each() -> None:
    """Customers have a Beschwerde, a vendor a Widerspruch, and after the end an Einspruch."""
    assert "Beschwerde" not in said("delisted", SAMPLES["delisted"])
    assert "Einspruch" in said("delisted", SAMPLES["delisted"])
    statement = said("statement_of_reasons", SAMPLES["statement_of_reasons"])
    assert "Einspruch" not in statement
    assert "Widersprechen Sie" in statement


def test_a_reader_who_stands_in_is_told_so() -> None:
    """Who gets somebody else's notice learns why."""
    text = said("degraded", {**SAMPLES["degraded"], "instead_of": "Sam Roe"}, "en")

    assert "mail to Sam Roe did not arrive and you stand in" in text


def test_the_address_for_answers_is_told() -> None:
    """Where answers reach the case, the notice says so; elsewhere it does not."""
    facts = SAMPLES["update"]
    silent = {key: value for key, value in facts.items() if key != "reply_to"}

    assert "(quality+1042@shop.example) is added to case FG-1042" in said("update", facts, "en")
    assert "is added to case" not in said("update", silent, "en")
