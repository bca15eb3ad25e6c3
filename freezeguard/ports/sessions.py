"""People who signed in with a browser, and links and codes that let somebody in once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

from freezeguard.domain.people import Person

How = Literal["link", "token", "oidc", "code"]
"""By what somebody showed who they are: a link that works once, a personal token, the shop's
OpenID provider, a code from a mail."""


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """How long a session lasts: unused for `idle`, and never longer than `whole`.

    A decision that lets a sale go on wants a proof of identity that is not older than `proof`.
    """

    idle: timedelta = timedelta(minutes=30)
    whole: timedelta = timedelta(hours=12)
    proof: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Session:
    """A session that runs, with its person as they are known now.

    `seen_at` is of the latest minute in which it was used, `proved_at` when they last showed who
    they are, `ends_at` when it ends whatever happens.
    """

    person: Person
    how: How
    opened_at: datetime
    seen_at: datetime
    proved_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Code:
    """A code from a mail. One without `vendor` and `address` lets nobody in, whatever is typed."""

    case_id: UUID
    vendor: str | None
    address: str | None
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """How many codes were asked for lately: for a case, for an address, altogether."""

    of_case: int
    of_address: int
    of_all: int


class Sessions(Protocol):
    """Sessions, links and codes, by the hashes of their secrets."""

    async def open(
        self, token_hash: bytes, person: str, how: How, now: datetime, ends_at: datetime,
        proved_at: datetime,
    ) -> None: ...

    async def session(self, token_hash: bytes) -> Session | None:
        """Return a session that was not ended, of a person who may sign in."""
        ...

    async def see(self, token_hash: bytes, now: datetime) -> None:
        """Note that a session was used."""
        ...

    async def end(self, token_hash: bytes, now: datetime) -> None: ...

    async def end_all_of(self, person: str, now: datetime) -> int:
        """End every session of a person; return how many ran."""
        ...

    async def add_link(
        self, secret_hash: bytes, person: str, by: str, now: datetime, expires_at: datetime
    ) -> None: ...

    async def link(self, secret_hash: bytes, now: datetime) -> Person | None:
        """Return whom a link lets in; None where it does not any more."""
        ...

    async def use_link(self, secret_hash: bytes, now: datetime) -> bool:
        """Use up a link; False where somebody else has, or it came too late."""
        ...

    async def lock_codes(self) -> None:
        """Have others who ask for codes wait until this transaction ends."""
        ...

    async def add_code(
        self, browser_hash: bytes, code: Code, now: datetime, expires_at: datetime
    ) -> None: ...

    async def codes_asked(
        self, case_id: UUID, case_since: datetime, address: str, address_since: datetime,
        all_since: datetime,
    ) -> Asked:
        """Count the codes that were asked for, each since a moment of its own."""
        ...

    async def try_code(self, browser_hash: bytes, now: datetime, tries: int) -> Code | None:
        """Use up one of the tries of a code; None where there is none left, or no code."""
        ...

    async def use_code(self, browser_hash: bytes, now: datetime) -> bool:
        """Use up a code; False where it was used before."""
        ...

    async def forget_codes(self, before: datetime) -> int:
        """Forget codes that were asked for before a moment; return how many."""
        ...

    async def identified(self, issuer: str, subject: str) -> Person | None:
        """Return who somebody is whom a provider names so, where they may sign in."""
        ...

    async def people_of_address(self, address: str) -> list[Person]:
        """Return who may sign in and has this mail address."""
        ...

    async def identify(self, issuer: str, subject: str, person: str, now: datetime) -> None:
        """Keep who somebody is at a provider."""
        ...

    async def forget(self, before: datetime) -> int:
        """Forget what ended before a moment; return how many rows."""
        ...
