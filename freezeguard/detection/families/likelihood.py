"""The likelihood family: how much likelier is what was seen if a defect began in the window.

The formula is that of `freezeguard.detection.statistics.likelihood`; what it is given is an item's
`DayBook`. Between two complaints of one block of days nearly all of the sum is known already.
"""

from math import ceil, inf, log, sqrt

from freezeguard.detection.daybook import BLOCK, Background, Baseline, DayBook, Prior
from freezeguard.detection.families.tracker import (
    LOAD,
    NOTHING,
    Finding,
    Load,
    Sample,
    Spare,
)
from freezeguard.detection.statistics.likelihood import (
    LEAST_LIMIT,
    cautious_rate,
    daily_limit,
    log_add,
    log_block_ratio,
    log_sum,
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


_Hit = tuple[int, int, float, float]
"""A day with complaints: how many, the exposure of the day, and that up to its block's end."""
_Block = tuple[float, list[_Hit]]
"""A block of days: its exposure, and its days with complaints, newest first."""
_NOT_LEARNED = Baseline(1, 1, "days", 0, Prior(1, 1))


class LikelihoodTracker:
    """Adds up the likelihood ratios of all beginnings in the window.

    Where the odds can't reach `worth_it`, they are not worked out, and the sample has none.
    """

    def __init__(self, rule: Rule, background: Background, worth_it: float) -> None:
        self._factor, self._gain = rule.factor, log(rule.factor)
        self._wanted = log(worth_it) if worth_it > 1 else -inf
        self._least = max(rule.min_customers, least_complaints(worth_it, rule.factor))
        self._book = DayBook(background, rule.window, rule.factor)
        self._unread: list[Observed] = []
        self._blocks: dict[int, _Block] = {}
        self._baseline = _NOT_LEARNED
        self._rate = 0.0
        self._of_past = -inf
        self._learned = self._added_up = self._carried_to = -1
        self._carried = self._ceiling = inf

    def take(self, signal: Observed) -> Sample:
        book = self._book
        if len(book.customers) < self._least:
            if self._are_too_few(signal):
                self._unread.append(signal)
                return NOTHING
            self._catch_up()
        self._read(signal)
        if self._ceiling < self._wanted or len(book.customers) < self._least:
            return NOTHING
        if self._added_up != book.block and self._at_most() < self._wanted:
            return NOTHING
        return Sample(odds(self._log_odds()))

    def _are_too_few(self, signal: Observed) -> bool:
        """Say whether with this signal the window can't hold enough, as most items' never does.

        Such signals are kept, and read once it can, or when somebody asks for more than a sample.
        """
        book, unread, others = self._book, self._unread, self._least - 1
        if len(book.customers) + len(unread) < others:
            return True
        if len(unread) < others or not others:
            return False
        start = book.start_at(signal.occurred_at.toordinal())
        return unread[-others].occurred_at.toordinal() < start

    def _catch_up(self) -> None:
        for one in self._unread:
            self._read(one)
        self._unread.clear()

    def _read(self, signal: Observed) -> None:
        book = self._book
        before = len(book.customers)
        if book.take(signal):
            self._begin_block()
        elif len(book.customers) > before:
            self._ceiling += self._gain

    def finding(self) -> Finding:
        """Return what speaks: the complaints since the likeliest beginning."""
        book, baseline = self._book, self._baseline
        total, since = self._log_odds(), self._likeliest()
        signals = tuple(one for one in book.signals if one.occurred_at.toordinal() >= since)
        exposure = book.exposure.load(since, book.today)
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
            "prior": {"per": baseline.unit, **baseline.prior.as_dict()},
        }
        units = round(exposure) if baseline.unit == "units" else None
        customers = len({one.customer or b"" for one in signals})
        return Finding(signals, customers, units, details)

    def load(self) -> Load | None:
        book = self._book
        if self._unread or book.counts.get(book.today, 0) <= LOAD:
            return None
        limit = self._limit_of_today()
        if book.counts[book.today] < limit + LOAD:
            return None
        return Load(tuple(
            one for one in book.signals if one.occurred_at.toordinal() == book.today
        ), limit)  # fmt: skip

    def _limit_of_today(self) -> int:
        self._learn()
        today = self._book.today
        return daily_limit(self._rate * self._book.exposure.load(today, today), self._factor)

    def spare(self) -> Spare:
        """Return how many more signals can't reach what is wanted, until the day ends.

        One that is made later than all others multiplies the sum by `factor` at most, and adds one
        beginning; one from an earlier day of the window adds a beginning that is `factor` times as
        likely as the next: twice the factor, in all. A further half is left for units that are
        reported later and make the usual rate lower.
        """
        self._catch_up()
        book = self._book
        too_few = self._least - len(book.customers) - 1
        room = self._wanted - self._ceiling - MARGIN
        quiet = ceil(room / log(2 * self._factor)) - 1 if room > 0 else 0
        spared = max(0, too_few, quiet)
        if book.counts.get(book.today, 0) + spared > LOAD:  # a load may be on its way
            room = self._limit_of_today() + LOAD - 1 - book.counts.get(book.today, 0)
            spared = max(0, min(spared, room))
        return Spare(spared, book.today, book.today + 1)

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
        """Carry the sum over to a new block, as what it is at most.

        A lower rate raises no log ratio by more than (sqrt(f) - 1) / (sqrt(f) + 1) for each
        complaint and each unit of dispersion, times the fall of its log. A customer who counts on
        a later day is a complaint more, and perhaps a beginning: see `spare`. What the window has
        left behind only lowered the sum.
        """
        book, before = self._book, self._rate
        self._added_up = -1
        if book.returned or book.measured_anew:
            self._blocks.clear()
        if len(book.customers) < self._least:
            self._carried = self._ceiling = inf
            return
        carried = self._carried_over()
        self._learn()
        root = sqrt(self._factor)
        blocks = (book.today - book.start) // BLOCK + 1
        fall = log(before / self._rate) if before > self._rate else 0.0
        steepness = (blocks * DISPERSION + len(book.customers)) * (root - 1) / (root + 1)
        if book.returned:  # each is perhaps a beginning by itself
            carried = self._above(carried) + book.returned * log(2 * self._factor)
        carried += fall * steepness
        # with a higher rate, days with more than a few complaints may count for more
        limited = before < self._rate and max(book.counts.values()) > LEAST_LIMIT
        self._carried = inf if limited or book.measured_anew else carried
        self._carried_to = book.block
        self._ceiling = self._above(self._carried) + self._gain

    def _carried_over(self) -> float:
        """Return what the sum is at most when a new block begins, at the rate known so far."""
        book, carried = self._book, self._carried
        if carried == inf or self._carried_to == book.block:
            return inf
        first = self._carried_to * BLOCK
        whole, total = self._add_block(self._past_block(first), 0.0, -inf)
        carried = log_add(total, carried + whole)
        quiet = book.exposure.between(first + BLOCK, book.block * BLOCK - 1)
        # one long quiet time speaks less against a defect than the blocks that it is made of
        return carried + log_block_ratio(0, self._rate * quiet, self._factor, DISPERSION)

    def _at_most(self) -> float:
        """Return what the log odds are at most, by what was carried over to this block."""
        if self._carried == inf:
            return inf
        current = self._read_block(self._book.block * BLOCK, self._book.today)
        since, total = self._add_block(current, 0.0, -inf)
        total = log_add(total, self._carried + since)
        self._ceiling = self._above(total)
        return total

    def _above(self, total: float) -> float:
        """Return a log that `factor` times more for each further complaint keeps above the sum."""
        return inf if total == inf else log_add(total, log(self._factor / (self._factor - 1)))

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
            _, self._of_past = self._before_this_block()
            self._added_up = self._carried_to = book.block
            self._carried = self._of_past
        current = self._read_block(book.block * BLOCK, book.today)
        since, total = self._add_block(current, 0.0, -inf)
        if self._of_past > -inf:
            total = log_add(total, self._of_past + since)
        self._ceiling = self._above(total)
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
        exposure, hits = block
        if not hits:
            quiet = log_block_ratio(0, self._rate * exposure, self._factor, DISPERSION)
            return since + quiet, total
        whole, beginnings = self._ratios(block, since)
        if len(beginnings) == 1:
            return whole, log_add(total, beginnings[0][0])
        return whole, log_sum([total, *(ratio for ratio, _ in beginnings)])

    def _ratios(self, block: _Block, since: float) -> tuple[float, list[tuple[float, int]]]:
        """Return the log ratio from the start of a block on, and those from its beginnings on."""
        counted, rate, factor = 0, self._rate, self._factor
        beginnings = []
        exposure, hits = block
        for day, complaints, of_day, until_end in hits:
            if complaints > LEAST_LIMIT:
                counted += min(complaints, daily_limit(rate * of_day, factor))
            else:
                counted += complaints
            ratio = log_block_ratio(counted, rate * until_end, factor, DISPERSION)
            beginnings.append((since + ratio, day))
        whole = log_block_ratio(counted, rate * exposure, factor, DISPERSION)
        return since + whole, beginnings

    def _past_block(self, first: int) -> _Block:
        block = self._blocks.get(first)
        if block is None:
            block = self._blocks[first] = self._read_block(first, first + BLOCK - 1)
        return block

    def _read_block(self, first: int, last: int) -> _Block:
        counts, load = self._book.counts, self._book.exposure.load
        hits = []
        for day in [one for one in range(last, first - 1, -1) if counts.get(one)]:
            complaints = counts[day]
            # what a day was exposed to only limits days with more than a few
            of_day = load(day, day) if complaints > LEAST_LIMIT else 0.0
            hits.append((day, complaints, of_day, load(day, last)))
        return load(first, last), hits

    def _likeliest(self) -> int:
        """Return the day on which a defect began most likely."""
        book, since = self._book, 0.0
        best = (-inf, book.today)
        for first in range(book.block * BLOCK, book.start - 1, -BLOCK):
            block = self._read_block(first, min(first + BLOCK - 1, book.today))
            since, beginnings = self._ratios(block, since)
            best = max([best, *beginnings])
        return best[1]
