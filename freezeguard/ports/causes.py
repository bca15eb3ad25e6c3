"""What the services ask of suggested causes, and of what is like or beside a case."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from freezeguard.domain.causes import Cause
from freezeguard.domain.record import Case


@dataclass(frozen=True, slots=True)
class Alike:
    """A case like another one, and why it is taken to be: the more of these, the likelier.

    `cause` is the cause that was confirmed in it, as a remedy has it; None where none was.
    """

    case: Case
    same_sku: bool
    same_vendor: bool
    same_category: bool
    intents: Sequence[str]
    lots: Sequence[str]
    cause: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Beside:
    """A related SKU: `case` is its open case; `complaints` those of the last days that count."""

    sku: str
    title: str | None
    owner: str | None
    complaints: int
    customers: int
    lots: Sequence[str]
    case: UUID | None
    state: str | None


class Causes(Protocol):
    """Suggested causes in the database, inside a transaction."""

    async def put(self, cause: Cause) -> None:
        """Store a cause as it is now; the caller holds the lock of its case."""
        ...

    async def of_case(self, case_id: UUID) -> list[Cause]:
        """Return the causes of a case: confirmed, supported, open, ruled out; the oldest first."""
        ...

    async def move(self, from_case: UUID, to_case: UUID) -> None:
        """Give the causes of a case that is merged to the one that survives.

        Where that one has a confirmed cause, another one is supported from then on.
        """
        ...

    async def alike(self, case: Case, vendor: str | None, limit: int) -> list[Alike]:
        """Return the cases most like a case, the likest first; those of one vendor where named."""
        ...

    async def beside(
        self, case: Case, lots: list[str], since: datetime, limit: int
    ) -> list[Beside]:
        """Return related SKUs with their complaints since a moment, the most first.

        Related are those of the case's vendor that are of its category, or complained of with one
        of some lots.
        """
        ...
