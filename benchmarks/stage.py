"""What benchmarks stand on: PostgreSQL with durable commits, a shop, a service in its process."""

import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.service import Service
from freezeguard.bootstrap.settings import Settings
from freezeguard.domain.people import Person, Right, Role
from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import State
from freezeguard.ports.rows import Hold, HoldChange, Sku, Vendor
from freezeguard.ports.storage import Transaction
from freezeguard.sampleshop.client import ShopClient, running_shop, sample_configuration
from freezeguard.storage.embedded import EmbeddedServer, prepare_database
from freezeguard.storage.migrations import migrate

FIVE = {
    "id": "five", "family": "distinct_customers", "window": "30d", "bound": 5, "mode": "armed",
}
PLENTY = {
    "per_source": 10**6, "per_category": 10**6, "per_vendor": 10**6, "shop": 10**6,
}
OF_ONE_VENDOR = 3
"""So many SKUs: all of them may be frozen, and each freeze asks what became of the others."""


@dataclass
class Stage:
    """Everything that a benchmark talks to."""

    owner: str
    runtime: str
    place: Path
    shop: ShopClient
    settings: dict[str, Any]
    secrets: dict[str, str]


async def _populate(service: Service, skus: Sequence[str]) -> dict[str, str]:
    now = datetime.now(UTC)

    async def work(tx: Transaction) -> dict[str, str]:
        person = Person("ann", "Ann", frozenset({Role.ADMIN}), "ann@shop.example")
        await service.access.add_person(tx, person, "bench")
        await tx.people.set_default_owner("ann")
        contact = {"channel": "mail", "address": "quality@acme.example"}
        vendors = [f"acme-{n // OF_ONE_VENDOR}" for n in range(len(skus))]
        for vendor in dict.fromkeys(vendors):
            await tx.master.put_vendor(Vendor(vendor, vendor.title(), (contact,)), now)
        await tx.master.put_skus([
            Sku(sku, f"Item {sku}", vendor, "kitchen")
            for sku, vendor in zip(skus, vendors, strict=True)
        ], now)  # fmt: skip
        await tx.detection.put_rule(FIVE, "bench", now)
        issue = service.access.issue_key
        source = await issue(tx, "source", [Right.SOURCE], "helpdesk", 0, "bench")
        reader = await issue(tx, "reader", [Right.CATALOGUE], None, 0, "bench")
        return {"source": source.secret, "catalogue": reader.secret}

    return await service.database.run(work, deadline=60)


@asynccontextmanager
async def stage(shop_skus: int, registered: int) -> AsyncIterator[Stage]:
    """Set the stage: `registered` of the shop's SKUs are known beforehand (warm)."""
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(
            prefix="fgb-", ignore_cleanup_errors=True,  # PostgreSQL may still be on its way out
        )))
        os.chmod(place, 0o711)  # noqa: PTH101, S103 - the account that runs PostgreSQL passes through
        server = await EmbeddedServer.attach(place / "pg")
        stack.push_async_callback(server.close)
        dsns = await prepare_database(server.endpoint, "bench")
        await migrate(dsns.owner)
        shop = await stack.enter_async_context(running_shop("--seed", str(shop_skus)))
        settings: dict[str, Any] = {
            "database_url": dsns.runtime, "data_dir": str(place / "data"), "port": 0,
            "budget": PLENTY, "log_level": "error", "default_policy": False,
            "catalogues": {"shop": sample_configuration(shop.url, shop.admin_token)},
        }
        skus = (await shop.sellable())[:registered]
        async with open_service(Settings(**settings)) as service:
            secrets = await _populate(service, skus)
            while await service.read_ahead.run_once(500):
                pass
        yield Stage(dsns.owner, dsns.runtime, place, shop, settings, secrets)


@asynccontextmanager
async def process(*command: str, name: str) -> AsyncIterator[str]:
    """Run a server until the block ends; give its address, which it prints as its first line."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert running.stdout is not None
    assert running.stdin is not None
    try:
        async with asyncio.timeout(30):
            line = await running.stdout.readline()
        assert line, f"{name} did not start"
        yield str(json.loads(line)["url"])
    finally:
        running.stdin.close()
        if running.returncode is None:
            running.terminate()
        async with asyncio.timeout(30):
            await running.wait()


@asynccontextmanager
async def service_process(on: Stage) -> AsyncIterator[str]:
    """Run the service in a process of its own."""
    config = on.place / "service.json"
    config.write_text(json.dumps(on.settings))
    command = ("-m", "freezeguard", "serve", "--json", "--settings", str(config))
    async with process(*command, name="freezeguard") as url:
        yield url


@asynccontextmanager
async def floor_process(on: Stage) -> AsyncIterator[str]:
    """Run the floor in a process of its own."""
    command = ("-m", "benchmarks.floor", "--dsn", on.owner, "--shop", on.shop.url,
               "--token", on.shop.admin_token)
    async with process(*command, name="floor") as url:
        yield url


async def open_case(tx: Transaction, sku: str) -> Case:
    """Open a case that has no hold yet."""
    case = Case(
        id=uuid4(), scope=Scope(sku), state=State.FREEZING, lane="quality", opened_by="bench",
        opened_at=datetime.now(UTC), reason={"sentence": "bench"},
        number=(await tx.cases.announce()).number,
    )
    await tx.cases.insert(case)
    return case


async def hold(tx: Transaction, case: Case) -> None:
    """Hold what a case is about, with its line in the ledger."""
    now, revision = datetime.now(UTC), await tx.holds.next_revision()
    made = Hold(
        id=uuid4(), case_id=case.id, scope=case.scope, lane="quality", level="hard", soft=False,
        state="active", reason="bench", since=now, revision=revision,
    )
    await tx.holds.insert(made)
    await tx.holds.log_change(
        HoldChange(revision, now, "hold", made.id, case.scope.sku, made.as_dict()))


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile of some values, the nearest one from above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def spread(values: Sequence[float]) -> str:
    """Return a median with its least and greatest value."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def ratio_line(name: str, ours: Mapping[int, float], floor: Mapping[int, float]) -> str:
    """Return the ratios of interleaved rounds, as a median with its spread."""
    return f"{name}: x{spread([ours[turn] / floor[turn] for turn in ours])}"


async def post(session: aiohttp.ClientSession, url: str, token: str, body: Any) -> None:
    """Send one body and demand 202."""
    headers = {"Authorization": f"Bearer {token}"}
    async with session.post(url, json=body, headers=headers) as answer:
        text = await answer.text()
        assert answer.status == 202, (answer.status, text[:300])
