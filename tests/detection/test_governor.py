"""The governor: no feed, however wrong, freezes more than its budget."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.detection.governor import Spent, exhausted, source_to_charge
from freezeguard.domain.policy import Budget
from tests.detection.streams import OBSERVED, signal

BUDGET = Budget()
NOTHING = Spent(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("spent", "answer"),
    [
        (Spent(19, 39, 19, 59), None),
        (Spent(20, 39, 19, 59), "per_source"),
        (Spent(19, 40, 19, 59), "per_category"),
        (Spent(19, 39, 20, 59), "per_vendor"),
        (Spent(19, 39, 19, 60), "shop"),
        (Spent(99, 99, 99, 99), "per_source"),
    ],
)
def test_every_budget_has_its_edge(spent, answer):
    """The last freeze inside a budget is free to go, the next one names what is spent."""
    assert answer == exhausted(spent, BUDGET, "quality")


def test_safety_spends_a_budget_of_its_own():
    """Only the source's larger budget holds a safety freeze back."""
    crowded = Spent(99, 10_000, 10_000, 10_000)

    assert None is exhausted(crowded, BUDGET, "safety")
    assert "safety_per_source" == exhausted(replace(crowded, by_source=100), BUDGET, "safety")


def test_an_order_is_unlimited():
    """No budget stands between an authority and the sale."""
    assert None is exhausted(Spent(10**9, 10**9, 10**9, 10**9), BUDGET, "authority")


@given(st.lists(st.sampled_from(["feed", "shop"]), max_size=300), st.integers(0, 30))
def test_no_feed_freezes_more_than_its_budget(feeds, room):
    """However many crossings each source brings, what is let through stays within its budget."""
    budget = Budget(per_source=room, shop=45)
    freezes: list[str] = []

    for source in feeds:
        spent = Spent(freezes.count(source), len(freezes), 0, len(freezes))
        if exhausted(spent, budget, "quality") is None:
            freezes.append(source)

    assert all(freezes.count(source) <= room for source in ("feed", "shop"))
    assert len(freezes) <= 40
    if room >= 40:
        assert min(len(feeds), 40) == len(freezes)


@pytest.mark.parametrize(
    ("sources", "charged"),
    [("a", "a"), ("aab", "a"), ("abb", "b"), ("ab", "b"), ("abba", "a"), ("cab", "b")],
)
def test_who_is_charged(sources, charged):
    """Whoever brought most; of equals the newest one's source."""
    counted = [signal(n, source=source) for n, source in enumerate(sources)]

    assert charged == source_to_charge(counted)


@given(st.lists(OBSERVED, min_size=1))
def test_a_poisoned_feed_pays_for_itself(counted):
    """Whoever completes a crossing does not pay for a crowd that another source prepared."""
    sources = [one.source for one in counted]
    charged = source_to_charge(counted)

    assert sources.count(charged) == max(map(sources.count, sources))
    if sources.count(sources[-1]) == sources.count(charged):
        assert sources[-1] == charged
