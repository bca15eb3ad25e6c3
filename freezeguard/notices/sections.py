"""Parts that several notices share: what it is about, why, the evidence, who to ask."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from freezeguard.domain.masking import mask
from freezeguard.notices.letter import Block, Bullets, Link, Paragraph, Quotes, Rows, Section
from freezeguard.notices.wording import DEFAULT_LANGUAGE, Wording, clip
from freezeguard.ports.notice_facts.common import (
    CaseNoticeFacts,
    ContactFacts,
    NoticeFacts,
    ScopeFacts,
    StepFacts,
)
from freezeguard.ports.notice_facts.reasons import (
    EvidenceFacts,
    PartFacts,
    ReasonFacts,
    RiseFacts,
    TallyFacts,
)
from freezeguard.ports.notice_facts.remedies import RemedyFacts, VerificationFacts
from freezeguard.ports.notice_facts.stops import (
    AttemptFacts,
    CatalogueFacts,
    ObjectNoticeFacts,
    OrderFacts,
    WaivedFacts,
)

_Entry = TypeVar("_Entry")

_LISTED = 10  # entries of a list; the rest is counted
_QUOTED = 5  # excerpts
_EXCERPT = 400  # weight of an excerpt
_LONG = 600  # weight of a text that somebody wrote at length
_TITLE = 120
_SKU = 1_200  # so that each SKU of 200 bytes is there in full
_URL = 500
NARROWING = ("seller", "channel", "country", "lot")


def product(facts: CaseNoticeFacts, say: Wording) -> str:
    """Return how the text calls the product: title and SKU."""
    sku = clip(facts["scope"]["sku"])
    title = title_of(facts, _TITLE)
    if not title:
        return say.say("frame.product_untitled", sku=sku)
    return say.say("frame.product", title=title, sku=sku)


def title_of(facts: CaseNoticeFacts, limit: int) -> str:
    """Return the title, empty where there is none but the SKU itself."""
    title = facts["title"]
    return "" if title == facts["scope"]["sku"] else clip(title, limit)


def intro(facts: CaseNoticeFacts, say: Wording, key: str) -> Paragraph:
    """Return the first sentence of a notice, which names the product."""
    return Paragraph(say.say(key, product=product(facts, say)))


def intro_for(facts: CaseNoticeFacts, say: Wording, table: str) -> Paragraph:
    """Return the first sentence in the words for the vendor or for staff."""
    return intro(facts, say, f"{table}.{facts['audience']}")


def rows(say: Wording, pairs: Iterable[tuple[str, str | None]]) -> Rows:
    """Return labelled facts; those without a value are left out."""
    return Rows(tuple((say.say(f"label.{key}"), value) for key, value in pairs if value))


def listed(
    say: Wording, entries: Sequence[_Entry], line: Callable[[_Entry], str], limit: int = _LISTED
) -> Bullets | None:
    """Return a list, one `line` for each entry; what is beyond the limit is counted."""
    shown = tuple(line(entry) for entry in entries[:limit])
    rest = len(entries) - len(shown)
    return Bullets((*shown, say.count("frame.more", rest)) if rest else shown) if shown else None


def long_text(text: str | None) -> str | None:
    """Return what somebody wrote, masked and shortened; None for nothing."""
    return clip(mask(text[: 2 * _LONG]), _LONG) if text and text.strip() else None


def optional_time(say: Wording, moment: str | None) -> str | None:
    """Return a time in words, None for none."""
    return say.time(moment) if moment else None


def section(say: Wording, heading: str, *blocks: Block | None) -> Section:
    """Return a section of those blocks that say something."""
    there = tuple(block for block in blocks if block is not None and block != Rows(()))
    return Section(say.say(f"heading.{heading}"), there)


def about(
    facts: CaseNoticeFacts, say: Wording, *, heading: str = "about", began: str = "since"
) -> Section:
    """Return what this is about: product, scope, when it began (`began`: a label), which case."""
    lane = facts["lane"]
    return section(
        say,
        heading,
        rows(
            say,
            [
                ("sku", clip(facts["scope"]["sku"], _SKU)),
                ("title", title_of(facts, _TITLE)),
                ("scope", scope_words(facts["scope"], say)),
                (began, optional_time(say, facts.get("since"))),
                ("lane", None if lane == "quality" else say.word("lane", lane)),
                ("case", clip(facts["case"])),
            ],
        ),
    )


def scope_words(scope: ScopeFacts, say: Wording) -> str:
    """Return what a scope is narrowed to, or that it is not."""
    narrowed = [
        say.say(f"scope.{name}", value=clip(value))
        for name in NARROWING
        if isinstance(value := scope.get(name), str) and value
    ]
    return ", ".join(narrowed) or say.say("scope.all")


def catalogues(entries: Sequence[CatalogueFacts], say: Wording) -> Bullets | None:
    """Return the catalogues that were asked, with what each stops beyond the hold."""
    return listed(say, entries, lambda one: _catalogue_line(one, say))


def _catalogue_line(one: CatalogueFacts, say: Wording) -> str:
    name, level = clip(one["name"]), one.get("level")
    line = (
        say.say("statement.catalogue_level", name=name, level=say.word("level", level))
        if level
        else say.say("statement.catalogue", name=name)
    )
    if wider := one.get("scope"):
        line = say.say("statement.wider", catalogue=line, scope=scope_words(wider, say))
    if siblings := one.get("siblings"):
        line = say.say("statement.siblings", catalogue=line, skus=_enumerated(siblings, say))
    return line


def catalogues_seen(entries: Sequence[CatalogueFacts], say: Wording) -> Bullets | None:
    """Return what the last read-back of each catalogue saw."""
    return listed(say, entries, lambda one: _seen_line(one, say))


def _seen_line(one: CatalogueFacts, say: Wording) -> str:
    name, status = clip(one["name"]), say.word("status", one.get("status") or "confirmed")
    if seen := one.get("seen_at"):
        return say.say("frozen_confirmed.line", name=name, status=status, time=say.time(seen))
    return say.say("frozen_confirmed.line_unseen", name=name, status=status)


def waived_line(one: WaivedFacts, say: Wording) -> str:
    """Return what is not stopped, until when, and to staff by whom and why."""
    until, by = say.time(one["until"]), one.get("by")
    if not by:
        return say.say("frozen_confirmed.waived_until", name=clip(one["name"]), until=until)
    return say.say(
        "frozen_confirmed.waived_by", name=clip(one["name"]), until=until, by=clip(by),
        why=clip(one.get("why") or "", 300).rstrip("."),
    )


def reason_rows(reason: ReasonFacts, say: Wording) -> Rows | None:
    """Return the figures behind a reason: a rule's, or a person's code and comment."""
    if code := reason.get("reason_code"):
        pull = [
            ("reason_code", say.word("reason_code", code)),
            ("comment", long_text(reason.get("comment"))),
        ]
        return rows(say, pull)
    rule = _rule_name(reason)
    if rule is None:
        return None
    family = reason.get("family") or "other"
    observed = say.word("observed", family if say.knows("observed", family) else "other")
    figures = rows(
        say,
        [
            ("rule", rule),
            ("window", _duration(reason.get("window"), say)),
            ("bound", _figure(reason.get("bound"), family, say)),
            ("customers", _count(reason.get("customers"), say, hide=family == _DISTINCT)),
            ("exposure", _count(reason.get("exposure"), say)),
        ],
    )
    seen = _figure(reason.get("observed"), family, say)
    return Rows((*figures.pairs[:2], *(((observed, seen),) if seen else ()), *figures.pairs[2:]))


def reason_sentence(reason: ReasonFacts, say: Wording) -> str:
    """Return why, in one sentence, in the reader's language.

    The stored sentence is English. In other languages it is made anew from the figures; a reason
    of a kind that the language has no sentence for is quoted as it is stored.
    """
    made = None if say.language == DEFAULT_LANGUAGE else _made_anew(reason, say)
    return made or reason["sentence"]


def _made_anew(reason: ReasonFacts, say: Wording) -> str | None:
    if code := reason.get("reason_code"):
        return say.word("pulled", code) if say.knows("pulled", code) else None
    if reason.get("family") == "safety":
        return say.say("reason.safety")
    details = reason.get("details") or RiseFacts()
    observed, bound = reason.get("observed"), reason.get("bound")
    if observed is None or bound is None or not reason.get("window"):
        return None
    if pattern := _few_voices(details, int(observed), int(bound), say):
        return pattern
    parts = details.get("parts")
    made = _of_parts(parts, reason, say) if parts else _of_a_measure(reason, say)
    if not made:
        return None
    if per_day := details.get("per_day"):
        made = f"{made} {say.count('reason.per_day', int(per_day))}"
    if aside := sum(details.get("set_aside", {}).values()):
        key = "set_aside" if details.get("rest_is_enough") else "not_enough"
        made = f"{made} {say.count(f'reason.{key}', aside)}"
    return f"{made} {say.say('reason.tightened')}" if reason.get("tightened") else made


def of_a_sibling(reason: ReasonFacts, say: Wording) -> Paragraph | None:
    """Say why the lower bound was enough, where a related item is at fault."""
    sibling = reason.get("sibling")
    if not sibling:
        return None
    sku, case = clip(sibling["sku"], 80), clip(sibling["case"], 40)
    return Paragraph(say.say("statement.sibling", sku=sku, case=case))


def _of_parts(
    parts: Sequence[PartFacts], whole: ReasonFacts, say: Wording
) -> str | None:
    """Return what each part that reached its bound has seen, None where one can't be said."""
    said = []
    for one in parts:
        reason = ReasonFacts(
            sentence="", family=one["family"], window=one["window"], observed=one["observed"],
            bound=one["bound"], exposure=whole.get("exposure"), details=one.get("details"),
        )
        said.append(_made_anew(reason, say))
    return " ".join(one for one in said if one) if all(said) else None


