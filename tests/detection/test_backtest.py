"""A backtest is the live engine over a past; its figures are what they say."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from freezeguard.detection.backtest.curves import bounds_around, trade_off
from freezeguard.detection.backtest.items import Item, Judgement, learn_priors
from freezeguard.detection.backtest.replay import (
    backtest,
    evidence_over_time,
    freezes,
    highest,
)
from freezeguard.detection.backtest.results import RuleResult, WouldHaveFrozen, poisson_interval
from freezeguard.detection.backtest.tuning import tune
from freezeguard.detection.daybook import UNLEARNED
from freezeguard.detection.defaultpolicy import default_policy
from freezeguard.detection.evaluation import Evidence, by_days, crossings
from freezeguard.detection.statistics.likelihood import LARGEST_ODDS
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.rules import Family, Rule, read_rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity

START = datetime(2024, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def complaint(day: float, sku: str = "K-1", customer: str = "") -> Observed:
    """Return a complaint so many days after the start, by a customer of its own."""
    name = customer or f"{day:.4f}"
    return Observed(
        Scope(sku), START + day * DAY, "shop", f"{day:09.4f}-{name}", 1, Kind.COMPLAINT, "defect",
        Severity.MAJOR, customer=name.encode(),
    )  # fmt: skip


def item(*days: float, sku: str = "K-1", **more: Any) -> Item:
    """Return an item with a complaint on each of these days."""
    return Item(sku, [complaint(day, sku) for day in days], **more)


def rule(**changes: Any) -> Rule:
    """Return a rule: three complaints in ten days, unless told otherwise."""
    body = {"id": "three", "family": "count", "window": "10d", "bound": 3, "mode": "armed"}
    return read_rule({**body, **changes}, 1)


RISEN = rule(id="risen", family="likelihood", window="60d", bound=200)
DAYS = st.lists(st.integers(0, 700).map(lambda n: n + 0.5), min_size=1, max_size=40)


@given(DAYS, st.sampled_from([rule(), RISEN]))
def test_the_first_freeze_is_the_one_of_the_live_engine(days, by):
    """What is replayed is what runs: first crossing, same complaint, same reason."""
    past = item(*sorted({day + n / 1_000 for n, day in enumerate(days)}))
    live = crossings(by, Evidence(past.signals))

    assert [one.reason for one in live] == [one.reason for one in freezes(by, past)][:1]


def test_a_stopped_item_is_counted_again_when_it_sells_again():
    """While it is stopped nothing counts, and what was judged counts no more."""
    past = item(1, 2, 3, 40, 41, 92, 93.5, 100, 101.2)
    found = [one.crossed_at for one in freezes(rule(), past, stopped=90 * DAY)]

    assert [START + 3 * DAY, START + 101.2 * DAY] == found


def test_a_sound_item_teaches_the_rule_that_stopped_it():
    """Complaints judged to be usual raise what is usual; those of a known defect do not."""
    monthly = [n * 30 + extra for n in range(24) for extra in (0.1, 4.2, 9.3)]
    quiet = [n * 30 + 0.1 for n in range(8)]
    past = item(*quiet, *[day for day in monthly if day > 250])
    sound = list(freezes(RISEN, past, is_sound=True))
    broken = list(freezes(RISEN, past, is_sound=False))

    assert 1 <= len(sound) < len(broken)


def test_what_is_wrong_what_is_early_and_what_was_spared():
    """Wrong freezes are counted against sound years; leads, units and contacts against alerts."""
    shipped = [Shipment(Scope("bad"), START + n * DAY, 10) for n in range(100)]
    bad = Item("bad", [complaint(n, "bad") for n in (50, 51, 52, 60, 61)], shipped)
    sound, calm = item(5, 6, 7, sku="loud"), item(5, 300, sku="calm")
    [result] = backtest(
        [bad, sound, calm], [rule(mode="shadow")], end=END,
        alerts={"bad": START + 62 * DAY, "never-seen": END},
    )

    assert [("bad", False), ("loud", True)] == [(one.sku, one.is_wrong) for one in result.freezes]
    years = (2 + 365 + 295 + 365) / 365.25
    assert result.sound_years == pytest.approx(years, abs=0.01)
    assert result.wrong_per_1000 == pytest.approx(1000 / years, rel=0.01)
    assert result.wrong_interval[0] < result.wrong_per_1000 < result.wrong_interval[1]
    assert ([10 * DAY], 10 * DAY) == (result.leads, result.median_lead)
    assert (100, 2) == (result.units_spared, result.contacts_spared)
    assert (1, 2) == (result.caught_late, result.alerts)


def test_what_people_judged_counts_until_they_did():
    """It is evidence up to that moment, and none afterwards; as usual, it teaches from then on."""
    days = (1, 2, 50, 51, 52.5)
    signals = [complaint(day) for day in days]

    def judged(at: float, *, usual: bool = False) -> Item:
        moment = START + at * DAY
        before = [one for one in signals if one.occurred_at < moment]
        return Item("K-1", signals, judgements=[Judgement(moment, before, usual)])

    unjudged = [one.crossed_at for one in freezes(rule(), Item("K-1", signals))]
    assert [START + 52.5 * DAY] == unjudged
    assert unjudged == [one.crossed_at for one in freezes(rule(), judged(60))]
    assert unjudged == [one.crossed_at for one in freezes(rule(), judged(49))]
    assert [] == list(freezes(rule(), judged(51.5)))


def test_what_was_judged_usual_teaches_as_live_does():
    """A rule that learns sees less in the same complaints once such ones were found to be usual."""
    loud = [complaint(100 + n, customer=f"a{n}") for n in range(7)]
    again = [complaint(300 + n, customer=f"b{n}") for n in range(7)]
    first = complaint(1)
    apart = rule(id="risen", family="likelihood", window="60d", bound=1_000)

    def seen(*, usual: bool) -> list[Any]:
        past = Item("K-1", [first, *loud, *again], judgements=[
            Judgement(START + 99.5 * DAY + 10 * DAY, loud, usual)
        ])  # fmt: skip
        return [one for one in freezes(apart, past) if one.crossed_at > START + 200 * DAY]

    live = crossings(apart, Evidence([first, *again], history=by_days(loud)))
    assert [one.reason for one in seen(usual=True)] == [one.reason for one in live]
    assert len(seen(usual=False)) == 1


def test_only_the_last_days_are_counted_and_the_rest_is_history():
    """Freezes, years and alerts of before count for nothing; what they did to the item stays."""
    loud = item(5, 6, 7, 500, 501, 502, sku="loud")
    alerted = item(400, 401, 402, sku="alerted")
    alerts = {"alerted": START + 410 * DAY}
    whole, late = (
        backtest([loud, alerted], [rule()], end=END, alerts=alerts, since=since)[0]
        for since in (None, START + 450 * DAY)
    )

    assert ([7, 502, 402], [502]) == tuple(
        [(one.at - START).days for one in result.freezes] for result in (whole, late)
    )
    assert (1, 0) == (whole.alerts, late.alerts)
    assert late.sound_years == pytest.approx((END - START - 450 * DAY) / (365.25 * DAY))


def test_the_horizon_says_which_freezes_are_about_an_alert():
    """The same freeze is in time within 100 days, and about something else within 50."""
    bad = item(1, 2, 3, sku="bad")
    near, far = (
        backtest([bad], [rule()], end=END, alerts={"bad": START + 80 * DAY}, horizon=days * DAY)[0]
        for days in (50, 100)
    )

    assert ([], [77 * DAY]) == (near.leads, far.leads)
    assert (0, 1) == (near.caught_late, far.caught_late)


def _result(*leads: float) -> RuleResult:
    made = RuleResult(rule(), alerts=len(leads))
    made.freezes = [
        WouldHaveFrozen(f"K-{n}", END - lead * DAY, "three", "", is_wrong=False, lead=lead * DAY)
        for n, lead in enumerate(leads)
    ]
    return made


def test_a_freeze_years_before_or_months_after_an_alert_is_not_about_it():
    """Within a year before counts as before; up to 30 days after as late, but of use."""
    result = _result(400, 365, 1, -29, -31)

    assert [DAY, 365 * DAY] == result.leads
    assert 3 == result.caught_late


@pytest.mark.parametrize("count", [0, 1, 5, 37, 400])
def test_the_interval_of_a_count_is_exact(count):
    """Garwood's limits, by the chi square law of scipy."""
    low, high = poisson_interval(count)

    assert high == pytest.approx(chi2.ppf(0.95, 2 * count + 2) / 2, rel=1e-6)
    assert low == pytest.approx(0 if count == 0 else chi2.ppf(0.05, 2 * count) / 2, rel=1e-6)


