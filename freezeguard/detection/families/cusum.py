"""The cusum family: complaints beyond what is let pass, added up; a slow leak fills it too.

Lucas, "Counted data CUSUMs", Technometrics 27 (1985) 129-144: S = max(0, S + x - k), crossed at
S >= h, with k = (f - 1) / ln(f) times what is usual, which lies between usual and f times usual.
A period is a block of days, as complaints of a few days share a mood. The sum begins at 0 where
the window does: history, from which the usual rate is learned, ends there.
"""

from collections.abc import Mapping
from math import ceil, log
from typing import Any, NamedTuple

from freezeguard.detection.daybook import BLOCK, Background
from freezeguard.detection.families.daily import DailyTracker, Seen
from freezeguard.domain.rules import Rule


class _Sum(NamedTuple):
    """What has come together since a day: the sum, and the complaints and exposure of it."""

    value: float
    since: int
    complaints: int
    exposure: float


class CusumTracker(DailyTracker):
    """Adds up blocks, the one under way included. Its value is complaints too many."""

    def __init__(self, rule: Rule, background: Background, worth_it: float) -> None:
        super().__init__(rule, background, worth_it, rule.factor)
        self._least = max(self._least, ceil(worth_it))
        self._slope = (rule.factor - 1) / log(rule.factor)
        self._blocks: dict[int, int] = {}
        self._past = _Sum(0.0, 0, 0, 0.0)

    def _begin_day(self, *, is_new_block: bool) -> None:
        self._blocks = {}
        for day, counted in self._counts.items():
            block = day // BLOCK
            self._blocks[block] = self._blocks.get(block, 0) + counted
        if is_new_block:
            self._past = self._add_up(1.0)

    def _add_up(self, ease: float) -> _Sum:
        """Return the sum of the blocks that are over."""
        found = _Sum(0.0, self._book.start, 0, 0.0)
        for block in range(self._book.start // BLOCK, self._book.block):
            last = block * BLOCK + BLOCK - 1
            found = self._add(found, self._blocks.get(block, 0), block * BLOCK, last, ease)
        return found

    def _add(self, before: _Sum, complaints: int, first: int, last: int, ease: float) -> _Sum:
        exposure = self._load(first, last)
        value = before.value + complaints - self._slope * self._rate * exposure / ease
        if value <= 0:
            return _Sum(0.0, last + 1, 0, 0.0)
        return _Sum(
            value, before.since, before.complaints + complaints, before.exposure + exposure
        )

    def _look(self, more: int = 0, ease: float = 1.0) -> Seen | None:
        book = self._book
        if len(book.customers) + more < self._rule.min_customers:
            return None
        past = self._past if ease == 1 else self._add_up(ease)
        complaints = self._blocks.get(book.block, 0) + self._counted(book.today) + more
        now = self._add(past, complaints, book.block * BLOCK, book.today, ease)
        return Seen(
            now.value, min(now.since, book.today), now.complaints, now.exposure,
            self._rate * now.exposure,
        )

    def _details(self) -> Mapping[str, Any]:
        return {"let_pass": self._seen.complaints - self._seen.value}
