"""The likelihood family: how much likelier is what was seen if a defect began in the window.

The formula is that of `freezeguard.detection.statistics.likelihood`; what it is given is an item's
`DayBook`. Between two complaints of one block of days nearly all of the sum is known already.
"""

from dataclasses import dataclass
from math import ceil, inf, log, sqrt

from freezeguard.detection.daybook import BLOCK, Background, Baseline, DayBook, Prior
from freezeguard.detection.families.tracker import NOTHING, Finding, Sample, Spare
from freezeguard.detection.statistics.likelihood import (
    LEAST_LIMIT,
    cautious_rate,
    daily_limit,
    log_add,
    log_block_ratio,
    odds,
)
from freezeguard.detection.windows import Observed
from freezeguard.domain.rules import Rule

MARGIN = log(1.5)
DISPERSION = 1.5
"""Shape of the mood of a block: one in ten brings less than a fifth of what is usual."""


def least_complaints(wanted: float, factor: float) -> int:
    """Return with how many complaints the odds can reach what is wanted, at the very best.

    n complaints are at most n beginnings, and the odds of one of them at most factor ^ those since:
    together less than factor ^ n x factor / (factor - 1).
    """
    if wanted <= 1:
        return 1
    return max(1, ceil(log(wanted * (factor - 1) / factor) / log(factor)))


