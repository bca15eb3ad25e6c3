"""Clocks and sweeps: on the database's time, and no item holds up its neighbours.

The replica of this module never looks at its clocks by itself; tests have it, or others, do so.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.service import Service
from freezeguard.domain.errors import GuardFailed, IllegalTransition
from freezeguard.services.cases import timers
from tests.acceptance.steps import (
    cannot_be_bought,
    pull,
    reaches,
    ring,
    sql,
    to_probation,
)
from tests.faults.observing import seen, statuses, told
from tests.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {
    "workers": {"timers": 3600, "sweep": 600},
    "policy": {
        "probation_time": "1h", "probation_check": "1h", "accept_within": "1h",
        "confirm_within": "1h", "release_within": "1h",
    },
}
TakeSku = Callable[[], str]


@asynccontextmanager
async def replica_off_by(rig: Rig, off: timedelta) -> AsyncIterator[Service]:
    """Open one more replica, whose services go by a wrong clock."""
    assert rig.service is not None
    right = rig.service.now
    async with open_service(rig.service.settings, now=lambda: right() + off) as other:
        yield other


async def clock_of(rig: Rig, case: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return a clock of a case as it stands in the table."""
    query = "SELECT *, due_at > now() AS runs FROM clocks WHERE case_id = $1 AND kind = $2"
    (found,) = await sql(rig, query, case["id"], kind)
    return found


@contextmanager
def failing(owner: Any, method: str, error: Exception, when: Callable[..., bool]) -> Iterator[None]:
    """Have calls of a method fail where `when` says so of their arguments."""
    original = getattr(owner, method)

    async def call(*arguments: Any, **named: Any) -> Any:
        if when(*arguments, **named):
            raise error
        return await original(*arguments, **named)

    setattr(owner, method, call)
    try:
        yield
    finally:
        delattr(owner, method)


# ------------------------------------------------------------------------------- whose clock


async def test_a_replica_that_is_ahead_lets_no_pull_lapse(rig: Rig, sku: str):
    """Its own clock says that the 15 minutes are over; the database's does not: still paused."""
    case = await pull(rig, "alba", sku)
    async with replica_off_by(rig, timedelta(hours=1)) as ahead:
        assert 0 == await ahead.timers.fire_due()
        clock = await clock_of(rig, case, "second_opinion")
        assert (True, None) == (clock["runs"], clock["breached_at"])
        assert "suspected" == (await rig.case(case["id"]))["state"]

        await ring(rig, case, "second_opinion")
        assert 1 == await ahead.timers.fire_due()
    await reaches(rig, case, "expired")


async def test_a_replica_that_is_behind_fires_what_is_due(rig: Rig, sku: str):
    """Its own clock says that there is time left; the pull lapses when the database says so."""
    case = await pull(rig, "alba", sku)
    await ring(rig, case, "second_opinion")
    async with replica_off_by(rig, timedelta(hours=-1)) as behind:
        assert 1 == await behind.timers.fire_due()
    await reaches(rig, case, "expired")


async def test_a_replica_that_is_behind_does_not_ask_for_ever(rig: Rig, sku: str):
    """A probation whose end its own clock has not reached is looked at again later, not at once."""
    case = await to_probation(rig, sku)
    await ring(rig, case, "probation")
    async with replica_off_by(rig, timedelta(hours=-1)) as behind:
        assert 1 == await behind.timers.fire_due()
        assert 0 == await behind.timers.fire_due()
    clock = await clock_of(rig, case, "probation")
    assert (True, None) == (clock["runs"], clock["breached_at"])


# ------------------------------------------------------------------------------------ poison


async def test_a_clock_that_always_fails_holds_up_no_other(rig: Rig, take_sku: TakeSku):
    """One pull can't be ended for a defect of ours: the pulls after it lapse in the same round."""
    assert rig.service is not None
    cases = [await pull(rig, "alba", take_sku()) for _ in range(3)]
    for case in cases:
        await ring(rig, case, "second_opinion")
    poisoned = lambda _, case, *__, **___: str(case.id) == cases[0]["id"]  # noqa: E731
    with failing(rig.service.casework, "execute", RuntimeError("a defect"), poisoned):
        assert 3 == await rig.service.timers.fire_due()

    states = [(await rig.case(case["id"]))["state"] for case in cases]
    assert ["suspected", "expired", "expired"] == states
    await sql(rig, "UPDATE clocks SET lease_until = now() WHERE lease_until IS NOT NULL")
    assert 1 == await rig.service.timers.fire_due()
    await reaches(rig, cases[0], "expired")


async def test_a_case_that_nobody_lists_goes_on_calling_its_owner(rig: Rig):
    """Taken over or not: where no catalogue lists the SKU nobody has seen that its sale stopped."""
    sku = "NOBODY-LISTS-IT"
    await rig.complain(sku)
    case = await seen(rig, sku, "not listed", lambda one: statuses(one) == ["not_listed"])
    await rig.done(case, "accept_ownership", "owen")
    await ring(rig, case, "confirm")
    assert rig.service is not None
    await rig.service.timers.fire_due()

    clock = await clock_of(rig, case, "confirm")
    assert (None, True) == (clock["stopped_at"], clock["breached_at"] is not None)
    case = await rig.case(case["id"])
    assert ("diagnosing", True) == (case["state"], case["degraded"])
    assert 0 == told(case, "frozen_confirmed")


