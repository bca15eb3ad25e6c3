"""The audit record."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from freezeguard.domain.people import Actor
from freezeguard.ports.rows import CaseChange, Json


class Record(Protocol):
    """The audit record."""

    async def write(
        self, at: datetime, actor: Actor | str, action: str, subject: str, *, why: str = "",
        details: Json | None = None,
    ) -> None: ...

    async def entries(
        self, subject: str | None, before: int | None, limit: int
    ) -> list[Json]: ...

    async def highest(self) -> int:
        """Return the highest number that is committed; lower ones may still be missing."""
        ...

    async def changes_of_cases(
        self, after: int, missing: Sequence[int], limit: int
    ) -> list[CaseChange]:
        """Return rows behind a number, and those of the missing ones that are there by now."""
        ...
