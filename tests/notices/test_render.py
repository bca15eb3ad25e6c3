"""What a notice says: every fact in both parts, in the reader's words and zone, and no more."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from freezeguard.notices import letters, wording
from freezeguard.notices.chat import chat_body
from freezeguard.notices.mime import SIZE_LIMIT, compose
from freezeguard.notices.render import render
from freezeguard.ports.notice_facts.kinds import FACTS_OF_KIND
from freezeguard.ports.notices import Message, NoticeError, Rendered, Renderer
from tests.notices.pages import read_page
from tests.notices.samples import (
    CASE,
    EVIDENCE,
    PULL_REASON,
    SAMPLES,
    SKU,
    STATEMENT,
    VARIANTS,
)

TAGS = {
    *("html", "head", "meta", "title", "body", "div", "h1", "h2", "p", "a"),
    *("table", "tr", "th", "td", "ul", "li", "blockquote"),
}
ATTRIBUTES = {"lang", "charset", "name", "content", "style", "role", "dir", "href", "scope"}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</td></table><h1>Paid</h1>",
    "{{ 7 * 7 }}{% raw %}{sku}{0.__class__}",
    "line one\r\nBcc: x@evil.example\r\n\r\nbody",
    "a\u2028b\u2029c\x85d\x0be\x0cf\x1bg\x00h",
    "\u202egnp.exe\u202c \u2066x\u2069",
    "javascript:alert(1)",
    "=cmd|' /C calc'!A0",
    "<!-- <style>*{display:none}</style>",
    "\ud800 half a pair",
)


def _rendered(name: str, language: str = "en", time_zone: str = "Europe/Berlin") -> Rendered:
    kind, facts = VARIANTS[name]
    return render(kind, facts, language=language, time_zone=time_zone)


def _strings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _strings(inner, (*path, place))
    elif isinstance(value, str):
        yield path, value


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("language", wording.languages())
@pytest.mark.parametrize("name", VARIANTS)
def test_both_parts_say_the_same(name: str, language: str) -> None:
    """A reader of plain text misses no word and no link of the HTML part, nor the other way."""
    notice = _rendered(name, language)
    page = read_page(notice.html)
    plain = Counter(re.findall(r"\w+", notice.text))
    rich = Counter(re.findall(r"\w+", page.text + " " + " ".join(page.links.values())))

    assert rich == plain


@pytest.mark.parametrize("kind", FACTS_OF_KIND)
def test_every_fact_is_told(kind: str) -> None:
    """Each text among the rich facts of a kind is in its plain part, in words where a code."""
    untold = {
        *("family", "rule_version", "by", "counted", "source", "id", "occurred_at", "started_at"),
        *("audience", "lane", "at", "excerpts", "comment"),
        *("status", "level", "reason_code", "why", "branch", "means", "outcome", "step", "of"),
        *("missing", "task", "clock", "state", "ball", "verdict", "kind", "over"),
        *(("entries",) if kind == "digest" else ()),
        *(("reply_to",) if kind in letters.LAST_WORDS else ()),
        *(("as",) if "as" in SAMPLES[kind] else ()),
        *(("link",) if kind == "sign_in_code" else ()),
    }
    facts = SAMPLES[kind]
    if kind == "frozen_confirmed":
        untold |= {"seen_at"}
    said = " ".join(render(kind, facts, language="en", time_zone="UTC").text.split())
    missing = [
        (path, text)
        for path, text in _strings(facts)
        if not untold & {step for step in path if isinstance(step, str)}
        and not _is_time(text)
        and " ".join(text.split()) not in said
    ]

    assert [] == missing


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("statement_of_reasons", "Rule: five-customers v3"),
        ("statement_of_reasons", "Window: 30 days"),
        ("statement_of_reasons", "Different customers who complained: 5"),
        ("statement_of_reasons", "Threshold: 5"),
        ("statement_of_reasons", "Units shipped in the window: 1,220"),
        ("statement_of_reasons", "Stopped since: Saturday 22 November 2025, 14:05 CET (UTC+01:00)"),
        ("statement_of_reasons", "By lot: L2025-0312 5; L2025-0298 1"),
        ("statement_of_reasons", "there the stop covers: seller Marketplace GmbH"),
        ("statement_of_reasons", "This also stops: KETTLE-17/A, KETTLE-17/C"),
        ("statement_of_reasons", "containment in three places"),
        ("statement_of_reasons", "A person answers within 2 working days."),
        ("statement_of_reasons", "statement of reasons under its Article 4(1)"),
        ("statement_of_reasons", "Ground in our terms: Seller Terms, section 7.2"),
        ("statement: person", "Reason given: defective"),
        ("statement: person", "Comment: Third caller today: the base melts."),
        ("statement: person, soft hold", "If nobody agrees by Saturday 22 November 2025, 14:20"),
        ("statement: safety", "one credible report is enough"),
        ("statement: safety", "Two people must approve before the sale starts again."),
        ("statement: order", "Authority: Market Surveillance Authority"),
        ("statement: order", "Only a revocation by the authority lifts this stop."),
        ("statement: staff", "The vendor gets the statement of reasons."),
        ("suspected", "If nobody agrees by Saturday 22 November 2025, 14:20"),
        ("suspected", "Asked for an opinion: Li Wei, Ahmed Said"),
        ("statement: sibling", "in MUG-2, a related item of the same vendor, a defect has been"),
        ("suspected: wave", "3 other items of acme were stopped within 30 days (MUG-1, MUG-2,"),
        ("suspected: budget", "the budget for automatic freezes is spent"),
        ("expired", "no second person agreed in time"),
        ("dismissed", "Decided by: Maria Keller"),
        ("degraded", "Answer: 422 variant is part of an active promotion"),
        ("degraded", "stock set to zero: written, still sold"),
        ("degraded", "Being sold now: yes"),
        ("degraded", "end the promotion, then unpublish the variant"),
        ("remedy_returned", "- containment for goods in transit"),
        ("remedy_returned", "- photos of the press log of 11 March"),
        ("remedy_returned", "goes to another manager"),
        ("approval_requested", "A second approval is needed"),
        ("approval_requested", "Not confirmed as stopped: shop-fr/gid://1234567890"),
        ("approval_requested", "counts for evidence revision 4 only"),
        ("approval_voided", "Why: the evidence has changed."),
        ("approval_rejected", "Decided by: Sam Roe"),
        ("released", "Units to be shipped: 200"),
        ("released", "because of other cases: FG-0990"),
        ("release_refused", "stock: freezeguard wrote 0, now it is 40"),
        ("release_refused", "Tries so far: 3"),
        ("refrozen", "It has now been stopped again once."),
        ("refrozen", "Complaints per unit shipped: 0.92 %"),
        ("false_alarm", "Stopping it was our mistake, and we are sorry for it."),
        ("false_alarm", "Why: the report was about another product."),
        ("closed", "Root cause: The rivet press lost pressure on line 2."),
        ("closed", "Complaints about them: 1"),
        ("budget_spent", "Whose: source helpdesk"),
        ("budget_spent", "FG-1043, SKU MUG-1: 9 different customers"),
        ("suspected: doubted", "by forum alone, which is trusted 42 % only"),
        ("feed_silent", "Silent for at most: 2 hours"),
        ("feed_silent: by chance", "less than once in ten thousand times"),
        ("canary_late", "the catalogue still sells it"),
        ("canary_late", "freezeguard catalogues check shop-de"),
        ("canary_well", "Stopped after: 0.31 s"),
        ("digest: canaries", "The canary of catalogue shop-de is not well"),
        ("digest: feeds", "A feed has fallen silent: Help desk"),
        ("suppression_ending: nothing", "No threshold was crossed meanwhile."),
        ("suppression_ended", "2 SKUs have crossed a threshold meanwhile:"),
        ("manual_task", "Task: stop the sale"),
        ("manual_task: release", "Put the object named above back on sale"),
    ],
)
def test_what_a_kind_must_say(name: str, expected: str) -> None:
    """The sentences that a reader of each kind looks for are there."""
    said = " ".join(_rendered(name).text.split())

    assert " ".join(expected.split()) in said


def test_the_renderer_fits_its_port() -> None:
    """The function is what the delivery service asks for."""
    renderer: Renderer = render

    assert callable(renderer)


def test_every_kind_has_a_letter_a_subject_and_a_sample() -> None:
    """No kind of the port is without words."""
    assert set(FACTS_OF_KIND) == set(letters._BODIES) == set(SAMPLES)


@pytest.mark.parametrize(
    "name", [name for name, (_, facts) in VARIANTS.items() if facts["audience"] == "vendor"]
)
def test_a_vendor_learns_no_customer_and_no_name_of_staff(name: str) -> None:
    """Identities of signals, mail addresses in comments and names of staff stay inside."""
    notice = _rendered(name)
    for part in (notice.text, notice.html):
        assert "secret" not in part
        assert "jo.doe" not in part
        assert "anna.schmidt" not in part
        assert "Sam Roe" not in part
        assert "evil.example" not in part


def test_extra_facts_are_never_shown() -> None:
    """A customer or an order that slipped into the facts does not reach the mail."""
    facts = {
        **STATEMENT,
        "customer": "cust-4711",
        "evidence": {**EVIDENCE, "orders": ["order-4712"], "customer": "cust-4713"},
    }
    notice = render("statement_of_reasons", facts, language="en", time_zone="UTC")

    assert "471" not in notice.text + notice.html


def _everywhere(value: Any, told: Callable[[str], str], path: tuple[Any, ...] = ()) -> Any:
    """Replace every text of some facts but times and the codes that choose a letter."""
    if isinstance(value, dict):
        return {key: _everywhere(inner, told, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_everywhere(inner, told, (*path, place)) for place, inner in enumerate(value)]
    if not isinstance(value, str) or _is_time(value) or path[-1] in {"audience", "task", "family"}:
        return value
    return told(value)


@pytest.mark.parametrize("name", VARIANTS)
def test_no_fact_can_write_markup_or_lines(name: str) -> None:
    """Hostile text in all facts stays text: no tag, no attribute, no line, no template."""
    kind, facts = VARIANTS[name]
    for hostile in HOSTILE:
        changed = _everywhere(facts, lambda text, hostile=hostile: hostile + text)
        notice = render(kind, changed, language="en", time_zone="UTC")
        page = read_page(notice.html)
        tags = {tag for tag, _ in page.tags}
        attributes = {attribute for _, found in page.tags for attribute in found}

        assert tags <= TAGS, hostile
        assert attributes <= ATTRIBUTES, hostile
        assert 1 == len([tag for tag, _ in page.tags if tag == "h1"])
        assert {} == page.links, hostile
        for part in (notice.subject, notice.text, page.text):
            assert not re.search(r"[\r\x00-\x09\x0b-\x1f\x85\u2028\u2029\u202e\ud800]", part)
            assert "{{ 49" not in part
        assert "\n" not in notice.subject
        assert Counter(re.findall(r"\w+", page.text)) == Counter(re.findall(r"\w+", notice.text))


@pytest.mark.parametrize("kind", FACTS_OF_KIND)
def test_a_missing_fact_is_named(kind: str) -> None:
    """A fact that a kind needs and does not get is an error that says which, for good."""
    required = sorted(vars(FACTS_OF_KIND[kind])["__required_keys__"])
    for name in required:
        facts = {key: value for key, value in SAMPLES[kind].items() if key != name}
        with pytest.raises(NoticeError, match=rf"facts of a {kind} notice lack {name}") as refused:
            render(kind, facts, language="en", time_zone="UTC")

        assert not refused.value.recoverable


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("none", [False, True], ids=["absent", "null"])
def test_facts_of_an_older_version_are_worded(name: str, none: bool) -> None:
    """Every optional fact may be absent or null."""
    kind, facts = VARIANTS[name]
    required = vars(FACTS_OF_KIND[kind])["__required_keys__"]
    for key in facts.keys() - required:
        changed = {**facts, key: None} if none else {k: v for k, v in facts.items() if k != key}
        assert render(kind, changed, language="en", time_zone="UTC").text
    bare = {key: facts[key] for key in required}

    assert render(kind, bare, language="en", time_zone="UTC").text


@pytest.mark.parametrize(
    ("kind", "facts", "told"),
    [
        ("nonsense", CASE, "unknown kind"),
        ("expired", {**SAMPLES["expired"], "since": "yesterday"}, "ValueError"),
        ("expired", {**SAMPLES["expired"], "since": "2025-11-22T13:05:00"}, "no offset"),
        ("expired", {**SAMPLES["expired"], "since": "0001-01-01T00:00:00+14:00"}, "OverflowError"),
        ("expired", {**SAMPLES["expired"], "scope": {}}, "'sku'"),
        ("expired", {**SAMPLES["expired"], "scope": None}, "TypeError"),
        ("budget_spent", {**SAMPLES["budget_spent"], "budget": {}}, "KeyError"),
    ],
)
def test_malformed_facts_are_refused(kind: str, facts: dict[str, Any], told: str) -> None:
    """What can't be worded is an error for good, in words, and not a broken mail."""
    with pytest.raises(NoticeError, match=re.escape(told)) as refused:
        render(kind, facts, language="en", time_zone="UTC")

    assert not refused.value.recoverable
    assert not refused.value.permanent_recipient


