"""What the services ask of the places where evidence files are kept."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

Place = Literal["database", "directory"]


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """What is known of a file on a case. `size` is in bytes; `sha256` in hex, of what is kept."""

    id: UUID
    case_id: UUID
    sku: str
    name: str
    media_type: str
    size: int
    sha256: str
    note: str
    uploaded_by: str
    uploaded_at: datetime
    visible_to_vendor: bool
    stored_in: Place
    erased_at: datetime | None = None
    erased_why: str | None = None


class StoredEvidence(Protocol):
    """Evidence files in the database, inside a transaction."""

    async def add(self, file: EvidenceFile) -> None: ...

    async def of_case(self, case_id: UUID) -> list[EvidenceFile]:
        """Return the files of a case, the oldest first, erased ones included."""
        ...

    async def get(self, file_id: UUID) -> EvidenceFile | None: ...

    async def put_content(self, file_id: UUID, content: bytes) -> None:
        """Store a file's bytes; its row follows in the same transaction."""
        ...

    async def drop_content(self, file_id: UUID) -> None: ...

    async def part(self, file_id: UUID, n: int) -> bytes | None:
        """Return part `n` of a file's bytes, from 0; None behind the last one."""
        ...

    async def in_directory(self, file_ids: Iterable[UUID]) -> set[UUID]:
        """Return which of these files must lie in the directory."""
        ...


class Vault(Protocol):
    """A place outside the database where bytes of files lie, by the id of the file.

    Raises OSError where the place is away or full.
    """

    async def keep(self, file_id: UUID, content: bytes) -> None:
        """Have the bytes on disk, whole, when this returns; before that nobody can read them."""
        ...

    def read(self, file_id: UUID) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a file, part by part."""
        ...

    async def drop(self, file_id: UUID) -> None:
        """Remove a file; one that is not there is no error."""
        ...

    async def older_than(self, moment: datetime) -> list[UUID]:
        """Return the files that were last written before a moment, and remove half-written ones."""
        ...
