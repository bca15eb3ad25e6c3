"""The compact set of hashes holds what a plain set holds, however it came in."""

from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freezeguard.services.masterdata.hashes import Hashes

LOWEST, HIGHEST = -(2**63), 2**63 - 1
PART = 2**54
"""Hashes that agree in the bits above stand in one table."""

NUMBERS = st.one_of(
    st.integers(LOWEST, HIGHEST),
    st.integers(-40, 40),
    st.integers(0, 60).map(lambda one: one * 2520),
    st.builds(
        lambda part, beside: min(max(part * PART + beside, LOWEST), HIGHEST),
        st.integers(-512, 512), st.integers(-3, 3),
    ),
).filter(lambda one: one != -1)
"""Anywhere; many in one table, where they meet again; many that are looked for from one slot; and
on both sides of where a table ends."""


def around(numbers: Iterable[int]) -> set[int]:
    """Return numbers, and what stands beside each."""
    return {
        near for one in numbers for near in (one - 1, one, one + 1) if LOWEST <= near <= HIGHEST
    }


@given(st.lists(st.lists(NUMBERS, max_size=60), max_size=6), st.sets(NUMBERS))
@example([[LOWEST, HIGHEST, 0, -2], [HIGHEST, -2, LOWEST, 0]], set())
def test_it_holds_what_a_plain_set_holds(batches: list[list[int]], others: set[int]):
    """After every batch, in any order and with any repetition: the same members, as many."""
    hashes, plain = Hashes(), set[int]()
    for batch in batches:
        for one in batch:
            hashes.add(one)
        plain.update(batch)
        asked = around(plain) | others

        assert {one for one in asked if one in plain} == {one for one in asked if one in hashes}
        assert len(plain) == len(hashes)


@given(st.permutations(range(60)), st.integers(1, HIGHEST // 100))
def test_no_order_of_arrival_makes_a_difference(order: list[int], step: int):
    """The same hashes in another order are the same set."""
    hashes = Hashes()
    for one in order:
        hashes.add(one * step)

    assert all(one * step in hashes for one in range(60))
    assert 60 == len(hashes)


@pytest.mark.parametrize("number", [LOWEST - 1, -1, HIGHEST + 1])
def test_what_is_no_hash_is_refused_and_changes_nothing(number: int):
    """Nothing is cut to another hash, or taken for an empty place."""
    hashes = Hashes()
    with pytest.raises((OverflowError, ValueError)):
        hashes.add(number)

    assert number not in hashes
    assert 0 == len(hashes)
