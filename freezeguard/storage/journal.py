"""The journal: a file of JSON lines, each on disk before the next step is taken."""

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

LOCK_SECONDS, LOCK_PAUSE = 1.0, 0.005


class FileJournal:
    """Appends lines to one file and syncs each; the processes of a machine share it by a lock.

    Raises OSError where a line is not on disk: no room, or no lock within a second.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def append(self, line: Mapping[str, Any]) -> None:
        await asyncio.to_thread(self._append, json.dumps(line) + "\n")

    def _append(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                torn = _ends_torn(handle)
                self._write(handle, ("\n" + text if torn else text).encode())
                os.fsync(handle)
            finally:
                os.close(handle)

    def _write(self, handle: int, line: bytes) -> None:
        if os.write(handle, line) < len(line):  # as on a disk that is full
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))

    async def lines(self) -> list[Mapping[str, Any]]:
        return await asyncio.to_thread(self._read)

    def _read(self) -> list[Mapping[str, Any]]:
        """Read without the lock: lines are appended whole, and the file is replaced as a whole."""
        try:
            return _whole_lines(self._path.read_text("utf-8", "replace"))
        except FileNotFoundError:
            return []

    async def drop(self, lines: Sequence[Mapping[str, Any]]) -> None:
        await asyncio.to_thread(self._drop, lines)

    def _drop(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Write what is left beside the file, sync it, and put it in the file's place."""
        with self._locked():
            left = _whole_lines(self._path.read_text("utf-8", "replace"))
            for line in lines:
                if line in left:  # another replica may have dealt with it too
                    left.remove(line)
            draft = self._path.with_suffix(".draft")
            with draft.open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in left)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from the file; the kernel lets go when we are killed.

        Raises TimeoutError where one keeps it, as a process does that was stopped in the middle.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        handle = os.open(self._path.with_suffix(".lock"), flags, 0o600)
        try:
            _lock(handle)
            yield
        finally:
            os.close(handle)


def _lock(handle: int) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError("another process keeps the lock of the journal") from None
            time.sleep(LOCK_PAUSE)
        else:
            return


def _ends_torn(handle: int) -> bool:
    """Say whether the last line was cut off by a crash while it was being written."""
    size = os.fstat(handle).st_size
    return size > 0 and os.pread(handle, 1, size - 1) != b"\n"


def _whole_lines(text: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError):  # a torn one: its writer never heard that it is safe
            found.append(json.loads(line))
    return found
