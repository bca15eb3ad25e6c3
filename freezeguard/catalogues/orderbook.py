"""Looks through the orders of a far side, page by page, for as long as there is time.

No system that we know finds orders by what they hold, so all that were placed since a moment are
looked through, oldest first. Where there are too many, or time runs short, it is said how far.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from freezeguard.ports.catalogues import OrdersFound, OrderUnderWay

PAGE = 50
"""Orders that are asked for at once: with their lines they must fit into one answer."""
MOST_ORDERS = 5_000
"""Orders that are looked through for one object."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some orders of a far side: `size` were looked through, the last one placed at `last_at`."""

    found: Sequence[OrderUnderWay]
    size: int
    last_at: datetime | None
    is_last: bool


async def look_through(
    read: Callable[[int], Awaitable[Page]], until: float, time: Callable[[], float], *,
    most: int = MOST_ORDERS,
) -> OrdersFound:
    """Read pages, each after so many orders, until the last one, or as far as time goes.

    `until` is a moment of the clock `time`, in seconds. Another page is begun where there is time
    for one that takes twice as long as the slowest so far. Raises what `read` raises.
    """
    found: dict[str, OrderUnderWay] = {}  # a page may repeat the end of the one before
    looked_at, slowest = 0, 0.0
    while True:
        begun = time()
        page = await read(looked_at)
        slowest = max(slowest, time() - begun)
        found |= {one.id: one for one in page.found}
        looked_at += page.size
        if page.is_last or page.size == 0:
            return OrdersFound(tuple(found.values()))
        if looked_at >= most or time() + 2 * slowest > until:
            return OrdersFound(tuple(found.values()), cut_at=page.last_at)
