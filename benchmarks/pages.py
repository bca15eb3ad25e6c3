"""Pages of the console and the portal over a shop with a past, beside a bare page of one SELECT.

`python -m benchmarks.pages`. Ten people browse at once, each with a session of their own: managers
the queue, filtered and further down, cases and rules, two of them the audit record too, and two
vendors their portal. First each of them reads for a second or so between two clicks, then nobody
pauses. The floor is a page of the same length with one SELECT by a primary key, visited in turn.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
from aiohttp import web

from benchmarks.bigshop import OWNERS, VENDORS, BigShop, Filling
from benchmarks.stage import FIVE, Stage, process, quantile, service_process, stage
from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.settings import Settings
from freezeguard.detection.defaultpolicy import BODIES
from freezeguard.domain.people import Person, Role
from freezeguard.domain.rules import read_rule
from freezeguard.ports.rows import Vendor
from freezeguard.ports.storage import Transaction

BUDGET = 500.0
"""Milliseconds that 95 of 100 visits of each page may take."""
SECONDS, PAUSE = 50.0, 1.0
UNCOUNTED = """
    SELECT count(*) FROM cases LEFT JOIN case_harm ON case_id = id
     WHERE closed_at IS NULL AND case_id IS NULL
"""
FLOOR = "<!doctype html><title>{}</title><p>" + "Some words of a page. " * 600


@dataclass
class Visitor:
    """Somebody who browses: what they open, and how long each page took, in milliseconds."""

    name: str
    addresses: Mapping[str, Callable[[], str]]
    cookies: dict[str, str] = field(default_factory=dict)

    async def browse(
        self, session: aiohttp.ClientSession, until: float, pause: float,
        took: dict[str, list[float]],
    ) -> None:
        """Open one page after the other until a moment."""
        random, names = Random(self.name), list(self.addresses)
        while time.perf_counter() < until:
            if pause:
                await asyncio.sleep(pause * (0.5 + random.random()))
            name = random.choice(names)
            begun = time.perf_counter()
            async with session.get(self.addresses[name](), headers=self.cookies) as answer:
                text = await answer.text()
            assert answer.status == 200, (name, answer.status, text[-600:])
            took.setdefault(name, []).append((time.perf_counter() - begun) * 1e3)


async def settle(on: Stage, cases: int, signals: int, hot: int) -> tuple[BigShop, dict[str, str]]:
    """Fill the shop; return what it has, with the personal tokens of those who browse."""
    bodies = (*BODIES, FIVE)
    on.settings["catalogues"] = {}
    secrets: dict[str, str] = {}
    async with open_service(Settings(**on.settings)) as service:

        async def people(tx: Transaction) -> None:
            for n in range(OWNERS):
                roles = {Role.MANAGER, Role.AUDITOR} if n in {6, 7} else {Role.MANAGER}
                await service.access.add_person(
                    tx, Person(f"m-{n}", f"Manager {n}", frozenset(roles)), "bench")
            for n in range(VENDORS):
                await tx.master.put_vendor(Vendor(f"vendor-{n}", f"Vendor {n}"), datetime.now(UTC))
            for n in (0, 1):
                await service.access.add_person(tx, Person(
                    f"v-{n}", f"Vendor's {n}", frozenset({Role.VENDOR}), f"v{n}@b.example",
                    vendor="vendor-0"), "bench")
            for who in (*(f"m-{n}" for n in range(8)), "v-0", "v-1"):
                issued = await service.access.issue_token(tx, who, "bench", "bench")
                secrets[who] = issued.secret
            for body in BODIES:
                await tx.detection.put_rule(dict(body), "bench", datetime.now(UTC))

        await service.database.run(people, deadline=60)
    owner = await asyncpg.connect(on.owner)
    try:
        rules = [read_rule(dict(body), 1) for body in bodies]
        return await Filling(rules, cases, signals, hot).into(owner), secrets
    finally:
        await owner.close()


async def sign_in(session: aiohttp.ClientSession, url: str, token: str) -> dict[str, str]:
    """Sign somebody in; return the header that says so."""
    own = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
    async with session.post(
        f"{url}/console/sign-in", data={"token": token}, headers=own, allow_redirects=False
    ) as answer:
        assert answer.status == 303, await answer.text()
        [kept] = [f"{one.key}={one.value}" for one in answer.cookies.values()]
    return {"Cookie": kept}


async def link(
    session: aiohttp.ClientSession, url: str, cookies: Mapping[str, str], page: str
) -> str:
    """Return where the next page of a list is."""
    async with session.get(url + page, headers=cookies) as answer:
        text = await answer.text()
    assert 'rel="next" href="' in text, page
    return text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")


async def visitors(
    session: aiohttp.ClientSession, url: str, floor: str, shop: BigShop, secrets: Mapping[str, str]
) -> list[Visitor]:
    """Return the ten, signed in."""
    random, found = Random(7), []

    def any_of(cases: Sequence[UUID], way: str) -> Callable[[], str]:
        return lambda: f"{url}{way}{random.choice(cases)}"

    for who, token in secrets.items():
        cookies = await sign_in(session, url, token)
        pages: dict[str, Callable[[], str]] = {
            "floor": lambda: f"{floor}/{random.choice(shop.small)}"}
        if who.startswith("v"):
            pages |= {"portal": lambda: f"{url}/portal",
                      "portal, a case": any_of(shop.of_vendor, "/portal/cases/")}
        else:
            following = await link(session, url, cookies, "/console")
            pages |= {
                "queue": lambda: f"{url}/console",
                "queue, filtered": lambda: f"{url}/console?category=category-"
                f"{random.randrange(12)}&mine=true",
                "queue, next page": lambda following=following: url + following,
                "a case": any_of(shop.small, "/console/cases/"),
                "rules": lambda: f"{url}/console/rules",
                **{f"a case of 20,000 complaints ({rule})": any_of([case], "/console/cases/")
                   for rule, case in shop.hot.items()},
            }
            if who in {"m-6", "m-7"}:
                pages["record"] = lambda: f"{url}/console/record"
        found.append(Visitor(who, pages, cookies))
    return found


async def counted(on: Stage) -> None:
    """Wait until the figures of the queue are counted, as they are in a shop that runs."""
    owner = await asyncpg.connect(on.owner)
    async with asyncio.timeout(120):
        while await owner.fetchval(UNCOUNTED):  # noqa: ASYNC110 - another process counts
            await asyncio.sleep(1)
    await owner.execute("ANALYZE case_harm")
    await owner.close()


def report(title: str, took: Mapping[str, Sequence[float]]) -> None:
    """Print what each page took."""
    floor = quantile(took["floor"], 0.95)
    print(title)
    for name, values in sorted(took.items()):
        p50, p95, p99 = (quantile(values, share) for share in (0.5, 0.95, 0.99))
        judged = "" if name == "floor" else f"; x{p95 / floor:.1f} of the floor"
        judged += f"; over {BUDGET:.0f} ms" if p95 > BUDGET else ""
        print(f"  {name}: p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms, {len(values)} visits"
              f"{judged}", flush=True)


async def main(cases: int, signals: int, hot: int, seconds: float) -> None:
    async with stage(shop_skus=10, registered=0) as on:
        begun = time.perf_counter()
        async with asyncio.timeout(400):
            shop, secrets = await settle(on, cases, signals, hot)
        rows = ", ".join(f"{number:,} {table}" for table, number in sorted(shop.rows.items()))
        print(f"brought in within {time.perf_counter() - begun:.0f} s: {rows}", flush=True)
        bare = ("-m", "benchmarks.pages", "--floor", on.owner)
        async with service_process(on) as url, process(*bare, name="floor") as floor, \
                aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            await counted(on)
            people = await visitors(session, url, floor, shop, secrets)
            for title, pause in (("a click a second each", PAUSE), ("without a pause", 0.0)):
                took: dict[str, list[float]] = {}
                until = time.perf_counter() + seconds
                await asyncio.gather(*(
                    one.browse(session, until, pause, took) for one in people))
                report(f"ten people, {title}", took)


async def serve_floor(dsn: str) -> None:
    """Serve the floor until standard input closes; print its address."""
    pool = await asyncpg.create_pool(dsn, min_size=2, max_size=10)

    async def page(request: web.Request) -> web.Response:
        sku = await pool.fetchval("SELECT sku FROM cases WHERE id = $1", request.match_info["id"])
        return web.Response(text=FLOOR.format(sku), content_type="text/html")

    app = web.Application()
    app.router.add_get("/{id}", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()
    await pool.close()


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--signals", type=int, default=1_000_000)
    parser.add_argument("--hot", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--floor", metavar="DSN", help="serve the floor, and nothing else")
    return parser.parse_args()


if __name__ == "__main__":
    asked = _arguments()
    if asked.floor:
        asyncio.run(serve_floor(asked.floor))
    else:
        asyncio.run(main(asked.cases, asked.signals, asked.hot, asked.seconds))
