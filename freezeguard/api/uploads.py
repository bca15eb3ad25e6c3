"""Receiving one file as a body: onto disk as it comes, bounded in size, in time and in number."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from freezeguard.api.bodies import Pace
from freezeguard.api.refusals import Refused
from freezeguard.domain.errors import Unavailable
from freezeguard.domain.people import Actor

IN_MEMORY = 256 * 1024
"""Bytes of a file that is still coming in; the rest of it is on disk."""
GRACE, RATE = 10.0, 16 * 1024.0

Admit = Callable[[Mapping[str, Any], Actor], Awaitable[None]]
"""Raises what refuses a file whatever is in it; gets the parts of the path and the caller."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has come in whole; `digest` is the SHA-256 of its bytes."""

    content: BinaryIO
    size: int
    digest: bytes
    media_type: str


@dataclass
class FileBody:
    """A body that is a file: of which types, up to how many bytes, how many at a time."""

    media_types: tuple[str, ...]
    limit: int
    admit: Admit
    seconds: float = 300.0
    at_once: int = 8
    under_way: int = field(default=0, init=False)

    @asynccontextmanager
    async def received(self, request: web.Request) -> AsyncIterator[Upload]:
        """Yield the file of a request; it is gone when the block ends.

        Raises Refused (`too_large`, `too_slow`, `empty_body`, `unsupported_encoding`,
        `bad_request`), Unavailable where too many are under way, ConnectionError.
        """
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() != "identity":
            raise Refused("unsupported_encoding", "Send the file as it is, without compression.")
        if (request.content_length or 0) > self.limit:
            raise self._too_large()
        async with self.taken(request.content.readany, request.content_type.lower()) as upload:
            yield upload

    @asynccontextmanager
    async def taken(
        self, read: Callable[[], Awaitable[bytes]], media_type: str
    ) -> AsyncIterator[Upload]:
        """Yield a file as it comes out of `read`, piece by piece until an empty one.

        Raises what `received` raises.
        """
        if self.under_way >= self.at_once:
            raise Unavailable(
                f"{self.at_once} files are coming in already; send it again.", retry_after=10.0
            )
        self.under_way += 1
        try:
            with SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
                content = cast("BinaryIO", spool)
                size, digest = await self._spooled(read, content)
                yield Upload(content, size, digest, media_type)
        finally:
            self.under_way -= 1

    async def _spooled(
        self, read: Callable[[], Awaitable[bytes]], content: BinaryIO
    ) -> tuple[int, bytes]:
        try:
            return await self._paced(read, content)
        except (HttpProcessingError, web.RequestPayloadError) as broken:
            raise Refused("bad_request", "The framing of the body is broken.") from broken
        except RuntimeError as gone:
            raise ConnectionResetError("the client has gone") from gone

    async def _paced(
        self, read: Callable[[], Awaitable[bytes]], content: BinaryIO
    ) -> tuple[int, bytes]:
        loop = asyncio.get_running_loop()
        pace, start = Pace(self.seconds, GRACE, RATE), loop.time()
        sha256 = hashlib.sha256()
        received = 0
        try:
            while True:
                async with asyncio.timeout_at(start + pace.due(received)):
                    part = await read()
                if not part:
                    break
                received += len(part)
                if received > self.limit:
                    raise self._too_large()
                sha256.update(part)
                content.write(part)
        except TimeoutError:
            raise Refused("too_slow", f"{received} bytes of the file came in time.") from None
        if not received:
            raise Refused("empty_body", "The file is empty. With curl: --data-binary @report.pdf")
        return received, sha256.digest()

    def _too_large(self) -> Refused:
        return Refused("too_large", f"A file may have {self.limit:,} bytes.")
