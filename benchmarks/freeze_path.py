"""From the POST of the crossing complaint to the stop's arrival at the shop, beside the floor.

`python -m benchmarks.freeze_path`. Floor and freezeguard take turns in one run; each round gives
one ratio of medians and one of 99th percentiles; the medians of the rounds are printed with their
spread. Warm: the before-image is at hand. Cold: look up, save, stop.
"""

import argparse
import asyncio
import sys
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp

from benchmarks.stage import (
    Stage,
    floor_process,
    post,
    quantile,
    service_process,
    spread,
    stage,
)

PAUSE = 0.03


def complaint(sku: str, customer: int) -> dict[str, Any]:
    return {
        "id": f"{sku}-{customer}", "source": "helpdesk", "kind": "complaint", "sku": sku,
        "occurred_at": datetime.now(UTC).isoformat(), "severity": "major",
        "customer": f"c{customer}", "text": "The handle broke off while pouring.",
    }


class Measure:
    """One kind of measurement: takes SKUs off a list that both sides share."""

    def __init__(
        self, on: Stage, session: aiohttp.ClientSession, ours: str, floor: str, skus: list[str]
    ) -> None:
        self.on, self.session, self.ours, self.floor, self.skus = on, session, ours, floor, skus
        self.remote: dict[str, str] = {}

    async def of_floor(self, kind: str, trials: int) -> list[float]:
        took = []
        for _ in range(trials):
            sku = self.skus.pop()
            product = (await self.on.shop.products(sku))[0]
            body = {**complaint(sku, 9), "remote_id": product["id"]}
            await asyncio.sleep(PAUSE)
            begun = time.time_ns()
            await post(self.session, f"{self.floor}/{kind}", "none", body)
            took.append(await self._until_stopped(sku, begun))
        return took

    async def of_ours(self, trials: int) -> list[float]:
        mine = [self.skus.pop() for _ in range(trials)]
        url = f"{self.ours}/v1/signals"
        token = self.on.secrets["source"]
        for sku in mine:
            await post(self.session, url, token, [complaint(sku, n) for n in range(4)])
        took = []
        for sku in mine:
            await asyncio.sleep(PAUSE)
            begun = time.time_ns()
            await post(self.session, url, token, complaint(sku, 9))
            took.append(await self._until_stopped(sku, begun))
        return took

    async def _until_stopped(self, sku: str, begun: int) -> float:
        """Return the milliseconds from the POST to the arrival of the stop, by the shop's log.

        Whoever asks the shop at once stands in the way of the stop that is measured.
        """
        await asyncio.sleep(PAUSE)
        async with asyncio.timeout(30):
            while True:
                for entry in await self.on.shop.log(sku):
                    if entry["method"] == "PATCH":
                        return (int(entry["received_ns"]) - begun) / 1e6
                await asyncio.sleep(0.005)


@asynccontextmanager
async def background(url: str, token: str, rate: int, name: str) -> Any:
    """Send complaints from another process while the block runs."""
    if not rate:
        yield
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.load", "--url", url, "--token", token,
        "--rate", str(rate), "--seconds", "600", "--prefix", name,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await asyncio.sleep(1.5)
        yield
    finally:
        process.terminate()
        await process.wait()


async def rounds(measure: Measure, kind: str, rate: int, count: int, trials: int) -> None:
    ratios: dict[str, list[float]] = {"p50": [], "p99": []}
    figures: dict[str, list[float]] = {"floor": [], "ours": []}
    source = measure.on.secrets["source"]
    for turn in range(count):
        name = f"{kind}{rate}r{turn}"
        async with background(f"{measure.floor}/background", "none", rate, f"f{name}"):
            floor = await measure.of_floor(kind, trials)
        async with background(f"{measure.ours}/v1/signals", source, rate, f"o{name}"):
            ours = await measure.of_ours(trials)
        figures["floor"] += floor
        figures["ours"] += ours
        ratios["p50"].append(quantile(ours, 0.5) / quantile(floor, 0.5))
        ratios["p99"].append(quantile(ours, 0.99) / quantile(floor, 0.99))
    print(
        f"{kind}, {rate or 'no'} signals/s: p50 x{spread(ratios['p50'])}, "
        f"p99 x{spread(ratios['p99'])} of the floor; "
        f"floor p50 {quantile(figures['floor'], 0.5):.2f} p99 "
        f"{quantile(figures['floor'], 0.99):.2f} ms, "
        f"ours p50 {quantile(figures['ours'], 0.5):.2f} p99 "
        f"{quantile(figures['ours'], 0.99):.2f} ms, {len(figures['ours'])} trials",
        flush=True,
    )


async def main(count: int, trials: int, rates: list[int]) -> None:
    need = (len(rates) * count * trials * 2) + 50
    async with stage(shop_skus=2 * need, registered=need) as on:
        everything = await on.shop.sellable()
        warm, cold = everything[:need], everything[need:]
        async with (
            floor_process(on) as floor,
            service_process(on) as ours,
            aiohttp.ClientSession() as session,
        ):
            for kind, skus in (("warm", warm), ("cold", cold)):
                measure = Measure(on, session, ours, floor, list(skus))
                await measure.of_floor(kind, 10)
                await measure.of_ours(10)
                for rate in rates if kind == "warm" else rates[:1]:
                    await rounds(measure, kind, rate, count, trials)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--rates", type=int, nargs="*", default=[0, 1000, 5000])
    asked = parser.parse_args()
    asyncio.run(main(asked.rounds, asked.trials, asked.rates))