def _of_a_measure(reason: ReasonFacts, say: Wording) -> str | None:
    """Return what a rule has seen, by its family; None for a family without words."""
    family, details = reason.get("family") or "", reason.get("details") or RiseFacts()
    observed, window = reason.get("observed") or 0.0, say.duration(reason.get("window") or 0)
    bound = _figure(reason.get("bound"), family, say) or ""
    if not say.knows("reason", family):
        return None
    if family in _AGAINST_THE_USUAL:
        return _against_the_usual(reason, say, _figure(observed, family, say) or "", bound)
    if family == "rate":
        seen = details.get("rate", observed)  # with a confidence, what was observed is its limit
        return say.say(
            "reason.rate", seen=_figure(seen, family, say) or "", bound=bound, window=window,
            exposure=reason.get("exposure") or 0,
        )
    return say.count(f"reason.{family}", int(observed), bound=bound, window=window)


def _few_voices(details: RiseFacts, number: int, bound: int, say: Wording) -> str | None:
    """Return what a pattern is that no bound of a rule was needed to see, None for another."""
    if "surplus" in details:
        return say.say("reason.of_one_day", number=say.number(number), bound=say.number(bound))
    if hand := details.get("of_one_hand"):
        key = "of_one_customer" if hand == "customer" else "alike"
        return say.say(f"reason.{key}", number=say.number(number), bound=say.number(bound))
    return None


