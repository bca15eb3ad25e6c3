"""A directory of evidence files: each lies under its id, whole or not at all."""

import asyncio
import os
from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

PART = 256 * 1024
_HALF = ".part"


class DirectoryVault:
    """Implements `freezeguard.ports.evidence.Vault`. Replicas share one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def keep(self, file_id: UUID, content: bytes) -> None:
        await asyncio.to_thread(self._keep, file_id, content)

    def _keep(self, file_id: UUID, content: bytes) -> None:
        """Write beside the place, sync, put in place, sync the directory's own entry."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        half = self._directory / f"{uuid4()}{_HALF}"
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            half.rename(self._directory / str(file_id))
        except BaseException:
            half.unlink(missing_ok=True)
            raise
        _sync_directory(self._directory)

    async def read(self, file_id: UUID) -> AsyncGenerator[bytes, None]:
        file = await asyncio.to_thread((self._directory / str(file_id)).open, "rb")
        try:
            while part := await asyncio.to_thread(file.read, PART):
                yield part
        finally:
            file.close()

    async def drop(self, file_id: UUID) -> None:
        await asyncio.to_thread((self._directory / str(file_id)).unlink, missing_ok=True)

    async def older_than(self, moment: datetime) -> list[UUID]:
        return await asyncio.to_thread(self._older_than, moment.timestamp())

    def _older_than(self, moment: float) -> list[UUID]:
        found: list[UUID] = []
        if not self._directory.is_dir():
            return found
        for path in self._directory.iterdir():
            if path.stat().st_mtime >= moment:
                continue
            if path.suffix == _HALF:
                path.unlink(missing_ok=True)
            elif (file_id := _id_of(path.name)) is not None:
                found.append(file_id)
        return found


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _id_of(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
