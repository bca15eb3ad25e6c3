"""Ready, stale, unknown: each move between them is logged, counted and told."""

import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

log = logging.getLogger("freezeguard.client")

REMEMBERED = 100


class State(StrEnum):
    """How far the local copy can be relied on."""

    READY = "ready"
    """The whole set, confirmed by the server within `stale_after`."""
    STALE = "stale"
    """The whole set, but older."""
    UNKNOWN = "unknown"
    """No whole set that can be trusted."""


_RANK = {State.UNKNOWN: 0, State.STALE: 1, State.READY: 2}


class Why(StrEnum):
    """What brought a state about."""

    CONFIRMED = "confirmed"
    """The server has confirmed that the copy is what it has."""
    SILENCE = "silence"
    """Nothing was confirmed for longer than `stale_after`."""
    SERVER_BEHIND = "server_behind"
    """The replica answers and has not heard from its own database for that long."""
    CLOCK_WENT_BACK = "clock_went_back"
    """Before the last contact, by our clock: nobody knows how old the copy is."""
    FROM_DISK = "from_disk"
    """A whole copy was read from disk, and nothing has been confirmed yet."""
    NO_COPY = "no_copy"
    """There was none on disk, and nothing was heard yet."""
    COPY_CORRUPT = "copy_corrupt"
    """The one on disk was damaged."""
    OTHER_HISTORY = "other_history"
    """The server's set can't come from ours: restored from a backup, or something got lost."""
    SNAPSHOT = "snapshot"
    """A whole set was heard, and is to be confirmed."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One move. `at` is in seconds of the wall clock (Unix time)."""

    at: float
    before: State
    after: State
    why: Why


class Record:
    """The present state, and how it came to it. Any thread may note a move."""

    def __init__(
        self, state: State, why: Why, on_transition: Callable[[Transition], None] | None
    ) -> None:
        self.state, self.why = state, why
        self.counts: Counter[str] = Counter()
        self.latest: deque[Transition] = deque(maxlen=REMEMBERED)
        self._on_transition = on_transition
        self._lock = Lock()

    def note(self, state: State, why: Why, wall: Callable[[], float]) -> None:
        """Note the state; a move is logged, counted and told. `wall` gives Unix time."""
        if state is self.state:
            self.why = why
            return
        with self._lock:
            if state is self.state:
                return
            moved = Transition(wall(), self.state, state, why)
            self.state, self.why = state, why
            self.latest.append(moved)
            self.counts[f"{moved.before}->{state}"] += 1
        level = logging.WARNING if _RANK[state] < _RANK[moved.before] else logging.INFO
        log.log(level, "state %s -> %s: %s", moved.before, state, why)
        self._tell(moved)

    def _tell(self, moved: Transition) -> None:
        if self._on_transition is None:
            return
        try:
            self._on_transition(moved)
        except Exception:  # what others do with the news must not stop a sale or allow one
            log.exception("on_transition failed")
