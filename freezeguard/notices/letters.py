"""One function per kind of notice: from facts to a letter. The statement has its own module."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from freezeguard.notices.approvals import (
    approval_rejected,
    approval_requested,
    approval_voided,
    evidence_attached,
    remedy_proposed,
    remedy_returned,
)
from freezeguard.notices.canaries import canary_late, canary_well
from freezeguard.notices.chats import chat_disabled, test_message, whose
from freezeguard.notices.codes import sign_in_code
from freezeguard.notices.detecting import (
    feed_silent,
    feed_speaks,
    suppressed,
    suppression_ended,
    suppression_ending,
)
from freezeguard.notices.digest import digest
from freezeguard.notices.endpoints import webhook_disabled, webhook_failing
from freezeguard.notices.letter import Block, Body, Letter, Link, Paragraph, Section
from freezeguard.notices.news import (
    NEWS,
    contest_answered,
    news_of,
    order_registered,
    revocation_registered,
)
from freezeguard.notices.rules import rule_proposed, shadow_digest
from freezeguard.notices.sections import (
    about,
    by_hand,
    catalogue_object,
    catalogues_seen,
    contact,
    evidence,
    intro,
    intro_for,
    links,
    listed,
    long_text,
    of_a_sibling,
    optional_time,
    reason_rows,
    reason_sentence,
    remedy,
    rows,
    section,
    steps,
    title_of,
    tried,
    waived_line,
)
from freezeguard.notices.statement import refrozen, statement
from freezeguard.notices.wording import Wording, clip
from freezeguard.ports.notice_facts.common import CaseNoticeFacts, NoticeFacts
from freezeguard.ports.notice_facts.detection import (
    BudgetSpentFacts,
    FeedNoticeFacts,
    SuppressionNoticeFacts,
    WaitingFacts,
)
from freezeguard.ports.notice_facts.reasons import ReasonFacts
from freezeguard.ports.notice_facts.remedies import ClosedFacts, FalseAlarmFacts, ReleasedFacts
from freezeguard.ports.notice_facts.service import CanaryNoticeFacts, ChatDisabledFacts, DigestFacts
from freezeguard.ports.notice_facts.stops import (
    ChangedFieldFacts,
    DegradedFacts,
    DismissedFacts,
    ExpiredFacts,
    FrozenConfirmedFacts,
    ManualTaskFacts,
    ReleaseRefusedFacts,
    SuspectedFacts,
)

_SHORT = 80  # weight of SKU or title in a subject
_SUBJECT = 300


LAST_WORDS = frozenset({"delisted", "closed", "false_alarm", "appeal_upheld", "expired",
                        "dismissed", "outcome", "merged"})
"""Notices of a case that has ended: it takes no answers any more, so none are invited."""


ABOUT_RULES = frozenset({"rule_proposed", "shadow_digest"})
PAGES = {"chat": "me", "entries": "cases", "proposal": "proposals", "rules": "shadows"}
"""Where to look, by a fact that only notices of this sort have."""


def letter_of(
    kind: str, facts: Mapping[str, Any], say: Wording, *, briefly: bool = False
) -> Letter:
    """Word one notice. Raises KeyError for an unknown kind or a missing fact.

    Briefly, it leaves out what colleagues know: whom to ask, and how to get there but by the page.
    """
    if kind in LAST_WORDS:
        facts = {**facts, "reply_to": None, "is_over": True}
    opening, sections = _BODIES[kind](facts, say)
    given = cast("NoticeFacts", facts)
    name = clip(given["recipient"])
    return Letter(
        language=say.language,
        subject=_subject(kind, facts, say),
        greeting=say.say("frame.greeting", name=name)
        if name
        else say.say("frame.greeting_unknown"),
        opening=(*opening, *_instead_of(given, say), *_ways(facts, say, briefly=briefly)),
        sections=(
            *(one for one in (*sections, steps(given, say)) if one.blocks),
            *(() if briefly else (contact(given["contact"], say),)),
        ),
        footer=_footer(facts, say),
    )


def _instead_of(facts: NoticeFacts, say: Wording) -> tuple[Paragraph, ...]:
    """Say whom this reader stands in for, if anybody."""
    missed = facts.get("instead_of")
    return (Paragraph(say.say("frame.instead_of", name=clip(missed))),) if missed else ()


def _footer(facts: Mapping[str, Any], say: Wording) -> str:
    sent = say.say("frame.footer", shop=clip(facts["shop"]), zone=say.zone)
    address = facts.get("reply_to")
    if not address or "case" not in facts:
        return sent
    case = clip(facts["case"], _SHORT)
    return f"{say.say('frame.reply', case=case, address=clip(address))} {sent}"


def _subject(kind: str, facts: Mapping[str, Any], say: Wording) -> str:
    if kind == "digest":
        number = len(cast("DigestFacts", facts)["entries"])
        return clip(say.count("digest.subject", number, shop=clip(facts["shop"], 60)), _SUBJECT)
    if "code" in facts:
        return clip(
            say.say(f"subject.{kind}", number=clip(facts["number"], _SHORT)), _SUBJECT
        )
    if "url" in facts:
        return clip(say.say(f"subject.{kind}", url=clip(facts["url"], 200)), _SUBJECT)
    if kind in ABOUT_RULES:
        rule = clip(facts.get("rule", ""), 100)
        return clip(say.say(f"subject.{kind}", rule=rule), _SUBJECT)
    if "chat" in facts:
        chat = cast("ChatDisabledFacts", facts)["chat"]
        return clip(say.say(f"subject.{kind}", chat=whose(chat, say)), _SUBJECT)
    if "feed" in facts:
        name = clip(cast("FeedNoticeFacts", facts)["feed"]["name"], _SHORT)
        return clip(say.say(f"subject.{kind}", name=name), _SUBJECT)
    if "canary" in facts:
        name = clip(cast("CanaryNoticeFacts", facts)["canary"]["catalogue"], _SHORT)
        return clip(say.say(f"subject.{kind}", name=name), _SUBJECT)
    if "suppression" in facts:
        what = suppressed(cast("SuppressionNoticeFacts", facts)["suppression"], say)
        return clip(say.say(f"subject.{kind}", what=what), _SUBJECT)
    if "case" not in facts:
        budget = cast("BudgetSpentFacts", facts)["budget"]
        return clip(
            say.say(f"subject.{kind}", of=_whose(budget["of"], budget["name"], say)), _SUBJECT
        )
    given = cast("CaseNoticeFacts", facts)
    news = _told_as(kind, facts)
    called = [clip(given["scope"]["sku"], _SHORT), title_of(given, _SHORT)]
    return clip(
        say.say(
            "subject.case",
            case=clip(given["case"], _SHORT),
            news=say.say(f"subject.{news}"),
            product=" – ".join(one for one in called if one),
        ),
        _SUBJECT,
    )


def _told_as(kind: str, facts: Mapping[str, Any]) -> str:
    """Return what a subject calls a notice: not every stop is one, and no list is no stop."""
    if kind == "statement_of_reasons" and facts.get("soft_until"):
        return "soft"
    if kind == "statement_of_reasons" and facts.get("lane") == "safety":
        return "stopped_for_safety"
    if kind == "frozen_confirmed" and facts.get("waived"):
        return "frozen_but_waived"
    return "unlisted" if kind == "degraded" and is_unlisted(facts) else kind


def is_unlisted(facts: Mapping[str, Any]) -> bool:
    """Say whether a degraded stop is one of something that no catalogue lists."""
    return facts.get("status") == "not_listed"


def _ways(
    facts: Mapping[str, Any], say: Wording, *, briefly: bool
) -> tuple[Block, ...]:
    ways = _access(facts, say)
    return tuple(one for one in ways if isinstance(one, Link))[:1] if briefly else ways


def _access(facts: Mapping[str, Any], say: Wording) -> tuple[Block, ...]:
    """Return how to see the case: its page, what to type, and the address for programs.

    Facts of an older version know no page but the address for programs.
    """
    if "code" in facts:
        return ()  # the page that asked for it is open
    if "url" in facts:
        page = "page_webhooks" if facts["audience"] == "vendor" else "open_webhooks"
        return links([(say.say(f"frame.{page}"), facts["link"])])
    if "feed" in facts or "suppression" in facts:
        page = "feeds" if "feed" in facts else "suppressions"
        typed = Paragraph(say.say(f"frame.show_{page}"))
        return (typed, *links([(say.say("frame.open_docs"), facts["link"])]))
    if "case" not in facts:
        page = next((name for fact, name in PAGES.items() if fact in facts), "queue")
        typed = Paragraph(say.say(f"frame.show_{page}"))
        return (typed, *links([(say.say(f"frame.open_{page}"), facts["link"])]))
    case = clip(facts["case"], _SHORT)
    audience = "vendor" if facts["audience"] == "vendor" else "staff"
    page = "page_vendor_over" if facts.get("is_over") and audience == "vendor" else (
        f"page_{audience}"
    )
    typed = Paragraph(say.say("frame.show_case", case=case))
    for_people = facts["link"] if "api" in facts else None
    for_programs = facts.get("api", facts["link"])
    found = links([
        (say.say(f"frame.{page}", case=case), for_people),
        (say.say("frame.open_case", case=case), for_programs),
    ])
    return found if audience == "vendor" else (*found[:-1], typed, found[-1])


def _is_pull(reason: ReasonFacts) -> bool:
    return bool(reason.get("reason_code"))


def _why(reason: ReasonFacts, say: Wording) -> Section:
    sentence = clip(reason_sentence(reason, say), 600)
    return section(
        say,
        "why",
        Paragraph(say.say("statement.reason", sentence=sentence)),
        of_a_sibling(reason, say),
        reason_rows(reason, say),
    )


def frozen_confirmed(facts: FrozenConfirmedFacts, say: Wording) -> Body:
    """Every catalogue was read back: it can't be bought, but where somebody waived that."""
    there, waived = facts["catalogues"], facts.get("waived") or []
    seen = section(say, "catalogues", catalogues_seen(there, say))
    if waived:
        key = f"{facts['audience']}_waived"
        said = section(say, "waived", listed(say, waived, lambda one: waived_line(one, say)))
        first = intro(facts, say, f"frozen_confirmed.{key}")
        return (first,), (said, about(facts, say), seen)
    nowhere = bool(there) and all(one.get("status") == "not_listed" for one in there)
    first = (
        intro(facts, say, "frozen_confirmed.unlisted")
        if nowhere
        else intro_for(facts, say, "frozen_confirmed")
    )
    return (first,), (about(facts, say), seen)


