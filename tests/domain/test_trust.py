"""Trust in a source: falls with false alarms, recovers with right cases and with time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.policy import Policy
from freezeguard.domain.trust import HALF_LIFE, REMEMBERED, Standing, Verdict, standing

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LIMIT = Policy().trust_limit


def _verdicts(right: int, wrong: int, age: timedelta = timedelta(0)) -> list[Verdict]:
    return [*(Verdict(NOW - age, True) for _ in range(right)),
            *(Verdict(NOW - age, False) for _ in range(wrong))]  # fmt: skip


@pytest.mark.parametrize(
    ("right", "wrong", "is_trusted"),
    [(0, 0, True), (0, 1, True), (0, 2, True), (0, 3, False), (1, 3, True), (1, 4, False),
     (20, 21, True), (20, 23, False)],
)
def test_most_cases_must_have_been_wrong(right: int, wrong: int, is_trusted: bool) -> None:
    """A source begins with trust; three more false alarms than right cases are its end."""
    assert is_trusted is (standing(1.0, _verdicts(right, wrong), NOW).trust >= LIMIT)


def test_a_case_counts_half_after_its_half_life() -> None:
    """Four false alarms of 90 days ago are two; after long enough they are nearly none."""
    assert standing(1.0, _verdicts(0, 2), NOW) == standing(1.0, _verdicts(0, 4, HALF_LIFE), NOW)
    assert standing(1.0, _verdicts(0, 4, REMEMBERED), NOW).trust > 0.745


def test_a_verdict_of_another_clock_counts_whole() -> None:
    """A verdict that lies ahead of this clock counts as one of now, not as more."""
    ahead = _verdicts(0, 1, timedelta(days=-400))

    assert Standing(1.0, 0, 1) == standing(1.0, ahead, NOW)


def test_given_trust_scales_what_cases_say() -> None:
    """What an admin trusts by half is never trusted enough, whatever becomes of its cases."""
    assert 0.5 * 0.75 == standing(0.5, [], NOW).trust
    assert standing(0.5, _verdicts(500, 0), NOW).trust < LIMIT


@given(given=st.floats(0, 1), right=st.integers(0, 50), wrong=st.integers(0, 50),
       days=st.integers(0, 900))
def test_trust_is_a_share_and_moves_the_right_way(
    given: float, right: int, wrong: int, days: int
) -> None:
    """It lies between 0 and 1; a right case never lowers it, a wrong one never lifts it."""
    known = _verdicts(right, wrong, timedelta(days=days))
    now = standing(given, known, NOW).trust

    assert 0 <= now <= 1
    assert standing(given, [*known, Verdict(NOW, True)], NOW).trust >= now
    assert standing(given, [*known, Verdict(NOW, False)], NOW).trust <= now
