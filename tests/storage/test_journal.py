"""The journal survives crashes and is shared by the processes of a machine."""

import asyncio
import errno
import fcntl
import os
from pathlib import Path

import pytest

from freezeguard.storage import journal as journals
from freezeguard.storage.journal import FileJournal


async def test_a_torn_line_does_not_take_the_next_one_along(tmp_path: Path) -> None:
    """A crash in the middle of a line loses that line only, never one that is appended later."""
    journal = FileJournal(tmp_path / "journal.ndjson")
    await journal.append({"n": 1})
    with (tmp_path / "journal.ndjson").open("a") as file:
        file.write('{"n": 2, "what"')
    await journal.append({"n": 3})

    assert [{"n": 1}, {"n": 3}] == await journal.lines()


async def test_dropping_forgets_exactly_what_was_dealt_with(tmp_path: Path) -> None:
    """Two replicas that deal with the same lines forget no line that neither has seen."""
    one, other = FileJournal(tmp_path / "j.ndjson"), FileJournal(tmp_path / "j.ndjson")
    await one.append({"n": 1})
    seen_by_one, seen_by_other = await one.lines(), await other.lines()
    await other.append({"n": 2})
    await one.drop(seen_by_one)
    await other.drop(seen_by_other)

    assert [{"n": 2}] == await one.lines()


async def test_nothing_is_lost_when_several_append_and_drop_at_once(tmp_path: Path) -> None:
    """Lines appended while others are being dropped are all there in the end."""
    journals = [FileJournal(tmp_path / "j.ndjson") for _ in range(4)]
    await journals[0].append({"old": True})
    old = await journals[0].lines()
    appends = [journals[n % 4].append({"n": n}) for n in range(40)]
    await asyncio.gather(*appends, *(one.drop(old) for one in journals))

    assert set(range(40)) == {line["n"] for line in await journals[0].lines()}


async def test_a_line_that_is_cut_off_is_not_said_to_be_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes half a line is full: the writer hears it, and later lines are whole."""
    journal, write = FileJournal(tmp_path / "j.ndjson"), os.write
    await journal.append({"n": 1})
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda handle, line: write(handle, line[: len(line) // 2]))
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as caught:
            await journal.append({"n": 2})
    await journal.append({"n": 3})

    assert errno.ENOSPC == caught.value.errno
    assert [{"n": 1}, {"n": 3}] == await journal.lines()


async def test_a_process_that_keeps_the_lock_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was stopped in the middle: others read, hear soon that they can't write, go on."""
    monkeypatch.setattr(journals, "LOCK_SECONDS", 0.05)
    journal = FileJournal(tmp_path / "j.ndjson")
    await journal.append({"n": 1})
    with (tmp_path / "j.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        async with asyncio.timeout(5):
            seen = await journal.lines()
            with pytest.raises(TimeoutError, match="another process"):
                await journal.append({"n": 2})
            with pytest.raises(TimeoutError, match="another process"):
                await journal.drop(seen)
    await journal.drop(seen)

    assert ([{"n": 1}], []) == (seen, await journal.lines())
