"""What learning the usual rates asks of the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from freezeguard.detection.daybook import Prior
from freezeguard.detection.exposure import Unit
from freezeguard.detection.learning import Group, Heard


@dataclass(frozen=True, slots=True)
class LearnedPrior:
    """What was learned of a group from so many items; no prior where they were too few."""

    group: Group
    prior: Prior | None
    items: int


class Learning(Protocol):
    """The past of all items, the priors that it makes, and who is at learning them."""

    async def claim(
        self, holder: UUID, now: datetime, since: datetime | None, lease: timedelta
    ) -> bool:
        """Begin to learn, as somebody with a lease; say whether that may be.

        It may not while somebody else is at it, nor where a run has begun since a moment.
        """
        ...

    async def renew(self, holder: UUID, lease: timedelta) -> bool:
        """Hold on to the lease, until this transaction ends at least; say whether it is held."""
        ...

    async def finish(self, holder: UUID, now: datetime) -> None: ...

    async def finished_at(self) -> datetime | None:
        """Return when all of the past was last learned from."""
        ...

    async def heard(
        self, after: str, since: datetime, until: datetime, limit: int
    ) -> list[Heard]:
        """Return the past in [since, until) of the next SKUs in order: all that are known of."""
        ...

    async def priors(self) -> list[LearnedPrior]:
        """Return what was learned last of each group."""
        ...

    async def put_priors(self, learned: Sequence[LearnedPrior], now: datetime) -> int:
        """Store what has changed, as a change of the rules; return its revision."""
        ...

    async def was_learned(self, unit: Unit, prior: Prior, by: datetime) -> bool:
        """Say whether a prior was learned with the revision that it names, by a moment."""
        ...
