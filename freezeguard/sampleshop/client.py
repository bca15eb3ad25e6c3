"""A client for tests and demonstrations: start the shop, buy, misbehave, read the truth.

`ShopProcess` starts and ends the process; `ShopClient` talks to a shop that runs, wherever it
came from; `running_shop` does both.
"""

import asyncio
import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

START_DEADLINE = 20.0
"""Seconds for a new process to listen; it needs about 0.5 on a quiet machine."""

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class ShopError(Exception):
    """The shop did not start, or gave an answer that its client can't use."""


class ShopProcess:
    """The shop as a child process. It ends with `stop`, and with this process in any case."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.admin_token = ""

    @property
    def pid(self) -> int:
        """Return the process id of the running shop."""
        if self._process is None:
            raise ShopError("the sample shop is not running")
        return self._process.pid

    def start(self) -> Self:
        """Start the process and wait until it listens. Raises `ShopError`."""
        command = [sys.executable, "-m", "freezeguard.sampleshop", "--until-stdin-closes"]
        given = () if "--port" in self._arguments else ("--port", "0")
        paths = [str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [*command, *given, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            start_new_session=True,
        )
        try:
            facts = json.loads(self._first_line())
        except ValueError as error:
            self.stop()
            raise ShopError("the sample shop did not start") from error
        self.url, self.admin_token = facts["url"], facts["admin_token"]
        return self

    def stop(self) -> None:
        """End the process: by request, and by force where it does not follow within 2 s."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _first_line(self) -> bytes:
        assert self._process is not None  # noqa: S101 - only `start` calls this
        assert self._process.stdout is not None  # noqa: S101
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + START_DEADLINE
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                break
            piece = os.read(descriptor, 4096)
            if not piece:
                break
            line += piece
        return line

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


@dataclass(frozen=True, slots=True)
class Purchase:
    """How a step of a purchase ended. `code` and `text` say why the shop refused it."""

    ok: bool
    cart: str
    order: str | None = None
    code: str | None = None
    text: str | None = None


