"""What two complaints may have in common beside their subject: a text, a device, an address.

None of that is kept in the clear. A signal keeps *marks*: keyed hashes of eight bytes, the first of
which says of what. Two signals that share one are alike in that. Texts are the same where their
letters are: case, digits, punctuation and white space make no difference.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from string import digits, punctuation, whitespace

from freezeguard.domain.spelling import folded

Hash = Callable[[bytes], bytes]
"""Returns MARKED bytes that stand for others, and say nothing without the shop's key."""

SIZE = 8
MARKED = SIZE - 1
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

_LEAST_LETTERS = 3 * LEAST_WORDS
_READ = 2_000
"""Letters of a text that are compared."""
_SMALL = bytes(range(256)).lower()
_NO_ASCII_LETTERS = (punctuation + digits + whitespace).encode()
_NO_LETTERS = re.compile(r"[\W\d_]+")


def marks(
    hashed: Hash,
    *,
    text: str | None = None,
    device: str | None = None,
    address: str | None = None,
    is_new_account: bool = False,
) -> bytes | None:
    """Return the marks of a signal one after the other, None where it has none."""
    found = (text and mark_of_text(hashed, text)) or b""
    if device is not None:
        found += b"d" + hashed(b"device " + folded(device).encode())
    if address is not None:
        found += b"a" + hashed(b"address " + folded(address).encode())
    if is_new_account:
        found += b"n" * SIZE
    return found or None


def mark_of_text(hashed: Hash, text: str) -> bytes | None:
    """Return the mark of a text, None where it may be alike by chance.

    Every signal with a text pays for this as it is taken in.
    """
    words = text.count(" ") + 1  # about
    if words < LEAST_WORDS or _is_a_list(text, words):
        return None
    letters = _letters(text[: 2 * _READ])
    return b"t" + hashed(b"text " + letters) if letters else None


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


def _letters(text: str) -> bytes:
    """Return what two texts are compared by; nothing where that is too little."""
    if text.isascii():
        found = text.encode().translate(_SMALL, _NO_ASCII_LETTERS)
        return found[:_READ] if len(found) >= _LEAST_LETTERS else b""
    letters = _NO_LETTERS.sub("", folded(text))  # accents too, which stand by themselves there
    return letters[:_READ].encode() if len(letters) >= _LEAST_LETTERS else b""


def _is_a_list(text: str, words: int) -> bool:
    return (text.count(",") + text.count(";")) * WORDS_OF_A_CODE >= words
