"""What every family of rules is: it takes signals in order and says how bad it looks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from freezeguard.detection.windows import Observed
from freezeguard.domain.rules import Rule


@dataclass(frozen=True, slots=True)
class Sample:
    """What a family saw: `value` is compared with the bound; `exposure` is units or None."""

    value: float
    exposure: int | None = None
    sufficient: bool = True


NOTHING = Sample(0.0, sufficient=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a sample rests on, asked for only where a bound was reached.

    `signals` are those that counted, in order, the newest last; `details` are the figures that the
    family's sentence is made of, in JSON types. `parts` are what the parts of a rule rest on, of
    those that reached their bounds.
    """

    signals: tuple[Observed, ...]
    customers: int
    exposure: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple["Met", ...] = ()


@dataclass(frozen=True, slots=True)
class Met:
    """A part of a rule that reached its bound."""

    part: Rule
    bound: float
    sample: Sample
    finding: Finding


LOAD = 20
"""So many more complaints on one day than a defect would bring are shown to a person."""


@dataclass(frozen=True, slots=True)
class Load:
    """The complaints of a day of which `surplus` are more than the `limit` that a family counts."""

    signals: tuple[Observed, ...]
    limit: int

    @property
    def surplus(self) -> int:
        """Return how many do not count."""
        return len(self.signals) - self.limit


@dataclass(frozen=True, slots=True)
class Spare:
    """How many more signals surely cross nothing, if made on the days from `first` to before `end`.

    Days are ordinals, in UTC. What is made earlier may cross at its own moment.
    """

    signals: int
    first: int
    end: int

    def and_also(self, other: "Spare") -> "Spare":
        """Return what holds for both."""
        return Spare(
            min(self.signals, other.signals), max(self.first, other.first), min(self.end, other.end)
        )


ALWAYS = 2**31
"""A day that never comes."""
NONE_TO_SPARE = Spare(0, 0, ALWAYS)


class Tracker(Protocol):
    """Follows one item (a SKU, or what a rule's hold is narrowed to) by one rule."""

    def take(self, signal: Observed) -> Sample:
        """Take in the next signal in order; return what is seen at its moment."""
        ...

    def finding(self) -> Finding:
        """Return what the last sample rests on."""
        ...

    def load(self) -> Load | None:
        """Return the complaints of today, where far more came than a defect would bring."""
        ...

    def spare(self) -> Spare | None:
        """Return how many more signals surely cross nothing; None where that is not known."""
        ...
