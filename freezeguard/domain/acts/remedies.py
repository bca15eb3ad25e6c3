"""Diagnosis, remedy and the request for an approval."""

from collections.abc import Mapping
from typing import Any

from freezeguard.domain.acts.outcome import Act, Outcome, no_approval, shortfalls
from freezeguard.domain.effects import Effect, MarkVendorNotices, Notify, Reader, VoidVotes
from freezeguard.domain.guards import Move
from freezeguard.domain.people import Person
from freezeguard.domain.transitions import Command


def _accept_ownership(move: Move) -> Outcome:
    sheet = {
        "opened_at": move.now.isoformat(),
        "opened_by": move.person,
        "similar_cases": list(move.arguments.get("similar_cases") or ()),
    }
    return {"diagnosis": sheet}, []


def _propose_remedy(move: Move) -> Outcome:
    """The owner judges it; from the third round on another manager does."""
    judge: Reader = "owner" if move.case.remedy_rounds < 2 else "approvers"
    effects: list[Effect] = [Notify("remedy_proposed", judge)]
    changes = {
        "remedy": move.arguments["remedy"], "remedy_author": move.person, "defect_found": True,
    }
    if isinstance(move.actor, Person) and not move.actor.is_staff:
        effects.append(MarkVendorNotices("answered"))
        changes["vendor_status"] = "answered"
    return changes, effects


def _return_remedy(move: Move) -> Outcome:
    lacking = {"missing": list(move.arguments["missing"])}
    changes = {
        "remedy_rounds": move.case.remedy_rounds + 1,
        "diagnosis": {
            **(move.case.diagnosis or {}), "judged_by": [*move.case.remedy_judges, move.person],
        },
    }
    return changes, [Notify("remedy_returned", "vendor", lacking)]


def _request_approval(move: Move) -> Outcome:
    changes = {
        "verification": move.arguments["verification"],
        "approval_requested_at": move.now,
        "approval_requested_by": move.person,
        "approval_evidence": move.case.evidence_revision,
        "known_evidence": {**move.case.known_evidence, "new_customers": []},
    }
    return changes, [Notify("approval_requested", "approvers", shortfalls(move))]


def _reject_approval(move: Move) -> Outcome:
    why = {"why": move.arguments["reason"]}
    effects: list[Effect] = [
        VoidVotes("the approval was rejected"),
        Notify("approval_rejected", "owner", why),
        Notify("approval_rejected", "vendor", why),
    ]
    return no_approval(), effects


def _void_approval(move: Move) -> Outcome:
    reason = str(move.arguments.get("reason") or "the evidence has changed")
    why: dict[str, Any] = {"why": move.arguments.get("cause") or reason}
    if news := move.arguments.get("news"):
        why["news"] = list(news)
    effects: list[Effect] = [
        VoidVotes(reason),
        Notify("approval_voided", "approvers", why),
        Notify("approval_voided", "owner", why),
        Notify("approval_voided", "vendor", why),
    ]
    return no_approval(), effects


ACTS: Mapping[Command, Act] = {
    Command.ACCEPT_OWNERSHIP: _accept_ownership,
    Command.PROPOSE_REMEDY: _propose_remedy,
    Command.RETURN_REMEDY: _return_remedy,
    Command.REQUEST_APPROVAL: _request_approval,
    Command.REJECT_APPROVAL: _reject_approval,
    Command.VOID_APPROVAL: _void_approval,
}
