"""Cursors: what was put in comes out, in one form for every list."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from freezeguard.api.cursors import (
    read_cursor,
    read_ranked_cursor,
    whole_minute,
    write_cursor,
    write_ranked_cursor,
)

AT = datetime(2026, 11, 21, 9, 30, 17, 250_000, tzinfo=UTC)
LAST = UUID("5f0c8a3e-1111-4222-8333-944444444444")


def test_a_place_comes_back_to_the_microsecond() -> None:
    assert (AT, LAST) == read_cursor(write_cursor(AT, LAST))


@pytest.mark.parametrize("rank", [0.0, 1.0, 0.5, 1.5e30])
def test_a_ranked_place_comes_back_by_the_minute(rank: float) -> None:
    """It has the form of every other cursor, so that none is refused for being of another list."""
    cursor = write_ranked_cursor(whole_minute(AT), rank, LAST)

    at, read, last = read_ranked_cursor(cursor)
    assert (AT.replace(second=0, microsecond=0), LAST) == (at, last)
    assert rank == pytest.approx(read, rel=1e-6)
    assert re.fullmatch("[0-9a-f]{46}", cursor)
