"""The pure parts of enforcement: pauses, the breaker, and what a release must not overwrite."""

from datetime import timedelta

import pytest

from freezeguard.domain.enforcement import Status
from freezeguard.ports.rows import CatalogueRow
from freezeguard.services.enforcing.breaker import Breaker
from freezeguard.services.enforcing.pace import Pace
from freezeguard.services.enforcing.releasing import conflict_in

NOW = 1000.0
"""A moment on the event loop's clock."""


def later(seconds: float) -> float:
    return NOW + seconds


def test_pauses_double_up_to_a_limit_and_obey_the_far_side():
    """0.5, 1, 2 … 30 s; a Retry-After lengthens the pause, up to a minute."""
    pace = Pace()
    assert [0.5, 0.5, 1, 2, 4] == [pace.retry_in(attempts) for attempts in range(5)]
    assert [30, 30] == [pace.retry_in(attempts) for attempts in (8, 10_000)]
    assert [7, 60, 0.5] == [pace.retry_in(1, asked) for asked in (7, 3600, 0.1)]
    assert 0.4 == pytest.approx(Pace(jitter=lambda: 0.8).retry_in(1))


def test_a_young_stop_is_looked_at_sooner():
    """At about 2, 8 and 32 s, then every 30 s; after trouble at 0.5, 1, 2, 4 … s."""
    pace = Pace()

    def looks(*, troubled: bool) -> list[float]:
        at, found = 0.0, []
        while at < 70:
            at += pace.look_again_in(timedelta(seconds=at), troubled=troubled)
            found.append(at)
        return found

    assert [2, 8, 32, 62, 92] == looks(troubled=False)
    assert [0.5, 1, 2, 4, 8, 16, 32, 62, 92] == looks(troubled=True)


def test_where_much_is_stopped_each_is_read_back_less_often():
    """Up to 150 every 30 s; a thousand at five a second, but the young ones as ever."""
    pace, hour = Pace(), timedelta(hours=1)

    def pauses(looked_over: int) -> list[float]:
        return [
            pace.look_again_in(one, troubled=False, looked_over=looked_over)
            for one in (timedelta(0), timedelta(seconds=8), hour)
        ]

    assert [2, 24, 30] == pauses(150)
    assert [2, 24, 200] == pauses(1000)
    assert timedelta(seconds=90) == pace.unseen_after(150)
    assert timedelta(seconds=600) == pace.unseen_after(1000)


def test_the_breaker_opens_after_failures_in_a_row_only():
    """Four failures, an answer and four more are no reason; five in a row are."""
    breaker = Breaker()
    assert not any(breaker.failed(NOW, None) for _ in range(4))
    assert not breaker.answered()
    assert not any(breaker.failed(NOW, None) for _ in range(4))
    assert breaker.failed(NOW, None)
    assert breaker.is_open
    assert not breaker.failed(NOW, None)
    assert breaker.answered()
    assert not breaker.is_open


def test_an_open_breaker_lets_one_probe_through_and_every_first_try():
    """A stop that was never tried is never held back by other objects' failures."""
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(NOW, None)
    assert breaker.holds_back(later(1))
    assert 4 == breaker.wait(later(1), first_try=False)
    assert 0 == breaker.wait(later(1), first_try=True)
    assert not breaker.holds_back(later(5))
    assert 0 == breaker.wait(later(5), first_try=False)
    assert 5 == breaker.wait(later(5), first_try=False)


def test_a_pause_that_was_asked_for_holds_for_everybody():
    """Retry-After holds back first tries too, and an answer that was under way does not end it."""
    breaker = Breaker()
    breaker.failed(NOW, 10)
    breaker.failed(NOW, 3)
    assert not breaker.answered()
    assert 9 == breaker.wait(later(1), first_try=True)
    assert breaker.holds_back(later(9.5))
    assert 0 == breaker.wait(later(10), first_try=True)


def test_nobody_is_switched_off_by_a_long_pause():
    """Whatever pause was asked for, and however often: it ends after a minute."""
    breaker = Breaker()
    breaker.failed(NOW, 3600)
    assert 60 == breaker.pause_left(NOW)
    assert 0 == breaker.pause_left(later(60))


def test_what_nobody_waits_for_leaves_the_probe_to_stops():
    """Of an open breaker it gets a probe that was offered for a second and not taken."""
    breaker = Breaker()
    assert breaker.spares(NOW)
    for _ in range(5):
        breaker.failed(NOW, None)
    assert not breaker.spares(later(5))
    assert 0 == breaker.wait(later(5), first_try=False)
    assert not breaker.spares(later(10.5))
    assert breaker.spares(later(11))
    assert not breaker.spares(later(11.1))
    assert breaker.holds_back(later(15.9))


def row(**facts) -> CatalogueRow:
    return CatalogueRow("sku", "shop", "r", "sellable", 3, Status.PENDING, **facts)


@pytest.mark.parametrize(
    ("image", "written", "present", "conflict"),
    [
        ({"a": 1}, {"a": 0}, {"a": 0}, ""),
        ({"a": 1}, {"a": 0}, {"a": 1}, ""),
        ({"a": 1}, {"a": 0}, {"a": 7}, "a is 7, the stop wrote 0"),
        ({"a": 1, "b": 2}, {"a": 0}, {"a": 0, "b": 9}, ""),
        ({"a": None}, {"a": 0}, {}, ""),
        ({"a": 1}, {"a": 0}, {}, "a is None, the stop wrote 0"),
        ({}, {"a": 0}, {"a": 0}, "a is 0, the stop wrote 0"),
        (None, {"a": 0}, {"a": 0}, "nobody knows how it was before the stop"),
        ({"a": 1}, None, {"a": 5}, ""),
    ],
)
def test_what_somebody_else_wrote_is_a_conflict(image, written, present, conflict):
    """Written back is what is as the stop left it, or as before; of the rest a person decides."""
    assert conflict == conflict_in(row(before_image=image, written=written), present)