@pytest.mark.parametrize(
    ("time_zone", "expected", "named"),
    [
        ("Europe/Berlin", "Saturday 22 November 2025, 14:05 CET (UTC+01:00)", "Europe/Berlin"),
        ("UTC", "Saturday 22 November 2025, 13:05 UTC", "UTC"),
        ("America/Sao_Paulo", "Saturday 22 November 2025, 10:05 UTC-03:00", "America/Sao_Paulo"),
        ("Asia/Kathmandu", "Saturday 22 November 2025, 18:50 UTC+05:45", "Asia/Kathmandu"),
        ("Pacific/Auckland", "Sunday 23 November 2025, 02:05 NZDT (UTC+13:00)", "Pacific/Auckland"),
        ("Mars/Olympus", "Saturday 22 November 2025, 13:05 UTC", "UTC"),
        ("../../etc/passwd", "Saturday 22 November 2025, 13:05 UTC", "UTC"),
        ("", "Saturday 22 November 2025, 13:05 UTC", "UTC"),
    ],
)
def test_times_are_the_readers(time_zone: str, expected: str, named: str) -> None:
    """Times are in the reader's zone, which is named; an unknown zone is told in UTC."""
    said = " ".join(_rendered("frozen_confirmed", time_zone=time_zone).text.split())

    assert f"Stopped since: {expected} " in said
    assert said.endswith(f"time zone {named}.")


