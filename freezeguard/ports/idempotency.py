"""Where the keys of repeated writes are kept, with the answers they got."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Started:
    """The key is new (or its last try came to nothing): run the request."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The same request has run: this was its answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class InFlight:
    """The same request is running somewhere; `retry_after` is in seconds."""

    retry_after: float = 1.0


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key was used for another request."""


class IdempotencyStore(Protocol):
    """Keeps keys and answers, per actor, for at least 24 hours.

    A key that was begun and neither finished nor abandoned (its process was killed) becomes free
    again after a lease of the store's choosing. Every method may raise Unavailable.
    """

    async def begin(
        self, actor_id: str, key: str, fingerprint: bytes, now: datetime
    ) -> Started | Finished | InFlight | Mismatch:
        """Claim a key for a request, or say what is known about it; atomic across replicas."""
        ...

    async def finish(self, actor_id: str, key: str, answer: Finished, now: datetime) -> None:
        """Keep the answer of a request that has run."""
        ...

    async def abandon(self, actor_id: str, key: str) -> None:
        """Free a key whose request came to nothing."""
        ...
