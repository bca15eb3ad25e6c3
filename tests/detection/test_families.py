"""Families that know what is usual, and rules of parts: their definitions, and their promises."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import log, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma, nbinom

from freezeguard.detection.daybook import Background, Prior, Priors
from freezeguard.detection.evaluation import Evidence, Spares, by_days, crossings, samples
from freezeguard.detection.exposure import UnitsByDay
from freezeguard.detection.families import reach, track
from freezeguard.detection.statistics.likelihood import cautious_rate
from freezeguard.detection.statistics.maxsprt import log_ratio, maxsprt_critical_value
from freezeguard.detection.statistics.predictive import RAREST
from freezeguard.detection.watch import Watch
from freezeguard.detection.windows import Exposure, Observed, Shipment
from freezeguard.domain.rules import Rule, read_rule
from tests.detection.test_likelihood import DAYS, PRIORS, TODAY, UNITS, complaints, on, shipped

BODIES = {
    "predictive": {"bound": 50},
    "one window": {"family": "predictive", "window": "30d", "bound": 50},
    "posterior": {"bound": 1.5},
    "cusum": {"bound": 2},
    "limited": {"family": "predictive", "bound": 50, "per_day": 1},
    "unlimited": {"family": "cusum", "bound": 3, "per_day": 1_000_000},
    "launch": {"bound": 5, "window": "200d", "min_customers": 2},
    "all_of": {"parts": [
        {"family": "predictive", "window": "30d", "bound": 20},
        {"family": "distinct_customers", "window": "10d", "bound": 2},
    ]},
    "any_of": {"parts": [
        {"family": "cusum", "bound": 3},
        {"family": "likelihood", "bound": 100},
        {"family": "launch", "bound": 50},
    ]},
    "with rate": {"family": "any_of", "parts": [
        {"family": "rate", "window": "20d", "bound": 0.05, "min_units": 5, "confidence": 0.8},
        {"family": "posterior", "bound": 9},
    ]},
    "by counts": {"family": "all_of", "parts": [
        {"family": "count", "window": "10d", "bound": 3},
        {"family": "distinct_customers", "window": "30d", "bound": 2},
    ]},
}  # fmt: skip
FEW = settings(max_examples=settings().max_examples // 5)
"""Each promise is tried on every family: so many pasts of each are enough."""
EVERY = pytest.mark.parametrize("name", BODIES)
SCORED = pytest.mark.parametrize("name", ["predictive", "one window", "posterior", "cusum"])
SCORED_WITH_LIMITS = pytest.mark.parametrize(
    "name", ["predictive", "one window", "posterior", "cusum", "limited", "unlimited"]
)


def rule(name: str, **changes: object) -> Rule:
    """Return a rule of those above, which speaks from its first complaint on."""
    body = {"family": name, "min_customers": 1, **BODIES[name], **changes, "id": name}
    if "parts" in body:
        del body["min_customers"]
        body["parts"] = [
            part | ({} if part["family"] in {"count", "distinct_customers"}
                    else {"min_customers": 1})
            for part in body["parts"]
        ]  # fmt: skip
    return read_rule({**body, "mode": "armed"}, 1)


def seen(
    by: Rule, signals: Sequence[Observed], background: Background, units: Sequence[Shipment] = ()
) -> list[float]:
    """Return the value at each signal, in order."""
    tracker = track(by, Exposure(units), background, 1.0)
    ordered = sorted(signals, key=lambda one: one.occurred_at)
    taken = [tracker.take(one) for one in ordered]
    return [one.value if one.sufficient else 0.0 for one in taken]


def stream_of(drawn: Sequence[tuple[int, str, int]]) -> list[Observed]:
    """Return the complaints of a drawn past."""
    return [on(day, name, hour + n / 100) for n, (day, name, hour) in enumerate(sorted(drawn))]


# --------------------------------------------------------------------------- the definitions

PAST = st.tuples(
    st.sets(st.integers(-89, 0), min_size=1, max_size=9),
    st.sets(st.integers(-400, -96), max_size=12), st.integers(20, 200),
)  # fmt: skip


def usual(
    recent: set[int], earlier: set[int], units: int
) -> tuple[list[Observed], Background, int, float, float]:
    """Return a past with so many units a day: its last day, and what was usual before 90 days."""
    daily = {TODAY + day: units for day in range(-500, 1)}
    stream, last = complaints(*earlier, *recent), TODAY + max(recent)
    start = (last // 5 - 18) * 5
    before = sum(TODAY + day < start for day in {*earlier, *recent})
    among = 600 + units * sum(day < start for day in daily)
    return stream, Background(PRIORS, UnitsByDay(daily)), last, 2.0 + before, float(among)


@given(PAST)
def test_predictive_is_the_rarest_window(past):
    """Once in how many a negative binomial count is as high, of the window where it is rarest."""
    recent, earlier, units = past
    stream, background, last, shape, among = usual(*past)
    expected = 0.0
    for length in (7, 30, 90):
        number = sum(last - length < TODAY + day <= last for day in {*earlier, *recent})
        moods = 1.5 * length / 5
        both = 1 / (1 / shape + 1 / moods + 1 / (shape * moods))
        mean = shape / among * units * length
        chance = float(nbinom.sf(number - 1, both, both / (both + mean)))
        if number > mean:
            expected = max(expected, min(RAREST, 1 / max(chance, 1e-300)))

    value = seen(rule("predictive", bound=1.001), stream, background)[-1]
    assert value == pytest.approx(expected, rel=1e-6) or value == 0 < expected < 2


@given(PAST)
def test_posterior_is_the_surest_window(past):
    """The odds of a gamma law, about the usual rate, that the rate is twice as high."""
    recent, earlier, units = past
    stream, background, last, shape, among = usual(*past)
    rate = cautious_rate(shape, among)
    expected = 0.0
    for length in (7, 30, 90):
        number = sum(last - length < TODAY + day <= last for day in {*earlier, *recent})
        weight = 1 / (1 + rate * units * length / (1.5 * length / 5))
        law = gamma(2 + weight * number, scale=1 / (2 / rate + weight * units * length))
        expected = max(expected, float(law.sf(2 * rate) / law.cdf(2 * rate)))

    value = seen(rule("posterior"), stream, background)[-1]
    assert value == pytest.approx(expected, rel=1e-6) or value == 0 < expected < 1


@given(PAST)
def test_cusum_adds_up_block_by_block(past):
    """S = max(0, S + x - k), five days at a time, k between usual and five times usual."""
    recent, earlier, units = past
    stream, background, last, shape, among = usual(*past)
    pass_a_day = cautious_rate(shape, among) * units * 4 / log(5)
    start, total = (last // 5 - 18) * 5, 0.0
    for first in range(start, last + 1, 5):
        days = range(first, min(first + 4, last) + 1)
        number = sum(day - TODAY in {*earlier, *recent} for day in days)
        total = max(0.0, total + number - pass_a_day * len(days))

    assert seen(rule("cusum"), stream, background)[-1] == pytest.approx(total, abs=1e-9)


def test_a_launch_is_crossed_where_the_test_signals():
    """The complaint at which the ratio reaches the critical value; expected twice the prior."""
    by = rule("launch", bound=1_000, window="90d", min_customers=3)
    critical = maxsprt_critical_value(1 / 1_000, 20.0, 3)
    stream = complaints(-40, -30, -20, -10, -9, -8, -7, -6, -5, -4, -3)
    daily = {TODAY + day: 4 for day in range(-45, 1)}
    ratios = [
        log_ratio(n, 2 * (2 / 600) * 4 * (day + 46))
        for n, day in enumerate([-40, -30, -20, -10, -9, -8, -7, -6, -5, -4, -3], 1)
    ]

    values = seen(by, stream, Background(PRIORS, UnitsByDay(daily)))

    assert [n >= 3 and ratio >= critical for n, ratio in enumerate(ratios, 1)] == [
        value >= 1_000 for value in values
    ]
    assert any(values)


@pytest.mark.parametrize(
    ("begun", "units", "is_watched"), [(-86, 1, True), (-93, 1, False), (-60, 100, False)]
)
def test_a_launch_ends(begun, units, is_watched):
    """With its window, or when there is enough of a history to compare the item with itself."""
    by = rule("launch", bound=1_000, window="90d", min_customers=3)
    daily = {TODAY + day: units for day in range(begun, 1)}

    values = seen(by, complaints(*[0, -1, -2, -3] * 2), Background(PRIORS, UnitsByDay(daily)))

    assert any(values) == is_watched


def test_a_lower_bound_of_a_launch_is_never_harder_to_reach():
    """Where every ratio above 0 is seldom enough, any is; a low look leaves the bound as it is."""
    assert maxsprt_critical_value(1 / 1.01, 20.0, 20) is None
    stream = complaints(*range(-30, 0))
    background = Background(PRIORS)

    plain = seen(rule("launch", bound=1_000, min_customers=20), stream, background)
    looked = seen(rule("launch", bound=1_000, look=1.01, min_customers=20), stream, background)
    low = seen(rule("launch", bound=1.01, min_customers=20), stream, background)

    assert max(plain) >= 1_000
    assert max(looked) == max(low) == max(plain)
    assert all(one >= other for one, other in zip(low, plain, strict=True))


def test_all_of_wants_all_at_one_moment():
    """What one part saw a month ago is no evidence now; any part is enough for any of them."""
    parts = [
        {"family": "count", "window": "5d", "bound": 3},
        {"family": "distinct_customers", "window": "5d", "bound": 3},
    ]
    angry = [on(-40, "angry", hour) for hour in (1, 2, 3)]
    calm = [on(-30, "a"), on(-29, "b")]
    three = complaints(-10, -9, -8)

    both = read_rule({"id": "r", "family": "all_of", "parts": parts}, 1)
    one = read_rule({"id": "r", "family": "any_of", "parts": parts}, 1)
    [late], [early] = (
        crossings(by, Evidence([*angry, *calm, *three])) for by in (both, one)
    )

    assert (three[-1].key, angry[-1].key) == (late.crossed_by, early.crossed_by)
    assert late.reason.sentence == (
        "3 complaints from 3 different customers were made within 5 days (threshold 3), and "
        "3 different customers complained within 5 days (threshold 3)."
    )
    assert early.reason.sentence == (
        "3 complaints from 1 customer were made within 5 days (threshold 3)."
    )
    assert [3, 1] == [one.reason.customers for one in (late, early)]


def test_bounds_of_parts_are_tightened_one_by_one():
    """On probation each part asks for half of the evidence."""
    parts = [
        {"family": "count", "window": "5d", "bound": 4},
        {"family": "predictive", "window": "30d", "bound": 10_000, "min_customers": 1},
    ]
    by = read_rule({"id": "r", "family": "all_of", "parts": parts}, 1)
    [found] = crossings(by, Evidence(complaints(0, -1), factor=0.5, priors=PRIORS))

    assert [2, 100] == [one["bound"] for one in found.reason.details["parts"]]
    assert (1, True) == (found.reason.bound, found.reason.tightened)


# ------------------------------------------------------------------------------ what they say


def test_each_family_explains_itself():
    """What was seen, where what would be usual, how bad that is, and what one fewer would say."""
    units = shipped(10, -700, 0)
    stream = [*complaints(-390, -200), *[on(-n, f"s{n}") for n in (5, 4, 3, 2, 1, 0)]]
    said = {}
    for name in ("predictive", "posterior", "cusum"):
        by = rule(name, bound={"predictive": 10_000, "posterior": 2, "cusum": 3}[name])
        [found] = crossings(by, Evidence(stream, units, priors=PRIORS))
        details = found.reason.details
        assert details["one_fewer"] < by.bound <= found.reason.observed
        assert (details["per"], details["prior"]["shape"]) == ("units", 2.0)
        said[name] = found.reason.sentence

    assert said["predictive"] == (
        "3 complaints from 3 different customers were made within 7 days among 70 units shipped, "
        "where 0.04 would be usual: a sound item does that once in 18,000 (threshold 10,000); "
        "one complaint fewer would not have been enough."
    )
    assert said["posterior"] == (
        "4 complaints from 4 different customers were made within 7 days among 70 units shipped, "
        "where 0.04 would be usual: 3.2 to 1 that its defect rate is more than 2 times the usual "
        "one (threshold 2); one complaint fewer would not have been enough."
    )
    assert said["cusum"] == (
        "4 complaints from 4 different customers were made within 4 days among 40 units shipped, "
        "where 0.03 would be usual and 0.06 are let pass: 3.9 too many (threshold 3); one "
        "complaint fewer would not have been enough."
    )


def test_a_launch_explains_itself():
    """How long the item is on sale, what its category usually brings, and how seldom that is."""
    units = shipped(3, -11, 0)
    [found] = crossings(
        rule("launch", bound=1_000, min_customers=3),
        Evidence(complaints(-5, -4, -3, -2, -1), units, priors=PRIORS),
    )

    assert found.reason.sentence == (
        "4 complaints from 4 different customers were made in its first 10 days among 30 units "
        "shipped, where 0.1 would be usual: a sound item with up to 2 times that does so in one "
        "launch out of 1,700 (threshold 1,000); one complaint fewer would not have been enough."
    )


@EVERY
def test_a_finding_names_the_newest_last(name):
    """The complaint that crossed the bound is the last of those that counted, whatever counts."""
    stream = [on(-n, f"s{n}") for n in (6, 5, 4, 3, 2, 1, 0)]
    found = crossings(rule(name), Evidence(stream, shipped(2, -20, 0), priors=PRIORS))

    assert found
    for one in found:
        assert one.crossed_by == one.reason.counted[-1]
        assert list(one.reason.counted) == sorted(
            one.reason.counted, key=lambda key: (key.occurred_at, key.source, key.id)
        )


@pytest.mark.parametrize("name", ["predictive", "posterior", "cusum", "launch"])
def test_a_chart_has_every_complaint(name):
    """What is seen far below the bound is seen all the same: a report draws it."""
    stream = complaints(*range(-80, 1, 8))
    drawn = list(samples(rule(name, bound=1e6), Evidence(stream, shipped(1, -90, 0))))

    assert len(drawn) > 5


# -------------------------------------------------------------------------- what they promise


@EVERY
@FEW
@given(DAYS, UNITS, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_crossing(name, drawn, units, chance):
    """Late, early, shuffled: with all of it stored, the crossing is the same."""
    stream = stream_of(drawn)
    shuffled = list(stream)
    chance.shuffle(shuffled)

    assert crossings(rule(name), Evidence(stream, units or ())) == crossings(
        rule(name), Evidence(shuffled, units or ())
    )


@EVERY
@FEW
@given(DAYS, UNITS)
def test_history_by_day_is_as_good_as_every_complaint(name, drawn, units):
    """Live, a rule sees the last weeks one by one, sums of what was before, and units by day."""
    stream, by = stream_of(drawn), rule(name)
    last = max(one.occurred_at for one in stream)
    cut = datetime.combine((last - reach(by)).date(), datetime.min.time(), UTC) + timedelta(days=1)
    after = last - timedelta(microseconds=1)
    recent = [one for one in stream if one.occurred_at >= cut]
    past = by_days(one for one in stream if one.occurred_at < cut)

    whole = crossings(by, Evidence(stream, units or (), priors=PRIORS), after=after)
    lately = [one for one in units or () if one.shipped_at > last - reach(by)]
    summed = crossings(
        by,
        Evidence(recent, lately, history=past, priors=PRIORS, shipped_by_day=units or ()),
        after=after,
    )

    assert whole == summed


@SCORED_WITH_LIMITS
@FEW
@given(DAYS, UNITS, st.integers(-29, 0))
def test_one_complaint_more_never_lowers_the_evidence(name, drawn, units, day):
    """Inside the window, another customer's complaint makes it worse, or leaves it."""
    stream = [one for one in stream_of(drawn) if one.occurred_at.toordinal() < TODAY]
    stream.append(on(0, "last", 23.9))
    background = Background(PRIORS, UnitsByDay.of(units or ()))
    more = on(day, "somebody else", 23.5)

    before = seen(rule(name), stream, background)[-1]
    after = seen(rule(name), [*stream, more], background)[-1]
    assert after >= before * (1 - 1e-9)


