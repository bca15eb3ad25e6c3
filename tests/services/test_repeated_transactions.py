"""A transaction that the database asks for again must not leave false memories behind."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from freezeguard.domain.signals import Kind, Severity, Signal
from freezeguard.services.detecting.ingestion import Ingestion
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.rig import shop_with_service

SKU = "SKU-000001"
TODAY = datetime.now(UTC)
EARLIER = TODAY - timedelta(days=20)
FIVE_IN_A_WEEK = {
    "id": "five", "family": "distinct_customers", "window": "7d", "bound": 5, "mode": "armed",
}


def complaint(customer: str, moment: datetime) -> Signal:
    """Return a complaint by a customer of its own."""
    return Signal(
        source="helpdesk", id=customer, kind=Kind.COMPLAINT, sku=SKU, occurred_at=moment,
        severity=Severity.MAJOR, customer=customer.encode(), acts_on_history=True,
    )


async def submit(ingestion: Ingestion, customer: str, moment: datetime) -> None:
    """Send one complaint."""
    await ingestion.submit([complaint(customer, moment)], [customer.encode()])


async def test_a_repeated_transaction_hides_no_crossing(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
) -> None:
    """Another replica stores a complaint between two tries: the next one still completes five.

    After the first try three early complaints and a late one were remembered, four together. The
    other replica's makes the database count four as well, so both seem to agree.
    """
    rules = (FIVE_IN_A_WEEK,)
    async with shop_with_service(dsns, tmp_path, seed=1, rules=rules) as rig:
        assert rig.service is not None
        ingestion, database = rig.service.ingestion, rig.service.database
        for number in range(3):
            await submit(ingestion, f"early-{number}", EARLIER)
        store, tries = ingestion._store, 0

        async def fails_once(*arguments: Any, **named: Any) -> Any:
            nonlocal tries
            tries += 1
            outcome = await store(*arguments, **named)
            if tries > 1:
                return outcome
            raise asyncpg.SerializationError

        async def elsewhere() -> None:
            other = complaint("elsewhere", EARLIER)
            await database.run(lambda tx: tx.signals.store([other], [b"elsewhere"], TODAY))

        async def in_between(*arguments: Any, **named: Any) -> Any:
            if tries == 1:
                await elsewhere()
            return await fails_once(*arguments, **named)

        ingestion._store = in_between  # type: ignore[method-assign]
        await submit(ingestion, "late", TODAY)
        assert 2 == tries
        ingestion._store = store  # type: ignore[method-assign]
        await submit(ingestion, "the fifth", EARLIER)

        case = await rig.in_state(SKU, "frozen")
        assert 5 == case["reason"]["observed"]