def shop(number: int) -> list[Item]:
    """Return items of which each tenth has a loud week, the louder the higher its number."""
    items = []
    for n in range(number):
        loud = [100 + k / 10 for k in range(n // 10)] if n % 10 == 0 else []
        items.append(item(1, 200, 500, *loud, sku=f"K-{n:03d}"))
    return items


@pytest.mark.parametrize("budget", [5, 20])
@pytest.mark.parametrize("by", [rule(), RISEN], ids=["count", "likelihood"])
def test_a_tuned_bound_keeps_its_budget_and_the_next_lower_one_does_not(budget, by):
    """The lowest bound within the budget, and an honest word about items not tuned on."""
    items = shop(200)
    tuned = tune(by, items, budget=budget, end=END)

    def rate(bound: float) -> float:
        changed = read_rule(
            {"id": "x", "family": by.family.value, "window": "60d" if by is RISEN else "10d",
             "bound": bound, "mode": "armed"}, 1,
        )  # fmt: skip
        return backtest(items, [changed], end=END)[0].wrong_per_1000

    lower = tuned.rule.bound - 1 if by.family is Family.COUNT else tuned.rule.bound / 1.01
    assert rate(tuned.rule.bound) == pytest.approx(tuned.rate)
    assert tuned.rate <= budget < rate(lower)
    assert tuned.keeps_budget
    assert tuned.low <= tuned.expected <= tuned.high


@given(st.lists(DAYS, min_size=2, max_size=12), st.sampled_from([rule(), RISEN]))
def test_the_highest_value_says_which_bounds_freeze(pasts, by):
    """A bound freezes an item if the rule ever sees as much, and not if it never does."""
    for n, days in enumerate(pasts):
        past = item(*sorted({day + k / 1_000 for k, day in enumerate(days)}), sku=f"K-{n}")
        lowest = 10.0 if by is RISEN else 2.0
        top = highest(by, past, UNLEARNED, lowest)
        if top >= lowest:
            assert list(freezes(replace(by, bound=top), past))
            above = top + 1 if by is not RISEN else top * 1.0001
            assert not list(freezes(replace(by, bound=above), past))


@pytest.mark.parametrize("budget", [4, 40])
@pytest.mark.parametrize("since", [None, START + 150 * DAY], ids=["all", "since"])
@pytest.mark.parametrize(
    "by", [rule(), rule(family="distinct_customers"), RISEN], ids=["count", "customers", "risen"]
)
def test_tuning_finds_what_trying_every_bound_finds(budget, since, by):
    """Leaving out what can't matter changes no result: neither the bound nor the cross-check."""
    chance = Random(budget)
    items = []
    for n in range(80):
        loud = [chance.uniform(100, 130) for _ in range(chance.choice([0, 0, 3, 9]))]
        again = [chance.uniform(400, 410) for _ in range(chance.choice([0, 4, 7]))]
        items.append(item(1, 90, *sorted(loud), 350, *sorted(again), 650, sku=f"K-{n}"))
    tuned = tune(by, items, budget=budget, end=END, since=since)

    def rate(bound: float, some: Sequence[Item]) -> float:
        [result] = backtest(some, [replace(by, bound=bound)], end=END, since=since)
        return result.wrong_per_1000

    def lowest(some: Sequence[Item]) -> float:
        """Halve the way as the search does, over all items and without leaving out any."""
        low, high = (1.0, 1e6) if by is not RISEN else (10.0, LARGEST_ODDS)
        while high - low > 1 if by is not RISEN else high / low >= 1.001:
            middle = (low * high) ** 0.5
            if by is not RISEN:
                middle = float(round(middle)) if low < round(middle) < high else low + 1
            low, high = (middle, high) if rate(middle, some) > budget else (low, middle)
        return high

    wrong, years = 0, sum(one.years(END, since) for one in items)
    for fold in range(5):
        mine = items[fold::5]
        others = [one for n, one in enumerate(items) if n % 5 != fold]
        wrong += rate(lowest(others), mine) * sum(one.years(END, since) for one in mine) / 1000
    assert tuned.rule.bound == pytest.approx(lowest(items), rel=1e-9)
    assert tuned.expected == pytest.approx(1000 * wrong / years)
    assert tuned.rate == pytest.approx(rate(tuned.rule.bound, items))


def test_a_budget_that_nothing_keeps_is_said():
    """A rate of defects is at most 1: where even that is reached, the budget can't be kept."""
    shipped = [Shipment(Scope("K-1"), START, 1)]
    by = rule(id="rate", family="rate", bound=0.5, min_units=1, window="30d")
    tuned = tune(
        by, [Item("K-1", [complaint(1), complaint(2)], shipped)], budget=1, end=END
    )

    assert not tuned.keeps_budget


def test_nothing_can_be_tuned_on_nothing():
    """A budget per SKU-year needs SKU-years."""
    with pytest.raises(ValueError, match="watched for some time"):
        tune(rule(), [], budget=1, end=END)


def test_a_curve_goes_from_early_to_calm():
    """The higher the bound, the fewer freezes; the rule's own bound is among them."""
    items, alerts = shop(100), {"K-090": START + 120 * DAY}
    points = trade_off(RISEN, items, end=END, priors={}, alerts=alerts)

    assert RISEN.bound in bounds_around(RISEN)
    rates = [one.wrong_per_1000 for one in points]
    assert rates == sorted(rates, reverse=True)
    assert {0, 1} >= {one.before for one in points}
    whole = backtest(items, [RISEN], end=END, alerts=alerts)[0]
    [own] = [one for one in points if one.bound == RISEN.bound]
    assert own.wrong_per_1000 == pytest.approx(whole.wrong_per_1000)


def test_evidence_over_time_is_what_the_rule_saw():
    """A value for each complaint that counts, whatever the bound."""
    past = item(1, 2, 3, 200)
    by_count = evidence_over_time(rule(bound=50), past, UNLEARNED)
    learned = evidence_over_time(RISEN, past, UNLEARNED)

    assert [1, 2, 3, 1] == [value for _, value in by_count]
    assert [past.signals[2].occurred_at] == [moment for moment, _ in learned]


def test_priors_are_learned_where_there_are_enough_items():
    """One for all, one for a large category, by units where there are any; else the built-in."""
    few = learn_priors([item(1, 2, sku=f"K-{n}") for n in range(10)], END)
    by_days = [item(1, n + 2, sku=f"K-{n}", category="lamps") for n in range(300)]
    by_units = [
        Item(f"U-{n}", [complaint(1, f"U-{n}")], [Shipment(Scope(f"U-{n}"), START, 50 + n)])
        for n in range(250)
    ]
    many = learn_priors([*by_days, *by_units], END)

    assert {None: UNLEARNED} == few
    assert {None, "lamps"} == set(many)
    assert UNLEARNED.units != many[None].units
    assert many["lamps"].units == many[None].units
    assert many["lamps"].days == many[None].days != UNLEARNED.days


def test_the_default_policy_freezes_a_rise_and_a_safety_signal():
    """What a shop gets that configures nothing, and that it says no more than it can read."""
    rules: Sequence[Rule] = default_policy()

    assert [("safety", "armed"), ("risen", "armed")] == [(one.id, one.mode) for one in rules]
    assert [Family.SAFETY, Family.LIKELIHOOD] == [one.family for one in rules]
    surge = item(1, *[400 + n for n in range(8)])
    assert [1, 0] == [len(list(freezes(one, surge))) for one in reversed(rules)]
