"""What names a person is taken out of texts and documents, and nothing else is."""

import json
import re
from collections.abc import Callable
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.erasure import (
    MARK,
    NAMES_THINGS,
    Traces,
    mentions,
    redacted,
    redacted_json,
    unescaped,
)
from freezeguard.domain.spelling import folded, likeness, spellings

HASH = bytes(range(16))
TEXT = "The handle broke off while pouring."
PERSON = Traces(frozenset({"c-2093", "ORD-77/1", "9"}), (HASH,), frozenset({TEXT, "odd"}))
OTHERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(
    lambda one: one not in PERSON.words | PERSON.quotes
)
SPELLED = Traces(
    frozenset({"Jörg.Straße@Example.ﬁ", "Ɇ-Ångström-7", "Yıldız-İş", "한국/12", "か゚の豈", "k8ﬀ"}),
    (HASH,), frozenset({"Der Griff heißt „Ärger“ und brach ab: ﬆarke Hitze"}),
)
WORDS = st.sampled_from(["c-2093", "ORD-77/1", HASH.hex(), TEXT])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | OTHERS | WORDS
    | st.builds("{} {} {}".format, OTHERS, WORDS, OTHERS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(OTHERS, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("c-2093", MARK),
        ("Call c-2093, c-2093.", f"Call {MARK}, {MARK}."),
        ("c-20931 and xc-2093 and c-2093-b are others", None),
        ("order ORD-77/1!", f"order {MARK}!"),
        ("9", MARK),
        ("9 of 9 people", None),
        (f"hash {HASH.hex()}", f"hash {MARK}"),
        (f"They say: {TEXT} So?", f"They say: {MARK} So?"),
        ("odd", None),
        ("an odd thing", None),
    ],
)
def test_words_are_found_as_words(text: str, left: str | None) -> None:
    """A reference is no part of a longer one; short ones and short complaints are everybody's."""
    assert (text if left is None else left) == PERSON.without(text)


def test_complaints_are_found_where_they_are_quoted() -> None:
    """A short complaint is taken out of excerpts, and no other text is that happens to be alike."""
    quoted = {"title": "odd", "evidence": {"excerpts": ["odd", "fine"]}, "signals": [
        {"text": "odd"}]}

    assert {"title": "odd", "evidence": {"excerpts": [MARK, "fine"]}, "signals": [
        {"text": MARK}]} == redacted(quoted, PERSON)


def test_what_names_things_is_left_alone() -> None:
    """A reference that looks like a source or a person of ours breaks nothing that is ours.

    In what others sent every key is looked at.
    """
    traces = Traces(frozenset({"helpdesk"}))
    ours = {"counted": [{"source": "helpdesk", "id": "1"}], "by": "person:helpdesk",
            "comment": "helpdesk called"}

    assert {**ours, "comment": f"{MARK} called"} == redacted(ours, traces)
    assert {"source": MARK} == redacted({"source": "helpdesk"}, traces, ours=False)


@given(DOCUMENTS)
def test_nothing_is_left_and_nothing_else_is_changed(document: Any) -> None:
    """Afterwards nothing is mentioned; without a mention the document is as it was."""
    after = redacted(document, PERSON, ours=False)

    assert [] == mentions(after, PERSON, ours=False)
    assert bool(mentions(document, PERSON, ours=False)) == (after != document)
    assert after == redacted(after, PERSON, ours=False)


@given(DOCUMENTS, st.booleans())
def test_every_trace_is_matched_by_a_pattern(document: Any, loosely: bool) -> None:
    """Whatever would be changed is found beforehand: in JSON text as the database writes it."""
    patterns = PERSON.patterns(with_quotes=True, loosely=loosely)
    written = json.dumps(document, ensure_ascii=False)

    if redacted(document, PERSON, ours=False) != document:
        assert any(_is_like(written, one) for one in patterns)