def _against_the_usual(reason: ReasonFacts, say: Wording, seen: str, bound: str) -> str | None:
    details = reason.get("details")
    if not details or "per" not in details:
        return None
    by_units = details["per"] == "units"
    usual = say.count(
        "reason.usual_units" if by_units else "reason.usual", details["complaints"],
        days=say.count("duration.days", details["days"]),
        expected=_few_digits(details["expected"], say),
        **({"exposure": say.number(round(details["exposure"]))} if by_units else {}),
    )
    return say.say(
        f"reason.{reason['family']}", usual=usual, seen=seen, bound=bound,
        factor=say.number(details.get("factor", 1)),
    )


def _few_digits(value: float, say: Wording) -> str:
    return say.number(float(f"{value:.2g}"))


_DISTINCT = "distinct_customers"
_AGAINST_THE_USUAL = frozenset({"likelihood", "predictive", "posterior", "cusum", "launch"})
_SHARES = frozenset({"rate", "all_of", "any_of"})


def _rule_name(reason: ReasonFacts) -> str | None:
    rule, version = reason.get("rule_id"), reason.get("rule_version")
    if not rule:
        return None
    return clip(rule) if version is None else f"{clip(rule)} v{version}"


def _duration(seconds: float | None, say: Wording) -> str | None:
    return say.duration(seconds) if seconds else None