def suspected(facts: SuspectedFacts, say: Wording) -> Body:
    """To the owner: look, and agree or dismiss before it expires."""
    expires = say.time(facts["expires_at"])
    pause = "suspected.soft" if facts.get("soft_hold") else "suspected.open"
    opening = [intro(facts, say, "suspected.intro")]
    opening += _held_back(facts["reason"], say)
    opening.append(Paragraph(say.say(pause, time=expires)))
    asked = ", ".join(clip(name, 80) for name in (facts.get("asked") or [])[:10])
    waiting = section(say, "todo", rows(say, [("expires", expires), ("asked", asked)]))
    why = _why(facts["reason"], say)
    return tuple(opening), (
        about(facts, say, began="paused_since"),
        why,
        *evidence(facts.get("evidence"), say),
        waiting,
    )


def _held_back(reason: ReasonFacts, say: Wording) -> Iterator[Paragraph]:
    """Say why a crossing did not stop the sale."""
    if wave := reason.get("wave"):
        skus = ", ".join(clip(one, 80) for one in wave["skus"][:10])
        yield Paragraph(say.say(
            "suspected.wave", number=say.number(wave["number"]), vendor=clip(wave["vendor"], 80),
            days=say.number(wave["days"]), skus=skus,
        ))
    elif reason.get("budget"):
        yield Paragraph(say.say("suspected.budget"))
    if doubted := reason.get("doubted"):
        names = ", ".join(clip(one["source"], 80) for one in doubted[:10])
        most = say.percent(max(one["trust"] for one in doubted))
        yield Paragraph(say.say("suspected.doubted", source=names, trust=most))


