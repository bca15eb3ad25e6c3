"""A storm: clients that retry, replicas and PostgreSQL killed at random, and what is left of it.

Everything random comes from one seed. Truth is what clients were told (202), what the shop's own
log says and what arrived as mail; the service is never asked how it went.
"""

import asyncio
import itertools
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from freezeguard.ports.notices import message_id_for
from tests.faults.stage import Stage, a_stage
from tests.rig import SOURCE, ServiceProcess, until
from tests.storage.conftest import server_pids

RATE = 100
"""Signals per second."""
BOUND = 5
CUSTOMERS_OF_CROSSING, CUSTOMERS_BELOW = (5, 6, 7), (1, 2, 3, 4)
REPEATS = 4
"""Signals of one SKU beyond its distinct customers: the same customers again."""
RECOVERY, SLACK = 10.0, 3
"""Seconds of undisturbed service within which a crossing must have stopped its SKU."""
SLOWEST_MAIL = 5
"""Notices per second that one replica sends at least."""
OPEN_BUDGET = {
    "per_source": 10**6, "per_category": 10**6, "per_vendor": 10**6, "shop": 10**6,
    "vendor_skus": 0,
}


@dataclass
class Storm:
    """One storm over one stage."""

    stage: Stage
    chance: random.Random
    signals: list[dict[str, Any]]
    replica: ServiceProcess | None = None
    told: dict[str, float] = field(default_factory=dict)
    """When each signal was acknowledged, by id."""
    up: list[list[float]] = field(default_factory=list)
    """When the service was up undisturbed: from, to."""
    kills: int = 0
    database_kills: int = 0
    retries: int = 0
    counter: Iterator[int] = field(default_factory=itertools.count)

    # ---------------------------------------------------------------------------- disturbance

    async def start(self) -> None:
        """Start the replica (again)."""
        number = next(self.counter)
        self.replica = await self.stage.replica(f"replica-{number}")
        self.up.append([time.time(), float("inf")])

    async def kill(self) -> None:
        """Kill -9 the replica, and start the next."""
        assert self.replica is not None
        self.up[-1][1] = time.time()
        await self.replica.kill()
        self.kills += 1
        await self.start()

    async def kill_database(self) -> None:
        """Kill -9 every process of the embedded server; whoever uses it must bring it back."""
        self.up[-1][1] = time.time()
        for pid in server_pids(self.stage.place):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.database_kills += 1

        async def answers() -> bool:
            try:
                async with asyncio.timeout(2):
                    await self.stage.sql("SELECT 1")
            except Exception:  # noqa: BLE001 - whatever it says, it is not back yet
                return False
            return True

        await until(answers, "PostgreSQL back", seconds=RECOVERY * SLACK)
        self.up.append([time.time(), float("inf")])

    # --------------------------------------------------------------------------------- clients

    async def send_all(self, clients: int = 12) -> None:
        """Send every signal once, at the rate, each until it is acknowledged."""
        queue, began = self._requests(), time.monotonic()

        async def client() -> None:
            for place, batch in queue:
                await asyncio.sleep(max(0.0, began + place / RATE - time.monotonic()))
                await self._until_acknowledged(batch)

        await asyncio.gather(*(client() for _ in range(clients)))

    def _requests(self) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Cut the signals into requests: most of one, some of many, so that both lanes work.

        With each goes the place of its first signal among all.
        """
        place = 0
        while place < len(self.signals):
            size = self.chance.choice((1, 1, 1, 2, 12))
            yield place, self.signals[place : place + size]
            place += size

    async def _until_acknowledged(self, batch: list[dict[str, Any]]) -> None:
        rig = self.stage.rig
        headers = {"Authorization": f"Bearer {rig.secrets['source']}"}
        while True:
            try:
                async with rig.session.post(
                    f"{rig.url}/v1/signals", json=batch, headers=headers,
                    timeout=aiohttp.ClientTimeout(total=15),
                ) as answer:
                    body = await answer.json()
                    if answer.status == 202:
                        break
                    assert answer.status == 503, body
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                pass
            self.retries += 1
            await asyncio.sleep(0.05 + 0.2 * self.chance.random())
        assert len(batch) == body["accepted"] + body["duplicates"], body
        now = time.time()
        self.told.update((one["id"], now) for one in batch)

    # ----------------------------------------------------------------------------------- truth

    def crossed_at(self) -> dict[str, float]:
        """Return when clients knew, for each SKU that crosses, that enough was acknowledged."""
        customers: dict[str, dict[str, float]] = {}
        for one in self.signals:
            known = customers.setdefault(one["sku"], {})
            at = self.told[one["id"]]
            known[one["customer"]] = min(at, known.get(one["customer"], at))
        return {
            sku: sorted(known.values())[BOUND - 1]
            for sku, known in customers.items()
            if len(known) >= BOUND
        }

    async def stopped_at(self) -> dict[str, float]:
        """Return when the shop truly applied the first stop of each SKU, from its own log."""
        first: dict[str, float] = {}
        for entry in await self.stage.rig.shop.log():
            if entry["operation"] == "stop" and entry["applied_ns"] is not None:
                first.setdefault(entry["sku"], entry["applied_ns"] / 1e9)
        return first

    def undisturbed(self, since: float, until_: float) -> float:
        """Return the longest time in a row that the service was up between two moments."""
        return max(
            (min(to, until_) - max(start, since) for start, to in self.up
             if min(to, until_) > max(start, since)),
            default=0.0,
        )


def make_signals(chance: random.Random, number: int) -> list[dict[str, Any]]:
    """Return about so many complaints: of SKUs that cross and of SKUs that must not, mingled."""
    now = datetime.now(UTC).isoformat()
    made: list[dict[str, Any]] = []
    for n in itertools.count():
        crosses = n % 5 == 0
        customers = chance.choice(CUSTOMERS_OF_CROSSING if crosses else CUSTOMERS_BELOW)
        sku = f"{'CROSS' if crosses else 'BELOW'}-{n:05}"
        who = [*range(customers), *(chance.randrange(customers) for _ in range(REPEATS))]
        made += [
            {"id": f"{sku}-{k}", "source": SOURCE, "kind": "complaint", "sku": sku,
             "occurred_at": now, "severity": "major", "customer": f"{sku}-customer-{one}"}
            for k, one in enumerate(who)
        ]
        if len(made) >= number:
            break
    # A SKU's complaints come within some seconds, among those of others.
    return [one for _, one in sorted(
        ((place + chance.random() * 400, one) for place, one in enumerate(made)),
        key=lambda pair: pair[0],
    )]


@asynccontextmanager
async def a_storm(seed: int, number: int, place: Path) -> AsyncIterator[Storm]:
    """Set up a storm of about so many signals on the embedded server of a directory."""
    chance = random.Random(seed)
    signals = make_signals(chance, number)
    skus = tuple(sorted({one["sku"] for one in signals}))
    singly = {"digest_after": 10**6}  # each notice is a mail that can be missed
    async with a_stage(None, place, skus=skus, budget=OPEN_BUDGET, mail=singly) as stage:
        await stage.rig.shop.faults(slow=0.3, operations=["stop"])  # stops are always under way
        storm = Storm(stage, chance, signals)
        await storm.start()
        yield storm


# ------------------------------------------------------------------------------------- judging


async def judge(storm: Storm, *, wait_for_leases: bool) -> dict[str, Any]:
    """Wait for calm, hold what is there against what was promised; return the figures."""
    crossed = storm.crossed_at()
    await _all_stopped(storm, set(crossed))
    figures = {
        "signals": len(storm.told), "retries": storm.retries, "kills": storm.kills,
        "database kills": storm.database_kills, "crossings": len(crossed),
    }
    await _nothing_lost(storm)
    await _one_case_each(storm, crossed)
    figures |= await _stops_in_time(storm, crossed)
    figures |= await _notices(storm, wait_for_leases=wait_for_leases)
    return figures


async def _all_stopped(storm: Storm, skus: set[str]) -> None:
    async def none_sold() -> bool:
        return not skus & set(await storm.stage.rig.shop.sellable())

    await until(none_sold, "every crossing's SKU not buyable", seconds=RECOVERY * SLACK)
    for sku in storm.chance.sample(sorted(skus), min(20, len(skus))):
        assert not (await storm.stage.rig.shop.buy(sku)).ok, sku
    below = {one["sku"] for one in storm.signals} - skus
    assert below <= set(await storm.stage.rig.shop.sellable())


async def _nothing_lost(storm: Storm) -> None:
    """Each acknowledged signal is stored once, whole, and counted once."""
    stored = await storm.stage.sql(
        "SELECT i.id, i.sku, s.seq IS NOT NULL AS whole FROM signal_identities AS i "
        "LEFT JOIN signals AS s ON s.source = i.source AND s.id = i.id"
    )
    assert Counter(storm.told.keys()) == Counter(one["id"] for one in stored)
    assert all(one["whole"] for one in stored)
    tallies = await storm.stage.sql("SELECT sku, signals FROM sku_tallies")
    assert Counter(one["sku"] for one in stored) == Counter(
        {one["sku"]: one["signals"] for one in tallies if one["signals"]}
    )

    async def all_evaluated() -> bool:
        return not await storm.stage.sql("SELECT sku FROM pending_evaluations")

    await until(all_evaluated, "every signal evaluated", seconds=RECOVERY * SLACK)


async def _one_case_each(storm: Storm, crossed: dict[str, float]) -> None:
    async def all_frozen() -> bool:
        states = await storm.stage.sql("SELECT DISTINCT state FROM cases")
        return states == [{"state": "frozen"}]

    await until(all_frozen, "every case frozen", seconds=RECOVERY * SLACK)
    cases = await storm.stage.sql("SELECT sku, count(*) AS n FROM cases GROUP BY sku")
    assert dict.fromkeys(crossed, 1) == {one["sku"]: one["n"] for one in cases}
    holds = await storm.stage.sql("SELECT sku, count(*) AS n FROM holds GROUP BY sku")
    assert dict.fromkeys(crossed, 1) == {one["sku"]: one["n"] for one in holds}


async def _stops_in_time(storm: Storm, crossed: dict[str, float]) -> dict[str, Any]:
    stopped = await storm.stopped_at()
    late = sorted(stopped[sku] - at for sku, at in crossed.items())
    alone = [storm.undisturbed(at, stopped[sku]) for sku, at in crossed.items()]
    assert max(alone) <= RECOVERY * SLACK
    return {
        "acknowledged to stopped, median s": round(late[len(late) // 2], 3),
        "acknowledged to stopped, max s": round(late[-1], 2),
        "undisturbed until stopped, max s": round(max(alone), 2),
        "goal s": RECOVERY,
    }


async def _notices(storm: Storm, *, wait_for_leases: bool) -> dict[str, Any]:
    """None is lost, each comes in order, and at most one twice per kill, with the same id."""
    if not wait_for_leases:  # a lease is 30 s: here it has run out
        await storm.stage.sql("UPDATE notices SET lease_until = now() WHERE state = 'queued'")

    async def left() -> int:
        (row,) = await storm.stage.sql("SELECT count(*) AS n FROM notices WHERE state <> 'sent'")
        return int(row["n"])

    async def all_sent() -> bool:
        return await left() == 0

    deadline = 30 + await left() / SLOWEST_MAIL
    await until(all_sent, "every notice sent", seconds=deadline + 60 * wait_for_leases)
    notices = await storm.stage.sql("SELECT id, case_id, recipient, n FROM notices ORDER BY n")
    arrived = [str(one["Message-ID"]) for one in storm.stage.rig.mailbox.messages]
    wanted = {message_id_for(str(one["id"]), "localhost"): one for one in notices}
    assert set(wanted) == set(arrived)
    numbers: dict[tuple[Any, str], list[int]] = {}
    for message_id in dict.fromkeys(arrived):
        notice = wanted[message_id]
        numbers.setdefault((notice["case_id"], notice["recipient"]), []).append(notice["n"])
    assert all(sorted(found) == found for found in numbers.values())
    twice = len(arrived) - len(wanted)
    assert twice <= storm.kills + storm.database_kills
    kinds = {tuple(found) for found in Counter(len(one) for one in numbers.values()).items()}
    return {"notices": len(wanted), "came twice": twice, "per reader": sorted(kinds)}
