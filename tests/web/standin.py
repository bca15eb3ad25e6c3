"""An OpenID provider that can be told to lie, for what a real one does not do."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)


@dataclass
class Provider:
    """What it says of whom. `lies` go over the claims; `key` signs, `published` are its keys."""

    url: str = ""
    subject: str = "u-4711"
    address: str | None = "mara@shop.example"
    is_verified: Any = True
    lies: dict[str, Any] = field(default_factory=dict)
    key: Any = field(default_factory=new_key)
    published: list[Any] = field(default_factory=list)
    algorithm: str = "RS256"
    status: int = 200
    asked: list[dict[str, str]] = field(default_factory=list)
    tokens: list[dict[str, str]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        return {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/keys",
        }

    def token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url, "sub": self.subject, "aud": "freezeguard", "iat": now,
            "exp": now + 60, "nonce": nonce, "auth_time": now, "email": self.address,
            "email_verified": self.is_verified, **self.lies,
        }
        claims = {name: one for name, one in claims.items() if one is not None}
        header = {"alg": self.algorithm, "kid": getattr(self.key, "kid", None) or "k"}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])


@asynccontextmanager
async def providing() -> AsyncIterator[Provider]:
    """Run it."""
    one = Provider()
    one.published.append(one.key)

    async def described(_: web.Request) -> web.Response:
        return web.json_response(one.described())

    async def keys(_: web.Request) -> web.Response:
        return web.json_response(KeySet(one.published).as_dict(private=False))

    async def token(request: web.Request) -> web.Response:
        form = dict(await request.post())
        one.tokens.append(form)
        one.logins.append(request.headers.get("Authorization", ""))
        if one.status != 200:
            return web.json_response({"error": "invalid_grant"}, status=one.status)
        return web.json_response({"id_token": one.token(form["code"])})

    app = web.Application()
    app.add_routes([
        web.get("/.well-known/openid-configuration", described), web.get("/keys", keys),
        web.post("/token", token),
    ])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield one
    finally:
        await runner.cleanup()


def shared_secret() -> OctKey:
    return OctKey.import_key("a-secret-that-both-sides-know-0123456789", {"kid": "k"})
