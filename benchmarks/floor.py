"""The floor: what any service must pay between a complaint and a stop, and nothing else.

One aiohttp process. A POST is read, stored by one durable INSERT, and answered after the catalogue
was called. No validation, no identity, no rule, no state: nobody can be faster and durable.
Cold: look up at the catalogue, store what was found, then stop.
"""

import argparse
import asyncio
import json
import sys

import aiohttp
import asyncpg
from aiohttp import web

TABLE = "CREATE TABLE IF NOT EXISTS floor (id text PRIMARY KEY, sku text NOT NULL, body text)"
INSERT = "INSERT INTO floor VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
IMAGES = "CREATE TABLE IF NOT EXISTS floor_images (sku text PRIMARY KEY, body text)"
SAVE = "INSERT INTO floor_images VALUES ($1, $2) ON CONFLICT DO NOTHING"


class Floor:
    """The handlers of the floor."""

    def __init__(self, pool: asyncpg.Pool, session: aiohttp.ClientSession, shop: str) -> None:
        self._pool, self._session, self._shop = pool, session, shop

    async def warm(self, request: web.Request) -> web.Response:
        """One commit, one call."""
        body = json.loads(await request.read())
        await self._pool.execute(INSERT, body["id"], body["sku"], json.dumps(body))
        await self._stop(body["remote_id"])
        return web.json_response({"accepted": 1}, status=202)

    async def cold(self, request: web.Request) -> web.Response:
        """Commit, look up, commit, call."""
        body = json.loads(await request.read())
        await self._pool.execute(INSERT, body["id"], body["sku"], json.dumps(body))
        address = f"{self._shop}/admin/products"
        async with self._session.get(address, params={"sku": body["sku"]}) as answer:
            found = await answer.json()
        await self._pool.execute(SAVE, body["sku"], json.dumps(found))
        await self._stop(body["remote_id"])
        return web.json_response({"accepted": 1}, status=202)

    async def background(self, request: web.Request) -> web.Response:
        """Many complaints in one commit."""
        rows = json.loads(await request.read())
        await self._pool.executemany(
            INSERT, [(row["id"], row["sku"], json.dumps(row)) for row in rows]
        )
        return web.json_response({"accepted": len(rows)}, status=202)

    async def _stop(self, remote_id: str) -> None:
        address = f"{self._shop}/admin/products/{remote_id}"
        stop = {"published": False, "sale_stop": True}
        async with self._session.patch(address, json=stop) as answer:
            await answer.read()


async def serve(dsn: str, shop: str, token: str) -> None:
    """Serve until standard input closes; print the address."""
    pool = await asyncpg.create_pool(dsn, min_size=3, max_size=10)
    await pool.execute(TABLE)
    await pool.execute(IMAGES)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        floor = Floor(pool, session, shop)
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_post("/warm", floor.warm)
        app.router.add_post("/cold", floor.cold)
        app.router.add_post("/background", floor.background)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await runner.cleanup()
    await pool.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("dsn", "shop", "token"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    asyncio.run(serve(given.dsn, given.shop, given.token))
