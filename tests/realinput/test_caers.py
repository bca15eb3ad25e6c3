"""31,598 real complaints about 9,372 products, from the FDA, through the command line."""

import asyncio
import csv
import gzip
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.realinput.recount import Complaint, first_crossings, read_caers
from tests.realinput.stage import Figures, Imported, Stage, keys, stage

EVENTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "caers" / "events.csv.gz"
ROWS, SKUS, CROSSED = 31_598, 9_372, 186
SEED = 20_040_101
OPTIONS = (
    "--map", "id=event_id", "--map", "customer=case_id", "--map", "occurred_at=received_at",
    "--map", "observed_at=occurred_at", "--set", "source=caers", "--set", "kind=complaint",
    "--values", "severity:1=minor,2=major,3=critical,4=critical",
)

pytestmark = [
    pytest.mark.skipif(
        not EVENTS.exists(),
        reason="the real complaints are not here: ../shared/data/caers/events.csv.gz beside the "
        "project; the synthetic file of the same size is tested all the same",
    ),
    pytest.mark.timeout(180),
]


@pytest.fixture(scope="module")
def complaints() -> list[Complaint]:
    """Read the complaints by other means than the program's."""
    return read_caers(EVENTS)


@pytest.fixture(scope="module")
def counted(complaints: list[Complaint]) -> dict[str, Complaint]:
    """Return the crossings that the naive count finds."""
    return first_crossings(complaints)


def test_the_recount_finds_what_is_known_of_the_file(
    complaints: list[Complaint], counted: dict[str, Complaint]
) -> None:
    """The file has 31,598 complaints about 9,372 SKUs, and 186 of them cross the rule."""
    assert (ROWS, SKUS) == (len(complaints), len({one.sku for one in complaints}))
    assert CROSSED == len(counted)


async def test_real_complaints_stop_exactly_the_skus_that_cross(
    dsns: OwnerAndRuntimeDsns,
    tmp_path: Path,
    complaints: list[Complaint],
    counted: dict[str, Complaint],
    record_property: Figures,
) -> None:
    """Each SKU that five customers complained of is refused, all others sell; once, and no more."""
    skus = sorted({one.sku for one in complaints})
    async with stage(dsns, tmp_path, skus) as there:
        open_carts = await there.carts(sorted(counted))
        done = await there.import_file(EVENTS, *OPTIONS)
        record_property("figure", done.figure("real complaints, in the order of the file"))
        assert ((ROWS, 0, 0), 0) == (done.counts, done.status)
        await _is_stopped(there, skus, counted)
        assert set() == await there.paid(open_carts)
        assert keys(counted) == await there.recomputed(skus)

        again = await there.import_file(EVENTS, *OPTIONS)
        record_property("figure", again.figure("the same once more"))
        assert ((0, ROWS, 0), 0) == (again.counts, again.status)
        assert {} == again.answer["cases_opened"]
        assert CROSSED == len(await there.cases())


async def test_the_order_of_the_file_does_not_matter(
    dsns: OwnerAndRuntimeDsns,
    tmp_path: Path,
    complaints: list[Complaint],
    counted: dict[str, Complaint],
    record_property: Figures,
) -> None:
    """Shuffled, in two halves that two replicas import at the same time: the same crossings."""
    skus = sorted({one.sku for one in complaints})
    halves = _shuffled_halves(tmp_path)
    async with stage(dsns, tmp_path, skus) as there:
        both = await asyncio.gather(*(there.import_file(half, *OPTIONS) for half in halves))
        for number, one in enumerate(both, start=1):
            record_property("figure", one.figure(f"shuffled, replica {number} of 2 at once"))
        assert ROWS == sum(one.counts[0] for one in both)
        assert [0, 0] == [one.status for one in both]
        await _settled(both)
        await _is_stopped(there, skus, counted)
        assert keys(counted) == await there.recomputed(skus)


async def _settled(imported: Sequence[Imported]) -> None:
    """Each importer waits for what it stored; whoever is last waits for all."""
    for one in imported:
        assert {"evaluations": 0, "freezes": 0} == one.answer["still_waiting"]


async def _is_stopped(there: Stage, skus: Sequence[str], counted: dict[str, Complaint]) -> None:
    cases = await there.cases()
    assert sorted(counted) == sorted(one["scope"]["sku"] for one in cases)
    assert {"frozen"} == {one["state"] for one in cases}
    assert [] == await there.differing(cases)
    assert counted.keys() == await there.held()
    assert set() == await there.bought(sorted(counted))
    others = [sku for sku in skus if sku not in counted]
    assert others == sorted(await there.rig.shop.sellable())
    some = random.Random(SEED).sample(others, 200)
    assert set(some) == await there.bought(some)


def _shuffled_halves(place: Path) -> list[Path]:
    with gzip.open(EVENTS, "rt", encoding="utf-8", newline="") as text:
        header, *rows = csv.reader(text)
    random.Random(SEED).shuffle(rows)
    halves = []
    for number, part in enumerate((rows[::2], rows[1::2])):
        half = place / f"half-{number}.csv"
        with half.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *part])
        halves.append(half)
    return halves
