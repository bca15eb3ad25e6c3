"""Loops that fail start again: soon where they had worked, ever more slowly where they don't."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from freezeguard.workers import supervision
from freezeguard.workers.supervision import FIRST_PAUSE, LONGEST_PAUSE, forever


class Time:
    """A loop's clock that only pauses and work move on; `pauses` are the seconds waited."""

    def __init__(self) -> None:
        self.now, self.pauses = 0.0, list[float]()

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    made = Time()

    class Asyncio:
        CancelledError = asyncio.CancelledError
        sleep = staticmethod(made.sleep)
        get_running_loop = staticmethod(lambda: made)

    monkeypatch.setattr(supervision, "asyncio", Asyncio)
    return made


async def test_a_healthy_run_makes_the_pause_short_again(clock: Time) -> None:
    """Failures in a row are waited for ever longer; one after a long good run is not."""
    runs: list[Any] = [0.0] * 6 + [LONGEST_PAUSE + 1, 0.0]

    async def work() -> None:
        if not runs:
            return
        clock.now += runs.pop(0)
        raise ValueError

    await forever("worker", work)

    grown = [0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_PAUSE]
    assert grown == pytest.approx(clock.pauses[:6])
    assert [FIRST_PAUSE, FIRST_PAUSE * 2] == pytest.approx(clock.pauses[6:])
