"""Evidence of a rise against its definition, worked out slowly, and against what it promises."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import exp, inf, log

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import gamma, nbinom

from freezeguard.detection.daybook import Background, Prior, Priors
from freezeguard.detection.evaluation import EARLIER, Evidence, PastDay, Spares, crossings
from freezeguard.detection.exposure import UnitsByDay
from freezeguard.detection.families import reach
from freezeguard.detection.families.likelihood import LikelihoodTracker, least_complaints
from freezeguard.detection.statistics.likelihood import (
    LARGEST_ODDS,
    cautious_rate,
    daily_limit,
    log_add,
    log_block_ratio,
    odds,
)
from freezeguard.detection.watch import Watch
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.rules import Family, Rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity

TODAY = 739_000
"""A day that begins a block, in 2024."""
SKU = Scope("K-1")
PRIORS = Priors(units=Prior(2.0, 600.0), days=Prior(0.5, 300.0))


def on(day: int, customer: str, hour: float = 12) -> Observed:
    """Return a complaint of a customer on a day, counted from `TODAY`."""
    moment = datetime.fromordinal(TODAY + day).replace(tzinfo=UTC) + timedelta(hours=hour)
    return Observed(
        SKU, moment, "shop", f"{day:04d}-{hour:05.2f}-{customer}", 1, Kind.COMPLAINT, "defect",
        Severity.MAJOR, customer=customer.encode(),
    )  # fmt: skip


def complaints(*days: int) -> list[Observed]:
    """Return a complaint for each day named, each by a customer of its own."""
    return [on(day, f"c{n}", n / 100) for n, day in enumerate(sorted(days))]


def shipped(units: int, first: int, last: int) -> list[Shipment]:
    """Return so many units on every day from the first to the last."""
    return [
        Shipment(SKU, datetime.fromordinal(TODAY + day).replace(tzinfo=UTC), units)
        for day in range(first, last + 1)
    ]


def rule(bound: float = 1_000.0, **changes: object) -> Rule:
    """Return an armed rule of the family."""
    fields: dict[str, object] = {
        "id": "risen", "version": 1, "family": Family.LIKELIHOOD, "window": timedelta(days=60),
        "bound": bound, "min_customers": 1, "mode": "armed",
    }
    return Rule(**(fields | changes))  # type: ignore[arg-type]


def evidence_of(
    signals: Iterable[Observed], background: Background, by: Rule | None = None,
    worth_it: float = 0.0,
) -> list[float]:
    """Return what is seen at each signal: log odds."""
    tracker = LikelihoodTracker(by or rule(), background, worth_it)
    samples = [tracker.take(one) for one in sorted(signals, key=lambda one: one.key.occurred_at)]
    return [log(one.value) if one.sufficient else -inf for one in samples]


# ---------------------------------------------------------------------------- the definition


def defined(
    counts: dict[int, int], units: dict[int, int], today: int, rate: float
) -> float:
    """Work out the sum over all beginnings by negative binomial chances, day by day."""
    start = (today // 5 - 12) * 5
    total = 0.0
    for beginning in range(start, today + 1):
        if counts.get(beginning):
            ratio = 1.0
            for block in range(beginning // 5, today // 5 + 1):
                days = range(max(beginning, block * 5), min(today, block * 5 + 4) + 1)
                seen = sum(counts.get(day, 0) for day in days)
                mean = rate * sum(units.get(day, 0) for day in days)
                ratio *= _chance(seen, 7 * mean) / _chance(seen, mean)
            total += ratio
    return log(total)


def _chance(seen: int, mean: float) -> float:
    return float(nbinom.pmf(seen, 1.5, 1.5 / (1.5 + mean)))


@given(
    st.sets(st.integers(-64, 0), min_size=1, max_size=9),
    st.sets(st.integers(-400, -65), max_size=12), st.integers(20, 200),
)
def test_the_sum_is_that_of_its_definition(recent, earlier, units):
    """The odds are those of negative binomial chances, at a rate learned before the window."""
    daily = {TODAY + day: units for day in range(-500, 1)}
    stream = complaints(*earlier, *recent)
    last = max(recent)
    seen = evidence_of(stream, Background(PRIORS, UnitsByDay(daily)))[-1]

    start = ((TODAY + last) // 5 - 12) * 5
    before = sum(TODAY + day < start for day in {*earlier, *recent})
    among = 600 + units * len([day for day in daily if day < start])
    counts = {TODAY + day: 1 for day in {*earlier, *recent}}
    expected = defined(counts, daily, TODAY + last, cautious_rate(2 + before, among))

    assert seen == pytest.approx(expected, abs=1e-9)


@given(st.floats(0.5, 400), st.floats(1, 1e6))
def test_a_cautious_rate_is_the_sixty_percent_point(shape, exposure):
    """Of the rates that history allows, six in ten lie below: to two parts in a hundred."""
    exact = gamma.ppf(0.6, shape, scale=1 / exposure)

    assert cautious_rate(shape, exposure) == pytest.approx(exact, rel=0.02)


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_logs_add_up(one, other):
    """The log of a sum, without ever leaving the logs."""
    assert log_add(one, other) == pytest.approx(log(exp(one) + exp(other)))
    assert log_add(one, -inf) == one


def test_odds_end_where_they_stop_to_matter():
    """A thousand complaints in a day are no overflow."""
    assert odds(5_000.0) == LARGEST_ODDS
    assert odds(log(1_000.0)) == pytest.approx(1_000)


@given(st.integers(0, 30), st.floats(0, 30), st.floats(0.001, 10))
def test_a_block_speaks_the_louder_the_more_came_and_the_less_was_expected(
    counted, expected, more
):
    """The ratio rises with complaints and falls with what is usual."""
    plain = log_block_ratio(counted, expected, 10, 2)

    assert log_block_ratio(counted + 1, expected, 10, 2) > plain
    assert log_block_ratio(counted, expected + more, 10, 2) < plain


# ------------------------------------------------------------------------- what it promises

DAYS = st.lists(
    st.tuples(st.integers(-900, 0), st.sampled_from("abcdefgh"), st.integers(0, 23)),
    min_size=1, max_size=40,
)
UNITS = st.none() | st.builds(
    lambda first, length, units: shipped(units, first, min(0, first + length)),
    st.integers(-900, -1), st.integers(0, 900), st.integers(0, 40),
)


def _stream(drawn: Sequence[tuple[int, str, int]]) -> list[Observed]:
    return [on(day, name, hour + n / 100) for n, (day, name, hour) in enumerate(sorted(drawn))]


def _past(signals: Sequence[Observed], before: datetime) -> list[PastDay]:
    """Sum up what lies before a midnight, as the database does."""
    told: dict[int, set[bytes | None]] = {}
    horizon = before.toordinal() - 900
    for one in signals:
        if one.occurred_at < before:
            day = one.occurred_at.toordinal()
            told.setdefault(day if day >= horizon else EARLIER, set()).add(one.customer)
    return [
        PastDay(SKU, day, Kind.COMPLAINT, "defect", None, len(who))
        for day, who in sorted(told.items())
    ]


@given(DAYS, UNITS, st.sampled_from([1, 7, 14, 56, 60, 61, 90]))
def test_history_by_day_is_as_good_as_every_complaint(drawn, units, length):
    """Live, a rule sees the last weeks one by one and sums of what was before: no difference."""
    stream = _stream(drawn)
    last = max(one.occurred_at for one in stream)
    by = rule(bound=1.5, min_customers=1, window=timedelta(days=length))
    cut = datetime.combine((last - reach(by)).date(), datetime.min.time(), UTC) + timedelta(days=1)
    after = last - timedelta(microseconds=1)
    recent = [one for one in stream if one.occurred_at >= cut]

    whole = crossings(by, Evidence(stream, units or (), priors=PRIORS), after=after)
    summed = crossings(
        by,
        Evidence(recent, units or (), history=_past(stream, cut), priors=PRIORS),
        after=after,
    )

    assert whole == summed


@given(DAYS, UNITS, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_crossing(drawn, units, chance):
    """Late, early, shuffled: with all of it stored, the crossing is the same."""
    stream = _stream(drawn)
    shuffled = list(stream)
    chance.shuffle(shuffled)
    by = rule(bound=20, look=2)

    assert crossings(by, Evidence(stream, units or ())) == crossings(
        by, Evidence(shuffled, units or ())
    )


@given(DAYS, UNITS, st.floats(1.5, 1e6))
def test_no_crossing_is_missed_for_speed(drawn, units, bound):
    """Odds that can't reach the bound are not worked out; those that reach it always are."""
    _no_crossing_is_missed(_stream(drawn), units, bound)


