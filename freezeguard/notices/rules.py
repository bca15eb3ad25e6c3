"""Letters about rules: a change that waits for a second person, and how shadow rules compare."""

from freezeguard.notices.letter import Body, Paragraph, Section
from freezeguard.notices.sections import listed, rows, section
from freezeguard.notices.wording import Wording, clip
from freezeguard.ports.notice_facts.detection import (
    RuleProposedFacts,
    ShadowDigestFacts,
    ShadowFiguresFacts,
)

_RULES = 10  # of a digest; the rest is counted


def rule_proposed(facts: RuleProposedFacts, say: Wording) -> Body:
    """To those who may agree: what would be frozen less, and how to say yes or no."""
    rule, who = clip(facts["rule"], 200), clip(facts["by"])
    opening = (
        Paragraph(say.say("rule_proposed.intro", rule=rule, by=who)),
        Paragraph(say.say("rule_proposed.meanwhile")),
    )
    proposal = clip(facts["proposal"], 80)
    return opening, (
        section(say, "loosens", listed(say, facts["loosens"], lambda one: clip(one, 300))),
        section(
            say, "todo", Paragraph(say.say("rule_proposed.todo", proposal=proposal)),
            rows(say, [("expires", say.time(facts["expires_at"]))]),
        ),
    )


def shadow_digest(facts: ShadowDigestFacts, say: Wording) -> Body:
    """To analysts, once a week: what each shadow rule would have done, beside what was done."""
    rules = facts["rules"]
    opening = (
        Paragraph(say.say("shadow_digest.intro", days=facts["days"])),
        Paragraph(say.say("shadow_digest.missed")),
    )
    rest = len(rules) - _RULES
    more = (Section("", (Paragraph(say.count("frame.more", rest)),)),) if rest > 0 else ()
    return opening, (
        *(_compared(one, say) for one in rules[:_RULES]),
        *more,
        section(say, "todo", Paragraph(say.say("shadow_digest.todo"))),
    )


def _compared(one: ShadowFiguresFacts, say: Wording) -> Section:
    figures = [
        ("would_freeze", say.number(one["would_freeze"])),
        ("by_rules", say.number(one["by_rules"])),
        ("by_pulls", say.number(one["by_pulls"])),
        ("lead", _lead(one["days_earlier"], say)),
        ("only_here", say.number(one["only_here"])),
        ("missed", say.number(one["missed"])),
        ("false_alarms", say.number(one["false_alarms"])),
        ("confirmed", say.number(one["confirmed"])),
        ("compared_since", say.time(one["since"])),
    ]
    named = say.say("shadow_digest.rule", rule=clip(one["rule"], 80), version=one["version"])
    return Section(named, (rows(say, figures),))


def _lead(days: float | None, say: Wording) -> str:
    """Return by how much a shadow rule was ahead, in days, or behind; empty where neither."""
    if days is None:
        return ""
    key = "shadow_digest.earlier" if days >= 0 else "shadow_digest.later"
    return say.say(key, days=say.number(round(abs(days), 1)))
