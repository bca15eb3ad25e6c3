"""Families that look at several windows at once, and take the one in which it looks worst.

`predictive` asks how seldom a sound item gets so many complaints in such a window. The chance is
that of a negative binomial law: the item's rate is known only as far as history and prior show it,
and the blocks of the window have their moods. `posterior` asks how sure it is that the rate is more
than so many times the usual one; before the window's complaints, it is taken to lie about the usual
rate as rates of the category lie about theirs (Gelman et al., Bayesian Data Analysis, section 2.6).
Moods make a count say less: it is given the weight that the variance of a sound item's leaves it
(quasi-likelihood; McCullagh and Nelder, Generalized Linear Models, chapter 9).

History ends where the longest window begins. A customer counts once, when first heard of in the
longest window. The largest of several scores is crossed more often by chance than each of them: a
bound is set by replaying the past, and means what it says for one window at one moment.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from freezeguard.detection.daybook import BLOCK, Background, Baseline
from freezeguard.detection.families.daily import DailyTracker, Seen, once_in
from freezeguard.detection.families.likelihood import DISPERSION
from freezeguard.detection.statistics.gamma import gamma_posterior_odds
from freezeguard.detection.statistics.likelihood import LARGEST_ODDS
from freezeguard.detection.statistics.predictive import RAREST, predictive_chance, predictive_tail
from freezeguard.domain.rules import Family, Rule


class Usual(NamedTuple):
    """What is usual for an item, and for how many times that is looked, at what bound."""

    baseline: Baseline
    rate: float
    factor: float
    worth_it: float


class _Span(NamedTuple):
    """A window: its first day, what counts of it before today, of how many, and its exposure."""

    first: int
    counted: int
    customers: int
    exposure: float


class SpansTracker(DailyTracker):
    """Scores every window of a rule by one statistic."""

    def __init__(self, rule: Rule, background: Background, worth_it: float) -> None:
        super().__init__(rule, background, worth_it, rule.factor)
        self._score = SCORES[rule.family]
        self._lengths = [-(-one // timedelta(days=1)) for one in (*rule.windows, rule.window)]
        self._spans: list[_Span] = []

    def _begin_day(self, *, is_new_block: bool) -> None:
        del is_new_block
        today, counts, past = self._book.today, self._book.counts, self._counts
        self._spans = []
        for length in self._lengths:
            first = today - length + 1
            days = [day for day in past if day >= first]
            counted, customers = sum(past[day] for day in days), sum(counts[day] for day in days)
            self._spans.append(_Span(first, counted, customers, self._load(first, today)))

    def _look(self, more: int = 0, ease: float = 1.0) -> Seen | None:
        book, best = self._book, None
        counted = self._counted(book.today) + more
        customers = book.counts.get(book.today, 0) + more
        usual = Usual(self._baseline, self._rate, self._rule.factor, self._worth_it)
        for span in self._spans:
            if span.customers + customers < self._least:
                continue
            complaints, exposure = span.counted + counted, span.exposure / ease
            moods = DISPERSION * (book.today - span.first + 1) / BLOCK
            value = self._score(complaints, exposure, moods, usual)
            if value > 0 and (best is None or value > best.value):
                expected = self._baseline.shape / self._baseline.exposure * exposure
                best = Seen(value, span.first, complaints, exposure, expected)
        return best


Score = Callable[[int, float, float, Usual], float]
"""By complaints, exposure and moods of a window, and what is usual: 0 where it is not worth it."""


def _predictive(complaints: int, exposure: float, moods: float, usual: Usual) -> float:
    """Return once in how many such windows a sound item brings so many complaints.

    The rate and the mean of so many moods, each of a gamma law, are taken as one such law with the
    variance of their product.
    """
    shape, among = usual.baseline.shape, usual.baseline.exposure
    of_both = 1 / (1 / shape + 1 / moods + 1 / (shape * moods))
    rate = among * of_both / shape
    if complaints <= shape / among * exposure:
        return 0.0
    # all the tail is more likely than where it begins
    if predictive_chance(of_both, rate, complaints, exposure) * usual.worth_it > 1:
        return 0.0
    return once_in(predictive_tail(of_both, rate, complaints, exposure), RAREST)


def _posterior(complaints: int, exposure: float, moods: float, usual: Usual) -> float:
    """Return the odds that the item's rate is more than `factor` times the usual one."""
    shape, high = usual.baseline.prior.shape, usual.rate * usual.factor
    weight = 1 / (1 + usual.rate * exposure / moods)
    events, among = weight * complaints, weight * exposure
    if shape + events <= high * (shape / usual.rate + among):
        return 0.0  # a gamma law lies above its mean with less than one half
    odds = gamma_posterior_odds(shape, shape / usual.rate, events, among, usual.factor)
    return min(odds, LARGEST_ODDS)


SCORES: Mapping[Family, Score] = {
    Family.PREDICTIVE: _predictive,
    Family.POSTERIOR: _posterior,
}
