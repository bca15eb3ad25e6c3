"""What keeps other sites out: the session's cookie, and proof that a form is one of our own."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from freezeguard.domain.errors import NotAllowed

COOKIE: Final = "__Host-freezeguard"
"""Browsers take a cookie of this name only over TLS (or from the machine itself), for the whole
site and for no other (RFC 6265bis section 4.1.3)."""

FIELD: Final = "csrf"

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    # with "no-referrer" browsers would send forms with `Origin: null`
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Strict-Transport-Security": "max-age=63072000",
    "Server": "freezeguard",
}
"""Beside what every answer of the service carries. Browsers heed HSTS over TLS only."""


def token_of(request: web.BaseRequest) -> str | None:
    """Return the session's token that a request carries."""
    return request.cookies.get(COOKIE) or None


def keep(response: web.StreamResponse, token: str) -> None:
    """Give the browser a session's token; it forgets it when it is closed."""
    response.set_cookie(COOKIE, token, path="/", secure=True, httponly=True, samesite="Lax")


def forget(response: web.StreamResponse) -> None:
    """Have the browser forget its session."""
    response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")


def form_token(session_token: str) -> str:
    """Return what a form of this session carries: a keyed hash, so it gives nothing away."""
    made = hmac.digest(session_token.encode(), b"form", hashlib.sha256)
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def check_form(form: Mapping[str, str], session_token: str) -> None:
    """Raise NotAllowed for a form that was not made for this session."""
    given = form.get(FIELD, "")
    if not hmac.compare_digest(given.encode(), form_token(session_token).encode()):
        raise NotAllowed("This form is of another session. Open the page again and repeat it.")


def check_origin(request: web.BaseRequest, own: str | None) -> None:
    """Raise NotAllowed for what another site sends in somebody's name.

    Every browser of today says where a form comes from; what does not say so is no browser, and
    has the API. `own` is the address that people know the service by, where it is set.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get(hdrs.ORIGIN)
    if site not in {None, "same-origin"} or not _is_own(origin, request.host, own):
        raise NotAllowed("This form came from another site. Open the page itself and repeat it.")


def _is_own(origin: str | None, host: str, own: str | None) -> bool:
    if origin is None:
        return False
    known = {host} if own is None else {host, urlsplit(own).netloc}
    return urlsplit(origin).netloc in known
