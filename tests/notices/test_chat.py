"""Letters as messages in a chat: nothing that others wrote pings, links or breaks the limits."""

import json
import re
from typing import Any

import pytest

from freezeguard.notices import wording
from freezeguard.notices.chat import chat_body, escaped
from freezeguard.ports.chats import ChatKind
from freezeguard.ports.notices import NoticeError
from tests.chats.chatserver import CARD_BYTES, HEADER, MOST_BLOCKS, SECTION
from tests.notices.samples import SAMPLES, STAFF, VARIANTS

HOSTILE = (
    "<!channel> <!here|all> <@U123> <https://evil.example|your case> @channel @here "
    "[log in](https://evil.example) *bold* `code` & &lt;!everyone&gt;"
)
OURS = "https://freezeguard.example/"
_LINK = re.compile(r"<([^>|]*)\|([^>]*)>")


def body(name: str, chat: ChatKind, language: str = "en", **more: Any) -> Any:
    kind, facts = VARIANTS[name] if name in VARIANTS else (name, SAMPLES[name])
    return chat_body(
        kind, {**facts, **more}, language=language, time_zone="Europe/Berlin", chat=chat
    )


def texts(value: Any, names: frozenset[str] = frozenset({"text", "title"})) -> list[str]:
    """Return every text of a message, whatever holds it."""
    match value:
        case dict():
            own = [one for name, one in value.items() if name in names and isinstance(one, str)]
            return own + [text for one in value.values() for text in texts(one, names)]
        case list():
            return [text for one in value for text in texts(one, names)]
        case _:
            return []


def hostile() -> dict[str, Any]:
    """Return a statement of reasons in which everything that others may write is hostile."""
    facts = SAMPLES["statement_of_reasons"]
    return {
        **facts, "audience": "staff", "title": HOSTILE, "recipient": HOSTILE,
        "link": STAFF["link"],
        "scope": {**facts["scope"], "sku": HOSTILE, "lot": HOSTILE},
        "reason": {**facts["reason"], "sentence": HOSTILE, "rule_id": HOSTILE},
        "evidence": {**facts["evidence"], "excerpts": [HOSTILE, HOSTILE]},
        "catalogues": [{"name": HOSTILE}],
    }


@pytest.mark.parametrize("language", wording.languages())
def test_every_notice_fits_into_every_chat(language: str) -> None:
    """Header, sections and blocks of Slack, and the bytes of a card, whatever the notice."""
    for name in VARIANTS:
        message = body(name, "slack", language)
        head, *sections = message["blocks"]
        assert message["text"], name
        assert 1 <= len(head["text"]["text"]) <= HEADER, name
        assert 1 <= len(sections) < MOST_BLOCKS, name
        assert all(1 <= len(one["text"]["text"]) <= SECTION for one in sections), name
        assert len(json.dumps(body(name, "teams", language)).encode()) < CARD_BYTES, name


def test_what_others_wrote_has_no_meaning_in_slack() -> None:
    """Complaints, SKUs and names neither mention anybody nor make a link; ours leads to the case.

    Nothing is parsed: bare addresses and names of channels stay text.
    """
    message = chat_body(
        "statement_of_reasons", hostile(), language="en", time_zone="UTC", chat="slack"
    )
    assert ("none", False) == (message["parse"], message["link_names"])
    for one in message["blocks"]:
        kind = one["text"]["type"]
        assert (kind, one["text"].get("verbatim")) in {("plain_text", None), ("mrkdwn", True)}
        if kind == "plain_text":
            continue
        text = one["text"]["text"]
        assert all(url.startswith(OURS) for url, _ in _LINK.findall(text))
        assert not re.search(r"[<>]|(?<!\w)@\w|\]\(", _LINK.sub("", text))
    assert not re.search(r"(?<!\w)@\w|\]\(", message["text"])
    assert [STAFF["link"]] == [url for url, _ in _LINK.findall(message["text"])]


def test_what_others_wrote_has_no_meaning_in_teams() -> None:
    """Every text of a card is a run, in which no Markdown counts; the only address is ours."""
    message = chat_body(
        "statement_of_reasons", hostile(), language="en", time_zone="UTC", chat="teams"
    )
    [attachment] = message["attachments"]
    card = attachment["content"]
    assert {"RichTextBlock"} == {one["type"] for one in card["body"]}
    assert {"TextRun"} == {run["type"] for one in card["body"] for run in one["inlines"]}
    assert [STAFF["link"]] == texts(card, frozenset({"url"}))
    assert "entities" not in card["msteams"]


@pytest.mark.parametrize("text", ["a@b.example", "quality+7@shop.example", "3 < 4 & 5 > 2", "é"])
def test_harmless_text_is_read_as_it_was(text: str) -> None:
    """Addresses of mails stay whole, and a reader sees no escapes."""
    shown = escaped(text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

    assert text == shown


def test_a_digest_leads_to_each_of_its_cases() -> None:
    """As many lines as there is room for, each with its own link; how many more, in words."""
    entry = SAMPLES["digest"]["entries"][0]
    links = [f"{OURS}console/cases/{number}" for number in range(200)]
    many = [{**entry, "link": one} for one in links]
    slack = body("digest", "slack", entries=many)
    card = body("digest", "teams", entries=many)
    shown = [url for one in slack["blocks"] for url, _ in _LINK.findall(one["text"]["text"])]

    assert 20 < sum(url in links for url in shown) == len(set(shown) & set(links))
    assert "The rest is on the page." in texts(slack)[-1]
    assert links[5] in texts(card, frozenset({"url"}))


def test_facts_that_cannot_be_worded_are_told() -> None:
    """As for a mail: the notice is given up, and nothing else with it."""
    with pytest.raises(NoticeError, match=r"notice lack .*link"):
        chat_body("released", {"case": "1"}, language="en", time_zone="UTC", chat="slack")
