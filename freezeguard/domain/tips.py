"""What a shop says by itself has changed: nothing of it is believed, it tells where to look.

Every system puts its own words into such a body. What they have in common is that objects are named
by ids and SKUs, so these are taken, wherever they stand. A name too many costs one look.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

MOST_NAMES = 2_000
"""So many names are taken of one body; more than a product has variants."""
LONGEST = 200
_PLAIN = ("sku", "variations")


def names_in(document: Any) -> tuple[str, ...]:
    """Return the ids and SKUs of a decoded JSON document, each once, the first ones of too many.

    A remote id of ours that is made of several parts has them percent-encoded, so each name that
    would be is returned in both spellings.
    """
    found: dict[str, None] = {}
    for name in _names(document):
        found[name] = found[quote(name, safe="")] = None
        if len(found) >= MOST_NAMES:
            break
    return tuple(found)[:MOST_NAMES]


def _names(document: Any) -> Iterator[str]:
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            for key, value in one.items():
                if _is_a_name(str(key)):
                    yield from _texts(value)
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _is_a_name(key: str) -> bool:
    return key.lower() in _PLAIN or key.lower().endswith(("id", "ids"))


def _texts(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else (value,):
        if isinstance(one, bool) or not isinstance(one, str | int):
            continue
        text = str(one)
        if 0 < len(text) <= LONGEST and text.isprintable():
            yield text
