"""Files are taken in batch by batch, in their order, and nobody is kept waiting meanwhile."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from freezeguard.api.batches import Parsed
from freezeguard.bootstrap.imports.files import Entry, open_file
from freezeguard.bootstrap.imports.mapping import ColumnMapping
from freezeguard.bootstrap.imports.runs import SLICE, Outcome, Tally, _in_batches, _parsed
from freezeguard.services.detecting.ingestion import Receipt

NUMBER = 10 * SLICE + 3


def numbered() -> Iterator[Entry]:
    """Yield entries that say which they are."""
    return (Entry(str(n).encode()) for n in range(NUMBER))


def read(body: bytes) -> Parsed[int]:
    """Read entries as numbers."""
    return Parsed(list(enumerate(int(line) for line in body.split())))


def forget(_: Tally) -> None:
    """Report to nobody."""


async def test_batches_begin_in_the_order_of_the_file() -> None:
    """The first entry of an id is stored first, however many batches are under way."""
    begun: list[int] = []

    async def store(parsed: Parsed[int]) -> Outcome:
        begun.extend(item for _, item in parsed.items)
        # the first ones take longest
        for _ in range(NUMBER - parsed.items[0][0]):
            await asyncio.sleep(0)
        return Receipt(tuple(range(len(parsed.items))), (), ()), []

    tally = await _in_batches(numbered(), 2 * SLICE + 1, read, store, forget)

    assert list(range(NUMBER)) == begun
    assert (NUMBER, NUMBER) == (tally.entries, tally.accepted)


async def test_others_have_their_turn_while_a_batch_is_read() -> None:
    """Between two of anybody's turns no more than a slice is read, so that locks are short."""
    seen, most, latest = 0, 0, 0

    def counting(body: bytes) -> Parsed[int]:
        nonlocal seen
        parsed = read(body)
        seen += len(parsed.items)
        return parsed

    async def store(parsed: Parsed[int]) -> Outcome:
        return Receipt(tuple(range(len(parsed.items))), (), ()), []

    async def somebody() -> None:
        nonlocal most, latest
        while True:
            most, latest = max(most, seen - latest), seen
            await asyncio.sleep(0)

    other = asyncio.create_task(somebody())
    await _in_batches(numbered(), NUMBER, counting, store, forget)
    other.cancel()

    assert SLICE == most


def test_entries_that_are_flawed_without_exception_are_reported() -> None:
    """Where no entry of a batch is sound, each is refused by its number in the file."""
    flawed = [Entry(b"?", ("invalid_utf8", "not UTF-8"))] * 3

    parsed = _parsed(7, flawed, read)

    assert [] == parsed.items
    assert [7, 8, 9] == [one.index for one in parsed.rejected]


def test_a_file_says_how_far_it_was_read_after_its_end(tmp_path: Path) -> None:
    """Batches are still being stored when the last entry was read; progress goes on."""
    path = tmp_path / "signals.csv"
    path.write_text("id,sku\n1,kettle\n")
    with open_file(path, None, ",") as file:
        assert [Entry(b'{"id": "1", "sku": "kettle"}')] == list(file.entries(ColumnMapping()))
        assert path.stat().st_size == file.done == file.size