@pytest.mark.parametrize("name", ["launch", "all_of", "any_of", "with rate"])
@FEW
@given(DAYS, UNITS, st.integers(-9, 0))
def test_one_complaint_more_never_lowers_it_where_the_item_was_heard_of(name, drawn, units, day):
    """A launch begins where an item is first heard of: a complaint before all that moves it.

    Rules of parts do as their parts do, in the window of each.
    """
    stream = [one for one in stream_of(drawn) if one.occurred_at.toordinal() < TODAY]
    stream.append(on(0, "last", 23.9))
    known = min(TODAY - 100, *(one.occurred_at.toordinal() for one in stream))
    background = Background(PRIORS, UnitsByDay.of(units or ()), heard_of=known)
    more = on(day, "somebody else", 23.5)

    before = seen(rule(name), stream, background, units or ())[-1]
    after = seen(rule(name), [*stream, more], background, units or ())[-1]
    assert after >= before * (1 - 1e-9)


@SCORED
@FEW
@given(st.integers(1, 300), st.integers(1, 5))
def test_one_customer_is_one_voice(name, number, days):
    """Hundreds of complaints of one customer say what one of them says, at most."""
    angry = [on(-(n % days), "angry", n / 1_000) for n in range(number)]
    others = complaints(-200, -100)
    background = Background(PRIORS, UnitsByDay.of(shipped(50, -500, 0)))

    first = min(angry, key=lambda one: one.occurred_at)
    last = on(0, "another", 23)
    several = seen(rule(name), [*others, *angry, last], background)[-1]
    assert several == seen(rule(name), [*others, first, last], background)[-1]


