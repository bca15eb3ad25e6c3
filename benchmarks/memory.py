"""What a replica keeps in memory for each SKU that it tracks, all in.

`python -m benchmarks.memory`. A service process is filled as a shop fills it, and the resident
bytes of that process are looked at after each step. The population: so many SKUs are registered,
with vendor and category; each of them was complained of once, over HTTP in batches of 500, under a
rule that counts five customers in 30 days; one in a hundred is held, committed while the replica
runs, so that it also keeps the changes for those who follow.
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import aiohttp
import psutil

from benchmarks.stage import Stage, hold, open_case, service_process, stage
from freezeguard.ports.rows import Sku, Vendor
from freezeguard.ports.storage import Transaction
from freezeguard.services.topics import TOPIC_HOLDS
from freezeguard.storage.database import PostgresDatabase

GOAL, STRETCH = 250, 160
"""Bytes for each tracked SKU, all in."""

HELD = 100
"""One SKU of so many is held."""

VENDORS, CATEGORIES, UNDER_WAY = 1_000, 50, 4
BATCH = 500


def of_replica() -> int:
    """Return the resident bytes of the one replica that runs now."""
    [pid] = [
        one.pid for one in psutil.Process().children(recursive=True)
        if "serve" in one.cmdline()
    ]
    return int(psutil.Process(pid).memory_info().rss)


async def register(dsn: str, skus: Sequence[str]) -> None:
    """Register SKUs as if an hour ago: replicas have taken them in since."""
    database = await PostgresDatabase.connect(dsn, min_size=1)
    long_ago = datetime.now(UTC) - timedelta(hours=1)

    async def vendors(tx: Transaction) -> None:
        for n in range(VENDORS):
            await tx.master.put_vendor(Vendor(f"vendor-{n}", f"Vendor {n}"), long_ago)

    await database.run(vendors, deadline=60)
    for start in range(0, len(skus), 10_000):
        rows = [
            Sku(sku, f"Item {sku}", f"vendor-{n % VENDORS}", f"category-{n % CATEGORIES}")
            for n, sku in enumerate(skus[start : start + 10_000], start)
        ]
        await database.run(lambda tx, rows=rows: tx.master.put_skus(rows, long_ago), deadline=60)
    await database.close()


async def all_known(url: str, token: str, last: str) -> None:
    """Wait until the replica has taken in all that is registered."""
    await answered(url, token, last, '"known":true')


async def answered(url: str, token: str, sku: str, wanted: str) -> None:
    """Wait until a sale status holds a text."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session, asyncio.timeout(300):
        while True:
            async with session.get(f"{url}/v1/sale-status/{sku}") as answer:
                if wanted in await answer.text():
                    return
            await asyncio.sleep(0.2)


async def hold_all(on: Stage, url: str, skus: Sequence[str]) -> None:
    """Hold SKUs, a hundred in a transaction, and wait until the replica has them."""
    database = await PostgresDatabase.connect(on.runtime, min_size=1)

    async def work(tx: Transaction, some: Sequence[str]) -> None:
        for sku in some:
            await hold(tx, await open_case(tx, sku))
        await tx.notify(TOPIC_HOLDS)

    for start in range(0, len(skus), 100):
        some = skus[start : start + 100]
        await database.run(lambda tx, some=some: work(tx, some), deadline=60)
    await database.close()
    await answered(url, on.secrets["catalogue"], skus[-1], '"status":"frozen"')


def complaints(skus: Sequence[str], run: str) -> list[dict[str, object]]:
    """Return one complaint about each, of a customer of its own."""
    now = datetime.now(UTC).isoformat()
    return [
        {
            "id": f"{run}-{sku}", "source": "helpdesk", "kind": "complaint", "sku": sku,
            "occurred_at": now, "severity": "minor", "customer": f"{run}-{sku}",
            "text": f"The lid of {sku} does not close as it should.",
        }
        for sku in skus
    ]


async def complain_of_all(on: Stage, url: str, skus: Sequence[str], run: str) -> None:
    """Send a complaint about each SKU."""
    headers = {
        "Authorization": f"Bearer {on.secrets['source']}", "Content-Type": "application/json",
    }
    waiting = iter(range(0, len(skus), BATCH))
    async with aiohttp.ClientSession(headers=headers) as session:

        async def sender() -> None:
            for start in waiting:
                body = json.dumps(complaints(skus[start : start + BATCH], run)).encode()
                async with session.post(f"{url}/v1/signals", data=body) as answer:
                    text = await answer.text()
                    assert answer.status == 202, text[:300]

        await asyncio.gather(*(sender() for _ in range(UNDER_WAY)))


async def steps(on: Stage, skus: Sequence[str]) -> AsyncIterator[tuple[str, int]]:
    """Fill a replica step by step; yield what was filled, and its resident bytes since."""
    token = on.secrets["catalogue"]
    async with service_process(on) as url:
        strangers = [f"warm-{n}" for n in range(20_000)]
        await complain_of_all(on, url, strangers, "warm")
        yield "an empty replica that has worked a little", of_replica()
    await register(on.owner, skus)
    async with service_process(on) as url:
        await complain_of_all(on, url, strangers, "again")
        await all_known(url, token, skus[-1])
        yield "registered SKUs", of_replica()
        await hold_all(on, url, skus[::HELD])
        yield f"holds on one in {HELD}", of_replica()
        await complain_of_all(on, url, skus, "first")
        yield "what detection keeps of a complaint about each", of_replica()


async def main(number: int) -> None:
    skus = [f"sku-{place:08}" for place in range(number)]
    async with stage(shop_skus=10, registered=0) as on:
        on.settings["catalogues"] = {}  # nothing to read ahead
        before = 0
        async for what, resident in steps(on, skus):
            print(f"memory: {what}: {(resident - before) / 1e6:.0f} MB, "
                  f"{(resident - before) / number:.0f} B a SKU", flush=True)
            before = resident
        print(f"memory: {before / number:.0f} B for each of {number} tracked SKUs, all in "
              f"(goal for a million: {GOAL}, stretch {STRETCH})", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skus", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().skus))
