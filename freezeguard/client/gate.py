"""May it be sold? The answer, from the local copy, its age and the caller's policy."""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

from freezeguard.client.heldset import Confirmed, Facts, HeldSet, Hold, Sign
from freezeguard.client.policy import Choice, Policy
from freezeguard.client.states import Record, State, Transition, Why, log

Clock = Callable[[], float]

running_clock: Clock = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)
"""Seconds that only grow, and go on while the machine sleeps where the system can tell."""


class Because(StrEnum):
    """What an answer rests on."""

    HELD = "held"
    NOT_HELD = "not_held"
    HELD_WHEN_LAST_HEARD = "held_when_last_heard"
    NOT_HELD_WHEN_LAST_HEARD = "not_held_when_last_heard"
    NOTHING_TO_KEEP = "nothing_to_keep"
    REFUSED_WHEN_UNSURE = "refused_when_unsure"
    ALLOWED_WHEN_UNSURE = "allowed_when_unsure"


class Answer(NamedTuple):
    """May it be sold, and what that rests on.

    `age_seconds` is None where nobody knows; `holds` are those that were last heard of, whatever
    the answer is.
    """

    sellable: bool
    state: State
    age_seconds: float | None
    revision: int | None
    holds: tuple[Facts, ...]
    why: Because


@dataclass(frozen=True, slots=True)
class Status:
    """How the client is, for health pages and alerts. `counts` only ever grow."""

    state: State
    why: Why
    age_seconds: float | None
    revision: int | None
    skus: int
    carried: int
    counts: Mapping[str, int]
    transitions: tuple[Transition, ...]
    last_error: str


