"""What every command on a case means and what it needs, in words for whoever gives it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a command does; the arguments that it needs and those that it may have, in words."""

    does: str
    needs: Mapping[str, str] = field(default_factory=dict)
    may_have: Mapping[str, str] = field(default_factory=dict)


_WORD = {"comment": "a word for the record"}
_OBJECT = {
    "catalogue": "the catalogue, as `cases show` names it",
    "remote_id": "the object in it, as `cases show` names it",
}
_SEEN = {"evidence_revision": "filled in with the present one; give the one that you saw"}

MEANINGS: Mapping[str, Meaning] = {
    "dismiss": Meaning(
        "End a suspicion: nothing is wrong. The sale goes on, and who pulled the cord hears why.",
        {"reason": "why nothing is wrong"}, _SEEN,
    ),
    "freeze": Meaning(
        "Stop the sale: second a suspicion, or stop again what was reinstated.",
        {},
        {"reason_code": "defective, wrong_item, mislabelled, safety_injury, safety_hazard, "
                        "authority_order, other", **_WORD, "lane": "quality, safety or authority",
         "document": "for an order of an authority: its reference"},
    ),
    "resolve_task": Meaning(
        "A task that was to be done by hand is done; the object is read back again.",
        _OBJECT, {"note": "what was done"},
    ),
    "accept_ownership": Meaning(
        "Take the case on: the diagnosis begins, and its clock.", {}, _WORD
    ),
    "propose_remedy": Meaning(
        "Propose how the fault is mended. The owner judges it within 8 working hours.",
        {"remedy": "cause (branch, description, proof); containment (own_stock, vendor_stock, "
                   "in_transit); corrective_action; preventive_action. Best as a file: "
                   "--arguments"},
    ),
    "return_remedy": Meaning(
        "Send a remedy back to the vendor, who hears only what is missing.",
        {"missing": "exactly what is missing; repeat it for several"},
    ),
    "request_approval": Meaning(
        "The remedy will do: ask for the approval of the reinstatement, by somebody else.",
        {"verification": "what was checked: kind, and its result; a document if there is one"},
    ),
    "reject_approval": Meaning(
        "Refuse to reinstate; the case goes back to diagnosis, and both sides hear why.",
        {"reason": "why it may not be sold yet"},
    ),
    "approve": Meaning(
        "Let it be sold again, on the evidence that you saw. Of two people where the lane is "
        "safety, after a recurrence, with a waiver, and while a catalogue does not obey.",
        {},
        {**_SEEN, **_WORD,
         "unconfirmed": "while the case is degraded: each object that is not confirmed"},
    ),
    "declare_false_alarm": Meaning(
        "It was no fault of the item: the sale is released without probation, and those "
        "complaints never count again. Of two people where the lane is safety.",
        {"reason_code": "wrong_item, delivery_fault, abuse, duplicate_evidence or rule_error"},
        {**_SEEN, **_WORD},
    ),
    "comment": Meaning("Say something for the record.", {"comment": "what you have to say"}),
    "acknowledge": Meaning("Say that you, the vendor, have the notice.", {}, _WORD),
    "commit_date": Meaning(
        "Name your own date, as the vendor, by which the remedy comes. It becomes the deadline.",
        {"date": "a day (its end in the vendor's time zone), +5d, or a time with its zone"}, _WORD,
    ),
    "contest": Meaning(
        "Dispute the stop, as the vendor. The owner answers within 2 working days.",
        {"reason": "what is disputed, and why"},
    ),
    "answer_contest": Meaning(
        "Answer what the vendor disputes; the sale stays stopped.",
        {"reason": "what the vendor is told"},
    ),
    "delist": Meaning(
        "End the sale for good. Of two people; the vendor may appeal.", {"reason": "why"}, _SEEN
    ),
    "appeal": Meaning(
        "Ask for another look at a decision, by another person than the one who decided.",
        {"new_facts": "what was not known when it was decided"},
    ),
    "reopen": Meaning(
        "The appeal is right: the case begins again, stopped.", {"reason": "what convinced you"}
    ),
    "uphold": Meaning(
        "The appeal is not right: the decision stands.", {"reason": "why it stands"}
    ),
    "widen": Meaning(
        "Stop more of the same SKU.",
        {"scope": "what is to be stopped: {} for all of the SKU, or lot, seller, channel, country",
         "reason": "what was hit as well"},
    ),
    "narrow": Meaning(
        "Stop less of it, because the evidence isolates a part. The rest is released once the "
        "part is read back as stopped. With the approvals that `approve` needs.",
        {"scope": "the part that stays stopped: lot, seller, channel, country",
         "reason": "what isolates it"},
        _SEEN,
    ),
    "register_order": Meaning(
        "An authority orders the stop: only its revocation lifts it.",
        {"authority": "whose order it is", "document": "where the order itself is kept"},
        {"jurisdiction": "whose law counts: EU, US; else all", **_WORD},
    ),
    "register_revocation": Meaning(
        "The authority takes its order back; it may be reinstated by compliance and a manager.",
        {"document": "where the revocation itself is kept"},
        {"order": "the document of the order, where there are several",
         "authority": "who revokes it", **_WORD},
    ),
    "record_action": Meaning(
        "What a law wanted to be done is done: its clock ends.",
        {"clock": "the legal clock, as `cases show` names it",
         "action": "what was done, and who was told"},
        {"document": "where the proof is kept"},
    ),
    "merge": Meaning(
        "Make one case of two that have the same cause; this one ends, the older one goes on.",
        {"into": "number or id of the older case", "reason": "the cause that both have"},
    ),
    "hand_off": Meaning(
        "Offer the case to another owner; it stays yours until they accept.",
        {"to": "the person's short name"}, {"reason": "why"},
    ),
    "accept_hand_off": Meaning("Take the case on that was offered to you.", {}, _WORD),
    "extend_deadline": Meaning(
        "Move a deadline.",
        {"clock": "which, as `cases show` names it",
         "until": "a day (its end in your time zone), +5d, or a time with its zone",
         "reason": "why"},
    ),
    "waive": Meaning(
        "Take it upon yourself that an object is not stopped; every later approver sees it.",
        {**_OBJECT, "until": "when it ends: a day, +8h, or a time with its zone",
         "reason": "why it may be so"},
    ),
    "unwaive": Meaning("End a waiver: the object is stopped again.",
                       {**_OBJECT, "reason": "why"}),
    "review": Meaning(
        "Look back whether it was right to stop the sale, for what was known then.",
        {"verdict": "right, wrong or undecided"}, _WORD,
    ),
}
"""Every command that a person gives on the command line."""


