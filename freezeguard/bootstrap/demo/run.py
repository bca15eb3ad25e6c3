"""Runs the demonstration: the story once, and then, unless told otherwise, the service for you."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import aiohttp

from freezeguard.bootstrap.demo.findings import Findings
from freezeguard.bootstrap.demo.stage import BrokenPromise, Stage, open_stage
from freezeguard.bootstrap.demo.story import Narrator, play
from freezeguard.bootstrap.running import ended_by_signals
from freezeguard.sampleshop.client import ShopError

Invite = Callable[[Stage, Findings], Awaitable[None]]


async def demonstrate(narrator: Narrator, invite: Invite | None) -> Findings | None:
    """Play the story; with `invite`, keep the service up afterwards until told to stop.

    Returns None where it was stopped before its end.
    """
    findings, begun = Findings(), time.monotonic()
    stop = asyncio.Event()
    await narrator.tell("Putting up a database, a shop, a mail server and the service …")
    with ended_by_signals(stop):
        async with open_stage() as stage:
            findings.overrides, findings.kept = stage.overrides, stage.kept
            try:
                whole = await play(stage, narrator, findings, stop)
            except (BrokenPromise, ShopError, aiohttp.ClientError, TimeoutError) as broken:
                findings.broken, whole = str(broken) or type(broken).__name__, True
            findings.seconds = time.monotonic() - begun
            if whole and findings.broken is None and invite is not None:
                await invite(stage, findings)
                await stop.wait()
    return findings if whole else None
