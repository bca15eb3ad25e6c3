"""The governor: no feed, however wrong, freezes more than its budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from freezeguard.detection.waves import is_wave, most_of_vendor
from freezeguard.detection.windows import Observed
from freezeguard.domain.policy import Budget


@dataclass(frozen=True, slots=True)
class Spent:
    """Automatic freezes inside the governor's window, of the lane asked about.

    `wave` are the other SKUs of the vendor that were stopped in its longer window, `of_vendor` is
    how many SKUs it has, counted where there is a wave.
    """

    by_source: int
    by_category: int
    by_vendor: int
    by_shop: int
    wave: tuple[str, ...] = ()
    of_vendor: int = 0


def exhausted(spent: Spent, budget: Budget, lane: str) -> str | None:
    """Return which budget has no room for one more automatic freeze, None where all have.

    Safety spends a budget of its own per source and no other; an order of an authority spends
    none.
    """
    if lane == "authority":
        return None
    if lane == "safety":
        return "safety_per_source" if spent.by_source >= budget.safety_per_source else None
    if is_wave(len(spent.wave), spent.of_vendor, budget):
        return "vendor_skus"
    limits = (
        ("per_source", spent.by_source, budget.per_source),
        ("per_category", spent.by_category, budget.per_category),
        ("per_vendor", spent.by_vendor, budget.per_vendor),
        ("shop", spent.by_shop, budget.shop),
    )
    return next((name for name, used, limit in limits if used >= limit), None)


@dataclass(frozen=True, slots=True)
class SpentBudget:
    """A budget that has no room: its name among the settings, and whose it is.

    `of` is source, category, vendor, shop or safety, `whose` the name of that; `limit` stops are
    allowed within the `window`.
    """

    name: str
    of: str
    whose: str
    limit: int
    window: timedelta


def spent_budget(
    name: str, charge: "Charge", spent: Spent, category: str | None, vendor: str | None,
    budget: Budget,
) -> SpentBudget:
    """Return what is to be said of a budget without room."""
    of, whose = {
        "per_source": ("source", charge.source),
        "per_category": ("category", category),
        "per_vendor": ("vendor", vendor),
        "vendor_skus": ("vendor", vendor),
        "safety_per_source": ("safety", charge.source),
    }.get(name, ("shop", None))
    if name == "vendor_skus":
        limit = most_of_vendor(spent.of_vendor, budget)
        return SpentBudget(name, of, whose or "", limit, budget.vendor_window)
    return SpentBudget(name, of, whose or "", getattr(budget, name), budget.window)


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
