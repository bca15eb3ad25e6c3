"""Notices that report one change in a sentence and a few facts: most kinds are of this shape.

`NEWS` says for each kind which facts are shown under which label; the sentences are the language's
table of the kind's name: `intro`, or one for each audience (`vendor`, `staff`), and `then`: what
the reader may do about it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from freezeguard.notices.letter import Block, Body, Bullets, Paragraph, Section
from freezeguard.notices.sections import (
    NARROWING,
    about,
    answer_by,
    catalogues,
    document_rows,
    intro,
    intro_for,
    links,
    listed,
    long_text,
    product,
    reason_sentence,
    rows,
    scope_words,
    section,
    way,
)
from freezeguard.notices.wording import Wording, clip
from freezeguard.ports.notice_facts.stops import OrderFacts

Show = Callable[[Any, Wording], str | None]

_SHORT = 80
_NAMES = 10
STAFF_ONLY = frozenset({"by", "kept", "broken"})


@dataclass(frozen=True, slots=True)
class News:
    """How a kind is told.

    `facts` are pairs of a fact and how it is shown, under the label of its name or the third
    entry; `then` names further sentences of the kind's table, `by_order` those that stand in their
    place while an authority's order stops the sale, and `choices` those that stand as a
    list; `began` is the label of when the sale stopped; `link` is a fact that holds a further page
    to open, with the one that names it; `table` has the kind's sentences where that is not the one
    of its name; `variant` names another first sentence that some facts ask for, and `more` makes
    further sections of them.
    """

    facts: tuple[tuple[str, Show] | tuple[str, Show, str], ...] = ()
    then: tuple[str, ...] = ()
    by_order: tuple[str, ...] = ()
    for_audience: bool = False
    heading: str = "details"
    began: str = "since"
    link: tuple[str, str] | None = None
    choices: tuple[str, ...] = ()
    table: str = ""
    bullets: tuple[str, ...] = ()
    variant: Callable[[Any], str | None] | None = None
    more: Callable[[Any, Wording], tuple[Section, ...]] = lambda _facts, _say: ()


def news_of(kind: str) -> Callable[[Any, Wording], Body]:
    """Return the function that words a kind of `NEWS`."""
    shape = NEWS[kind]
    table = shape.table or kind

    def body(facts: Mapping[str, Any], say: Wording) -> Body:
        given: Any = facts
        key = facts["audience"] if shape.for_audience else "intro"
        if shape.variant is not None:
            key = shape.variant(facts) or key
        places = {"product": product(given, say), "how": way(facts, say)}
        further = shape.by_order if facts["lane"] == "authority" and shape.by_order else shape.then
        choices = tuple(say.say(f"{table}.{one}", **places) for one in shape.choices)
        opening = (
            Paragraph(say.say(f"{table}.{key}", **places)),
            *((Bullets(choices),) if choices else ()),
            *(Paragraph(say.say(f"{table}.{one}", **places)) for one in further),
        )
        lists = [listed(say, facts.get(one) or [], clip) for one in shape.bullets]
        return opening, (
            section(say, shape.heading, rows(say, _shown(shape, facts, say)), *lists,
                    *_link(shape, facts, say)),
            *shape.more(facts, say),
            about(given, say, began=shape.began),
        )

    return body


def contest_answered(facts: Mapping[str, Any], say: Wording) -> Body:
    """To the vendor: whether the stop was wrong, and the answer in somebody's words."""
    given: Any = facts
    accepted = facts.get("accepted")
    judged = "answered" if accepted is None else "accepted" if accepted else "refused"
    if facts.get("lane") == "authority":
        judged = "by_order"  # what our first message says of a remedy does not hold any more
    opening = (
        intro(given, say, "contest_answered.intro"),
        Paragraph(say.say(f"contest_answered.{judged}")),
    )
    said = rows(say, [("answer", long_text(facts["answer"]))])
    return opening, (section(say, "answer", said), about(given, say))


def order_registered(facts: Mapping[str, Any], say: Wording) -> Body:
    """To vendor, owner and compliance: an order stops the sale, whatever was known before."""
    given: Any = facts
    described = rows(say, document_rows(facts["order"]))
    return (intro_for(given, say, "order_registered"),), (
        section(say, "document", described), about(given, say),
    )


def revocation_registered(facts: Mapping[str, Any], say: Wording) -> Body:
    """To owner and approvers: two people may now lift the stop, or another order still stands."""
    given: Any = facts
    remaining = facts.get("remaining") or []
    opening = [intro(given, say, f"revocation_registered.{'others' if remaining else 'intro'}")]
    if before := facts.get("stopped_before"):
        lane = "safety" if before == "safety" else "quality"
        opening.append(Paragraph(say.say(f"revocation_registered.before_{lane}")))
    described = section(say, "document", rows(say, document_rows(facts["revocation"])))
    still = section(say, "remaining", listed(say, remaining, lambda one: _order_line(one, say)))
    return tuple(opening), (described, still, about(given, say))


def _order_line(order: OrderFacts, say: Wording) -> str:
    return say.say(
        "revocation_registered.order", authority=clip(order["authority"]),
        reference=clip(order["reference"]),
    )


