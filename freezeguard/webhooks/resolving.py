"""Looks names of endpoints up, in threads of its own.

The loop's common threads look names up for catalogues too: a vendor whose name server never
answers must not keep a stop waiting.
"""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS = 8


class Resolver(AbstractResolver):
    """Asks the system, like aiohttp's own; only the threads differ."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="webhook-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raises OSError where it has none."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, _addresses, host, port, family
        )
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, protocol, address in found
        ]

    async def close(self) -> None:
        """Wait for nobody: a look-up that hangs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(
    host: str, port: int, family: socket.AddressFamily
) -> list[tuple[socket.AddressFamily, int, str]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
    # A zone ("fe80::1%eth0") stays: the policy refuses it.
    return [(kind, protocol, str(place[0])) for kind, _, protocol, _, place in found]
