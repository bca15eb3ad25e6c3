"""A sweep looks at all cases that wait for a catalogue, and locks those only that can go on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import product
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

from freezeguard.domain.enforcement import Status
from freezeguard.domain.transitions import FINAL
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from freezeguard.storage.transaction import PostgresTransaction
from tests.rig import Rig, shop_with_service, until

SKU = "KETTLE-1"
STATES = {
    "freezing": "active", "reinstating": "releasing", "closed_false_alarm": "releasing",
    "appealed": "releasing", "frozen": "releasing", "delisted": "releasing",
}
"""States of a case that a sweep comes by, and what has become of its hold meanwhile."""
NARROWED = {"frozen", "delisted"}
"""States in which the hold that is released has been replaced by a narrower one."""
PUT_OBJECT = """
UPDATE catalogue_objects SET wanted = $2, status = $3, seen_sellable = $4, next_at = NULL,
       lease_until = NULL WHERE sku = $1"""
PUT_CASE = "UPDATE cases SET state = $2, closed_at = CASE WHEN $3 THEN now() END WHERE id = $1"
PUT_HOLD = "UPDATE holds SET state = $2 WHERE case_id = $1 AND state IN ('active', 'releasing')"
WAIVE = """
INSERT INTO waivers (case_id, sku, catalogue, remote_id, waived_by, waived_at, until, why)
SELECT $1, sku, catalogue, remote_id, 'owen', now(), now() + $2, 'cleared by hand'
  FROM catalogue_objects WHERE sku = $3"""
RUN_WAIVER = """
INSERT INTO clocks (id, case_id, sku, kind, started_at, due_at)
SELECT gen_random_uuid(), case_id, sku, 'waiver:' || catalogue || '/' || remote_id, waived_at, until
  FROM waivers WHERE case_id = $1"""
COPY_CASE = """
INSERT INTO cases OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(c, jsonb_build_object(
            'id', $2::uuid, 'number', 900000, 'state', 'frozen', 'lot', 'L-1'))).*
  FROM cases AS c WHERE id = $1"""
COPY_HOLD = """
INSERT INTO holds
SELECT (jsonb_populate_record(h, jsonb_build_object(
            'id', gen_random_uuid(), 'case_id', $2::uuid, 'lot', 'L-1', 'state', 'active'))).*
  FROM holds AS h WHERE case_id = $1"""


class RolledBack(Exception):
    """Ends a transaction that only tried something."""


class Plight(NamedTuple):
    """How a case and the object of its SKU stand."""

    state: str
    wanted: str
    status: Status
    seen_sellable: bool | None
    waiver: timedelta | None
    is_held_by_other: bool


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Any) -> AsyncIterator[Rig]:
    """A shop with one SKU, which the tests bring into every plight."""
    async with shop_with_service(dsns, tmp_path, skus=(SKU,), seed=0) as running:
        yield running


def plights() -> list[Plight]:
    """Return every plight that a case may be in, but for what no read-back ever says."""
    return [
        Plight(*one) for one in product(
            STATES, ("sellable", "hard"), Status, (False, True, None),
            (None, timedelta(hours=1), timedelta(hours=-1)), (False, True),
        )
        if one[3] is None or one[2] is Status.CONFIRMED
    ]


async def test_no_case_is_passed_over_that_could_go_on(rig: Rig) -> None:
    """In every plight: where a sweep leaves a case alone, advancing it would do nothing."""
    await rig.complain(SKU)
    case_id = UUID((await rig.in_state(SKU, "frozen"))["id"])

    passed_over = set[Plight]()
    for plight in plights():
        swept, advances = await _tried(rig, case_id, plight)
        assert swept or not advances, plight
        if not swept:
            passed_over.add(plight)

    stuck = {
        one for one in plights()
        if one.state in {"freezing", "reinstating", "closed_false_alarm"} and one.waiver is None
        and one.status in {Status.PENDING, Status.UNREACHABLE, Status.REFUSED}
        and not one.is_held_by_other
    }
    assert stuck <= passed_over


async def _tried(rig: Rig, case_id: UUID, plight: Plight) -> tuple[bool, bool]:
    """Bring a case into a plight; say whether a sweep would take it, and advancing change it."""
    service, tried = rig.service, list[tuple[bool, bool]]()
    assert service is not None

    async def work(tx: Any) -> None:
        await _bring_about(tx, case_id, plight)
        swept = case_id in await service.sweeper._may_go_on(tx)
        before = await tx.holds.in_force(SKU)
        case = await tx.cases.get(case_id, lock=True)
        advanced = await service.reconciliation.advance(tx, case)
        tried.append((swept, advanced or before != await tx.holds.in_force(SKU)))
        raise RolledBack

    with pytest.raises(RolledBack):
        await service.database.run(work)
    [answer] = tried
    return answer


async def _bring_about(tx: PostgresTransaction, case_id: UUID, plight: Plight) -> None:
    await tx.signals.lock_sku(SKU)
    run = tx.connection.execute
    if plight.is_held_by_other:
        other = uuid4()
        await run(COPY_CASE, case_id, other)
        await run(COPY_HOLD, case_id, other)
    await run(PUT_CASE, case_id, plight.state, plight.state in FINAL)
    await run(PUT_HOLD, case_id, STATES[plight.state])
    if plight.state in NARROWED:
        await run(COPY_HOLD, case_id, case_id)
    await run(PUT_OBJECT, SKU, plight.wanted, plight.status, plight.seen_sellable)
    if plight.waiver is not None:
        await run(WAIVE, case_id, plight.waiver, SKU)
    if plight.waiver is not None and plight.waiver > timedelta(0):
        await run(RUN_WAIVER, case_id)


@pytest.mark.parametrize("ends_as", ["frozen", "closed_false_alarm"])
async def test_a_case_that_waits_for_a_catalogue_is_not_locked(rig: Rig, ends_as: str) -> None:
    """While the shop is down a sweep is done at once, whoever works on the case; later it ends."""
    assert rig.service is not None
    if ends_as == "closed_false_alarm":
        await rig.complain(SKU)
        case = await rig.in_state(SKU, "frozen")
    await rig.shop.faults(error={"status": 503})
    if ends_as == "frozen":
        await rig.complain(SKU)
        case = await rig.in_state(SKU, "freezing")
    else:
        case = await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")

    async def swept_beside(tx: Any) -> int:
        assert await tx.cases.get(UUID(case["id"]), lock=True) is not None
        async with asyncio.timeout(5):
            return await rig.service.sweeper.sweep_cases()

    assert await rig.service.database.run(swept_beside) == 0

    await rig.shop.no_faults()
    await rig.in_state(SKU, ends_as, seconds=20)
    wanted = {"frozen": "frozen", "closed_false_alarm": "sellable"}[ends_as]

    async def is_told() -> bool:
        return await rig.status(SKU) == wanted

    await until(is_told, f"{SKU} is {wanted}", seconds=20)


async def test_a_round_of_releases_goes_on_where_the_last_one_ended(rig: Rig) -> None:
    """What waits for a dead catalogue the longest does not keep the others from their turn."""
    assert rig.service is not None
    await rig.complain(SKU)
    case_id = UUID((await rig.in_state(SKU, "frozen"))["id"])

    async def work(tx: Any) -> None:
        await tx.connection.execute(PUT_HOLD, case_id, "releasing")
        [(found, revision)] = await tx.holds.releasing_cases(0, 200)
        assert (case_id, []) == (found, await tx.holds.releasing_cases(revision, 200))
        raise RolledBack

    with pytest.raises(RolledBack):
        await rig.service.database.run(work)
