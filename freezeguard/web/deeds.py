"""What people may do on a case, in the words of the pages: buttons, and what each brings about."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from freezeguard.domain.transitions import Command

Weight = Literal["main", "stop", "plain"]
"""How loud a button is: what usually comes next, what stops a sale, and all the rest."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One command as a page offers it. `does` says what happens, `button` is what one presses.

    `lets_sell` is of a command that lets a sale go on, or comes near it: it wants a fresh proof of
    who gives it.
    """

    button: str
    does: str
    weight: Weight = "plain"
    lets_sell: bool = False


_C = Command
DEEDS: Mapping[Command, Deed] = {
    _C.APPROVE: Deed(
        "Approve", "The sale goes on, under probation, on the evidence that you see here. Where a "
        "second person must agree, your word is kept until they do.", "main", lets_sell=True,
    ),
    _C.REJECT_APPROVAL: Deed(
        "Reject", "The case goes back to diagnosis. Owner and vendor are told your reason.", "stop"
    ),
    _C.ACCEPT_OWNERSHIP: Deed(
        "Take the case on", "You answer for it from now on. The diagnosis begins, and its clock.",
        "main",
    ),
    _C.PROPOSE_REMEDY: Deed(
        "Propose a remedy", "Says what the cause was, where broken goods may lie and what became "
        "of them, what was mended, and what keeps it from coming back.", "main",
    ),
    _C.RETURN_REMEDY: Deed(
        "Send the remedy back", "The vendor is told what is missing, and only that."
    ),
    _C.REQUEST_APPROVAL: Deed(
        "Ask for approval", "You have checked the remedy; somebody else decides on it.", "main"
    ),
    _C.FREEZE: Deed(
        "Stop the sale", "In every catalogue, at once. The vendor is told why.", "stop"
    ),
    _C.DISMISS: Deed(
        "Nothing is wrong", "The suspicion ends and the item is sold as before. Whoever pulled the "
        "cord hears why.", lets_sell=True,
    ),
    _C.DECLARE_FALSE_ALARM: Deed(
        "Declare a false alarm", "The item was sound: it is sold again without probation, and "
        "these complaints never count again.", lets_sell=True,
    ),
    _C.RESOLVE_TASK: Deed(
        "Done by hand", "You did by hand what a catalogue would not do. It is read back once more."
    ),
    _C.WAIVE: Deed(
        "Waive a catalogue", "You take it upon yourself that it goes on selling, until a day. "
        "Every later approver is shown that.", lets_sell=True,
    ),
    _C.UNWAIVE: Deed("End a waiver", "The catalogue has to obey again.", "stop"),
    _C.COMMENT: Deed("Comment", "A word for the record."),
    _C.HAND_OFF: Deed("Hand the case off", "Somebody else is asked to answer for it."),
    _C.ACCEPT_HAND_OFF: Deed("Take the case over", "You answer for it from now on.", "main"),
    _C.EXTEND_DEADLINE: Deed("Move a deadline", "Everybody concerned is told the new day."),
    _C.ANSWER_CONTEST: Deed("Answer the objection", "The vendor is told your reasons.", "main"),
    _C.WIDEN: Deed("Stop more of it", "A second lot, channel or seller is hit.", "stop"),
    _C.NARROW: Deed(
        "Stop less of it", "The evidence isolates a part. The narrow stop is confirmed before the "
        "wide one is released.", lets_sell=True,
    ),
    _C.DELIST: Deed(
        "Take it off sale for good", "Two people decide. The vendor may appeal."
    ),
    _C.REGISTER_ORDER: Deed(
        "Register an order of an authority", "It stays stopped until the authority takes its "
        "order back.", "stop",
    ),
    _C.REGISTER_REVOCATION: Deed(
        "Register a revocation", "The authority took its order back. Compliance and a manager may "
        "then approve.", lets_sell=True,
    ),
    _C.RECORD_ACTION: Deed("Record a legal duty as done", "It ends the clock of that duty."),
    _C.MERGE: Deed("Merge with another case", "The same cause: the older case survives."),
    _C.REVIEW: Deed("Review the stop", "Was it right, for what was known then?"),
    _C.REOPEN: Deed("Grant the appeal", "The case is taken up again.", "main"),
    _C.UPHOLD: Deed("Refuse the appeal", "The decision stands. The vendor is told why."),
    _C.ACKNOWLEDGE: Deed("We have it", "Says that the notice has arrived.", "main"),
    _C.COMMIT_DATE: Deed("Name your date", "The day by which your remedy comes.", "main"),
    _C.CONTEST: Deed("Object", "You think that the stop is wrong. It is answered by a person."),
    _C.APPEAL: Deed("Appeal", "Another person than the one who decided looks at it."),
}

LABELS: Mapping[str, str] = {
    "comment": "A word for the record",
    "reason": "Why",
    "reason_code": "What it was",
    "lane": "Lane",
    "document": "Document, where it is kept",
    "catalogue": "Catalogue",
    "remote_id": "Object in it",
    "note": "What was done",
    "remedy": "Remedy",
    "cause": "Cause",
    "branch": "Branch",
    "description": "What it was",
    "proof": "How that is known",
    "whys": "Five whys: one answer a line",
    "containment": "Where broken goods may lie",
    "own_stock": "In the shop's own stock",
    "vendor_stock": "In the vendor's stock",
    "in_transit": "On the way",
    "corrective_action": "What was mended",
    "preventive_action": "What keeps it from coming back",
    "affected_lots": "Lots that are hit, one a line",
    "missing": "What is missing, one thing a line",
    "verification": "What was checked",
    "kind": "How it was checked",
    "result": "With what result",
    "unconfirmed": "Objects that are not confirmed, one a line",
    "date": "By which day",
    "new_facts": "What was not known then",
    "scope": "Which part of the sale",
    "sku": "SKU",
    "seller": "Seller",
    "channel": "Channel",
    "country": "Country",
    "lot": "Lot",
    "authority": "Authority",
    "jurisdiction": "Whose law: EU, DE, DE-BY",
    "order": "Document of the order",
    "clock": "Which clock",
    "action": "What was done, and who was told",
    "into": "Id or number of the case that survives",
    "to": "Whom",
    "until": "Until which day",
    "verdict": "Verdict",
    "text": "What you write",
    "state": "What it is",
    "person": "Which colleague",
    "of": "Whom",
    "share": "Share it with the vendor",
}


def in_words(refusal: str) -> str:
    """Return a refusal with the names of arguments replaced by those of the form's fields."""
    return _NAME.sub(lambda name: LABELS.get(name[1], name[1].replace("_", " ")), refusal)


