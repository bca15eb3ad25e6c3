"""Windows: which signals and units lie inside, to the microsecond."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from freezeguard.detection.evaluation import Evidence, crossings
from freezeguard.detection.seats import Seats
from freezeguard.detection.windows import (
    DailyLimit,
    Exposure,
    Observed,
    SlidingWindow,
    by_scope,
    in_order,
    moment_before,
)
from freezeguard.domain.rules import read_rule
from freezeguard.domain.scope import Scope
from tests.detection.streams import (
    MOMENTS,
    SECOND,
    SHIPMENTS,
    START,
    STREAMS,
    order,
    shipment,
    signal,
)

TICK = timedelta(microseconds=1)


def _inside(window: SlidingWindow) -> list[str]:
    return [one.id for one in window.view().signals]


def test_a_window_is_open_at_its_start_and_closed_at_its_end():
    """A signal exactly one window old is out; one a microsecond younger is in."""
    window = SlidingWindow(10 * SECOND)

    window.add(signal(0, "edge"))
    window.add(signal(0, "inside", occurred_at=START + TICK))
    window.add(signal(10, "newest"))

    assert ["inside", "newest"] == _inside(window)
    assert 2 == window.count == window.customers


def test_signals_of_one_moment_are_all_inside():
    """The newest one's own moment belongs to the window, however many share it."""
    window = SlidingWindow(1 * SECOND)

    for name in "abc":
        window.add(signal(5, name))

    assert ["a", "b", "c"] == _inside(window)


def test_customers_leave_with_their_last_signal():
    """A customer counts once while any of his signals is inside, then no more."""
    window = SlidingWindow(10 * SECOND)
    seen = []

    for at, name in ((0, b"ann"), (5, b"ann"), (6, b"ben"), (12, b"col"), (15, b"col")):
        window.add(signal(at, customer=name))
        seen.append(window.customers)

    assert [1, 1, 2, 3, 2] == seen


def test_nobody_s_signals_are_one_customer_s():
    """Signals without a customer can't be told apart: together they count as one."""
    window = SlidingWindow(10 * SECOND)

    for number, customer in enumerate([None, b"", None, b"ann"]):
        window.add(signal(number, customer=customer))

    assert (4, 2) == (window.count, window.customers)


@given(STREAMS, st.sampled_from([1, 2.5, 5, 10]))
def test_a_sliding_window_is_what_it_says(stream, seconds):
    """After each signal the window holds exactly those of (t - length, t], in order."""
    length = timedelta(seconds=seconds)
    window = SlidingWindow(length)

    added = []
    for one in in_order(stream):
        window.add(one)
        added.append(one)
        expected = [old for old in added if old.occurred_at > one.occurred_at - length]
        view = window.view()
        assert (one, tuple(expected)) == (view.newest, view.signals)
        assert len(expected) == window.count
        assert len({old.customer or b"" for old in expected}) == window.customers
        assert window.customers == view.customers


HOURS = st.lists(
    st.builds(
        lambda hours, who: signal(hours * 3600, customer=who), st.integers(0, 120),
        st.sampled_from([None, b"ann", b"ben", b"cat", b"dan"]),
    ),
    min_size=1, max_size=30,
)  # fmt: skip


def most_that_sit(days: dict[int, list[Observed]], per_day: int) -> int:
    """Return the greatest matching of customers to seats, by a solver of its own."""
    who = sorted({one.customer or b"" for told in days.values() for one in told})
    seats = [day for day in days for _ in range(per_day)]
    fits = [[any((one.customer or b"") == each for one in days[day]) for day in seats]
            for each in who]  # fmt: skip
    graph = csr_matrix(np.array(fits, dtype=int).reshape(len(who), len(seats)))
    return int((maximum_bipartite_matching(graph, perm_type="column") >= 0).sum())