def _shown(shape: News, facts: Mapping[str, Any], say: Wording) -> list[tuple[str, str | None]]:
    staff = facts["audience"] == "staff"
    return [
        (one[2] if len(one) == 3 else one[0], _in_words(one[1], facts.get(one[0]), say))
        for one in shape.facts
        if staff or one[0] not in STAFF_ONLY
    ]


def _in_words(show: Show, value: Any, say: Wording) -> str | None:
    return None if value is None else show(value, say)


def _link(shape: News, facts: Mapping[str, Any], say: Wording) -> tuple[Block, ...]:
    if shape.link is None:
        return ()
    text = say.say("frame.open_other", case=clip(facts[shape.link[1]], _SHORT))
    return links([(text, facts.get(shape.link[0]))])


def _appeal_how(facts: Any, say: Wording) -> tuple[Section, ...]:
    """Tell the vendor how to appeal: the case takes no mails any more."""
    if facts["audience"] != "vendor":
        return ()
    case, address = clip(facts["case"], _SHORT), clip(facts["contact"]["address"])
    return (
        section(say, "appeal", Paragraph(say.say("delisted.how", case=case, address=address))),
    )


def _plan(facts: Any, say: Wording) -> tuple[Section, ...]:
    """Ask the vendor for a plan once more: the case begins afresh."""
    return answer_by(facts, say) if facts["audience"] == "vendor" else ()


def _was_sold(facts: Any) -> str | None:
    return "was_sold" if facts["audience"] == "staff" and facts.get("was_sold") else None


def _what_is_left(facts: Any, say: Wording) -> tuple[Section, ...]:
    """Tell what became of the rest, catalogue by catalogue: not each can stop so little."""
    there = facts.get("catalogues")
    if not there:
        return ()
    before = facts["from_scope"]
    all_of_it = [_covers(one.get("scope") or facts["scope"], before) for one in there]
    key = "nothing" if all(all_of_it) else "partly" if any(
        one.get("scope") for one in there
    ) else "rest"
    return (
        section(say, "catalogues", Paragraph(say.say(f"narrowed.{key}")), catalogues(there, say)),
    )


def _covers(scope: Any, other: Any) -> bool:
    """Say whether everything of another scope lies within a scope."""
    return all(scope.get(one) in {None, other.get(one)} for one in NARROWING)


def _in_short(text: str) -> str:
    return clip(text, 2 * _SHORT)


def _what_is_known(facts: Any, say: Wording) -> tuple[Section, ...]:
    """Tell who takes a case over what is known, so that they ask nobody twice."""
    reason, cause, clock, due = (
        facts.get(one) for one in ("reason", "confirmed_cause", "next_clock", "next_due")
    )
    known = rows(say, [
        ("why", clip(reason_sentence(reason, say)) if reason else None),
        ("confirmed_cause", None if cause is None else clip(cause)),
        ("next_clock", say.word("clock", clock) if clock else None),
        ("next_due", say.due(due) if due else None),
    ])  # fmt: skip
    return (
        section(say, "known", known),
        *(
            section(say, name, listed(say, facts[name], _in_short, 5))
            for name in ("open_causes", "open_questions") if facts.get(name)
        ),
    )


def _to_do(facts: Any, say: Wording) -> tuple[Section, ...]:
    """Tell what ends a clock, and why this reader hears of it."""
    clock, reader = facts["clock"], facts.get("as") or ""
    lines = [Paragraph(say.word("todo", clock))] if say.knows("todo", clock) else []
    if say.knows("you", reader):
        lines.append(Paragraph(say.word("you", reader)))
    return (section(say, "todo_now", *lines),)


def _record_it(facts: Any, say: Wording) -> tuple[Section, ...]:
    """Tell compliance how to note what was done; a notice of an older version names no clock."""
    clock = facts.get("clock")
    if not clock:
        return ()
    case = clip(facts["case"], _SHORT)
    line = say.say("legal_clock.then", case=case, clock=clip(clock))
    return (section(say, "todo_now", Paragraph(line)),)


def _due(value: str, say: Wording) -> str:
    return say.due(value)


def _time(value: str, say: Wording) -> str:
    return say.time(value)


def _number(value: float, say: Wording) -> str:
    return say.number(value)


def _percent(value: float, say: Wording) -> str:
    return say.percent(value)


def _prose(value: str, _: Wording) -> str | None:
    return long_text(value)


def _law(value: str, say: Wording) -> str:
    return say.retold("law_name", value)


def _duty(value: str, say: Wording) -> str:
    return say.retold("law", value)


def _name(value: str, _: Wording) -> str:
    return clip(value)


def _names(value: Sequence[str], say: Wording) -> str:
    shown = [clip(one, _SHORT) for one in value[:_NAMES]]
    rest = len(value) - len(shown)
    return ", ".join([*shown, say.count("frame.more", rest)] if rest else shown)


def _scope(value: Any, say: Wording) -> str:
    return scope_words(value, say)


def _code(table: str) -> Show:
    return lambda value, say: say.word(table, value)


def _false_alarm(code: str, say: Wording) -> str:
    table = "false_alarm_code" if say.knows("false_alarm_code", code) else "reason_code"
    return say.word(table, code)


