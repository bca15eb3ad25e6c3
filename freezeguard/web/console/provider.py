"""Signing in by the shop's OpenID provider: there with what must come back, and back again."""

import base64
import binascii
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.ports.identity import IdentityProvider, NotVouched, Request
from freezeguard.services.masterdata.signingin import SigningIn
from freezeguard.web.beginning import begin
from freezeguard.web.pages import Page, Visit
from freezeguard.web.site import safe_next

BEGIN, BACK = "/console/provider", "/console/provider/back"
COOKIE: Final = "__Host-freezeguard-provider"
SECONDS = 600
UNKNOWN = (
    "The provider vouches for you, but nobody here is known by it. An administrator registers you "
    "with the mail address that you have there: freezeguard people add … --email …"
)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a browser took along to the provider. `person` is whose proof is asked for, if any."""

    request: Request
    following: str
    person: str | None

    def as_text(self) -> str:
        """Return it as the text of a cookie."""
        one = self.request
        parts = [one.state, one.nonce, one.verifier, self.following, self.person]
        return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def _sent(text: str) -> Sent | None:
    try:
        parts: Any = json.loads(base64.urlsafe_b64decode(text))
        state, nonce, verifier, following, person = parts
    except (ValueError, TypeError, binascii.Error):
        return None
    if not all(isinstance(one, str) for one in (state, nonce, verifier, following)):
        return None
    return Sent(Request(state, nonce, verifier), following, person)


class ByProvider:
    """Handlers of signing in by the provider. `own` is where people reach the service."""

    def __init__(
        self, signing_in: SigningIn, provider: IdentityProvider, new_secret: Callable[[], str],
        own: str,
    ) -> None:
        self._signing_in, self._provider = signing_in, provider
        self._new_secret, self._back = new_secret, f"{own.rstrip('/')}{BACK}"

    async def begin(self, visit: Visit) -> web.Response:
        """Send the browser to the provider; who is signed in already proves it afresh there.

        A link and no form: browsers apply `form-action` to where a form is sent on to, too.
        """
        request = Request(self._new_secret(), self._new_secret(), self._new_secret() * 2)
        person = None if visit.session is None else visit.person.id
        sent = Sent(request, safe_next(visit.query.get("next")), person)
        address = await self._provider.address(request, self._back, afresh=person is not None)
        response = visit.go(address)
        response.set_cookie(
            COOKIE, sent.as_text(), path="/", secure=True, httponly=True, samesite="Lax",
            max_age=SECONDS,
        )
        return response

    async def back(self, visit: Visit) -> web.Response:
        """Take the provider's word, where it answers what this very browser has asked."""
        sent = _sent(visit.request.cookies.get(COOKIE, ""))
        state = visit.query.get("state", "")
        if sent is None or not hmac.compare_digest(sent.request.state.encode(), state.encode()):
            raise NotVouched("This is no answer to what this browser has asked. Sign in once more.")
        code = visit.query.get("code")
        if code is None:
            raise NotVouched("The provider did not sign you in. Sign in once more.")
        claims = await self._provider.claims(
            sent.request, code, self._back, afresh=sent.person is not None
        )
        token = await self._signing_in.enter_by_provider(claims)
        if token is None:
            raise NotVouched(UNKNOWN)
        if sent.person is not None:
            await self._check_person(token, sent.person)
        response = await begin(visit, self._signing_in, token, safe_next(sent.following))
        response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
        return response

    async def _check_person(self, token: str, wanted: str) -> None:
        """See that a proof is of whom it was asked for. Raises NotVouched."""
        entered = await self._signing_in.session(token)
        if entered is None or entered.person.id != wanted:
            await self._signing_in.leave(token)
            raise NotVouched("The provider vouches for somebody else than who is signed in here.")


def pages(by_provider: ByProvider) -> list[Page]:
    """Return the pages of signing in by the provider."""
    everybody = Access.public()
    return [
        Page(method="GET", path=BEGIN, handler=by_provider.begin, who=everybody),
        Page(method="GET", path=BACK, handler=by_provider.back, who=everybody),
    ]
