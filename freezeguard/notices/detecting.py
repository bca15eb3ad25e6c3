"""Letters about detection itself: feeds that fell silent, suppressions that end."""

from freezeguard.notices.letter import Body, Paragraph, Section
from freezeguard.notices.sections import listed, long_text, optional_time, rows, section
from freezeguard.notices.wording import Wording, clip
from freezeguard.ports.notice_facts.detection import (
    FeedNoticeFacts,
    SuppressionFacts,
    SuppressionNoticeFacts,
)

_NAME = 120
_SCOPES = ("sku", "vendor", "category", "rule")


def feed_silent(facts: FeedNoticeFacts, say: Wording) -> Body:
    """A feed has been silent for longer than chance allows, or than it may be."""
    why = "limit" if facts["feed"].get("max_silence") else "chance"
    opening = (
        Paragraph(say.say("feed_silent.intro", name=clip(facts["feed"]["name"], _NAME))),
        Paragraph(say.say(f"feed_silent.{why}")),
    )
    todo = section(say, "todo", Paragraph(say.say("feed_silent.todo")))
    return opening, (_feed(facts, say), todo)


def feed_speaks(facts: FeedNoticeFacts, say: Wording) -> Body:
    """A feed that was silent has been heard again."""
    name = clip(facts["feed"]["name"], _NAME)
    opening = (
        Paragraph(say.say("feed_speaks.intro", name=name)),
        Paragraph(say.say("feed_speaks.gap")),
    )
    return opening, (_feed(facts, say),)


def _feed(facts: FeedNoticeFacts, say: Wording) -> Section:
    feed = facts["feed"]
    usual, longest = feed.get("usual_per_day"), feed.get("max_silence")
    return section(
        say,
        "feed",
        rows(
            say,
            [
                ("feed", clip(feed["source"], _NAME)),
                ("silent_since", optional_time(say, feed.get("silent_since"))),
                ("last_heard", optional_time(say, feed.get("heard"))),
                ("usual_per_day", None if usual is None else say.number(usual)),
                ("max_silence", None if longest is None else say.duration(longest)),
            ],
        ),
    )


def suppression_ending(facts: SuppressionNoticeFacts, say: Wording) -> Body:
    """Detection will soon not be held back any more."""
    one = facts["suppression"]
    opening = (
        Paragraph(say.say("suppression_ending.intro", what=suppressed(one, say))),
        Paragraph(say.say("suppression_ending.then")),
    )
    return opening, (*_suppression(one, say),)


def suppression_ended(facts: SuppressionNoticeFacts, say: Wording) -> Body:
    """Detection is not held back any more."""
    one = facts["suppression"]
    opening = (
        Paragraph(say.say("suppression_ended.intro", what=suppressed(one, say))),
        Paragraph(say.say("suppression_ended.then")),
    )
    return opening, (*_suppression(one, say),)


def suppressed(one: SuppressionFacts, say: Wording) -> str:
    """Return what a suppression is of, in words."""
    named = {"sku": one.get("sku"), "vendor": one.get("vendor"),
             "category": one.get("category"), "rule": one.get("rule")}
    return ", ".join(
        say.say(f"suppression.{scope}", name=clip(value, _NAME))
        for scope in _SCOPES
        if (value := named[scope])
    )


def _suppression(one: SuppressionFacts, say: Wording) -> tuple[Section, ...]:
    details = rows(
        say,
        [
            ("why", long_text(one["cause"])),
            ("suppressed_by", clip(one["author"], _NAME)),
            ("suppressed_until", say.time(one["until"])),
        ],
    )
    number = one["skus"]
    counted = Paragraph(
        say.count("suppression.held_back", number) if number else say.say("suppression.nothing")
    )
    names = listed(say, one["named"], lambda name: clip(name, _NAME))
    return section(say, "details", details), section(say, "held_back", counted, names)
