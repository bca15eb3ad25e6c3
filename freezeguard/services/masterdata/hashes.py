"""A set of 64-bit hashes in little more than their own 8 bytes each."""

from array import array
from bisect import bisect_left

_BITS = 12
"""4,096 parts: at a million hashes each holds some 250, which a look-up halves eight times."""
_SHIFT, _PART = 64 - _BITS, (1 << _BITS) - 1


class Hashes:
    """Sorted arrays, one for each value of the upper bits. Nothing leaves the set.

    A hash is a whole number of 64 bits with its sign, as `hash` gives it, and evenly spread. What
    is new goes to its place at once: that moves a part's rest, a few kilobytes at most, and never
    the whole. So there is nothing to merge later, and no moment in which requests have to wait
    for it.
    """

    def __init__(self) -> None:
        self._parts = [array("q") for _ in range(1 << _BITS)]

    def add(self, number: int) -> None:
        """Take in a hash. Raises OverflowError for what is no number of 64 bits."""
        part = self._parts[number >> _SHIFT & _PART]
        place = bisect_left(part, number)
        if place == len(part) or part[place] != number:
            part.insert(place, number)

    def __contains__(self, number: int) -> bool:
        part = self._parts[number >> _SHIFT & _PART]
        place = bisect_left(part, number)
        return place < len(part) and part[place] == number

    def __len__(self) -> int:
        return sum(map(len, self._parts))
