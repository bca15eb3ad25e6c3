"""Reading a request's body: bounded in size after decompression, in time, and in what it may be.

The bytes that come out are UTF-8 text without NUL and without a byte order mark. Decompression
happens here, so the connection must not do it: `slowclients.GuardedRunner` switches it off.
"""

import asyncio
import zlib
from collections.abc import Collection
from dataclasses import dataclass

from aiohttp import StreamReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from freezeguard.api.refusals import Refused

MAX_BODY = 5 * 1024 * 1024
JSON = "application/json"

_MAX_MEMBERS = 1000
_BOM = b"\xef\xbb\xbf"
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


@dataclass(frozen=True, slots=True)
class Pace:
    """How slowly a body may arrive: within `seconds`, and after `grace` at `rate` bytes/s."""

    seconds: float = 30.0
    grace: float = 5.0
    rate: float = 1024.0

    def due(self, received: int) -> float:
        """Return the second, counted from the start, by which the next bytes must be here."""
        return min(self.seconds, self.grace + received / self.rate)


PACE = Pace()


async def read_body(request: web.BaseRequest, limit: int = MAX_BODY, pace: Pace = PACE) -> bytes:
    """Return the body as clean UTF-8 bytes.

    `limit` holds after decompression; a bomb is refused as soon as it exceeds it.

    Raises Refused: `too_large`, `too_slow`, `empty_body`, `invalid_utf8`, `nul_character`,
    `invalid_compression`, `unsupported_encoding`, `bad_request`; ConnectionError where the
    client has gone.
    """
    encoding = _encoding(request)
    if (request.content_length or 0) > limit:
        raise Refused("too_large", f"The body has {request.content_length} bytes.")
    raw = await _received(request, limit, pace)
    return clean(raw if encoding is None else decompressed(raw, encoding, limit))


async def read_signed(request: web.BaseRequest, limit: int = MAX_BODY, pace: Pace = PACE) -> bytes:
    """Return the body byte for byte as it came, which is what a signature is about.

    A compressed one is refused: nothing is unpacked for somebody who has proven nothing.

    Raises Refused: `too_large`, `too_slow`, `unsupported_encoding`, `bad_request`;
    ConnectionError where the client has gone.
    """
    if _encoding(request) is not None:
        raise Refused("unsupported_encoding", "A signed body is sent as it is, not compressed.")
    if (request.content_length or 0) > limit:
        raise Refused("too_large", f"The body has {request.content_length} bytes.")
    return await _received(request, limit, pace)


def clean(body: bytes) -> bytes:
    """Return the body without a byte order mark; refuse what is no text.

    Raises Refused (`empty_body`, `invalid_utf8` with the offset, `nul_character`).
    """
    body = body.removeprefix(_BOM)
    if not body or body.isspace():
        raise Refused("empty_body")
    if not body.isascii():
        _check_utf8(body)
    if b"\0" in body:
        raise Refused("nul_character", f"The byte at offset {body.index(0)} is NUL.")
    return body


def media_type(request: web.BaseRequest, accepted: Collection[str]) -> str:
    """Return the media type of the body, without parameters; JSON where none is given.

    Raises Refused (`unsupported_media_type`, `unsupported_charset`).
    """
    header = request.headers.get(hdrs.CONTENT_TYPE)
    if header in {None, JSON}:
        return _accepted(JSON, accepted)
    kind = _accepted(request.content_type.lower(), accepted)
    charset = (request.charset or "utf-8").lower()
    if charset not in {"utf-8", "utf8"}:
        raise Refused("unsupported_charset", f"The charset is {charset[:40]!a}; send utf-8.")
    return kind


def decompressed(raw: bytes, encoding: str, limit: int) -> bytes:
    """Return what `raw` holds; stop as soon as it exceeds `limit` bytes.

    Raises Refused (`too_large`, `invalid_compression`).
    """
    parts: list[bytes] = []
    room = limit
    for _ in range(_MAX_MEMBERS):
        part, raw = _member(raw, encoding, room)
        parts.append(part)
        room -= len(part)
        if not raw:
            return b"".join(parts)
    raise Refused("invalid_compression", f"More than {_MAX_MEMBERS} gzip members.")


def _member(raw: bytes, encoding: str, room: int) -> tuple[bytes, bytes]:
    unpacker = zlib.decompressobj(_window(raw, encoding))
    try:
        part = unpacker.decompress(raw, room + 1)
    except zlib.error as broken:
        raise Refused("invalid_compression", f"The {encoding} body: {broken}.") from None
    if len(part) > room:
        raise Refused("too_large")
    if not unpacker.eof:
        raise Refused("invalid_compression", f"The {encoding} body is cut off.")
    return part, unpacker.unused_data


def _window(raw: bytes, encoding: str) -> int:
    # HTTP's deflate is zlib (RFC 9110, 8.4.1.2), but some clients send it without its header.
    if encoding == "deflate" and raw and raw[0] & 0x0F != zlib.DEFLATED:
        return -zlib.MAX_WBITS
    return _WINDOWS[encoding]


def _encoding(request: web.BaseRequest) -> str | None:
    header = request.headers.get(hdrs.CONTENT_ENCODING)
    if header is None or header.strip().lower() == "identity":
        return None
    encoding = header.strip().lower()
    if encoding not in _WINDOWS:
        raise Refused("unsupported_encoding", f"The Content-Encoding is {header[:40]!a}.")
    return encoding


async def _received(request: web.BaseRequest, limit: int, pace: Pace) -> bytes:
    content = request.content
    try:
        if content.is_eof() and content.total_bytes <= limit:
            return content.read_nowait()
        return await _trickle(content, limit, pace)
    except (HttpProcessingError, web.RequestPayloadError) as broken:
        raise Refused("bad_request", "The framing of the body is broken.") from broken
    except RuntimeError as gone:
        raise ConnectionResetError("the client has gone") from gone


async def _trickle(content: StreamReader, limit: int, pace: Pace) -> bytes:
    loop = asyncio.get_running_loop()
    start = loop.time()
    parts: list[bytes] = []
    received = 0
    try:
        while not content.at_eof():
            async with asyncio.timeout_at(start + pace.due(received)):
                part = await content.readany()
            parts.append(part)
            received += len(part)
            if received > limit:
                raise Refused("too_large")
    except TimeoutError:
        raise Refused("too_slow", f"{received} bytes of the body came in time.") from None
    return b"".join(parts)


def _check_utf8(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as broken:
        detail = f"The byte at offset {broken.start} is not UTF-8."
        raise Refused("invalid_utf8", detail) from None


def _accepted(kind: str, accepted: Collection[str]) -> str:
    if kind not in accepted:
        listed = ", ".join(sorted(accepted))
        raise Refused("unsupported_media_type", f"{kind[:80]!a} is not read here; send {listed}.")
    return kind
