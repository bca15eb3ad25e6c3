"""Holds, and the ledger of the held set."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from freezeguard.detection.governor import Charge
from freezeguard.detection.windows import Observed
from freezeguard.ports.rows import Hold, HoldChange, Sku, Slot


class Holds(Protocol):
    """Holds, and the ledger of the held set."""

    async def take_slot(
        self, of: Sku, charge: Charge, since: datetime, wave_since: datetime | None,
        signals: Sequence[Observed] | None, excerpts: int,
    ) -> Slot:
        """Reserve a revision, and count what was spent before: in this order, in one round trip.

        Budgets count from `since` on, other items of the vendor from `wave_since` on, if at all.
        With signals, an empty sequence included, a case to be opened on them is announced too.
        """
        ...

    async def reserve_revision(self) -> None:
        """Take the lock already now; `next_revision` then returns what was reserved."""
        ...

    async def next_revision(self) -> int:
        """Take the lock that orders every change of the held set; return the next revision."""
        ...

    async def current_revision(self) -> int: ...

    async def insert(self, hold: Hold) -> None: ...

    async def update(self, hold: Hold, *, ended_at: datetime | None) -> None: ...

    async def of_case(self, case_id: UUID) -> list[Hold]:
        """Return the holds of a case that are active or releasing, oldest first."""
        ...

    async def was_held(self, case_id: UUID) -> bool:
        """Say whether a case ever had a hold, if only the soft one of a suspicion."""
        ...

    async def in_force(self, sku: str) -> list[Hold]:
        """Return the holds of a SKU that are active or releasing."""
        ...

    async def all_in_force(self) -> tuple[int, list[Hold]]:
        """Return the whole held set with its revision, both from one snapshot."""
        ...

    async def releasing_cases(self, after: int, limit: int) -> list[tuple[UUID, int]]:
        """Return the cases whose holds are being released, each with the revision of that.

        Only those of later revisions than `after`, the longest waiting first.
        """
        ...

    async def log_change(self, change: HoldChange) -> None: ...

    async def changes_after(self, revision: int, limit: int) -> list[HoldChange]: ...

    async def changes_until(self, at: datetime) -> list[HoldChange]:
        """Return, for each hold known at a moment, its last change until then."""
        ...
