"""Every automatic freeze can be recomputed, and the answer is the same (promise 9)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from freezeguard.services.detecting.recomputing import Recomputation, recompute
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.rig import FIVE_CUSTOMERS, Rig, shop_with_service

RATE = {"id": "rate", "family": "rate", "window": "90d", "bound": 0.05, "min_units": 50,
        "min_customers": 2, "mode": "armed"}
SKU, LATE, BROKEN = "SKU-000001", "SKU-000002", "SKU-000003"


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with one replica, whose probations last."""
    policy = {"probation_time": "1d", "probation_units": 200}
    async with shop_with_service(
        dsns, tmp_path, seed=4, rules=(FIVE_CUSTOMERS, RATE), policy=policy
    ) as running:
        yield running


async def recomputed(rig: Rig, case: dict[str, Any]) -> Recomputation:
    """Recompute a case."""
    assert rig.service is not None
    return await recompute(rig.service.database, UUID(case["id"]), datetime.now(UTC))


async def ship(rig: Rig, shipment: str, sku: str, units: int) -> None:
    """Report units that were shipped yesterday."""
    moment = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    body = {"id": shipment, "source": "helpdesk", "sku": sku, "units": units,
            "shipped_at": moment}
    answer = await rig.call("POST", "/v1/units", "source", json=body)
    assert answer.status == 202, answer.body


async def test_late_complaints_change_what_all_say_and_not_what_was_known(rig: Rig) -> None:
    """Complaints that arrive later with earlier dates leave the stored reason as it was.

    What the rule says to all that is known names the earlier crossing.
    """
    await rig.complain(LATE)
    case = await rig.in_state(LATE, "frozen")
    before = await recomputed(rig, case)
    earlier = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    await rig.complain(LATE, 5, occurred_at=earlier)
    after = await recomputed(rig, case)

    assert before.from_all is not None
    assert after.from_all is not None
    assert (True, True) == (before.is_same, after.is_same)
    assert before.freezes[0].recomputed == after.freezes[0].recomputed
    assert before.from_all.crossed_at > after.from_all.crossed_at


async def test_a_rate_is_recomputed_with_the_units_known_then(rig: Rig) -> None:
    """Units reported after the freeze don't change why it froze; nor does a new rule version."""
    await ship(rig, "u-1", SKU, 60)
    await rig.complain(SKU, 3)
    case = await rig.in_state(SKU, "frozen")
    await ship(rig, "u-2", SKU, 10_000)
    body = {name: value for name, value in RATE.items() if name != "id"} | {"bound": 0.5}
    proposed = await rig.call("PUT", "/v1/rules/rate", "quin", json=body)
    agreed = f"/v1/rules/proposals/{proposed.body['id']}/approve"
    assert 200 == (await rig.call("POST", agreed, "mara")).status
    found = await recomputed(rig, case)

    assert [("rate", 1, True)] == [
        (one.rule_id, one.rule_version, one.is_same) for one in found.freezes
    ]
    assert 60 == (found.freezes[0].recomputed or {})["exposure"]


async def test_a_second_freeze_on_probation_is_recomputed_with_its_tighter_bound(
    rig: Rig,
) -> None:
    """Both freezes of one case come out again, the second with half the bound."""
    case = await rig.to_awaiting_approval(SKU)
    await rig.done(case, "approve", "mara", evidence_revision=case["evidence_revision"])
    await rig.in_state(SKU, "probation")
    await rig.complain(SKU, 3)
    case = await rig.in_state(SKU, "frozen")
    found = await recomputed(rig, case)

    assert [(5, False, True), (3, True, True)] == [
        (one.stored["bound"], one.stored["tightened"], one.is_same) for one in found.freezes
    ]


async def test_evidence_that_is_gone_is_noticed(rig: Rig, dsns: OwnerAndRuntimeDsns) -> None:
    """Where a counted signal was tampered with, the answer differs and says in what."""
    await rig.complain(BROKEN)
    case = await rig.in_state(BROKEN, "frozen")
    connection = await asyncpg.connect(dsns.owner)
    await connection.execute(
        "DELETE FROM signals WHERE sku = $1 AND id = (SELECT min(id) FROM signals WHERE sku = $1)",
        BROKEN,
    )
    await connection.close()
    found = await recomputed(rig, case)

    assert not found.is_same
    assert ("the complaint that crossed the bound does not cross it now",) == (
        found.freezes[0].differences
    )


async def test_what_a_person_froze_has_nothing_to_recompute(rig: Rig) -> None:
    """A pull has no rule: there is nothing to recompute, and nothing differs."""
    sku = "SKU-000004"
    pull = {"scope": {"sku": sku}, "reason_code": "safety_hazard"}
    await rig.call("POST", "/v1/freezes", "alba", json=pull)
    found = await recomputed(rig, await rig.in_state(sku, "frozen"))

    assert (True, ()) == (found.is_same, found.freezes)
