"""A circuit breaker per catalogue: it spares a far side that is down, and drops no freeze."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)
class Breaker:
    """Opens after `limit` failures in a row; then one probe per `probe_every` goes through.

    A far side that asks for a pause (Retry-After) gets it, from everybody in this process.
    """

    limit: int = 5
    probe_every: timedelta = timedelta(seconds=5)
    failures: int = 0
    opened_at: datetime | None = None
    next_probe: datetime | None = None
    paused_until: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Say whether calls are being held back."""
        return self.opened_at is not None

    def pause_left(self, now: datetime) -> float:
        """Return the seconds that are left of a pause that the far side asked for."""
        if self.paused_until is None:
            return 0.0
        return max(0.0, (self.paused_until - now).total_seconds())

    def holds_back(self, now: datetime) -> bool:
        """Say whether no call may be made now, not even a probe."""
        if self.pause_left(now) > 0:
            return True
        return self.is_open and self.next_probe is not None and now < self.next_probe

    def wait(self, now: datetime, *, first_try: bool) -> float:
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
        return (self.next_probe - now).total_seconds()

    def answered(self) -> bool:
        """Note that the far side is there; say whether this closed the breaker.

        A pause that it asked for goes on: this answer was under way when it asked.
        """
        was_open = self.is_open
        self.failures, self.opened_at, self.next_probe = 0, None, None
        return was_open

    def failed(self, now: datetime, retry_after: float | None) -> bool:
        """Note a failure that another call may not have; say whether this opened the breaker."""
        self.failures += 1
        if retry_after is not None:
            until = now + timedelta(seconds=retry_after)
            self.paused_until = max(until, self.paused_until or until)
        if self.is_open or self.failures < self.limit:
            return False
        self.opened_at, self.next_probe = now, now + self.probe_every
        return True
