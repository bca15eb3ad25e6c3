"""Webhooks: endpoints, messages, their deliveries, and the way out for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

Scheme = Literal["v1", "v1a"]
"""Of signatures, as Standard Webhooks names them: HMAC-SHA256, ed25519."""
EndpointState = Literal["active", "failing", "disabled"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where signed messages go. `vendor` None: a system of the shop's own. Empty `types`: all.

    `secret` signs; `previous_secret` signs too until `previous_until`. `failing_since` is the
    first failure after the last success; `warned_at` and `disabled_at` say when somebody was told
    and when it was given up. `removed_at` is set once it is deleted.
    """

    id: UUID
    vendor: str | None
    url: str
    types: tuple[str, ...]
    scheme: Scheme
    secret: bytes
    description: str = ""
    previous_secret: bytes | None = None
    previous_until: datetime | None = None
    state: EndpointState = "active"
    why: str = ""
    failing_since: datetime | None = None
    warned_at: datetime | None = None
    disabled_at: datetime | None = None
    created_at: datetime | None = None
    created_by: str = ""
    lease_token: UUID | None = None

    def secrets(self, now: datetime) -> list[bytes]:
        """Return what signs at a moment, the newest first."""
        both = [self.secret]
        if self.previous_secret is not None and self.previous_until is not None:
            both += [self.previous_secret] if now < self.previous_until else []
        return both


@dataclass(frozen=True, slots=True)
class Message:
    """One piece of news. Those of one `thread` reach an endpoint in the order of `seq`.

    `data` is what is said, in JSON types; the outside trims it to what may be sent.
    """

    id: UUID
    vendor: str | None
    thread: str
    type: str
    at: datetime
    data: Mapping[str, Any]
    sku: str | None = None
    case_id: UUID | None = None
    seq: int = 0

    @property
    def webhook_id(self) -> str:
        """Return the id that receivers see: the same for every attempt and replay."""
        return f"msg_{self.id.hex}"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is due at an endpoint; `attempts` were made before."""

    endpoint: Endpoint
    message: Message
    attempts: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message at an endpoint, for people to read."""

    message_id: UUID
    type: str
    case_id: UUID | None
    sku: str | None
    at: datetime
    state: str
    attempts: int
    next_at: datetime | None
    settled_at: datetime | None
    log: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """An endpoint's answer to one attempt; `error` is empty where it took the message over.

    `words` are how the body of its answer begins; a stranger's, never to be logged.
    """

    status: int | None
    error: str
    seconds: float
    retry_after: float | None = None
    words: str = ""

    @property
    def is_taken(self) -> bool:
        """Say whether the endpoint took the message over."""
        return not self.error

    @property
    def is_gone(self) -> bool:
        """Say whether the endpoint wants no more messages (410)."""
        return self.status == 410


class Post(Protocol):
    """The way out."""

    async def send(
        self, endpoint: Endpoint, message: Message, *, now: datetime, deadline: float
    ) -> Answered:
        """Make one attempt within `deadline` seconds. Never raises for what the far side does."""
        ...

    async def refusal(self, url: str, *, deadline: float) -> str | None:
        """Say why messages can't go to an address; None where they can, as things are now."""
        ...

    def published(self, scheme: Scheme, secret: bytes) -> str:
        """Return what a receiver verifies with: a secret (`whsec_…`) or a public key (`whpk_…`)."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class Webhooks(Protocol):
    """Endpoints, messages and deliveries as stored. Leases and delays: the database's clock."""

    async def enqueue(self, message: Message) -> None:
        """Store a message where an endpoint wants it, one delivery each; else store nothing."""
        ...

    async def enqueue_for(self, message: Message, endpoint_id: UUID) -> None:
        """Store a message for one endpoint, whatever it wants."""
        ...

    async def add_endpoint(self, endpoint: Endpoint, now: datetime) -> None: ...

    async def update_endpoint(self, endpoint: Endpoint, now: datetime) -> None:
        """Store what an endpoint is and how it stands; the caller holds its lock."""
        ...

    async def remove_endpoint(self, endpoint_id: UUID, now: datetime) -> None:
        """Delete an endpoint's secrets and whatever waits for it; its log stays."""
        ...

    async def endpoint(self, endpoint_id: UUID, *, lock: bool = False) -> Endpoint | None: ...

    async def endpoints(self, vendor: str | None = None) -> list[Endpoint]:
        """Return a vendor's endpoints, or all; not the removed ones."""
        ...

    async def count_endpoints(self, vendor: str | None) -> int:
        """Return how many endpoints a vendor has; None: the shop itself."""
        ...

    async def is_test_waiting(self, endpoint_id: UUID) -> bool:
        """Tell whether a test message is neither delivered nor given up."""
        ...

    async def troubled(self, failing_before: datetime) -> list[Endpoint]:
        """Lock and return endpoints that have only failed since before a moment."""
        ...

    async def cancel_queued(self, endpoint_id: UUID, now: datetime) -> int:
        """Give up what waits for an endpoint; return how much that was."""
        ...

    async def requeue_unsent(self, endpoint_id: UUID, since: datetime) -> int:
        """Queue again what was given up since a moment; return how much that is."""
        ...

    async def replay(
        self, endpoint: Endpoint, since: datetime, until: datetime, *, also_sent: bool
    ) -> int:
        """Queue again the wanted messages of [since, until) that the endpoint has not got."""
        ...

    async def deliveries(
        self, endpoint_id: UUID, before: int | None, limit: int
    ) -> list[tuple[int, Delivery]]:
        """Return deliveries with their numbers, newest first."""
        ...

    async def claim(
        self, lease: timedelta, token: UUID, *, failing_too: bool, moment: datetime | None = None
    ) -> Claimed | None:
        """Claim an endpoint that has something due, and its first message; None where none has."""
        ...

    async def log_attempt(self, claimed: Claimed, answered: Answered, now: datetime) -> None: ...

    async def sent(self, claimed: Claimed, now: datetime) -> bool:
        """Note that a message was taken over, whatever else became of it meanwhile.

        False where that is known already.
        """
        ...

    async def failed(
        self, claimed: Claimed, now: datetime, *, retry_in: float | None,
        moment: datetime | None = None,
    ) -> bool:
        """Note a failed attempt; without `retry_in` the message is given up.

        False where the lease was lost: nothing is noted.
        """
        ...

    async def hold_off(
        self, endpoint_id: UUID, seconds: float, moment: datetime | None = None
    ) -> None:
        """Send nothing to an endpoint for so long."""
        ...

    async def release(self, claimed: Claimed) -> None:
        """Give back the lease of an endpoint, if it is still ours."""
        ...
