"""Loops that never end quietly: one that fails is logged, waits a moment and starts again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from freezeguard.domain.errors import Unavailable

log = structlog.get_logger()

Step = Callable[[], Awaitable[object]]
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
BREATH = 0.002
"""Seconds between a notification and the work that it wakes: what the commit behind it ordered of
this very replica, a stop above all, goes out first."""


@dataclass(slots=True)
class Bell:
    """Wakes a loop. NOTIFY rings it; the loop also looks by itself every `poll` seconds."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    is_ringing: bool = False

    def ring(self) -> None:
        """Wake whoever waits, in a moment; what rings meanwhile is heard with it."""
        if not self.is_ringing:
            self.is_ringing = True
            asyncio.get_running_loop().call_later(BREATH, self._wake)

    def _wake(self) -> None:
        self.is_ringing = False
        self.event.set()

    async def wait(self, seconds: float) -> None:
        """Return when the bell rings, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self.event.wait()
        except TimeoutError:
            pass
        self.event.clear()


async def forever(name: str, work: Step) -> None:
    """Run work that only returns by failing; start it again after a growing pause.

    The pause is short again once the work has run for longer than the longest one.
    """
    pause, clock = FIRST_PAUSE, asyncio.get_running_loop().time
    while True:
        begun = clock()
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except Unavailable as error:
            log.warning("worker_waits", worker=name, error=str(error))
        except Exception:
            log.exception("worker_failed", worker=name)
        else:
            return
        if clock() - begun > LONGEST_PAUSE:
            pause = FIRST_PAUSE
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


async def repeatedly(
    name: str, step: Callable[[], Awaitable[int]], bell: Bell, poll: float
) -> None:
    """Take steps for ever: at once while there is work, else when the bell rings or after `poll`.

    `step` returns how much it did. A step that fails waits a growing pause.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            did = await step()
        except asyncio.CancelledError:
            raise
        except Unavailable as error:
            log.warning("worker_waits", worker=name, error=str(error))
        except Exception:
            log.exception("worker_failed", worker=name)
        else:
            pause = FIRST_PAUSE
            if not did:
                await bell.wait(poll)
            continue
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


class Crew:
    """All loops of one replica: started together, stopped together."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self.bells: dict[str, list[Bell]] = {}

    def bell(self, *topics: str) -> Bell:
        """Return a bell that rings for these topics."""
        bell = Bell()
        for topic in topics:
            self.bells.setdefault(topic, []).append(bell)
        return bell

    def ring(self, topic: str) -> None:
        """Ring every bell of a topic; an empty topic (a new connection) rings them all."""
        for known, bells in self.bells.items():
            if topic in {"", known}:
                for bell in bells:
                    bell.ring()

    def hire(self, name: str, work: Step) -> None:
        """Start a loop that waits by itself."""
        self._tasks.append(asyncio.create_task(forever(name, work), name=name))

    def hire_stepping(
        self, name: str, step: Callable[[], Awaitable[int]], *topics: str, poll: float
    ) -> None:
        """Start a loop of steps that wakes for topics."""
        bell = self.bell(*topics)
        self._tasks.append(
            asyncio.create_task(repeatedly(name, step, bell, poll), name=name)
        )

    @property
    def is_whole(self) -> bool:
        """Say whether every loop is running."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def dismiss(self) -> None:
        """Stop every loop and wait for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
