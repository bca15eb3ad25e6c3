"""What the items of a shop usually do: who teaches it, and how far a lesson is followed."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.detection.daybook import UNLEARNED, Prior, Priors
from freezeguard.detection.evaluation import Evidence, Fix, after_the_fix, crossings
from freezeguard.detection.exposure import Unit
from freezeguard.detection.learning import (
    ENOUGH_ITEMS,
    FARTHEST,
    HEAVIEST,
    STEP,
    Heard,
    Lesson,
    Lessons,
    Shipped,
    following,
    lesson_of,
    priors_for,
    teaches,
    within_reason,
)
from freezeguard.detection.statistics.priors import fit_gamma_law, fit_gamma_prior
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.rules import read_rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity

START, UNTIL = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
FIRST, DAY = START.toordinal(), timedelta(days=1)
PRIORS = st.builds(Prior, st.floats(0.01, 100), st.floats(0.01, 1e7))


def heard(*days: int, **more: Any) -> Heard:
    """Return an item with a complaint on each of these days of the year."""
    by_day = {FIRST + day: 1 for day in days}
    first, last = (START + edge * DAY for edge in (min(days), max(days)))
    return Heard("K-1", "lamps", by_day, **{"first": first, "last": last, **more})


def test_days_are_counted_from_the_first_complaint_which_itself_tells_nothing():
    """Three complaints in the 300 days that follow the first one."""
    assert Lesson("days", 3, 300) == lesson_of(heard(65, 100, 200, 300), UNTIL)


def test_what_was_heard_of_before_is_counted_from_the_beginning_on():
    """Where the first complaint lies before what teaches, all that teaches counts."""
    item = heard(100, 200, first=START - 400 * DAY)

    assert Lesson("days", 2, 315) == lesson_of(item, UNTIL, START + 50 * DAY)


def test_a_first_sign_that_is_no_complaint_takes_none_away():
    """Days run from anything that was heard; only a complaint of that day is left out."""
    assert Lesson("days", 2, 355) == lesson_of(heard(100, 200, first=START + 10 * DAY), UNTIL)


def test_an_item_is_on_sale_for_a_year_after_it_was_last_heard_of():
    """Then it is exposed to nothing; one that was heard of long before tells nothing at all."""
    old = heard(0, 10)

    assert Lesson("days", 1, 375) == lesson_of(old, UNTIL + 1000 * DAY)
    assert None is lesson_of(old, UNTIL + 1000 * DAY, UNTIL + 300 * DAY)


def test_units_are_held_against_the_complaints_that_may_be_about_them():
    """From the first unit shipped on, until thirty days after the last.

    A feed of units that begins late, or falls silent, would else make every item look bad.
    """
    shipped = Shipped(1234, FIRST + 100, FIRST + 200)
    item = heard(10, 99, 100, 150, 230, 231, 300, shipped=shipped)

    assert Lesson("units", 3, 1234) == lesson_of(item, UNTIL)


@pytest.mark.parametrize(
    "silent",
    [heard(1, 2, 3, is_held=True), Heard("K-1", None), heard(1, 2, is_held=True,
     shipped=Shipped(9, FIRST, FIRST))],
)
def test_what_is_held_or_unheard_of_teaches_nothing(silent):
    """An item that is stopped is no measure of what is usual."""
    assert None is lesson_of(silent, UNTIL)


def test_no_units_are_no_exposure():
    """An item of which nothing was shipped in the time that teaches is measured by days."""
    assert Lesson("days", 1, 364) == lesson_of(heard(1, 2, shipped=Shipped(0, 0, 0)), UNTIL)


def test_loud_days_teach_no_more_than_a_defect_would():
    """A load of fifty on one day counts as the two that always count."""
    loud = Heard("K-1", None, {FIRST + 10: 50, FIRST + 99: 1}, START, START)

    assert Lesson("days", 3, 365) == lesson_of(loud, UNTIL)


@pytest.mark.parametrize(
    ("kind", "intent", "does"),
    [("complaint", "defect", True), ("return", "smell", True), ("complaint", "delivery", False),
     ("return", "change_of_mind", False), ("inspection", "defect", False),
     ("recall", "defect", False)],
)  # fmt: skip
def test_what_counts_against_an_item_teaches(kind, intent, does):
    """As a rule counts it that names neither kinds nor intents."""
    assert does == teaches(Kind(kind), intent, "fail")


def lessons_of(*told: tuple[str | None, Lesson]) -> Lessons:
    """Add up lessons, in this order."""
    lessons = Lessons()
    for category, lesson in told:
        lessons.add(category, lesson)
    return lessons


def test_the_order_in_which_items_are_read_makes_no_difference():
    """Not even in the last digit: replicas, pages and backtests learn the same."""
    chance = Random(3)
    def told_by_one() -> Lesson:
        unit: Unit = chance.choice(["units", "days"])
        return Lesson(unit, chance.randint(0, 5), chance.randint(9, 9999))

    told = [(chance.choice(["lamps", "pans", None]), told_by_one()) for _ in range(2500)]
    once = lessons_of(*told).learned()
    chance.shuffle(told)

    assert once == lessons_of(*told).learned()
    assert {(None, "units"), (None, "days"), ("lamps", "days")} < set(once)


def test_items_that_are_alike_are_reckoned_once():
    """The law of items of which many are alike is that of each of them by itself."""
    chance = Random(5)
    counts = [chance.choice([0, 0, 0, 1, 2]) for _ in range(400)]
    among = [chance.choice([50.0, 100.0, 700.0]) for _ in counts]
    times: dict[tuple[int, float], int] = {}
    for one in zip(counts, among, strict=True):
        times[one] = times.get(one, 0) + 1

    assert len(times) <= 9
    alike = [(n, exposure, number) for (n, exposure), number in times.items()]
    assert fit_gamma_prior(counts, among) == pytest.approx(fit_gamma_law(alike), rel=1e-9)


def test_taking_items_together_changes_hardly_anything():
    """Against the law of the items one by one: a hundredth of its shape, less of its rate."""
    chance = Random(11)
    items = []
    for _ in range(3000):
        among = 1 + int(chance.lognormvariate(6.5, 1.6))
        expected = among * chance.gammavariate(2, 0.0015)
        items.append((int(expected + chance.random()), among))
    told = [("lamps", Lesson("units", n, among)) for n, among in items]
    found = lessons_of(*told).learned()["lamps", "units"].says
    shape, exposure = fit_gamma_prior([n for n, _ in items], [float(one) for _, one in items])

    assert shape == pytest.approx(found.shape, rel=0.02)
    assert shape / exposure == pytest.approx(found.rate, rel=0.003)


def test_a_category_without_enough_items_has_what_is_usual_for_all():
    """And all items have what is built in, where there are too few of them."""
    few = Lesson("days", 1, 100)
    many = [("lamps", Lesson("days", n % 3, 300)) for n in range(ENOUGH_ITEMS)]
    learned = lessons_of(("pans", few), *many).learned()
    priors = {group: one.prior for group, one in learned.items() if one.prior is not None}

    assert {(None, "days"), ("lamps", "days")} == set(priors)
    assert priors_for("pans", priors) == Priors(days=priors[None, "days"])
    assert priors_for("lamps", priors).days == priors["lamps", "days"] != priors[None, "days"]
    assert priors_for("lamps", {}) == UNLEARNED
    assert None is lessons_of(*many[1:]).learned()[None, "days"].prior


@given(PRIORS, st.sampled_from([UNLEARNED.units, UNLEARNED.days]))
def test_what_is_learned_stays_within_reason(says, built_in):
    """Near enough to what is built in, never too sure, and untouched where it is both."""
    taken = within_reason(says, built_in)

    assert built_in.rate / FARTHEST * 0.999 < taken.rate < built_in.rate * FARTHEST * 1.001
    assert taken.shape <= HEAVIEST
    times = says.rate / built_in.rate
    if says.shape <= HEAVIEST and 1 / FARTHEST < times < FARTHEST:
        assert taken is says


@given(PRIORS, PRIORS)
def test_a_night_changes_what_is_usual_by_a_step_at_most(in_force, says):
    """Whatever the past suddenly says; night by night it is followed, and then left alone."""
    taken, nights = following(in_force, says), 0
    assert in_force.rate / STEP * 0.999 < taken.rate < in_force.rate * STEP * 1.001
    while nights < 60 and taken is not following(taken, says):
        taken, nights = following(taken, says), nights + 1

    assert taken.rate == pytest.approx(says.rate, rel=0.06)
    assert taken.shape == pytest.approx(says.shape, rel=0.26)


def test_the_first_lesson_is_taken_as_it_is():
    """A shop that brings its past along has its own priors at once."""
    assert Prior(2, 5000) == following(None, Prior(2, 5000))


def test_hardly_a_change_is_none():
    """What moves by a twentieth changes no rule: each change has all items evaluated anew."""
    before = Prior(2, 1000)

    assert before is following(before, Prior(2.2, 1080))
    assert Prior(2, 1100) == following(before, Prior(2, 1100))


def test_what_was_learned_counts_on_probation_too():
    """After a fix the past is gone, and what is usual for such items is all there is."""
    risen = read_rule({"id": "risen", "family": "likelihood", "bound": 200, "mode": "armed"}, 1)
    learned = Priors(units=Prior(2, 9000, 7))
    fix = Fix(START, frozenset(), 0.5)
    _, evidence = after_the_fix(risen, Scope("K-1"), [], [], fix, learned)

    assert (learned, 7) == (evidence.priors, evidence.priors.units.revision)


def test_no_lesson_makes_a_rule_deaf():
    """With the worst prior that anybody could teach, an item's own past still finds its defect.

    A year of 2,400 units with three complaints, then twelve within two weeks.
    """
    worst = within_reason(Prior(100, 1), UNLEARNED.units)
    item, now = Scope("K-1"), START + 400 * DAY
    signals = [
        Observed(item, now - day * DAY, "shop", f"{day}", 1, Kind.COMPLAINT, "defect",
                 Severity.MAJOR, customer=f"{day}".encode())
        for day in (300.0, 200.0, 100.0, *(n * 1.1 for n in range(12)))
    ]  # fmt: skip
    shipments = [Shipment(item, now - week * 7 * DAY, 48) for week in range(52)]
    risen = read_rule({"id": "risen", "family": "likelihood", "bound": 10_000, "mode": "armed"}, 1)
    [found] = crossings(risen, Evidence(signals, shipments, priors=Priors(units=worst)))

    assert "freeze" == found.bound_kind
    assert HEAVIEST == found.reason.details["prior"]["shape"]
