"""Somebody who vouches for people: the shop's OpenID provider."""

from dataclasses import dataclass
from typing import Protocol

from freezeguard.domain.errors import FreezeguardError


class NotVouched(FreezeguardError):
    """The provider does not vouch for this person, or what it says can't be believed."""

    code = "not_allowed"


@dataclass(frozen=True, slots=True)
class Claims:
    """What the provider says of a person, checked. `verified_address` only where it says so."""

    issuer: str
    subject: str
    verified_address: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent along with a request to sign in, and must come back: see RFC 6749, 7636.

    `state` binds the answer to the browser, `nonce` to the token, `verifier` to whoever asked.
    """

    state: str
    nonce: str
    verifier: str


class IdentityProvider(Protocol):
    """Vouches for people."""

    name: str
    """What the button says."""

    async def address(self, request: Request, redirect: str, *, afresh: bool) -> str:
        """Return where a browser asks; `afresh` has the person show who they are once more.

        Raises Unavailable where the provider is away.
        """
        ...

    async def claims(
        self, request: Request, code: str, redirect: str, *, afresh: bool
    ) -> Claims:
        """Return for whom the provider vouches by a code. Raises NotVouched, Unavailable."""
        ...

    async def close(self) -> None: ...
