"""One shop with one replica for the whole package: everybody there is, and every operation."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.service import Service
from freezeguard.domain.people import Person, Right, Role
from freezeguard.ports.storage import Transaction
from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database
from tests.badinput.operations import Operation, operations
from tests.rig import Rig, register_skus, shop_with_service

SKUS = 80
FURTHER = (
    Person("fina", "Fina Finance", frozenset({Role.FINANCE}), "fina@shop.example"),
    Person("tina", "Tina Tiny", frozenset({Role.VENDOR}), "tina@tiny.example", vendor="tiny"),
    Person("omni", "Omni Staff", frozenset(Role) - {Role.VENDOR}, "omni@shop.example"),
)
GONE = Person("gone", "Gus Gone", frozenset({Role.ADMIN}), "gone@shop.example")
ODD = (
    "KETTLE-18/blue", "a//b///", "two  words", "100%", "%2F%zz", "a+b=c&d?e#f", "☕ émoji 🫖👩‍👩‍👧",
    "..", "{sku}", "quote\"and'back\\slash`", "é" * 100, "null", "日本語/商品 №5",
    "\u202eolleh\u2069",
)


@pytest.fixture(scope="package")
def place() -> Iterator[Path]:
    """A directory for journals and settings."""
    with tempfile.TemporaryDirectory(prefix="fg-b-") as made:
        yield Path(made)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def rig(postgres: EmbeddedServer, place: Path) -> AsyncIterator[Rig]:
    """A shop, a mail server and one replica, with every sort of person and key."""
    async with (
        fresh_database(postgres) as dsns,
        shop_with_service(dsns, place, seed=SKUS, skus=ODD, register=False) as running,
    ):
        await register_skus(running, tuple(await running.shop.sellable()))
        await let_in_further(running)
        yield running


async def let_in_further(rig: Rig) -> None:
    """Add who the usual cast lacks, and credentials that must not work any more."""
    service = rig.service
    assert service is not None
    access, yesterday = service.access, datetime.now(UTC) - timedelta(days=1)

    async def work(tx: Transaction) -> None:
        for person in (*FURTHER, GONE):
            await access.add_person(tx, person, "test")
            issued = await access.issue_token(tx, person.id, "test", "test")
            rig.secrets[person.id] = issued.secret
        await access.add_person(tx, GONE, "test", active=False)
        late = await access.issue_token(tx, "root", "late", "test", expires_at=yesterday)
        rig.secrets["expired token"] = late.secret
        key = await access.issue_key(tx, "old", [Right.SOURCE], "old", 0, "test")
        await access.revoke(tx, key.credential, "test")
        rig.secrets["revoked key"] = key.secret

    await service.database.run(work)
    await access.refresh()


@pytest.fixture(scope="package")
def document(rig: Rig) -> dict[str, Any]:
    """The published OpenAPI document."""
    assert rig.service is not None
    return rig.service.api.documentation.document


@pytest.fixture(scope="package")
def every(document: dict[str, Any]) -> list[Operation]:
    """Every operation of the published document."""
    return list(operations(document))


@pytest.fixture(scope="package")
def numbered() -> Iterator[str]:
    """Numbered SKUs of the shop, each once."""
    return iter([f"SKU-{number:06d}" for number in range(1, SKUS + 1)])


@pytest.fixture
def sku(numbered: Iterator[str]) -> str:
    """A SKU of a test's own."""
    return next(numbered)


@asynccontextmanager
async def further_replica(rig: Rig, **limits: Any) -> AsyncIterator[Service]:
    """Run one more replica in this process, with limits of its own."""
    assert rig.service is not None
    settings = rig.service.settings
    changed = settings.model_copy(update={
        "limits": settings.limits.model_copy(update=limits),
    })
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_service(changed))
        await stack.enter_async_context(service.serving())
        yield service