_NAME = re.compile("`([a-z_]+)`")

CODES: Mapping[str, str] = {
    "defective": "It is defective",
    "wrong_item": "It is not what was ordered",
    "mislabelled": "It is mislabelled",
    "safety_injury": "Somebody was hurt",
    "safety_hazard": "Somebody may be hurt",
    "authority_order": "An authority ordered it",
    "other": "Something else",
    "delivery_fault": "It came to harm on the way",
    "abuse": "The complaints were not honest",
    "duplicate_evidence": "One complaint came several times",
    "rule_error": "The rule was wrong",
    "people": "People: training, habits, staffing",
    "method": "Method: how it is made or packed",
    "machine": "Machine: tools and equipment",
    "material": "Material: parts and ingredients",
    "measurement": "Measurement: tests and inspection",
    "environment": "Environment: heat, damp, transport",
    "right": "Right, for what was known",
    "wrong": "Wrong, for what was known",
    "undecided": "Undecided",
    "quality": "Quality",
    "safety": "Safety",
    "authority": "Order of an authority",
}

DONE: Mapping[str, str] = {
    "suspect": "suspected", "expire": "expired", "dismiss": "dismissed", "freeze": "stopped",
    "confirm_freeze": "confirmed as stopped everywhere", "accept_ownership": "took the case on",
    "acknowledge": "has the notice", "commit_date": "named a date", "contest": "objected",
    "answer_contest": "answered the objection", "propose_remedy": "proposed a remedy",
    "return_remedy": "sent the remedy back", "request_approval": "asked for approval",
    "reject_approval": "rejected", "void_approval": "the request became void",
    "approve": "approved", "confirm_release": "confirmed as sold everywhere",
    "refuse_release": "could not be put back on sale", "complete_probation": "probation is over",
    "declare_false_alarm": "declared a false alarm", "delist": "taken off sale for good",
    "appeal": "appealed", "reopen": "granted the appeal", "uphold": "refused the appeal",
    "widen": "stopped more of it", "narrow": "stopped less of it",
    "confirm_narrow": "the narrower stop is confirmed", "register_order": "registered an order",
    "register_revocation": "registered a revocation", "record_action": "did a legal duty",
    "merge": "merged", "hand_off": "offered the case", "accept_hand_off": "took the case over",
    "ask_question": "asked", "answer_question": "answered",
    "withdraw_question": "took a question back", "suggest_cause": "suggested a cause",
    "judge_cause": "judged a cause", "argue_cause": "argued about a cause",
    "share_finding": "passed the cause on to owners of related items",
    "comment": "commented", "attach_evidence": "attached a file",
    "extend_deadline": "moved a deadline", "review": "reviewed the stop", "waive": "waived",
    "unwaive": "ended a waiver", "resolve_task": "did a task by hand",
}
"""What has happened, by the command that did it."""

PARTS: Mapping[str, str] = {
    "commitment": "The vendor's date", "contest": "Objection", "appeal": "Appeal",
    "authority_order": "Order of an authority", "narrowing": "A narrower stop on its way",
    "hand_off": "Offered to", "probation": "Probation",
}
"""What a case may have beside its facts."""