def test_summer_time_is_told_by_its_offset() -> None:
    """The same wall clock before and after the change of clocks can be told apart."""
    say = wording.Wording("en", "Europe/Berlin")

    assert "Sunday 26 October 2025, 02:30 CEST (UTC+02:00)" == say.time("2025-10-26T00:30:00Z")
    assert "Sunday 26 October 2025, 02:30 CET (UTC+01:00)" == say.time("2025-10-26T01:30:00Z")


@pytest.mark.parametrize("language", ["en", "EN", "en-GB", "en_US", "xx", "", "../en", "q" * 99])
def test_a_language_without_words_falls_back_to_english(language: str) -> None:
    """The language of the page is the one that it is in."""
    notice = _rendered("closed", language=language)

    assert '<html lang="en">' in notice.html


def test_languages_have_the_same_words_and_places() -> None:
    """Another language is complete: same tables, keys and {places} as English."""
    places = re.compile(r"\{\w+\}")

    def shape(language: str) -> dict[str, Any]:
        return {
            ".".join(map(str, path)): Counter(places.findall(text))
            for path, text in _strings(wording._words(language))
        }

    english = shape("en")
    for language in wording.languages():
        assert english == shape(language), language


def test_every_sentence_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence that no notice says is not kept; tables of codes may know more than is said."""
    said: set[str] = set()
    tables: set[str] = {
        *("language", "duration", "scope", "observed", "answer", "budget", "digest"),
        *("step", "law", "law_name"),
    }
    say, count, word = wording.Wording.say, wording.Wording.count, wording.Wording.word

    def saying(self: wording.Wording, key: str, **values: str | int) -> str:
        said.add(key)
        return say(self, key, **values)

    def counting(self: wording.Wording, key: str, number: int, **values: str | int) -> str:
        said.add(key)
        return count(self, key, number, **values)

    def looking_up(self: wording.Wording, table: str, code: str) -> str:
        tables.add(table)
        return word(self, table, code)

    monkeypatch.setattr(wording.Wording, "say", saying)
    monkeypatch.setattr(wording.Wording, "count", counting)
    monkeypatch.setattr(wording.Wording, "word", looking_up)
    for name, language in product(VARIANTS, wording.languages()):
        _rendered(name, language)
    chat_body("digest", {**SAMPLES["digest"], "entries": SAMPLES["digest"]["entries"] * 20},
              language="en", time_zone="UTC", chat="slack")
    unsaid = {
        f"{table}.{key}"
        for table, words in wording._words("en").items()
        for key in words
        if table not in tables and f"{table}.{key}" not in said
    }

    assert set() == unsaid


def test_codes_without_words_are_shown_as_they_stand() -> None:
    """A rule family, step or reason that came later is told by its code."""
    facts = {
        **STATEMENT,
        "steps": [{"step": "ring the bell"}],
        "reason": {**STATEMENT["reason"], "family": "maxsprt"},
        "catalogues": [{"name": "shop", "level": "gone"}],
    }
    said = render("statement_of_reasons", facts, language="en", time_zone="UTC").text

    assert "- Ring the bell." in said
    assert "- shop: gone" in said
    assert "Observed: 5" in said


@pytest.mark.parametrize("name", VARIANTS)
def test_the_page_is_accessible(name: str) -> None:
    """Language, one title, headings in order, row headers, unique links, nothing from afar."""
    notice = _rendered(name)
    page = read_page(notice.html)
    tags = [tag for tag, _ in page.tags]
    headings = [level for level, _ in page.headings]

    assert {"lang": "en"} == dict(page.tags)["html"]
    assert "h1" == headings[0]
    assert {"h2"} == set(headings[1:])
    assert all({"scope": "row"}.items() <= found.items() for tag, found in page.tags if tag == "th")
    assert "img" not in tags
    assert ("meta", {"name": "color-scheme", "content": "light dark"}) in page.tags
    assert not re.search(r"(?<!-)color:|background", notice.html)
    assert tags.count("table") == notice.html.count("</table>")
    assert (name != "sign_in_code") <= len(page.links) == len(set(page.links.values()))


def test_a_title_that_is_the_sku_is_not_repeated() -> None:
    """A SKU without a title of its own is called by its SKU alone."""
    facts = {**SAMPLES["closed"], "title": SKU}
    notice = render("closed", facts, language="en", time_zone="UTC")

    assert f"[FG-1042] Case closed: {SKU}" == notice.subject
    assert "The case about SKU KETTLE-17/B" in notice.text
    assert "Title:" not in notice.text


def test_a_link_that_is_no_web_address_is_not_clickable() -> None:
    """Only http and https are made a link."""
    facts = {
        **SAMPLES["closed"], "link": "javascript:alert(1)", "api": "javascript:alert(2)",
    }
    notice = render("closed", facts, language="en", time_zone="UTC")

    assert "href" not in notice.html
    assert "javascript:alert(1)" in read_page(notice.html).text


@pytest.mark.parametrize("name", VARIANTS)
def test_words_are_the_same_each_time(name: str) -> None:
    """The same facts give the same words: a repeat of a notice is the same notice."""
    assert _rendered(name) == _rendered(name)


@pytest.mark.parametrize("name", VARIANTS)
def test_lines_and_subjects_are_short(name: str) -> None:
    """Plain text fits a terminal, a subject fits a list of mails."""
    notice = _rendered(name)

    assert all(len(line) <= 76 for line in notice.text.splitlines())
    assert len(notice.subject) <= 180
    assert notice.subject.isprintable() or SKU in notice.subject


def _longer(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _longer(inner) for key, inner in value.items()}
    return [_longer(value[0])] * 500 if isinstance(value, list) and value else value


@pytest.mark.parametrize("unit", ["&", "🫖", "word "])
@pytest.mark.parametrize("name", VARIANTS)
def test_no_facts_make_a_mail_too_large(name: str, unit: str) -> None:
    """With every text 20,000 characters long and every list 500 long both parts still fit."""
    kind, facts = VARIANTS[name]
    huge = (unit * 20_000)[:20_000]
    stuffed = _everywhere(_longer(facts), lambda _: huge)
    notice = render(kind, stuffed, language="en", time_zone="UTC")
    wire = compose(
        Message(
            message_id="<n@x.example>",
            recipient="a@x.example",
            sender="b@x.example",
            subject=notice.subject,
            text=notice.text,
            html=notice.html,
            date=datetime(2025, 11, 22, tzinfo=UTC),
        )
    ).wire

    assert len(wire) < SIZE_LIMIT
    assert b"text/html" in wire


def test_a_pull_of_an_unknown_kind_still_says_why() -> None:
    """A reason code of a later version is shown as it stands."""
    reason = {**PULL_REASON, "reason_code": "mouldy"}
    facts = {**SAMPLES["suspected"], "reason": reason}

    assert "Reason given: mouldy" in render("suspected", facts, language="en", time_zone="UTC").text


def test_a_rule_of_parts_is_told_in_the_readers_language() -> None:
    """Part by part; where one has no words, the stored sentence is quoted."""
    kind, facts = VARIANTS["statement: all of"]
    said = " ".join(render(kind, facts, language="de", time_zone="UTC").text.split())
    assert "9 verschiedene Kunden haben sich beschwert (Zeitraum 30 Tage, Schwelle 5)." in said
    assert "12.000 zu 1 dafür, dass die Fehlerquote gestiegen ist (Schwelle 10.000)." in said

    kind, facts = VARIANTS["statement: all of, one in no words"]
    quoted = " ".join(render(kind, facts, language="de", time_zone="UTC").text.split())
    assert facts["reason"]["sentence"] in quoted
