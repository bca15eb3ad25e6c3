"""What two complaints may have in common beside their subject: a text, a device, an address.

None of that is kept in the clear. A signal keeps *marks*: keyed hashes of eight bytes, the first of
which says of what. Two signals that share one are alike in that. Texts are compared by MinHash
(Broder, "On the resemblance and containment of documents", 1997) over pairs of words: a copy in
which a few words were changed still shares a mark, with a chance of about 1 - (1 - J^4)^4 where the
two texts share a part J of their pairs: .99 at .9, .67 at .7, .23 at .5, .006 at .2.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from zlib import crc32

Hash = Callable[[str], bytes]
"""Turns a reference into bytes that say nothing without the shop's key; eight or more of them."""

SIZE = 8
KINDS = {b"t": "text", b"d": "device", b"a": "address", b"n": "new_account"}
FRESH = timedelta(hours=24)
"""An account that was opened so shortly before its complaint, and names no order, is new."""
SKEW = timedelta(hours=1)
"""So far clocks of two systems may be apart; an account that is younger was moved, not opened."""
LEAST_WORDS = 8
"""Shorter texts are alike by chance: "arrived broken"."""

WORDS_OF_A_CODE = 3
"""Where commas stand closer than that, a text is a list of codes ("NAUSEA, HEADACHE, RASH"), which
are alike because somebody chose them from a list."""

_BETWEEN_CODES = re.compile(r"[,;|/]")
_WORD = re.compile(r"[^\W\d_]+")
_READ = 2_000
"""Characters of a text that are compared."""
_BANDS = 4
_ROWS = 4
_BITS = 2**64 - 1
_SPREAD = 0x9E3779B97F4A7C15
_TURNS = tuple((n + 1) * 0xD1B54A32D192ED03 & _BITS for n in range(_BANDS * _ROWS))
"""Each turns the order of hashes into another one, in which another pair is the least."""


def marks(
    hashed: Hash,
    *,
    text: str | None = None,
    device: str | None = None,
    address: str | None = None,
    is_new_account: bool = False,
) -> bytes | None:
    """Return the marks of a signal one after the other, None where it has none."""
    found = [b"t" + hashed(one)[: SIZE - 1] for one in _bands(text)] if text else []
    if device is not None:
        found.append(b"d" + hashed(f"device {device}")[: SIZE - 1])
    if address is not None:
        found.append(b"a" + hashed(f"address {address}")[: SIZE - 1])
    if is_new_account:
        found.append(b"n" * SIZE)
    return b"".join(found) or None


def is_new_account(
    opened_at: datetime | None, complained_at: datetime, order: str | None
) -> bool:
    """Say whether an account seems to have been opened in order to complain."""
    if opened_at is None or order is not None:
        return False
    return -SKEW <= complained_at - opened_at < FRESH


def each_mark(several: bytes) -> Iterator[bytes]:
    """Yield the marks that stand one after the other."""
    return (several[at : at + SIZE] for at in range(0, len(several), SIZE))


def _bands(text: str) -> Iterator[str]:
    """Yield what texts that are alike have in common, with the chance given above."""
    read = text[:_READ].casefold()
    words = _WORD.findall(read)
    if len(words) < LEAST_WORDS or len(_BETWEEN_CODES.findall(read)) > len(words) / WORDS_OF_A_CODE:
        return
    pairs = _hashes(words)
    least = [min(map(turn.__xor__, pairs)) for turn in _TURNS]
    for band in range(_BANDS):
        rows = least[band * _ROWS : (band + 1) * _ROWS]
        yield f"text {band} " + " ".join(format(one, "x") for one in rows)


def _hashes(words: Sequence[str]) -> set[int]:
    return {crc32(" ".join(one).encode()) * _SPREAD & _BITS for one in pairwise(words)}