@given(HOURS, st.sampled_from([12, 24, 60, 500]), st.integers(1, 4))
def test_a_limited_window_is_what_it_says(stream, hours, per_day):
    """Signals are as many as the days allow, and customers as can sit, whatever has left."""
    length = timedelta(hours=hours)
    window, plain = DailyLimit(length, per_day), SlidingWindow(length)
    for one in in_order(stream):
        window.add(one)
        plain.add(one)
        days: dict[int, list[Observed]] = {}
        for each in plain.view().signals:
            days.setdefault(each.occurred_at.toordinal(), []).append(each)
        assert window.count == sum(min(per_day, len(told)) for told in days.values())
        assert window.customers == most_that_sit(days, per_day)
        assert window.is_limited is (window.count < plain.count)
        assert (plain.view().signals, window.customers) == (
            window.view().signals, window.view().customers
        )


@given(HOURS, st.integers(1, 4), st.data())
def test_one_complaint_more_never_lowers_a_limited_count(stream, per_day, data):
    """Whichever is left out: with it there are as many that count, or more."""
    out = data.draw(st.integers(0, len(stream) - 1))

    def counted(signals: list[Observed]) -> tuple[int, int]:
        window = DailyLimit(timedelta(days=400), per_day)
        for one in in_order(signals):
            window.add(one)
        return window.count, window.customers

    fewer, every = counted(stream[:out] + stream[out + 1 :]), counted(stream)
    assert fewer[0] <= every[0]
    assert fewer[1] <= every[1]


def test_a_load_of_one_day_is_not_enough_where_days_are_limited():
    """Nine customers of one day are two; on the third day it is enough, and the words say so."""
    rule = read_rule(
        {"id": "five", "family": "distinct_customers", "bound": 5, "per_day": 2, "mode": "armed"}, 1
    )
    day = 86_400
    load = [signal(n, f"a{n}", customer=b"%d" % n) for n in range(9)]
    more = [signal(n * day + k, f"b{n}{k}", customer=b"%d-%d" % (n, k))
            for n in (1, 2) for k in range(2)]  # fmt: skip

    assert [] == crossings(rule, Evidence(load))
    [found] = crossings(rule, Evidence([*load, *more]))
    assert (5, 5, 12, START + 2 * timedelta(seconds=day)) == (
        found.reason.observed, found.reason.customers, len(found.reason.counted), found.crossed_at
    )
    assert found.reason.sentence == (
        "5 different customers complained within 30 days (threshold 5), where of one day no more "
        "than 2 count."
    )


def test_who_complains_every_day_lends_no_voice_to_a_full_day():
    """Eight accounts of one day are two; one that complains daily is a third, not seven more."""
    window = DailyLimit(timedelta(days=30), 2)
    for n in range(8):
        window.add(signal(n, f"a{n}", customer=b"%d" % n))
    for day in range(1, 7):
        window.add(signal(day * 86_400, f"b{day}", customer=b"eve"))
    assert 3 == window.customers

    window = DailyLimit(timedelta(days=30), 1)
    for day in range(5):
        for who in (b"ann", b"ben"):
            window.add(signal(day * 86_400, f"{day}{who!r}", customer=who))
    for n in range(20):
        window.add(signal(5 * 86_400 + n, f"c{n}", customer=b"%d" % n))
    assert 3 == window.customers


def test_a_crowd_without_seats_costs_nothing():
    """Whoever finds no seat looks at those who have one, and at nobody else of the crowd."""
    seats, looks = Seats(2), []
    find, seats._find_seat = seats._find_seat, lambda *asked: looks.append(asked) or find(*asked)
    for n in range(5_000):
        seats.add(b"%d" % n, day=1)
    assert 2 == len(seats)
    for n in range(5_000):
        seats.remove(b"%d" % n, day=1)

    assert 0 == len(seats)
    assert len(looks) < 5 * 5_000


