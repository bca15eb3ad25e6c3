"""What both clients are: a gate with a follower that feeds it."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

from freezeguard.client.follower import Follower, MakeSession, Pace, Source
from freezeguard.client.gate import Clock, Gate, running_clock
from freezeguard.client.policy import Policy
from freezeguard.client.states import Transition


class LocalCopy(Gate):
    """A local copy of the held set that follows freezeguard while it is open.

    `url` and `key` of the service (a key with the right `catalogue`), the `policy` for when nobody
    knows, and the path of the `copy` on disk, one per process (None: none, and every start is in
    `unknown`) have to be given. Clocks, jitter and sessions are arguments for tests, proxies and
    certificates.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        policy: Policy,
        copy: Path | str | None,
        stale_after: float = 60.0,
        pace: Pace = Pace(),  # noqa: B008 - it is frozen
        clock: Clock = running_clock,
        wall: Clock = time.time,
        on_transition: Callable[[Transition], None] | None = None,
        make_session: MakeSession = aiohttp.ClientSession,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(
            policy, stale_after=stale_after, clock=clock, wall=wall, on_transition=on_transition
        )
        self._follower = Follower(
            self, Source(url, key, None if copy is None else Path(copy)), pace=pace, clock=clock,
            make_session=make_session, jitter=jitter,
        )

    def forget_carried(self, sku: str | None = None) -> int:
        """Let go of holds of an earlier history, of one SKU or of all; return how many they were.

        For an operator who has looked into what the restored server has lost.
        """
        return self._follower.forget_carried(sku)
