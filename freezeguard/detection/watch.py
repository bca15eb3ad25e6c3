"""A memory that may only say "no" or "maybe": which SKUs need not be evaluated at all.

For each SKU it keeps when the latest signals were made, and how many signals the database had
when it looked. The database returns its own count with every batch stored; where the two agree,
nobody else has written in between and a "no" is certain. Where they don't, or where a complaint is
older than what is kept, the answer is "maybe" and the stored signals decide.

Rules that learn what is usual can't be told from moments alone. For them an evaluation says how
many more signals surely cross nothing, and until when; that is what is kept, and used up.

A "no" is about the bounds as the rules state them. Two things are not its business: safety rules,
which one signal crosses, and SKUs with an open case, whose bounds may be tightened.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from freezeguard.detection.entries import OVERHEAD, Entries
from freezeguard.detection.families import Spare, learns, needs_at_least
from freezeguard.domain.rules import Family, Rule

_TOTAL, _FLOOR, _SPARE, _FIRST, _END, _HEAD = 0, 1, 2, 3, 4, 5
"""An entry: the total, the moment up to which nothing is kept, how many signals are to spare from
which moment until which, then the moments in order."""

_UINT = "I"
"""Entries are bytes of 32-bit numbers: a third of what a list of them takes."""
_EPOCH = date(1970, 1, 1).toordinal()
_LAST = 2**32 - 1
"""The last moment that fits, in 2106; SKUs with later ones are not remembered."""


class Watch:
    """Recent moments of signals per SKU. Times are whole seconds since 1970, floored.

    `capacity` is the number of SKUs remembered; beyond it others are forgotten, which costs a look
    at the database and nothing else.
    """

    def __init__(self, rules: Iterable[Rule], capacity: int = 1_000_000) -> None:
        self._entries = Entries(capacity)
        self.set_rules(rules)

    def set_rules(self, rules: Iterable[Rule]) -> None:
        """Take over the rules in force. What was kept for shorter windows is forgotten."""
        watched = [one for one in rules if one.mode != "off" and one.family is not Family.SAFETY]
        counting = [one for one in watched if not learns(one)]
        length = max((one.window for one in counting), default=timedelta(0))
        learning = (needs_at_least(one) for one in watched if learns(one))
        self._entries.clear()
        self._needed = min(map(needs_at_least, counting), default=0)
        self._learning_needs = min(learning, default=0)
        self._length = -(-length // timedelta(seconds=1))
        self._kept = 2 * self._needed + 2 if self._needed else 0

    def might_cross(self, sku: str, moments: Sequence[int], total: int) -> bool:
        """Take in the moments of newly stored signals; say whether any rule might be crossed.

        `total` is the database's count of the SKU's signals after storing them.
        """
        if not (self._needed or self._learning_needs):
            return False
        enough = total >= self._needed > 0
        enough_to_learn = total >= self._learning_needs > 0
        entry = self._entry_before(sku, moments, total)
        if entry is None:
            self.forget(sku)
            return enough or enough_to_learn
        spared = self._is_spared(entry, moments)
        maybe = self._take_in(entry, moments, total)
        self._put(sku, entry)
        return (maybe and enough) or (enough_to_learn and not spared)

    @staticmethod
    def _is_spared(entry: "array[int]", moments: Sequence[int]) -> bool:
        """Use up what an evaluation has said; say whether these moments cross nothing for sure."""
        if not entry[_SPARE]:
            return False
        number = len(moments)
        in_time = entry[_FIRST] <= min(moments) and max(moments) < entry[_END]
        spared = in_time and number <= entry[_SPARE]
        entry[_SPARE] = entry[_SPARE] - number if spared else 0
        return spared

    def _entry_before(self, sku: str, moments: Sequence[int], total: int) -> "array[int] | None":
        """Return what was known before these moments, None where that is not everything."""
        if max(moments) > _LAST:
            return None
        known = self._entries.get(sku)
        if known is not None:
            entry = array(_UINT, known)
            if entry[_TOTAL] + len(moments) == total:
                return entry
        return array(_UINT, [0] * _HEAD) if len(moments) == total else None

    def _take_in(self, entry: "array[int]", moments: Sequence[int], total: int) -> bool:
        maybe = False
        for moment in moments if self._needed else ():
            if moment <= entry[_FLOOR]:
                maybe = True
                continue
            insort(entry, moment, lo=_HEAD)
            # whole seconds: what may lie on the edge is taken to lie inside
            first = bisect_left(entry, moment - self._length, lo=_HEAD)
            last = bisect_right(entry, moment + self._length, lo=_HEAD)
            unseen = moment - self._length <= entry[_FLOOR]
            maybe = maybe or last - first >= self._needed or unseen
        entry[_TOTAL] = total
        self._prune(entry)
        return maybe

    def _prune(self, entry: "array[int]") -> None:
        surplus = len(entry) - _HEAD - self._kept
        if surplus > 0:
            entry[_FLOOR] = entry[_HEAD + surplus - 1]
            del entry[_HEAD : _HEAD + surplus]

    def _put(self, sku: str, entry: "array[int]") -> None:
        self._entries.put(sku, entry.tobytes())

    def learn(
        self, sku: str, moments: Iterable[int], floor: int, total: int, spare: Spare | None = None
    ) -> None:
        """Remember what the database showed: all moments after `floor`, and its total.

        `spare` is what rules that learn say of it, None where they say nothing.
        """
        lowest = max(floor, 0)
        kept = sorted(one for one in moments if one > lowest) if self._needed else []
        if lowest > _LAST or (kept and kept[-1] > _LAST):
            self.forget(sku)
            return
        entry = array(_UINT, (total, lowest, *_as_kept(spare), *kept))
        self._prune(entry)
        self._put(sku, entry)

    def forget(self, sku: str) -> None:
        """Forget a SKU: the next look is at the database."""
        self._entries.forget(sku)

    def size_of(self, sku: str) -> int:
        """Return the bytes that are kept for a SKU beyond its key, its share of a shelf in."""
        entry = self._entries.get(sku)
        return 0 if entry is None else len(entry) + OVERHEAD

    def __len__(self) -> int:
        return len(self._entries)


def _as_kept(spare: Spare | None) -> tuple[int, int, int]:
    """Return signals to spare, and between what moments; nothing where that does not fit."""
    if spare is None:
        return 0, 0, 0
    first, end = ((day - _EPOCH) * 86_400 for day in (spare.first, spare.end))
    return (min(spare.signals, _LAST), first, end) if 0 <= first <= end <= _LAST else (0, 0, 0)
