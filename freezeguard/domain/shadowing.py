"""What a shadow rule would have done, beside what was done: by armed rules, and by people."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

Ending = Literal["false_alarm", "confirmed"]
ENDINGS: dict[str, Ending] = {
    "closed_false_alarm": "false_alarm", "closed_reinstated": "confirmed", "delisted": "confirmed",
}
"""How a case ended, by its state: taken back, or with a cause that was found or never mended."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A SKU whose sale was stopped: when, by a rule or by a pull, in which case, how that ended."""

    at: datetime
    by: Literal["rule", "pull"]
    lane: str
    case: int
    ending: Ending | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One SKU: when the shadow rule would first have frozen it, and how it was stopped, if so."""

    sku: str
    said_at: datetime | None
    stop: Stop | None

    @property
    def days_earlier(self) -> float | None:
        """Return how many days the shadow rule was ahead; below 0: behind; None: not both."""
        if self.said_at is None or self.stop is None:
            return None
        return (self.stop.at - self.said_at) / timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The SKUs of a shadow rule in numbers.

    `would_freeze` are all that it would have frozen: `by_rules` were also stopped by an armed rule,
    `by_pulls` by a person or a catalogue, `only_here` by nobody. `days_earlier` is the median over
    those stopped. `missed` are SKUs that an armed rule of the same lane stopped and of which this
    one had said nothing: a SKU that is stopped is not evaluated further, so one that it would have
    frozen later is among them. `false_alarms` and `confirmed` say how those stopped ended so far.
    """

    would_freeze: int
    by_rules: int
    by_pulls: int
    only_here: int
    missed: int
    days_earlier: float | None
    false_alarms: int
    confirmed: int


def compare(sightings: Iterable[Sighting], lane: str) -> Comparison:
    """Count what a shadow rule of a lane has in common with armed rules and people."""
    every = list(sightings)
    said = [one for one in every if one.said_at is not None]
    stops = [one.stop for one in said if one.stop is not None]
    ahead = [days for one in said if (days := one.days_earlier) is not None]
    return Comparison(
        would_freeze=len(said),
        by_rules=sum(one.by == "rule" for one in stops),
        by_pulls=sum(one.by == "pull" for one in stops),
        only_here=len(said) - len(stops),
        missed=sum(is_missed(one, lane) for one in every),
        days_earlier=median(ahead) if ahead else None,
        false_alarms=sum(one.ending == "false_alarm" for one in stops),
        confirmed=sum(one.ending == "confirmed" for one in stops),
    )


def is_missed(one: Sighting, lane: str) -> bool:
    """Say whether an armed rule of a lane stopped a SKU of which the shadow rule said nothing."""
    stop = one.stop
    return one.said_at is None and stop is not None and stop.by == "rule" and stop.lane == lane
