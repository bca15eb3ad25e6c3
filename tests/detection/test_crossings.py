"""Crossings against a slow recount: the same for any order of arrival."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from freezeguard.detection.evaluation import Evidence, crossings
from freezeguard.detection.windows import Shipment
from freezeguard.domain.reasons import Crossing, SignalKey
from freezeguard.domain.rules import Family
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity
from tests.detection.streams import (
    DAY,
    MOMENTS,
    SECOND,
    SHIPMENTS,
    START,
    STREAMS,
    bounds,
    groups,
    rule,
    rules,
    shipment,
    sightings,
    signal,
)

Plain = tuple[str | None, str, SignalKey, float, float, tuple[SignalKey, ...], int]


def _plain(crossing: Crossing) -> Plain:
    reason = crossing.reason
    return (
        crossing.scope.lot, crossing.bound_kind, crossing.crossed_by, reason.observed,
        reason.bound, reason.counted, reason.customers,
    )


def _recount(by, stream, shipments=(), factor=1.0, after=None) -> set[Plain]:
    """Find the first crossing of each group by looking at every window, one by one."""
    found: set[Plain] = set()
    for lot in groups(by, stream):
        seen = [
            one
            for one in sightings(by, stream, shipments, lot)
            if after is None or one[0].occurred_at > after
        ]
        for kind, bound in bounds(by, factor):
            reached = [one for one in seen if one[1] >= bound]
            if reached:
                newest, value, inside = reached[0]
                customers = len({one.customer or b"" for one in inside})
                keys = tuple(one.key for one in inside)
                found.add((lot, kind, newest.key, value, bound, keys, customers))
                break
    return found


@given(rules(), STREAMS, SHIPMENTS)
def test_crossings_are_those_of_a_slow_recount(by, stream, shipments):
    """For every family: the first signal that reaches the bound, else the look-bound, per scope."""
    found = crossings(by, Evidence(stream, shipments))

    assert _recount(by, stream, shipments) == {_plain(one) for one in found}
    assert len(found) == len({one.scope for one in found})


@given(rules(), STREAMS, SHIPMENTS, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_crossings(by, stream, shipments, chance):
    """With all signals stored, who came first to the database leaves no trace."""
    shuffled, reported = list(stream), list(shipments)
    chance.shuffle(shuffled)
    chance.shuffle(reported)

    assert crossings(by, Evidence(stream, shipments)) == crossings(
        by, Evidence(shuffled, reported)
    )


@given(rules(), STREAMS, SHIPMENTS, MOMENTS)
def test_with_after_only_later_complaints_cross(by, stream, shipments, seconds):
    """Crossings by complaints up to a moment are passed over; earlier ones still count."""
    after = START + timedelta(seconds=seconds)

    found = crossings(by, Evidence(stream, shipments), after=after)

    assert _recount(by, stream, shipments, after=after) == {_plain(one) for one in found}
    assert all(one.crossed_at > after for one in found)


@given(rules(), STREAMS, SHIPMENTS, MOMENTS, st.sampled_from([0.5, 0.3]))
def test_after_a_reinstatement_only_what_came_later_counts(
    by, stream, shipments, seconds, factor
):
    """Bounds are tightened; neither signals nor units of the time before count at all."""
    since = START + timedelta(seconds=seconds)
    later = [one for one in stream if one.occurred_at > since]
    shipped = [one for one in shipments if one.shipped_at > since]

    found = crossings(by, Evidence(stream, shipments, since, factor))

    assert _recount(by, later, shipped, factor) == {_plain(one) for one in found}
    assert all(one.reason.tightened for one in found)


@given(rules(), STREAMS, SHIPMENTS)
def test_a_reason_can_be_recomputed_from_what_it_names(by, stream, shipments):
    """The counted signals alone, with the same rule, cross by the same signal again."""
    for one in crossings(by, Evidence(stream, shipments)):
        counted = [signal for signal in stream if signal.key in one.reason.counted]
        again = crossings(by, Evidence(counted, shipments))
        assert _plain(one) in {_plain(other) for other in again}
        assert one.crossed_by == one.reason.counted[-1]
        edge = one.crossed_at - by.window
        assert all(edge < key.occurred_at <= one.crossed_at for key in one.reason.counted)


# ------------------------------------------------------------------------------- by the family


def _kinds(by, stream, shipments=()):
    return [one.bound_kind for one in crossings(by, Evidence(stream, shipments))]


def test_the_edge_of_the_window_decides():
    """Two complaints exactly one window apart are never counted together."""
    edge = [signal(0), signal(4), signal(10)]
    inside = [signal(0.001), signal(4), signal(10)]

    assert [] == _kinds(rule(), edge)
    assert ["freeze"] == _kinds(rule(), inside)


def test_one_angry_customer_does_not_freeze():
    """Distinct customers: ten complaints of one customer are one."""
    by = rule(Family.DISTINCT_CUSTOMERS)
    angry = [signal(n / 10, customer=b"ann") for n in range(10)]

    assert [] == _kinds(by, angry)
    assert ["freeze"] == _kinds(rule(), angry)
    assert ["freeze"] == _kinds(by, [*angry, signal(2, "b"), signal(3, "c")])


def test_anonymous_complaints_count_as_one_customer():
    """Nobody can make a crowd by leaving out his name."""
    by = rule(Family.DISTINCT_CUSTOMERS)
    nameless = [signal(n, str(n), customer=None) for n in range(9)]

    assert [] == _kinds(by, nameless)
    assert ["freeze"] == _kinds(by, [*nameless, signal(8, "a"), signal(8, "b")])


def test_the_look_bound_only_suspects():
    """Between look and bound a crossing asks for a look; one at the bound, however late, wins."""
    by = rule(look=2.0)

    assert ["look"] == _kinds(by, [signal(0), signal(1)])
    assert ["freeze"] == _kinds(by, [signal(0), signal(1), signal(2)])
    late = [signal(0), signal(1), signal(100), signal(101), signal(102)]
    assert [("freeze", 102)] == [
        (one.bound_kind, (one.crossed_at - START).total_seconds())
        for one in crossings(by, Evidence(late))
    ]


def test_each_lot_crosses_by_itself():
    """With a hold scope of lots, three of one lot cross; three of different lots don't."""
    by = rule(hold_scope=("sku", "lot"))
    first = [signal(n, f"a{n}", scope=Scope("K-1", lot="L1")) for n in range(3)]
    mixed = [signal(n, f"b{n}", scope=Scope("K-1", lot=f"M{n}")) for n in range(3)]

    assert [Scope("K-1", lot="L1")] == [
        one.scope for one in crossings(by, Evidence([*first, *mixed]))
    ]


