"""What somebody may have meant who mistyped a SKU: everything that is one slip away from it."""

from collections.abc import Iterator

LONGEST = 40
"""Of a longer text only another case and stray blanks are tried."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OTHERS = "0123456789-_/. "


def near_misses(sku: str) -> tuple[str, ...]:
    """Return other texts that a SKU may be a slip of, the likelier first, each once.

    Another case, stray blanks, two characters swapped, one left out, one too many, one wrong; of
    what is written small the same in capitals. They are looked up by the key of the table, so their
    number is what bounds the cost: about 1,000 for a SKU of 12 capitals.
    """
    plain = sku.strip()
    found = dict.fromkeys((plain, plain.upper(), plain.lower()))
    if len(plain) <= LONGEST:
        for one in dict.fromkeys((plain, plain.upper())):
            found.update(dict.fromkeys(_slips(one)))
    found.pop(sku, None)
    found.pop("", None)
    return tuple(found)


def _slips(sku: str) -> Iterator[str]:
    alphabet = _alphabet(sku)
    for n in range(len(sku) - 1):
        yield f"{sku[:n]}{sku[n + 1]}{sku[n]}{sku[n + 2:]}"
    for n in range(len(sku) + 1):
        yield from (f"{sku[:n]}{one}{sku[n:]}" for one in alphabet)
    for n in range(len(sku)):
        yield f"{sku[:n]}{sku[n + 1:]}"
    for n in range(len(sku)):
        yield from (f"{sku[:n]}{one}{sku[n + 1:]}" for one in alphabet)


def _alphabet(sku: str) -> str:
    """Return the characters that a SKU like this one is made of."""
    if any(one.islower() for one in sku):
        return _OTHERS + _LETTERS.lower() + (_LETTERS if any(map(str.isupper, sku)) else "")
    return _OTHERS + _LETTERS