class Gate:
    """Answers from memory; what is heard comes in by the other methods, from one thread.

    `clock` gives the seconds by which a running client measures age, `wall` Unix time, for the copy
    on disk; `stale_after` is in seconds.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        stale_after: float = 60.0,
        clock: Clock = running_clock,
        wall: Clock = time.time,
        on_transition: Callable[[Transition], None] | None = None,
    ) -> None:
        if not isinstance(policy, Policy):
            raise TypeError("a policy must say what to answer when nobody knows")
        if not 0 < stale_after < math.inf:
            raise ValueError("stale_after is a number of seconds")
        self.held = HeldSet()
        self.counts: Counter[str] = Counter()
        self.last_error = ""
        self._policy, self._stale_after = policy, stale_after
        self._clock, self._wall = clock, wall
        self._record = Record(State.UNKNOWN, Why.NO_COPY, on_transition)
        self._why_unknown, self._why_stale = Why.NO_COPY, Why.FROM_DISK
        # Fresh from the moment of the last contact until it is too long ago: both are compared with
        # every question, so that it is right even where whoever follows hangs or has died.
        self._from, self._until = math.inf, -math.inf
        self._heard: float | None = None

    # ------------------------------------------------------------------------------- questions

    def may_sell(self, sku: str, risk: str | None = None) -> bool:
        """Say whether a SKU may be sold, to whomever, wherever: the quick way."""
        if self._from <= self._clock() < self._until:
            return sku not in self.held.by_sku
        return self.check(sku, risk=risk).sellable

    def check(
        self,
        sku: str,
        *,
        risk: str | None = None,
        seller: str | None = None,
        channel: str | None = None,
        country: str | None = None,
        lot: str | None = None,
    ) -> Answer:
        """Say whether a sale may go on, and why. A field left out asks about any.

        `risk` is the class by which the policy decides when it is not sure.
        """
        held, state = self.held, self.state()
        asked = {"seller": seller, "channel": channel, "country": country, "lot": lot}
        holds = held.holds_on(sku, asked)
        sellable, why = self._decided(state, risk, bool(holds), held)
        facts = tuple(one.facts for one in holds)
        return Answer(sellable, state, self.age(), held.revision, facts, why)

    def _decided(
        self, state: State, risk: str | None, is_held: bool, held: HeldSet
    ) -> tuple[bool, Because]:
        if state is State.READY:
            return (False, Because.HELD) if is_held else (True, Because.NOT_HELD)
        both = self._policy.when_unsure(risk)
        choice = both.stale if state is State.STALE else both.unknown
        if choice is Choice.REFUSE:
            return False, Because.REFUSED_WHEN_UNSURE
        if choice is Choice.ALLOW:
            return True, Because.ALLOWED_WHEN_UNSURE
        if is_held:
            return False, Because.HELD_WHEN_LAST_HEARD
        if held.revision is None:
            return False, Because.NOTHING_TO_KEEP
        return True, Because.NOT_HELD_WHEN_LAST_HEARD

    def state(self) -> State:
        """Return the present state; a move that time has brought about is noted here."""
        state, why = self._state()
        self._record.note(state, why, self._wall)
        return state

    def _state(self) -> tuple[State, Why]:
        if not self.held.is_complete:
            return State.UNKNOWN, self._why_unknown
        if self._heard is None:
            return State.STALE, self._why_stale
        now = self._clock()
        if now < self._from:
            return State.STALE, Why.CLOCK_WENT_BACK
        return (State.READY, Why.CONFIRMED) if now < self._until else (State.STALE, self._why_stale)

    def age(self) -> float | None:
        """Return for how many seconds the copy has not been confirmed; None where nobody knows."""
        if self._heard is None:
            return None
        now = self._clock()
        return None if now < self._from else max(now - self._heard, 0.0)

    def status(self) -> Status:
        """Return how the client is."""
        state, record = self.state(), self._record
        return Status(
            state, record.why, self.age(), self.held.revision, len(self.held.by_sku),
            self.held.number_of_carried, {**self.counts, **record.counts}, tuple(record.latest),
            self.last_error,
        )

    # --------------------------------------------------------------------------- what is heard

    def confirm(self, sign: Sign) -> Confirmed:
        """Compare the copy with what the server has. The same: it is as fresh as the server's."""
        before = self.held.number_of_carried
        result = self.held.confirm(sign)
        self._count_carried(self.held.number_of_carried - before)
        if result is Confirmed.CURRENT:
            now = self._clock()
            self._heard = now - max(sign.age, 0.0)
            self._from, self._until = now, self._heard + self._stale_after
            self._why_stale = Why.SERVER_BEHIND if now >= self._until else Why.SILENCE
        elif result is Confirmed.DIFFERS:
            self._until = -math.inf
            self._why_unknown = Why.OTHER_HISTORY
            self.counts["other_histories"] += 1
        self.state()
        return result

    def replace(self, revision: int, holds: list[Hold]) -> int:
        """Take a whole set; return how many holds are newly carried from an earlier history."""
        if self._until == -math.inf:
            self._why_stale = Why.SNAPSHOT
        carried = self.held.replace(revision, holds)
        self.counts["snapshots"] += 1
        self._count_carried(carried)
        self.state()
        return carried

    def _count_carried(self, number: int) -> None:
        if number > 0:
            self.counts["carried"] += number
            log.error("another history: %d holds of the earlier one stay in force", number)

    # -------------------------------------------------------------------------- copies of it

    def dump(self) -> dict[str, Any]:
        """Return the copy as JSON, with the Unix time at which it was last confirmed."""
        age = self.age()
        return {**self.held.dump(), "confirmed_at": None if age is None else self._wall() - age}

    def start_from(self, dumped: Mapping[str, Any]) -> None:
        """Begin with a copy from disk: stale, whatever its age. Raises NotUnderstood.

        An age by the wall clock is told and never trusted: that clock may have been set.
        """
        self.held = HeldSet.read(dumped)
        confirmed_at, wall = dumped.get("confirmed_at"), self._wall()
        if isinstance(confirmed_at, int | float) and confirmed_at <= wall:
            now = self._clock()
            self._heard, self._from = now - (wall - confirmed_at), now
        if self.held.is_doubted:
            self._why_unknown = Why.OTHER_HISTORY
        self._why_stale = Why.FROM_DISK
        self.state()

    def start_without(self, why: Why) -> None:
        """Begin with nothing that could be trusted."""
        self._why_unknown = why
        self._record.why = why
