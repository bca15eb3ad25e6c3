"""A far side that answers raw bytes from a script, to see what the wire does with them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

Script = Callable[["Exchange"], bytes | None]
"""Returns the bytes to answer, or None to close the connection without an answer."""


class Exchange:
    """One request: its number among all and on its connection (from 1), its head and body."""

    def __init__(self, number: int, on_connection: int, head: str, body: bytes) -> None:
        self.number = number
        self.on_connection = on_connection
        self.head = head
        self.body = body

    @property
    def first_line(self) -> str:
        return self.head.split("\r\n", 1)[0]

    def header(self, name: str) -> str | None:
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None


class FarSide:
    def __init__(self, script: Script) -> None:
        self.url = ""
        self.exchanges: list[Exchange] = []
        self.connections = 0
        self._script = script
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        on_connection = 0
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                on_connection += 1
                exchange = Exchange(len(self.exchanges) + 1, on_connection, head, b"")
                exchange.body = await reader.readexactly(
                    int(exchange.header("Content-Length") or 0)
                )
                self.exchanges.append(exchange)
                answer = self._script(exchange)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        writer.close()

    async def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def http(status: int = 200, body: bytes = b"{}", **headers: str) -> bytes:
    """One HTTP answer; an underscore in a header name stands for a dash."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *lines])
    return head.encode() + b"\r\n\r\n" + body


@contextlib.asynccontextmanager
async def far_side(script: Script, **tls) -> AsyncIterator[FarSide]:
    side = FarSide(script)
    server = await asyncio.start_server(side.serve, "127.0.0.1", 0, **tls)
    port = server.sockets[0].getsockname()[1]
    side.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield side
    finally:
        server.close()
        await side.hang_up()
