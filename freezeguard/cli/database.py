"""Commands that go straight to the database, whether a service runs or not."""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from freezeguard.cli.options import quiet_logs, read_settings

if TYPE_CHECKING:
    from freezeguard.bootstrap.administration import Administration
    from freezeguard.services.masterdata.access import Issued

T = TypeVar("T")


def administer(work: "Callable[[Administration], Awaitable[T]]") -> T:
    """Run one piece of administration."""
    from asyncio import run as complete

    from freezeguard.bootstrap.administration import open_administration

    quiet_logs()
    settings = read_settings()

    async def run() -> T:
        async with open_administration(settings) as administration:
            return await work(administration)

    return complete(run())


def print_secret(issued: "Issued", words: str) -> None:
    """Print a secret to stdout, alone on its line, so that it can be piped."""
    print(words, file=sys.stderr)
    print(issued.secret, flush=True)
