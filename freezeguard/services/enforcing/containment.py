"""What is known of a case's orders under way, and what of it is said to systems that can hold them.

Pure.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from freezeguard.domain.record import Case
from freezeguard.ports.catalogues import OrderUnderWay

ROOM = 12_000
"""Bytes of orders in one message: with its head it stays far below what webhooks may have."""

Outcome = Literal["answered", "unsupported", "refused", "unreachable"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What one catalogue said; `detail` is why there are no orders. `cut_at` as in OrdersFound."""

    catalogue: str
    outcome: Outcome
    detail: str = ""
    orders: tuple[OrderUnderWay, ...] = ()
    cut_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderList:
    """The orders of a case that were placed at `since` or later, by catalogue."""

    case: Case
    since: datetime
    asked_at: datetime
    answers: tuple[Answered, ...]

    @property
    def customers(self) -> list[str]:
        """Return whom to tell, each once."""
        every = (order.customer for one in self.answers for order in one.orders)
        return sorted({one for one in every if one})


@dataclass(frozen=True, slots=True)
class Announced:
    """What was posted: how many messages, to how many endpoints of the shop's own."""

    listed: OrderList
    messages: int
    endpoints: int



def messages_of(found: OrderList) -> list[dict[str, Any]]:
    """Return the data of the messages that announce a list; a long one comes in parts.

    Nothing in them leads to a customer but the order itself, in the shop's own books; it stands
    under keys that an erasure looks at (`freezeguard.domain.erasure.NAMES_THINGS` names the
    others). Why a catalogue has not answered is left out: its words are not ours to post.
    """
    case = found.case
    head = {
        "id": str(case.id), "case": str(case.number), "sku": case.scope.sku,
        "scope": case.scope.as_dict(), "since": found.since.isoformat(),
    }
    parts = list(_parts(found))
    return [
        {**head, "part": number, "parts": len(parts), "lists": part}
        for number, part in enumerate(parts, 1)
    ]


def _parts(found: OrderList) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    room = ROOM
    for answer in found.answers:
        entry = _head_of(answer)
        part.append(entry)
        for order in answer.orders:
            said = {"order_id": order.id, "order": order.code, "quantity": order.quantity,
                    "is_paid": order.is_paid}
            size = len(json.dumps(said))
            if size > room and entry["orders"]:
                yield part
                entry, room = _head_of(answer), ROOM
                part = [entry]
            entry["orders"].append(said)
            room -= size
    yield part


def _head_of(answer: Answered) -> dict[str, Any]:
    cut_at = None if answer.cut_at is None else answer.cut_at.isoformat()
    return {"catalogue": answer.catalogue, "outcome": answer.outcome, "cut_at": cut_at,
            "orders": []}
