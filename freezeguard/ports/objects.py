"""What a SKU is in each catalogue, and what is to be so."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from freezeguard.domain.enforcement import ObjectState, Waiver, Wanted
from freezeguard.ports.rows import CatalogueRow, Json

Legacy = Callable[[CatalogueRow, datetime | None, Json | None], Json]
"""Makes what is left of a row, since when its stop may be in force, and what was left before."""


class Objects(Protocol):
    """Catalogue objects. Times of leases and delays are the database's own clock."""

    async def of_sku(self, sku: str, *, lock: bool = False) -> list[CatalogueRow]: ...

    async def want(
        self, sku: str, catalogue: str, remote_id: str, wanted: Wanted, revision: int,
        *, lease: timedelta | None, token: UUID | None,
    ) -> CatalogueRow:
        """Set what is wanted of an object, making its row where there is none.

        With `lease` the caller works on it at once. Where another worker's lease still runs, the
        object is looked at again when that lease has ended.
        """
        ...

    async def order(self, row: CatalogueRow, lease: timedelta) -> None:
        """Set the same for an object on which nobody works, whose row will be the given one."""
        ...

    async def claim_due(
        self, catalogue: str, lease: timedelta, token: UUID, limit: int, *, is_off: bool = False
    ) -> list[CatalogueRow]:
        """Claim objects that are due, and note which of them a worker has left in the middle.

        `is_off`: the catalogue is off for who asks; where it was never on, nothing was sent.
        """
        ...

    async def claim_unseen(
        self, catalogue: str, lease: timedelta, token: UUID, limit: int, now: datetime,
        age: timedelta,
    ) -> list[CatalogueRow]:
        """Claim objects that are confirmed as stopped by a read-back too far from `now`."""
        ...

    async def seconds_until_due(self, catalogue: str) -> float | None: ...

    async def replace_unresolved(
        self, row: CatalogueRow, found: Sequence[tuple[str, Json, tuple[str, ...]]], now: datetime,
        lease: timedelta,
    ) -> list[CatalogueRow]:
        """Replace the row with the empty remote id by one row per object found."""
        ...

    async def save_before_image(self, row: CatalogueRow, image: Json, now: datetime) -> bool:
        """Save the before-image unless one is kept for a stop already; False where it was."""
        ...

    async def keep_earlier_image(self, row: CatalogueRow, image: Json, at: datetime) -> bool:
        """Replace an image of a stopped object by one that was read before its stop."""
        ...

    async def amend_image(self, row: CatalogueRow, fields: Json) -> bool:
        """Replace fields of a before-image that none of our commands has written yet."""
        ...

    async def sold_as_one(
        self, row: CatalogueRow
    ) -> tuple[CatalogueRow | None, list[tuple[CatalogueRow, datetime | None]]]:
        """Return the row as it is now, and those of other SKUs for the same object.

        Of these the ones where a stop is, may be or was in force, each with the earliest moment
        from which it may have been.
        """
        ...

    async def leave_to_heirs(self, row: CatalogueRow, legacy: Legacy) -> list[str]:
        """Leave what a row's stops wrote to other SKUs whose stop of the same object is wanted.

        Return their SKUs; they are due.
        """
        ...

    async def wake_as_one(self, row: CatalogueRow) -> int:
        """Make due what is to be stopped of other SKUs that are sold as the same object."""
        ...

    async def add_found(
        self, row: CatalogueRow, found: Sequence[tuple[str, Json, tuple[str, ...]]], now: datetime
    ) -> int:
        """Add objects of a stopped SKU that were not known, due at once; return how many."""
        ...

    async def renew(
        self, row: CatalogueRow, lease: timedelta, *, newest_only: bool = False
    ) -> bool:
        """Lengthen a lease that is still ours and note `row.fallbacks`; False where it was lost.

        With `newest_only` also False where something newer is wanted than what was claimed.
        """
        ...

    async def overtaken(self, row: CatalogueRow) -> None:
        """Note what may have been written after a lease was lost; the object is looked at."""
        ...

    async def settle(
        self, row: CatalogueRow, *, next_in: float | None, now: datetime
    ) -> bool:
        """Store what a worker did and saw, give back the lease; False where it was lost."""
        ...

    async def see_again(
        self, row: CatalogueRow, settled: Collection[str], *, next_in: float
    ) -> bool:
        """Store that a confirmed object was read back once more, and give back the lease.

        Does nothing and returns False where that is more than a repetition: where more is wanted
        by now, or a case of the SKU is in none of the states `settled`, or on its way.
        """
        ...

    async def wake(self, catalogue: str | None, sku: str | None) -> int:
        """Make objects due at once that wait for a retry or a check."""
        ...

    async def stopped(
        self, catalogue: str, after: tuple[str, str], limit: int
    ) -> list[tuple[str, str]]:
        """Return SKU and remote id of what is confirmed as stopped, in their order."""
        ...

    async def wake_these(self, catalogue: str, keys: Sequence[tuple[str, str]]) -> int:
        """Make these due at once, by SKU and remote id, where they are confirmed as stopped."""
        ...

    async def wake_named(self, catalogue: str, names: Sequence[str]) -> int:
        """Make what is confirmed as stopped due, at most once a second; return how many objects.

        Names are SKUs, remote ids and parts of remote ids. What somebody works on is passed over.
        """
        ...

    async def reserve(
        self, sku: str, catalogue: str, found: Sequence[tuple[str, Json, tuple[str, ...]]],
        now: datetime, *, lease: timedelta, token: UUID, revision: int, unchanged_since: int,
        detail: str,
    ) -> list[CatalogueRow]:
        """Take objects in hand to stop them for a moment and put them back.

        Fewer rows than were found: something wants one stopped, somebody works on one, or one was
        stopped or released since the revision `unchanged_since` of the held set.
        """
        ...

    async def note_written(self, row: CatalogueRow) -> bool:
        """Note `row.written` while the lease is ours; False where it was lost."""
        ...

    async def left_behind(self, catalogue: str) -> list[tuple[str, str, str]]:
        """Return the keys of what may be stopped, though no hold is about it and nobody at it."""
        ...

    async def take_up(
        self, key: tuple[str, str, str], lease: timedelta, token: UUID
    ) -> CatalogueRow | None:
        """Claim one object that is to be released; None where it is not, or somebody is at it."""
        ...

    async def checks(self) -> dict[str, str]:
        """Return which catalogues were proved, with the fingerprint of what was proved."""
        ...

    async def note_check(
        self, catalogue: str, fingerprint: str, sku: str, by: str, now: datetime
    ) -> None: ...

    async def refresh_image(
        self, sku: str, catalogue: str, found: Sequence[tuple[str, Json, tuple[str, ...]]],
        now: datetime, *, revision: int,
    ) -> None:
        """Store images read ahead, only for objects that nothing stops.

        `revision` is that of the held set before they were read: whatever was stopped or released
        since then keeps its image.
        """
        ...

    async def waivers(self, case_id: UUID) -> tuple[Waiver, ...]:
        """Return the waivers of a case whose clocks run."""
        ...

    async def waive(self, case_id: UUID, waiver: Waiver, now: datetime) -> None: ...

    async def unwaive(self, case_id: UUID, catalogue: str, remote_id: str) -> None: ...

    async def move_waivers(self, from_case: UUID, to_case: UUID) -> None:
        """Give the waivers of a case to another one; of two for one object the shorter counts."""
        ...

    async def of_cases(self, case_ids: Sequence[UUID]) -> dict[UUID, list[ObjectState]]:
        """Return the objects of the SKUs of some cases, by case; a case without any has no entry.

        They are what its SKU has, whatever the case's scope. A waiver of a case that is being
        frozen counts although it has ended, and another case's hold wherever it is in force.
        """
        ...

    async def wanted_of(self, skus: Sequence[str]) -> list[tuple[str, str, Wanted]]:
        """Return SKU, catalogue and what is wanted, of every object of some SKUs."""
        ...

    async def skus_to_read_ahead(self, older_than: datetime, limit: int) -> list[str]: ...

    async def mark_read_ahead(self, sku: str, now: datetime) -> None: ...

    async def troubled(self) -> list[CatalogueRow]: ...
