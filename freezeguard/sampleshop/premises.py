"""What all handlers share: the shop, its truth log, its faults, and how a call meets them."""

import asyncio
import json
import math
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from freezeguard.sampleshop.faults import Call, Faults
from freezeguard.sampleshop.shop import RefusedError, Shop
from freezeguard.sampleshop.truthlog import Entry, TruthLog

Body = dict[str, Any]


class ConnectionDroppedError(Exception):
    """The connection was reset on purpose; there is nobody left to answer."""


@dataclass(slots=True)
class Premises:
    """One running shop. `clock` returns wall-clock nanoseconds."""

    shop: Shop
    log: TruthLog
    faults: Faults
    admin_token: str
    clock: Callable[[], int]
    thaw: asyncio.Event = field(default_factory=asyncio.Event)
    syncs: set[asyncio.TimerHandle] = field(default_factory=set)

    def switch_faults_off(self) -> None:
        """End every fault; calls that hang are dropped, warehouse syncs to come are forgotten."""
        self.faults.switch_off()
        self.thaw.set()
        self.thaw = asyncio.Event()
        for sync in self.syncs:
            sync.cancel()
        self.syncs.clear()

    async def answer(
        self,
        request: web.Request,
        call: Call,
        entry: Entry,
        act: Callable[[], Body],
        pretend: Callable[[], Body],
    ) -> web.Response:
        """Carry out one call as the faults allow; `act` does it, `pretend` words the lie."""
        early = await self._before(request, call, entry)
        if early is not None:
            entry.status = early.status
            return early
        if self.faults.strike("lie", call) is not None:
            self._fault(entry, "lie")
            body = pretend()
        else:
            body = self._act(entry, call, act)
        response = await self._after(request, call, entry, body)
        entry.status = response.status
        return response

    def _act(self, entry: Entry, call: Call, act: Callable[[], Body]) -> Body:
        try:
            body = act()
        except RefusedError as refusal:
            entry.outcome, entry.code, entry.status = "refused", refusal.code, refusal.status
            raise
        if call.operation not in {"lookup", "read_back"}:
            self.log.applied(entry, self.clock())
            delay = self.faults.strike("re_enable_after", call)
            if delay is not None:
                self._sync_later(entry, delay)
        return body

    async def _before(self, request: web.Request, call: Call, entry: Entry) -> web.Response | None:
        strike = self.faults.strike
        if strike("freeze_admin", call) is not None:
            self._fault(entry, "freeze_admin")
            await self.thaw.wait()
            drop(request)
        if (delay := strike("slow", call)) is not None:
            self.log.keep(entry)
            await asyncio.sleep(delay)
        if (too_many := strike("too_many", call)) is not None:
            self._fault(entry, "too_many")
            return problem(429, "too_many", "slow down", _retry_after(too_many.retry_after))
        if (error := strike("error", call)) is not None:
            self._fault(entry, "error")
            return problem(error.status, "internal_error", "something went wrong here")
        if (status := strike("refuse", call)) is not None:
            self._fault(entry, "refuse")
            return problem(status, "not_accepted", "this shop does not accept the change")
        if (address := strike("redirect", call)) is not None:
            self._fault(entry, "redirect")
            return web.Response(status=302, headers={"Location": address})
        return None

    async def _after(
        self, request: web.Request, call: Call, entry: Entry, body: Body
    ) -> web.Response:
        strike = self.faults.strike
        if strike("apply_then_reset", call) is not None:
            entry.code = "connection_reset"
            self.log.keep(entry)
            drop(request)
        if (delay := strike("slow_answer", call)) is not None:
            self.log.keep(entry)
            await asyncio.sleep(delay)
        if strike("garble", call) is not None:
            self.log.keep(entry)
            return web.json_response({"this": "is not what you expect"})
        if (size := strike("oversize", call)) is not None:
            self.log.keep(entry)
            return web.json_response({**body, "padding": "x" * size})
        return web.json_response(body)

    def _fault(self, entry: Entry, effect: str) -> None:
        entry.outcome = f"fault:{effect}"
        self.log.keep(entry)

    def _sync_later(self, stop: Entry, delay: float) -> None:
        def sync() -> None:
            self.syncs.discard(handle)
            entry = self.log.open(
                self.clock(), "warehouse", "restore", product=stop.product, sku=stop.sku
            )
            entry.fields = self.shop.sync_from_warehouse(str(stop.product))
            self.log.applied(entry, self.clock())

        handle = asyncio.get_running_loop().call_later(delay, sync)
        self.syncs.add(handle)


def problem(
    status: int, code: str, text: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Build the one shape that all refusals and errors of this shop have."""
    body = json.dumps({"code": code, "text": text})
    return web.Response(status=status, text=body, content_type="application/json", headers=headers)


def drop(request: web.Request) -> None:
    """Reset the connection under a request (TCP RST). Raises `ConnectionDroppedError`."""
    if request.transport is not None:
        reset(request.transport)
    raise ConnectionDroppedError


def reset(transport: asyncio.Transport) -> None:
    """Reset one connection: the other side sees an error, not an orderly end."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        linger_for_nothing = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_nothing)
    transport.abort()


def _retry_after(value: float | str | None) -> dict[str, str]:
    if value is None:
        return {}
    text = value if isinstance(value, str) else str(math.ceil(value))
    return {"Retry-After": text}
