"""Feeds: when they speak, and how far they are trusted."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from freezeguard.domain.trust import Verdict
from freezeguard.ports.rows import Feed, HeardHour


class Sources(Protocol):
    """Feeds: when they speak, whether they fell silent, and what became of their cases."""

    async def note_heard(self, heard: Sequence[HeardHour], keep: timedelta) -> None:
        """Add to what was heard; hours that lie further back than `keep` are forgotten."""
        ...

    async def listen(
        self, now: datetime, longest_gap: timedelta, every: timedelta
    ) -> datetime | None:
        """Note that a replica is there to hear; return since when one is, without a longer gap.

        None where another one has looked a shorter time ago than `every`.
        """
        ...

    async def quiet(
        self, since: datetime, now: datetime, learned: timedelta
    ) -> list[tuple[Feed, Sequence[datetime]]]:
        """Return sources not heard since a moment, or for longer than they may be silent.

        Each with the hours in which it spoke, so far back from when it was last heard.
        """
        ...

    async def mark_silent(self, source: str, last_heard_at: datetime) -> bool:
        """Note that a source is silent; False where it was heard, or noted, meanwhile."""
        ...

    async def speaking_again(self) -> list[Feed]:
        """Note of the silent sources that were heard since that they speak; return them."""
        ...

    async def silent(self) -> int:
        """Return how many sources are silent."""
        ...

    async def listed(self, source: str | None = None) -> list[Feed]:
        """Return every source that is registered or was heard, or the one that is named."""
        ...

    async def silent_of_case(self, case_id: UUID) -> dict[str, datetime]:
        """Return the sources of a case's complaints, where all of them are silent, since when."""
        ...

    async def judge(self, case_id: UUID, now: datetime, *, were_right: bool) -> None:
        """Note for the sources of what counted for a case whether they were right."""
        ...

    async def verdicts(
        self, since: datetime
    ) -> Mapping[str, tuple[float, Sequence[Verdict]]]:
        """Return each source's given trust, and what became of its cases since a moment."""
        ...
