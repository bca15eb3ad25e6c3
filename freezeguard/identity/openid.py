"""OpenID Connect: the authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636, 9700).

Keys come from the configured issuer and from nowhere else; algorithms are those of signatures with
a public key, never `none` and never a shared secret.
"""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

import aiohttp
from aiohttp import hdrs
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from freezeguard.domain.errors import Unavailable
from freezeguard.ports.identity import Claims, NotVouched, Request

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
SECONDS = 10.0
MOST_BYTES = 1024 * 1024
FRESH_SECONDS = 3600.0
"""How long the provider's description and keys are taken for current."""
LEEWAY = 60
"""Seconds by which its clock may differ from ours."""
PROOF_SECONDS = 300
"""How old a sign-in may be that was asked for afresh."""


class OpenIdProvider:
    """Implements `freezeguard.ports.identity.IdentityProvider`. Opens nothing before a first call.

    `issuer` is as the provider itself writes it; `secret` is None for a public client.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        secret: str | None,
        name: str,
        scopes: str = "openid email",
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._issuer, self._client_id, self._secret = issuer, client_id, secret
        self._scopes, self._clock = scopes, clock
        self._session: aiohttp.ClientSession | None = None
        self._known: Mapping[str, Any] = {}
        self._keys: KeySet | None = None
        self._read_at = float("-inf")

    async def address(self, request: Request, redirect: str, *, afresh: bool) -> str:
        known = await self._description()
        digest = hashlib.sha256(request.verifier.encode()).digest()
        query = {
            "response_type": "code", "client_id": self._client_id, "redirect_uri": redirect,
            "scope": self._scopes, "state": request.state, "nonce": request.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            **({"prompt": "login", "max_age": "0"} if afresh else {}),
        }
        endpoint = known["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def claims(
        self, request: Request, code: str, redirect: str, *, afresh: bool
    ) -> Claims:
        known = await self._description()
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect,
            "code_verifier": request.verifier, "client_id": self._client_id,
        }
        status, answer = await self._call(
            "POST", known["token_endpoint"], data=form, headers=self._login()
        )
        if status != 200 or not isinstance(answer.get("id_token"), str):
            raise NotVouched("The provider did not take the code. Sign in once more.")
        said = await self._checked(answer["id_token"], request.nonce, afresh=afresh)
        address = said.get("email") if said.get("email_verified") is True else None
        return Claims(self._issuer, said["sub"], address if isinstance(address, str) else None)

    def _login(self) -> dict[str, str]:
        """Return how a client with a secret shows who it is (RFC 6749 section 2.3.1)."""
        if self._secret is None:
            return {}
        client_id, secret = quote_plus(self._client_id), quote_plus(self._secret)
        return {hdrs.AUTHORIZATION: aiohttp.encode_basic_auth(client_id, secret)}

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    # ------------------------------------------------------------------------- the ID token

    async def _checked(self, token: str, nonce: str, *, afresh: bool) -> Mapping[str, Any]:
        """Return what an ID token says; OpenID Connect Core section 3.1.3.7. Raises NotVouched."""
        try:
            said = await self._decoded(token)
        except (JoseError, ValueError) as error:
            raise NotVouched("The provider's answer is not signed by it.") from error
        now = self._clock()
        audience = said.get("aud")
        is_ours = audience == self._client_id or (
            isinstance(audience, list) and self._client_id in audience
            and said.get("azp", self._client_id) == self._client_id
        )
        holds = {
            "its issuer": said.get("iss") == self._issuer,
            "whom it is for": is_ours,
            "its end": _is_number(said.get("exp")) and now < said["exp"] + LEEWAY,
            "its beginning": _is_number(said.get("iat")) and said["iat"] < now + LEEWAY,
            "the request that it answers": said.get("nonce") == nonce,
            "its subject": isinstance(said.get("sub"), str) and bool(said["sub"]),
            "that the person signed in just now": not afresh or (
                _is_number(said.get("auth_time"))
                and now - said["auth_time"] < PROOF_SECONDS + LEEWAY
            ),
        }
        amiss = [name for name, is_well in holds.items() if not is_well]
        if amiss:
            raise NotVouched(f"The provider's answer does not show {', '.join(amiss)}.")
        return said

    async def _decoded(self, token: str) -> Mapping[str, Any]:
        keys = await self._key_set()
        try:
            return jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        except (JoseError, ValueError):
            # perhaps signed with a key that is newer than what we know
            self._read_at = float("-inf")
            return jwt.decode(token, await self._key_set(), algorithms=ALGORITHMS).claims

    # ------------------------------------------------------------------------ the provider

    async def _description(self) -> Mapping[str, Any]:
        await self._read()
        return self._known

    async def _key_set(self) -> KeySet:
        await self._read()
        assert self._keys is not None  # noqa: S101 - read with the description
        return self._keys

    async def _read(self) -> None:
        """Read how the provider describes itself, and its keys, where ours are old."""
        if self._clock() - self._read_at < FRESH_SECONDS:
            return
        address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        status, known = await self._call("GET", address)
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if status != 200 or known.get("issuer") != self._issuer or not all(
            isinstance(known.get(one), str) for one in needed
        ):
            raise Unavailable(f"{self._issuer} does not describe itself as an OpenID provider.")
        status, keys = await self._call("GET", known["jwks_uri"])
        try:
            self._keys = KeySet.import_key_set(keys)  # type: ignore[arg-type]  # it checks
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise Unavailable("The keys of the OpenID provider can't be read.") from error
        self._known, self._read_at = known, self._clock()

    async def _call(
        self, method: str, address: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> tuple[int, dict[str, Any]]:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._session.request(
                    method, address, allow_redirects=False,
                    headers={"Accept": "application/json", **(headers or {})}, **more,
                ) as answer,
            ):
                body = await answer.content.read(MOST_BYTES)
                parsed = _parsed(body)
                return answer.status, parsed
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"The OpenID provider can't be reached: {reason}") from error


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
