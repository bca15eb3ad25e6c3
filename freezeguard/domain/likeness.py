"""What two complaints may have in common beside their subject: a text, a device, an address.

None of that is kept in the clear. A signal keeps *marks*: keyed hashes of eight bytes, the first of
which says of what. Two signals that share one are alike in that. Texts are the same where their
letters are: case, digits, punctuation and white space make no difference.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from string import digits, punctuation, whitespace

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

_LEAST_LETTERS = 3 * LEAST_WORDS
_READ = 2_000
"""Characters of a text that are compared."""
_NO_LETTERS = dict.fromkeys(map(ord, punctuation + digits + whitespace))


def marks(
    hashed: Hash,
    *,
    text: str | None = None,
    device: str | None = None,
    address: str | None = None,
    is_new_account: bool = False,
) -> bytes | None:
    """Return the marks of a signal one after the other, None where it has none."""
    letters = _letters(text) if text else ""
    found = [b"t" + hashed(f"text {letters}")[: SIZE - 1]] if letters else []
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


def _letters(text: str) -> str:
    """Return what two texts are compared by; nothing where they may be alike by chance."""
    words = text.count(" ") + 1  # about
    if words < LEAST_WORDS or _is_a_list(text, words):
        return ""
    letters = text[:_READ].casefold().translate(_NO_LETTERS)
    return letters if len(letters) >= _LEAST_LETTERS else ""


def _is_a_list(text: str, words: int) -> bool:
    return (text.count(",") + text.count(";")) * WORDS_OF_A_CODE >= words
