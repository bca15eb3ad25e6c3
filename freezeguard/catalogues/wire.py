"""One far side over HTTP: kept connections, deadlines, limits, and errors sorted by hope."""

import asyncio
import email.utils
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
from aiohappyeyeballs import AddrInfoType
from yarl import URL

from freezeguard.ports.catalogues import CatalogueError

CONNECT_SECONDS = 1.0
IDLE_SECONDS = 4.0
"""Longest idle time of a connection that is used again. Many servers close after 5 s, and a
request that meets the closing is lost."""

WARM_SECONDS = 3.0
"""`warm` does nothing where a call has ended less than this ago."""

MOST_TOKENS = 20
MOST_BYTES = 1 << 20
"""Longest answer that is read."""

_USUAL_HEADERS = {
    "User-Agent": "freezeguard",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}
_HOPEFUL = frozenset({408, 409, 412, 425, 429})
_DELAY = re.compile(r"\d{1,9}(\.\d{1,9})?")
_NO_DEADLINE = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=CONNECT_SECONDS)


class _Opened:
    """Whether a call has opened a connection of its own."""

    __slots__ = ("yes",)

    def __init__(self) -> None:
        self.yes = False


_opened: ContextVar[_Opened] = ContextVar("opened")


def _open_socket(address: AddrInfoType) -> socket.socket:
    _opened.get().yes = True
    family, kind, protocol, _, _ = address
    return socket.socket(family, kind, protocol)


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `operation` names it in messages; the URL is percent-encoded already."""

    operation: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body of at most `MOST_BYTES`; `whole` is False where there was more.

    `encoding` is a `Content-Encoding` that nobody asked for, empty as a rule. Names of `headers`
    are in small letters.
    """

    status: int
    body: bytes
    whole: bool
    encoding: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Wire:
    """Sends calls to one far side. Opens nothing before the first call.

    `secrets` are blotted out of everything that the far side says in an error. `now` is read only
    to turn a `Retry-After` date into seconds.
    """

    def __init__(
        self,
        name: str,
        *,
        connections: int,
        secrets: Iterable[str] = (),
        tls: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._name = name
        self._connections = connections
        self._secrets = tuple(secret for secret in secrets if secret)
        self._tokens: deque[str] = deque(maxlen=MOST_TOKENS)
        self._tls = tls
        self._now = now
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False
        self._last_used = float("-inf")

    async def send(
        self, call: Call, *, deadline: float, absent: frozenset[int] = frozenset()
    ) -> Answer:
        """Send a call and return its answer, which has a 2xx status or one of `absent`.

        Every call is taken to be idempotent: it is sent once more where a kept connection turned
        out to be dead. Redirects are not followed. Raises `CatalogueError`.
        """
        if deadline <= 0:
            raise self._error(call, "there was no time left", recoverable=True)
        if self._is_closed:
            raise self._error(call, "the service is stopping", recoverable=True)
        session = self._session or self._open_session()
        try:
            async with asyncio.timeout(deadline):
                return await self._send(session, call, absent)
        except TimeoutError as error:
            reason = f"did not connect within {CONNECT_SECONDS:g} s"
            if not isinstance(error, aiohttp.ConnectionTimeoutError):
                reason = f"did not answer within {deadline:.3g} s"
            raise self._error(call, reason, recoverable=True) from None
        except aiohttp.ClientConnectorCertificateError:
            reason = "its certificate is not trusted; name its authority in ca_file"
            raise self._error(call, reason, recoverable=False) from None
        except aiohttp.ClientSSLError as error:
            reason = f"TLS failed ({_reason(error)}); is https right for this address?"
            raise self._error(call, reason, recoverable=True) from None
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as error:
            reason = f"the connection failed: {_reason(error)}"
            raise self._error(call, reason, recoverable=True) from None
        except (aiohttp.ClientError, ValueError) as error:
            reason = f"this is not HTTP as it should be: {type(error).__name__}"
            raise self._error(call, reason, recoverable=False) from None

    async def warm(self, call: Call, *, deadline: float) -> None:
        """Have an open connection at hand: send the call unless one was used just now.

        Any HTTP answer will do. Raises `CatalogueError` where there is none.
        """
        if asyncio.get_running_loop().time() - self._last_used < WARM_SECONDS:
            return
        await self.send(call, deadline=deadline, absent=frozenset(range(200, 600)))

    def hide(self, secret: str) -> None:
        """Blot this out as well: a token that came with a session; the oldest are forgotten."""
        self._tokens.append(secret)

    async def close(self) -> None:
        """Close every connection for good: a call that comes later finds none."""
        self._is_closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def misfit(self, operation: str, reason: str) -> CatalogueError:
        """Build the error for an answer that arrived and does not fit; it is not recoverable."""
        text = self.blot(f"catalogue {self._name}: {operation}: {reason}")
        return CatalogueError(text, recoverable=False)

    async def _send(
        self, session: aiohttp.ClientSession, call: Call, absent: frozenset[int]
    ) -> Answer:
        opened = _Opened()
        _opened.set(opened)
        try:
            return await self._exchange(session, call, absent)
        except aiohttp.ClientConnectionError as error:
            if opened.yes or isinstance(error, aiohttp.ClientConnectorError | TimeoutError):
                raise
        return await self._exchange(session, call, absent)

    async def _exchange(
        self, session: aiohttp.ClientSession, call: Call, absent: frozenset[int]
    ) -> Answer:
        async with session.request(
            call.method,
            URL(call.url, encoded=True),
            data=call.body,
            headers=call.headers,
            allow_redirects=False,
        ) as response:
            body, whole = await _read(response)
            self._last_used = asyncio.get_running_loop().time()
            if 200 <= response.status < 300 or response.status in absent:
                encoding = response.headers.get("Content-Encoding", "identity")
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(
                    response.status, body, whole, encoding.replace("identity", ""), headers
                )
            raise self._refusal(call, response, body)

    def _refusal(self, call: Call, response: aiohttp.ClientResponse, body: bytes) -> CatalogueError:
        status = response.status
        if 300 <= status < 400:
            reason = f"answered {status}; redirects are not followed, correct the address"
            return self._error(call, reason, recoverable=False)
        reason = f"answered {status}"
        said = self.blot(" ".join(body[:4096].decode("utf-8", "replace").split()))[:300]
        if said and said.isprintable():
            reason += f": {said}"
        retry_after = _seconds(response.headers, self._now)
        recoverable = status >= 500 or status in _HOPEFUL
        return self._error(call, reason, recoverable=recoverable, retry_after=retry_after)

    def _error(
        self, call: Call, reason: str, *, recoverable: bool, retry_after: float | None = None
    ) -> CatalogueError:
        text = self.blot(f"catalogue {self._name}: {call.operation}: {reason}")
        return CatalogueError(text, recoverable=recoverable, retry_after=retry_after)

    def blot(self, text: str) -> str:
        """Return a text without our secrets."""
        for secret in (*self._secrets, *self._tokens):
            text = text.replace(secret, "***")
        return text

    def _open_session(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections,
                keepalive_timeout=IDLE_SECONDS,
                ssl=self._tls if self._tls is not None else True,
                socket_factory=_open_socket,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_NO_DEADLINE,
            auto_decompress=False,
            headers=_USUAL_HEADERS,
        )
        return self._session


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """Read up to `MOST_BYTES`; say whether that was all. A longer answer costs its connection."""
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > MOST_BYTES:
            response.close()
            return b"".join(pieces), False
        pieces.append(piece)
    return b"".join(pieces), True


def _seconds(headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    """Read `Retry-After`: seconds, or a date, which the far side's own clock is set against."""
    text = headers.get("Retry-After", "").strip()
    if _DELAY.fullmatch(text):
        return float(text)
    until = _date(text)
    if until is None:
        return None
    return max(0.0, (until - (_date(headers.get("Date", "")) or now())).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _reason(error: BaseException) -> str:
    """Name a connection error without its address, which may hold what is nobody's business."""
    number = error.errno if isinstance(error, OSError) and error.errno is not None else 0
    return f"{type(error).__name__}, errno {number}" if number else type(error).__name__
