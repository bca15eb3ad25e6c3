"""The statement of reasons: what was stopped, why, what lifts it, how to object.

The content that Article 4 of Regulation (EU) 2019/1150 asks for: the facts, the ground in the
terms, and the way to clarify the facts. A re-freeze is a restriction of its own and says it again.
"""

from collections.abc import Mapping
from typing import Any

from freezeguard.notices.letter import Body, Bullets, Paragraph, Section
from freezeguard.notices.sections import (
    about,
    answer_by,
    catalogues,
    document_rows,
    evidence,
    of_a_sibling,
    product,
    reason_rows,
    reason_sentence,
    rows,
    section,
    way,
)
from freezeguard.notices.wording import Wording, clip
from freezeguard.ports.notice_facts.stops import OrderFacts, RefrozenFacts, StatementFacts

_CONTEST_WORKING_DAYS = 2


def statement(facts: StatementFacts, say: Wording) -> Body:
    """Word a first freeze: for the vendor the whole statement, for staff its substance."""
    called = product(facts, say)
    if facts["audience"] == "staff":
        first = Paragraph(say.say("statement.intro_staff", product=called))
        return (first, *_for_whom(facts, say)), _substance(facts, say)
    key = "statement.intro_soft" if facts.get("soft_until") else "statement.intro"
    return (Paragraph(say.say(key, product=called)),), _whole(facts, say)


def refrozen(facts: RefrozenFacts, say: Wording) -> Body:
    """Word a re-freeze in the same case."""
    staff = facts["audience"] == "staff"
    key = "statement.intro_staff_again" if staff else "statement.intro_again"
    opening = [
        Paragraph(say.say(key, product=product(facts, say))),
        Paragraph(say.count("statement.again", facts["recurrence"])),
        *_for_whom(facts, say),
    ]
    if released := facts.get("released_at"):
        opening.append(Paragraph(say.say("statement.released_at", time=say.time(released))))
    return tuple(opening), _substance(facts, say) if staff else _whole(facts, say)


def _for_whom(facts: Mapping[str, Any], say: Wording) -> tuple[Paragraph, ...]:
    """Tell a reader who does not own the case why they get this."""
    reader = str(facts.get("as") or "")
    return (Paragraph(say.word("you", reader)),) if say.knows("you", reader) else ()


def _whole(facts: StatementFacts, say: Wording) -> tuple[Section, ...]:
    asked = () if facts.get("soft_until") else answer_by(facts, say)
    return (
        *_substance(facts, say), _lifts(facts, say), *asked, _contest(facts, say), _legal(say)
    )


def _substance(facts: StatementFacts, say: Wording) -> tuple[Section, ...]:
    return (
        about(facts, say, heading="what"),
        section(
            say,
            "catalogues",
            Paragraph(say.say("statement.asked")),
            catalogues(facts["catalogues"], say),
        ),
        _why(facts, say),
        *evidence(facts.get("evidence"), say),
    )


def origin(facts: StatementFacts) -> str:
    """Return what stopped the sale: `order`, `person`, `safety` or `rule`."""
    reason = facts["reason"]
    if facts["lane"] == "authority" or reason.get("reason_code") == "authority_order":
        return "order"
    family = reason.get("family")
    if family == "pull" or reason.get("reason_code"):
        return "person"
    return "safety" if family == "safety" else "rule"


def _why(facts: StatementFacts, say: Wording) -> Section:
    reason = facts["reason"]
    sentence = clip(reason_sentence(reason, say), 600)
    return section(
        say,
        "why",
        Paragraph(_decision(facts, say)),
        Paragraph(say.say("statement.reason", sentence=sentence)),
        of_a_sibling(reason, say),
        reason_rows(reason, say),
        rows(say, [*_order(facts.get("order")), ("terms", clip(facts.get("terms") or ""))]),
        _in_danger(facts, say),
        Paragraph(say.say("statement.reported")) if _is_uncounted(facts) else None,
    )


def _in_danger(facts: StatementFacts, say: Wording) -> Paragraph | None:
    if facts["lane"] != "safety":
        return None
    staff = facts["audience"] == "staff"
    return Paragraph(say.say("statement.safety_staff" if staff else "statement.safety"))


def _is_uncounted(facts: StatementFacts) -> bool:
    """Say whether people stopped the sale and no complaint stands behind it: no zeros then."""
    counted = facts.get("evidence")
    return origin(facts) == "person" and counted is not None and not counted["complaints"]


def _decision(facts: StatementFacts, say: Wording) -> str:
    soft_until = facts.get("soft_until")
    if origin(facts) == "person" and soft_until:
        return say.say("statement.by_person_soft", time=say.time(soft_until))
    return say.say(f"statement.by_{origin(facts)}")


def _order(order: OrderFacts | None) -> list[tuple[str, str | None]]:
    return document_rows(order) if order else []


def _lifts(facts: StatementFacts, say: Wording) -> Section:
    if origin(facts) == "order":
        return section(say, "lifts", Paragraph(say.say("statement.lifts_order")))
    if facts.get("soft_until"):
        return section(say, "lifts", Paragraph(say.say("statement.lifts_soft")))
    needed = ("lifts_cause", "lifts_containment", "lifts_corrective", "lifts_preventive")
    return section(
        say,
        "lifts",
        Paragraph(say.say("statement.lifts")),
        Bullets(tuple(say.say(f"statement.{key}") for key in needed)),
        Paragraph(say.say("statement.lifts_dates")),
    )


def _contest(facts: StatementFacts, say: Wording) -> Section:
    days = facts.get("contest_working_days") or _CONTEST_WORKING_DAYS
    key = "statement.contest_order" if origin(facts) == "order" else "statement.contest"
    return section(say, "contest", Paragraph(say.count(key, days, how=way(facts, say))))


def _legal(say: Wording) -> Section:
    return section(say, "legal", Paragraph(say.say("statement.legal")))
