"""The words of vendors' pages, in the reader's language, from `web/words/<language>.toml`."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from freezeguard.notices.wording import DEFAULT_LANGUAGE, Wording, languages

GUARDS: Mapping[str, str] = {
    "reason": "`reason`: say why",
    "question": "`text`: what you want to know",
    "answer": "`text`: the answer",
    "cause_there": "this cause stands there already; say what speaks for or against it",
    "cause_stale": "The cause is at version {now}, not {seen}: read what has changed.",
    "cause_other": "Another cause was confirmed meanwhile; read the diagnosis again.",
    "diagnosis_rests": "The diagnosis rests once a case is {state}.",
    "nobody_asked": "Nobody is asked anything once a case is {state}.",
    "none_waits": "No question waits once a case is {state}.",
    "question_over": "This question is {outcome}.",
    "argument": "`text`: what speaks for it or against it",
    "cause_words": "`description`: what the cause may be",
    "asked_before": "this was asked already; the answer is due {at} UTC",
    "answered_before": "this was answered on {day}: {answer}",
    "new_facts": "`new_facts`: what was not known when it was decided",
    "date": "`date`: a moment with its zone, as in 2027-01-15T12:00:00Z",
    "date_ahead": "`date`: the date must lie ahead",
    "date_cap": "`date`: at the latest {latest}, {days} days ahead ({kept} dates kept and {broken}"
    " broken so far)",
    "date_moved": "the date has been moved once already; a manager may extend it",
    "with_shop": "the remedy is with the shop; a new date is due if it comes back",
    "branch": "the branch of the root cause ({branches})",
    "description": "what the root cause is",
    "proof": "the proof of the root cause",
    "own_stock": "containment for the shop's own stock",
    "vendor_stock": "containment for the vendor's stock",
    "in_transit": "containment for goods in transit",
    "corrective_action": "the corrective action",
    "preventive_action": "the preventive action",
    "too_late": "the time to appeal ended on {day}",
    "once": "this decision has been appealed, and the appeal was answered",
    "reopened": "a case is open for {scope}; take the new facts there",
    "decision": "the decision that was appealed is not known",
    "switched_off": "the endpoint must be switched on first",
    "test_waits": "the test before this one must have been delivered or given up",
    "endpoints": "a vendor has at most {n} endpoints; remove one first",
}
"""What guards say to programs, in English; the table `guard` says it to people."""
_PLACE = re.compile(r"\\\{(\w+)\\\}")


class PortalWords:
    """Says things of vendors' pages; `words` says what mails say too."""

    def __init__(self, words: Wording) -> None:
        self.words = words
        self._tables = _tables(words.language)

    def __call__(self, key: str, **places: str | int) -> str:
        """Return the sentence of `key` ("table.name") with its places filled."""
        table, name = key.split(".")
        sentence = self._tables[table][name]
        if isinstance(sentence, dict):
            sentence = sentence["one" if places.get("n") == 1 else "other"]
        shown = {
            one: self.words.number(value) if isinstance(value, int) else value
            for one, value in places.items()
        }
        return str(sentence.format_map(shown))

    def knows(self, table: str, name: str) -> bool:
        """Say whether there are words for something."""
        return name in self._tables[table]

    def guard(self, sentence: str) -> str:
        """Tell in the reader's words what a guard says; a sentence of no table as it stands."""
        for name, pattern in _patterns():
            if found := pattern.fullmatch(sentence):
                return self(f"guard.{name}", **found.groupdict())
        return sentence


def accepted_language(header: str) -> str:
    """Return the language of ours that a browser likes best, English where it likes none of them.

    `header` is an Accept-Language (RFC 9110 section 12.5.4).
    """
    liked: list[tuple[float, str]] = []
    for entry in header[:500].split(","):
        name, _, weight = entry.strip().partition(";")
        value = re.fullmatch(r"q=([01](?:\.\d{0,3})?)", weight.strip().replace(" ", ""))
        liked.append((float(value[1]) if value else 1.0, name.strip().split("-")[0].lower()))
    best = sorted(liked, key=lambda one: -one[0])
    return next((name for q, name in best if q > 0 and name in languages()), DEFAULT_LANGUAGE)


@cache
def _tables(language: str) -> dict[str, dict[str, Any]]:
    path = files("freezeguard.web").joinpath("words", f"{language}.toml")
    if not path.is_file():
        path = files("freezeguard.web").joinpath("words", f"{DEFAULT_LANGUAGE}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (name, re.compile(_PLACE.sub(lambda one: f"(?P<{one[1]}>.+)", re.escape(sentence))))
        for name, sentence in GUARDS.items()
    )