@SCORED
def test_a_day_brings_no_more_than_a_defect_would(name):
    """Eight complaints of one day about an item that hardly gets any are two."""
    quiet = Background(PRIORS, UnitsByDay.of(shipped(1, -500, 0)))
    values = seen(rule(name), complaints(*[0] * 8), quiet)

    assert values == [*values[:2], *[values[1]] * 6]


def test_a_rule_may_say_how_much_of_a_day_counts():
    """One, or all: eight complaints of one day are as few, or as many."""
    quiet = Background(PRIORS, UnitsByDay.of(shipped(1, -500, 0)))
    one, all_of_it = (
        seen(rule("predictive", per_day=limit), complaints(*[0] * 8), quiet) for limit in (1, 100)
    )

    assert one == [one[0]] * 8
    assert all_of_it == sorted(set(all_of_it))


@EVERY
@FEW
@given(
    st.lists(
        st.tuples(st.integers(-130, 0), st.integers(0, 9), st.integers(0, 23)),
        min_size=1, max_size=60,
    ),
    st.lists(st.integers(1, 4), min_size=60, max_size=60), UNITS, st.integers(0, 9),
    st.sampled_from([1.0, 30.0, 1_000.0]),
)  # fmt: skip
def test_the_watch_never_says_no_where_something_is_crossed(
    name, drawn, sizes, units, late, higher
):
    """What an evaluation says can be spared is used up, and never hides a crossing."""
    by = rule(name)
    if by.has_a_bound:
        by = rule(name, bound=by.bound * (higher if name != "cusum" else sqrt(higher)))
    arriving = sorted(drawn)
    arriving += [arriving.pop(n % len(arriving)) for n in range(0, late, 3) if len(arriving) > 1]
    stream = [on(day, f"{n}{who}", hour + n / 100) for n, (day, who, hour) in enumerate(arriving)]
    watch, stored = Watch([by]), list[Observed]()
    for size in sizes:
        news, stream = stream[:size], stream[size:]
        if not news:
            break
        stored += news
        moments = [int(one.occurred_at.timestamp()) for one in news]
        maybe = watch.might_cross("K-1", moments, len(stored))
        after = min(one.occurred_at for one in news) - timedelta(microseconds=1)
        spares = Spares()
        evidence = Evidence(stored, units or (), priors=PRIORS)
        crossed = crossings(by, evidence, after=after, spares=spares)
        assert maybe or not crossed
        if crossed:
            break
        if maybe:
            moments = [int(one.occurred_at.timestamp()) for one in stored]
            watch.learn("K-1", moments, 0, len(stored), spares.least)


