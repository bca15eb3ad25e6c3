"""What of a case is its vendor's to see: in the case, its history, its pack and its notices alike.

Everything is named that a vendor sees; what is not named here stays inside the shop, also what a
later version adds. Words that staff writes may name customers or colleagues: a vendor reads those
alone that are addressed to it, in its notices. A first vote decides nothing, so it is not told.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from freezeguard.domain.clocks import sort_of
from freezeguard.domain.history import BESIDE, without_first_votes
from freezeguard.domain.people import Actor, Person, System, actor_name, is_vendor
from freezeguard.domain.transitions import Command, State
from freezeguard.ports.rows import CaseEvent, Clock

THE_SHOP, THE_VENDOR, SOMEBODY = "the shop", "the vendor", "somebody else"

VENDORS_CLOCKS = frozenset(
    {"vendor_ack", "vendor_plan", "vendor_date", "contest", "judge", "approve", "update",
     "probation", "appeal", "vendor_question", "question"}
)
"""The sorts of clocks that a vendor sees: its own, and when it is to hear from the shop."""
ASKED_OF_VENDORS = ("vendor_ack", "vendor_plan", "vendor_date", "vendor_question")
"""Those among them that run for the vendor."""

SUMMARY = frozenset(
    {"id", "number", "scope", "state", "lane", "degraded", "version", "evidence_revision",
     "recurrence", "vendor", "vendor_status", "category", "opened_at", "frozen_at", "closed_at",
     "reason", "overdue"}
)
"""The fields of a case in short."""

LISTED = SUMMARY | {"state_since", "next_deadline"}
"""The same with what whoever reads a list looks for."""

CASE = SUMMARY | {
    "outcome", "reinstated_at", "remedy", "remedy_rounds", "verification",
    "approval_requested_at", "probation", "hold", "holds", "further_scopes", "narrowing",
    "commitment", "contest", "appeal", "merged_into", "evidence", "evidence_files", "enforcement",
    "notices", "clocks", "available_commands", "questions",
}
"""The fields of a case, whole."""

OBJECT = frozenset(
    {"catalogue", "wanted", "status", "seen_sellable", "seen_side", "seen_at", "sent_at",
     "enforced_scope", "takes_along"}
)
"""The fields of a catalogue object."""

CHART_POINT = frozenset({"at", "complaints", "customers", "value", "bound"})
"""The fields of a point of a chart: what was shipped day by day is the shop's business."""

_REASON = frozenset(
    {"family", "rule_id", "rule_version", "window", "observed", "bound", "customers", "exposure",
     "sentence", "tightened", "reason_code", "sibling"}
)
_PARTS: Mapping[str, frozenset[str]] = {
    "narrowing": frozenset({"scope", "since"}),
    "commitment": frozenset({"date", "made_at", "made_by", "round", "moved", "missed_at"}),
    "contest": frozenset({"at", "by", "reason", "answer_by", "answered_at", "answer"}),
    "appeal": frozenset(
        {"until", "decided_at", "at", "by", "new_facts", "answer_by", "answered_at", "answer",
         "why"}
    ),
}
"""What is told of the parts of a case; the answers in it are in the vendor's notices too."""
_WORDS_OF_AN_APPEAL = frozenset({"by", "new_facts"})

_SEEN = frozenset({"catalogue", "status", "seen_at"})
_ARGUMENTS: Mapping[str, frozenset[str]] = {
    "news": frozenset({"news", "lane"}),
    Command.FREEZE: frozenset({"reason", "scope", "lane"}),
    Command.CONFIRM_FREEZE: _SEEN,
    Command.REFUSED: _SEEN,
    Command.UNREACHABLE: _SEEN,
    Command.DRIFTED: _SEEN,
    Command.CONFIRMED: _SEEN,
    Command.CONFIRM_RELEASE: _SEEN,
    Command.REFUSE_RELEASE: _SEEN,
    Command.WIDEN: frozenset({"scope"}),
    Command.NARROW: frozenset({"scope"}),
    Command.PROPOSE_REMEDY: frozenset({"remedy"}),
    Command.RETURN_REMEDY: frozenset({"missing"}),
    Command.REQUEST_APPROVAL: frozenset({"verification"}),
    "ask_question": frozenset({"question", "of", "comment"}),
    "answer_question": frozenset({"question", "comment"}),
    "withdraw_question": frozenset({"question", "reason"}),
    "judge_cause": frozenset({"cause", "standing", "comment"}),
}
"""The arguments that a vendor sees of what others did; of all other commands none."""
_GIVEN_BY_VENDORS = frozenset({Command.ACKNOWLEDGE, Command.COMMIT_DATE, Command.CONTEST})
_SYSTEMS = frozenset(one.value for one in System)


def is_shown_to_vendor(clock: Clock) -> bool:
    """Say whether a clock is a vendor's to see; of questions to the shop, those that it asked."""
    sort = sort_of(clock.kind)
    return sort in VENDORS_CLOCKS and (sort != "question" or bool(clock.details.get("by_vendor")))


def reason_for_vendor(reason: Mapping[str, Any]) -> dict[str, Any]:
    """Return why a sale was stopped, without whose complaints counted, who pulled and their words.

    What an authority has ordered stands in the vendor's statement of reasons.
    """
    return {name: value for name, value in reason.items() if name in _REASON}


def part_for_vendor(name: str, part: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a part of a case, such as its contest, without names and words of staff."""
    if part is None:
        return None
    wanted = _PARTS[name]
    if name == "appeal" and "until" not in part:
        wanted = wanted - _WORDS_OF_AN_APPEAL  # of a false alarm, and so by staff
    return {key: value for key, value in part.items() if key in wanted}


def history_for(events: Sequence[CaseEvent], reader: Actor) -> list[CaseEvent]:
    """Return the lines of a history that a reader sees, the oldest first."""
    if not is_vendor(reader):
        return list(events)
    vendor = _vendor_of(reader)
    return [
        one for one in without_first_votes(events)
        if one.command not in BESIDE or one.arguments.get("vendor") == vendor
    ]


def event_for_vendor(event: CaseEvent, reader: Actor) -> tuple[str, dict[str, Any]]:
    """Return who did something, and the arguments, as a vendor's person may see them."""
    arguments = dict(event.arguments)
    if event.actor in {actor_name(reader), f"vendor:{_vendor_of(reader)}"}:
        return event.actor, arguments
    if _is_a_vendors(event):
        return THE_VENDOR, arguments
    by = event.actor if event.actor in _SYSTEMS else THE_SHOP
    if event.command == Command.ATTACH_EVIDENCE:
        # otherwise a vendor learns that evidence has grown, not by what
        return by, arguments if arguments.get("shared") else {}
    wanted = _ARGUMENTS.get(event.command, frozenset())
    shown = {name: value for name, value in arguments.items() if name in wanted}
    if "reason" in shown:
        reason = shown.pop("reason")
        shown |= {"reason": reason_for_vendor(reason)} if isinstance(reason, Mapping) else {}
    return by, shown


def _vendor_of(reader: Actor) -> str | None:
    return reader.vendor if isinstance(reader, Person) else None


def _is_a_vendors(event: CaseEvent) -> bool:
    """Say whether only a vendor can have given a command: staff appeals against false alarms."""
    if event.command == Command.APPEAL:
        return event.from_state == State.DELISTED
    return event.command in _GIVEN_BY_VENDORS
