"""What must survive although the database is away: a file, synced line by line."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Journal(Protocol):
    """Lines that are on disk when `append` returns, until they have been dealt with."""

    async def append(self, line: Mapping[str, Any]) -> None:
        """Write one line and sync it."""
        ...

    async def lines(self) -> list[Mapping[str, Any]]:
        """Return every line that was not dealt with yet; torn lines are left out."""
        ...

    async def drop(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Forget these lines: they have been dealt with."""
        ...
