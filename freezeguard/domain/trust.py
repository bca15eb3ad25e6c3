"""How far a source is trusted: by what became of the cases that its signals opened."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

RIGHT_BEFORE, WRONG_BEFORE = 3.0, 1.0
"""What every source begins with: so much trust that one wrong case does not spoil it."""
HALF_LIFE = timedelta(days=90)
"""After so long a case counts half."""
REMEMBERED = 8 * HALF_LIFE
"""What is older weighs too little to be looked at."""
AT_FAULT = frozenset({"wrong_item", "abuse", "duplicate_evidence"})
"""Codes of a false alarm that speak against the source, not against a rule or a carrier."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one case of a source: its signals were right, or a false alarm."""

    at: datetime
    was_right: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How a source stands: `given` is what an admin set (0 to 1).

    `right` and `wrong` are numbers of cases, each halved for every `HALF_LIFE` of its age.
    """

    given: float = 1.0
    right: float = 0.0
    wrong: float = 0.0

    @property
    def trust(self) -> float:
        """Return how far the source is trusted, 0 to 1.

        The mean of the beta posterior of "its next case is right", with `RIGHT_BEFORE` and
        `WRONG_BEFORE` as the prior (Gelman et al., Bayesian Data Analysis, 3rd ed., 2.4), times
        what was given.
        """
        right = RIGHT_BEFORE + self.right
        return self.given * right / (right + WRONG_BEFORE + self.wrong)

    def as_dict(self) -> dict[str, float]:
        """Return the figures in JSON types, as reasons carry them."""
        return {
            "trust": round(self.trust, 3), "confirmed": round(self.right, 2),
            "false_alarms": round(self.wrong, 2),
        }


def standing(given: float, verdicts: Iterable[Verdict], now: datetime) -> Standing:
    """Return how a source stands at a moment."""
    weighed = {True: 0.0, False: 0.0}
    for one in verdicts:
        age = max(now - one.at, timedelta(0))
        weighed[one.was_right] += 0.5 ** (age / HALF_LIFE)
    return Standing(given, weighed[True], weighed[False])