@pytest.mark.parametrize("name", ["predictive", "posterior", "cusum", "launch"])
def test_most_answers_are_no_where_the_bound_is_far(name):
    """A best seller's day needs one look, not one for each of its complaints."""
    by = rule(name, bound=1e6)
    busy = Priors(units=Prior(2_000.0, 600_000.0))
    background = Background(busy, UnitsByDay.of(shipped(1_000, -60, 0)))
    tracker = track(by, Exposure(()), background, 1.0)
    for n in range(9):
        assert tracker.take(on(0, f"c{n}", n / 100)).value < by.bound
    spare = tracker.spare()

    assert spare is not None
    assert spare.signals > 3


# ------------------------------------------------------------------------------------- rates


def test_a_rate_with_confidence_is_the_lowest_that_it_allows():
    """Half the chi-squared quantile with twice as many degrees: 95 % sure of at least so much."""
    by = read_rule(
        {"id": "r", "family": "rate", "window": "30d", "bound": 0.02, "min_units": 100,
         "confidence": 0.95, "mode": "armed"}, 1,
    )  # fmt: skip
    units = shipped(10, -29, 0)
    stream = [on(0, f"c{n}", n / 10) for n in range(15)]
    values = seen(by, stream, Background(), units)

    assert values == pytest.approx(
        [float(gamma.ppf(0.05, n)) / 300 for n in range(1, 16)], rel=1e-9
    )
    [found] = crossings(by, Evidence(stream, units))
    assert found.reason.sentence == (
        "11 complaints from 11 different customers were made within 30 days among 300 units "
        "shipped: 3.67% of units, and with 95% confidence at least 2.06% (threshold 2.00%); one "
        "complaint fewer would not have been enough."
    )