def lines_of(command: str, example: str) -> Iterator[str]:
    """Yield what is printed of a command: what it does, who may give it, what it takes."""
    meaning = MEANINGS[command]
    yield f"{command}: {meaning.does}"
    yield f"  who      {', '.join(who_gives(command))}"
    yield from _listed("needs", meaning.needs)
    yield from _listed("takes", meaning.may_have)
    yield f"  example  {example}"


def _listed(title: str, arguments: Mapping[str, str]) -> Iterator[str]:
    for name, words in arguments.items():
        yield f"  {title:<7}  {name}: {words}"
        title = ""


def who_gives(command: str) -> list[str]:
    """Return the kinds of people who may give a command, as the table of the states names them."""
    from freezeguard.domain.transitions import Command, Who, rows_of

    people = [one for one in Who if one not in {
        Who.DETECTOR, Who.TIMER, Who.RECONCILER, Who.COURIER, Who.OPERATOR, Who.FREEZING_KEY,
    }]
    allowed = {who for row in rows_of(Command(command)) for who in row.who}
    words = {Who.APPROVER: "manager of the category"}
    return [words.get(one, one.value) for one in people if one in allowed]


def as_document(command: str, example: str) -> dict[str, Any]:
    """Return the same as a document."""
    meaning = MEANINGS[command]
    return {
        "command": command, "arguments": ", ".join([*meaning.needs, *meaning.may_have]),
        "does": meaning.does, "who": who_gives(command),
        "needs": dict(meaning.needs), "may_have": dict(meaning.may_have), "example": example,
    }
