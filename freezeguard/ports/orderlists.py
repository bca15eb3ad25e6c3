"""Cases whose orders under way are announced by themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class WantedList:
    """A case whose orders are to be announced; None of `catalogues` means all of them."""

    case_id: UUID
    wanted_at: datetime
    catalogues: Sequence[str] | None
    attempts: int


class OrderLists(Protocol):
    """What is still to be announced. Leases and delays are on the database's own clock."""

    async def want(self, case_id: UUID, now: datetime) -> None:
        """Have the orders of a case announced, also where that was done for an earlier freeze."""
        ...

    async def claim(self, lease: timedelta) -> WantedList | None:
        """Take on the case that is due first; None where none is."""
        ...

    async def settle(
        self, claimed: WantedList, left: Sequence[str], again_in: timedelta | None
    ) -> bool:
        """Note which catalogues are left, and when to ask them; None: never.

        False where somebody else took it on meanwhile, or it is wanted anew.
        """
        ...