@given(DAYS, UNITS, st.floats(1.5, 1e6), st.integers(1, 7))
@example([(day, name, 1) for day in (-300, -70, -40, -3, -1) for name in "abc"], None, 50.0, 1)
def test_signals_that_are_read_late_say_the_same(drawn, units, bound, least):
    """Too few to cross anything, they wait; whoever is read at once says the same, to the bit."""
    by = rule(bound=bound, min_customers=least)
    background = Background(PRIORS, UnitsByDay.of(units or ()))
    waiting, prompt = (LikelihoodTracker(by, background, bound) for _ in range(2))

    for one in _stream(drawn):
        seen = waiting.take(one)
        assert seen == prompt.take(one)
        prompt.spare()  # what can be spared is told from all signals: it reads those that wait
        if seen.sufficient:
            assert waiting.finding() == prompt.finding()

    assert waiting.spare() == prompt.spare()


@pytest.mark.parametrize(("first", "is_read"), [(-60, True), (-61, False)])
def test_a_window_that_just_holds_enough_is_read(first, is_read):
    """Signals wait only while the window, up to its very first day, can't hold enough customers."""
    tracker = LikelihoodTracker(rule(min_customers=5), Background(PRIORS), 0.0)
    stream = complaints(-500, -400, -300, -200, first, -3, -2, -1, 0)

    assert [tracker.take(one).sufficient for one in stream] == [*[False] * 8, is_read]


