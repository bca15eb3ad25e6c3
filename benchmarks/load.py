"""Background complaints at a steady rate, in HTTP batches of 100, from a process of its own."""

import argparse
import asyncio
import json
import time
from datetime import UTC, datetime
from zlib import crc32

import aiohttp

BATCH = 100


def batch(prefix: str, number: int, skus: int) -> list[dict[str, object]]:
    """Return one batch: over many SKUs, other ones for each prefix, so that no rule is near."""
    now, first = datetime.now(UTC).isoformat(), crc32(prefix.encode())
    return [
        {
            "id": f"{prefix}-{number}-{place}", "source": "helpdesk", "kind": "complaint",
            "sku": f"background-{(first + number * BATCH + place) % skus}", "occurred_at": now,
            "severity": "minor", "customer": f"b{number * BATCH + place}",
            "text": "The lid does not close as it should.",
        }
        for place in range(BATCH)
    ]


async def send(url: str, token: str, rate: int, seconds: float, prefix: str, skus: int) -> None:
    """Send `rate` complaints a second; print how many were accepted and how many late."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    accepted = 0
    pending: set[asyncio.Task[int]] = set()
    async with aiohttp.ClientSession(headers=headers) as session:

        async def one(body: bytes) -> int:
            async with session.post(url, data=body) as answer:
                await answer.read()
                return BATCH if answer.status == 202 else 0

        begun, number, late = time.perf_counter(), 0, 0
        while (elapsed := time.perf_counter() - begun) < seconds:
            due = number * BATCH / rate
            if elapsed < due:
                await asyncio.sleep(due - elapsed)
            late += elapsed > due + 0.5
            body = json.dumps(batch(prefix, number, skus)).encode()
            task = asyncio.create_task(one(body))
            pending.add(task)
            number += 1
            if len(pending) >= 16:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                accepted += sum(task.result() for task in done)
        accepted += sum(await asyncio.gather(*pending))
    print(json.dumps({"accepted": accepted, "per_second": accepted / seconds, "late": late}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", default="none")
    parser.add_argument("--rate", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--skus", type=int, default=50_000_000)
    asked = parser.parse_args()
    asyncio.run(
        send(asked.url, asked.token, asked.rate, asked.seconds, asked.prefix, asked.skus)
    )