def expired(facts: ExpiredFacts, say: Wording) -> Body:
    """Nobody agreed in time, or no new evidence came."""
    origin = "pull" if _is_pull(facts["reason"]) else "rule"
    sale = "soft" if facts.get("soft_hold") else "open"
    opening = (
        intro(facts, say, f"expired.{origin}"),
        Paragraph(say.say(f"expired.{sale}")),
        Paragraph(say.say("expired.kept")),
    )
    return opening, (about(facts, say, began="paused_on"), _why(facts["reason"], say))


def dismissed(facts: DismissedFacts, say: Wording) -> Body:
    """To who pulled: why it does not stay stopped."""
    opening = [intro(facts, say, "dismissed.intro")]
    if facts.get("soft_hold"):
        opening.append(Paragraph(say.say("dismissed.soft")))
    opening.append(Paragraph(say.say("dismissed.again")))
    decision = [("why", long_text(facts["why"])), ("by", clip(facts.get("by") or ""))]
    return tuple(opening), (
        section(say, "why", rows(say, decision)),
        about(facts, say, began="paused_on"),
    )


def degraded(facts: DegradedFacts, say: Wording) -> Body:
    """To the owner: an object does not obey; what was tried, what to do by hand."""
    if is_unlisted(facts):
        todo = section(say, "todo", Paragraph(say.say("degraded.unlisted_todo")))
        return (intro(facts, say, "degraded.unlisted"),), (todo, about(facts, say))
    return (intro(facts, say, "degraded.intro"),), (
        catalogue_object(facts, say),
        tried(facts, say),
        by_hand(facts, say, "stop"),
        about(facts, say),
    )


