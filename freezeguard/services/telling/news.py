"""What is posted: news of cases to their vendor's endpoints, the rest to the shop's own.

The rest is changes of holds, and orders under way that are to be held back.

Written in the transaction of the change, in its own round trip; where no endpoint wants a message
nothing is stored. Nothing here can delay or undo a freeze.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from freezeguard.domain.record import Case
from freezeguard.ports.notice_facts.kinds import FACTS_OF_KIND
from freezeguard.ports.rows import HoldChange, Notice
from freezeguard.ports.storage import Transaction
from freezeguard.ports.webhooks import Message

HOLD_TYPES = {"hold": "hold.set", "release": "hold.released"}
LISTED_TYPE = "containment.listed"
TEST_TYPE = "webhook.test"
OF_CASES, OF_THE_SHOP = "case.", ("hold.", "containment.")


def known_types() -> tuple[str, ...]:
    """Return every type of message that an endpoint may ask for."""
    of_cases = (
        OF_CASES + kind
        for kind, shape in FACTS_OF_KIND.items()
        if "case" in vars(shape)["__required_keys__"]
    )
    return tuple(sorted((*of_cases, *HOLD_TYPES.values(), LISTED_TYPE)))


def never_sent(types: Iterable[str], vendor: str | None) -> list[str]:
    """Return those types that never go to an endpoint of a vendor, or of the shop itself."""
    theirs = OF_THE_SHOP if vendor is None else OF_CASES
    return [one for one in types if not one.startswith(theirs)]


async def post_case_news(tx: Transaction, case: Case, notice: Notice, now: datetime) -> None:
    """Post what a notice tells the vendor of a case; a notice to anybody else is not posted."""
    if case.vendor is None or notice.recipient != f"vendor:{case.vendor}":
        return
    await tx.webhooks.enqueue(
        Message(
            id=notice.id, vendor=case.vendor, thread=f"case:{case.id}",
            type=OF_CASES + notice.kind, at=now,
            data={"id": str(case.id), "state": case.state.value, **notice.facts},
            sku=case.scope.sku, case_id=case.id,
        )
    )


async def post_hold_change(
    tx: Transaction, message_id: UUID, change: HoldChange, case_id: UUID
) -> None:
    """Post a change of the held set."""
    await tx.webhooks.enqueue(
        Message(
            id=message_id, vendor=None, thread=f"sku:{change.sku}",
            type=HOLD_TYPES[change.change], at=change.at,
            data={"revision": change.revision, "sku": change.sku, "hold": change.hold},
            sku=change.sku, case_id=case_id,
        )
    )


async def post_orders(
    tx: Transaction, message_id: UUID, case: Case, data: Mapping[str, Any], now: datetime
) -> None:
    """Post orders of a case that are to be held back; it comes after the news of the hold."""
    await tx.webhooks.enqueue(
        Message(
            id=message_id, vendor=None, thread=f"sku:{case.scope.sku}", type=LISTED_TYPE, at=now,
            data=data, sku=case.scope.sku, case_id=case.id,
        )
    )
