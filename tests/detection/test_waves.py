"""Waves: many items of one vendor at once are left to a person, and nothing else is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.detection.backtest.curves import trade_off
from freezeguard.detection.backtest.items import Item
from freezeguard.detection.backtest.replay import backtest
from freezeguard.detection.backtest.tuning import tune
from freezeguard.detection.governor import Charge, Spent, exhausted, spent_budget
from freezeguard.detection.waves import Stop, beyond, is_wave
from freezeguard.detection.windows import Observed
from freezeguard.domain.policy import Budget
from freezeguard.domain.rules import read_rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 12, 31, tzinfo=UTC)
DAY = timedelta(days=1)
BUDGET = Budget()
ANY_NUMBER = replace(BUDGET, vendor_skus=0)
STOPS = st.lists(
    st.builds(
        Stop, st.integers(0, 100).map(lambda n: START + n * DAY), st.sampled_from("abcdefgh"),
        st.sampled_from(["acme", "other", None]), st.booleans(),
    ),
    unique_by=lambda one: (one.at, one.sku), max_size=40,
)  # fmt: skip


def stop(day: float, sku: str, vendor: str | None = "acme", **more: Any) -> Stop:
    """Return a stop so many days after the start."""
    return Stop(START + day * DAY, sku, vendor, **more)


def item(sku: str, *days: float, vendor: str | None = "acme") -> Item:
    """Return an item with a complaint on each of these days, each by a customer of its own."""
    return Item(sku, [
        Observed(
            Scope(sku), START + day * DAY, "shop", f"{sku}-{day}", 1, Kind.COMPLAINT, "defect",
            Severity.MAJOR, customer=f"{sku}-{day}".encode(),
        ) for day in days
    ], vendor=vendor)  # fmt: skip


THREE = read_rule({
    "id": "three", "family": "count", "window": "10d", "bound": 3, "mode": "armed",
}, 1)


@pytest.mark.parametrize(
    ("others", "of_vendor", "is_one"),
    [(2, 4, False), (3, 4, True), (3, 600, True), (3, 601, False), (4, 601, True), (3, 0, True)],
)
def test_a_large_vendor_may_have_more_at_once(others: int, of_vendor: int, is_one: bool) -> None:
    """Three items, or one in two hundred; whoever sells ten thousand has bad luck more often."""
    assert is_one is is_wave(others, of_vendor, BUDGET)
    assert not is_wave(10**6, of_vendor, ANY_NUMBER)


def test_the_first_items_of_a_wave_are_stopped_and_the_others_left() -> None:
    """In the order of time; after a month the vendor is as any other again."""
    wave = [stop(n, f"K-{n}") for n in range(6)]
    later = stop(40, "K-9")

    assert set(wave[3:]) == beyond([later, *reversed(wave)], {"acme": 20}, BUDGET)
    assert set() == beyond([replace(one, vendor=None) for one in wave], {None: 20}, BUDGET)
    assert set() == beyond(wave, {"acme": 20}, ANY_NUMBER)


def test_stops_of_one_item_and_those_that_were_right_are_no_wave() -> None:
    """One item that is stopped again and again is one; where a defect was found, that explains."""
    again = [stop(n, "K-1") for n in range(9)]
    found = [stop(n + 0.5, f"K-{n}", is_right=True) for n in range(9)]

    assert set() == beyond([*again, *found], {"acme": 20}, BUDGET)


@given(STOPS)
def test_a_vendor_never_has_more_than_its_part(stops: list[Stop]) -> None:
    """In no month are more than three items of a vendor stopped that nobody found a defect in."""
    left = beyond(stops, {}, BUDGET)
    kept = [one for one in stops if one not in left]

    assert all(one.vendor is not None for one in left)
    for last in kept:
        month = {
            one.sku for one in kept
            if one.vendor == last.vendor and not one.is_right
            and last.at - BUDGET.vendor_window < one.at <= last.at
        }
        assert last.vendor is None or last.is_right or len(month) <= 3


def test_the_governor_says_whose_budget_is_spent() -> None:
    """The vendor's comes first, for safety never; what is said of it has its own window."""
    crowded = Spent(99, 99, 99, 99, ("K-1", "K-2", "K-3"), 7)
    charge = Charge("quality", "shop")

    assert "vendor_skus" == exhausted(crowded, BUDGET, "quality")
    assert "per_source" == exhausted(replace(crowded, wave=("K-1",)), BUDGET, "quality")
    assert None is exhausted(crowded, BUDGET, "safety")
    said = [
        spent_budget(name, charge, crowded, "toys", "acme", BUDGET)
        for name in ("vendor_skus", "per_vendor", "per_source", "per_category", "shop")
    ]
    assert [("vendor", "acme"), ("vendor", "acme"), ("source", "shop"), ("category", "toys"),
            ("shop", "")] == [(one.of, one.whose) for one in said]  # fmt: skip
    assert [(3, 30 * DAY), (20, DAY / 144)] == [(one.limit, one.window) for one in said[:2]]
    large = replace(crowded, of_vendor=1_001)
    assert 6 == spent_budget("vendor_skus", charge, large, "toys", "acme", BUDGET).limit


