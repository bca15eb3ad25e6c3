"""The watch: it may say "maybe" for nothing, but never a false "no"."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import floor
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.detection.watch import Watch
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.rules import Family, Rule
from freezeguard.domain.signals import Severity
from tests.detection.streams import (
    SECOND,
    START,
    bounds,
    groups,
    rule,
    rules,
    shipment,
    sightings,
    signal,
)

COUNTING = (Family.COUNT, Family.DISTINCT_CUSTOMERS, Family.RATE)
SKUS = ("K-1", "K-2", "K-3", "K-4")
UNITS = [shipment(at, 3) for at in range(0, 60, 4)]
BASE = floor(START.timestamp())


def second(one: Observed) -> int:
    """Return the moment of a signal as the watch is told it."""
    return floor(one.occurred_at.timestamp())


def crossed_by(
    by: Rule, stored: Sequence[Observed], news: Sequence[Observed], units: Sequence[Shipment]
) -> bool:
    """Evaluate everything: say whether a window that holds any of the news reaches a bound."""
    keys = {one.key for one in news}
    lower = min(bound for _, bound in bounds(by))
    return any(
        value >= lower and keys & {one.key for one in inside}
        for lot in groups(by, stored)
        for _, value, inside in sightings(by, stored, units, lot)
    )


@dataclass
class Told:
    """A batch that is stored, and whose total the watch has not been told yet."""

    sku: str
    moments: list[int]
    total: int
    crossed: bool


@dataclass
class World:
    """A database that several writers share, and the watch of one of them."""

    chance: Random
    rules: list[Rule]
    watch: Watch
    stored: dict[str, list[Observed]] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    looks: list[tuple[str, list[int], int, int]] = field(default_factory=list)
    answers: list[tuple[bool, bool]] = field(default_factory=list)

    def store(self, *, ours: bool) -> None:
        """Store a batch: mostly recent, sometimes late, sometimes at one moment."""
        sku = self.chance.choice(SKUS)
        mine = self.stored.setdefault(sku, [])
        size = self.chance.choice([1, 1, 3])
        batch = [self._signal(len(mine) + number) for number in range(size)]
        mine += batch
        if not ours:
            return
        moments = [second(one) for one in batch]
        live = [one for one in self.rules if one.mode != "off" and one.family in COUNTING]
        crossed = any(crossed_by(by, mine, batch, UNITS) for by in live)
        self.told.append(Told(sku, moments, len(mine), crossed))

    def _signal(self, number: int) -> Observed:
        late = self.chance.choice([0, 0, 0, 5, 30])
        at = max(0.0, self.chance.uniform(0, 3) + number * self.chance.choice([0, 1, 2]) - late)
        if self.chance.random() < 0.5:
            at = float(floor(at))
        customer = self.chance.choice([None, b"a", b"b", b"c", b"d", b"e"])
        return signal(at, f"{number:03d}-{self.chance.random()}", customer=customer)

    def tell(self) -> None:
        """Tell the watch of a stored batch; in one process they may come out of order."""
        if self.told:
            batch = self.told.pop(self.chance.choice([0, 0, -1]))
            said = self.watch.might_cross(batch.sku, batch.moments, batch.total)
            self.answers.append((batch.crossed, said))

    def look(self) -> None:
        """Read what the database shows of a SKU after some moment, all at one time."""
        sku = self.chance.choice(SKUS)
        after = self.chance.choice([-1, BASE - 1, BASE + 5, BASE + 20])
        mine = self.stored.get(sku, [])
        shown = [second(one) for one in mine if one.occurred_at.timestamp() > after]
        self.looks.append((sku, shown, after, len(mine)))

    def learn(self) -> None:
        """Hand an earlier look to the watch, though more may have been stored since."""
        if self.looks:
            self.watch.learn(*self.looks.pop(self.chance.randrange(len(self.looks))))

    def change_rules(self, fresh: list[Rule]) -> None:
        """Put other rules in force; batches not yet told of are judged by both sets."""
        while self.told:
            self.tell()
        self.rules = fresh
        self.watch.set_rules(fresh)


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.lists(rules(COUNTING), min_size=1, max_size=2), min_size=1, max_size=3),
    st.sampled_from([2, 3, 100]),
)
def test_never_a_false_no(seed, rulebooks, capacity):
    """Second writers, late and reordered batches, stale looks, forgetting, pruning, new rules."""
    chance = Random(seed)
    world = World(chance, rulebooks[0], Watch(rulebooks[0], capacity))

    for number in range(90):
        kind = chance.random()
        if kind < 0.45:
            world.store(ours=True)
        elif kind < 0.5:
            world.store(ours=False)
        elif kind < 0.75:
            world.tell()
        elif kind < 0.82:
            world.look()
        elif kind < 0.92:
            world.learn()
        elif kind < 0.95:
            world.watch.forget(chance.choice(SKUS))
        elif number % 30 == 29:
            world.change_rules(chance.choice(rulebooks))
    while world.told:
        world.tell()

    assert [] == [pair for pair in world.answers if pair == (True, False)]
    assert len(world.watch) <= capacity


def test_most_answers_are_no_where_little_happens():
    """The watch earns its keep: sparse complaints about many SKUs need no look at all."""
    watch = Watch([rule(bound=5.0, window=timedelta(days=30))])
    day = 86_400
    answers = [
        watch.might_cross(f"K-{sku}", [BASE + visit * 20 * day + sku], visit + 1)
        for visit in range(20)
        for sku in range(50)
    ]

    assert 0 == sum(answers)


def test_late_complaints_between_sparse_ones_need_no_look():
    """As many moments are kept as tell, for complaints that come late too."""
    watch = Watch([rule(bound=5.0, window=timedelta(days=30))])
    month = 40 * 86_400
    watch.learn("K-1", [BASE + n * month for n in range(20)], -1, 20)

    answers = [
        watch.might_cross("K-1", [BASE + (19 - late) * month + 9], 21 + late) for late in range(5)
    ]

    assert [False] * 5 == answers


# ---------------------------------------------------------------------------- one by one


def test_below_the_smallest_bound_the_answer_is_certain():
    """With fewer signals than any rule needs, whatever is kept, nothing can be crossed."""
    watch = Watch([rule(bound=5.0), rule(Family.DISTINCT_CUSTOMERS, bound=3.0)])

    assert [False, False, True] == [watch.might_cross("K-1", [BASE], n) for n in (1, 2, 3)]


def test_shadow_rules_are_watched_and_off_and_safety_rules_are_not():
    """A shadow rule records crossings too; safety is decided by the one signal itself."""
    for mode, family, expected in (
        ("shadow", Family.COUNT, True), ("off", Family.COUNT, False),
        ("armed", Family.SAFETY, False),
    ):
        watch = Watch([rule(family, bound=1.0, mode=mode)])
        assert expected == watch.might_cross("K-1", [BASE], 1)
        assert (1 if expected else 0) == len(watch)


def test_the_look_bound_is_the_one_that_counts():
    """Whatever may suspect must be looked at."""
    watch = Watch([rule(bound=5.0, look=2.0)])

    assert [False, True] == [watch.might_cross("K-1", [BASE], n) for n in (1, 2)]


def test_the_edge_is_taken_to_lie_inside():
    """Seconds are floored: two that differ by the window may differ by less."""
    by = rule(bound=2.0)
    for apart, expected in ((10, True), (11, False)):
        watch = Watch([by])
        watch.might_cross("K-1", [BASE], 1)
        assert expected == watch.might_cross("K-1", [BASE + apart], 2)


def test_a_window_of_broken_seconds_is_rounded_up():
    """Half a second of window must not be lost to flooring."""
    by = rule(bound=2.0, window=timedelta(seconds=9.5))
    first, last = signal(0.9), signal(10.0)
    watch = Watch([by])
    watch.might_cross("K-1", [second(first)], 1)

    assert crossed_by(by, [first, last], [last], [])
    assert watch.might_cross("K-1", [second(last)], 2)


def test_a_second_writer_is_noticed():
    """A total that does not follow from what is known means that somebody else has written."""
    watch = Watch([rule(window=timedelta(days=1))])
    far = [BASE + number * 10 * 86_400 for number in range(9)]
    assert [False] * 3 == [watch.might_cross("K-1", [far[n]], n + 1) for n in range(3)]

    assert watch.might_cross("K-1", [far[3]], 5)
    assert 0 == len(watch)


def test_a_late_complaint_is_looked_up():
    """What lies at or before the moment up to which nothing is kept can't be judged here."""
    watch = Watch([rule()])
    watch.learn("K-1", [], BASE + 100, 7)

    assert [True, True, True, False] == [
        watch.might_cross("K-1", [BASE + at], 8 + n)
        for n, at in enumerate([50, 100, 110, 121])
    ]


