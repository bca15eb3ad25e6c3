"""Many complaints, few voices: set aside, never lost, and shown to a person."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.detection import evaluation
from freezeguard.detection.defaultpolicy import BODIES
from freezeguard.detection.evaluation import Evidence, Spares, crossings
from freezeguard.detection.families.tracker import LOAD
from freezeguard.detection.patterns import ALIKE, REPEATS, Echoes, echoes
from freezeguard.detection.windows import Observed
from freezeguard.domain.reasons import Crossing
from freezeguard.domain.rules import Family, Rule, read_rule
from freezeguard.domain.signals import Severity
from tests.detection.streams import rule, shipment, signal

read = partial(read_rule, version=1)
RISEN = next(one for one in map(read, BODIES) if one.family is Family.LIKELIHOOD)
FIVE = rule(Family.DISTINCT_CUSTOMERS, window=timedelta(days=30), bound=5.0)
COPY, DEVICE = b"tcopied!", b"ddevice!"


def said(hour: float, who: str, marks: bytes | None = None) -> Observed:
    return signal(hour * 3600, f"{who}-{hour:g}", customer=who.encode(), marks=marks)


def found(by: Rule, signals: Sequence[Observed]) -> list[Crossing]:
    return crossings(by, Evidence(signals))


@pytest.mark.parametrize("by", [RISEN, FIVE, replace(FIVE, family=Family.COUNT)])
def test_fifty_accounts_with_one_text_freeze_nothing_and_are_shown(by: Rule) -> None:
    """Copies are one voice for every family; a person sees how many there were, and why."""
    only = found(by, [said(n, f"c{n}", COPY) for n in range(50)])

    assert [one.bound_kind for one in only] == ["pattern"]
    number = only[0].reason.details["set_aside"]["text"]
    assert number >= 2
    assert f"{number} of them are alike (copied text: {number})" in only[0].reason.sentence
    assert "a person is to look" in only[0].reason.sentence


@pytest.mark.parametrize("by", [RISEN, FIVE])
def test_customers_of_their_own_freeze_in_spite_of_copies(by: Rule) -> None:
    """Whoever floods an item with copies does not silence those who speak for themselves."""
    flood = [said(n / 10, f"copy{n}", COPY) for n in range(50)]
    honest = [said(24 * (n + 1), f"own{n}") for n in range(9)]

    frozen = found(by, flood + honest)

    alone = found(by, honest)
    assert [one.bound_kind for one in frozen] == ["freeze"]
    assert [one.bound_kind for one in alone] == ["freeze"]
    assert frozen[0].crossed_at <= alone[0].crossed_at
    assert not {one.id for one in frozen[0].reason.counted} & {one.id for one in flood[1:]}
    assert "more are alike (copied text: 49) and were not counted" in frozen[0].reason.sentence


def test_copies_reach_no_look_bound_either() -> None:
    """Three copies are one voice for a suspicion too, which one pull would make a stop of."""
    by = replace(FIVE, bound=8.0, look=3.0)
    assert [one.bound_kind for one in found(by, [said(n, f"c{n}", COPY) for n in range(3)])] == [
        "pattern"
    ]


def test_what_is_left_without_copies_may_still_be_worth_a_look() -> None:
    """Five for themselves and eight copies: no stop, but more than a pattern."""
    by = replace(FIVE, bound=8.0, look=3.0)
    signals = [said(n, f"copy{n}", COPY) for n in range(8)]
    signals += [said(9 + n, f"own{n}") for n in range(5)]

    [only] = crossings(by, Evidence(signals), after=signals[-2].occurred_at)

    assert (only.bound_kind, only.reason.bound) == ("look", 3.0)
    assert only.reason.details == {"set_aside": {"text": 7}, "rest_is_enough": True}


@pytest.mark.parametrize("family", ["predictive", "posterior"])
def test_without_the_copies_of_one_window_another_does_not_speak_by_its_own(family: str) -> None:
    """Two templates, weeks apart: whichever window looks worst, there are two voices."""
    by = read_rule({"id": "r", "family": family, "mode": "armed", "bound": 50.0}, 1)
    signals = [said(13 * n, f"a{n}", b"tfirst!!") for n in range(28)]
    signals += [said(35 * 24 + 5 * n, f"b{n}", b"tsecond!") for n in range(10)]
    shipped = [shipment(86_400.0 * day, 100) for day in range(-300, 60)]

    crossed = crossings(by, Evidence(signals, shipped))

    believed = [replace(one, marks=None) for one in signals]
    assert ["freeze"] == [one.bound_kind for one in crossings(by, Evidence(believed, shipped))]
    assert ["pattern"] == [one.bound_kind for one in crossed]


def test_where_somebody_may_get_hurt_nobody_asks_who_speaks() -> None:
    """A rule of the safety lane counts copies as it counts all others."""
    hurt = replace(FIVE, lane="safety")
    assert [one.bound_kind for one in found(hurt, [said(n, f"c{n}", COPY) for n in range(5)])] == [
        "freeze"
    ]
    told = said(0, "c0", COPY)
    trusted = replace(told, severity=Severity.SAFETY, may_assert_safety=True)
    assert found(rule(Family.SAFETY), [trusted, replace(trusted, id="2", customer=b"c2")])


def test_one_device_is_one_voice_and_two_customers_without_one_are_two() -> None:
    """What complaints have in common may be of several kinds; each is told."""
    signals = [said(n, f"c{n}", COPY if n % 2 else DEVICE) for n in range(6)]
    assert list(echoes(signals).values()) == ["device", "text", "device", "text"]
    assert echoes([said(n, f"c{n}") for n in range(6)]) == {}
    assert echoes([said(n, "the same", COPY) for n in range(6)]) == {}


def test_one_customer_with_a_thousand_complaints_freezes_nothing_and_is_shown() -> None:
    """From the twentieth on; of whom nobody knows the name, nobody says that it is one."""
    for by in (RISEN, FIVE):
        many = [replace(said(n / 10, "c"), id=f"{n:04d}") for n in range(1_000)]
        assert found(by, many[: REPEATS - 1]) == []
        shown = found(by, many)
        assert [one.bound_kind for one in shown] == ["pattern"]
        assert shown[0].crossed_by == many[REPEATS - 1].key
        assert shown[0].reason.customers == 1
        assert "One customer made 20 complaints" in shown[0].reason.sentence
        assert found(by, [replace(one, customer=None) for one in many[:100]]) == []


def test_copies_of_one_day_are_shown_though_no_rule_counts_them() -> None:
    """`risen` takes fifty complaints of one hour for a bad day; that they are copies is told."""
    shown = found(RISEN, [said(n / 100, f"c{n}", COPY) for n in range(50)])
    assert [one.bound_kind for one in shown] == ["pattern"]
    assert shown[0].reason.details == {"of_one_hand": "text"}
    assert len(shown[0].reason.counted) == ALIKE
    assert "10 complaints within 60 days are alike (copied text)" in shown[0].reason.sentence


def test_a_load_of_one_day_is_shown() -> None:
    """Fifty customers of one hour may be a bad carrier or a bad batch: a person is to look."""
    signals = [said(n / 100, f"c{n}") for n in range(50)]
    shown = found(RISEN, signals)
    assert [one.bound_kind for one in shown] == ["pattern"]
    limit = int(shown[0].reason.bound)
    assert limit == 2
    assert shown[0].crossed_by == signals[limit + LOAD - 1].key
    assert "22 complaints were made on one day" in shown[0].reason.sentence
    assert found(RISEN, signals[: limit + LOAD - 1]) == []


def test_copies_are_gone_through_in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of copies in one batch ask for one look at their window, not for thousands."""
    looks = []

    def looking(signals: Sequence[Observed]) -> Echoes:
        looks.append(len(signals))
        return echoes(signals)

    monkeypatch.setattr(evaluation, "echoes", looking)
    signals = [said(n / 100, f"c{n}", COPY) for n in range(3_000)]

    assert [one.bound_kind for one in found(FIVE, signals)] == ["pattern"]
    assert looks == [5]