def release_refused(facts: ReleaseRefusedFacts, say: Wording) -> Body:
    """To the owner: a catalogue did not take the SKU back."""
    changed = facts.get("changed") or []
    return (intro(facts, say, "release_refused.intro"),), (
        catalogue_object(facts, say),
        tried(facts, say, facts.get("tries")),
        section(say, "changed", listed(say, changed, lambda one: _changed_line(one, say))),
        by_hand(facts, say, "release"),
        about(facts, say),
    )


def _changed_line(one: ChangedFieldFacts, say: Wording) -> str:
    return say.say(
        "release_refused.changed",
        field=clip(one["field"], 80),
        written=clip(one["written"], 120),
        seen=clip(one["seen"], 120),
    )


def manual_task(facts: ManualTaskFacts, say: Wording) -> Body:
    """A person has to do by hand what no call achieved."""
    if facts.get("task") == "tell_vendor":
        return _tell_vendor(facts, say)
    task = "release" if facts.get("task") == "release" else "stop"
    work = [("task", say.word("task", task)), ("due", optional_time(say, facts.get("due")))]
    return (intro(facts, say, "manual_task.intro"),), (
        section(say, "todo", rows(say, work)),
        by_hand(facts, say, task),
        catalogue_object(facts, say),
        tried(facts, say),
        about(facts, say),
    )


def _tell_vendor(facts: ManualTaskFacts, say: Wording) -> Body:
    """No mail reaches the vendor: the owner tells it by other means."""
    vendor, address = clip(facts.get("vendor") or ""), facts.get("address")
    if address:
        why = say.say("manual_task.vendor_bounced", vendor=vendor, address=clip(address))
    elif vendor:
        why = say.say("manual_task.vendor_unknown", vendor=vendor)
    else:
        why = say.say("manual_task.no_vendor")
    answered = rows(say, [("detail", clip(facts["detail"], 600))]) if address else None
    call = Paragraph(say.say("manual_task.tell_vendor"))
    return (intro(facts, say, "manual_task.intro"),), (
        section(say, "todo", Paragraph(why), call, answered),
        about(facts, say),
    )


def released(facts: ReleasedFacts, say: Wording) -> Body:
    """On sale again, on probation."""
    opening = [intro_for(facts, say, "released")]
    if others := facts.get("waits_for"):
        cases = ", ".join(clip(one, 40) for one in others[:10])
        opening.append(Paragraph(say.say("released.waits", cases=cases)))
    seen = facts.get("catalogues")
    return tuple(opening), (
        _probation(facts, say),
        section(say, "catalogues", catalogues_seen(seen, say) if seen else None),
        about(facts, say, began="stopped_on"),
    )


def _probation(facts: ReleasedFacts, say: Wording) -> Section:
    terms = facts.get("probation")
    if not terms:
        return section(say, "probation")
    return section(
        say,
        "probation",
        Paragraph(say.say("released.probation")),
        rows(
            say,
            [
                ("until", say.time(terms["until"])),
                ("units", say.number(terms["units"])),
                ("cap", optional_time(say, terms.get("cap"))),
            ],
        ),
    )


def false_alarm(facts: FalseAlarmFacts, say: Wording) -> Body:
    """Released, our mistake."""
    code, since = facts["reason_code"], facts.get("since")
    table = "false_alarm_code" if say.knows("false_alarm_code", code) else "reason_code"
    opening = [
        intro_for(facts, say, "false_alarm"),
        Paragraph(say.say("false_alarm.why", why=say.word(table, code))),
    ]
    if comment := long_text(facts.get("comment")):
        opening.append(Paragraph(comment))
    if since:
        times = {"since": say.time(since), "until": say.time(facts["at"])}
        opening.append(Paragraph(say.say("false_alarm.stopped", **times)))
    reason = facts.get("reason")
    uncounted = reason is not None and _is_pull(reason)
    kept = "false_alarm.no_probation" if uncounted else "false_alarm.counts"
    opening.append(Paragraph(say.say(kept)))
    return tuple(opening), (about(facts, say, began="stopped_on"),)


