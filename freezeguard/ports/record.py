"""The audit record."""

from datetime import datetime
from typing import Protocol

from freezeguard.domain.people import Actor
from freezeguard.ports.rows import Json


class Record(Protocol):
    """The audit record."""

    async def write(
        self, at: datetime, actor: Actor | str, action: str, subject: str, *, why: str = "",
        details: Json | None = None,
    ) -> None: ...

    async def entries(
        self, subject: str | None, before: int | None, limit: int
    ) -> list[Json]: ...
