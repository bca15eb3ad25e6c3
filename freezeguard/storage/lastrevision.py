"""The last revision of the held set, on disk: an emergency stop names it, without the database.

A catalogue that refuses older orders has seen no newer one than this, as far as a replica of this
machine has heard.
"""

import asyncio
import contextlib
import os
from pathlib import Path


class FileRevision:
    """One number in one file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._noted = -1

    async def note(self, revision: int) -> None:
        """Write the revision down where it is a newer one; several replicas may share the file."""
        if revision <= self._noted:
            return
        await asyncio.to_thread(self._write, revision)
        self._noted = revision

    def _write(self, revision: int) -> None:
        if self.known() >= revision:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        draft.write_text(f"{revision}\n", "ascii")
        draft.replace(self._path)

    def known(self) -> int:
        """Return the revision that was noted last, 0 where there is none."""
        with contextlib.suppress(OSError, ValueError):
            return int(self._path.read_text("ascii"))
        return 0
