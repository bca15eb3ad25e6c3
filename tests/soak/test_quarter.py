"""A quarter of cases, by a moved clock: nobody is forgotten, no clock is unanswered."""

import sys
from pathlib import Path
from typing import Any

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.soak.quarter import a_quarter, live
from tests.soak.quarterly import Judge

SHORT_SEED = 20261126


async def run(seed: int, cases: int, dsns: OwnerAndRuntimeDsns, place: Path) -> str:
    """Live through a quarter, judge it; return its figures as text."""
    sys.stdout.write(f"quarter of seed {seed}\n")
    async with a_quarter(seed, cases, dsns, place) as quarter:
        figures: dict[str, Any] = await live(quarter, cases)
        figures |= await Judge(quarter).judge()
    told = "; ".join(f"{name} {value}" for name, value in figures.items())
    return f"quarter of seed {seed}: cases {cases}; {told}"


async def test_a_short_quarter(dsns, tmp_path, record_property):
    """Some thirty cases."""
    record_property("figure", await run(SHORT_SEED, 30, dsns, tmp_path))
