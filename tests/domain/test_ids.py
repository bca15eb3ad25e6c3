"""Identifiers sort by their time and are what they claim to be."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.ids import uuid7

TIMES = st.integers(0, 2**48 - 1)
DRAWS = st.integers(0, 2**80)


@given(TIMES, DRAWS)
def test_an_id_is_a_uuid_of_version_7(unix_ms, draw):
    """Version, variant and time stand where RFC 9562 puts them; the rest is the draw."""
    made = uuid7(unix_ms, draw)

    assert (7, uuid.RFC_4122) == (made.version, made.variant)
    assert unix_ms == made.int >> 80
    assert unix_ms == int(str(made).replace("-", "")[:12], 16)
    random_a, random_b = made.int >> 64 & 0xFFF, made.int & (1 << 62) - 1
    assert draw % 2**74 == random_a << 62 | random_b


@given(TIMES, TIMES, DRAWS, DRAWS)
def test_later_ids_sort_later(one, other, draw, redraw):
    """By bytes and as text, whatever was drawn."""
    early, late = sorted([one, other])
    if early == late:
        return

    assert uuid7(early, draw).bytes < uuid7(late, redraw).bytes
    assert str(uuid7(early, draw)) < str(uuid7(late, redraw))


@given(TIMES, st.integers(0, 2**74 - 1), st.integers(0, 2**74 - 1))
def test_every_random_bit_counts(unix_ms, draw, redraw):
    """Different draws give different ids."""
    assert (draw == redraw) == (uuid7(unix_ms, draw) == uuid7(unix_ms, redraw))


@pytest.mark.parametrize("unix_ms", [-1, 2**48])
def test_times_that_do_not_fit_are_refused(unix_ms):
    """Before 1970 and after the year 10889 there are no ids."""
    with pytest.raises(ValueError, match="time out of range"):
        uuid7(unix_ms, 0)
