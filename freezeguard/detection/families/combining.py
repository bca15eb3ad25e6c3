"""Rules of parts: `all_of` wants every part to have reached its bound, `any_of` one of them.

All parts are asked at every signal, and at that moment: what one of them saw a month ago is no
evidence now. The value is how far the rule has come: the part that lags most behind its bound, or
that is furthest ahead, as a share of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from freezeguard.detection.daybook import Priors
from freezeguard.detection.families.tracker import (
    NONE_TO_SPARE,
    NOTHING,
    Finding,
    Load,
    Met,
    Sample,
    Spare,
    Tracker,
)
from freezeguard.detection.windows import Observed
from freezeguard.domain.rules import Family, Rule


@dataclass(slots=True)
class Followed:
    """A part with what follows the item by it, the bound in force, and what was seen last."""

    part: Rule
    tracker: Tracker
    bound: float
    sample: Sample = NOTHING

    @property
    def share(self) -> float:
        """Return how far the part has come; 1 and more exactly where its bound is reached."""
        return self.sample.value / self.bound if self.sample.sufficient else 0.0


class CombinedTracker:
    """Follows an item by several rules at once. `priors` are kept with what is found."""

    def __init__(self, rule: Rule, parts: Sequence[Followed], priors: Priors) -> None:
        self._is_strict = rule.family is Family.ALL_OF
        self._parts, self._priors = parts, priors

    def take(self, signal: Observed) -> Sample:
        for one in self._parts:
            one.sample = one.tracker.take(signal)
        shares = [one.share for one in self._parts]
        return Sample(min(shares) if self._is_strict else max(shares))

    def finding(self) -> Finding:
        met = tuple(
            Met(one.part, one.bound, one.sample, one.tracker.finding())
            for one in self._parts
            if one.share >= 1
        )
        signals = {signal.key: signal for one in met for signal in one.finding.signals}
        ordered = tuple(sorted(signals.values(), key=lambda one: (
            one.occurred_at, one.source, one.id)))  # fmt: skip
        exposures = [one.finding.exposure for one in met if one.finding.exposure is not None]
        priors = [
            {"per": unit, **prior.as_dict()}
            for unit, prior in (("units", self._priors.units), ("days", self._priors.days))
        ]
        details = {
            "priors": priors,
            "parts": [
                {
                    "family": one.part.family.value,
                    "window": one.part.window.total_seconds(),
                    "observed": one.sample.value,
                    "bound": one.bound,
                    **({"details": dict(one.finding.details)} if one.finding.details else {}),
                }
                for one in met
            ],
        }
        customers = len({one.customer or b"" for one in ordered})
        return Finding(ordered, customers, max(exposures, default=None), details, met)

    def load(self) -> Load | None:
        if self._is_strict:
            return None  # of what all have to agree on, one alone shows nothing
        return next(filter(None, (one.tracker.load() for one in self._parts)), None)

    def spare(self) -> Spare | None:
        """Return how many more signals surely cross nothing.

        For all of them it is enough that one part is not crossed. A part that counts says nothing
        of itself: where moments can't tell because another part learns, and one part is enough,
        nothing is spared.
        """
        spares = [one.tracker.spare() for one in self._parts]
        known = [one for one in spares if one is not None]
        if not known:
            return None
        if self._is_strict:
            return max(known, key=lambda one: one.signals)
        if len(known) < len(spares):
            return NONE_TO_SPARE
        least = known[0]
        for one in known[1:]:
            least = least.and_also(one)
        return least
