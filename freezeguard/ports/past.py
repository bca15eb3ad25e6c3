"""What a backtest asks of the database: the whole past, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.rules import RuleScope
from freezeguard.domain.trying import PastStop
from freezeguard.ports.rows import Sku

T = TypeVar("T")

Place = tuple[str, datetime, str, str]
"""Where a page ended: SKU, moment, source and id."""


@dataclass(frozen=True, slots=True)
class PastSignal:
    """A stored signal; where a case judged it, when, and whether it was found to be usual."""

    observed: Observed
    judged_at: datetime | None
    usual: bool


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows in the order of SKUs and moments; `next` is where to go on, None at the end."""

    rows: Sequence[T]
    next: Place | None


class Past(Protocol):
    """The stored past, read and never changed."""

    async def signals(self, after: Place | None, limit: int) -> Page[PastSignal]:
        """Return the next signals, judged ones included."""
        ...

    async def shipments(self, after: Place | None, limit: int) -> Page[Shipment]:
        """Return the next units shipped."""
        ...

    async def skus(
        self, scope: RuleScope, since: datetime, *, after: str, limit: int
    ) -> list[Sku]:
        """Return the next SKUs of a scope that were heard of since a moment, in their order."""
        ...

    async def signals_of(self, sku: str, after: datetime) -> list[PastSignal]:
        """Return the signals of a SKU after a moment, judged ones included."""
        ...

    async def stops(
        self, scope: RuleScope, since: datetime, *, after: str, upto: str | None
    ) -> dict[str, list[PastStop]]:
        """Return the stops of a scope since a moment, by SKU, of SKUs in a part of their order."""
        ...

    async def confirmed_defects(self) -> dict[str, datetime]:
        """Return the SKUs whose cases ended with a remedy or delisting; when the first began."""
        ...
