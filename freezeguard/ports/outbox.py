"""Notices on their way: queued, sorted into digests, and the mails that come back."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from freezeguard.ports.rows import Arrival, Digest, Notice

MAIL = ("mail",)
CHATS = ("slack", "teams")
"""Channels that go to an address of `ports.chats`: the id of one is what a notice there holds."""


class Notices(Protocol):
    """The outbox of notices."""

    async def add(self, notice: Notice, now: datetime) -> None:
        """Queue a notice; within a case it gets the next number."""
        ...

    async def claim_due(
        self, lease: timedelta, token: UUID, limit: int, moment: datetime | None = None,
        channels: Sequence[str] = MAIL,
    ) -> list[Notice]:
        """Claim sorted notices of some channels that are due and go singly.

        Never past an earlier one to the same reader of a case. `moment` is the database's unless
        it is given.
        """
        ...

    async def seconds_until_due(self) -> float | None: ...

    async def sent(self, notice: Notice, now: datetime) -> None: ...

    async def failed(
        self, notice: Notice, error: str, *, retry_in: float | None, moment: datetime | None = None
    ) -> bool:
        """Note a failed attempt; without `retry_in` the notice has bounced for good.

        False where the lease was lost: nothing is noted.
        """
        ...

    async def came_back(self, notice: Notice, error: str) -> bool:
        """Note that a notice that had left came back; False where it was not on its way there."""
        ...

    async def redirect(
        self, notice: Notice, address: str, error: str, *, left: bool,
        moment: datetime | None = None,
    ) -> bool:
        """Send a notice to another address; `left` says that it had been sent already.

        False where the lease was lost, or where it has gone elsewhere meanwhile.
        """
        ...

    async def untold(self, limit: int) -> list[Notice]:
        """Return notices that have reached a vendor, and whose cases don't know it yet."""
        ...

    async def of_recipient(self, recipient: str, limit: int) -> list[Notice]:
        """Return the latest notices to somebody, newest first."""
        ...

    async def of_case(self, case_id: UUID) -> list[Notice]: ...

    async def vendor_reacted(self, case_id: UUID, state: str) -> None:
        """Note that a vendor has `acknowledged` or `answered` what it was told of a case."""
        ...

    async def get(self, notice_id: UUID) -> Notice | None: ...


class Digests(Protocol):
    """Which notices go singly and which as one. `moment` is the database's unless it is given."""

    async def arrivals(
        self, limit: int, window: timedelta, count_to: int, moment: datetime | None
    ) -> list[Arrival]:
        """Return notices that are not sorted yet, in order; takes the lock of who sorts.

        What their readers were sent within the window is counted up to `count_to`.
        """
        ...

    async def sort_singly(self, notices: Sequence[UUID], moment: datetime | None) -> None:
        """Let these go by themselves, and with them what waits of their cases in open digests.

        So nothing that goes singly waits for a digest that is still being filled.
        """
        ...

    async def join(
        self, new_id: UUID, reader: tuple[str, str, str], notices: Sequence[UUID],
        collect: timedelta, moment: datetime | None, until: datetime | None = None,
    ) -> None:
        """Let these go with the open digest of a reader; a new one collects for a while.

        `until` is when it leaves at the earliest, where that is later.
        """
        ...

    async def claim_due(
        self, lease: timedelta, token: UUID, moment: datetime | None,
        channels: Sequence[str] = MAIL,
    ) -> Digest | None:
        """Close and claim a digest that is due: from then on nothing joins it."""
        ...

    async def release_lone(self, digest: Digest) -> None:
        """End a digest whose one notice goes by itself."""
        ...

    async def leave_out_answered(
        self, digest_id: UUID, asks: Mapping[str, str | None], closed_at: datetime
    ) -> None:
        """Mark those as answered that ask for what was done before a digest was closed.

        `asks` are kinds of notices and the clocks that wait; None: the clock that they name.
        """
        ...

    async def members(self, digest_id: UUID, *, sent: bool = False) -> list[Notice]:
        """Return the notices of a digest that wait, or that were `sent` with it, in order."""
        ...

    async def sent(self, digest_id: UUID, now: datetime) -> None: ...

    async def failed(
        self, digest: Notice, error: str, retry_in: float, moment: datetime | None
    ) -> None: ...

    async def redirect(
        self, digest: Notice, address: str, error: str, moment: datetime | None
    ) -> bool: ...

    async def dissolve(self, digest: Notice, error: str, moment: datetime | None) -> None:
        """Give a digest up: its notices go one by one."""
        ...


class Mails(Protocol):
    """Mails that reach us."""

    async def receive(
        self, message_id: str, case_id: UUID | None, outcome: str, now: datetime
    ) -> bool:
        """Note that a mail was taken; False where it was taken before."""
        ...

    async def case_numbered(self, number: int) -> UUID | None: ...
