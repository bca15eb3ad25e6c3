"""Which notices go singly and which in a digest: the decision alone, without a database."""

from collections import Counter
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.ports.rows import Arrival
from freezeguard.services.delivering.digests import may_wait, sort


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
        (arrival(channel="webhook"), False),
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
    sorting = sort(found, after)
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

    whole, first = sort(found, after), sort(found[:cut], after)
    counted = Counter(one.reader for one in found[:cut])
    second = sort(
        [
            replace(one, recent=counted[one.reader], has_open=one.reader in first.joining)
            for one in found[cut:]
        ],
        after,
    )
    assert whole.singly == [*first.singly, *second.singly]


def test_a_storm_goes_on_while_its_digest_is_open() -> None:
    """Also where few came lately: one more mail would be one more."""
    one = arrival(has_open=True)

    assert [] == sort([one], 5).singly
