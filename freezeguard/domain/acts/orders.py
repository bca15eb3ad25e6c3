"""The lane of authority: orders, their revocation, and what a law wants to be told."""

from collections.abc import Mapping
from typing import Any

from freezeguard.domain.acts.freezing import order_of, stopped
from freezeguard.domain.acts.outcome import Act, Outcome
from freezeguard.domain.clocks import is_legal
from freezeguard.domain.effects import Effect, Notify, Reader, SetHold, VoidVotes
from freezeguard.domain.guards import Guard, Move
from freezeguard.domain.reasons import AUTHORITY_REASON_CODE, PullReason
from freezeguard.domain.record import order_identity
from freezeguard.domain.transitions import Command


def _register_order(move: Move) -> Outcome:
    """The case is the authority's: approvals are void, and what was lifted is stopped again."""
    case, arguments = move.case, move.arguments
    told = {"order": {"authority": arguments["authority"], "reference": arguments["document"]}}
    changes: dict[str, Any] = {"lane": "authority", "authority_order": order_of(move)}
    notices: list[Effect] = [
        Notify("order_registered", "owner", told), Notify("order_registered", "compliance", told),
    ]
    if case.in_frozen_phase:
        changes["evidence_revision"] = case.evidence_revision + 1
        changes["narrowing"] = None  # nothing of what an order forbids is released
        voided: list[Effect] = [VoidVotes("an order of an authority was registered")]
        told_vendor = Notify("order_registered", "vendor", told)
        return changes, [*voided, SetHold("hard"), *notices, told_vendor]
    reason = PullReason(
        AUTHORITY_REASON_CODE, arguments["authority"], f"person:{move.person}",
        arguments["document"],
    )
    changes["reason"] = reason.as_dict(str(case.scope))
    after, effects = stopped(move, changes)
    return after, [*effects, *notices]


def _register_revocation(move: Move) -> Outcome:
    arguments = move.arguments
    revocation = {
        "document": arguments["document"], "authority": arguments.get("authority") or "",
        "registered_at": move.now.isoformat(), "registered_by": move.person,
    }
    order = _without(move, revocation)
    told: dict[str, Any] = {"revocation": {
        "authority": revocation["authority"], "reference": revocation["document"],
    }}
    readers: list[Reader] = ["owner", "approvers", "compliance"]
    if not order.get("revocation"):
        readers.remove("approvers")  # there is nothing to approve while another order stands
        told["remaining"] = [
            {"authority": one["authority"], "reference": one["document"]}
            for one in (order, *order["further"])
        ]
    elif move.case.reason.get("reason_code") != AUTHORITY_REASON_CODE:
        told["stopped_before"] = order.get("lane_before") or "quality"
    return {"authority_order": order}, [
        VoidVotes("the order was revoked"),
        *(Notify("revocation_registered", reader, told) for reader in readers),
    ]


def _without(move: Move, revocation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the orders of a case after one of them was revoked; the last one lifts the lane."""
    order, meant = dict(move.case.authority_order or {}), _meant(move)
    left = [one for one in move.case.orders_in_force if order_identity(one) not in meant]
    if not left:
        return {**order, "revocation": revocation}
    newest, *further = left
    gone = next(iter(meant.values()))
    named = {"authority": gone["authority"], "document": gone["document"]}
    revoked = [*order.get("revoked", ()), {**named, "revocation": dict(revocation)}]
    return {**order, **newest, "further": further, "revoked": revoked}


def _meant(move: Move) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the orders in force that a revocation may mean, by what it names of them.

    Of the only one it says enough to name nothing, or the authority in other words.
    """
    orders = {order_identity(one): one for one in move.case.orders_in_force}
    document = str(move.arguments.get("order") or "").strip()
    authority = str(move.arguments.get("authority") or "").strip() if len(orders) > 1 else ""
    found = {}
    for identity, one in orders.items():
        whose, which = identity
        named = {"authority": authority or whose, "document": document or which}
        if order_identity(named) == identity:
            found[identity] = one
    return found


def _order_named(move: Move) -> tuple[str, ...]:
    """Each authority takes back its own order, one at a time: where it isn't clear, it is named."""
    in_force = move.case.orders_in_force
    if not in_force or len(_meant(move)) == 1:
        return ()
    documents = [str(one["document"]) for one in in_force]
    if len(set(documents)) == len(documents) and not move.arguments.get("authority"):
        return (f"`order`: the document of the order that is revoked ({', '.join(documents)})",)
    orders = ", ".join(f"{one['document']} of {one['authority']}" for one in in_force)
    return (f"`order` and `authority`: which order is revoked, and whose it is ({orders})",)


def _not_in_force_yet(move: Move) -> tuple[str, ...]:
    """What is registered twice would have to be revoked twice."""
    authority = str(move.arguments.get("authority") or "")
    document = str(move.arguments.get("document") or "")
    if document.strip() and move.case.is_ordered_by(authority, document):
        return (f"`document`: the order {document} of {authority} is in force already",)
    return ()


def _jurisdiction_known(move: Move) -> tuple[str, ...]:
    """Under a law that nobody knows no clock would start, and nobody would notice."""
    named = move.arguments.get("jurisdiction")
    if named is None or move.facts.jurisdictions:
        return ()
    known = "write EU, or the code of a country or of a part of it, as in DE and DE-BY"
    return (f"`jurisdiction`: {named} is not known; {known}, or leave it out: then all laws count",)


def _record_action(_: Move) -> Outcome:
    """The clock stops; what was done and told to whom stands in the history."""
    return {}, []


def _document_given(move: Move) -> tuple[str, ...]:
    given = str(move.arguments.get("document") or "").strip()
    return () if given else ("`document`: where the document itself is kept",)


def _authority_named(move: Move) -> tuple[str, ...]:
    given = str(move.arguments.get("authority") or "").strip()
    return () if given else ("`authority`: whose order it is",)


def _legal_clock_runs(move: Move) -> tuple[str, ...]:
    running = sorted(one.kind for one in move.facts.clocks if is_legal(one))
    if move.arguments.get("clock") in running:
        return ()
    open_ones = ", ".join(running) or "none"
    return (f"`clock`: a legal clock that runs on this case ({open_ones})",)


def _action_said(move: Move) -> tuple[str, ...]:
    given = str(move.arguments.get("action") or "").strip()
    return () if given else ("`action`: what was done, and who was told",)


GUARDS: Mapping[Command, tuple[Guard, ...]] = {
    Command.REGISTER_ORDER: (_authority_named, _document_given, _not_in_force_yet,
                             _jurisdiction_known),
    Command.REGISTER_REVOCATION: (_document_given, _order_named),
    Command.RECORD_ACTION: (_legal_clock_runs, _action_said),
}

ACTS: Mapping[Command, Act] = {
    Command.REGISTER_ORDER: _register_order,
    Command.REGISTER_REVOCATION: _register_revocation,
    Command.RECORD_ACTION: _record_action,
}
