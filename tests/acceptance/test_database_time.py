"""Replicas whose own clocks are hours off: the database's clock counts, for all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

import freezeguard.bootstrap.building as composition
from freezeguard.bootstrap.building import open_service
from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database
from tests.acceptance.steps import cannot_be_bought, pull, reaches, ring, sql
from tests.rig import Rig, ServiceProcess, fast_settings, shop_with_service

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"workers": {"timers": 3600, "sweep": 600}}
TWO_HOURS = timedelta(hours=2)
FRESH_IDS = count(1_000, 1_000)
# Distributions put it into different places.
LIBFAKETIME = next(Path("/usr").glob("lib*/**/faketime/libfaketimeMT.so.1"), None)


async def stamps(rig: Rig, sku: str) -> dict[str, Any]:
    """Return the times that the database holds of a SKU's case, with its own time."""
    (row,) = await sql(
        rig,
        "SELECT clock_timestamp() AS now, c.opened_at, k.started_at, k.due_at, k.breached_at,"
        "       k.kind, h.since, (SELECT max(at) FROM audit) AS audited,"
        "       (SELECT max(at) FROM case_events WHERE case_id = c.id) AS event"
        "  FROM cases AS c JOIN clocks AS k ON k.case_id = c.id JOIN holds AS h ON h.case_id = c.id"
        " WHERE c.sku = $1 ORDER BY k.started_at LIMIT 1",
        sku,
    )
    return row


def are_of_now(row: dict[str, Any], *names: str) -> bool:
    """Say whether these times lie within the last minute by the database's clock."""
    ages = [(row["now"] - row[name]).total_seconds() for name in names]
    return all(-0.1 < age < 60 for age in ages)


def runs_for_a_quarter_of_an_hour(row: dict[str, Any]) -> bool:
    """Say whether the clock of a pull is due when it should be."""
    return abs(row["due_at"] - row["started_at"] - timedelta(minutes=15)) < timedelta(seconds=1)


async def skew_of(rig: Rig, url: str) -> tuple[int, dict[str, Any], float]:
    """Return what readiness and the metrics page say of a replica's clock."""
    ready = await rig.call("GET", "/readyz", url=url)
    page = await rig.call("GET", "/metrics", url=url)
    (skew,) = (
        one.value
        for family in text_string_to_metric_families(page.body.decode())
        for one in family.samples
        if one.name == "freezeguard_clock_skew_seconds"
    )
    return ready.status, ready.body["checks"]["clock"], skew


@asynccontextmanager
async def replica_off_by(rig: Rig, off: timedelta) -> AsyncIterator[Rig]:
    """Serve from one more replica, on a machine whose clock is wrong; speak to that one."""
    assert rig.service is not None
    right = composition.utc_now
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composition, "utc_now", lambda: right() + off)
        async with AsyncExitStack() as stack:
            other = await stack.enter_async_context(open_service(rig.service.settings))
            await stack.enter_async_context(other.serving())
            yield replace(rig, url=other.url, service=other, counter=next(FRESH_IDS))


# --------------------------------------------------------- a wrong clock in this process


@pytest.mark.parametrize("off", [TWO_HOURS, -TWO_HOURS])
async def test_rows_are_stamped_with_the_databases_time(rig: Rig, sku: str, off: timedelta):
    """A pull at a replica two hours off: its 15 minutes are 15 minutes from now."""
    async with replica_off_by(rig, off) as there:
        await pull(there, "alba", sku)
        row = await stamps(rig, sku)

    assert are_of_now(row, "opened_at", "started_at", "since", "audited", "event")
    assert runs_for_a_quarter_of_an_hour(row)


@pytest.mark.parametrize("off", [TWO_HOURS, -TWO_HOURS])
async def test_complaints_of_this_moment_freeze(rig: Rig, sku: str, off: timedelta):
    """They are neither of the future nor of the past for a replica whose clock is wrong."""
    async with replica_off_by(rig, off) as there:
        await there.complain(sku)
        await there.in_state(sku, "frozen")
    await cannot_be_bought(rig, sku)
    (row,) = await sql(
        rig,
        "SELECT clock_timestamp() AS now, max(received_at) AS last, min(received_at) AS first"
        "  FROM signals WHERE sku = $1", sku,
    )  # fmt: skip
    assert are_of_now(row, "first", "last")


@pytest.mark.parametrize("off", [TWO_HOURS, -TWO_HOURS])
async def test_no_clock_fires_early_or_late(rig: Rig, sku: str, off: timedelta):
    """The pull lapses when the database says so, and not before."""
    case = await pull(rig, "alba", sku)
    async with replica_off_by(rig, off) as there:
        assert there.service is not None
        await there.service.timers.fire_due()
        assert "suspected" == (await rig.case(case["id"]))["state"]
        await ring(rig, case, "second_opinion")
        assert 1 == await there.service.timers.fire_due()
    await reaches(rig, case, "expired")