def test_customers_who_return_are_beginnings_of_their_own():
    """After a flood of units a sum is next to nothing; what comes back is not times nothing."""
    first = [on(day, name) for day in range(3) for name in "abcdef"]
    again = [on(day, "a") for day in range(5, 65, 5)]
    back = [on(day, name) for day in (47, 48, 49) for name in "bcdef"]
    _no_crossing_is_missed(
        [*first, *again, *back, on(65, "a")], shipped(6_000, 0, 9), 10_000.0
    )


def _no_crossing_is_missed(
    stream: list[Observed], units: list[Shipment] | None, bound: float
) -> None:
    background = Background(PRIORS, UnitsByDay.of(units or ()))
    always = evidence_of(stream, background)
    sometimes = evidence_of(stream, background, worth_it=bound)

    reached = [n for n, value in enumerate(always) if value >= log(bound)]
    assert reached == [n for n, value in enumerate(sometimes) if value >= log(bound)]
    assert all(
        one == pytest.approx(other, abs=1e-9) or one == -inf
        for one, other in zip(sometimes, always, strict=True)
    )


@given(
    st.lists(
        st.tuples(st.integers(-130, 0), st.integers(0, 9), st.integers(0, 23)),
        min_size=1, max_size=60,
    ),
    st.lists(st.integers(1, 4), min_size=60, max_size=60), UNITS, st.floats(2, 1e5),
    st.integers(0, 9), st.booleans(),
)
def test_the_watch_never_says_no_where_something_is_crossed(
    drawn, sizes, units, bound, late, kinds
):
    """What an evaluation says can be spared is used up, and never hides a crossing.

    Signals arrive in order but for a few that are late, in batches of a few; two rules count the
    same signals, or each its own.
    """
    arriving = sorted(drawn)
    arriving += [arriving.pop(n % len(arriving)) for n in range(0, late, 3) if len(arriving) > 1]
    stream = [
        replace(
            on(day, f"{n}{who}", hour + n / 100),
            kind=Kind.RETURN if kinds and n % 3 == 0 else Kind.COMPLAINT,
        )
        for n, (day, who, hour) in enumerate(arriving)
    ]
    both = [rule(bound=bound, id="one"), rule(bound=bound * 9, id="other")]
    if kinds:
        both = [replace(both[0], kinds=frozenset({Kind.RETURN})),
                replace(both[1], kinds=frozenset({Kind.COMPLAINT}))]  # fmt: skip
    watch, stored = Watch(both), list[Observed]()
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
        crossed = [
            one for by in both for one in crossings(by, evidence, after=after, spares=spares)
        ]
        assert maybe or not crossed
        if crossed:
            break
        if maybe:
            watch.learn("K-1", moments, 0, len(stored), spares.least)


@given(DAYS, UNITS, st.integers(-60, 0))
@example([(0, "a", 0)], None, 0)
def test_one_complaint_more_never_lowers_the_evidence(drawn, units, day):
    """Inside the window, another customer's complaint makes it worse, or leaves it."""
    stream = [one for one in _stream(drawn) if one.occurred_at.toordinal() < TODAY]
    stream.append(on(0, "last", 23.9))
    background = Background(PRIORS, UnitsByDay.of(units or ()))
    more = on(day, "somebody else", 23.5)

    before, after = evidence_of(stream, background), evidence_of([*stream, more], background)
    assert after[-1] >= before[-1] - 1e-9


@given(st.integers(1, 1_000), st.integers(1, 20))
def test_one_customer_is_one_voice(number, days):
    """A thousand complaints of one customer say what one of them says."""
    angry = [on(-(n % days), "angry", n / 1_000) for n in range(number)]
    others = complaints(-200, -100)
    background = Background(PRIORS, UnitsByDay.of(shipped(50, -500, 0)))

    seen = evidence_of([*others, *angry], background)[-1]
    first = min(angry, key=lambda one: one.occurred_at)
    once = evidence_of([*others, first], background)[-1]

    assert seen <= once + 1e-9


