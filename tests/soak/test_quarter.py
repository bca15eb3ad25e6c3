"""A quarter of cases by a moved clock: nobody is forgotten, no clock is left unanswered."""

import os
import secrets
import sys
from typing import Any

import pytest

from tests.soak.quarter import Quarter, a_quarter, live
from tests.soak.quarterly import Judge

SHORT_SEED = 20261126
SEED = "QUARTER_SEED"
"""The environment variable that repeats a long quarter."""


async def lived(quarter: Quarter, cases: int, **length: int) -> str:
    """Live through a quarter and judge it; return the figures as text."""
    figures: dict[str, Any] = {"cases": cases, **await live(quarter, cases, **length)}
    figures |= await Judge(quarter).judge()
    told = "; ".join(f"{name} {value}" for name, value in figures.items())
    return f"quarter of seed {quarter.seed}: {told}"


@pytest.mark.timeout(300)
async def test_a_short_quarter(dsns, tmp_path, record_property):
    """Two weeks of 25 cases: owners, clocks, notices, webhooks and sales, by the logs outside."""
    async with a_quarter(SHORT_SEED, 25, dsns, tmp_path, probation_time="3d") as quarter:
        record_property("figure", await lived(quarter, 25, days=12, afterwards=3))


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_a_long_quarter(dsns, tmp_path, record_property):
    """A quarter of 500 cases, another one in every run; what fails tells its seed."""
    seed = int(os.environ.get(SEED) or secrets.randbits(32))
    sys.stdout.write(f"quarter of seed {seed}\n")
    async with a_quarter(seed, 500, dsns, tmp_path) as quarter:
        record_property("figure", await lived(quarter, 500))
