"""Puts up the stage: a temporary directory, the embedded database, a shop, mail, the service."""

import asyncio
import json
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.demo import cast
from freezeguard.bootstrap.demo.mailbox import Mailbox, open_mailbox
from freezeguard.bootstrap.logging import configure_logging
from freezeguard.bootstrap.service import Service
from freezeguard.bootstrap.settings import Settings
from freezeguard.bootstrap.surroundings import utc_now
from freezeguard.ports.storage import Transaction
from freezeguard.sampleshop.client import ShopClient, running_shop, sample_configuration
from freezeguard.storage.embedded.home import is_locked

T = TypeVar("T")
PATIENCE = 20.0
LINKS_LAST = timedelta(days=1)
"""Somebody may come back to the terminal after lunch."""
KEEPER_ENDS_WITHIN = 15.0


class BrokenPromise(Exception):
    """The demonstration saw something that freezeguard promises never to happen."""


@dataclass(frozen=True, slots=True)
class Override:
    """One setting that the demonstration does not leave at its default."""

    setting: str
    value: str
    default: str
    why: str


class HermeticSettings(Settings):
    """Settings that listen to nobody: the demonstration must never meet a real catalogue."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given, and nothing from the environment or a file."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


@dataclass
class Stage:
    """Everything that the story talks to.

    `secrets` are tokens of people and keys of machines, `links` addresses that let people in once.
    """

    url: str
    shop: ShopClient
    mailbox: Mailbox
    secrets: dict[str, str]
    links: dict[str, str]
    session: aiohttp.ClientSession
    log_file: Path
    overrides: tuple[Override, ...]
    kept: dict[str, int]

    async def call(
        self, method: str, path: str, who: str, body: Any = None
    ) -> tuple[int, dict[str, Any]]:
        """Send one request in somebody's name."""
        headers = {"Authorization": f"Bearer {self.secrets[who]}"}
        async with self.session.request(
            method, self.url + path, json=body, headers=headers
        ) as answer:
            return answer.status, await answer.json(content_type=None)

    async def must(self, method: str, path: str, who: str, body: Any = None) -> dict[str, Any]:
        """Send one request that has to succeed."""
        status, answer = await self.call(method, path, who, body)
        if status >= 300:
            raise BrokenPromise(
                f"{who} may {method} {path}, and was refused: {status} {json.dumps(answer)}"
            )
        return answer


async def eventually(
    look: Callable[[], Awaitable[T | None]], promise: str, *, seconds: float = PATIENCE
) -> T:
    """Wait for something that is promised; return it. Raises BrokenPromise at the deadline."""
    until = time.monotonic() + seconds
    while (found := await look()) is None:
        if time.monotonic() > until:
            raise BrokenPromise(f"{promise} (not within {seconds:g} s)")
        await asyncio.sleep(0.02)
    return found


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    """Put everything up, and leave nothing behind."""
    async with AsyncExitStack() as stack:
        place = stack.enter_context(_temporary_place())
        log_file = place / "freezeguard.log"
        configure_logging("json", "info", stack.enter_context(log_file.open("w")))
        products = [
            {"sku": sku, "title": title, "price": "39.90"} for sku, title in cast.TITLES.items()
        ]
        shop = await stack.enter_async_context(running_shop(products=products))
        mailbox = await stack.enter_async_context(open_mailbox(utc_now))
        settings = _settings(place, shop, mailbox.port)
        service = await stack.enter_async_context(open_service(settings))
        await stack.enter_async_context(service.serving())
        secrets = await _people_and_keys(service)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        )
        stage = Stage(
            service.url, shop, mailbox, secrets, await _links(service), session, log_file,
            _overrides(settings), _budgets(settings),
        )
        await _master_data(stage, service)
        yield stage


class _temporary_place:  # noqa: N801 - used as a function
    """A directory that goes away, with the server in it."""

    def __enter__(self) -> Path:
        self._path = Path(tempfile.mkdtemp(prefix="freezeguard-demo-"))
        self._path.chmod(0o711)  # the account that runs PostgreSQL for root passes through
        return self._path

    def __exit__(self, *_: object) -> None:
        home = self._path / "data" / "postgres"
        lock = home / "keeper.lock"
        until = time.monotonic() + KEEPER_ENDS_WITHIN
        while lock.exists() and is_locked(lock) and time.monotonic() < until:
            time.sleep(0.02)
        if home.is_symlink():
            shutil.rmtree(home.resolve(), ignore_errors=True)
        shutil.rmtree(self._path, ignore_errors=True)