def _figure(value: float | None, family: str, say: Wording) -> str | None:
    if value is None:
        return None
    if family in _AGAINST_THE_USUAL:
        return say.number(min(float(f"{value:.2g}"), 1e12))
    return say.percent(value) if family in _SHARES else say.number(value)


def _count(value: int | None, say: Wording, *, hide: bool = False) -> str | None:
    return None if value is None or hide else say.number(value)


def evidence(facts: EvidenceFacts | None, say: Wording) -> tuple[Section, ...]:
    """Return the counted complaints as sums, and excerpts that name nobody."""
    if not facts or not facts["complaints"]:
        return ()
    sums = section(
        say,
        "evidence",
        rows(
            say,
            [
                ("complaints", say.number(facts["complaints"])),
                ("customers", _count(facts.get("customers"), say)),
                ("first", optional_time(say, facts.get("first_at"))),
                ("last", optional_time(say, facts.get("last_at"))),
                ("intents", _tallies(facts.get("intents"), "intent", say)),
                ("severities", _tallies(facts.get("severities"), "severity", say)),
                ("lots", _tallies(facts.get("lots"), "lot", say)),
            ],
        ),
    )
    excerpts = facts.get("excerpts") or []
    if not excerpts:
        return (sums,)
    quotes = Quotes(tuple(excerpt(one) for one in excerpts[:_QUOTED]))
    return (sums, section(say, "excerpts", quotes))


def excerpt(text: str) -> str:
    """Return what a customer wrote, masked once more, shortened, with nothing to click on."""
    masked = mask(text[: 2 * _EXCERPT])
    unlinked = " ".join(_unlinked(word) for word in masked.split())
    return clip(unlinked, _EXCERPT)


def _unlinked(word: str) -> str:
    lowered = word.lower()
    return "[link]" if "://" in lowered or "www." in lowered else word


def _tallies(tallies: Sequence[TallyFacts] | None, table: str, say: Wording) -> str | None:
    if not tallies:
        return None
    shown = [
        f"{say.word(table, clip(one['name'], 64))} {say.number(one['number'])}"
        for one in tallies[:_LISTED]
    ]
    if len(tallies) > _LISTED:
        shown.append(say.count("frame.more", len(tallies) - _LISTED))
    return "; ".join(shown)


def _enumerated(names: Sequence[str], say: Wording) -> str:
    shown = [clip(name, 64) for name in names[:_LISTED]]
    if len(names) > _LISTED:
        shown.append(say.count("frame.more", len(names) - _LISTED))
    return ", ".join(shown)


def remedy(
    facts: RemedyFacts | None, verification: VerificationFacts | None, say: Wording
) -> Rows | None:
    """Return cause and fix in the order of the form."""
    cause = (facts or {}).get("cause") or {}
    containment = (facts or {}).get("containment") or {}
    branch = cause.get("branch")
    found = rows(
        say,
        [
            ("cause", long_text(cause.get("description"))),
            ("branch", say.word("branch", branch) if branch else None),
            ("proof", long_text(cause.get("proof"))),
            ("own_stock", long_text(containment.get("own_stock"))),
            ("vendor_stock", long_text(containment.get("vendor_stock"))),
            ("in_transit", long_text(containment.get("in_transit"))),
            ("corrective_action", long_text((facts or {}).get("corrective_action"))),
            ("preventive_action", long_text((facts or {}).get("preventive_action"))),
            ("verification", long_text((verification or {}).get("result"))),
        ],
    )
    return found if found.pairs else None


def catalogue_object(facts: ObjectNoticeFacts, say: Wording) -> Section:
    """Return which object does not obey, and what its catalogue says."""
    status = facts.get("status")
    return section(
        say,
        "object",
        rows(
            say,
            [
                ("catalogue", clip(facts["catalogue"])),
                ("object", clip(facts["remote_id"])),
                ("status", say.word("status", status) if status else None),
                ("selling", _yes_no(facts.get("selling"), say)),
                ("seen_at", optional_time(say, facts.get("seen_at"))),
                ("detail", clip(facts["detail"], _LONG)),
            ],
        ),
    )


def _yes_no(answer: bool | None, say: Wording) -> str:
    return say.say("answer.unknown" if answer is None else f"answer.{'yes' if answer else 'no'}")