def test_a_rate_is_silent_below_its_minimum_of_units():
    """Three complaints are nothing without units, and half of them are not enough either."""
    by = rule(Family.RATE, bound=0.1, min_units=20, min_customers=2)
    stream = [signal(n) for n in range(1, 4)]

    assert [] == _kinds(by, stream)
    assert [] == _kinds(by, stream, [shipment(0.5, 19)])
    found = crossings(by, Evidence(stream, [shipment(0.5, 20)]))
    assert [(0.1, 20, 2)] == [
        (one.reason.observed, one.reason.exposure, one.reason.customers) for one in found
    ]
    same = [signal(n, customer=b"ann") for n in range(1, 4)]
    assert [] == _kinds(by, same, [shipment(0.5, 20)])


def test_a_rate_counts_units_of_its_own_window_and_scope():
    """Units outside the window, or of another lot, dilute nothing."""
    by = rule(Family.RATE, bound=0.5, min_units=4, hold_scope=("sku", "lot"))
    stream = [signal(n + 20, scope=Scope("K-1", lot="L1")) for n in range(2)]
    own = shipment(20, 4, lot="L1")

    assert ["freeze"] == _kinds(by, stream, [own])
    assert ["freeze"] == _kinds(by, stream, [own, shipment(11, 99), shipment(20, 99, lot="L2")])
    assert [] == _kinds(by, stream, [own, shipment(20, 99)])


def test_units_shipped_before_the_fix_dilute_nothing():
    """On probation the rate is that of the units after it, not of the whole window."""
    by = rule(Family.RATE, bound=0.5, min_units=4)
    shipments = [shipment(1, 1_000), shipment(5, 4)]
    stream = [signal(6)]

    tightened = Evidence(stream, shipments, START + 2 * SECOND, 0.5)

    assert [0.25] == [one.reason.observed for one in crossings(by, tightened)]


