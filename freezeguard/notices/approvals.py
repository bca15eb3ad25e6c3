"""Notices on the way from a remedy to a reinstatement: returned, asked for, void, rejected."""

from freezeguard.notices.letter import Body, Paragraph
from freezeguard.notices.sections import (
    about,
    evidence,
    intro,
    intro_for,
    listed,
    long_text,
    optional_time,
    remedy,
    rows,
    section,
    waived_line,
)
from freezeguard.notices.wording import Wording, clip
from freezeguard.ports.notice_facts.remedies import (
    ApprovalRejectedFacts,
    ApprovalRequestedFacts,
    ApprovalVoidedFacts,
    EvidenceAttachedFacts,
    RemedyProposedFacts,
    RemedyReturnedFacts,
)

_SEVERAL = 30  # things that a remedy may lack; they are all named


def remedy_proposed(facts: RemedyProposedFacts, say: Wording) -> Body:
    """To whoever judges it: the remedy, whole."""
    opening = [intro(facts, say, "remedy_proposed.intro")]
    if facts["other_manager"]:
        opening.append(Paragraph(say.say("remedy_proposed.other_manager")))
    proposed = section(say, "remedy", remedy(facts["remedy"], None, say))
    return tuple(opening), (proposed, about(facts, say))


def remedy_returned(facts: RemedyReturnedFacts, say: Wording) -> Body:
    """To the vendor: exactly what is missing, and nothing else."""
    number = facts.get("round")
    opening = [
        intro(facts, say, "remedy_returned.intro"), Paragraph(say.say("remedy_returned.by_when")),
    ]
    if number is not None and number >= 2:
        opening.append(Paragraph(say.say("remedy_returned.other_manager")))
    missing = listed(say, facts["missing"], lambda one: say.word("missing", one), _SEVERAL)
    count = rows(say, [("round", None if number is None else say.number(number))])
    lacking = section(say, "missing", missing, count)
    return tuple(opening), (lacking, about(facts, say))


def evidence_attached(facts: EvidenceAttachedFacts, say: Wording) -> Body:
    """To the owner or the vendor: the other side has put a file on the case."""
    size = say.number(-(-facts["size"] // 1024))
    what = rows(
        say,
        [
            ("file", clip(facts["name"], 200)),
            ("size", say.say("evidence_attached.size", number=size)),
            ("comment", long_text(facts.get("note"))),
        ],
    )
    fetch = Paragraph(say.say("evidence_attached.fetch"))
    return (intro_for(facts, say, "evidence_attached"),), (
        section(say, "news", what, fetch),
        about(facts, say),
    )


def approval_requested(facts: ApprovalRequestedFacts, say: Wording) -> Body:
    """To the approvers: what they approve, on which evidence."""
    revision = facts["evidence_revision"]
    key = "second" if facts.get("second_needed") else "intro"
    gaps = [
        *(say.say("approval_requested.unconfirmed", name=clip(one))
          for one in facts.get("unconfirmed") or []),
        *(waived_line(one, say) for one in facts.get("waived") or []),
    ]
    asked = rows(
        say,
        [
            ("evidence_revision", str(revision)),
            ("requested_by", clip(facts.get("requested_by") or "")),
            ("valid_until", optional_time(say, facts.get("valid_until"))),
        ],
    )
    pinned = Paragraph(say.say("approval_requested.pinned", revision=str(revision)))
    return (intro(facts, say, f"approval_requested.{key}"),), (
        section(say, "approve", asked, listed(say, gaps, str), pinned),
        section(say, "remedy", remedy(facts.get("remedy"), facts.get("verification"), say)),
        *evidence(facts.get("evidence"), say),
        about(facts, say),
    )


def approval_voided(facts: ApprovalVoidedFacts, say: Wording) -> Body:
    """To both sides: the approval counts no more, and why."""
    revision = facts.get("evidence_revision")
    why = say.say("approval_voided.why", why=say.word("voided", facts["why"]).rstrip("."))
    return (intro_for(facts, say, "approval_voided"), Paragraph(why)), (
        section(
            say,
            "news",
            listed(say, facts.get("news") or [], lambda one: say.retold("news", one)),
            rows(say, [("evidence_revision", str(revision))]) if revision is not None else None,
        ),
        about(facts, say),
    )


def approval_rejected(facts: ApprovalRejectedFacts, say: Wording) -> Body:
    """To owner and vendor: why not; the name of who decided is for staff only."""
    why = say.say("approval_rejected.why", why=long_text(facts["why"]) or say.say("answer.unknown"))
    by = facts.get("by") if facts["audience"] == "staff" else None
    decided = rows(say, [("by", clip(by))]) if by else None
    return (intro_for(facts, say, "approval_rejected"), Paragraph(why)), (
        section(say, "why", decided),
        about(facts, say),
    )
