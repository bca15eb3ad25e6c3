"""A made-up file of the size of the real one: every oddity that a feed can have, at once."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.realinput import synthetic
from tests.realinput.recount import (
    WINDOW,
    Complaint,
    Sorted,
    first_crossings,
    read_plain,
    told_apart,
)
from tests.realinput.stage import Figures, keys, stage

SEED = 7
TICK = timedelta(microseconds=1)

Rows = Sequence[Complaint]
Count = Callable[[Rows], dict[str, Complaint]]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the file once."""
    path = tmp_path_factory.mktemp("synthetic") / "complaints.csv"
    synthetic.write(path, SEED)
    return path


@pytest.fixture(scope="module")
def rows(file: Path) -> list[Complaint]:
    """Read the file by other means than the program's."""
    return read_plain(file)


@pytest.fixture(scope="module")
def told(rows: list[Complaint]) -> Sorted:
    """Tell accepted rows from repeated and contradicting ones."""
    return told_apart(rows)


def test_the_file_has_every_oddity(rows: list[Complaint], told: Sorted) -> None:
    """As many rows as the real file; late ones, ties, repeats, contradictions, awkward SKUs."""
    assert synthetic.ROWS == len(rows)
    assert 1_000 < len(told.duplicates)
    assert 1_000 < len(told.conflicts)
    moments = [(one.sku, one.occurred_at) for one in told.accepted]
    assert 100 < len(moments) - len(set(moments)), "complaints of a SKU that share a moment"
    assert 1_000 < sum(earlier.occurred_at > later.occurred_at for earlier, later in pairwise(rows))
    skus = {one.sku for one in rows}
    assert len(skus) > len({unicodedata.normalize("NFC", sku).casefold().strip() for sku in skus})
    assert any("/" in sku for sku in skus)
    assert any("🍳" in sku for sku in skus)


def _last_body_counts(rows: Rows) -> dict[str, Complaint]:
    return first_crossings({(one.source, one.id): one for one in rows}.values())


def _ids_alone(rows: Rows) -> dict[str, Complaint]:
    return first_crossings({one.id: one for one in reversed(rows)}.values())


def _ids_as_numbers(rows: Rows) -> dict[str, Complaint]:
    padded = [replace(one, id=one.id.zfill(9)) for one in told_apart(rows).accepted]
    return {
        sku: replace(one, id=one.id.lstrip("0")) for sku, one in first_crossings(padded).items()
    }


def _closed_window(rows: Rows) -> dict[str, Complaint]:
    return first_crossings(told_apart(rows).accepted, window=WINDOW + TICK)


def _skus_tidied(rows: Rows) -> dict[str, Complaint]:
    accepted = told_apart(rows).accepted
    return first_crossings(replace(one, sku=one.sku.strip().casefold()) for one in accepted)


def _everybody_another_customer(rows: Rows) -> dict[str, Complaint]:
    accepted = told_apart(rows).accepted
    return first_crossings(replace(one, customer=f"{one.source} {one.id}") for one in accepted)


WRONG: dict[str, Count] = {
    "contradictions counted": first_crossings,
    "the last body of an id counted": _last_body_counts,
    "identity without its source": _ids_alone,
    "ids in the order of numbers": _ids_as_numbers,
    "the window's open end closed": _closed_window,
    "SKUs tidied up": _skus_tidied,
    "customers not told apart": _everybody_another_customer,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_the_file_tells_a_wrong_count_from_the_right_one(
    wrong: Count, rows: list[Complaint], told: Sorted
) -> None:
    """Each way to count wrongly gives other crossings, so the test of the import can fail."""
    assert wrong(rows) != first_crossings(told.accepted)


@pytest.mark.timeout(180)
async def test_synthetic_complaints_agree_with_their_recount(
    dsns: OwnerAndRuntimeDsns,
    tmp_path: Path,
    file: Path,
    told: Sorted,
    record_property: Figures,
) -> None:
    """Of each id the first body counts, once; contradictions are reported, kept, not counted."""
    counted = first_crossings(told.accepted)
    skus = synthetic.names()
    expected = len(told.accepted), len(told.duplicates), len(told.conflicts)
    async with stage(dsns, tmp_path, skus) as there:
        done = await there.import_file(file)
        record_property("figure", done.figure("synthetic complaints"))
        assert (expected, 1) == (done.counts, done.status)
        kept = await there.rejected()
        assert [("id_conflict", len(told.conflicts))] == [
            (code, len(kept)) for code in {one["code"] for one in kept}
        ]

        cases = await there.cases()
        assert sorted(counted) == sorted(one["scope"]["sku"] for one in cases)
        assert {"frozen"} == {one["state"] for one in cases}
        assert [] == await there.differing(cases)
        assert set() == await there.bought(sorted(counted))
        assert sorted(set(skus) - counted.keys()) == sorted(await there.rig.shop.sellable())
        assert keys(counted) == await there.recomputed(skus)

        again = await there.import_file(file)
        record_property("figure", again.figure("the same once more"))
        repeated = len(told.accepted) + len(told.duplicates)
        assert (0, repeated, len(told.conflicts)) == again.counts
        assert {} == again.answer["cases_opened"]
        assert len(counted) == len(await there.cases())
