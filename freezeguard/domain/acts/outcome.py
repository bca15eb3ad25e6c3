"""What an act answers, and what several acts have in common."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from freezeguard.domain.effects import (
    AnnounceOrders,
    CastVote,
    CloseTasks,
    Effect,
    MarkVendorNotices,
    Notify,
)
from freezeguard.domain.enforcement import Status
from freezeguard.domain.guards import Move
from freezeguard.domain.people import Person, actor_name

Outcome = tuple[dict[str, Any], list[Effect]]
"""The fields of the case that change, and the effects."""

Act = Callable[[Move], Outcome]

LANES = ("quality", "safety", "authority")
"""From the mildest to the strictest."""


def stricter_lane(one: str, other: str) -> str:
    """Return the stricter of two lanes."""
    return max(one, other, key=LANES.index)


def no_approval() -> dict[str, Any]:
    """Return the fields of a case for which no approval is asked any more."""
    return {
        "approval_requested_at": None,
        "approval_requested_by": None,
        "approval_evidence": None,
    }


def cast_vote(move: Move) -> Outcome:
    """Store a first vote; the case stays as it is."""
    vote = CastVote(
        move.command.value,
        move.person or "",
        move.arguments,
        move.case.evidence_revision,
        move.now + move.facts.policy.vote_lifetime,
    )
    return {"state": move.from_state}, [vote]


STOPPED = "stopped"
"""What those hear who pulled once the sale is stopped: once for each stop, however often it is read
back anew."""


def told_of_the_stop(move: Move) -> list[Effect]:
    """Return what follows once a stop is read back everywhere, or waived where it is not."""
    told = waived_objects(move)
    return [
        CloseTasks("stop"), AnnounceOrders(),
        Notify("frozen_confirmed", "vendor", told), Notify("frozen_confirmed", "owner", told),
        Notify("outcome", "pullers", {"outcome": STOPPED}),
    ]


def vendor_heard(move: Move) -> Outcome:
    """Return what follows where the vendor writes: it has been heard, and is silent no more."""
    if not move.case.in_frozen_phase:
        return {}, []
    early = move.case.vendor_status in {"unreached", "notified", "silent"}
    changes = {"vendor_status": "acknowledged"} if early else {}
    return changes, [MarkVendorNotices("answered")]


def waived_objects(move: Move) -> dict[str, Any]:
    """Return the objects that may still sell because somebody waived them, for people to read."""
    waived = [
        {"name": one.name, "until": one.waiver.until.isoformat(), "by": one.waiver.by,
         "why": one.waiver.why}
        for one in move.facts.objects
        if one.waiver is not None and one.status is Status.WAIVED
    ]
    return {"waived": waived} if waived else {}


def shortfalls(move: Move) -> dict[str, Any]:
    """Return what an approver must know of: objects that are not stopped, waived or not."""
    unconfirmed = [one.name for one in move.facts.objects if not one.is_stopped]
    return {**({"unconfirmed": unconfirmed} if unconfirmed else {}), **waived_objects(move)}


def who_acts(move: Move) -> str:
    """Return the name of whoever acts, as people call them."""
    return move.actor.name if isinstance(move.actor, Person) else actor_name(move.actor)


def moment(text: object) -> datetime | None:
    """Read a moment with its zone from an argument; None where it is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