_DUE = ("due", _due)
_WHY = ("why", _prose)
_BY = ("by", _name)
_CLOCK = ("clock", _code("clock"))
_OBJECT = (("catalogue", _name), ("remote_id", _name, "object"))
_RECORD = (("kept", _number), ("broken", _number))
_ASKED = (("requested_by", _name), ("valid_until", _due))

NEWS: Mapping[str, News] = {
    "vendor_reminder": News(
        (("silent_since", _time, "told_on"), ("number", _number, "reminder"), _DUE), ("then",),
        heading="todo",
    ),
    "vendor_escalated": News(
        (("silent_since", _time, "told_on"), _DUE), ("then",), heading="todo"
    ),
    "vendor_silent": News(
        (("silent_since", _time, "told_on"), ("number", _number, "reminders")),
        ("stays",), heading="todo", choices=("diagnose", "delist", "extend"),
    ),
    "commitment_made": News((_DUE, ("note", _prose), *_RECORD)),
    "commitment_broken": News((_DUE, *_RECORD), ("then",), for_audience=True),
    "vendor_commented": News(
        (("vendor", _name, "from_vendor"), ("text", _prose),
         ("answer_due", _due, "answer_promised")),
        heading="contested", choices=("date", "objection", "remedy", "access"),
    ),
    "question_asked": News(
        (("text", _prose, "question"), _DUE, ("by", _name, "asked_by")), for_audience=True,
        heading="question",
    ),
    "question_answered": News(
        (("text", _prose, "question"), ("answer", _prose), ("by", _name, "answered_by")),
        heading="answer",
    ),
    "contest_received": News(
        (("text", _prose), ("answer_due", _due)), ("then",), by_order=("then_order",),
        heading="contested",
    ),
    "clock_warning": News((_CLOCK, _DUE, ("share", _percent)), heading="clock", more=_to_do),
    "clock_breached": News(
        (_CLOCK, ("due", _due, "overdue_since"), ("level", _number, "escalation"),
         ("told", _names), ("next", _time, "next_told")),
        heading="clock", more=_to_do,
    ),
    "update": News(
        (("state", _code("state"), "stands"), ("ball", _code("ball")), ("next_update", _due)),
        for_audience=True, heading="stands", bullets=("news",),
    ),
    "delisted": News(
        (_WHY, ("appeal_until", _due)), for_audience=True, heading="why", more=_appeal_how
    ),
    "appealed": News(
        (("text", _prose, "new_facts"), ("answer_due", _due), ("decided_by", _names)),
        ("then",), heading="contested",
    ),
    "appeal_upheld": News((_WHY,), for_audience=True, heading="why"),
    "appeal_reopened": News(
        (_WHY,), for_audience=True, heading="why", variant=_was_sold, more=_plan
    ),
    "widened": News((("from_scope", _scope), _WHY), for_audience=True),
    "narrowed": News((("from_scope", _scope), _WHY), for_audience=True, more=_what_is_left),
    "narrow_requested": News((("to_scope", _scope), _WHY, *_ASKED), heading="approve"),
    "delist_requested": News((_WHY, *_ASKED), ("then",), heading="approve"),
    "merged": News((("into", _name),), for_audience=True, link=("into_link", "into")),
    "merge_proposed": News(
        (("other", _name), _WHY), ("then",), link=("other_link", "other")
    ),
    "finding": News(
        (("cause", _prose), ("by", _name, "found_by")), ("then",), heading="finding",
        more=lambda facts, say: (section(say, "related", listed(say, facts["items"], clip)),),
    ),
    "hand_off_offered": News(
        (("from_person", _name), ("note", _prose), ("valid_until", _due)), ("then",),
        more=_what_is_known,
    ),
    "hand_off_accepted": News((("to_person", _name),)),
    "hand_off_lapsed": News((("to_person", _name),), ("then",)),
    "owner_replaced": News(
        (("from_person", _name, "old_owner"), ("state", _code("state"), "stands")), ("then",)
    ),
    "deadline_extended": News((_CLOCK, _DUE, ("was_due", _due), _WHY), heading="clock"),
    "waiver_set": News(
        (*_OBJECT, _WHY, ("until", _due, "waived_until"), _BY), ("then",), heading="object"
    ),
    "waiver_ended": News(
        (*_OBJECT, _WHY, ("over", _code("waiver_over"), "why")), heading="object"
    ),
    "reviewed": News(
        (("verdict", _code("verdict")), ("outcome", _code("outcome")), ("comment", _prose)),
        ("then",), began="stopped_on",
    ),
    "outcome": News(
        (("outcome", _code("outcome")), ("reason_code", _false_alarm, "why"),
         ("comment", _prose)),
        ("then",), began="stopped_on", table="became",
        variant=lambda facts: "stopped" if facts["outcome"] == "stopped" else None,
    ),
    "review_due": News((_DUE,), ("then",), began="stopped_on"),
    "legal_clock": News(
        (("law", _law), ("what", _duty), _DUE), heading="clock", more=_record_it
    ),
}
"""Every kind that is told in this shape."""