def test_all_that_was_learned_is_counted():
    """From the first moment after the floor on, whatever the database showed is kept."""
    watch = Watch([rule()])
    watch.learn("K-1", [BASE, BASE + 1, BASE + 2], BASE, 3)

    assert watch.might_cross("K-1", [BASE + 11], 4)
    assert not watch.might_cross("K-1", [BASE + 22], 5)


def test_equal_moments_are_pruned_together_or_looked_up():
    """Of two signals in one second one may be forgotten, but never without a trace."""
    by = rule(window=10 * SECOND)
    twins = [signal(0.9, "a"), signal(0.9, "b"), *(signal(1000 + 100 * n) for n in range(7))]
    late = signal(10.0, "late")
    watch = Watch([by])
    watch.learn("K-1", [second(one) for one in twins], -1, len(twins))

    assert crossed_by(by, [*twins, late], [late], [])
    assert watch.might_cross("K-1", [second(late)], len(twins) + 1)


def test_new_rules_forget_what_was_kept_for_others():
    """What was enough for a short window says nothing about a long one."""
    watch = Watch([rule(bound=2.0)])
    watch.might_cross("K-1", [BASE], 1)

    watch.set_rules([rule(bound=2.0, window=timedelta(days=1))])

    assert 0 == len(watch)
    assert watch.might_cross("K-1", [BASE + 3_600], 2)


