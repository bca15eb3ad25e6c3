"""Which notices go singly and which in a digest: the decision alone, without a database."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.quiet import QuietHours
from freezeguard.ports.notices import DigestTerms
from freezeguard.ports.rows import Arrival
from freezeguard.services.delivering.digests import may_wait, sort

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def arrival(recipient: str = "person:owen", **more: object) -> Arrival:
    given_: dict[str, object] = {
        "id": uuid4(), "recipient": recipient, "channel": "mail", "address": f"{recipient}@x",
        "kind": "frozen_confirmed", "lane": "quality", "recent": 0, "has_open": False,
    }
    return Arrival(**(given_ | more))  # type: ignore[arg-type]


arrivals = st.lists(
    st.builds(
        arrival,
        st.sampled_from(["person:owen", "person:mara", "vendor:acme"]),
        kind=st.sampled_from(["frozen_confirmed", "statement_of_reasons", "budget_spent"]),
        lane=st.sampled_from(["quality", "safety", "authority", None]),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (arrival(), True),
        (arrival(kind="suspected"), True),
        (arrival(kind="statement_of_reasons"), True),  # to staff
        (arrival(lane=None), True),
        (arrival(lane="safety", kind="suspected"), False),
        (arrival(lane="authority"), False),
        (arrival(kind="budget_spent", lane=None), False),
        (arrival(kind="legal_clock"), False),
        (arrival("vendor:acme"), True),
        (arrival("vendor:acme", kind="statement_of_reasons"), False),
        (arrival("vendor:acme", kind="refrozen"), False),
        (arrival("vendor:acme", kind="delisted"), False),
        (arrival("vendor:acme", kind="contest_answered"), False),
        (arrival(kind="delist_requested"), False),
        (arrival(kind="appealed"), False),
        (arrival(kind="clock_breached"), True),
        (arrival(channel="slack"), True),
        (arrival(channel="teams", lane="safety"), False),
    ],
)
def test_what_may_wait(one: Arrival, expected: bool) -> None:
    """Safety, orders, legal deadlines, decisions of people and statements never wait."""
    assert expected == may_wait(one)


@given(arrivals, st.integers(1, 7))
def test_every_notice_is_sorted_once_and_nobody_is_flooded(
    found: list[Arrival], after: int
) -> None:
    """Each goes one way; beyond the first few only what must not wait goes singly, in order."""
    sorting = sort(found, DigestTerms(after), NOON)
    joined = [one for notices in sorting.joining.values() for one in notices]
    assert Counter(one.id for one in found) == Counter([*sorting.singly, *joined])

    for reader in {one.reader for one in found}:
        mine = [one for one in found if one.reader == reader]
        singly = [one for one in mine if one.id in sorting.singly]
        assert all(one in mine[:after] or not may_wait(one) for one in singly)
        assert all(one in singly for one in mine[:after])
        places = [mine.index(one) for one in mine if one.id in sorting.joining.get(reader, [])]
        assert places == sorted(places)


@given(arrivals, st.integers(1, 7), st.integers(0, 60))
def test_it_does_not_matter_how_many_are_sorted_at_a_time(
    found: list[Arrival], after: int, cut: int
) -> None:
    """Sorted in two rounds, with what is counted and open in between, they go the same ways."""
    from dataclasses import replace

    terms = DigestTerms(after)
    whole, first = sort(found, terms, NOON), sort(found[:cut], terms, NOON)
    counted = Counter(one.reader for one in found[:cut])
    second = sort(
        [
            replace(one, recent=counted[one.reader], has_open=one.reader in first.joining)
            for one in found[cut:]
        ],
        terms, NOON,
    )
    assert whole.singly == [*first.singly, *second.singly]


def test_a_storm_goes_on_while_its_digest_is_open() -> None:
    """Also where few came lately: one more mail would be one more."""
    one = arrival(has_open=True)

    assert [] == sort([one], DigestTerms(5), NOON).singly


@pytest.mark.parametrize(
    ("zone", "at", "until"),
    [
        ("UTC", "2026-11-27T21:59:59+00:00", None),
        ("UTC", "2026-11-27T22:00:00+00:00", "2026-11-28T07:00:00+00:00"),
        ("UTC", "2026-11-28T06:59:59+00:00", "2026-11-28T07:00:00+00:00"),
        ("UTC", "2026-11-28T07:00:00+00:00", None),
        ("Europe/Berlin", "2026-11-27T21:00:00+00:00", "2026-11-28T06:00:00+00:00"),
        ("Asia/Kolkata", "2026-11-27T20:00:00+00:00", "2026-11-28T01:30:00+00:00"),
        # the clocks are put back in this night: the hour that comes twice is quiet twice
        ("Europe/Berlin", "2026-10-24T21:00:00+00:00", "2026-10-25T06:00:00+00:00"),
        ("Europe/Berlin", "2026-03-28T22:00:00+00:00", "2026-03-29T05:00:00+00:00"),
    ],
)
def test_quiet_hours_are_by_the_persons_own_clock(
    zone: str, at: str, until: str | None
) -> None:
    """From ten to seven where the person is, whatever the clock does in that night."""
    found = QuietHours.of("22:00", "07:00").until(datetime.fromisoformat(at), zone)

    assert (None if until is None else datetime.fromisoformat(until)) == found


def test_what_comes_in_quiet_hours_waits_until_they_are_over() -> None:
    """What can wait joins a digest that leaves afterwards; safety and alarms go at once.

    So does a digest that would fall into them.
    """
    quiet = QuietHours.of("12:00", "13:00")
    calm = arrival(quiet=quiet)
    urgent = arrival(quiet=quiet, lane="safety"), arrival(quiet=quiet, kind="budget_spent")
    decision = arrival(quiet=quiet, kind="approval_requested")
    found = sort([calm, *urgent, decision], DigestTerms(), NOON)

    assert [one.id for one in urgent] == found.singly
    assert {calm.reader: [calm.id, decision.id]} == found.joining
    assert NOON + timedelta(hours=1) == found.until[calm.reader]

    before = sort([calm, arrival(quiet=quiet)], DigestTerms(), NOON - timedelta(minutes=1))
    assert ([calm.id], NOON + timedelta(hours=1)) == (before.singly, before.until[calm.reader])
