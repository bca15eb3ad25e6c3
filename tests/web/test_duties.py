"""What clocks wait for, in the words of the pages."""

from freezeguard.domain.clocks import BY_NAME
from freezeguard.web.duties import DUTIES


def test_each_clock_has_its_words():
    """A clock that is new or renamed would be shown without them; news alone asks for nothing."""
    assert set(BY_NAME) - {"update"} == set(DUTIES)
