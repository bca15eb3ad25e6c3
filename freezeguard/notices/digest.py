"""Many notices of a short time in one mail: a line and a link for each, in their order."""

from freezeguard.notices.letter import Body, Link, Paragraph, Section
from freezeguard.notices.wording import Wording, clip, weight
from freezeguard.ports.notice_facts.service import DigestEntryFacts, DigestFacts

_LINE = 240  # weight of a line
_URL = 200
_ROOM = 30_000
"""Weight of all lines and links together: both parts of a mail hold them, and must fit into it."""


def digest(facts: DigestFacts, say: Wording) -> Body:
    """Word a digest; lines that a mail has no room for are counted."""
    entries = facts["entries"]
    opening = (
        Paragraph(say.count("digest.intro", len(entries))),
        Paragraph(say.say("digest.order")),
    )
    lines = _within_room([_line(place, one, say) for place, one in enumerate(entries, 1)])
    rest = len(entries) - len(lines)
    more = (Paragraph(say.count("digest.more", rest)),) if rest else ()
    return opening, (Section(say.say("heading.digest"), (*lines, *more)),)


def _within_room(lines: list[Link]) -> list[Link]:
    kept, room = [], _ROOM
    for one in lines:
        room -= weight(one.text + one.url)
        if room < 0:
            break
        kept.append(one)
    return kept


def _line(place: int, one: DigestEntryFacts, say: Wording) -> Link:
    news, case, scope = say.word("subject", one["kind"]), one.get("case"), one.get("scope")
    if (feed := one.get("feed")) and say.knows("subject", one["kind"]):
        news = say.say(f"subject.{one['kind']}", name=clip(feed, 60))
    if case:
        sku = clip(scope["sku"] if scope else "", 60)
        news = say.say("digest.line", case=clip(case, 40), news=news, sku=sku)
    if due := one.get("due"):
        news = say.say("digest.due", line=news, due=say.brief(due))
    timed = say.say("digest.timed", line=news, time=say.brief(one["at"]))
    text = say.say("digest.numbered", place=place, line=timed)
    return Link(clip(text, _LINE), clip(one["link"], _URL))
