"""Signals, their identities, texts and tallies; units shipped; what must be evaluated."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

import asyncpg

from freezeguard.detection.evaluation import PastDay
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.rules import RuleScope
from freezeguard.domain.signals import Kind, Severity, Signal
from freezeguard.ports.rows import (
    Json,
    Pending,
    RejectedSignal,
    Remembered,
    StoredBatch,
    UnitsShipped,
)
from freezeguard.storage.connection import Statements
from freezeguard.storage.queries import queries
from freezeguard.storage.repeats import first_and_later, tell_apart
from freezeguard.storage.rows import in_json_types, scope_of

SQL = queries("signals")

_FEW = 16
"""Up to so many rows one INSERT is quicker than COPY."""

_IDENTITY_COLUMNS = ("source", "id", "fingerprint", "sku", "occurred_at")
_SIGNAL_COLUMNS = (
    "sku", "occurred_at", "source", "id", "received_at", "observed_at", "kind", "intent",
    "severity", "result", "customer", "lot", "seller", "channel", "country", "contact_cost",
    "may_assert_safety", "acts_on_history", "marks",
)  # fmt: skip
_TEXT_COLUMNS = ("source", "id", "sku", "text", "order_ref", "extra")
_KINDS = {kind.value: kind for kind in Kind}
_SEVERITIES = {severity.value: severity for severity in Severity}

Key = tuple[str, str]

_EARLIEST = datetime.min.replace(tzinfo=UTC) + timedelta(microseconds=1)
"""The driver takes the very first moment for "always" and gives it back without a zone."""


class PostgresSignals:
    """Implements `freezeguard.ports.signals.Signals`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def store(
        self, signals: Sequence[Signal], fingerprints: Sequence[bytes], now: datetime
    ) -> StoredBatch:
        if len(signals) == 1:
            return await self._store_one(signals[0], fingerprints[0], now)
        keys = [(one.source, one.id) for one in signals]
        first, later = first_and_later(keys)
        old = await self._claim_identities(signals, fingerprints, first)
        new = [position for position in first if position not in old]
        totals: dict[str, int] = {}
        first_seq = 0
        if new:
            # texts first: what follows holds the locks of many SKUs
            await self._insert_texts([signals[n] for n in new])
            totals, first_seq = await self._raise_tallies([signals[n].sku for n in new])
            await self._insert([signals[n] for n in new], now)
        known = await self._fingerprints("fingerprints", [keys[n] for n in old])
        known |= {keys[n]: fingerprints[n] for n in new}
        repeats = sorted([*old, *later])
        duplicates, conflicts = tell_apart(repeats, keys, fingerprints, known)
        return StoredBatch(tuple(new), duplicates, conflicts, totals, first_seq)

    async def _store_one(self, signal: Signal, fingerprint: bytes, now: datetime) -> StoredBatch:
        row = await self._connection.fetchrow(
            SQL["store_one"], fingerprint, *_signal_row(signal, now), *_text_row(signal)[3:]
        )
        if row is not None:
            return StoredBatch((0,), (), (), {signal.sku: row["signals"]}, row["seq"])
        key = (signal.source, signal.id)
        known = await self._fingerprints("fingerprints", [key])
        duplicates, conflicts = tell_apart([0], [key], [fingerprint], known)
        return StoredBatch((), duplicates, conflicts, {}, 0)

    async def _claim_identities(
        self, signals: Sequence[Signal], fingerprints: Sequence[bytes], positions: Sequence[int]
    ) -> set[int]:
        """Return the positions whose identity was there before."""
        rows = [_identity_row(signals[n], fingerprints[n]) for n in positions]
        if len(rows) > _FEW and await self._are_all_new(rows):
            return set()
        columns = map(list, zip(*rows, strict=True))
        found = await self._connection.fetch(SQL["add_identities"], *columns)
        return {positions[row["position"]] for row in found}

    async def _are_all_new(self, rows: Sequence[tuple[Any, ...]]) -> bool:
        """Claim identities by COPY, which is twice as quick and knows all or nothing."""
        savepoint = self._connection.transaction()
        await savepoint.start()
        try:
            await self._connection.copy_records_to_table(
                "signal_identities", columns=_IDENTITY_COLUMNS,
                records=sorted(rows, key=itemgetter(0, 1)),  # nobody waits in a circle
            )  # fmt: skip
        except asyncpg.UniqueViolationError:
            await savepoint.rollback()
            return False
        await savepoint.commit()
        return True

    async def _raise_tallies(self, skus: Iterable[str]) -> tuple[dict[str, int], int]:
        news = Counter(skus)
        rows = await self._connection.fetch(
            SQL["raise_tallies"], list(news.keys()), list(news.values())
        )
        return {row["sku"]: row["signals"] for row in rows}, rows[0]["first"]

    async def _insert(self, signals: Sequence[Signal], now: datetime) -> None:
        rows = [_signal_row(one, now) for one in signals]
        if len(rows) <= _FEW:
            await self._connection.execute(SQL["store_few"], *map(list, zip(*rows, strict=True)))
            return
        await self._connection.copy_records_to_table(
            "signals", records=rows, columns=_SIGNAL_COLUMNS
        )

    async def _insert_texts(self, signals: Sequence[Signal]) -> None:
        texts = [_text_row(one) for one in signals if one.text or one.order or one.extra]
        if not texts:
            return
        if len(texts) <= _FEW:
            columns = map(list, zip(*texts, strict=True))
            await self._connection.execute(SQL["store_texts"], *columns)
            return
        await self._connection.copy_records_to_table(
            "signal_texts", records=texts, columns=_TEXT_COLUMNS
        )

    async def _fingerprints(self, query: str, keys: Sequence[Key]) -> dict[Key, bytes]:
        if not keys:
            return {}
        rows = await self._connection.fetch(
            SQL[query], [source for source, _ in keys], [one_id for _, one_id in keys]
        )
        return {(row["source"], row["id"]): row["fingerprint"] for row in rows}

    async def keep_rejected(self, items: Sequence[RejectedSignal], now: datetime) -> None:
        if not items:
            return
        await self._connection.execute(
            SQL["keep_rejected"], [one.id for one in items], now, [one.source for one in items],
            [one.credential for one in items], [one.position for one in items],
            [one.code for one in items], [one.detail for one in items],
            [one.body for one in items],
        )  # fmt: skip

    async def rejected(
        self, source: str | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Json]:
        rows = await self._connection.fetch(
            SQL["rejected"], source, *(before or (None, None)), limit
        )
        return [in_json_types(row) for row in rows]

    async def store_shipments(
        self, shipments: Sequence[UnitsShipped], now: datetime
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        keys = [(one.source, one.id) for one in shipments]
        prints = [one.fingerprint for one in shipments]
        first, later = first_and_later(keys)
        old = await self._add_shipments(shipments, first, now)
        new = tuple(position for position in first if position not in old)
        known = await self._fingerprints("shipment_fingerprints", [keys[n] for n in old])
        known |= {keys[n]: prints[n] for n in new}
        repeats = sorted([*old, *later])
        return new, *tell_apart(repeats, keys, prints, known)

    async def _add_shipments(
        self, shipments: Sequence[UnitsShipped], positions: Sequence[int], now: datetime
    ) -> set[int]:
        if not positions:
            return set()
        rows = [
            (one.source, one.id, one.fingerprint, one.sku, one.units,
             max(one.shipped_at, _EARLIEST), one.lot, one.seller, one.channel, one.country)
            for one in (shipments[n] for n in positions)
        ]  # fmt: skip
        columns = map(list, zip(*rows, strict=True))
        found = await self._connection.fetch(SQL["add_shipments"], *columns, now)
        return {positions[row["position"]] for row in found}

    async def lock_sku(self, sku: str) -> int:
        count = await self._connection.fetchval(SQL["lock_sku"], sku)
        if count is None:
            await self._connection.execute(SQL["meet_sku"], sku)
            count = await self._connection.fetchval(SQL["lock_sku"], sku)
        return int(count)

    async def lock_without_signals(self, skus: Collection[str]) -> set[str]:
        rows = await self._connection.fetch(SQL["lock_without_signals"], list(skus))
        return {row["sku"] for row in rows}

    async def lock_pending(self, sku: str, *, wait: bool) -> int | None:
        query = "lock_pending" if wait else "try_lock_pending"
        count = await self._connection.fetchval(SQL[query], sku)
        return None if count is None else int(count)

    async def mark_pending(self, pending: Sequence[Pending], now: datetime) -> None:
        earliest: dict[str, tuple[int, datetime]] = {}
        for one in pending:
            seq, time = earliest.get(one.sku, (one.since_seq, one.since_time))
            earliest[one.sku] = min(seq, one.since_seq), min(time, one.since_time)
        if not earliest:
            return
        await self._connection.execute(
            SQL["mark_pending"], list(earliest), [seq for seq, _ in earliest.values()],
            [time for _, time in earliest.values()], now,
        )  # fmt: skip

    async def mark_scope_pending(
        self, scope: RuleScope, window: timedelta, now: datetime, *, after: str, limit: int
    ) -> str | None:
        skus = [scope.sku] if scope.sku is not None else await self._tallied(after, limit)
        await self._connection.execute(
            SQL["mark_scope_pending"], now, window, skus, scope.vendor, scope.category
        )
        return skus[-1] if scope.sku is None and len(skus) == limit else None

    async def skus_with_news(
        self, scope: RuleScope, since: datetime, least: int, *, after: str, limit: int
    ) -> list[str]:
        rows = await self._connection.fetch(
            SQL["skus_with_news"], after, since, least, limit, scope.sku, scope.vendor,
            scope.category,
        )
        return [row["sku"] for row in rows]

    async def _tallied(self, after: str, limit: int) -> list[str]:
        rows = await self._connection.fetch(SQL["tallied_skus"], after, limit)
        return [row["sku"] for row in rows]

    async def take_pending(self, sku: str) -> Pending | None:
        row = await self._connection.fetchrow(SQL["take_pending"], sku)
        return None if row is None else Pending(*row)

    async def note_failure(self, sku: str, error: str) -> None:
        await self._connection.execute(SQL["note_failure"], sku, error)

    async def pending_skus(self, older_than: timedelta, limit: int) -> list[str]:
        rows = await self._connection.fetch(SQL["pending_skus"], older_than, limit)
        return [row["sku"] for row in rows]

    async def count_pending(self) -> int:
        return int(await self._connection.fetchval(SQL["count_pending"]))

    async def observed(
        self,
        sku: str,
        after: datetime | None,
        *,
        also_judged_by: UUID | None = None,
        judged_after: datetime | None = None,
    ) -> list[Observed]:
        rows = await self._connection.fetch(
            SQL["observed"], sku, after, also_judged_by, judged_after
        )
        return [observed_of(row) for row in rows]

    async def remembered(self, sku: str, case_id: UUID) -> list[Remembered]:
        rows = await self._connection.fetch(SQL["remembered"], sku, case_id)
        # very many take a fifth of a second to read: meanwhile others are answered
        return await asyncio.to_thread(_remembered, rows)

    async def history(self, sku: str, since: datetime, until: datetime) -> list[PastDay]:
        rows = await self._connection.fetch(SQL["history"], sku, since, until)
        return [_past_day(row) for row in rows]

    async def judged_usual(self, sku: str, by: datetime) -> list[PastDay]:
        return [
            _past_day(row) for row in await self._connection.fetch(SQL["judged_usual"], sku, by)
        ]

    async def shipped_by_day(self, sku: str, since: datetime) -> list[Shipment]:
        rows = await self._connection.fetch(SQL["shipped_by_day"], sku, since)
        return [Shipment(scope_of(row), row["day"], row["units"]) for row in rows]

    async def shipments(
        self, sku: str, after: datetime | None, *, known_at: datetime | None = None
    ) -> list[Shipment]:
        rows = await self._connection.fetch(SQL["shipments"], sku, after, known_at)
        return [Shipment(scope_of(row), row["shipped_at"], row["units"]) for row in rows]

    async def ensure_partitions(self, now: datetime) -> int:
        return int(await self._connection.fetchval(SQL["ensure_partitions"], now))

    async def unplanned(self) -> int:
        return int(await self._connection.fetchval(SQL["unplanned"]))


def _past_day(row: asyncpg.Record) -> PastDay:
    return PastDay(
        scope_of(row), row["day"], _KINDS[row["kind"]], row["intent"], row["result"],
        row["customers"],
    )


def _remembered(rows: Sequence[asyncpg.Record]) -> list[Remembered]:
    return [
        Remembered(observed_of(row), None if row["counts"] else row["judged_at"])
        for row in rows
        if row["counts"] or row["judged_at"] is not None  # else nobody knows when it stopped to
    ]


def _identity_row(one: Signal, fingerprint: bytes) -> tuple[Any, ...]:
    """Return the values of `_IDENTITY_COLUMNS`."""
    return one.source, one.id, fingerprint, one.sku, max(one.occurred_at, _EARLIEST)


def _signal_row(one: Signal, now: datetime) -> tuple[Any, ...]:
    """Return the values of `_SIGNAL_COLUMNS`."""
    return (
        one.sku, max(one.occurred_at, _EARLIEST), one.source, one.id, now,
        None if one.observed_at is None else max(one.observed_at, _EARLIEST), one.kind, one.intent,
        one.severity, one.result, one.customer, one.lot, one.seller, one.channel, one.country,
        one.contact_cost, one.may_assert_safety, one.acts_on_history,
        one.marks,
    )  # fmt: skip


def _text_row(one: Signal) -> tuple[Any, ...]:
    """Return the values of `_TEXT_COLUMNS`."""
    return one.source, one.id, one.sku, one.text or None, one.order or None, one.extra or None


def observed_of(row: asyncpg.Record) -> Observed:
    """Read a signal, as rules see it, from its row."""
    return Observed(
        scope_of(row), row["occurred_at"], row["source"], row["id"], row["seq"],
        _KINDS[row["kind"]], row["intent"], _SEVERITIES[row["severity"]], row["result"],
        row["customer"], row["may_assert_safety"], row["acts_on_history"],
        row["marks"],
    )  # fmt: skip
