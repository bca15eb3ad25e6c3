"""What a disk must do before a stop goes out: counted, since a fast disk would hide it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from freezeguard.storage.transaction import PostgresTransaction
from tests.rig import Rig, shop_with_service, until

Work = Callable[[PostgresTransaction], Awaitable[Any]]
HAS_WRITTEN = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"


LISTENERS = {"feeds heard", "silent feeds"}
"""They note now and then that feeds were heard, from the start on; no stop waits for them."""


def _worker() -> str:
    """Return the name of the loop at work, or of another task."""
    task = asyncio.current_task()
    return "" if task is None else task.get_name()


@asynccontextmanager
async def durable_commits(database: PostgresDatabase) -> AsyncIterator[list[int]]:
    """Note when each transaction that wrote something was committed, in nanoseconds."""
    commits: list[int] = []
    run = database.run

    async def counted(work: Work, **options: Any) -> Any:
        wrote = False

        async def watched(tx: PostgresTransaction) -> Any:
            nonlocal wrote
            result = await work(tx)
            await tx.finish()
            wrote = await tx.connection.fetchval(HAS_WRITTEN)
            return result

        result = await run(watched, **options)
        if wrote and _worker() not in LISTENERS:
            commits.append(time.time_ns())
        return result

    database.run = counted  # type: ignore[method-assign]  # looked at, not replaced
    try:
        yield commits
    finally:
        del database.run


async def commits_before_the_stop(rig: Rig, sku: str) -> int:
    """Complain once more; return how many commits lay between the POST and the shop's stop."""
    assert rig.service is not None
    await rig.complain(sku, 4)

    async def stopped() -> int | None:
        writes = [one for one in await rig.shop.log(sku) if one["method"] == "PATCH"]
        return int(writes[0]["received_ns"]) if writes else None

    async with durable_commits(rig.service.database) as commits:
        begun = time.time_ns()
        await rig.complain(sku, 1)
        received = await until(stopped, "the stop arrived")
    return len([at for at in commits if begun < at < received])


@pytest.mark.parametrize(("kind", "expected"), [("warm", 1), ("cold", 2)])
async def test_commits_on_the_freeze_path(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, kind: str, expected: int
) -> None:
    """One durable commit before the stop with the before-image at hand, two without."""
    # Nothing else commits meanwhile: no mail leaves, and nobody sweeps by himself.
    quiet = {"mail": {"host": None}, "workers": {"poll": 60, "sweep": 60, "timers": 60}}
    async with shop_with_service(dsns, tmp_path, register=kind == "warm", **quiet) as rig:
        sku = (await rig.shop.sellable())[0]

        assert expected == await commits_before_the_stop(rig, sku)


async def test_a_freeze_asks_twice_and_writes_once(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
) -> None:
    """Between begin and commit: the signal, what is known, the place, and everything at once."""
    quiet = {"mail": {"host": None}, "workers": {"poll": 60, "sweep": 60, "timers": 60}}
    asked: list[list[str]] = []
    async with shop_with_service(dsns, tmp_path, register=True, **quiet) as rig:
        sku = (await rig.shop.sellable())[0]
        assert rig.service is not None
        await rig.complain(sku, 4)
        await rig.service.database.warm_up()  # else the driver asks for types
        run = rig.service.database.run

        async def listened(work: Work, **options: Any) -> Any:
            async def heard(tx: PostgresTransaction) -> Any:
                mine: list[str] = []
                with tx.pooled.query_logger(lambda one: mine.append(one.query)):
                    result = await work(tx)
                    await tx.finish()
                asked.append(mine)
                return result

            return await run(heard, **options)

        rig.service.database.run = listened  # type: ignore[method-assign]  # listened to, not replaced
        await rig.complain(sku, 1)
        await rig.in_state(sku, "frozen")
        del rig.service.database.run
    [freeze] = [one for one in asked if any("AS slot" in query for query in one)]
    heads = [" ".join(one.split())[:90] for one in freeze]
    assert 4 == len(freeze), heads