def closed(facts: ClosedFacts, say: Wording) -> Body:
    """To everyone who was told of the freeze: how it ended, the cause and the fix."""
    found = remedy(facts.get("remedy"), None, say) or Paragraph(say.say("closed.none"))
    effect = facts.get("effectiveness")
    outcome = rows(
        say,
        [
            ("outcome", say.word("outcome", facts["outcome"])),
            ("comment", long_text(facts.get("comment"))),
        ],
    )
    return (intro(facts, say, "closed.intro"), outcome), (
        section(say, "remedy", found),
        section(
            say,
            "effect",
            rows(
                say,
                [
                    ("effect_units", say.number(effect["units"])),
                    ("effect_complaints", say.number(effect["complaints"])),
                    ("effect_days", _days(effect.get("days"), say)),
                ],
            )
            if effect
            else None,
        ),
        about(facts, say, began="stopped_on"),
    )


def _days(days: int | None, say: Wording) -> str | None:
    return None if days is None else say.number(days)


def budget_spent(facts: BudgetSpentFacts, say: Wording) -> Body:
    """The governor stopped further automatic freezes."""
    budget = facts["budget"]
    whose = _whose(budget["of"], budget["name"], say)
    figures = rows(
        say,
        [
            ("budget_of", whose),
            ("spent", say.number(budget["spent"])),
            ("limit", say.number(budget["limit"])),
            ("window", say.duration(budget["window"])),
            ("resumes", optional_time(say, facts.get("resumes_at"))),
        ],
    )
    opening = (
        Paragraph(say.say("budget_spent.intro", of=whose)),
        Paragraph(say.say("budget_spent.still")),
    )
    return opening, (section(say, "budget", figures), _waiting(facts, say))


def _waiting(facts: BudgetSpentFacts, say: Wording) -> Section:
    cases = facts["waiting"]
    if not cases:
        return section(say, "waiting", Paragraph(say.say("budget_spent.none")))
    pages = [
        (say.say("frame.open_page", case=clip(one["case"], _SHORT)), one.get("link"))
        for one in cases[:10]
    ]
    lines = listed(say, cases, lambda one: _waiting_line(one, say))
    return section(say, "waiting", lines, *links(pages))


def _waiting_line(one: WaitingFacts, say: Wording) -> str:
    reason: ReasonFacts = one.get("reason") or {"sentence": one["sentence"]}
    sku, sentence = clip(one["sku"], 80), clip(reason_sentence(reason, say))
    return say.say("budget_spent.line", case=clip(one["case"], 40), sku=sku, sentence=sentence)


def _whose(of: str, name: str, say: Wording) -> str:
    if not say.knows("budget", of):
        return clip(f"{of} {name}")
    return say.say(f"budget.{of}", name=clip(name, 80))


_BODIES: Mapping[str, Callable[[Any, Wording], Body]] = {
    "statement_of_reasons": statement,
    "frozen_confirmed": frozen_confirmed,
    "suspected": suspected,
    "expired": expired,
    "dismissed": dismissed,
    "degraded": degraded,
    "remedy_proposed": remedy_proposed,
    "remedy_returned": remedy_returned,
    "evidence_attached": evidence_attached,
    "approval_requested": approval_requested,
    "approval_voided": approval_voided,
    "approval_rejected": approval_rejected,
    "released": released,
    "test_message": test_message,
    "chat_disabled": chat_disabled,
    "release_refused": release_refused,
    "refrozen": refrozen,
    "false_alarm": false_alarm,
    "closed": closed,
    "budget_spent": budget_spent,
    "manual_task": manual_task,
    "contest_answered": contest_answered,
    "order_registered": order_registered,
    "revocation_registered": revocation_registered,
    "digest": digest,
    **{kind: news_of(kind) for kind in NEWS},
    "rule_proposed": rule_proposed,
    "shadow_digest": shadow_digest,
    "feed_silent": feed_silent,
    "feed_speaks": feed_speaks,
    "canary_late": canary_late,
    "canary_well": canary_well,
    "suppression_ending": suppression_ending,
    "suppression_ended": suppression_ended,
    "webhook_failing": webhook_failing,
    "webhook_disabled": webhook_disabled,
    "sign_in_code": sign_in_code,
}
