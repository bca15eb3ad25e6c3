"""A few bytes under each of many names, in a third of the memory that a dictionary takes.

Of a dictionary's 170 bytes for an entry of 24, most are what Python keeps about objects: a name and
its bytes are one each, beside a slot of the table. Here a few names share one object.
"""

from struct import Struct

_SIZES = Struct("<HI")
"""How long a name is and how long its entry; both follow."""

_TOGETHER = 4
"""So many names share a shelf where all places are taken."""

OVERHEAD = _SIZES.size + (33 + 8 + 8) // _TOGETHER
"""Bytes beside name and entry: the sizes, and the share of a shelf's object, slot and padding."""


class Entries:
    """Bytes by name, for at most `capacity` names, each of at most 65,535 bytes in UTF-8.

    Where all places are taken a new name takes that of another one: shelf after shelf gives its
    oldest, which is the one that was not put there again for longest.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._shelves = [b""] * max(capacity // _TOGETHER, 1)
        self._number = self._turn = 0

    def get(self, name: str) -> bytes | None:
        """Return what was put under a name, None where nothing was, or where it was forgotten."""
        shelf = self._shelves[hash(name) % len(self._shelves)]
        found = _find(shelf, name.encode())
        return None if found is None else shelf[found[1] : found[2]]

    def put(self, name: str, entry: bytes) -> None:
        """Keep an entry in the place of what was under its name."""
        if not self._capacity:
            return
        self.forget(name)
        if self._number == self._capacity:
            self._make_room()
        key, place = name.encode(), hash(name) % len(self._shelves)
        sizes = _SIZES.pack(len(key), len(entry))
        self._shelves[place] = b"".join((self._shelves[place], sizes, key, entry))
        self._number += 1

    def forget(self, name: str) -> None:
        """Keep nothing under a name."""
        place = hash(name) % len(self._shelves)
        shelf = self._shelves[place]
        found = _find(shelf, name.encode())
        if found is not None:
            self._shelves[place] = shelf[: found[0]] + shelf[found[2] :]
            self._number -= 1

    def clear(self) -> None:
        """Forget everything."""
        self._shelves = [b""] * len(self._shelves)
        self._number = 0

    def _make_room(self) -> None:
        while not (shelf := self._shelves[self._turn]):
            self._turn = (self._turn + 1) % len(self._shelves)
        length, size = _SIZES.unpack_from(shelf)
        self._shelves[self._turn] = shelf[_SIZES.size + length + size :]
        self._turn = (self._turn + 1) % len(self._shelves)
        self._number -= 1

    def __len__(self) -> int:
        return self._number


def _find(shelf: bytes, key: bytes) -> tuple[int, int, int] | None:
    """Return where a name's part begins, where its entry begins, and where that ends."""
    at, wanted = 0, len(key)
    while at < len(shelf):
        length, size = _SIZES.unpack_from(shelf, at)
        name = at + _SIZES.size
        entry = name + length
        if length == wanted and shelf.startswith(key, name):
            return at, entry, entry + size
        at = entry + size
    return None
