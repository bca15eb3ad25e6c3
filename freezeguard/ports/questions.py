"""What the services ask of the questions on cases."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from freezeguard.domain.questions import Question


class Questions(Protocol):
    """Questions in the database, inside a transaction."""

    async def add(self, question: Question) -> None: ...

    async def close(self, question: Question) -> None:
        """Store how a question ended; the caller holds the lock of its case."""
        ...

    async def of_case(self, case_id: UUID) -> list[Question]:
        """Return the questions of a case: open ones first, by when they are due."""
        ...

    async def end_with_case(self, case_id: UUID, now: datetime) -> None:
        """End what is open: nobody waits for an answer any more."""
        ...

    async def move(self, from_case: UUID, to_case: UUID) -> None:
        """Give the questions of a case that is merged to the one that survives."""
        ...
