"""Which SKUs somebody may have meant who mistyped one."""

import pytest

from freezeguard.domain.nearmisses import LONGEST, near_misses

MEANT = "TOASTER-5"


@pytest.mark.parametrize(
    "written",
    ["TOSTER-5", "TOAASTER-5", "TAOSTER-5", "TOAZTER-5", "TOASTER5", "TOASTER_5", "TOASTER-",
     "toaster-5", "Toaster-5", "toster-5", " TOASTER-5", "TOASTER-5 "],
)
def test_one_slip_is_found(written: str) -> None:
    """Left out, doubled, swapped, wrong, another case, a stray blank; never what was written."""
    found = near_misses(written)

    assert MEANT in found
    assert written not in found
    assert len(found) == len(set(found))


@pytest.mark.parametrize("written", ["TSTER-5", "KETTLE-17", "", " "])
def test_something_else_is_not_near(written: str) -> None:
    """Two slips are no slip, and of nothing nothing is near but no empty name."""
    found = near_misses(written)

    assert MEANT not in found
    assert "" not in found


def test_their_number_is_bounded() -> None:
    """What is longer than any SKU that people type costs no more than a few look-ups."""
    assert len(near_misses("k" * LONGEST)) < 10_000
    assert near_misses("k" * (LONGEST + 1)) == ("K" * (LONGEST + 1),)
