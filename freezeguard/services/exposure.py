"""Units shipped: stored, and what they may now say about complaints that are there already."""

from collections.abc import Sequence
from datetime import datetime

from freezeguard.ports.storage import Pending, Transaction, UnitsShipped
from freezeguard.services.rulebook import RuleBook

NO_NEWS = 2**62
"""No signal is news: only the exposure is."""

Stored = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Positions accepted, repeated and conflicting."""


async def store_units(
    tx: Transaction, rules: RuleBook, shipments: Sequence[UnitsShipped], now: datetime
) -> tuple[Stored, list[str]]:
    """Store units shipped; where a rule measures rates, ask for an evaluation of their SKUs.

    Return what became of each, and the SKUs to evaluate.

    A rate rule is silent below its minimum of units, so that units reported after the complaints
    may be what makes it speak.
    """
    stored = await tx.signals.store_shipments(shipments, now)
    skus: list[str] = []
    if rules.needs_exposure():
        news = [
            Pending(shipments[position].sku, NO_NEWS, shipments[position].shipped_at)
            for position in stored[0]
        ]
        await tx.signals.mark_pending(news, now)
        skus = sorted({one.sku for one in news})
    return stored, skus
