"""Signals and units as they are stored: each once, counted, and what was rejected of them."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from freezeguard.detection.evaluation import PastDay
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.rules import RuleScope
from freezeguard.domain.signals import Signal
from freezeguard.ports.rows import (
    Json,
    Pending,
    RejectedSignal,
    Remembered,
    StoredBatch,
    UnitsShipped,
)


class Signals(Protocol):
    """Signals, their identities, texts and tallies; units shipped."""

    async def store(
        self, signals: Sequence[Signal], fingerprints: Sequence[bytes], now: datetime
    ) -> StoredBatch:
        """Store what is new; takes the lock of every SKU of the batch, in order of SKU."""
        ...

    async def keep_rejected(self, items: Sequence[RejectedSignal], now: datetime) -> None: ...

    async def rejected(
        self, source: str | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Json]: ...

    async def store_shipments(
        self, shipments: Sequence[UnitsShipped], now: datetime
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Store units shipped; return accepted, duplicate and conflicting positions."""
        ...

    async def lock_sku(self, sku: str) -> int:
        """Take the lock under which a SKU is counted; return how many signals it has."""
        ...

    async def lock_without_signals(self, skus: Collection[str]) -> set[str]:
        """Lock those SKUs that have no signal yet, and return them.

        Whoever stores a first signal of one of them sees what this transaction has stored.
        """
        ...

    async def lock_pending(self, sku: str, *, wait: bool) -> int | None:
        """Take the same lock of a SKU that waits for an evaluation; return the same number.

        None where it waits no longer, or where somebody else holds the lock and we don't `wait`.
        """
        ...

    async def mark_pending(self, pending: Sequence[Pending], now: datetime) -> None:
        """Ask for an evaluation; the earliest news of several requests is kept."""
        ...

    async def mark_scope_pending(
        self, scope: RuleScope, window: timedelta, now: datetime, *, after: str, limit: int
    ) -> str | None:
        """Ask for an evaluation of SKUs in a scope with a signal in the window before now.

        Looks at the next `limit` SKUs after one, `""` at first. Return the last one looked at,
        None where no more are left.
        """
        ...

    async def take_pending(self, sku: str) -> Pending | None:
        """Remove and return a request; the caller holds the SKU's lock."""
        ...

    async def note_failure(self, sku: str, error: str) -> None: ...

    async def pending_skus(self, older_than: timedelta, limit: int) -> list[str]:
        """Take up SKUs whose request nobody has dealt with for that long, oldest first.

        They move behind the others: a request that fails or is passed over keeps none waiting.
        """
        ...

    async def count_pending(self) -> int:
        """Return how many SKUs wait for an evaluation."""
        ...

    async def observed(
        self,
        sku: str,
        after: datetime | None,
        *,
        also_judged_by: UUID | None = None,
        judged_after: datetime | None = None,
    ) -> list[Observed]:
        """Return the signals made after a moment that still count, in order.

        `also_judged_by` includes those that this case has judged, or has as its evidence;
        `judged_after` those that still counted at that moment.
        """
        ...

    async def remembered(self, sku: str, case_id: UUID) -> list[Remembered]:
        """Return all signals of a SKU, in order, with until when they counted in a case's eyes.

        Those that it has judged itself, or has as its evidence, count for ever.
        """
        ...

    async def shipments(
        self, sku: str, after: datetime | None, *, known_at: datetime | None = None
    ) -> list[Shipment]:
        """Return the units shipped after a moment; with `known_at`, those reported by then."""
        ...

    async def history(self, sku: str, since: datetime, until: datetime) -> list[PastDay]:
        """Return what was complained of on the days of [since, until), and a mark of earlier ones.

        Both moments are midnights in UTC. What was judged counts only where it was found to be
        usual, and then whatever its day.
        """
        ...

    async def judged_usual(self, sku: str, by: datetime) -> list[PastDay]:
        """Return what had been judged as usual by a moment, by day."""
        ...

    async def skus_with_news(
        self, scope: RuleScope, since: datetime, least: int, *, after: str, limit: int
    ) -> list[str]:
        """Return the next SKUs of a scope with at least so many signals, and one since a moment."""
        ...

    async def shipped_by_day(self, sku: str, since: datetime) -> list[Shipment]:
        """Return the units shipped on each day from a midnight on, at its start.

        If any were shipped before, the day before that midnight has none, to say so.
        """
        ...

    async def ensure_partitions(self, now: datetime) -> int: ...

    async def unplanned(self) -> int:
        """Return how many signals lie in no planned partition."""
        ...
