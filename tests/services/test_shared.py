"""What many look at at once is worked out once; nobody reads what is no longer so."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from freezeguard.domain.record import Case
from freezeguard.domain.transitions import State
from freezeguard.services.cases.shared import AT_ONCE, KEPT, MANY, MOST_KEPT, Shared
from tests.acceptance.rows import case_in

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CASE = case_in("SKU-1", State.FROZEN)


@dataclass
class Work:
    """Something slow: goes on when it is told to, counts how often and with how many at once."""

    complaints: int = MANY
    now: datetime = NOW
    begun: int = 0
    at_once: int = 0
    most: int = 0
    fails: bool = False
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, case: Case) -> tuple[str, int]:
        self.begun += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self.go.wait()
        finally:
            self.at_once -= 1
        if self.fails:
            raise ZeroDivisionError
        return f"{case.scope.sku} {self.begun}", self.complaints


def shared(work: Work) -> Shared[str]:
    return Shared(lambda: work.now, work)


async def test_all_who_ask_at_once_wait_for_one():
    """Ten readers, one piece of work; whoever goes away takes nothing from the others."""
    work = Work(complaints=1)
    one = shared(work)
    asked = [asyncio.create_task(one.of(CASE)) for _ in range(10)]
    await asyncio.sleep(0)
    asked[0].cancel()
    work.go.set()
    found = await asyncio.gather(*asked, return_exceptions=True)

    assert isinstance(found[0], asyncio.CancelledError)
    assert ["SKU-1 1"] * 9 == found[1:]
    assert "SKU-1 2" == await one.of(CASE)


async def test_what_took_many_complaints_is_told_again_for_a_moment():
    """Until its time is over, or somebody did something about the case."""
    work = Work()
    work.go.set()
    one = shared(work)
    first = await one.of(CASE)
    work.now += KEPT - timedelta(seconds=1)
    assert first == await one.of(CASE)
    assert "SKU-1 2" == await one.of(replace(CASE, version=CASE.version + 1))
    work.now += timedelta(seconds=1)
    assert "SKU-1 3" == await one.of(CASE)


async def test_few_are_worked_out_at_once_and_few_are_kept():
    """However many cases are looked at: memory is bounded."""
    work = Work()
    one = shared(work)
    cases = [case_in(f"SKU-{n}", State.FROZEN) for n in range(MOST_KEPT + 5)]
    asked = [asyncio.create_task(one.of(case)) for case in cases]
    while work.begun < AT_ONCE:
        await asyncio.sleep(0)
    work.go.set()
    await asyncio.gather(*asked)

    assert AT_ONCE == work.most
    for case in cases:
        await one.of(case)
    assert len(cases) + 5 == work.begun


async def test_what_failed_is_tried_again():
    """Everybody who waited is told; the next one finds nothing of it."""
    work = Work(fails=True)
    work.go.set()
    one = shared(work)
    with pytest.raises(ZeroDivisionError):
        await one.of(CASE)
    work.fails = False
    assert "SKU-1 2" == await one.of(CASE)
