"""Who logs in does so once for all, and again only when a session is not taken any more."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from freezeguard.catalogues.medusa import Medusa
from freezeguard.catalogues.registry import open_catalogue
from tests.catalogues.standins.serving import serving

SOON = 5.0


class Door:
    """A Medusa of which only the door is there: it takes the session that it gave last."""

    def __init__(self) -> None:
        self.logins = self.turned_away = 0
        self.app = web.Application()
        self.app.add_routes([
            web.post("/auth/user/emailpass", self.log_in),
            web.get("/admin/product-variants", self.variants),
        ])

    async def log_in(self, request: web.Request) -> web.Response:
        self.logins += 1
        return web.json_response({"token": f"session-{self.logins}"})

    async def variants(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer session-{self.logins}":
            self.turned_away += 1
            return web.json_response({"message": "Unauthorized"}, status=401)
        return web.json_response({"variants": [], "count": 0})


@pytest.fixture
async def door() -> AsyncIterator[tuple[Door, Medusa]]:
    """A door, and a catalogue with user and password in front of it."""
    far_side = Door()
    async with serving(far_side.app) as url:
        opened = open_catalogue("shop", {
            "kind": "medusa", "base_url": url, "user": "robot@shop.example",
            "password": "secret-of-the-robot", "publishable_key": "pk_1",
        })
        assert isinstance(opened, Medusa)
        yield far_side, opened
        await opened.close()


async def test_of_many_one_logs_in(door: tuple[Door, Medusa]) -> None:
    """All of them go in by the session that it brings."""
    far_side, catalogue = door
    await asyncio.gather(*(catalogue.lookup("A", deadline=SOON) for _ in range(8)))
    assert (1, 0) == (far_side.logins, far_side.turned_away)


async def test_who_is_turned_away_logs_in_anew(door: tuple[Door, Medusa]) -> None:
    """A session that is not taken any more is forgotten by all, and one asks for another."""
    far_side, catalogue = door
    await catalogue.lookup("A", deadline=SOON)
    far_side.logins += 1  # somebody else has logged in, which ended our session
    await asyncio.gather(*(catalogue.lookup("A", deadline=SOON) for _ in range(4)))
    assert 3 == far_side.logins
    assert 1 <= far_side.turned_away <= 4
