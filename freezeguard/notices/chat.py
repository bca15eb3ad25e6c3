"""A letter as a message in a chat: blocks for Slack, an adaptive card for Teams.

What others wrote (complaints, names of SKUs, an answer of a catalogue) must neither call a whole
channel together nor look like a link of ours. In Slack every text is escaped, mentions are broken,
and nothing is parsed; in Teams every text is a run, in which nothing has a meaning. The only links
are those of the letter.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from freezeguard.notices.letter import Block, Bullets, Letter, Link, Paragraph, Quotes, Rows
from freezeguard.notices.letters import letter_of
from freezeguard.notices.render import worded
from freezeguard.notices.wording import Wording
from freezeguard.ports.chats import ChatKind

MOST_LINES = 40
LONGEST_LINE = 500
MOST_CHARACTERS = 6_000
"""Of all lines together: Slack takes 3,000 in each of 50 blocks, Teams 28 kB in all, and nobody
reads more in a chat. The page has the rest."""
_HEADER = 150

_BREAK = "\u2060"
_MENTION = re.compile(r"(?<![\w.+-])@(?=\w)")
_MADE_LINK = re.compile(r"\](?=\()")


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a message; a heading, or with a page to open."""

    text: str
    is_heading: bool = False
    url: str | None = None


def chat_body(
    kind: str, facts: Mapping[str, Any], *, language: str, time_zone: str, chat: ChatKind
) -> Mapping[str, Any]:
    """Word a notice for a chat, as what its incoming webhook takes.

    Raises `NoticeError` (not recoverable) for facts that can't be worded.
    """
    say = Wording(language, time_zone)

    def word() -> Mapping[str, Any]:
        letter = letter_of(kind, facts, say, briefly=True)
        lines = _within(_lines(letter), say)
        return (_slack if chat == "slack" else _teams)(letter, lines)

    return worded(kind, facts, word)


def _lines(letter: Letter) -> Iterator[_Line]:
    for one in letter.opening:
        yield from _of_block(one)
    for section in letter.sections:
        yield _Line(section.heading, is_heading=True)
        for one in section.blocks:
            yield from _of_block(one)


def _of_block(block: Block) -> Iterator[_Line]:
    match block:
        case Paragraph():
            yield _Line(block.text)
        case Rows():
            yield from (_Line(f"{label}: {value}") for label, value in block.pairs)
        case Bullets():
            yield from (_Line(f"• {entry}") for entry in block.entries)
        case Quotes():
            yield from (_Line(f"„{entry}“") for entry in block.entries)
        case Link():
            yield _Line(block.text, url=block.url)


def _within(lines: Iterable[_Line], say: Wording) -> list[_Line]:
    """Return as much as there is room for; where that is not all, the last line says so."""
    kept: list[_Line] = []
    room = MOST_CHARACTERS
    for one in lines:
        short = one.text if len(one.text) <= LONGEST_LINE else one.text[: LONGEST_LINE - 1] + "…"
        room -= len(short) + len(one.url or "")
        if room < 0 or len(kept) >= MOST_LINES:
            return [*kept, _Line(say.say("frame.rest_on_page"))]
        kept.append(_Line(short, one.is_heading, one.url))
    return kept


# ------------------------------------------------------------------------------------------ Slack


def _slack(letter: Letter, lines: list[_Line]) -> dict[str, Any]:
    """Return what a webhook of Slack takes; `text` is for programs that know no blocks."""
    first = next((one for one in lines if one.url), None)
    text = escaped(letter.subject)
    return {
        "text": text if first is None else f"{text} {_mrkdwn(first)}",
        "blocks": [
            {"type": "header",
             "text": {"type": "plain_text", "emoji": False, "text": _cut(letter.subject, _HEADER)}},
            *({"type": "section", "text": {"type": "mrkdwn", "verbatim": True, "text": one}}
              for one in _pieces(lines)),
        ],
        "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False,
    }


def _pieces(lines: list[_Line]) -> Iterator[str]:
    """Yield the texts of sections: each begins with a heading, and has room for its lines."""
    piece: list[str] = []
    for one in lines:
        written = _mrkdwn(one)
        if piece and (one.is_heading or sum(map(len, piece)) + len(written) > 2_800):
            yield "\n".join(piece)
            piece = []
        piece.append(written)
    if piece:
        yield "\n".join(piece)


def _mrkdwn(line: _Line) -> str:
    text = escaped(line.text)
    if line.url is not None:
        return f"<{_in_link(line.url)}|{text.replace('|', '¦')}>"
    return f"*{text}*" if line.is_heading else text


def _in_link(url: str) -> str:
    return escaped(url).replace("|", "%7C")


def escaped(text: str) -> str:
    """Return a text in which Slack, and what is like it, finds no mention, link or command."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MADE_LINK.sub("]" + _BREAK, _MENTION.sub("@" + _BREAK, plain))


# ------------------------------------------------------------------------------------------ Teams


def _teams(letter: Letter, lines: list[_Line]) -> dict[str, Any]:
    """Return what a workflow of Teams takes: an adaptive card."""
    page = next((one for one in lines if one.url), None)
    body: list[dict[str, Any]] = [
        _text(letter.subject, size="Large", weight="Bolder"),
        *(_card_line(one) for one in lines if one is not page),
    ]
    actions = [] if page is None else [
        {"type": "Action.OpenUrl", "title": _cut(page.text, 80), "url": page.url}
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard",
        "version": "1.4", "lang": letter.language, "body": body, "actions": actions,
        "msteams": {"width": "Full"},
    }
    return {
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None,
            "content": card,
        }],
    }


def _card_line(line: _Line) -> dict[str, Any]:
    if line.is_heading:
        return _text(line.text, weight="Bolder") | {"spacing": "Medium"}
    if line.url is None:
        return _text(line.text)
    return _text(line.text, selectAction={"type": "Action.OpenUrl", "url": line.url})


def _text(text: str, **look: Any) -> dict[str, Any]:
    """Return one line as a run: unlike a text block, it knows no Markdown."""
    return {
        "type": "RichTextBlock", "spacing": "Small",
        "inlines": [{"type": "TextRun", "text": text, **look}],
    }


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


