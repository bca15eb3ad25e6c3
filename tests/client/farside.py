"""A server that says exactly what a test wants, byte by byte, and hangs up when it is told to."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@dataclass
class Line:
    """One connection of a client, from the server's side."""

    headers: dict[str, str]
    writer: asyncio.StreamWriter

    async def say(self, *pieces: bytes) -> None:
        """Send something."""
        self.writer.write(b"".join(pieces))
        await self.writer.drain()

    async def hang_up(self) -> None:
        """End the connection."""
        self.writer.close()
        await self.writer.wait_closed()


@dataclass
class Farside:
    """Greets each connection with the next of `greetings`, the last one over and over.

    A stream stays open; after any other answer it hangs up, as it is asked to.
    """

    greetings: list[bytes]
    port: int = 0
    lines: list[Line] = field(default_factory=list)
    _came: asyncio.Queue[Line] = field(default_factory=asyncio.Queue)
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Listen, on the same port as before where there was one."""
        self._server = await asyncio.start_server(self._greet, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Go away: stop listening, and end every connection."""
        if self._server is not None:
            self._server.close()
            for line in self.lines:
                line.writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def next(self) -> Line:
        """Wait for the next connection, which was greeted."""
        async with asyncio.timeout(10):
            return await self._came.get()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        rows = [row.split(": ", 1) for row in asked.decode().split("\r\n")[1:] if row]
        line = Line({name.lower(): value for name, value in rows}, writer)
        self.lines.append(line)
        greeting = self.greetings[0]
        if len(self.greetings) > 1:
            del self.greetings[0]
        await line.say(greeting)
        self._came.put_nowait(line)
        if OK not in greeting:
            await line.hang_up()


@asynccontextmanager
async def farside(*greetings: bytes | Sequence[bytes]) -> AsyncIterator[Farside]:
    """Run one. A greeting is what is said before anything else, head included."""
    far = Farside([one if isinstance(one, bytes) else b"".join(one) for one in greetings])
    await far.open()
    try:
        yield far
    finally:
        await far.close()
