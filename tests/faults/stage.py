"""A shop, mail and a database on which replicas come and go, each in a process of its own."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.settings import Settings
from freezeguard.ports.rows import Sku, Vendor
from freezeguard.ports.storage import Transaction
from freezeguard.sampleshop.client import running_shop
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.rig import (
    CATEGORY,
    FIVE_CUSTOMERS,
    OWNER,
    VENDOR,
    Mailbox,
    Rig,
    ServiceProcess,
    fast_settings,
    populate,
)

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Stage:
    """What outlives the replicas. `rig.service` only looks into the database: it does not serve."""

    rig: Rig
    settings: dict[str, Any]
    place: Path
    _replicas: list[ServiceProcess] = field(default_factory=list)

    async def replica(self, name: str) -> ServiceProcess:
        """Start a replica and talk to it from now on."""
        return self._talk_to(await ServiceProcess.start(self.settings, self.place, name))

    async def halting(self, name: str, at: str, gate: Path | None = None) -> ServiceProcess:
        """Start a replica that halts at a point, and talk to it from now on."""
        config = self.place / f"{name}.json"
        config.write_text(json.dumps(self.settings, default=str))
        command = [sys.executable, "-m", "tests.faults.halting", "--settings", str(config),
                   "--at", at]
        if gate is not None:
            command += ["--gate", str(gate)]
        with (self.place / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, stderr=log, cwd=ROOT
            )
        replica = ServiceProcess(process, "")
        self._replicas.append(replica)
        said = await said_by(replica, seconds=30)
        assert said, (self.place / f"{name}.log").read_text()[-2000:]
        replica.url = json.loads(said)["url"]
        return self._talk_to(replica)

    def _talk_to(self, replica: ServiceProcess) -> ServiceProcess:
        self.rig.url = replica.url
        if replica not in self._replicas:
            self._replicas.append(replica)
        return replica

    async def register(self, *skus: str) -> None:
        """Register SKUs of the one vendor without waiting for anything."""
        rows = [Sku(sku, f"Item {sku}", VENDOR, CATEGORY, owner=OWNER) for sku in skus]
        assert self.rig.service is not None
        await self.rig.service.database.run(
            lambda tx: tx.master.put_skus(rows, datetime.now(UTC)), deadline=30
        )

    async def sql(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        """Ask the database itself, as the service's own role."""
        assert self.rig.service is not None
        rows = await self.rig.service.database.run(
            lambda tx: tx.connection.fetch(query, *arguments), deadline=30
        )
        return [dict(row) for row in rows]

    async def close(self) -> None:
        """Kill what still runs, a stopped process included."""
        for replica in self._replicas:
            if replica.process.returncode is None:
                replica.process.send_signal(signal.SIGCONT)
            await replica.kill()


async def said_by(replica: ServiceProcess, *, seconds: float = 10.0) -> str:
    """Return the next line that a replica prints; empty where it has ended."""
    assert replica.process.stdout is not None
    async with asyncio.timeout(seconds):
        return (await replica.process.stdout.readline()).decode().strip()


@asynccontextmanager
async def a_stage(
    dsns: OwnerAndRuntimeDsns | None,
    place: Path,
    *,
    skus: tuple[str, ...],
    rules: tuple[dict[str, Any], ...] = (FIVE_CUSTOMERS,),
    shop_arguments: tuple[str, ...] = (),
    **overrides: Any,
) -> AsyncIterator[Stage]:
    """Run a sample shop and a mail server; without `dsns` on the embedded server of `place`."""
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(running_shop(*shop_arguments, skus=skus))
        mailbox = Mailbox()
        port = mailbox.start()
        stack.callback(mailbox.stop)
        settings = fast_settings(dsns or _NOWHERE, place, shop, port, **overrides)
        if dsns is None:
            del settings["database_url"]
        service = await stack.enter_async_context(open_service(Settings(**settings)))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        rig = Rig("", shop, mailbox, await populate(service, rules), session, service, dsns=dsns)
        on_stage = Stage(rig, settings, place)
        await service.database.run(_register_vendor)
        await on_stage.register(*skus)
        stack.push_async_callback(on_stage.close)
        yield on_stage


_NOWHERE = OwnerAndRuntimeDsns("", "")


async def _register_vendor(tx: Transaction) -> None:
    contact = {"channel": "mail", "address": f"quality@{VENDOR}.example"}
    await tx.master.put_vendor(Vendor(VENDOR, VENDOR.title(), (contact,)), datetime.now(UTC))
