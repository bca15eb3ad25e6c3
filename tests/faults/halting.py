"""A replica that halts at one point: `python -m tests.faults.halting --settings FILE --at POINT`.

Prints its address as `serve --json` does, and a line `halted` whenever it gets to the point. There
it stays, unless `--gate FILE` names a file: it goes on once that exists. Killing a replica that has
halted is killing it at exactly that point.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.logging import configure_logging
from freezeguard.bootstrap.service import Service
from freezeguard.bootstrap.settings import Settings

POINTS = ("evaluation", "stop ready", "stop applied", "restore ready",
          "restore applied", "notice sent",
          "webhook sent", "narrow hold set", "command committed", "clock claimed")

Stay = Callable[..., Awaitable[None]]
"""Keeps a call, by its arguments, where it is."""
UNDER_WAY: set[asyncio.Future[Any]] = set()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def halt(gate: Path | None) -> None:
    """Say so, and stay until the gate is open."""
    say("halted")
    await opened(gate)


async def opened(gate: Path | None) -> None:
    """Stay until the gate is open."""
    while gate is None or not await asyncio.to_thread(gate.exists):
        await asyncio.sleep(0.01)


def place(service: Service, point: str, gate: Path | None) -> None:
    """Have the replica halt at a point."""
    match point:
        case "evaluation":

            async def evaluate(sku: str, **_: bool) -> bool:
                await halt(gate)
                return False

            service.ingestion.evaluate_pending = evaluate  # type: ignore[method-assign]
        case "stop ready" | "stop applied" | "restore ready" | "restore applied":
            call, when = point.split()
            halting = _halt_then if when == "ready" else _then_halt
            for catalogue in service.catalogues.values():
                original, stay = getattr(catalogue, call), _told_of_each(gate)
                setattr(catalogue, call, partial(halting, original, stay))
        case "notice sent":
            transport = service.delivery._carrier._transport  # type: ignore[attr-defined]
            transport.send = partial(_then_halt, transport.send, _told(gate))
        case "narrow hold set":
            reconciliation = service.reconciliation
            advance = reconciliation._advance_scope

            async def halted(tx: Any, case: Any) -> bool:
                if case.narrowing is not None:
                    await halt(gate)
                return await advance(tx, case)

            reconciliation._advance_scope = halted  # type: ignore[method-assign]
        case "command committed":
            _halt_after_commit(service, gate)
        case "clock claimed":
            service.timers._fire = partial(_halt_then, service.timers._fire, _told(gate))  # type: ignore[method-assign]
        case "webhook sent":
            post = service.posting._post
            post.send = partial(_then_halt, post.send, _told(gate))


def _halt_after_commit(service: Service, gate: Path | None) -> None:
    """Halt between the commit of a command and whatever follows from it in memory."""
    commands = service.context.commands
    run, database = commands.run, service.database
    committed = database.run

    async def mark(*arguments: Any, **more: Any) -> Any:
        marked.add(asyncio.current_task())
        return await run(*arguments, **more)

    async def then_halt(*arguments: Any, **more: Any) -> Any:
        answer = await committed(*arguments, **more)
        if asyncio.current_task() in marked:
            await halt(gate)
        return answer

    marked: set[asyncio.Task[Any] | None] = set()
    commands.run = mark  # type: ignore[method-assign]
    database.run = then_halt  # type: ignore[method-assign]


def _told(gate: Path | None) -> Stay:
    """Return what halts a call and says so every time."""

    async def stay(*_: Any) -> None:
        await halt(gate)

    return stay


def _told_of_each(gate: Path | None) -> Stay:
    """Return what halts a call about a SKU and says so once for each.

    A call that halts for longer than its deadline is made again: that is no further SKU.
    """
    told = set[str]()

    async def stay(sku: str, *_: Any) -> None:
        if sku in told:
            await opened(gate)
            return
        told.add(sku)
        await halt(gate)

    return stay


async def _then_halt(
    call: Callable[..., Awaitable[Any]], stay: Stay, *arguments: Any, **more: Any
) -> Any:
    answer = await call(*arguments, **more)
    await stay(*arguments)
    return answer


async def _halt_then(
    call: Callable[..., Awaitable[Any]], stay: Stay, *arguments: Any, **more: Any
) -> Any:
    """Halt, then call for sure: like a command that has left already, no deadline takes it back."""

    async def go_on() -> Any:
        await stay(*arguments)
        return await call(*arguments, **more)

    under_way = asyncio.ensure_future(go_on())
    UNDER_WAY.add(under_way)
    under_way.add_done_callback(UNDER_WAY.discard)
    return await asyncio.shield(under_way)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--at", choices=POINTS, required=True)
    parser.add_argument("--gate", type=Path)
    asked = parser.parse_args()
    configure_logging("json", "info")
    settings = Settings(**json.loads(asked.settings.read_text()))
    async with open_service(settings) as service:
        place(service, asked.at, asked.gate)
        async with service.serving():
            say(json.dumps({"url": service.url}))
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
