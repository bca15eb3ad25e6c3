"""A circuit breaker per catalogue: it spares a far side that is down, and drops no freeze."""

from dataclasses import dataclass

from freezeguard.services.enforcing.pace import LONGEST_RETRY_AFTER

SPARE = 1.0
"""Seconds that a probe is kept for stops and releases before something less urgent may take it."""


@dataclass(slots=True)
class Breaker:
    """Opens after `limit` failures in a row; then one probe per `probe_every` goes through.

    A far side that asks for a pause (Retry-After) gets it, from everybody in this process. All
    moments are seconds on the event loop's clock: it never jumps, whoever sets the date.
    """

    limit: int = 5
    probe_every: float = 5.0
    failures: int = 0
    opened_at: float | None = None
    next_probe: float | None = None
    paused_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Say whether calls are being held back."""
        return self.opened_at is not None

    def pause_left(self, now: float) -> float:
        """Return the seconds that are left of a pause that the far side asked for."""
        return 0.0 if self.paused_until is None else max(0.0, self.paused_until - now)

    def holds_back(self, now: float) -> bool:
        """Say whether no call may be made now, not even a probe."""
        if self.pause_left(now) > 0:
            return True
        return self.is_open and self.next_probe is not None and now < self.next_probe

    def wait(self, now: float, *, first_try: bool) -> float:
        """Return the seconds to wait before a call may be made; 0 where it may be made now.

        A stop that was never tried goes through an open breaker: it may be the probe.
        """
        if (pause := self.pause_left(now)) > 0:
            return pause
        if not self.is_open or first_try:
            return 0.0
        if self.next_probe is None or now >= self.next_probe:
            self.next_probe = now + self.probe_every
            return 0.0
        return self.next_probe - now

    def spares(self, now: float) -> bool:
        """Say whether a call that nobody waits for may be made now.

        Where the breaker is open that is a probe which no stop or release had a use for.
        """
        if self.is_open and self.next_probe is not None and now < self.next_probe + SPARE:
            return False
        return self.wait(now, first_try=False) == 0

    def answered(self) -> bool:
        """Note that the far side is there; say whether this closed the breaker.

        A pause that it asked for goes on: this answer was under way when it asked.
        """
        was_open = self.is_open
        self.failures, self.opened_at, self.next_probe = 0, None, None
        return was_open

    def failed(self, now: float, retry_after: float | None) -> bool:
        """Note a failure that another call may not have; say whether this opened the breaker."""
        self.failures += 1
        if retry_after is not None:
            until = now + min(retry_after, LONGEST_RETRY_AFTER)
            self.paused_until = max(until, self.paused_until or until)
        if self.is_open or self.failures < self.limit:
            return False
        self.opened_at, self.next_probe = now, now + self.probe_every
        return True
