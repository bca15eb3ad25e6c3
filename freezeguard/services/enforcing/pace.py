"""How often and how long freezeguard calls catalogues."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

LONGEST_RETRY_AFTER = 60.0
"""Seconds: a far side may ask for a pause, but not switch us off."""
UNSEEN = 3
"""Verifications, or look-overs, that may be missed before nobody can rely on them any more."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how long. Seconds; `jitter` returns a factor around 1."""

    call_deadline: float = 4.0
    verify_every: float = 30.0
    verify_per_second: float = 5.0
    first_retry: float = 0.5
    longest_retry: float = 30.0
    relist_every: float = 60.0
    fall_back_after: int = 3
    parallel_calls: int = 16
    look_over_every: float = 10.0
    jitter: Callable[[], float] = lambda: 1.0

    def verify_in(self, looked_over: int) -> float:
        """Return the pause between read-backs in a catalogue that looks over so many besides.

        A read-back takes several requests, and a shop has buyers to serve.
        """
        return max(self.verify_every, looked_over / self.verify_per_second)

    def unseen_after(self, looked_over: int) -> timedelta:
        """Return the age from which on a read-back tells nothing about the present."""
        return timedelta(seconds=UNSEEN * self.verify_in(looked_over))

    def retry_in(self, attempts: int, asked: float | None = None) -> float:
        """Return the pause after so many failed attempts: doubling, jittered, bounded.

        `asked` is the pause that the far side asked for, if it did.
        """
        doubled: float = self.first_retry * 2 ** min(max(attempts - 1, 0), 16)
        own = min(doubled, self.longest_retry) * self.jitter()
        return max(own, min(asked or 0.0, LONGEST_RETRY_AFTER))

    def look_again_in(
        self, stopped_for: timedelta, *, troubled: bool, looked_over: int = 0
    ) -> float:
        """Return the pause before a stopped object is looked at again.

        The younger the stop, the sooner: late commands, syncs and caches undo young ones. Where
        there was trouble, the pauses double from the first retry on. `looked_over` is how many
        objects are looked over besides in its catalogue.
        """
        first, growth = (1.0, 1.0) if troubled else (4.0, 3.0)
        pause = max(first * self.first_retry, growth * stopped_for.total_seconds())
        return min(pause, self.verify_in(looked_over))
