"""Keeps our calls below what a far side allows, the urgent ones first."""

import asyncio
import heapq
from itertools import count


class Throttle:
    """A token bucket: `burst` calls at once, then `per_second` of them; None: no limit.

    Whoever stops a sale goes before whoever restores or only looks. Moments are the event loop's.
    """

    def __init__(self, per_second: float | None, burst: int) -> None:
        self._rate, self._burst = per_second, float(burst)
        self._tokens, self._at = float(burst), float("-inf")
        self._waiting: list[tuple[bool, float, int, float, asyncio.Future[None]]] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    async def turn(
        self, *, urgent: bool = False, cost: float = 1.0, rank: float = 0.0
    ) -> None:
        """Wait for our turn. The caller sets the deadline; who gives up leaves the queue.

        Of those that are equally urgent the lowest rank goes first: of many that have begun, few
        would else come to an end.
        """
        if self._rate is None:
            return
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[None] = loop.create_future()
        cost = min(cost, self._burst)
        heapq.heappush(self._waiting, (not urgent, rank, next(self._numbers), cost, mine))
        self._serve()
        await mine

    def owes(self, tokens: float, *, unused: float = 0.0) -> None:
        """Take the far side's word for how many tokens are left, where it is less than we think.

        `unused` are those that a call was let go with and did not need: they are given back.
        """
        self._refill()
        self._tokens = min(self._tokens + unused, self._burst, tokens)
        self._serve()

    def no_faster_than(self, per_second: float) -> None:
        """Go by the far side's own pace where it is slower than the one that was set."""
        self._refill()
        if self._rate is not None:
            self._rate = min(self._rate, per_second)

    def _refill(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._rate is not None and self._at > float("-inf"):
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now

    def _serve(self) -> None:
        """Let go whoever is first while there are tokens, then come back when there are more."""
        self._refill()
        while self._waiting:
            _, _, _, cost, future = self._waiting[0]
            if not future.done():
                if self._tokens < cost:
                    break
                self._tokens -= cost
                future.set_result(None)
            heapq.heappop(self._waiting)
        self._wake_up()

    def _wake_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and self._rate is not None:
            missing = self._waiting[0][3] - self._tokens
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(missing / self._rate, 0.001), self._serve)

    def close(self) -> None:
        """Wake nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
