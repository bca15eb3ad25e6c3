"""One case as text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from freezeguard.cli.output import moment, print_facts, print_table
from freezeguard.cli.votes import votes_in_words

Json = Mapping[str, Any]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$")

PARTS = (
    "remedy", "verification", "commitment", "contest", "narrowing", "hand_off", "authority_order",
    "appeal", "probation",
)
"""What a case may have beside its facts, in the order in which it comes about."""


def scope_in_words(scope: Json) -> str:
    """Return a scope as one reads it: the SKU, and to what it is narrowed."""
    narrow = [f"{name} {value}" for name, value in scope.items() if name != "sku" and value]
    return f"{scope['sku']} ({', '.join(narrow)})" if narrow else str(scope["sku"])


def state_in_words(case: Json) -> str:
    """Return the state, and whether a catalogue falls short of it."""
    return f"{case['state']} (degraded)" if case["degraded"] else str(case["state"])


def words_of(event: Json) -> str:
    """Return what somebody wrote when they gave a command; empty where they wrote nothing."""
    arguments = event["arguments"]
    found = (arguments.get(name) for name in ("comment", "reason", "note", "new_facts", "action"))
    return next((one for one in found if isinstance(one, str) and one), "")


def overdue_in_words(case: Json) -> str:
    """Return which clocks are past due, since when, and how far they have escalated."""
    return "; ".join(
        f"{one['kind']} since {moment(one['due_at'])}{_level(one)}" for one in case["overdue"]
    )


def due_in_words(case: Json) -> str | None:
    """Return what is due next and when, or since when the first clock is past due."""
    if case["overdue"]:
        first = case["overdue"][0]
        return f"{first['kind']} overdue since {moment(first['due_at'])}"
    due = case["next_deadline"]
    return None if due is None else f"{due['kind']} by {moment(due['due_at'])}"


def _level(clock: Json) -> str:
    return f" (level {clock['level']})" if clock["level"] else ""


def print_case(case: Json, events: Sequence[Json]) -> None:
    """Print a case whole; comments and votes come from its history."""
    print_facts(_facts(case, events))
    for title in PARTS:
        if case[title]:
            print(f"\n{title.replace('_', ' ')}")
            print_facts({f"  {name}": value for name, value in _flat(case[title])})
    _print_lines("holds", [
        f"{scope_in_words(one['scope'])}, {one['level']}, since {moment(one['since'])}"
        for one in case["holds"]
    ] if len(case["holds"]) > 1 else [])
    _print_lines("reviews", [
        f"{one['verdict']} ({one['reviewed_by']}, {moment(one['reviewed_at'])}) "
        f"{one['comment']}".rstrip() for one in case["reviews"]
    ])
    _print_lines("open questions", [
        question_in_words(one) for one in case["questions"] if one["outcome"] is None
    ])
    _print_lines("customers wrote", case["evidence"]["excerpts"])
    _print_lines("files", [
        f"{one['name']} ({one['size']:,} bytes, {one['uploaded_by']}"
        f"{'' if one['visible_to_vendor'] else ', not for the vendor'}"
        f"{', erased' if one['erased_at'] else ''}) {one['note']}".rstrip()
        for one in case["evidence_files"]
    ])
    _print_enforcement(case)
    _print_lines("comments", [
        f"{moment(one['at'])} {one['actor']}: {one['arguments']['comment']}"
        for one in events if one["arguments"].get("comment")
    ])
    _print_rows(
        ("you may", "still missing"),
        [(one["command"], unmet_in_words(one)) for one in offered(case)],
        "there is nothing that you may do",
    )


def question_in_words(one: Json) -> str:
    """Return a question with who is asked, and by when, or with its answer."""
    whom = one["person"] or {"vendor": "the vendor", "owner": "the owner"}[one["of"]]
    asked = f"{one['text']} ({one['asked_by']} to {whom}"
    if one["outcome"] is None:
        return f"{asked}, due {moment(one['due_at'])})"
    return f"{asked}, {one['outcome']} {moment(one['closed_at'])}) {one['answer'] or ''}".rstrip()


def _facts(case: Json, events: Sequence[Json]) -> dict[str, object]:
    evidence = case["evidence"]
    facts = {
        "case": case["id"], "number": case["number"], "SKU": scope_in_words(case["scope"]),
        "state": state_in_words(case), "lane": case["lane"], "version": case["version"],
        "evidence revision": case["evidence_revision"], "recurrence": case["recurrence"],
        "why": case["reason"].get("sentence"), "owner": case["owner"],
        "vendor": case["vendor"], "opened": moment(case["opened_at"]),
        "evidence": f"{evidence['signals']} signals of {evidence['customers']} customers",
    }
    facts |= beside_the_figures(case["reason"])
    if case["remedy_author"]:
        facts["remedy by"] = case["remedy_author"]
    if case["further_scopes"]:
        facts["merged scopes"] = [scope_in_words(one) for one in case["further_scopes"]]
    if case["merged_into"]:
        facts["merged into"] = case["merged_into"]
    if case["outcome"]:
        facts["outcome"] = case["outcome"]
    if case["overdue"]:
        facts["overdue"] = overdue_in_words(case)
    if case["approval_requested_by"]:
        at = moment(case["approval_requested_at"])
        facts["approval asked"] = f"by {case['approval_requested_by']} at {at}"
    if votes := votes_in_words(case, events):
        facts["votes"] = "; ".join(votes)
    return facts


def beside_the_figures(reason: Json) -> dict[str, str]:
    """Return why a crossing did not stop the sale, or why the lower bound was enough, in words."""
    facts = {}
    if wave := reason.get("wave"):
        facts["held back"] = (
            f"{wave['number']} other items of {wave['vendor']} were stopped within "
            f"{wave['days']:g} days: {', '.join(wave['skus'])}"
        )
    elif budget := reason.get("budget"):
        facts["held back"] = f"the budget {budget} was spent"
    if doubted := reason.get("doubted"):
        names = ", ".join(f"{one['source']} ({one['trust']:.0%})" for one in doubted)
        facts["doubted"] = f"only {names} said so"
    if sibling := reason.get("sibling"):
        where = f"{sibling['sku']} (case {sibling['case']})"
        facts["related to"] = f"{where}, in which a defect was found: the lower bound was enough"
    return facts


def _print_enforcement(case: Json) -> None:
    _print_rows(
        ("catalogue", "object", "wanted", "status", "read back", "detail"),
        [(one["catalogue"], one["remote_id"], one["wanted"], one["status"],
          moment(one["seen_at"]), _detail(one)) for one in case["enforcement"]],
        "no catalogue lists it",
    )
    _print_rows(
        ("to do by hand", "catalogue", "object", "since", "what"),
        [(one["task"], one["catalogue"], one["remote_id"], moment(one["opened_at"]),
          one["instruction"]) for one in _open_tasks(case)],
        "nothing is to be done by hand",
    )
    _print_rows(
        ("told", "of", "by", "state"),
        [(one["recipient"], one["kind"], one["channel"], one["state"]) for one in case["notices"]],
        "nobody was told",
    )
    _print_rows(
        ("clock", "due", "how", "level", "law"),
        [(one["kind"], moment(one["due_at"]), _how(one), one["level"] or None, one["law"])
         for one in case["clocks"] if one["stopped_at"] is None],
        "no clock runs",
    )


def _how(clock: Json) -> str:
    """Return how a clock stands that has not been stopped."""
    for word, field in (("paused", "paused_at"), ("ran out", "fired_at"), ("warned", "warned_at")):
        if clock[field] is not None:
            return f"{word} {moment(clock[field])}"
    return "runs"


def _detail(found: Json) -> str:
    """Return what is to be said of an object; of one that is waived, by whom and until when."""
    if found["waived_by"] is None:
        return str(found["detail"])
    return f"waived by {found['waived_by']} until {moment(found['waived_until'])}: " + str(
        found["waived_why"]
    )


def _print_rows(columns: Sequence[str], rows: Sequence[Sequence[object]], words: str) -> None:
    """Print a part of the case; what it has not got is part of the answer, too."""
    print()
    if rows:
        print_table(columns, rows, whole=columns[:1])
    else:
        print(words)


def _open_tasks(case: Json) -> list[Json]:
    return [one for one in case["tasks"] if one["resolved_at"] is None]


def offered(case: Json) -> list[Json]:
    """Return what the reader may do, without what there is nothing for in this case."""
    contest = case["contest"] or {}
    waits_for = {
        "resolve_task": _open_tasks(case),
        "unwaive": any(one["waived_by"] for one in case["enforcement"]),
        "accept_hand_off": case["hand_off"],
        "answer_contest": contest and not contest.get("answered_at"),
    }
    return [one for one in case["available_commands"] if waits_for.get(one["command"], True)]


def unmet_in_words(offer: Json) -> str:
    """Return what a command that is offered would still need; empty where it needs nothing."""
    if offer["command"] == "attach_evidence":
        return "the file itself: `freezeguard cases attach`"
    # which evidence is meant, the command line says by itself
    return "; ".join(one for one in offer["unmet"] if not one.startswith("`evidence_revision`"))


def _print_lines(title: str, lines: Sequence[str]) -> None:
    if lines:
        print(f"\n{title}")
    for line in lines:
        print("  " + line.replace("\n", "\n  "))


def _flat(found: Json, before: str = "") -> Iterator[tuple[str, object]]:
    """Yield the leaves of nested tables by names such as `cause: proof`."""
    for name, value in found.items():
        words = before + name.replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{words}: ")
        elif isinstance(value, str) and _MOMENT.match(value):
            yield words, moment(value)
        elif value not in (None, "", [], {}):
            yield words, value
