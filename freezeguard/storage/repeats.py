"""What is new, what repeats and what contradicts, within a batch and against what is stored."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

K = TypeVar("K", bound=Hashable)

ERASED = b""
"""The fingerprint of what was erased: any body under its identity repeats it."""


def first_and_later(keys: Sequence[K]) -> tuple[list[int], list[int]]:
    """Split positions into those whose key comes for the first time, and the others."""
    seen: set[K] = set()
    first: list[int] = []
    later: list[int] = []
    for position, key in enumerate(keys):
        (later if key in seen else first).append(position)
        seen.add(key)
    return first, later


def tell_apart(
    positions: Sequence[int],
    keys: Sequence[K],
    fingerprints: Sequence[bytes],
    stored: Mapping[K, bytes],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Split repeated positions into duplicates and conflicts: same key, another body."""
    repeats = {n for n in positions if stored[keys[n]] in (ERASED, fingerprints[n])}
    duplicates = tuple(n for n in positions if n in repeats)
    return duplicates, tuple(n for n in positions if n not in repeats)
