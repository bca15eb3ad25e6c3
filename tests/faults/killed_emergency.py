"""The emergency command, killed before its n-th step: `python -m tests.faults.killed_emergency`.

Its steps are what leaves a trace: lines of the journal and calls to catalogues. The rest is what
`freezeguard freeze --emergency SKU` is; exit code 0 where it came to its end.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from freezeguard.bootstrap.emergency import new_order, stop_in_emergency
from freezeguard.bootstrap.settings import Settings
from freezeguard.catalogues.http import HttpCatalogue
from freezeguard.storage.journal import FileJournal

STEPS = ((FileJournal, "append"), (HttpCatalogue, "lookup"), (HttpCatalogue, "stop"),
         (HttpCatalogue, "read_back"))


def lasting(steps: int, call: Callable[..., Awaitable[Any]], made: list[str]) -> Any:
    """Return a call that is counted, and never made where the steps are used up."""

    async def counted(*arguments: Any, **more: Any) -> Any:
        if len(made) >= steps:
            os.kill(os.getpid(), signal.SIGKILL)
        made.append(call.__name__)
        return await call(*arguments, **more)

    return counted


async def main(sku: str, steps: int) -> None:
    """Give the order."""
    made: list[str] = []
    for owner, name in STEPS:
        setattr(owner, name, lasting(steps, getattr(owner, name), made))
    order = new_order(sku, person=None, level=None, reason_code="defective", comment="")
    stopped = await stop_in_emergency(Settings(), order)
    assert stopped.is_everywhere
    assert not stopped.to_keep


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
