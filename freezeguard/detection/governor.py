"""The governor: no feed, however wrong, freezes more than its budget."""

from collections.abc import Sequence
from dataclasses import dataclass

from freezeguard.detection.windows import Observed
from freezeguard.domain.policy import Budget


@dataclass(frozen=True, slots=True)
class Spent:
    """Automatic freezes inside the governor's window, of the lane asked about."""

    by_source: int
    by_category: int
    by_vendor: int
    by_shop: int


def exhausted(spent: Spent, budget: Budget, lane: str) -> str | None:
    """Return which budget has no room for one more automatic freeze, None where all have.

    Safety spends a budget of its own per source and no other; an order of an authority spends
    none.
    """
    if lane == "authority":
        return None
    if lane == "safety":
        return "safety_per_source" if spent.by_source >= budget.safety_per_source else None
    limits = (
        ("per_source", spent.by_source, budget.per_source),
        ("per_category", spent.by_category, budget.per_category),
        ("per_vendor", spent.by_vendor, budget.per_vendor),
        ("shop", spent.by_shop, budget.shop),
    )
    return next((name for name, used, limit in limits if used >= limit), None)


@dataclass(frozen=True, slots=True)
class Charge:
    """Whose budget an automatic freeze spends: of a lane and a source."""

    lane: str
    source: str


def charge_for(lane: str, counted: Sequence[Observed]) -> Charge:
    """Return what a freeze of a lane spends.

    The larger budget of safety is open to sources only that may assert it; whoever else a rule of
    that lane counts spends the ordinary ones.
    """
    source = source_to_charge(counted)
    trusted = any(one.may_assert_safety for one in counted if one.source == source)
    return Charge("quality" if lane == "safety" and not trusted else lane, source)


def source_to_charge(counted: Sequence[Observed]) -> str:
    """Return the source that brought most of the counted signals; of equals, the newest one's.

    Charging whoever completes a crossing would let a poisoned feed prepare many SKUs and have
    honest sources pay for them.
    """
    tally: dict[str, int] = {}
    for signal in counted:
        tally[signal.source] = tally.get(signal.source, 0) + 1
    newest = counted[-1].source
    return max(tally, key=lambda source: (tally[source], source == newest))
