"""Durable, deduplicated, counted ingest over HTTP, beside a raw COPY of the same rows.

`python -m benchmarks.ingest`. Batches of 500 to one service process, four under way at a time,
against COPY of the same rows into the same three tables of the same database; they take turns.
"""

import argparse
import asyncio
import json
import statistics
import time
from random import Random

import aiohttp

from benchmarks.stage import Stage, service_process, spread, stage
from benchmarks.store import Feed, copy
from freezeguard.domain.signals import Signal
from freezeguard.storage.database import PostgresDatabase

SIZE = 500
UNDER_WAY = 4


def as_sent(one: Signal, run: str) -> dict[str, object]:
    """Return a signal as a source sends it, with an id of its own."""
    return {
        "id": f"{run}-{one.id}", "source": "helpdesk", "kind": one.kind.value, "sku": one.sku,
        "occurred_at": one.occurred_at.isoformat(), "severity": one.severity.word,
        "customer": one.customer.hex() if one.customer else None, "order": one.order,
        "lot": one.lot, "channel": one.channel, "country": one.country, "text": one.text,
    }


async def over_http(on: Stage, url: str, bodies: list[bytes]) -> float:
    """Return signals a second over HTTP."""
    headers = {
        "Authorization": f"Bearer {on.secrets['source']}", "Content-Type": "application/json",
    }
    waiting = list(bodies)
    async with aiohttp.ClientSession(headers=headers) as session:

        async def sender() -> None:
            while waiting:
                async with session.post(f"{url}/v1/signals", data=waiting.pop()) as answer:
                    text = await answer.text()
                    assert answer.status == 202, text[:300]

        begun = time.perf_counter()
        await asyncio.gather(*(sender() for _ in range(UNDER_WAY)))
        return len(bodies) * SIZE / (time.perf_counter() - begun)


async def by_copy(database: PostgresDatabase, batches: list[list[Signal]]) -> float:
    """Return signals a second by COPY, one transaction a batch."""
    begun = time.perf_counter()
    for batch in batches:
        await database.run(lambda tx, batch=batch: copy(tx, batch))
    return len(batches) * SIZE / (time.perf_counter() - begun)


async def main(rounds: int, batches: int, skus: int, skew: float = 1) -> None:
    feed = Feed(skus, seed=Random(7).randrange(10**6), skew=skew)
    async with stage(shop_skus=10, registered=0) as on:
        database = await PostgresDatabase.connect(on.owner, min_size=1)
        copied: list[float] = []
        sent: list[float] = []
        async with service_process(on) as url:
            for turn in range(rounds + 1):
                mine = [feed.batch(SIZE) for _ in range(batches)]
                bodies = [
                    json.dumps([as_sent(one, f"h{turn}") for one in batch]).encode()
                    for batch in mine
                ]
                pair = await by_copy(database, mine), await over_http(on, url, bodies)
                if turn:  # the first round warms up
                    copied.append(pair[0])
                    sent.append(pair[1])
        await database.close()
    ratios = [ours / floor for ours, floor in zip(sent, copied, strict=True)]
    print(
        f"ingest, batches of {SIZE}: x{spread(ratios)} of COPY; ours "
        f"{statistics.median(sent):.0f}/s, COPY {statistics.median(copied):.0f}/s, "
        f"{rounds} rounds of {batches * SIZE} signals over {skus} SKUs"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--skus", type=int, default=1_000_000)
    asked = parser.parse_args()
    asyncio.run(main(asked.rounds, asked.batches, asked.skus))