@FEW
@given(st.integers(1, 60), st.floats(0.5, 0.999))
def test_confidence_never_makes_a_rate_higher(number, confidence):
    """The lowest rate is below the plain one, and rises with each complaint."""
    plain = {"id": "r", "family": "rate", "window": "30d", "bound": 1, "min_units": 100}
    sure = read_rule({**plain, "confidence": confidence}, 1)
    units = shipped(100, 0, 0)
    stream = [on(0, f"c{n}", 1 + n / 100) for n in range(number)]
    values = seen(sure, stream, Background(), units)

    assert values == sorted(values)
    assert values[-1] <= seen(read_rule(plain, 1), stream, Background(), units)[-1]


# ----------------------------------------------------------------------------- of one intent


@SCORED
def test_a_rule_for_one_intent_knows_what_is_usual_of_it(name):
    """Many complaints of another fault are neither evidence nor history of the one it is for."""
    often = [on(-n, f"o{n}") for n in range(0, 400, 2)]
    smoke = [replace(on(-n, f"s{n}", 13), intent="smoke") for n in range(6)]
    past = Evidence([*often, *smoke], shipped(10, -500, 0), priors=PRIORS)
    by = rule(name)
    lately = datetime.fromordinal(TODAY - 6).replace(tzinfo=UTC)

    assert not crossings(replace(by, bound=50 * by.bound), past, after=lately)
    [found] = crossings(replace(by, intents=frozenset({"smoke"})), past)
    assert {key.id for key in found.reason.counted} <= {one.id for one in smoke}
    assert found.reason.details["usual"]["complaints"] == 0
