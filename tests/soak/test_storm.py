"""Kill -9 at random moments, of the service and of PostgreSQL, while complaints come in."""

import asyncio
import secrets
import sys

import pytest

from tests.soak.storm import RATE, Storm, a_storm, judge
from tests.storage.conftest import scratch

SHORT_SEED = 20261122


async def weather(storm: Storm, *, kills: int, database_kills: int, longest: float) -> None:
    """Kill the replica and the database so many times, in random order, at random moments."""
    order = ["service"] * kills + ["database"] * database_kills
    storm.chance.shuffle(order)
    for what in order:
        await asyncio.sleep(storm.chance.uniform(0.0, longest))
        if what == "service":
            await storm.kill()
        else:
            await storm.kill_database()


async def run(seed: int, *, seconds: int, kills: int, database_kills: int, longest: float) -> str:
    """Let a storm rage over so many seconds' worth of complaints; return its figures as text."""
    sys.stdout.write(f"storm of seed {seed}\n")
    with scratch() as place:
        async with a_storm(seed, seconds * RATE, place) as storm:
            async with asyncio.TaskGroup() as both:
                both.create_task(storm.send_all())
                both.create_task(weather(
                    storm, kills=kills, database_kills=database_kills, longest=longest
                ))
            figures = await judge(storm, wait_for_leases=kills > 10)
    told = "; ".join(f"{name} {value}" for name, value in figures.items())
    return f"storm of seed {seed}: {told}"


async def test_a_short_storm(record_property):
    """Five kills of the service and one of PostgreSQL: nothing lost, nothing twice, all stopped."""
    figures = await run(SHORT_SEED, seconds=12, kills=5, database_kills=1, longest=1.5)
    record_property("figure", figures)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_a_long_storm(record_property):
    """Fifty kills of the service and ten of PostgreSQL, at moments that differ in every run."""
    seed = secrets.randbits(32)
    figures = await run(seed, seconds=300, kills=50, database_kills=10, longest=4.0)
    record_property("figure", figures)