@given(STREAMS, st.randoms(use_true_random=False))
def test_the_order_is_total(stream, chance):
    """By moment, then source, then id: the order of arrival leaves no trace."""
    shuffled = list(stream)
    chance.shuffle(shuffled)

    assert sorted(stream, key=order) == in_order(shuffled)


def test_text_is_ordered_by_code_point():
    """As the database orders it: capitals before small letters, accents after all of ASCII."""
    names = ["é", "a", "B", "aa", "Z", "\U0001f600"]

    ordered = in_order(signal(1, name) for name in names)

    assert ["B", "Z", "a", "aa", "é", "\U0001f600"] == [one.id for one in ordered]


EARLIEST = datetime.min.replace(tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC)), st.timedeltas(timedelta(0), timedelta(days=3_660)))
def test_a_moment_before_never_leaves_the_calendar(moment, length):
    """So long before another moment, or the earliest one that there is."""
    before = moment_before(moment, length)

    assert EARLIEST <= before <= moment
    assert before == EARLIEST or moment - before == length


def test_complaints_of_the_year_one_are_counted():
    """Any age of past is accepted, the very first moment of the calendar included."""
    window = SlidingWindow(timedelta(days=30))

    for days in (0, 29, 30):
        window.add(signal(0, f"{days:02d}", occurred_at=EARLIEST + timedelta(days=days)))

    assert ["29", "30"] == _inside(window)


# ------------------------------------------------------------------------------- units shipped


def test_exposure_is_open_at_its_start_and_closed_at_its_end():
    """Units of the start don't count, units of the end do."""
    exposure = Exposure([shipment(10, 4), shipment(0, 1), shipment(5, 2)])

    assert 6 == exposure.between(START, START + 10 * SECOND)
    assert 2 == exposure.between(START, START + 10 * SECOND - TICK)
    assert 7 == exposure.between(START - TICK, START + 99 * SECOND)
    assert 0 == exposure.between(START + 10 * SECOND, START + 99 * SECOND)
    assert 0 == Exposure([]).between(START, START + SECOND)


@given(SHIPMENTS, MOMENTS, MOMENTS)
def test_exposure_is_the_sum_that_it_says(shipments, one, other):
    """Whatever the order of the reports."""
    start, end = sorted((START + one * SECOND, START + other * SECOND))

    assert sum(
        report.units for report in shipments if start < report.shipped_at <= end
    ) == Exposure(shipments).between(start, end)


# -------------------------------------------------------------------------------------- scopes


def test_signals_are_grouped_by_what_a_hold_would_be_narrowed_to():
    """A signal without a lot speaks about all lots: it counts for the wider scope only."""
    stream = [
        signal(0, "a", scope=Scope("K-1", lot="L1", seller="s")),
        signal(1, "b", scope=Scope("K-1", lot="L2")),
        signal(2, "c"),
        signal(3, "d", scope=Scope("K-1", lot="L1")),
    ]

    def names(*hold_scope: str) -> dict[Scope, list[str]]:
        return {scope: [one.id for one in found] for scope, found in by_scope(stream, hold_scope)}

    assert {Scope("K-1"): ["a", "b", "c", "d"]} == names("sku")
    assert {
        Scope("K-1"): ["c"], Scope("K-1", lot="L1"): ["a", "d"], Scope("K-1", lot="L2"): ["b"]
    } == names("sku", "lot")
    assert {
        Scope("K-1"): ["c"], Scope("K-1", lot="L1"): ["d"], Scope("K-1", lot="L2"): ["b"],
        Scope("K-1", seller="s", lot="L1"): ["a"],
    } == names("sku", "lot", "seller")


@given(STREAMS)
def test_grouping_loses_and_doubles_nothing(stream):
    """Each signal stands in exactly one group, and groups come in a fixed order."""
    found = list(by_scope(in_order(stream), ("sku", "lot")))

    assert sorted(map(order, stream)) == sorted(order(one) for _, group in found for one in group)
    assert sorted(str(scope) for scope, _ in found) == [str(scope) for scope, _ in found]
