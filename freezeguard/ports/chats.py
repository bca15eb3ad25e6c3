"""Notices in a chat: the addresses of people and teams, their quiet hours, and the way out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from freezeguard.domain.quiet import QuietHours
from freezeguard.ports.webhooks import Answered

ChatKind = Literal["slack", "teams"]
"""Whose incoming webhooks an address is like."""
ChatState = Literal["active", "disabled"]


@dataclass(frozen=True, slots=True)
class ChatAddress:
    """Where a person (`person:ann`) or a team (`team:kitchen`) reads notices.

    `url` is a secret: whoever knows it can write there. `host` is what is shown of it. `name`,
    `language` and `time_zone` are those of a team; a person has its own. A team reads of cases in
    its `areas`, of all where it has none.
    """

    id: UUID
    recipient: str
    kind: ChatKind
    url: str = field(repr=False)
    host: str
    name: str
    areas: tuple[str, ...] = ()
    language: str = "en"
    time_zone: str = "UTC"
    state: ChatState = "active"
    why: str = ""
    created_at: datetime | None = None
    created_by: str = ""
    updated_at: datetime | None = None

    @property
    def person(self) -> str | None:
        """Return the id of the person whose address it is; None for a team's."""
        kind, _, name = self.recipient.partition(":")
        return name if kind == "person" else None


class ChatWords(Protocol):
    """Words a notice for a chat. Pure: the same facts, language and zone give the same body."""

    def __call__(
        self, kind: str, facts: Mapping[str, Any], *, language: str, time_zone: str,
        chat: ChatKind,
    ) -> Mapping[str, Any]:
        """Raise `NoticeError` (not recoverable) for an unknown kind or missing facts."""


class ChatPost(Protocol):
    """The way out."""

    async def post(self, url: str, body: bytes, *, now: datetime, deadline: float) -> Answered:
        """Post JSON within `deadline` seconds. Never raises for what the far side does."""
        ...

    async def refusal(self, url: str, *, deadline: float) -> str | None:
        """Say why nothing can be posted to an address; None where it can, as things are now."""
        ...


class Chats(Protocol):
    """Addresses and quiet hours as stored."""

    async def put(self, address: ChatAddress, now: datetime) -> ChatAddress:
        """Store an address; it takes the place of the one of the same kind, and is as new."""
        ...

    async def address(self, address_id: UUID) -> ChatAddress | None: ...

    async def addresses(self, recipient: str | None = None) -> list[ChatAddress]:
        """Return the addresses of somebody, or all."""
        ...

    async def count_teams(self) -> int: ...

    async def disable(self, address: ChatAddress, why: str, now: datetime) -> bool:
        """Switch an address off; False where somebody did, or has set another one meanwhile."""
        ...

    async def hold_off(
        self, address_id: UUID, seconds: float, moment: datetime | None = None
    ) -> None:
        """Send nothing to an address for so long."""
        ...

    async def remove(self, address_id: UUID, now: datetime) -> None:
        """Forget an address; what waits for it has bounced."""
        ...

    async def quiet_hours(self, person: str) -> QuietHours | None: ...

    async def put_quiet_hours(self, person: str, hours: QuietHours, now: datetime) -> None: ...

    async def remove_quiet_hours(self, person: str) -> None: ...
