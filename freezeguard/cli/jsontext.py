"""JSON that somebody types or keeps in a file: what the service would refuse is refused here."""

import json
from math import isfinite
from typing import Any, NoReturn

MOST_NESTED = 64
"""Levels of values in values, as many as the service reads."""


def read_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises ValueError for what is no JSON, for a number that is none (NaN, Infinity, 1e999), and
    where values are nested too deep.
    """
    try:
        found = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if _is_deeper(found):
        raise ValueError(_TOO_DEEP)
    return found


_TOO_DEEP = f"it is nested deeper than {MOST_NESTED} levels"


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError(f"{digits[:40]} is too large a number")
    return number


def _is_deeper(value: Any) -> bool:
    level = [value]
    for _ in range(MOST_NESTED + 1):
        level = [inner for one in level for inner in _within(one)]
        if not level:
            return False
    return True


def _within(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
