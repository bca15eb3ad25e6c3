"""The prior that fits a shop's own counts best, against scipy and against what made the counts."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom

from freezeguard.detection.statistics.priors import fit_gamma_prior, without_loud_days


def likelihood(shape: float, rate: float, counts: Sequence[int], among: Sequence[float]) -> float:
    """Return the log likelihood of all counts, by scipy."""
    return float(nbinom.logpmf(counts, shape, rate / (rate + np.array(among))).sum())


@given(st.integers(0, 1_000), st.floats(0.3, 8), st.floats(0.0005, 0.05))
@settings(max_examples=20)
def test_no_other_law_fits_better(seed, shape, mean):
    """Around the law that was found, every other one makes the counts less likely."""
    chance = np.random.default_rng(seed)
    among = chance.lognormal(6, 1.2, 400)
    counts = chance.poisson(among * chance.gamma(shape, mean / shape, 400))

    found_shape, found_rate = fit_gamma_prior(counts.tolist(), among.tolist())

    best = likelihood(found_shape, found_rate, counts, among)
    if 0.011 < found_shape < 95:  # not at the edge of what is looked at
        for more_shape, more_rate in ((1.1, 1.1), (0.9, 0.9), (1.0, 1.1), (1.0, 0.9), (1.1, 1.0)):
            other = likelihood(found_shape * more_shape, found_rate * more_rate, counts, among)
            assert other <= best + 0.02


def test_the_law_that_made_the_counts_is_found():
    """From many items, shape and mean come out within a few percent."""
    chance = np.random.default_rng(4)
    among = chance.lognormal(7, 1, 20_000)
    counts = chance.poisson(among * chance.gamma(2, 0.003 / 2, 20_000))

    shape, rate = fit_gamma_prior(counts.tolist(), among.tolist())

    assert shape == pytest.approx(2, rel=0.05)
    assert shape / rate == pytest.approx(0.003, rel=0.02)


def test_items_without_exposure_tell_nothing():
    """They neither help nor spoil."""
    counts, among = [0, 3, 1, 9, 0, 2], [100.0, 200.0, 90.0, 400.0, 50.0, 120.0]

    assert fit_gamma_prior([*counts, 7], [*among, 0.0]) == fit_gamma_prior(counts, among)


@pytest.mark.parametrize("counts", [[], [0, 0]])
def test_nothing_fits_nothing(counts):
    """Without a single count there is no law to find."""
    with pytest.raises(ValueError, match="at least one count"):
        fit_gamma_prior(counts, [10.0] * len(counts))


def test_loud_days_teach_no_more_than_a_defect_would():
    """Three in a year and a load of fifty on one day are six; a hundred on each day are that."""
    assert without_loud_days([1, 1, 1, 50], 365) == 6
    assert without_loud_days([100] * 365, 365) == 36_500
    assert without_loud_days([], 365) == 0
