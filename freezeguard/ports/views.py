"""Views of the queue that people named."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from freezeguard.ports.rows import Json


@dataclass(frozen=True, slots=True)
class SavedView:
    """One view of a person: its name, and the filters of the queue."""

    id: UUID
    name: str
    filters: Json
    saved_at: datetime


class Views(Protocol):
    """Views of the queue, each one person's own."""

    async def lock(self, person: str) -> None:
        """Let the same person save views one after another, until this transaction ends."""
        ...

    async def of(self, person: str) -> list[SavedView]:
        """Return the views of a person, the oldest first."""
        ...

    async def add(self, person: str, view: SavedView) -> None: ...

    async def delete(self, person: str, view_id: UUID) -> bool:
        """Delete a view; False where the person has none of this id."""
        ...
