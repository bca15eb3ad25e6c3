"""Canaries: synthetic SKUs that are stopped and released all the time, to see that it works."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

Result = Literal["well", "late", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class CanaryTerms:
    """Which SKU is the canary of which catalogue, how often it flies, and when it is late."""

    skus: Mapping[str, str]
    every: timedelta
    late_after: timedelta


@dataclass(frozen=True, slots=True)
class Canary:
    """The canary of a catalogue with how its last rounds went.

    `images` are the objects that it has stopped, as they were before, each with `remote_id`,
    `fields` and `at`; None where nothing of it is stopped. The seconds are those that
    were seen last. `alarmed_at` is since when people know that it is not well.
    """

    catalogue: str
    sku: str
    begun_at: datetime
    finished_at: datetime | None
    succeeded_at: datetime | None
    result: Result | None
    detail: str
    stop_seconds: float | None
    release_seconds: float | None
    images: Sequence[Mapping[str, Any]] | None
    alarmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Flown:
    """How a round went; seconds of what was seen in time, None of what was not."""

    result: Result
    detail: str = ""
    stop_seconds: float | None = None
    release_seconds: float | None = None


class Canaries(Protocol):
    """Canaries. Leases are on the database's own clock."""

    async def claim(
        self, catalogue: str, sku: str, now: datetime, holder: UUID, *, every: timedelta,
        again: timedelta, lease: timedelta,
    ) -> Canary | None:
        """Begin a round as somebody with a lease; None where none is due or another is at it.

        One that has left something stopped is due `again` sooner, and at once where it was killed.
        """
        ...

    async def renew(self, catalogue: str, holder: UUID, lease: timedelta) -> bool:
        """Hold on to the lease; False where it was lost."""
        ...

    async def keep_images(
        self, catalogue: str, holder: UUID, images: Sequence[Mapping[str, Any]] | None
    ) -> bool:
        """Note what is about to be stopped, or that nothing is; False where the lease was lost."""
        ...

    async def finish(
        self, catalogue: str, holder: UUID, flown: Flown, now: datetime,
        alarmed_at: datetime | None,
    ) -> bool:
        """Note how a round went and let go; False where the lease was lost."""
        ...

    async def listed(self) -> list[Canary]: ...