MARKS = st.sampled_from([None, None, None, COPY, DEVICE, COPY + DEVICE])
STREAM = st.lists(
    st.tuples(st.integers(0, 60 * 24), st.integers(0, 9), MARKS),
    max_size=30,
    unique_by=lambda one: one[:2],
).map(lambda many: [said(hour, f"c{who}", marks) for hour, who, marks in many])


@given(STREAM, st.sampled_from([RISEN, FIVE, replace(FIVE, family=Family.COUNT)]), st.randoms())
def test_order_of_arrival_makes_no_difference(
    signals: list[Observed], by: Rule, dice: object
) -> None:
    """Whatever comes first: the same crossings, with the same things set aside."""
    shuffled = list(signals)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert found(by, shuffled) == found(by, signals)


@given(STREAM, st.sampled_from([RISEN, FIVE]))
def test_one_by_one_comes_to_the_same_as_all_at_once(signals: list[Observed], by: Rule) -> None:
    """Live looks at each complaint as it comes, a backtest at all of them: the same stops."""
    in_time = sorted(signals, key=lambda one: (one.occurred_at, one.source, one.id))
    live = None
    for place, newest in enumerate(in_time):
        before = newest.occurred_at - timedelta(microseconds=1)
        now = crossings(by, Evidence(in_time[: place + 1]), after=before)
        live = live or next((one for one in now if one.bound_kind == "freeze"), None)
    at_once = next((one for one in found(by, signals) if one.bound_kind == "freeze"), None)
    assert live == at_once


@given(STREAM, st.sampled_from([RISEN, FIVE]))
def test_what_is_set_aside_never_adds_anything(signals: list[Observed], by: Rule) -> None:
    """Who is wary freezes no earlier than who believes everything."""
    believed = [replace(one, marks=None) for one in signals]
    wary = [one for one in found(by, signals) if one.bound_kind == "freeze"]
    open_eyed = [one for one in found(by, believed) if one.bound_kind == "freeze"]
    assert len(wary) <= len(open_eyed)
    assert not wary or open_eyed[0].crossed_at <= wary[0].crossed_at


@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.integers(0, 3), MARKS), min_size=15, max_size=60
    ).map(
        lambda many: [
            said(hour + n / 100, f"c{who}", marks) for n, (hour, who, marks) in enumerate(many)
        ]
    ),
    st.sampled_from([RISEN, replace(RISEN, bound=20.0, look=None)]),
)
def test_whoever_is_spared_the_work_misses_no_pattern(signals: list[Observed], by: Rule) -> None:
    """As many more signals as an evaluation says show no pattern, from the last day on."""
    in_time = sorted(signals, key=lambda one: one.occurred_at)
    for place in range(len(in_time) - 1):
        spares = Spares()
        seen = in_time[: place + 1]
        crossings(by, Evidence(seen), spares=spares)
        least = spares.least
        assert least is not None
        next_ones = in_time[place + 1 : place + 1 + least.signals]
        days = [one.occurred_at.toordinal() for one in next_ones]
        within = [n for n, day in enumerate(days) if not least.first <= day < least.end]
        next_ones = next_ones[: within[0] if within else None]
        if next_ones:
            after = in_time[place].occurred_at
            assert crossings(by, Evidence([*seen, *next_ones]), after=after) == []
