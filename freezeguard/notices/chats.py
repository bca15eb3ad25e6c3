"""Letters about a chat address: a test that somebody asked for, and one that was switched off."""

from freezeguard.notices.letter import Body, Paragraph
from freezeguard.notices.sections import rows, section
from freezeguard.notices.wording import Wording, clip
from freezeguard.ports.notice_facts.service import ChatDisabledFacts, ChatFacts, TestMessageFacts


def test_message(facts: TestMessageFacts, say: Wording) -> Body:
    """Somebody wants to know whether notices arrive here."""
    by = say.say("test_message.by", name=clip(facts["by"]))
    host = rows(say, [("address", clip(facts["chat"]["host"], 200) or None)])
    opening = Paragraph(say.say("test_message.intro")), Paragraph(by)
    return opening, (section(say, "details", host),)


def chat_disabled(facts: ChatDisabledFacts, say: Wording) -> Body:
    """The address of a chat is no more."""
    chat = facts["chat"]
    opening = (
        Paragraph(say.say("chat_disabled.intro", whose=whose(chat, say))),
        Paragraph(say.say("chat_disabled.mails")),
    )
    known = rows(say, [("address", clip(chat["host"], 200)), ("why", clip(facts["why"], 300))])
    return opening, (
        section(say, "endpoint", known),
        section(say, "todo", Paragraph(say.say("chat_disabled.todo"))),
    )


def whose(chat: ChatFacts, say: Wording) -> str:
    """Say which address it is: `Slack`, or `Teams (kitchen)` of a team."""
    kind = say.word("chat", chat["kind"])
    return f"{kind} ({clip(chat['team'], 60)})" if chat["team"] else kind