@dataclass(frozen=True, slots=True)
class _Hit:
    """A day with complaints: how many, the exposure of the day, and that up to its block's end."""

    day: int
    complaints: int
    of_day: float
    until_end: float


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of days that is over: its exposure, and its days with complaints, newest first."""

    exposure: float
    hits: tuple[_Hit, ...]


class LikelihoodTracker:
    """Adds up the likelihood ratios of all beginnings in the window.

    Where the odds can't reach `worth_it`, they are not worked out, and the sample has none.
    """

    def __init__(self, rule: Rule, background: Background, worth_it: float) -> None:
        self._factor, self._gain = rule.factor, log(rule.factor)
        self._wanted = log(worth_it) if worth_it > 1 else -inf
        self._least = max(rule.min_customers, least_complaints(worth_it, rule.factor))
        self._book = DayBook(background, rule.window, rule.factor)
        self._blocks: dict[int, _Block] = {}
        self._baseline = Baseline(1, 1, "days", 0, Prior(1, 1))
        self._rate = 0.0
        self._since_past, self._of_past = 0.0, -inf
        self._learned = self._added_up = -1
        self._ceiling = inf

    def take(self, signal: Observed) -> Sample:
        book = self._book
        before = book.customers
        if book.take(signal):
            self._begin_block()
        elif book.customers > before:
            self._ceiling += self._gain
        if book.customers < self._least or self._ceiling < self._wanted:
            return NOTHING
        return Sample(odds(self._log_odds()))

    def finding(self) -> Finding:
        """Return what speaks: the complaints since the likeliest beginning."""
        book, baseline = self._book, self._baseline
        total, since = self._log_odds(), self._likeliest()
        signals = tuple(one for one in book.signals if one.occurred_at.toordinal() >= since)
        exposure = book.exposure.load(since, book.today)
        prior = baseline.prior
        details = {
            "log_odds": total,
            "one_fewer": odds(self._one_fewer()),
            "factor": self._factor,
            "complaints": len(signals),
            "days": book.today - since + 1,
            "per": baseline.unit,
            "exposure": exposure,
            "expected": self._rate * exposure,
            "rate": self._rate,
            "usual": {"complaints": baseline.complaints, "exposure": baseline.among},
            "prior": {"per": baseline.unit, "shape": prior.shape, "exposure": prior.exposure},
        }
        units = round(exposure) if baseline.unit == "units" else None
        customers = len({one.customer or b"" for one in signals})
        return Finding(signals, customers, units, details)

    def spare(self) -> Spare:
        """Return how many more signals can't reach what is wanted, until the block ends.

        One that is made later than all others multiplies the sum by `factor` at most, and adds one
        beginning; one from an earlier day of the window adds a beginning that is `factor` times as
        likely as the next: twice the factor, in all. A further half is left for units that are
        reported later and make the usual rate lower.
        """
        book = self._book
        too_few = self._least - book.customers - 1
        room = self._wanted - self._ceiling - MARGIN
        quiet = ceil(room / log(2 * self._factor)) - 1 if room > 0 else 0
        return Spare(max(0, too_few, quiet), book.today, (book.block + 1) * BLOCK)

    def _one_fewer(self) -> float:
        """Return the log odds at the same moment without the newest complaint that counts."""
        counts, today = self._book.counts, self._book.today
        if not counts.get(today):
            return self._log_odds()
        counts[today] -= 1
        try:
            return self._log_odds()
        finally:
            counts[today] += 1
            self._log_odds()

    # ----------------------------------------------------------------------------- ceilings

    def _begin_block(self) -> None:
        """Keep what is still true of a block that is over; raise the ceiling by what is not.

        One complaint more multiplies the sum by `factor` at most, and adds one beginning. A lower
        rate raises no log ratio by more than (sqrt(f) - 1) / (sqrt(f) + 1) for each complaint and
        each unit of dispersion, times the fall of its log. All else can only lower the sum.
        """
        book, before = self._book, self._rate
        self._added_up = -1
        if book.returned or book.measured_anew:
            self._blocks.clear()
        if book.customers < self._least:
            self._ceiling = inf
            return
        self._learn()
        root = sqrt(self._factor)
        blocks = (book.today - book.start) // BLOCK + 1
        fall = log(before / self._rate) if before > self._rate else 0.0
        steepness = (blocks * DISPERSION + book.customers) * (root - 1) / (root + 1)
        self._ceiling += fall * steepness + (book.returned + 1) * self._gain
        limited = before < self._rate and max(book.counts.values()) > LEAST_LIMIT
        if limited or book.measured_anew:
            self._ceiling = inf

    # ------------------------------------------------------------------------------ the sum

    def _learn(self) -> None:
        if self._learned != self._book.block or self._book.exposure.unit != self._baseline.unit:
            self._learned = self._book.block
            self._baseline = self._book.baseline()
            self._rate = cautious_rate(self._baseline.shape, self._baseline.exposure)

    def _log_odds(self) -> float:
        """Return the log of the sum over all beginnings."""
        book = self._book
        if self._added_up != book.block:
            self._learn()
            self._since_past, self._of_past = self._before_this_block()
            self._added_up = book.block
        current = self._read_block(book.block * BLOCK, book.today)
        since, total = self._add_block(current, 0.0, -inf)
        if self._of_past > -inf:
            total = log_add(total, self._of_past + since)
        self._ceiling = log_add(total, log(self._factor / (self._factor - 1)))
        return total

    def _before_this_block(self) -> tuple[float, float]:
        """Return the log ratio of the whole past window, and the sum of what began in it."""
        book, since, total = self._book, 0.0, -inf
        for first in range((book.block - 1) * BLOCK, book.start - 1, -BLOCK):
            since, total = self._add_block(self._past_block(first), since, total)
        for gone in [one for one in self._blocks if one < book.start]:
            del self._blocks[gone]
        return since, total

    def _add_block(self, block: _Block, since: float, total: float) -> tuple[float, float]:
        """Add a block before all later ones, whose log ratio is `since` and whose sum `total`."""
        counted, rate, factor = 0, self._rate, self._factor
        for hit in block.hits:
            counted += self._counted(hit)
            ratio = since + log_block_ratio(counted, rate * hit.until_end, factor, DISPERSION)
            total = log_add(total, ratio)
        return since + log_block_ratio(counted, rate * block.exposure, factor, DISPERSION), total

    def _counted(self, hit: _Hit) -> int:
        if hit.complaints <= LEAST_LIMIT:
            return hit.complaints
        return min(hit.complaints, daily_limit(self._rate * hit.of_day, self._factor))

    def _past_block(self, first: int) -> _Block:
        block = self._blocks.get(first)
        if block is None:
            block = self._blocks[first] = self._read_block(first, first + BLOCK - 1)
        return block

    def _read_block(self, first: int, last: int) -> _Block:
        counts, load = self._book.counts, self._book.exposure.load
        return _Block(
            load(first, last),
            tuple(
                _Hit(day, counts[day], load(day, day), load(day, last))
                for day in range(last, first - 1, -1)
                if counts.get(day)
            ),
        )

    def _likeliest(self) -> int:
        """Return the day on which a defect began most likely."""
        book, since = self._book, 0.0
        best = (-inf, book.today)
        firsts = range(book.block * BLOCK, book.start - 1, -BLOCK)
        for first in firsts:
            block = self._read_block(first, min(first + BLOCK - 1, book.today))
            counted = 0
            for hit in block.hits:
                counted += self._counted(hit)
                ratio = since + log_block_ratio(
                    counted, self._rate * hit.until_end, self._factor, DISPERSION
                )
                best = max(best, (ratio, hit.day))
            since, _ = self._add_block(block, since, -inf)
        return best[1]
