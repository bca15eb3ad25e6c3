"""Letters about canaries: one is late or fails, and is well again."""

from freezeguard.notices.letter import Body, Paragraph, Section
from freezeguard.notices.sections import long_text, optional_time, rows, section
from freezeguard.notices.wording import Wording, clip
from freezeguard.ports.notice_facts.service import CanaryNoticeFacts

_NAME = 120


def canary_late(facts: CanaryNoticeFacts, say: Wording) -> Body:
    """A stop or release that nobody needed did not work in time: neither may one that counts."""
    name = clip(facts["canary"]["catalogue"], _NAME)
    opening = (
        Paragraph(say.say("canary_late.intro", name=name)),
        Paragraph(say.say("canary_late.means")),
    )
    todo = section(say, "todo", Paragraph(say.say("canary_late.todo", name=name)))
    return opening, (_canary(facts, say), todo)


def canary_well(facts: CanaryNoticeFacts, say: Wording) -> Body:
    """Stops and releases work in time again."""
    name = clip(facts["canary"]["catalogue"], _NAME)
    return (Paragraph(say.say("canary_well.intro", name=name)),), (_canary(facts, say),)


def _canary(facts: CanaryNoticeFacts, say: Wording) -> Section:
    one = facts["canary"]
    pairs = [
        ("catalogue", clip(one["catalogue"], _NAME)),
        ("canary_sku", clip(one["sku"], _NAME)),
        ("detail", long_text(one.get("detail"))),
        ("late_after", say.duration(one["late_after"])),
        ("stopped_in", _seconds(say, one.get("stop_seconds"))),
        ("sold_again_in", _seconds(say, one.get("release_seconds"))),
        ("not_well_since", optional_time(say, one.get("since"))),
        ("last_well", optional_time(say, one.get("succeeded_at"))),
    ]
    return section(say, "canary", rows(say, pairs))


def _seconds(say: Wording, value: float | None) -> str | None:
    return None if value is None else f"{say.number(round(value, 2))} s"
