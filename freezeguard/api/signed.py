"""Proof of a signed request: its headers first, its body once it has come."""

from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from freezeguard.api.routing import Prove
from freezeguard.domain.signatures import Header, Scheme, SignatureRefused


def header_of(request: web.Request) -> Header:
    """Return what looks up a header, in all its values."""
    return lambda name: request.headers.getall(name, ())


def proof(
    scheme: Scheme, request: web.Request, now: datetime, note: Callable[[SignatureRefused], None]
) -> Prove:
    """Look at the headers of a request; return what looks at its body.

    `note` hears of a refusal before it is raised. Raises SignatureRefused, at once and later.
    """
    try:
        claim = scheme.claim(header_of(request), now)
    except SignatureRefused as refusal:
        note(refusal)
        raise

    def prove(body: bytes) -> None:
        try:
            claim.check(body)
        except SignatureRefused as refusal:
            note(refusal)
            raise

    return prove


async def as_it_came(body: bytes, _media_type: str, _request: web.Request) -> bytes:
    """Return a body as it is: what was signed is judged before it is read."""
    return body
