"""What a rule trades for what: wrong freezes against alerts seen before, from bound to bound."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from freezeguard.detection.backtest.items import Item
from freezeguard.detection.backtest.replay import (
    STANDARD,
    STOPPED,
    PriorsByCategory,
    backtest,
)
from freezeguard.detection.backtest.results import EARLY
from freezeguard.detection.backtest.tuning import RANGES
from freezeguard.domain.policy import Budget
from freezeguard.domain.rules import ABOVE_ONE, Rule

PARTS = (0.4, 0.6, 0.8, 1.0, 1.5, 2.0)
FACTORS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1e4)
"""By how much odds are raised and lowered."""


@dataclass(frozen=True, slots=True)
class Point:
    """What comes of one bound: wrong freezes per 1,000 SKU-years, alerts seen before."""

    bound: float
    wrong_per_1000: float
    before: int


def bounds_around(rule: Rule) -> list[float]:
    """Return bounds below and above a rule's own, which is one of them."""
    if rule.family in RANGES:
        lowest, highest = RANGES[rule.family]
        factors = FACTORS if rule.family in ABOVE_ONE else PARTS
        bounds = [rule.bound * factor for factor in factors]
        return [one for one in bounds if lowest <= one <= highest or one == rule.bound]
    first = max(1, round(rule.bound / 2))
    return [float(n) for n in range(first, round(rule.bound * 2) + 1)]


def trade_off(
    rule: Rule,
    items: Sequence[Item],
    *,
    end: datetime,
    priors: PriorsByCategory,
    alerts: Mapping[str, datetime],
    stopped: timedelta = STOPPED,
    since: datetime | None = None,
    horizon: timedelta = EARLY,
    budget: Budget = STANDARD,
) -> list[Point]:
    """Replay a rule at bounds around its own. An item that a bound spares, higher ones spare."""
    left, points = list(items), list[Point]()
    of_vendor = Counter(one.vendor for one in items)
    years = sum(one.years(end, since) for one in items if one.sku not in alerts)
    for bound in bounds_around(rule):
        tried = replace(rule, bound=bound, look=None)
        [result] = backtest(
            left, [tried], end=end, priors=priors, alerts=alerts, stopped=stopped, since=since,
            horizon=horizon, budget=budget, of_vendor=of_vendor,
        )
        wrong = 1000 * result.wrong / years if years else 0.0
        points.append(Point(bound, wrong, len(result.leads)))
        if since is None:  # else one before it may be in the place of one that counts
            frozen = {one.sku for one in result.freezes + result.left_to_people}
            left = [one for one in left if one.sku in frozen]
    return points
