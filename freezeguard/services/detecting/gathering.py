"""What an evaluation has before it: signals, units shipped and, where asked for, history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from freezeguard.detection.daybook import UNLEARNED, Priors
from freezeguard.detection.evaluation import Evidence, PastDay
from freezeguard.detection.exposure import USUAL
from freezeguard.detection.families import (
    ALWAYS,
    Spare,
    history_reach,
    learns,
    needs_at_least,
    reach,
)
from freezeguard.detection.windows import Observed, Shipment, moment_before
from freezeguard.domain.record import Case
from freezeguard.domain.rules import Family, Rule
from freezeguard.ports.rows import Pending, Prelude
from freezeguard.ports.storage import Transaction


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that was read; `signals` are those after `start`.

    `whole_days` is the midnight from which on the days of `signals` are complete: rules that learn
    what is usual are given these one by one, and what lies before as `history`, by day.
    `most_to_spare` bounds what rules say of further signals.
    """

    signals: Sequence[Observed]
    start: datetime
    whole_days: datetime
    shipments: Sequence[Shipment] = ()
    shipped_by_day: Sequence[Shipment] = ()
    history: Sequence[PastDay] = ()
    priors: Priors = UNLEARNED
    most_to_spare: Spare | None = None

    def evidence(self, rule: Rule) -> Evidence:
        """Return what a rule may look at."""
        if not learns(rule):
            return Evidence(self.signals, self.shipments)
        whole = [one for one in self.signals if one.occurred_at >= self.whole_days]
        return Evidence(
            whole, self.shipments, history=self.history, priors=self.priors,
            shipped_by_day=self.shipped_by_day,
        )

    def shipped(self, rule: Rule) -> Sequence[Shipment]:
        """Return the units shipped since the cases that may freeze again count anew."""
        return self.shipments if rule.measures_units or not learns(rule) else self.shipped_by_day


async def gather(
    tx: Transaction,
    prelude: Prelude,
    pending: Pending,
    rules: Sequence[Rule],
    fixed_since: Sequence[datetime],
    priors: Priors,
) -> Gathered:
    """Read what the rules need about a SKU with news.

    `fixed_since` are the moments since which a rule may have to count anew, on probation.
    """
    learning = [one for one in rules if learns(one)]
    start = moment_before(pending.since_time, _reach(rules))
    if learning:
        start = min([start, *fixed_since])
    signals = await _window(tx, prelude, pending.sku, start)
    exposed = any(one.measures_units for one in rules)
    gathered = Gathered(
        signals, start, _next_midnight(start),
        await tx.signals.shipments(pending.sku, start) if exposed else (), priors=priors,
    )
    # on probation, bounds are tightened: fewer complaints than a rule asks for may be enough
    least = 1 if fixed_since else min((needs_at_least(one) for one in learning), default=0)
    return await _learn(tx, gathered, pending, learning, least)


async def _learn(
    tx: Transaction, gathered: Gathered, pending: Pending, learning: Sequence[Rule], least: int
) -> Gathered:
    """Read history where there are enough complaints for any rule to speak.

    Where it was not read, nobody can say how many more than too few can be spared.
    """
    if not learning:
        return gathered
    if len(gathered.signals) < least:
        return replace(gathered, most_to_spare=Spare(least - 1 - len(gathered.signals), 0, ALWAYS))
    longest = max(history_reach(one) for one in learning)
    since = _next_midnight(moment_before(gathered.whole_days, longest + timedelta(days=USUAL)))
    return replace(
        gathered,
        history=await tx.signals.history(pending.sku, since, gathered.whole_days),
        shipped_by_day=await tx.signals.shipped_by_day(pending.sku, since),
    )


def fixed_since(cases: Sequence[Case]) -> list[datetime]:
    """Return since when the cases that may freeze again count anew."""
    return [one.reinstated_at for one in cases if one.reinstated_at is not None]


async def _window(
    tx: Transaction, prelude: Prelude, sku: str, start: datetime
) -> Sequence[Observed]:
    """Return the signals after a moment; those that came along with the prelude, if all did."""
    if prelude.window is None or prelude.window_after is None or prelude.window_after > start:
        return await tx.signals.observed(sku, start)
    return [one for one in prelude.window if one.occurred_at > start]


def _reach(rules: Sequence[Rule]) -> timedelta:
    """Return how far back from the news any of the rules looks; one safety signal is enough."""
    windows = [reach(one) for one in rules if one.family is not Family.SAFETY]
    return max(windows, default=timedelta(microseconds=1))


def _next_midnight(moment: datetime) -> datetime:
    """Return the first midnight in UTC that is not before a moment, as late as there is one."""
    midnight = datetime.combine(moment.astimezone(UTC).date(), datetime.min.time(), UTC)
    return midnight if midnight >= moment else midnight + timedelta(days=1)