@pytest.mark.parametrize("moment", [-1, -62_135_596_800, 0, 2**32, 253_402_300_799])
def test_any_age_is_accepted(moment):
    """Complaints of the years 1 to 9999 are counted or looked up, never refused."""
    watch = Watch([rule(bound=2.0)])

    first = watch.might_cross("K-1", [moment], 1)
    watch.learn("K-2", [moment, BASE], moment - 1, 2)

    assert not first
    assert watch.might_cross("K-1", [moment], 2)
    assert watch.might_cross("K-2", [moment], 3)
    assert watch.might_cross("K-2", [moment + 3, BASE], 5)


@pytest.mark.parametrize("capacity", [0, 1, 2, 64, 1_000])
def test_no_more_skus_are_remembered_than_there_is_room_for(capacity):
    """However SKUs come in; others are forgotten for the newest, and looked up again."""
    watch = Watch([rule(bound=2.0)], capacity)

    for number in range(3 * capacity + 5):
        watch.might_cross(f"one-{number}", [BASE], 1)
        assert (capacity > 0) == (not watch.might_cross(f"one-{number}", [BASE + 9_999_999], 2))
        watch.might_cross(f"two-{number}", [BASE, BASE + 100], 2)
        watch.learn(f"learned-{number}", [BASE], -1, 1)
        assert len(watch) <= capacity

    asked = [watch.might_cross(f"two-{n}", [BASE + 9_999_999], 3) for n in range(3 * capacity + 5)]
    assert len(asked) - capacity <= sum(asked)


def test_safety_is_decided_without_the_watch():
    """A lone safety signal is no business of the watch, whatever its severity."""
    watch = Watch([rule(Family.SAFETY), rule(bound=5.0)])
    grave = signal(0, severity=Severity.SAFETY, may_assert_safety=True)

    assert not watch.might_cross("K-1", [second(grave)], 1)