class ShopClient:
    """A buyer, an admin and an observer of one running shop. Use it as `async with`."""

    def __init__(self, url: str, admin_token: str) -> None:
        self.url = url
        self.admin_token = admin_token
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(keepalive_timeout=4),
            timeout=aiohttp.ClientTimeout(total=30),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    # The buyer

    async def buy(self, sku: str, quantity: int = 1) -> Purchase:
        """Open a cart, add the SKU, pay."""
        filled = await self.open_cart(sku, quantity)
        return await self.checkout(filled.cart) if filled.ok else filled

    async def open_cart(self, sku: str, quantity: int = 1) -> Purchase:
        """Open a cart that holds the SKU; `cart` is its id."""
        _, cart = await self._ask("POST", "/shop/carts", {})
        line = {"sku": sku, "quantity": quantity}
        status, body = await self._ask("POST", f"/shop/carts/{cart['id']}/lines", line)
        if status == 201:
            return Purchase(ok=True, cart=cart["id"])
        return Purchase(ok=False, cart=cart["id"], code=body["code"], text=body["text"])

    async def checkout(self, cart: str) -> Purchase:
        """Pay for an open cart."""
        status, body = await self._ask("POST", f"/shop/carts/{cart}/checkout", {})
        if status == 201:
            return Purchase(ok=True, cart=cart, order=body["id"])
        return Purchase(ok=False, cart=cart, code=body["code"], text=body["text"])

    async def availability(self, sku: str) -> list[dict[str, Any]]:
        """Return what the buyer's side shows for each product of the SKU."""
        body = await self._get(f"/shop/products?sku={quote(sku, safe='')}")
        return list(body["products"])

    # The admin

    async def seed(self, products: Iterable[Mapping[str, Any]]) -> list[str]:
        """Add products; return their ids in order."""
        status, body = await self._ask("POST", "/admin/products", list(products))
        if status != 201:
            raise ShopError(f"{body['code']}: {body['text']}")
        return list(body["ids"])

    async def products(self, sku: str) -> list[dict[str, Any]]:
        """Return the 0, 1 or many products of a SKU, as the admin side shows them."""
        body = await self._get(f"/admin/products?sku={quote(sku, safe='')}")
        return list(body["products"])

    async def product(self, sku: str) -> dict[str, Any]:
        """Return the one product of a SKU. Raises `ShopError` for none or many."""
        found = await self.products(sku)
        if len(found) != 1:
            raise ShopError(f"{len(found)} products have the SKU {sku!r}")
        return found[0]

    async def change(
        self, product_id: str, fields: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Write fields as an admin of the shop would; return status and answer."""
        path = f"/admin/products/{quote(product_id, safe='')}"
        return await self._ask("PATCH", path, fields, headers)

    async def rename(self, product_id: str, sku: str) -> None:
        """Sell a product under another SKU."""
        await self._done("PUT", f"/admin/products/{quote(product_id, safe='')}/sku", {"sku": sku})

    async def remove(self, product_id: str) -> None:
        """Take a product away for good."""
        await self._done("DELETE", f"/admin/products/{quote(product_id, safe='')}", None)

    # The one who misbehaves and the one who observes

    async def faults(self, **order: Any) -> None:
        """Switch faults on, as `freezeguard.sampleshop.faults.FaultOrder` has them."""
        status, body = await self._ask("POST", "/admin/faults", order)
        if status != 201:
            raise ShopError(f"{body['code']}: {body['text']}")

    async def no_faults(self) -> None:
        """Switch every fault off."""
        await self._ask("DELETE", "/admin/faults")

    async def fences(self, *, on: bool) -> None:
        """Let the shop refuse older revisions, or not."""
        await self._ask("PUT", "/admin/fences", {"on": on})

    async def lose_database(self) -> None:
        """Put every product back as it was seeded."""
        await self._ask("POST", "/admin/lose-database")

    async def log(
        self, sku: str | None = None, *, since_ns: int = 0, after: int = 0
    ) -> list[dict[str, Any]]:
        """Return the truth log, oldest first; `after` is the `seq` of the last known entry."""
        place = f"since={since_ns}&after={after}"
        if sku is not None:
            place += f"&sku={quote(sku, safe='')}"
        body = await self._get(f"/admin/log?{place}")
        return list(body["entries"])

    async def orders(self) -> list[dict[str, Any]]:
        """Return every order."""
        return list((await self._get("/admin/orders"))["orders"])

    async def sellable(self) -> list[str]:
        """Return every SKU that can be bought now."""
        return list((await self._get("/admin/sellable"))["skus"])

    async def _done(self, method: str, path: str, body: object) -> None:
        status, answer = await self._ask(method, path, body)
        if status != 200:
            raise ShopError(f"{answer['code']}: {answer['text']}")

    async def _get(self, path: str) -> dict[str, Any]:
        status, body = await self._ask("GET", path)
        if status != 200:
            raise ShopError(f"{path.partition('?')[0]} answered {status}")
        return body

    async def _ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        if self._session is None:
            raise ShopError("use the client as `async with`")
        sent = {**(headers or {})}
        if path.startswith("/admin"):
            sent["Authorization"] = f"Bearer {self.admin_token}"
        # A path is percent-encoded where it is built; the URL must not be encoded again.
        url = URL(self.url + path, encoded=True)
        async with self._session.request(method, url, json=body, headers=sent) as response:
            return response.status, await response.json()


@contextlib.asynccontextmanager
async def running_shop(
    *arguments: str,
    seed: int = 0,
    skus: Sequence[str] = (),
    products: Sequence[Mapping[str, Any]] = (),
) -> AsyncIterator[ShopClient]:
    """Start a shop on a free port and end it for sure.

    `seed` makes numbered products; `skus` and `products` are added after them; `arguments` go to
    the command line as they are.
    """
    process = ShopProcess("--seed", str(seed), *arguments)
    await asyncio.to_thread(process.start)
    try:
        async with ShopClient(process.url, process.admin_token) as client:
            wanted = [*({"sku": sku} for sku in skus), *products]
            if wanted:
                await client.seed(wanted)
            yield client
    finally:
        await asyncio.to_thread(process.stop)


def sample_configuration(url: str, token: str) -> dict[str, Any]:
    """Return the table `[catalogues.<name>]` that lets the kind `http` drive this shop.

    `token` goes into a header as it is; a configuration file would say `{env:SHOP_TOKEN}`.
    """
    patch = {"method": "PATCH", "path": "/admin/products/{id}", "body": "{fields}"}
    return {
        "kind": "http",
        "base_url": url,
        "headers": {"Authorization": f"Bearer {token}"},
        "level": "hard",
        "proven": "stand-in",
        "lookup": {
            "method": "GET",
            "path": "/admin/products?sku={sku}",
            "objects": "$.products[*]",
            "id": "$.id",
            "sku": "$.sku",
            "fields": ["published", "sale_stop", "stock", "track_stock", "allow_backorder"],
            "absent": [],
        },
        "stop": {
            **patch,
            "hide": {"published": False},
            "hard": {"published": False, "sale_stop": True},
        },
        "read_back": {
            "side": "buyer",
            "method": "GET",
            "path": "/shop/products?sku={sku}",
            "objects": "$.products[*]",
            "id": "$.id",
            "sellable": {"$.sellable": True},
            "open_carts": {"$.open_carts": True},
            "detail": "$.reason",
            "absent": [],
        },
        "restore": patch,
        "fallbacks": {
            "stock_zero": {
                "fields": {"track_stock": True, "stock": 0, "allow_backorder": False},
                "stop": patch,
                "lift": patch,
            },
            "deny_list": {
                "stop": {"method": "PUT", "path": "/admin/deny-list/{id}"},
                "lift": {"method": "DELETE", "path": "/admin/deny-list/{id}"},
            },
        },
    }
