"""Identifiers, made from a given time and given randomness."""

import uuid

_RANDOM_BITS = 74


def uuid7(unix_ms: int, randomness: int) -> uuid.UUID:
    """Return a UUID version 7 (RFC 9562 section 5.7) for a time in milliseconds and 74 random bits.

    Ids made later sort later, which keeps index pages warm.
    """
    if not 0 <= unix_ms < 1 << 48:
        raise ValueError(f"time out of range: {unix_ms}")
    bits = randomness % (1 << _RANDOM_BITS)
    rand_a, rand_b = bits >> 62, bits & ((1 << 62) - 1)
    return uuid.UUID(int=unix_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)
