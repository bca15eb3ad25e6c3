"""Replicas that sweep and start together: nobody waits for what somebody else does already."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from freezeguard.ports.rows import Pending
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from tests.storage.makers import NOW, signal, store

SKU = "kettle"


async def mark(database: PostgresDatabase) -> None:
    """Store two signals of the SKU and ask for its evaluation."""
    await store(database, signal(SKU), signal(SKU))
    await database.run(lambda tx: tx.signals.mark_pending([Pending(SKU, 1, NOW)], NOW))


async def locked(database: PostgresDatabase, *, wait: bool) -> int | None:
    """Take the lock of the SKU for an evaluation, and give it back."""
    return await database.run(lambda tx: tx.signals.lock_pending(SKU, wait=wait))


@asynccontextmanager
async def somebody_evaluates(database: PostgresDatabase) -> AsyncIterator[None]:
    """Hold the lock of the SKU in another transaction, which takes the request at its end."""
    held, go_on = asyncio.Event(), asyncio.Event()

    async def evaluate(tx: Transaction) -> None:
        await tx.signals.lock_pending(SKU, wait=True)
        held.set()
        await go_on.wait()
        await tx.signals.take_pending(SKU)

    task = asyncio.create_task(database.run(evaluate))
    await held.wait()
    try:
        yield
    finally:
        go_on.set()
        await task


async def test_only_a_sku_that_waits_is_locked(database: PostgresDatabase) -> None:
    """Where a SKU waits for its evaluation its lock is taken; where it does not, nothing is."""
    await store(database, signal(SKU))
    before = await locked(database, wait=True), await locked(database, wait=False)
    await mark(database)

    assert (None, None) == before
    assert (3, 3) == (await locked(database, wait=True), await locked(database, wait=False))


async def test_who_sweeps_passes_over_what_somebody_evaluates(database: PostgresDatabase) -> None:
    """A held lock is left alone at once without waiting; with waiting it is had in the end."""
    await mark(database)
    async with somebody_evaluates(database):
        async with asyncio.timeout(1):
            passed_over = await locked(database, wait=False)
        patient = asyncio.create_task(locked(database, wait=True))
        await asyncio.wait([patient], timeout=0.1)
        waited = not patient.done()

    assert (None, True) == (passed_over, waited)
    assert 2 == await patient
    assert await locked(database, wait=True) is None


async def test_replicas_that_start_together_make_the_months_once(
    database: PostgresDatabase,
) -> None:
    """Two replicas may plan the same months at the same time: neither fails, each month is once."""
    held, go_on = asyncio.Event(), asyncio.Event()

    async def first(tx: Transaction) -> int:
        made = await tx.signals.ensure_partitions(NOW)
        held.set()
        await go_on.wait()
        return made

    one = asyncio.create_task(database.run(first))
    await held.wait()
    other = asyncio.create_task(database.run(lambda tx: tx.signals.ensure_partitions(NOW)))
    await asyncio.wait([other], timeout=0.1)
    go_on.set()
    await asyncio.gather(one, other)
    months = await database.run(lambda tx: tx.connection.fetchval(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'signals'::regclass"))

    assert 4 == await one
    assert 4 + len(("signals_history", "signals_unplanned")) == months
