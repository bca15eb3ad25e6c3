"""What came of a backtest, rule by rule."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from statistics import median

from freezeguard.detection.statistics.gamma import gamma_point
from freezeguard.domain.rules import Rule

EARLY = timedelta(days=365)
"""A freeze so long before an alert is about it, unless somebody chooses another horizon; an earlier
one is about something else."""
LATE = timedelta(days=30)
"""A freeze so long after an alert would still have stopped something."""


@dataclass(frozen=True, slots=True)
class WouldHaveFrozen:
    """One freeze of a backtest. `lead` is known where the item had an alert afterwards.

    `units` and `contacts` are what was still shipped and complained of while the item would have
    been stopped, at most until that alert. Within the `horizon` before the alert it is about it.
    `lane` is the one whose budget it spends.
    """

    sku: str
    at: datetime
    rule_id: str
    sentence: str
    is_wrong: bool
    lead: timedelta | None = None
    units: int = 0
    contacts: int = 0
    horizon: timedelta = EARLY
    lane: str = "quality"

    @property
    def is_in_time(self) -> bool:
        """Say whether the freeze came before an alert, and not too long before it."""
        return self.lead is not None and timedelta(0) < self.lead <= self.horizon


@dataclass(slots=True)
class RuleResult:
    """What one rule would have done to all items.

    `left_to_people` are crossings in a wave of one vendor's items: the item stays on sale, and a
    person is shown them.
    """

    rule: Rule
    freezes: list[WouldHaveFrozen] = field(default_factory=list)
    left_to_people: list[WouldHaveFrozen] = field(default_factory=list)
    sound_years: float = 0.0
    alerts: int = 0

    @property
    def wrong(self) -> int:
        """Return how many freezes were of items without a known defect."""
        return sum(one.is_wrong for one in self.freezes)

    @property
    def wrong_per_1000(self) -> float:
        """Return wrong freezes per 1,000 SKU-years of items without a known defect."""
        return 1000 * self.wrong / self.sound_years if self.sound_years else 0.0

    @property
    def wrong_interval(self) -> tuple[float, float]:
        """Return between what rates the true one lies with 90 %, if freezes come by chance."""
        if not self.sound_years:
            return 0.0, inf
        low, high = poisson_interval(self.wrong)
        return 1000 * low / self.sound_years, 1000 * high / self.sound_years

    @property
    def lead_by_sku(self) -> dict[str, timedelta]:
        """Return by how long the first freeze of each alerted item came before its alert."""
        return {sku: one.lead for sku, one in self._first_before().items() if one.lead is not None}

    def _first_before(self) -> dict[str, WouldHaveFrozen]:
        first: dict[str, WouldHaveFrozen] = {}
        for one in sorted(self.freezes, key=lambda one: one.at):
            if one.is_in_time:
                first.setdefault(one.sku, one)
        return first

    @property
    def leads(self) -> list[timedelta]:
        """Return the leads of all alerts that were seen before, shortest first."""
        return sorted(self.lead_by_sku.values())

    @property
    def contacts_spared(self) -> int:
        """Return how many contacts came between those freezes and the alerts."""
        return sum(one.contacts for one in self._first_before().values())

    @property
    def units_spared(self) -> int:
        """Return how many units were shipped between those freezes and the alerts."""
        return sum(one.units for one in self._first_before().values())

    @property
    def median_lead(self) -> timedelta | None:
        """Return the median lead of the alerts that were seen before."""
        leads = [one.total_seconds() for one in self.leads]
        return timedelta(seconds=median(leads)) if leads else None

    @property
    def caught_late(self) -> int:
        """Return for how many alerts there was a freeze by 30 days after the alert."""
        return len(
            {
                one.sku for one in self.freezes
                if one.lead is not None and -LATE <= one.lead <= one.horizon
            }
        )


def poisson_interval(count: int, level: float = 0.9) -> tuple[float, float]:
    """Return the exact interval for the mean of a Poisson count (Garwood, Biometrika 28, 1936)."""
    each = (1 - level) / 2
    low = 0.0 if count == 0 else gamma_point(count, 1 - each)
    return low, gamma_point(count + 1, each)
