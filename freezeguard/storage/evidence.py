"""Evidence files: what is known of them, and their bytes in parts."""

from collections.abc import Iterable
from uuid import UUID

from freezeguard.ports.evidence import EvidenceFile
from freezeguard.storage.connection import Statements
from freezeguard.storage.queries import queries

SQL = queries("evidence")
PART = 256 * 1024


class PostgresEvidence:
    """Implements `freezeguard.ports.evidence.StoredEvidence`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def add(self, file: EvidenceFile) -> None:
        await self._connection.execute(
            SQL["add_file"], file.id, file.case_id, file.sku, file.name, file.media_type,
            file.size, file.sha256, file.note, file.uploaded_by, file.uploaded_at,
            file.visible_to_vendor, file.stored_in,
        )  # fmt: skip

    async def of_case(self, case_id: UUID) -> list[EvidenceFile]:
        rows = await self._connection.fetch(SQL["files_of_case"], case_id)
        return [EvidenceFile(**dict(row)) for row in rows]

    async def get(self, file_id: UUID) -> EvidenceFile | None:
        row = await self._connection.fetchrow(SQL["file"], file_id)
        return None if row is None else EvidenceFile(**dict(row))

    async def put_content(self, file_id: UUID, content: bytes) -> None:
        for n, start in enumerate(range(0, len(content), PART)):
            part = content[start : start + PART]
            await self._connection.execute(SQL["add_part"], file_id, n, part)

    async def drop_content(self, file_id: UUID) -> None:
        await self._connection.execute(SQL["drop_parts"], file_id)

    async def part(self, file_id: UUID, n: int) -> bytes | None:
        found: bytes | None = await self._connection.fetchval(SQL["part"], file_id, n)
        return found

    async def in_directory(self, file_ids: Iterable[UUID]) -> set[UUID]:
        rows = await self._connection.fetch(SQL["in_directory"], list(file_ids))
        return {row["id"] for row in rows}
