"""What the chain of the audit record asks of the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from freezeguard.domain.auditchain import AuditRow, Link


class AuditChain(Protocol):
    """The audit record as a hash chain."""

    async def instance(self) -> UUID:
        """Return which chain this is."""
        ...

    async def take_turn(self) -> datetime | None:
        """Return the database's moment; None where another one chains now.

        Until the end of the transaction nobody else gets a turn.
        """
        ...

    async def head(self) -> Link | None:
        """Return the last link."""
        ...

    async def highest_seq(self) -> int:
        """Return the highest audit row that is chained; lower ones may still be missing."""
        ...

    async def frontier(self) -> int:
        """Return about which row the chain is at now; single ones far off do not count."""
        ...

    async def end_of_next(self, after: int, limit: int) -> int | None:
        """Return the number of the last one of the next audit rows; None where there are none."""
        ...

    async def unchained(self, after: int, until: int, limit: int) -> list[AuditRow]:
        """Return audit rows with a number in (after, until] that are not chained, in order."""
        ...

    async def append(self, links: Sequence[Link]) -> None: ...

    async def backlog(self) -> tuple[int, datetime | None]:
        """Count what waits to be chained, up to 10,000 of the newest rows; and since when."""
        ...

    async def links(self, after: int, limit: int) -> list[tuple[Link, AuditRow | None]]:
        """Return the links behind a position with their rows; None for a row that is gone."""
        ...

    async def stretch(self, first: int, last: int) -> list[Link]:
        """Return the links from one position to another."""
        ...

    async def of_subject(self, subject: str) -> list[tuple[AuditRow, Link | None]]:
        """Return the rows of a subject, oldest first; None where one is not chained yet."""
        ...
