"""A quarter of cases by a moved clock: nobody is forgotten, no clock is left unanswered."""

import os
import secrets
import sys
from dataclasses import replace
from typing import Any

import pytest

from tests.soak.quarter import Quarter, a_quarter, live
from tests.soak.quarterly import Judge, Story

SHORT_SEED = 20261126
SEED = "QUARTER_SEED"
"""The environment variable that repeats a long quarter."""


async def _judges_notice_what_is_amiss(quarter: Quarter, known: dict[str, Story]) -> None:
    """Falsify the logs, one after the other: each fault is named, with the seed."""
    letters, log = quarter.office.letters, quarter.farm.log
    quarter.office.letters = [one for one in letters if not one.says("Overdue")]
    await _is_found(quarter, known, "and nobody was told")
    quarter.office.letters = [*letters, letters[0]]
    await _is_found(quarter, known, "came 2 times")
    quarter.office.letters = [*letters[:20], *letters[:19:-1]]
    await _is_found(quarter, known, "should have got")
    quarter.office.letters = letters
    taken = next(one for one in log if one.status < 300)
    quarter.farm.log = [*log, taken]
    await _is_found(quarter, known, "twice")
    quarter.farm.log = log
    quarter.sales = [replace(one, sold=True) for one in quarter.sales]
    await _is_found(quarter, known, "was sold")


async def _is_found(quarter: Quarter, known: dict[str, Story], fault: str) -> None:
    with pytest.raises(AssertionError, match=f"(?s)seed {quarter.seed}.*{fault}"):
        await Judge(quarter, known).judge()


async def lived(quarter: Quarter, cases: int, **length: int) -> tuple[str, dict[str, Story]]:
    """Live through a quarter and judge it; return the figures as text, and all stories."""
    figures: dict[str, Any] = {"cases": cases, **await live(quarter, cases, **length)}
    judge = Judge(quarter)
    figures |= await judge.judge()
    told = "; ".join(f"{name} {value}" for name, value in figures.items())
    return f"quarter of seed {quarter.seed}: {told}", judge.stories


@pytest.mark.timeout(900)  # a busy machine
async def test_a_short_quarter(dsns, tmp_path, record_property):
    """Ten days of 25 cases: owners, clocks, notices, webhooks and sales, by the logs outside."""
    async with a_quarter(SHORT_SEED, 25, dsns, tmp_path, probation_time="2d") as quarter:
        figures, stories = await lived(quarter, 25, days=8, afterwards=2)
        record_property("figure", figures)
        await _judges_notice_what_is_amiss(quarter, stories)


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_a_long_quarter(dsns, tmp_path, record_property):
    """A quarter of 500 cases, another one in every run; what fails tells its seed."""
    seed = int(os.environ.get(SEED) or secrets.randbits(32))
    sys.stdout.write(f"quarter of seed {seed}\n")
    async with a_quarter(seed, 500, dsns, tmp_path) as quarter:
        figures, _ = await lived(quarter, 500)
        record_property("figure", figures)
