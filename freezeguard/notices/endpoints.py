"""Letters about a webhook endpoint that takes nothing: the other channel."""

from freezeguard.notices.letter import Body, Paragraph, Section
from freezeguard.notices.sections import optional_time, rows, section
from freezeguard.notices.wording import Wording, clip
from freezeguard.ports.notice_facts.service import WebhookFacts


def webhook_failing(facts: WebhookFacts, say: Wording) -> Body:
    """An endpoint has failed for a day: mend it before it is switched off."""
    opening = Paragraph(say.say("webhook_failing.intro")), Paragraph(say.say("webhook.mails"))
    return opening, (
        _endpoint(facts, say),
        section(say, "todo", Paragraph(say.say("webhook_failing.todo"))),
    )


def webhook_disabled(facts: WebhookFacts, say: Wording) -> Body:
    """An endpoint is switched off."""
    opening = Paragraph(say.say("webhook_disabled.intro")), Paragraph(say.say("webhook.mails"))
    return opening, (
        _endpoint(facts, say),
        section(say, "todo", Paragraph(say.say("webhook_disabled.todo"))),
    )


def _endpoint(facts: WebhookFacts, say: Wording) -> Section:
    return section(
        say,
        "endpoint",
        rows(
            say,
            [
                ("address", clip(facts["url"], 300)),
                ("description", clip(facts.get("description") or "")),
                ("endpoint", clip(facts["endpoint"], 80)),
                ("why", clip(facts["why"], 300)),
                ("failing_since", optional_time(say, facts.get("failing_since"))),
                ("disabled_from", optional_time(say, facts.get("disabled_from"))),
            ],
        ),
    )
