"""Fifty at once: killed between an act and its record, and woken with an old order in its hands."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.steps import cannot_be_bought, pull, reaches
from tests.faults.observing import seen, statuses
from tests.faults.stage import a_stage, said_by
from tests.faults.test_exact_kills import CALM, wake_the_dead

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

NUMBER = 50
PACE = {**CALM, "parallel_calls": 3 * NUMBER}
SECONDS = 10.0
"""Until each of them is frozen again, counted from the start of the next replica."""

Record = Callable[[str, object], None]


async def test_a_zombie_with_fifty_restores(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, record_property: Record
) -> None:
    """Each old restore lands after a newer freeze; each SKU ends frozen, its gap on the case."""
    gaps = await wake_the_dead(dsns, tmp_path, fences=False, number=NUMBER)

    seconds = [float(found[1]) for one in gaps if (found := re.search(r"for ([\d.]+) s", one))]
    assert NUMBER == len(seconds)
    record_property("figure", f"zombie: {NUMBER} of {NUMBER} frozen, gap at most {max(seconds)} s")
    assert max(seconds) < SECONDS


@pytest.mark.parametrize("point", ["stop applied", "restore applied"])
async def test_fifty_that_were_under_way_in_a_replica_that_is_killed(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, point: str, record_property: Record
) -> None:
    """What the shop had done already and nobody had on record ends frozen in the next replica.

    A restore that went through is overtaken by a newer pull: the hold wins.
    """
    skus = tuple(f"FIFTY-{n}" for n in range(NUMBER))
    async with a_stage(dsns, tmp_path, skus=skus, pace=PACE) as stage:
        rig = stage.rig
        doomed = await stage.halting("doomed", point)
        cases = {sku: await pull(rig, "owen", sku) for sku in skus}
        if point == "restore applied":
            for sku in skus:
                case = await reaches(rig, cases[sku], "frozen")
                await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item")
        for _ in skus:
            assert "halted" == await said_by(doomed)
        if point == "restore applied":
            for sku in skus:
                body = {"scope": {"sku": sku}, "reason_code": "defective", "comment": "Again."}
                answer = await rig.call("POST", "/v1/freezes", "mara", json=body)
                assert answer.status in {200, 201}, answer.body
        await doomed.kill()

        begun = time.monotonic()
        await stage.replica("heir")
        for sku in skus:
            await seen(rig, sku, "frozen", lambda one: statuses(one) == ["confirmed"],
                       seconds=3 * SECONDS)
        after = time.monotonic() - begun
        record_property("figure", f"{point}: {NUMBER} of {NUMBER} frozen after {after:.1f} s")
        for sku in skus:
            await cannot_be_bought(rig, sku)
        assert after < 3 * SECONDS
