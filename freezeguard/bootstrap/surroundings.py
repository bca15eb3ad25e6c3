"""The clock, fresh ids and chance: what everything else is given as arguments."""

import random
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from freezeguard.domain.ids import uuid7
from freezeguard.ports.clock import NewId, Now


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def ids_by(now: Now) -> NewId:
    """Return what makes fresh identifiers, ordered by a clock."""
    return lambda: uuid7(int(now().timestamp() * 1000), secrets.randbits(74))


def new_secret() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def new_code(digits: int) -> str:
    """Return a code of so many random digits."""
    return f"{secrets.randbelow(10**digits):0{digits}d}"


def random_bytes(number: int) -> bytes:
    """Return so many random bytes."""
    return secrets.token_bytes(number)


def new_signing_secret() -> bytes:
    """Return 256 random bits that sign webhooks: an HMAC secret, or an ed25519 seed."""
    return secrets.token_bytes(32)


def jitter() -> float:
    """Return a factor between 0.8 and 1.2, so that replicas don't march in step."""
    return random.uniform(0.8, 1.2)  # noqa: S311 - nothing secret


def request_ids() -> Callable[[], str]:
    """Return what names requests: 64 random bits of this replica, then a number of its own.

    Nothing secret hangs on it, and asking the system for chance costs each request dearly.
    """
    replica, numbers = secrets.token_hex(8), count(1)
    return lambda: f"{replica}-{next(numbers):x}"
