"""Sends signed messages over HTTP, to nowhere but where the policy lets a socket be opened.

The check stands in the connector's `socket_factory`: every connection goes through it, with the
address that is really connected to, however the host was written, resolved or redirected. (A check
in the resolver is passed by literal addresses, which are never resolved.)
"""

import asyncio
import email.utils
import re
import socket
import ssl
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import AbstractResolver

from freezeguard.ports.webhooks import Answered, Endpoint, Message, Scheme
from freezeguard.webhooks import signing, targets
from freezeguard.webhooks.addresses import AddressPolicy
from freezeguard.webhooks.payload import body_of
from freezeguard.webhooks.resolving import Resolver

MOST_BYTES = 64 * 1024
"""Of an answer that are read; they are thrown away."""
MOST_WORDS = 200
"""Bytes of an answer that are kept: what a chat says of an address that it does not know."""
CONNECT_SECONDS = 10.0
PARALLEL = 64

_DELAY = re.compile(r"[0-9]{1,9}")
_HEADERS = {
    "User-Agent": "freezeguard-webhooks/1",
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
}
_HOPEFUL_DELAYS = frozenset({429, 503})


_in_clear: ContextVar[bool] = ContextVar("in_clear", default=False)
"""Whether the request under way is not encrypted."""


class AddressRefused(OSError):
    """The policy lets no connection go to this address."""


@dataclass(slots=True)
class _Head:
    """What the head of an answer says; empty before one has come."""

    status: int | None = None
    retry_after: float | None = None
    words: bytes = b""


class HttpPost:
    """Implements `freezeguard.ports.webhooks.Post`. Opens nothing before the first call.

    `tls` is for endpoints whose authority the system does not know.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy, self._tls = policy, tls
        self._resolver = Resolver() if resolver is None else resolver
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, endpoint: Endpoint, message: Message, *, now: datetime, deadline: float
    ) -> Answered:
        body, timestamp = body_of(message), int(now.timestamp())
        headers = {
            "webhook-id": message.webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signing.signature(
                endpoint.scheme, endpoint.secrets(now), message.webhook_id, timestamp, body
            ),
        }
        return await self._attempt(endpoint.url, body, headers, now, deadline)

    async def post(self, url: str, body: bytes, *, now: datetime, deadline: float) -> Answered:
        """Implements `freezeguard.ports.chats.ChatPost`."""
        return await self._attempt(url, body, {}, now, deadline)

    async def _attempt(
        self, url: str, body: bytes, headers: Mapping[str, str], now: datetime, deadline: float
    ) -> Answered:
        clock = asyncio.get_running_loop().time
        begun = clock()
        head, error = _Head(), ""
        try:
            async with asyncio.timeout(deadline):
                await self._exchange(url, body, headers, now, head)
        except TimeoutError:
            error = f"no answer within {deadline:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            error = _reason(failure)
        if head.status is not None:  # it has decided, whatever became of the rest
            error = _words_for(head.status)
        return Answered(
            head.status, error, clock() - begun, head.retry_after,
            head.words.decode("utf-8", "replace"),
        )

    async def _exchange(
        self, url: str, body: bytes, headers: Mapping[str, str], now: datetime, head: "_Head"
    ) -> None:
        """Make one request; put down what the head of its answer says."""
        target = targets.parse(url)
        if isinstance(target, str):
            raise AddressRefused(target)
        if not target.is_encrypted and not self._policy.allow_private:
            raise AddressRefused("it is no https")
        _in_clear.set(not target.is_encrypted)
        async with self._opened().post(
            target.url, data=body, headers=headers, allow_redirects=False,
        ) as response:
            head.status = response.status
            if response.status in _HOPEFUL_DELAYS:
                head.retry_after = _delay(response.headers.get("Retry-After", ""), now)
            head.words = await _read_a_little(response)

    async def refusal(self, url: str, *, deadline: float) -> str | None:
        target = targets.parse(url)
        if isinstance(target, str):
            return target
        if not target.is_encrypted and not self._policy.allow_private:
            return "it must begin with https://"
        try:
            async with asyncio.timeout(deadline):
                addresses = await self._addresses(target)
        except (TimeoutError, OSError, UnicodeError):
            return f"the name {target.host} is not found"
        return self._refusal_of(addresses, target)

    async def _addresses(self, target: targets.Target) -> list[str]:
        """Return where a target leads: also what is written as an address may be an odd one."""
        found = await self._resolver.resolve(target.host, target.port, socket.AF_UNSPEC)
        return [one["host"] for one in found]

    def _refusal_of(self, addresses: Iterable[str], target: targets.Target) -> str | None:
        for address in addresses:
            why = self._policy.refusal(address, target.port, in_clear=not target.is_encrypted)
            if why is not None:
                return f"{target.host} leads where nothing may go: {why}"
        return None

    def published(self, scheme: Scheme, secret: bytes) -> str:
        return signing.published(scheme, secret)

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        await self._resolver.close()

    def _socket(self, address: AddrInfoType) -> socket.socket:
        """Make a socket for an address, unless the policy refuses it."""
        family, kind, protocol, _, place = address
        why = self._policy.refusal(str(place[0]), int(place[1]), in_clear=_in_clear.get())
        if why is None and len(place) == 4 and place[3]:
            why = "the address is of one link only"
        if why is not None:
            raise AddressRefused(why)
        return socket.socket(family, kind, protocol)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=PARALLEL, force_close=True, use_dns_cache=False,
                    resolver=self._resolver, socket_factory=self._socket,
                    ssl=True if self._tls is None else self._tls,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False, trust_env=False, headers=_HEADERS,
            )
        return self._session


async def _read_a_little(response: aiohttp.ClientResponse) -> bytes:
    """Read up to `MOST_BYTES` of an answer; return its first words.

    Out of politeness, mostly: its status has decided already.
    """
    size, begun = 0, b""
    try:
        async for piece in response.content.iter_any():
            size += len(piece)
            begun = (begun + piece)[:MOST_WORDS] if len(begun) < MOST_WORDS else begun
            if size >= MOST_BYTES:
                break
    except (aiohttp.ClientError, OSError):
        return begun
    finally:
        response.close()
    return begun


def _words_for(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"answered {status}; redirects are not followed"
    return f"answered {status}"


def _delay(text: str, now: datetime) -> float | None:
    """Read `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date."""
    if _DELAY.fullmatch(text.strip()):
        return float(text)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())


def _reason(failure: BaseException) -> str:
    """Name a failure without what the far side said: that is none of our log's business."""
    if (refused := _refused(failure)) is not None:
        return f"not connected: {refused}"
    match failure:
        case aiohttp.InvalidURL():
            return "its address can't be called"
        case aiohttp.ClientConnectorCertificateError():
            return "TLS: its certificate is not trusted"
        case aiohttp.ClientSSLError():
            return "TLS failed"
        case aiohttp.ClientConnectorDNSError():
            return "its name is not found"
        case aiohttp.ClientConnectorError():
            return "could not connect"
        case aiohttp.ClientConnectionError() | OSError():
            return "the connection broke"
        case _:
            return "the answer is no HTTP as it should be"


def _refused(failure: BaseException | None) -> AddressRefused | None:
    """Return the refusal that is behind a failure, if one is."""
    found: list[BaseException | None] = [failure]
    while found:
        one = found.pop()
        if isinstance(one, AddressRefused):
            return one
        if one is not None:
            found += [one.__cause__, getattr(one, "os_error", None)]
            found += getattr(one, "exceptions", ())
    return None