@pytest.mark.parametrize("off", [TWO_HOURS, -TWO_HOURS])
async def test_no_lease_is_stolen(rig: Rig, sku: str, off: timedelta):
    """An object that another replica works on for a minute is left to it, whatever the clock."""
    await leased(rig, sku)
    async with replica_off_by(rig, off) as there:
        assert there.service is not None
        await there.service.enforcement.work_due("shop")
        assert await is_still_leased(rig, sku)


@pytest.mark.parametrize("off", [TWO_HOURS, -TWO_HOURS, timedelta(seconds=1)])
async def test_a_wrong_clock_is_shown_and_keeps_nobody_away(rig: Rig, off: timedelta):
    """Readiness says by how much it is off and what helps, and lets traffic come.

    For that clock counts for nothing. The metric says the same.
    """
    async with replica_off_by(rig, off) as there:
        status, check, skew = await skew_of(rig, there.url)

    assert (200, True) == (status, check["ok"])
    assert abs(skew - off.total_seconds()) < 1
    assert ("NTP" in check["detail"]) == (abs(off) > timedelta(seconds=2))
    assert check["age_seconds"] < 60


# ------------------------------------------------------------------- two wrong machines


async def leased(rig: Rig, sku: str) -> None:
    """Freeze a SKU and take a lease of its object, as a replica that was just killed had."""
    await reaches(rig, await pull(rig, "mara", sku), "frozen")
    await sql(
        rig,
        "UPDATE catalogue_objects SET next_at = now() - interval '1 hour', lease_token = $2,"
        "       lease_until = now() + interval '1 minute' WHERE sku = $1",
        sku, uuid4(),
    )  # fmt: skip


async def is_still_leased(rig: Rig, sku: str) -> bool:
    """Say whether the lease is as it was: nobody took it, nobody worked on it."""
    (row,) = await sql(
        rig,
        "SELECT lease_until > now() + interval '10 seconds' AS held, next_at < now() AS due"
        "  FROM catalogue_objects WHERE sku = $1", sku,
    )  # fmt: skip
    return bool(row["held"] and row["due"])


@pytest.mark.skipif(LIBFAKETIME is None, reason="libfaketime is not installed (package faketime)")
async def test_two_replicas_four_hours_apart_agree(postgres: EmbeddedServer, tmp_path: Path):
    """One process two hours ahead and one two hours behind, over one database.

    Pulls run for their 15 minutes, complaints freeze at either, no clock fires early and no lease
    is stolen.
    """
    async with AsyncExitStack() as stack:
        dsns = await stack.enter_async_context(fresh_database(postgres))
        rig = await stack.enter_async_context(shop_with_service(dsns, tmp_path, **SHOP))
        settings = fast_settings(dsns, tmp_path, rig.shop, 1)
        await leased(rig, "SKU-000009")
        offs = {"ahead": TWO_HOURS, "behind": -TWO_HOURS}
        processes = await asyncio.gather(*(
            _process_off_by(settings, tmp_path, name, off) for name, off in offs.items()
        ))
        for one in processes:
            stack.push_async_callback(one.stop)
        for number, (one, off) in enumerate(zip(processes, offs.values(), strict=True), 1):
            status, check, skew = await skew_of(rig, one.url)
            assert (200, True) == (status, check["ok"])
            assert abs(skew - off.total_seconds()) < 2
            there = replace(rig, url=one.url, counter=next(FRESH_IDS))
            await _pulls_and_freezes(there, number)
        await _fires_only_what_is_due(rig)
        assert await is_still_leased(rig, "SKU-000009")


async def _process_off_by(
    settings: dict[str, Any], place: Path, name: str, off: timedelta
) -> ServiceProcess:
    """Start a replica whose system tells it a wrong time; its monotonic clock is left alone."""
    return await ServiceProcess.start(
        {**settings, "data_dir": place / name}, place, name,
        LD_PRELOAD=str(LIBFAKETIME), FAKETIME=f"{off.total_seconds():+.0f}s",
        DONT_FAKE_MONOTONIC="1", FAKETIME_DONT_FAKE_MONOTONIC="1",
    )  # fmt: skip


async def _pulls_and_freezes(there: Rig, number: int) -> None:
    """Pull one SKU and have customers complain about another, at a replica with a wrong clock."""
    pulled, broken = f"SKU-{number:06d}", f"SKU-{number + 10:06d}"
    await pull(there, "alba", pulled)
    row = await stamps(there, pulled)
    assert are_of_now(row, "opened_at", "started_at", "since", "audited", "event")
    assert runs_for_a_quarter_of_an_hour(row)
    await there.complain(broken)
    await there.in_state(broken, "frozen")
    assert are_of_now(await stamps(there, broken), "opened_at", "since", "event")


async def _fires_only_what_is_due(rig: Rig) -> None:
    """Make one clock due: once somebody has fired it, all have looked, and left the others."""
    case = await pull(rig, "alba", "SKU-000003")
    await ring(rig, case, "second_opinion")
    await reaches(rig, case, "expired")
    rows = [await stamps(rig, f"SKU-{number:06d}") for number in (1, 2)]
    assert [None, None] == [row["breached_at"] for row in rows]