def _settings(place: Path, shop: ShopClient, mail_port: int) -> Settings:
    port = _free_port()
    return HermeticSettings(
        data_dir=place / "data",
        port=port,
        default_policy=False,
        catalogues={"shop": sample_configuration(shop.url, shop.admin_token)},
        mail={"host": "127.0.0.1", "port": mail_port, "digest_after": 100},
        shop={"name": "Demo Shop", "contact_address": "quality@shop.example"},
        sessions={"proof": timedelta(hours=12)},
        policy={
            "probation_time": timedelta(seconds=4),
            "probation_units": 0,
            "probation_check": timedelta(seconds=1),
        },
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _overrides(settings: Settings) -> tuple[Override, ...]:
    policy, usual = settings.policy, HermeticSettings().policy
    return (
        Override("policy.probation_time", f"{policy.probation_time.total_seconds():g}s",
                 f"{usual.probation_time.days}d", "so that you see a probation end"),
        Override("policy.probation_units", str(policy.probation_units),
                 str(usual.probation_units), "nothing is shipped here"),
        Override("policy.probation_check", f"{policy.probation_check.total_seconds():g}s",
                 f"{usual.probation_check.total_seconds():g}s", "to notice its end at once"),
        Override("data_dir", "a temporary directory", "freezeguard-data", "leaves nothing behind"),
        Override("port", str(settings.port), "8080", "a free one"),
        Override("mail.host", "127.0.0.1", "none", "a mail server of the demonstration"),
        Override("mail.digest_after", str(settings.mail.digest_after),
                 str(HermeticSettings().mail.digest_after), "so that you see each letter"),
        Override("sessions.proof", "12h", "15m", "nobody here has a token to show at hand"),
        Override("shop.name", settings.shop.name, "the shop", "for the letters"),
        Override("catalogues.shop", "the sample shop", "none", "a shop of the demonstration"),
    )


def _budgets(settings: Settings) -> dict[str, int]:
    budgets = settings.budget.model_dump(exclude={"window"})
    return {f"budget.{name}": value for name, value in budgets.items()}


async def _people_and_keys(service: Service) -> dict[str, str]:
    async def work(tx: Transaction) -> dict[str, str]:
        secrets = {}
        for person in cast.PEOPLE:
            await service.access.add_person(tx, person, "demo")
            issued = await service.access.issue_token(tx, person.id, "demo", "demo")
            secrets[person.id] = issued.secret
        for name, (rights, source, budget) in cast.KEYS.items():
            secrets[name] = (
                await service.access.issue_key(tx, name, rights, source, budget, "demo")
            ).secret
        await tx.people.set_default_owner(cast.OWNER)
        return secrets

    secrets = await service.database.run(work)
    await service.access.refresh()
    return secrets


async def _links(service: Service) -> dict[str, str]:
    """Return for each person an address that lets them into the console, once."""

    async def work(tx: Transaction) -> dict[str, str]:
        return {
            one.id: await service.signing_in.issue_link(tx, one.id, "demo", LINKS_LAST)
            for one in cast.PEOPLE
        }

    return {
        person: f"{service.url}/console/enter?link={secret}"
        for person, secret in (await service.database.run(work)).items()
    }


async def _master_data(stage: Stage, service: Service) -> None:
    """Register vendor, SKUs and rules, and wait until the before-images were read ahead."""
    vendor = {"name": "Acme Ltd", "contacts": {"email": [cast.VENDOR_MAIL]}}
    await stage.must("PUT", f"/v1/vendors/{cast.VENDOR}", "root", vendor)
    rows = [
        {"sku": sku, "title": title, "vendor": cast.VENDOR, "category": cast.CATEGORY,
         "owner": cast.OWNER, "price": "39.90"}
        for sku, title in cast.TITLES.items()
    ]
    await stage.must("POST", "/v1/skus", "root", rows)
    for rule in cast.RULES:
        await stage.must("POST", "/v1/rules", "quin", rule)

    async def is_read_ahead() -> bool | None:
        soon: datetime = utc_now() - service.settings.image_max_age
        waiting = await service.database.run(lambda tx: tx.objects.skus_to_read_ahead(soon, 1))
        return None if waiting else True

    await eventually(is_read_ahead, "before-images are read ahead when a SKU is registered")