async def test_a_clock_that_was_tried_comes_after_those_that_were_not(rig: Rig, take_sku: TakeSku):
    """One that uses up its lease each time is not first in line again for being the oldest."""
    assert rig.service is not None
    older, newer = [await pull(rig, "alba", take_sku()) for _ in range(2)]
    await ring(rig, older, "second_opinion")
    await ring(rig, newer, "second_opinion")
    await sql(rig, "UPDATE clocks SET lease_until = now() WHERE case_id = $1", older["id"])
    fired = []
    for _ in range(2):
        await rig.service.timers.fire_due(limit=1)
        fired.append([(await rig.case(one["id"]))["state"] for one in (older, newer)])
    assert [["suspected", "expired"], ["expired", "expired"]] == fired


async def test_a_clock_of_another_state_fires_once(rig: Rig, sku: str):
    """A probation's clock on a case that is frozen does nothing, and is not asked again."""
    assert rig.service is not None
    case = await reaches(rig, await pull(rig, "mara", sku), "frozen")
    await sql(
        rig,
        "INSERT INTO clocks (id, case_id, sku, kind, started_at, due_at)"
        " VALUES ($1, $2, $3, 'probation', now(), now())",
        uuid4(), case["id"], sku,
    )  # fmt: skip
    assert 1 == await rig.service.timers.fire_due()
    assert (await clock_of(rig, case, "probation"))["stopped_at"] is not None
    assert "frozen" == (await rig.case(case["id"]))["state"]


async def test_a_clock_whose_command_is_illegal_fires_once(rig: Rig, sku: str):
    """The case does not know what the clock asks for: that is noted, and not asked again."""
    assert rig.service is not None
    case = await pull(rig, "alba", sku)
    await ring(rig, case, "second_opinion")
    illegal = IllegalTransition("no such command here")
    with failing(rig.service.casework, "execute", illegal, lambda *_, **__: True):
        assert 1 == await rig.service.timers.fire_due()
    assert (await clock_of(rig, case, "second_opinion"))["stopped_at"] is not None
    assert "suspected" == (await rig.case(case["id"]))["state"]


async def test_a_clock_that_is_refused_backs_off_and_is_warned_of_once(
    rig: Rig, sku: str, monkeypatch: pytest.MonkeyPatch
):
    """While a guard stands against it a clock is tried less and less often, and the owner hears.

    For a minute it is tried with every lease, for news that may be under way; then it pauses for as
    long as it has been due, at most an hour. Once nothing stands against it, it does its work.
    """
    assert rig.service is not None
    case = await pull(rig, "alba", sku)
    await ring(rig, case, "second_opinion")
    refused = GuardFailed(("something else comes first",))
    tried = "SELECT next_at - now() AS pause, breached_at FROM clocks WHERE case_id = $1"
    warnings: list[str] = []
    monkeypatch.setattr(timers.log, "warning", lambda event, **_: warnings.append(event))

    async def fire(late: str) -> dict[str, Any]:
        await sql(
            rig, "UPDATE clocks SET lease_until = NULL, next_at = now(),"
            " due_at = now() - $2::interval WHERE case_id = $1",
            case["id"], timedelta(minutes=float(late)),
        )
        with failing(rig.service.casework, "execute", refused, lambda *_, **__: True):
            assert 1 == await rig.service.timers.fire_due()
        (row,) = await sql(rig, tried, case["id"])
        return row

    soon, later, much_later = [await fire(late) for late in ("0", "10", "600")]
    assert soon["pause"] < timedelta(seconds=1)
    assert soon["breached_at"] is None
    assert timedelta(minutes=9) < later["pause"] < timedelta(minutes=11)
    assert timedelta(minutes=59) < much_later["pause"] <= timedelta(hours=1)
    assert later["breached_at"] == much_later["breached_at"]
    assert 0 == await rig.service.timers.fire_due()
    assert ["clock_failed"] == warnings
    notices = (await rig.case(case["id"]))["notices"]
    assert 1 == sum(one["kind"] == "clock_breached" for one in notices)

    await ring(rig, case, "second_opinion")
    await rig.service.timers.fire_due()
    await reaches(rig, case, "expired")


async def test_a_sku_that_always_fails_holds_up_no_other_sweep(rig: Rig, take_sku: TakeSku):
    """What holds want differs for three SKUs, and one can't be asked for: the others are."""
    assert rig.service is not None
    skus = [take_sku() for _ in range(3)]
    for sku in skus:
        await reaches(rig, await pull(rig, "mara", sku), "frozen")
    await sql(rig, "UPDATE catalogue_objects SET wanted = 'hide' WHERE sku = ANY ($1)", skus)
    holding, poisoned = rig.service.casework.holding, lambda _, sku: sku == skus[0]
    with failing(holding, "want_again", RuntimeError("a defect"), poisoned):
        assert 2 == await rig.service.wanted_sweep.run_once()

    rows = await sql(
        rig, "SELECT wanted FROM catalogue_objects WHERE sku = ANY ($1) ORDER BY sku", skus
    )
    assert ["hide", "hard", "hard"] == [row["wanted"] for row in rows]
    assert 1 == await rig.service.wanted_sweep.run_once()
    await cannot_be_bought(rig, skus[0])