def _is_like(text: str, pattern: str) -> bool:
    """Match as LIKE does; only the letters of ASCII are made small, as in the database."""
    small = "".join(one.lower() if one.isascii() else one for one in text)
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wildcards = {"%": ".*", "_": "."}
    shape = "".join(wildcards.get(one) or re.escape(one[-1]) for one in parts)
    return re.fullmatch(shape, small, re.DOTALL) is not None


CASES = (str, str.lower, str.upper, str.title, str.casefold, str.swapcase)
FORMS = ("NFC", "NFD")


@given(
    st.sampled_from(sorted(SPELLED.words | SPELLED.texts)), st.sampled_from(CASES),
    st.sampled_from(FORMS), st.sampled_from(["", "é ", "- ", "\u0301 "]),
)
def test_no_spelling_hides_a_trace(
    trace: str, case: Callable[[str], str], form: Any, around: str
) -> None:
    """Letter case and Unicode form don't matter: what is around a trace stays, to the letter.

    The database finds it too, which knows of small and large letters of ASCII only.
    """
    spelled = normalize(form, case(trace))
    text = f"Ⱥ {around}{spelled} {around}ß"
    quoted = {"excerpts": [spelled]}

    if len(normalize("NFC", trace)) >= 4:
        assert f"Ⱥ {around}{MARK} {around}ß" == SPELLED.without(text)
    assert MARK == SPELLED.without(spelled)
    assert SPELLED.stand_in(json.dumps({"customer": spelled}))
    assert {"excerpts": [MARK]} == redacted(quoted, SPELLED)
    for document in (spelled, text, quoted):
        if redacted(document, SPELLED) != document:
            written = json.dumps(document, ensure_ascii=False)
            patterns = SPELLED.patterns(with_quotes=True)
            assert any(_is_like(written, one) for one in patterns)


@pytest.mark.parametrize(
    "text", ["Jose\u0301 called", "José called", "éjose", "e\u0301jose called", "jose-b", "josé"]
)
def test_an_accent_makes_another_word(text: str) -> None:
    """José is not Jose, however the accent is written."""
    assert text == Traces(frozenset({"Jose"})).without(text)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200))
def test_any_name_is_told_to_the_database(name: str) -> None:
    """Whatever a name is made of, each usual spelling of it matches its pattern and is found."""
    for spelled in spellings(name):
        assert folded(name) == folded(spelled)
        assert _is_like(spelled, likeness(name)), spelled


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.booleans())
def test_escapes_hide_nothing(text: str, ascii_only: bool) -> None:
    """JSON text without its escapes shows what the JSON says, also where it is torn."""
    written = json.dumps(text, ensure_ascii=ascii_only)

    assert text == unescaped(written)[1:-1]
    assert text in unescaped("{" + written + ', "torn')


@pytest.mark.parametrize(
    ("body", "is_about"),
    [
        ('{"customer": "c-2093"}', True),
        (r'{"customer":"\u0063-2093", "sku": "x', True),
        (r'{"order":"ORD-77\/1"}', True),
        ('{"customer":9}', True),
        ('{"customer": "9"}', True),
        ('{"customer": "99", "position": 9}', False),
        ('{"customer": "c-20931"}', False),
        (f'{{"note": "{TEXT}"}}', True),
    ],
)
def test_a_body_is_about_a_person(body: str, is_about: bool) -> None:
    """Whole or torn, escaped or not, a body that was refused shows whom it names."""
    assert is_about == PERSON.stand_in(body)


def test_json_text_stays_json() -> None:
    """An answer that is kept for a repeat is still an answer; what is no JSON is a text."""
    assert {"a": f"by {MARK}"} == json.loads(redacted_json('{"a": "by c-2093"}', PERSON))
    assert '{"a":  1}' == redacted_json('{"a":  1}', PERSON)
    assert f"no {MARK}" == redacted_json("no c-2093", PERSON)


def test_keys_that_quote_name_nothing() -> None:
    """Comments, texts and excerpts are never left out for their keys."""
    assert set() == NAMES_THINGS & {"comment", "text", "excerpts", "detail", "note", "reason",
                                    "instruction", "description", "proof", "document", "extra"}
