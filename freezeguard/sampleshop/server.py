"""The shop on a port: routes, the admin token, one shape for every refusal, going offline."""

import asyncio
import contextlib
import hmac

from aiohttp import web
from aiohttp.typedefs import Handler

from freezeguard.sampleshop.backoffice import Backoffice
from freezeguard.sampleshop.controls import Controls
from freezeguard.sampleshop.premises import ConnectionDroppedError, Premises, problem, reset
from freezeguard.sampleshop.products import BadProductError
from freezeguard.sampleshop.shop import RefusedError
from freezeguard.sampleshop.storefront import Storefront

MOST_BYTES = 32 << 20
"""The largest request body; 20,000 products are about 6 MiB."""


class ShopServer:
    """One shop on one address. `keep_alive` is how long an idle connection lives, in seconds."""

    def __init__(self, premises: Premises, host: str, port: int, keep_alive: float) -> None:
        self._premises = premises
        self._host = host
        self._port = port
        self._runner = web.AppRunner(
            self._application(),
            access_log=None,
            keepalive_timeout=keep_alive,
            shutdown_timeout=0.1,
        )
        self._site: web.TCPSite | None = None
        self._absence: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Return the address, with the port that the system gave where 0 was asked for."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises `OSError` where the address can't be had."""
        await self._runner.setup()
        await self._listen()

    async def stop(self) -> None:
        """Stop at once; calls under way are dropped."""
        if self._absence is not None:
            self._absence.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._absence
        self._premises.switch_faults_off()
        await self._runner.cleanup()

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, self._host, self._port, reuse_address=True)
        await self._site.start()
        self._port = self._runner.addresses[0][1]

    def _go_offline(self, seconds: float) -> None:
        if self._absence is None or self._absence.done():
            self._absence = asyncio.create_task(self._be_away(seconds))

    async def _be_away(self, seconds: float) -> None:
        if self._site is not None:
            await self._site.stop()
        server = self._runner.server
        for connection in list(server.connections if server else ()):
            if connection.transport is not None:
                reset(connection.transport)
        await asyncio.sleep(seconds)
        await self._listen()

    def _application(self) -> web.Application:
        application = web.Application(
            middlewares=[self._guard, _one_shape], client_max_size=MOST_BYTES
        )
        application.add_routes(Storefront(self._premises).routes())
        application.add_routes(Backoffice(self._premises).routes())
        application.add_routes(Controls(self._premises, self._go_offline).routes())
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/admin"):
            wanted = f"Bearer {self._premises.admin_token}".encode()
            given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(wanted, given):
                return problem(401, "no_admin_token", "send the admin token as bearer")
        return await handler(request)


@web.middleware
async def _one_shape(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as refusal:
        return problem(refusal.status, refusal.code, refusal.text)
    except BadProductError as error:
        return problem(422, "bad_product", str(error))
    except ConnectionDroppedError:
        return web.Response()
    except web.HTTPException as error:
        return problem(error.status, f"http_{error.status}", error.reason)
