"""Two complaints that complete a threshold together, one to each of two replicas."""

import pytest

from tests.races.trials import (
    TRIALS,
    at_first_asking,
    new_skus,
    owner_connection,
    race,
    signals,
    tell,
    timed,
    until_all,
)
from tests.rig import Rig, register_skus

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]

COUNTED = """
SELECT count(*) AS cases, (SELECT count(*) FROM holds WHERE sku = $1) AS holds,
       (SELECT count(*) FROM crossings WHERE sku = $1 AND outcome = 'freeze') AS crossings,
       min((reason ->> 'observed')::float) AS observed
  FROM cases WHERE sku = $1
"""


async def test_no_threshold_is_missed_and_none_counts_twice(replicas: Rig):
    """Of 300 pairs, each makes exactly one crossing, one case and one hold, and stops its sale."""
    rig = replicas
    skus = await new_skus(rig, TRIALS)
    await register_skus(rig, tuple(skus))
    early = [rig.complaint(sku, f"early-{n}") for sku in skus for n in range(3)]
    answer = await rig.call("POST", "/v1/signals", "source", json=early)
    assert (202, 3 * TRIALS) == (answer.status, answer.body["accepted"])
    one, other = rig.urls

    async with timed(f"{TRIALS} thresholds"):
        answers = await race([
            (
                signals(rig, rig.complaint(sku, "late-1"), one),
                signals(rig, rig.complaint(sku, "late-2"), other),
            )
            for sku in skus
        ])
        await until_all(rig, skus, ["frozen"])

    assert {(202, 1)} == {
        (one.status, one.body["accepted"]) for pair in at_first_asking(answers) for one in pair
    }
    async with owner_connection(rig) as connection:
        rows = [await connection.fetchrow(COUNTED, sku) for sku in skus]
    missed = sum(row["crossings"] == 0 for row in rows)
    doubled = sum(max(row["cases"], row["holds"], row["crossings"]) > 1 for row in rows)
    tell(f"{len(rows)} thresholds: {missed} missed, {doubled} doubled")
    assert (0, 0) == (missed, doubled)
    assert [(1, 1, 1, 5.0)] * TRIALS == [tuple(row) for row in rows]
    assert not set(skus) & set(await rig.shop.sellable())
    assert not any([(await rig.shop.buy(sku)).ok for sku in skus[::10]])
