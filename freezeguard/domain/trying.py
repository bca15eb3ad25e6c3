"""What a rule would have done in the past, beside how it ended there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from freezeguard.domain.shadowing import Sighting, Stop


@dataclass(frozen=True, slots=True)
class PastStop:
    """A stop of a sale, and when its case was closed; None while it is open."""

    stop: Stop
    over_at: datetime | None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a rule would have stopped, and what not, by how the cases ended.

    Of what it would have stopped, `confirmed` were defects, `false_alarms` were none, `undecided`
    are stopped now, and `only_here` are those that nobody stopped. Of what was stopped without it,
    `missed` were defects, and `spared` were false alarms.
    """

    confirmed: int
    false_alarms: int
    undecided: int
    only_here: int
    missed: int
    spared: int

    @property
    def would_freeze(self) -> int:
        """Return how many stops the rule would have ordered."""
        return self.confirmed + self.false_alarms + self.undecided + self.only_here


def beside(sku: str, said: Iterable[datetime], stops: Iterable[PastStop]) -> list[Sighting]:
    """Return each stop with the first freeze that a rule says before it is over.

    What the rule says of a SKU that is on sale again belongs to a later stop, or stands alone.
    """
    left, found = sorted(said), []
    for one in sorted(stops, key=lambda one: one.stop.at):
        mine = [at for at in left if one.over_at is None or at <= one.over_at]
        found.append(Sighting(sku, mine[0] if mine else None, one.stop))
        left = left[len(mine) :]
    return found + [Sighting(sku, at, None) for at in left]


def judged(sightings: Sequence[Sighting]) -> Verdicts:
    """Count what came of it."""
    said = [one.stop for one in sightings if one.said_at is not None]
    silent = [one.stop for one in sightings if one.said_at is None and one.stop is not None]
    stopped = [one for one in said if one is not None]
    return Verdicts(
        confirmed=sum(one.ending == "confirmed" for one in stopped),
        false_alarms=sum(one.ending == "false_alarm" for one in stopped),
        undecided=sum(one.ending is None for one in stopped),
        only_here=len(said) - len(stopped),
        missed=sum(one.ending == "confirmed" for one in silent),
        spared=sum(one.ending == "false_alarm" for one in silent),
    )