def test_a_day_brings_no_more_than_a_defect_would():
    """Eight complaints of one day about an item that hardly gets any are two; of a busy one, 8."""
    quiet = Background(PRIORS, UnitsByDay.of(shipped(1, -500, 0)))
    often = Priors(units=Prior(2_000.0, 600_000.0))
    busy = Background(often, UnitsByDay.of(shipped(1_000, -500, 0)))

    of_two = evidence_of(complaints(0, 0), quiet)
    assert evidence_of(complaints(*[0] * 8), quiet) == [*of_two, *[of_two[-1]] * 6]
    of_eight = evidence_of(complaints(*[0] * 8), busy)
    assert of_eight == sorted(set(of_eight))
    assert len(of_eight) == 8


@pytest.mark.parametrize(("expected", "limit"), [(0, 2), (0.01, 2), (0.1, 2), (0.5, 8), (5, 58)])
def test_the_limit_of_a_day_follows_what_a_defect_would_bring(expected, limit):
    """Mean and one standard deviation of a day under a tenfold defect; at least two."""
    assert daily_limit(expected, 10) == limit


def test_a_rise_is_found_and_a_best_seller_is_not_punished():
    """Five complaints in a week about an item that gets one a year; a hundred, as every week."""
    rare = [*complaints(-300), *[replace(on(-n, f"r{n}")) for n in range(5)]]
    of_rare = Background(PRIORS, UnitsByDay.of(shipped(2, -500, 0)))
    often = [on(-n // 14, f"o{n}", 23 - n % 14) for n in range(14 * 600)]
    of_often = Background(PRIORS, UnitsByDay.of(shipped(5_000, -600, 0)))

    assert evidence_of(rare, of_rare)[-1] > log(10_000)
    assert max(evidence_of(often, of_often)[-1_000:]) < log(10)


def test_without_units_days_are_the_exposure():
    """Where nobody reports units, an item is compared with its own past by time."""
    calm = complaints(*range(-700, -80, 20))
    surge = [on(-n, f"s{n}") for n in range(6)]

    assert evidence_of([*calm, *surge], Background(PRIORS))[-1] > log(1_000)
    assert evidence_of(complaints(*range(-700, 1, 20)), Background(PRIORS))[-1] < log(20)


def test_history_that_the_window_has_not_left_does_not_count():
    """A defect can't hide in its own baseline: what lies in the window teaches nothing."""
    background = Background(PRIORS, UnitsByDay.of(shipped(20, -400, 0)))
    tracker = LikelihoodTracker(rule(), background, 0.0)
    for one in complaints(*range(-300, -100, 50), *range(-50, 1, 10)):
        tracker.take(one)
    usual = tracker.finding().details["usual"]

    assert usual["complaints"] == 4
    assert usual["exposure"] == 20 * len(range(-400, (TODAY // 5 - 12) * 5 - TODAY))


def test_a_finding_explains_itself():
    """What counted, since when, among how many units, and what one complaint fewer would say."""
    background = Background(PRIORS, UnitsByDay.of(shipped(10, -400, 0)))
    stream = [*complaints(-390, -200), *[on(-n, f"s{n}") for n in (3, 2, 1, 0)]]
    [crossing] = crossings(
        rule(bound=100, min_customers=3),
        Evidence(stream, shipped(10, -400, 0), priors=PRIORS),
    )
    reason = crossing.reason

    assert evidence_of(stream[:-1], background)[-1] == pytest.approx(log(reason.observed))
    assert [key.id for key in reason.counted] == [one.id for one in stream[-4:-1]]
    assert reason.exposure == 30
    assert reason.details["one_fewer"] < 100 <= reason.observed
    assert reason.sentence == (
        "3 complaints from 3 different customers were made within 3 days among 30 units shipped, "
        f"where {reason.details['expected']:.1g} would be usual: "
        f"{float(f'{reason.observed:.2g}'):,.0f} to 1 that its defect rate has risen "
        "(threshold 100); one complaint fewer would not have been enough."
    )


@given(st.floats(1.01, 1e9), st.floats(1.5, 100))
def test_so_few_complaints_are_never_enough(wanted, factor):
    """With one complaint fewer than that, even nothing expected can't reach what is wanted."""
    fewest = least_complaints(wanted, factor)
    best = sum(factor**n for n in range(1, fewest))

    assert best < wanted * (1 + 1e-9)


def test_a_new_shipment_feed_takes_over_from_days():
    """Units reported from some day on: complaints are compared with them, from that day on."""
    stream = complaints(-300, -250, -30, -3, -2, -1, 0)
    by_days = evidence_of(stream, Background(PRIORS))[-1]
    by_units = evidence_of(stream, Background(PRIORS, UnitsByDay.of(shipped(1_000, -40, 0))))[-1]

    assert by_units < 0 < by_days