def test_a_backtest_leaves_to_people_what_live_does() -> None:
    """Their items are no freezes, neither wrong nor right, and are listed apart."""
    loads = [item(f"K-{n}", 10 + n, 11 + n, 12 + n) for n in range(6)]
    [result] = backtest(loads, [THREE], end=END)
    [free] = backtest(loads, [THREE], end=END, budget=ANY_NUMBER)
    [late] = backtest(loads, [THREE], end=END, since=START + 14.5 * DAY)

    assert ["K-0", "K-1", "K-2"] == [one.sku for one in result.freezes]
    assert ["K-3", "K-4", "K-5"] == [one.sku for one in result.left_to_people]
    assert (3, 6, []) == (result.wrong, free.wrong, free.left_to_people)
    assert (["K-3", "K-4", "K-5"], []) == ([one.sku for one in late.left_to_people], late.freezes)


def test_known_defects_make_no_wave_in_a_backtest() -> None:
    """A vendor with four bad items is stopped four times."""
    bad = [item(f"K-{n}", 10 + n, 11 + n, 12 + n) for n in range(4)]
    alerts = {one.sku: START + 60 * DAY for one in bad}
    [result] = backtest(bad, [THREE], end=END, alerts=alerts)

    assert (4, 0) == (len(result.leads), len(result.left_to_people))


@pytest.mark.parametrize("budget", [40, 200, 700])
def test_a_bound_is_tuned_with_waves_left_out(budget: float) -> None:
    """What is tuned keeps the budget in a backtest, and one lower bound would break it."""
    wave = [item(f"K-{n}", *(40 + n + m / 9 for m in range(3 + n))) for n in range(12)]
    others = [item(f"L-{n}", *(90 + m for m in range(1 + n % 9)), vendor=None) for n in range(40)]
    tuned = tune(THREE, [*wave, *others], budget=budget, end=END)

    def rate(bound: float) -> float:
        [result] = backtest([*wave, *others], [replace(THREE, bound=bound)], end=END)
        return result.wrong_per_1000

    assert tuned.rate == pytest.approx(rate(tuned.rule.bound))
    assert rate(tuned.rule.bound) <= budget < rate(tuned.rule.bound - 1)


def test_a_limit_of_days_is_tuned_and_drawn_like_any_rule() -> None:
    """Bounds that it can never reach are tried too, and freeze nothing."""
    limited = read_rule({
        "id": "calm", "family": "count", "window": "7d", "bound": 9, "per_day": 2, "mode": "armed",
    }, 1)  # fmt: skip
    items = [item(f"K-{n}", *(10 + m / 3 for m in range(3 * n))) for n in range(1, 8)]
    tuned = tune(limited, items, budget=300, end=END)
    [result] = backtest(items, [tuned.rule], end=END)

    assert tuned.keeps_budget
    assert tuned.rate == pytest.approx(result.wrong_per_1000)
    points = trade_off(limited, items, end=END, priors={}, alerts={})
    assert 18 == max(one.bound for one in points)
    assert 0 == points[-1].wrong_per_1000


def test_a_curve_knows_how_many_items_a_vendor_has() -> None:
    """At each bound as many may be stopped as in a backtest at that bound."""
    loads = [item(f"L-{n}", *(40 + n / 50 + m / 9 for m in range(3 + n % 4))) for n in range(40)]
    quiet = [item(f"K-{n}", 10) for n in range(1_500)]
    points = trade_off(THREE, [*loads, *quiet], end=END, priors={}, alerts={})

    for one in points:
        [result] = backtest([*loads, *quiet], [replace(THREE, bound=one.bound)], end=END)
        assert one.wrong_per_1000 == pytest.approx(result.wrong_per_1000), one.bound


def test_what_a_trusted_source_says_of_safety_makes_no_wave() -> None:
    """A rule of that lane spends the larger budget only where the source may assert it."""
    rule = read_rule({
        "id": "hurt", "family": "count", "window": "10d", "bound": 3, "lane": "safety",
        "mode": "armed",
    }, 1)  # fmt: skip
    loads = [item(f"K-{n}", 10 + n, 11 + n, 12 + n) for n in range(6)]
    trusted = [
        replace(one, signals=[replace(each, may_assert_safety=True) for each in one.signals])
        for one in loads
    ]

    assert (3, 6) == tuple(
        len(backtest(some, [rule], end=END)[0].freezes) for some in (loads, trusted)
    )
    for some in (loads, trusted):
        tuned = tune(rule, some, budget=1_000, end=END)
        [result] = backtest(some, [tuned.rule], end=END)
        assert tuned.rate == pytest.approx(result.wrong_per_1000)


def test_a_curve_counts_from_a_day_on_as_a_backtest_does() -> None:
    """What crossed a low bound before that day may cross a higher one after it."""
    items = [item("K-1", *(n / 2 for n in range(40)))]
    since = START + 3 * DAY
    for one in trade_off(THREE, items, end=END, priors={}, alerts={}, since=since):
        [result] = backtest(items, [replace(THREE, bound=one.bound)], end=END, since=since)
        assert one.wrong_per_1000 == pytest.approx(result.wrong_per_1000), one.bound
