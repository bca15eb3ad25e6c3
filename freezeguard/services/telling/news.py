"""What is posted: news of cases to their vendor's endpoints, changes of holds to the shop's own.

Written in the transaction of the change, in its own round trip; where no endpoint wants a message
nothing is stored. Nothing here can delay or undo a freeze.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from freezeguard.domain.record import Case
from freezeguard.ports.notice_facts import FACTS_OF_KIND
from freezeguard.ports.rows import HoldChange, Notice
from freezeguard.ports.storage import Transaction
from freezeguard.ports.webhooks import Message

HOLD_TYPES = {"hold": "hold.set", "release": "hold.released"}
TEST_TYPE = "webhook.test"
OF_CASES, OF_HOLDS = "case.", "hold."


def known_types() -> tuple[str, ...]:
    """Return every type of message that an endpoint may ask for."""
    of_cases = (
        OF_CASES + kind
        for kind, shape in FACTS_OF_KIND.items()
        if "case" in vars(shape)["__required_keys__"]
    )
    return tuple(sorted((*of_cases, *HOLD_TYPES.values())))


def never_sent(types: Iterable[str], vendor: str | None) -> list[str]:
    """Return those types that never go to an endpoint of a vendor, or of the shop itself."""
    prefix = OF_HOLDS if vendor is None else OF_CASES
    return [one for one in types if not one.startswith(prefix)]


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
