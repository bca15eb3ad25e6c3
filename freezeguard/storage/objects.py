"""Catalogue objects: what is wanted of them, what was seen, and who works on them."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from freezeguard.domain.enforcement import ObjectState, Status, Waiver, Wanted
from freezeguard.ports.objects import Legacy
from freezeguard.ports.rows import CatalogueRow, Json
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import affected

SQL = queries("objects")

_CONVERTED = {"status", "fallbacks", "takes_along"}
_PLAIN = tuple(one.name for one in fields(CatalogueRow) if one.name not in _CONVERTED)

Found: TypeAlias = Sequence[tuple[str, Json, tuple[str, ...]]]


class PostgresObjects:
    """Implements `freezeguard.ports.objects.Objects`."""

    def __init__(self, connection: Statements, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes

    async def of_sku(self, sku: str, *, lock: bool = False) -> list[CatalogueRow]:
        query = SQL["lock_objects_of_sku"] if lock else SQL["objects_of_sku"]
        return [object_of(one) for one in await self._connection.fetch(query, sku)]

    async def want(
        self, sku: str, catalogue: str, remote_id: str, wanted: Wanted, revision: int,
        *, lease: timedelta | None, token: UUID | None,
    ) -> CatalogueRow:  # fmt: skip
        key = sku, catalogue, remote_id
        await self._order(key, wanted, revision, lease, token)
        row = await self._connection.fetchrow(SQL["object"], *key)
        assert row is not None  # noqa: S101 - it was written just now
        return object_of(row)

    async def order(self, row: CatalogueRow, lease: timedelta) -> None:
        await self._order(row.key, row.wanted, row.wanted_revision, lease, row.lease_token)

    async def _order(
        self, key: tuple[str, str, str], wanted: Wanted, revision: int, lease: timedelta | None,
        token: UUID | None,
    ) -> None:  # fmt: skip
        of = dict(zip(("sku", "catalogue", "remote_id"), key, strict=True))
        if self._writes.has("catalogue_objects", of):
            await self._writes.flush()  # one statement changes a row once
        self._writes.add(
            "catalogue_objects", **of, wanted=wanted, wanted_revision=revision, lease_token=token,
            lease=None if lease is None else f"{lease.total_seconds()} seconds",
        )

    async def claim_due(
        self, catalogue: str, lease: timedelta, token: UUID, limit: int, *, is_off: bool = False
    ) -> list[CatalogueRow]:
        was_never_on = is_off and not await self._connection.fetchval(SQL["was_proved"], catalogue)
        rows = await self._connection.fetch(
            SQL["claim_due"], catalogue, lease, token, limit, was_never_on
        )
        return [object_of(one) for one in rows]

    async def claim_unseen(
        self, catalogue: str, lease: timedelta, token: UUID, limit: int, now: datetime,
        age: timedelta,
    ) -> list[CatalogueRow]:  # fmt: skip
        rows = await self._connection.fetch(
            SQL["claim_unseen"], catalogue, lease, token, limit, now, age
        )
        return [object_of(one) for one in rows]

    async def seconds_until_due(self, catalogue: str) -> float | None:
        seconds = await self._connection.fetchval(SQL["seconds_until_due"], catalogue)
        return None if seconds is None else max(0.0, seconds)

    async def replace_unresolved(
        self, row: CatalogueRow, found: Found, now: datetime, lease: timedelta
    ) -> list[CatalogueRow]:
        rows = await self._connection.fetch(
            SQL["replace_unresolved"], row.sku, row.catalogue, row.lease_token,
            _as_json(found), now, lease,
        )  # fmt: skip
        return [object_of(one) for one in rows]

    async def save_before_image(self, row: CatalogueRow, image: Json, now: datetime) -> bool:
        status = await self._connection.execute(SQL["save_before_image"], *row.key, image, now)
        return affected(status) == 1

    async def keep_earlier_image(self, row: CatalogueRow, image: Json, at: datetime) -> bool:
        status = await self._connection.execute(SQL["keep_earlier_image"], *row.key, image, at)
        return affected(status) == 1

    async def amend_image(self, row: CatalogueRow, fields: Json) -> bool:
        status = await self._connection.execute(
            SQL["amend_image"], *row.key, row.lease_token, fields
        )
        return affected(status) == 1

    async def sold_as_one(
        self, row: CatalogueRow
    ) -> tuple[CatalogueRow | None, list[tuple[CatalogueRow, datetime | None]]]:
        own = await self._connection.fetchrow(SQL["object"], *row.key)
        others = await self._connection.fetch(SQL["sold_as_one"], *row.key)
        return (
            None if own is None else object_of(own),
            [(object_of(one), one["stopped_since"]) for one in others],
        )

    async def leave_to_heirs(self, row: CatalogueRow, legacy: Legacy) -> list[str]:
        locked = await self._connection.fetch(SQL["lock_heirs"], *row.key)
        since = None
        if locked:
            facts = row.sku, row.before_at, row.restored_at
            since = await self._connection.fetchval(SQL["stopped_since"], *facts)
        heirs = list(map(object_of, locked))
        for one in heirs:
            left = legacy(row, since, one.inherited)
            await self._connection.execute(SQL["leave_to"], *one.key, left)
        return [one.sku for one in heirs]

    async def wake_as_one(self, row: CatalogueRow) -> int:
        return affected(await self._connection.execute(SQL["wake_as_one"], *row.key))

    async def add_found(self, row: CatalogueRow, found: Found, now: datetime) -> int:
        status = await self._connection.execute(
            SQL["add_found"], row.sku, row.catalogue, _as_json(found), now
        )
        return affected(status)

    async def renew(
        self, row: CatalogueRow, lease: timedelta, *, newest_only: bool = False
    ) -> bool:
        status = await self._connection.execute(
            SQL["renew"], *row.key, row.lease_token, lease, row.fallbacks,
            row.wanted_revision if newest_only else None,
        )  # fmt: skip
        return affected(status) == 1

    async def overtaken(self, row: CatalogueRow) -> None:
        await self._connection.execute(
            SQL["overtaken"], *row.key, row.wanted != "sellable", row.written, row.fallbacks
        )

    async def settle(self, row: CatalogueRow, *, next_in: float | None, now: datetime) -> bool:
        status = await self._connection.execute(
            SQL["settle"], *row.key, row.lease_token, row.wanted_revision, row.status, row.detail,
            row.before_image, row.before_at or now, row.written, row.fallbacks, row.takes_along,
            row.seen_sellable, row.seen_side, row.seen_at, row.sent_at, row.attempts,
            row.failing_since, next_in,
        )  # fmt: skip
        return affected(status) == 1

    async def see_again(
        self, row: CatalogueRow, settled: Collection[str], *, next_in: float
    ) -> bool:
        status = await self._connection.execute(
            SQL["see_again"], *row.key, row.lease_token, row.wanted_revision, row.detail,
            row.seen_sellable, row.seen_side, row.seen_at, row.attempts, row.failing_since,
            list(settled), next_in,
        )  # fmt: skip
        return affected(status) == 1

    async def wake(self, catalogue: str | None, sku: str | None) -> int:
        return affected(await self._connection.execute(SQL["wake"], catalogue, sku))

    async def stopped(
        self, catalogue: str, after: tuple[str, str], limit: int
    ) -> list[tuple[str, str]]:
        rows = await self._connection.fetch(SQL["stopped_objects"], catalogue, *after, limit)
        return [(row["sku"], row["remote_id"]) for row in rows]

    async def wake_these(self, catalogue: str, keys: Sequence[tuple[str, str]]) -> int:
        skus, remote_ids = [one for one, _ in keys], [one for _, one in keys]
        return affected(
            await self._connection.execute(SQL["wake_these"], catalogue, skus, remote_ids)
        )

    async def wake_named(self, catalogue: str, names: Sequence[str]) -> int:
        return affected(
            await self._connection.execute(SQL["wake_named"], catalogue, list(names))
        )

    async def reserve(
        self, sku: str, catalogue: str, found: Found, now: datetime, *, lease: timedelta,
        token: UUID, revision: int, unchanged_since: int, detail: str,
    ) -> list[CatalogueRow]:  # fmt: skip
        await self._connection.execute(SQL["drop_unlisted"], sku, catalogue)
        rows = await self._connection.fetch(
            SQL["reserve_objects"], sku, catalogue, _as_json(found), now, lease, token, revision,
            detail, unchanged_since,
        )  # fmt: skip
        return [object_of(one) for one in rows]

    async def note_written(self, row: CatalogueRow) -> bool:
        status = await self._connection.execute(
            SQL["note_written"], *row.key, row.lease_token, row.written
        )
        return affected(status) == 1

    async def left_behind(self, catalogue: str) -> list[tuple[str, str, str]]:
        rows = await self._connection.fetch(SQL["left_behind"], catalogue)
        return [(row["sku"], row["catalogue"], row["remote_id"]) for row in rows]

    async def take_up(
        self, key: tuple[str, str, str], lease: timedelta, token: UUID
    ) -> CatalogueRow | None:
        row = await self._connection.fetchrow(SQL["take_up"], *key, lease, token)
        return None if row is None else object_of(row)

    async def checks(self) -> dict[str, str]:
        rows = await self._connection.fetch(SQL["checks"])
        return {row["catalogue"]: row["fingerprint"] for row in rows}

    async def note_check(
        self, catalogue: str, fingerprint: str, sku: str, by: str, now: datetime
    ) -> None:
        await self._connection.execute(
            SQL["note_check"], catalogue, fingerprint, now, by, sku
        )

    async def refresh_image(
        self, sku: str, catalogue: str, found: Found, now: datetime, *, revision: int
    ) -> None:
        if not found:
            await self._connection.execute(SQL["note_unlisted"], sku, catalogue, now)
            return
        await self._connection.execute(SQL["drop_unlisted"], sku, catalogue)
        await self._connection.execute(
            SQL["refresh_images"], sku, catalogue, _as_json(found), now, revision
        )

    async def waivers(self, case_id: UUID) -> tuple[Waiver, ...]:
        rows = await self._connection.fetch(SQL["waivers_of_case"], case_id)
        return tuple(map(waiver_of, rows))

    async def waive(self, case_id: UUID, waiver: Waiver, now: datetime) -> None:
        await self._connection.execute(
            SQL["waive_object"], case_id, waiver.catalogue, waiver.remote_id, waiver.by,
            waiver.until, waiver.why, now,
        )  # fmt: skip

    async def unwaive(self, case_id: UUID, catalogue: str, remote_id: str) -> None:
        await self._connection.execute(SQL["unwaive_object"], case_id, catalogue, remote_id)

    async def move_waivers(self, from_case: UUID, to_case: UUID) -> None:
        await self._connection.execute(SQL["move_waivers"], from_case, to_case)

    async def of_cases(self, case_ids: Sequence[UUID]) -> dict[UUID, list[ObjectState]]:
        found: dict[UUID, list[ObjectState]] = {}
        for row in await self._connection.fetch(SQL["objects_of_cases"], list(case_ids)):
            facts = dict(row)
            mine = found.setdefault(facts.pop("case_id"), [])
            mine.append(ObjectState(**{**facts, "status": Status(facts["status"])}))
        return found

    async def wanted_of(self, skus: Sequence[str]) -> list[tuple[str, str, Wanted]]:
        rows = await self._connection.fetch(SQL["wanted_of"], skus)
        return [(row["sku"], row["catalogue"], row["wanted"]) for row in rows]

    async def skus_to_read_ahead(self, older_than: datetime, limit: int) -> list[str]:
        rows = await self._connection.fetch(SQL["skus_to_read_ahead"], older_than, limit)
        return [row["sku"] for row in rows]

    async def mark_read_ahead(self, sku: str, now: datetime) -> None:
        await self._connection.execute(SQL["mark_read_ahead"], sku, now)

    async def troubled(self) -> list[CatalogueRow]:
        return [object_of(one) for one in await self._connection.fetch(SQL["troubled"])]


def _as_json(found: Found) -> list[Json]:
    """Return what was found as JSON, each remote id once."""
    unique = {
        remote_id: {"remote_id": remote_id, "image": image, "takes_along": along}
        for remote_id, image, along in found
    }
    return list(unique.values())


def waiver_of(one: asyncpg.Record) -> Waiver:
    """Read a waiver from its row."""
    return Waiver(one["catalogue"], one["remote_id"], one["waived_by"], one["until"], one["why"])


def object_of(one: asyncpg.Record) -> CatalogueRow:
    """Read a catalogue object from its row."""
    values: dict[str, Any] = {name: one[name] for name in _PLAIN}
    return CatalogueRow(
        **values,
        status=Status(one["status"]),
        fallbacks=tuple(one["fallbacks"]),
        takes_along=tuple(one["takes_along"]),
    )