def tried(facts: ObjectNoticeFacts, say: Wording, tries: int | None = None) -> Section:
    """Return what was tried on an object, the latest last, and how often in all."""
    return section(
        say,
        "tried",
        rows(say, [("tries", say.number(tries))]) if tries is not None else None,
        listed(say, facts.get("tried") or [], lambda one: _attempt_line(one, say)),
    )


def _attempt_line(one: AttemptFacts, say: Wording) -> str:
    means, outcome, at = say.word("means", one["means"]), clip(one["outcome"]), one.get("at")
    if not at:
        return say.say("degraded.line", means=means, outcome=outcome)
    return say.say("degraded.line_at", time=say.time(at), means=means, outcome=outcome)


def by_hand(facts: ObjectNoticeFacts, say: Wording, task: str) -> Section:
    """Return what a person has to do in the catalogue: its own instruction, or the usual one."""
    instruction = clip(facts.get("instruction") or "", 2 * _LONG)
    usual = Paragraph(say.say(f"manual_task.{task}"))
    report = Paragraph(say.say("manual_task.report"))
    if not instruction:
        return section(say, "by_hand", usual, report)
    if say.language == DEFAULT_LANGUAGE:
        return section(say, "by_hand", Paragraph(instruction), report)
    original = rows(say, [("instruction", instruction)])  # it is stored in English
    return section(say, "by_hand", usual, original, report)


def document_rows(document: OrderFacts) -> list[tuple[str, str | None]]:
    """Return what identifies an authority's document."""
    return [
        ("authority", clip(document["authority"])),
        ("reference", clip(document["reference"])),
        ("issued", clip(document.get("issued") or "")),
        ("document", clip(document.get("document") or "")),
    ]


def steps(facts: NoticeFacts, say: Wording) -> Section:
    """Return what happens next, by when."""
    entries = facts["steps"]
    return section(say, "steps", listed(say, entries, lambda one: _step_line(one, facts, say)))


def _step_line(one: StepFacts, facts: NoticeFacts, say: Wording) -> str:
    code, by = one["step"], one.get("by")
    step = say.say(f"step.{code}", how=way(facts, say)) if say.knows("step", code) else clip(code)
    words = say.say("frame.step_by", time=say.due(by), step=step) if by else step
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def links(pages: Iterable[tuple[str, str | None]]) -> tuple[Link, ...]:
    """Return the addresses that there are."""
    return tuple(Link(text, clip(url, _URL)) for text, url in pages if url)


def way(facts: Mapping[str, Any], say: Wording) -> str:
    """Return how a reader answers: by a reply where one reaches the case, else to the contact."""
    if facts.get("reply_to"):
        return say.say("frame.by_reply")
    address, case = clip(facts["contact"]["address"]), facts.get("case")
    if not case:
        return say.say("frame.by_mail", address=address)
    return say.say("frame.by_mail_of_case", address=address, case=clip(case, 80))


def answer_by(facts: Mapping[str, Any], say: Wording) -> tuple[Section, ...]:
    """Return what the vendor is asked for, by when, how, and what its silence leads to.

    Notices of an older version do not know by when. An order asks for no plan: no remedy lifts it.
    """
    within, plan = facts.get("acknowledge_within"), facts.get("plan_within")
    if not within:
        return ()
    case, address = clip(facts["case"], 80), clip(facts["contact"]["address"])
    asked = [say.say("statement.acknowledge", time=say.duration(within), how=way(facts, say))]
    if plan and facts["lane"] != "authority":
        asked.append(say.say("statement.plan", time=say.duration(plan)))
    days = "statement.elapses" if facts.get("elapses") else "statement.days_off"
    how = say.say("statement.commands", case=case, address=address)
    said = (say.say(days), how, say.say("statement.silence"))
    return (section(say, "answer_by", Bullets(tuple(asked)), *(Paragraph(one) for one in said)),)


def contact(facts: ContactFacts, say: Wording) -> Section:
    """Return who answers questions."""
    phone = facts.get("phone")
    return section(
        say,
        "contact",
        rows(
            say,
            [
                ("name", clip(facts["name"])),
                ("mail", clip(facts["address"])),
                ("phone", clip(phone) if phone else None),
            ],
        ),
    )