def test_complaints_of_the_year_one_can_cross():
    """Every family evaluates the earliest moments of the calendar; nothing overflows."""
    dawn = datetime.min.replace(tzinfo=UTC)
    stream = [signal(0, str(n), occurred_at=dawn + n * SECOND) for n in range(3)]
    units = [Shipment(Scope("K-1"), dawn + SECOND, 4)]

    assert ["freeze"] == _kinds(rule(window=30 * DAY), stream)
    assert ["freeze"] == _kinds(rule(Family.RATE, bound=0.5, window=30 * DAY), stream, units)


def test_one_safety_signal_is_enough_if_its_source_may():
    """Severity safety or a recall, from a source that may assert it; a passed test is none."""
    by = rule(Family.SAFETY)
    grave = {"severity": Severity.SAFETY, "may_assert_safety": True}

    assert ["freeze"] == _kinds(by, [signal(0, **grave)])
    assert ["freeze"] == _kinds(by, [signal(0, kind=Kind.RECALL, may_assert_safety=True)])
    assert [] == _kinds(by, [signal(0, **grave | {"may_assert_safety": False})])
    assert [] == _kinds(by, [signal(0, may_assert_safety=True)])
    assert [] == _kinds(by, [signal(0, kind=Kind.INSPECTION, result="pass", **grave)])
    assert ["freeze"] == _kinds(by, [signal(0, kind=Kind.INSPECTION, result="fail", **grave)])
    picky = rule(Family.SAFETY, kinds=frozenset({Kind.RECALL}))
    assert [] == _kinds(picky, [signal(0, **grave)])


def test_intents_and_kinds_are_the_rule_s_choice():
    """Delivery faults count only where named; a passed inspection not even there."""
    parcels = [signal(n, intent="delivery") for n in range(3)]
    tested = [signal(n, kind=Kind.INSPECTION, result="pass") for n in range(3)]
    unclear = [signal(n, kind=Kind.INSPECTION) for n in range(3)]
    failed = [signal(n, kind=Kind.TELEMETRY, result="fail") for n in range(3)]
    of_all = rule(kinds=frozenset(Kind))
    named = rule(kinds=frozenset(Kind), intents=frozenset({"delivery", "defect"}))

    assert [[], ["freeze"]] == [_kinds(one, parcels) for one in (of_all, named)]
    assert [[], []] == [_kinds(one, tested) for one in (of_all, named)]
    assert [[], []] == [_kinds(one, unclear) for one in (of_all, named)]
    assert [["freeze"], ["freeze"]] == [_kinds(one, failed) for one in (of_all, named)]
    assert [] == _kinds(rule(), failed)
    assert [] == _kinds(rule(intents=frozenset({"smell"})), [signal(n) for n in range(3)])


def test_half_the_bound_is_a_whole_number():
    """Tightened counts are rounded up and never below one; rates are simply halved."""
    half = {
        bound: next(
            (n for n in range(1, 9)
             if crossings(rule(bound=float(bound)),
                          Evidence([signal(k) for k in range(n)], factor=0.5))),
            None,
        )
        for bound in (1, 2, 3, 4, 5)
    }

    assert {1: 1, 2: 1, 3: 2, 4: 2, 5: 3} == half


def test_a_crossing_carries_all_that_a_case_needs():
    """Rule and version, lane, mode, window, figures and the sentence; the mode is only carried."""
    by = rule(version=4, mode="shadow", window=DAY)

    (found,) = crossings(by, Evidence([signal(n) for n in range(4)]))

    reason = found.reason
    assert ("r", 4, "quality", "shadow", "freeze") == (
        found.rule_id, found.rule_version, found.lane, found.mode, found.bound_kind
    )
    assert ("count", "r", 4, DAY, 3, 3, 3, None, False) == (
        reason.family, reason.rule_id, reason.rule_version, reason.window, reason.observed,
        reason.bound, reason.customers, reason.exposure, reason.tightened,
    )
    assert (
        "3 complaints from 3 different customers were made within 1 day (threshold 3)."
    ) == reason.sentence
