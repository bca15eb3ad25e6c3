"""The words of vendors' pages: complete in every language, and no English left in another."""

import re
import tomllib
from importlib.resources import files
from typing import Any, get_args

import pytest

from freezeguard.api.models.commands import arguments_of
from freezeguard.api.models.webhooks import DeliveryOut, WebhookEndpointOut
from freezeguard.domain.acts.endings import NEW_FACTS
from freezeguard.domain.history import BESIDE
from freezeguard.domain.remedy import BRANCHES, missing_in_remedy
from freezeguard.domain.transitions import Command, State
from freezeguard.notices.wording import Wording, languages
from freezeguard.services.vendorsview import ASKED_OF_VENDORS, VENDORS_CLOCKS
from freezeguard.web.commandforms import inputs_of
from freezeguard.web.portal.casepages import DEEDS
from freezeguard.web.portal.wording import GUARDS, PortalWords, accepted_language
from tests.notices.test_languages import ENGLISH

SAME = {"hook.title", "page.webhooks", "actor.shop", "actor.system"}


def tables(language: str) -> dict[str, dict[str, Any]]:
    path = files("freezeguard.web").joinpath("words", f"{language}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def shape(language: str) -> dict[str, Any]:
    """Return every sentence by its name, as the places that it has."""
    found = {}
    for table, words in tables(language).items():
        for key, sentence in words.items():
            forms = sentence if isinstance(sentence, dict) else {"": sentence}
            for form, text in forms.items():
                found[f"{table}.{key}.{form}"] = sorted(set(re.findall(r"\{(\w+)\}", text)))
    return found


@pytest.mark.parametrize("language", languages())
def test_every_language_has_the_same_words_and_places(language: str) -> None:
    """The languages of notices are those of pages: no vendor reads a page in another one."""
    assert shape("en") == shape(language)


def test_german_has_no_english_left() -> None:
    """No sentence is the English one, or has an English function word."""
    english = tables("en")
    for table, words in tables("de").items():
        for key, sentence in words.items():
            if f"{table}.{key}" in SAME or isinstance(sentence, dict):
                continue
            assert not ENGLISH.search(re.sub(r"\{\w+\}", "", sentence)), f"{table}.{key}"
            assert len(sentence.split()) < 3 or sentence != english[table][key], f"{table}.{key}"


def test_there_are_words_for_all_that_a_page_may_name() -> None:
    """States, commands, clocks, branches, fields and guards."""
    english = tables("en")

    assert {one.value for one in State} < set(english["next"])
    assert {one.value for one in Command} | {"news"} | BESIDE == set(english["done"])
    assert {one.value for one in DEEDS} == set(english["deed"]) == set(english["does"])
    assert set(ASKED_OF_VENDORS) == set(english["asks"])
    assert VENDORS_CLOCKS - set(ASKED_OF_VENDORS) == set(english["promises"])
    assert set(BRANCHES) == set(english["branch"])
    assert set(GUARDS) == set(english["guard"])
    for command in DEEDS:
        for one in _named(command):
            assert one in english["field"], one


def _named(command: Command) -> list[str]:

    found, waiting = [], list(inputs_of(command, arguments_of(command)))
    while waiting:
        one = waiting.pop()
        found.append(one.name.split(".")[-1])
        waiting += one.parts
    return found


def test_what_guards_say_is_said_in_the_readers_words() -> None:
    """Each sentence of the domain that a vendor may meet is known, with what stands in it."""
    german = PortalWords(Wording("de", "UTC"))
    for sentence in (*missing_in_remedy({}), NEW_FACTS, "`reason`: say why"):
        assert sentence != german.guard(sentence), sentence
    told = "`date`: at the latest 2026-12-05, 15 days ahead (0 dates kept and 1 broken so far)"

    assert "Spätestens 2026-12-05, 15 Tage im Voraus" in german.guard(told)
    for told in ("The cause is at version 3, not 1: read what has changed.",
                 "Another cause was confirmed meanwhile; read the diagnosis again.",
                 *(f"{what} once a case is closed_delisted." for what in (
                     "The diagnosis rests", "Nobody is asked anything", "No question waits")),
                 "This question is answered."):
        assert told != german.guard(told)
    assert "Something new." == german.guard("Something new.")


def test_every_sentence_is_used() -> None:
    """A sentence that no page says is not kept; tables of codes may know more than is said."""
    codes = {"asks", "promises", "next", "deed", "does", "field", "branch", "guard", "refusal",
             "actor", "done", "standing"}
    built = {"page.cases", "page.webhooks", "door.wrong", "door.waits", "list.yours",
             "list.yours_late", "list.shop", "hook.tested", "hook.switched", *(
                 f"hook.{state}" for kind in (WebhookEndpointOut, DeliveryOut)
                 for state in get_args(kind.model_fields["state"].annotation))}
    web = files("freezeguard.web")
    said = "".join(
        one.read_text(encoding="utf-8")
        for folder in (web.joinpath("portal"), web.joinpath("templates", "portal"))
        for one in folder.iterdir() if one.is_file()
    )
    unsaid = {
        f"{table}.{key}" for table, words in tables("en").items() for key in words
        if table not in codes and f"{table}.{key}" not in said
    }

    assert unsaid <= built, unsaid - built


@pytest.mark.parametrize(("header", "language"), [
    ("", "en"), ("de", "de"), ("de-AT,de;q=0.9,en;q=0.8", "de"), ("fr,de;q=0.5", "de"),
    ("en;q=0.2,de;q=0.1", "en"), ("de;q=0", "en"), (";;;,q=,", "en"), ("x" * 9000, "en"),
])  # fmt: skip
def test_before_the_code_a_page_is_in_the_browsers_language(header: str, language: str) -> None:
    """The one of ours that it likes best, whatever else it sends."""
    assert language == accepted_language(header)
