"""Units shipped: stored, and what they may now say about complaints that are there already."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from freezeguard.ports.rows import Pending, UnitsShipped
from freezeguard.ports.storage import Transaction
from freezeguard.services.detecting.rulebook import RuleBook

LATELY = timedelta(days=3)
"""Units are usually reported within so many days."""
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
    may be what makes it speak. A SKU without complaints has nothing to say; its first one waits
    for our commit, and sees the units.
    """
    stored = await tx.signals.store_shipments(shipments, now)
    shipped = [shipments[position] for position in stored[0]]
    if not rules.needs_exposure():
        # what is usual changes where the past is reported, and hardly with the last days
        shipped = [one for one in shipped if rules.learns() and one.shipped_at < now - LATELY]
    if not shipped:
        return stored, []
    quiet = await tx.signals.lock_without_signals({one.sku for one in shipped})
    news = [
        Pending(one.sku, NO_NEWS, one.shipped_at) for one in shipped if one.sku not in quiet
    ]
    await tx.signals.mark_pending(news, now)
    return stored, sorted({one.sku for one in news})
