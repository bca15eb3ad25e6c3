"""A whole shop for tests: PostgreSQL, one or more replicas, a sample shop, people, real mail."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import aiohttp
from aiosmtpd.controller import Controller

from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.service import Service
from freezeguard.bootstrap.settings import Settings
from freezeguard.domain.people import Person, Right, Role
from freezeguard.ports.clock import Moment, no_moment
from freezeguard.ports.storage import Transaction
from freezeguard.sampleshop.client import ShopClient, running_shop, sample_configuration
from freezeguard.storage.embedded import OwnerAndRuntimeDsns

CATEGORY, VENDOR, SOURCE, OWNER = "kitchen", "acme", "helpdesk", "owen"
PEOPLE = {
    "root": Person("root", "Rita Root", frozenset({Role.ADMIN}), "root@shop.example"),
    "owen": Person("owen", "Owen Owner", frozenset({Role.MANAGER}), "owen@shop.example",
                   areas=frozenset({CATEGORY})),
    "mara": Person("mara", "Mara Manager", frozenset({Role.MANAGER}), "mara@shop.example",
                   areas=frozenset({CATEGORY})),
    "miro": Person("miro", "Miro Elsewhere", frozenset({Role.MANAGER}), "miro@shop.example",
                   areas=frozenset({"garden"})),
    "alba": Person("alba", "Alba Associate", frozenset({Role.ASSOCIATE}), "alba@shop.example"),
    "bert": Person("bert", "Bert Associate", frozenset({Role.ASSOCIATE}), "bert@shop.example"),
    "quin": Person("quin", "Quin Analyst", frozenset({Role.ANALYST}), "quin@shop.example"),
    "cora": Person("cora", "Cora Compliance", frozenset({Role.COMPLIANCE}), "cora@shop.example"),
    "audi": Person("audi", "Audi Auditor", frozenset({Role.AUDITOR}), "audi@shop.example"),
    "vera": Person("vera", "Vera Vendor", frozenset({Role.VENDOR}), "vera@acme.example",
                   vendor=VENDOR),
    "vito": Person("vito", "Vito Rival", frozenset({Role.VENDOR}), "vito@rival.example",
                   vendor="rival"),
}
KEYS: Mapping[str, tuple[list[Right], str | None, int]] = {
    "source": ([Right.SOURCE], SOURCE, 0),
    "safety": ([Right.SOURCE, Right.MAY_ASSERT_SAFETY], "lab", 0),
    "catalogue": ([Right.CATALOGUE], None, 0),
    "freezer": ([Right.CATALOGUE, Right.MAY_FREEZE], None, 3),
}
FIVE_CUSTOMERS = {
    "id": "five-customers", "family": "distinct_customers", "window": "30d", "bound": 5,
    "mode": "armed",
}
REMEDY = {
    "cause": {"branch": "material", "description": "Brittle resin in the handle.",
              "proof": "Tear test of 20 handles of lot L-7."},
    "containment": {"own_stock": "40 units quarantined.", "vendor_stock": "Lot L-7 withdrawn.",
                    "in_transit": "Container 9 stopped at the port."},
    "corrective_action": "Resin of another grade since lot L-8.",
    "preventive_action": "Tear test of every incoming batch of resin.",
}
VERIFICATION = {"kind": "inspection", "result": "50 units of lot L-8 inspected, none failed."}


class _AnyPort(Controller):
    """Learns the port that the system chose before it looks whether it answers."""

    def _trigger_server(self) -> None:
        self.port = int(self.server.sockets[0].getsockname()[1])
        super()._trigger_server()


class Mailbox:
    """A real SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._controller = _AnyPort(self, hostname="127.0.0.1", port=0)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Take one message over."""
        self.messages.append(message_from_bytes(envelope.content))
        return "250 kept"

    def start(self) -> int:
        """Listen on a free port; return it."""
        self._controller.start()
        return int(self._controller.port)

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop()

    def to(self, address: str) -> list[Message]:
        """Return the messages to an address, in order of arrival."""
        return [one for one in self.messages if address in str(one["To"])]


async def until(
    condition: Callable[[], Awaitable[Any]], what: str, *, seconds: float = 10.0
) -> Any:
    """Poll until a condition gives something true; return it. Fails by name at the deadline."""
    latest: Any = None
    try:
        async with asyncio.timeout(seconds):
            while not (latest := await condition()):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {what}; last: {latest!r}") from None
    return latest


@dataclass
class Answer:
    """An HTTP answer with its decoded body."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass
class Rig:
    """Everything a test talks to. `secrets` has a token per person and a key per machine.

    `dsns` are the connection strings of the service's database.
    """

    url: str
    shop: ShopClient | None
    mailbox: Mailbox
    secrets: dict[str, str]
    session: aiohttp.ClientSession
    service: Service | None = None
    counter: int = 0
    urls: list[str] = field(default_factory=list)
    dsns: OwnerAndRuntimeDsns | None = None

    async def call(
        self, method: str, path: str, who: str | None = None, *, url: str | None = None,
        **request: Any,
    ) -> Answer:
        """Send one request in somebody's name."""
        headers = dict(request.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.secrets[who]}"
        address = f"{url or self.url}{path}"
        async with self.session.request(method, address, headers=headers, **request) as answer:
            raw = await answer.read()
            is_json = "json" in answer.content_type and raw
            return Answer(answer.status, json.loads(raw) if is_json else raw, answer.headers)

    def complaint(self, sku: str, customer: str, **more: Any) -> dict[str, Any]:
        """Return a complaint with an id of its own."""
        self.counter += 1
        return {
            "id": f"c-{self.counter}", "source": SOURCE, "kind": "complaint", "sku": sku,
            "occurred_at": datetime.now(UTC).isoformat(), "severity": "major",
            "customer": customer, "text": f"The handle broke ({customer}).", **more,
        }

    async def complain(
        self, sku: str, number: int = 5, *, who: str = "source", **more: Any
    ) -> None:
        """Have so many new customers (or one by name) complain about a SKU, one request each."""
        customer = more.pop("customer", None)
        for _ in range(number):
            sent = self.complaint(sku, customer or f"customer-{self.counter}", **more)
            answer = await self.patiently("POST", "/v1/signals", who, json=sent)
            assert answer.status == 202, answer.body

    async def patiently(self, method: str, path: str, who: str, **request: Any) -> Answer:
        """Send what may be sent twice; where the answer is "not now" (503), do as it says.

        Where many tests share two processors, every connection may be busy for a moment.
        """
        for _ in range(5):
            answer = await self.call(method, path, who, **request)
            if answer.status != 503:
                break
            await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
        return answer

    async def read(self, path: str, who: str, **request: Any) -> dict[str, Any]:
        """Read something that must be there."""
        answer = await self.patiently("GET", path, who, **request)
        assert answer.status == 200, answer.body
        return dict(answer.body)

    async def cases(self, sku: str, who: str = "owen") -> list[dict[str, Any]]:
        """Return the cases of a SKU as a person sees them, newest first."""
        answer = await self.read("/v1/cases", who, params={"sku": sku})
        return list(answer["items"])

    async def case(self, case_id: str, who: str = "owen") -> dict[str, Any]:
        """Return one case whole."""
        return await self.read(f"/v1/cases/{case_id}", who)

    async def in_state(self, sku: str, state: str, *, seconds: float = 10.0) -> dict[str, Any]:
        """Wait for the newest case of a SKU to reach a state; return it whole."""

        async def reached() -> dict[str, Any] | None:
            cases = await self.cases(sku)
            if cases and cases[0]["state"] == state:
                return await self.case(cases[0]["id"])
            return None

        return dict(await until(reached, f"{sku} {state}", seconds=seconds))

    async def command(
        self, case: Mapping[str, Any], command: str, who: str, **arguments: Any
    ) -> Answer:
        """Give a command on the version of the case that the caller holds."""
        body = {"command": command, "version": case["version"], **arguments}
        return await self.call("POST", f"/v1/cases/{case['id']}/commands", who, json=body)

    async def done(
        self, case: Mapping[str, Any], command: str, who: str, **arguments: Any
    ) -> dict[str, Any]:
        """Give a command that must succeed; return the case afterwards."""
        answer = await self.command(case, command, who, **arguments)
        assert answer.status == 200, answer.body
        return dict(answer.body)

    async def status(self, sku: str) -> str:
        """Ask, as a catalogue, whether a SKU may be sold."""
        answer = await self.call("GET", "/v1/sale-status", "catalogue", params={"sku": sku})
        return str(answer.body["status"])

    async def to_awaiting_approval(self, sku: str) -> dict[str, Any]:
        """Take a SKU from five complaints to a request for approval by its owner."""
        await self.complain(sku)
        case = await self.in_state(sku, "frozen")
        case = await self.done(case, "accept_ownership", "owen")
        case = await self.done(case, "propose_remedy", "vera", remedy=REMEDY)
        return await self.done(case, "request_approval", "owen", verification=VERIFICATION)


def fast_settings(
    dsns: OwnerAndRuntimeDsns, place: Path, shop: ShopClient, mail_port: int,
    sells: Mapping[str, str] | None = None, **overrides: Any,
) -> dict[str, Any]:
    """Return settings under which nothing waits long; `sells` is the scope of the catalogue."""
    table = {**sample_configuration(shop.url, shop.admin_token), "scope": sells or {}}
    return hasty_settings(dsns, place, {"shop": table}, mail_port, **overrides)


def hasty_settings(
    dsns: OwnerAndRuntimeDsns, place: Path, tables: Mapping[str, Any], mail_port: int,
    **overrides: Any,
) -> dict[str, Any]:
    """Return the same for any catalogues."""
    settings: dict[str, Any] = {
        "database_url": dsns.runtime,
        "data_dir": place,
        "port": 0,
        "catalogues": tables,
        "mail": {"host": "127.0.0.1", "port": mail_port, "digest_after": 1000},
        "workers": {"poll": 0.2, "sweep": 0.2, "timers": 0.1},
        "pace": {"first_retry": 0.05, "longest_retry": 0.5, "verify_every": 0.3,
                 "relist_every": 0.5},
        "budget": {"per_source": 1000, "per_category": 1000, "per_vendor": 1000, "shop": 1000,
                   "vendor_skus": 0},
        "policy": {"probation_time": "1s", "probation_units": 0, "probation_check": "1s",
                   "trust_limit": 0, "sibling_days": 0},
        "limits": {"drain_seconds": 2.0},
        "default_policy": False,
        "detection": {"learn_priors": False},
    }
    for name, value in overrides.items():
        both = isinstance(value, dict) and isinstance(settings.get(name), dict)
        settings[name] = {**settings[name], **value} if both else value
    return settings


async def populate(service: Service, rules: tuple[dict[str, Any], ...]) -> dict[str, str]:
    """Register people, keys, vendors and rules; return the secrets by name."""

    async def work(tx: Transaction) -> dict[str, str]:
        secrets = {}
        for name, person in PEOPLE.items():
            await service.access.add_person(tx, person, "test")
            secrets[name] = (await service.access.issue_token(tx, name, "test", "test")).secret
        for name, (rights, source, budget) in KEYS.items():
            issued = await service.access.issue_key(tx, name, rights, source, budget, "test")
            secrets[name] = issued.secret
        await tx.people.set_default_owner("owen")
        return secrets

    secrets = await service.database.run(work)
    await service.access.refresh()
    for rule in rules:
        now = datetime.now(UTC)
        await service.database.run(
            lambda tx, rule=rule, now=now: tx.detection.put_rule(rule, "test", now)
        )
    await service.rules.refresh()
    return secrets


@asynccontextmanager
async def shop_with_service(
    dsns: OwnerAndRuntimeDsns,
    place: Path,
    *,
    skus: tuple[str, ...] = (),
    rules: tuple[dict[str, Any], ...] = (FIVE_CUSTOMERS,),
    register: bool = True,
    seed: int = 20,
    moment: Moment = no_moment,
    **overrides: Any,
) -> AsyncIterator[Rig]:
    """Run a sample shop of `seed` numbered SKUs, a mail server and one replica in this process."""
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(running_shop(seed=seed, skus=skus))
        mailbox = Mailbox()
        port = mailbox.start()
        stack.callback(mailbox.stop)
        settings = Settings(**fast_settings(dsns, place, shop, port, **overrides))
        service = await stack.enter_async_context(open_service(settings, moment=moment))
        await stack.enter_async_context(service.serving())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        rig = Rig(
            service.url, shop, mailbox, {}, session, service, urls=[service.url], dsns=dsns
        )
        rig.secrets = await populate(service, rules)
        await _furnish(rig, skus, register=register)
        yield rig


@asynccontextmanager
async def service_for(
    dsns: OwnerAndRuntimeDsns,
    place: Path,
    catalogues: Mapping[str, Any],
    *,
    rules: tuple[dict[str, Any], ...] = (FIVE_CUSTOMERS,),
    **overrides: Any,
) -> AsyncIterator[Rig]:
    """Run a mail server and one replica in front of catalogues that run already.

    The rig has no sample shop; vendors are registered, SKUs are not.
    """
    async with AsyncExitStack() as stack:
        mailbox = Mailbox()
        port = mailbox.start()
        stack.callback(mailbox.stop)
        settings = Settings(**hasty_settings(dsns, place, catalogues, port, **overrides))
        service = await stack.enter_async_context(open_service(settings))
        await stack.enter_async_context(service.serving())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        rig = Rig(service.url, None, mailbox, {}, session, service, urls=[service.url], dsns=dsns)
        rig.secrets = await populate(service, rules)
        await _furnish(rig, (), register=False)
        yield rig


@asynccontextmanager
async def shop_with_replicas(
    dsns: OwnerAndRuntimeDsns,
    place: Path,
    *,
    replicas: int = 2,
    skus: tuple[str, ...] = (),
    rules: tuple[dict[str, Any], ...] = (FIVE_CUSTOMERS,),
    register: bool = True,
    seed: int = 20,
    **overrides: Any,
) -> AsyncIterator[Rig]:
    """Run a sample shop, a mail server and some replicas, each in a process of its own.

    The rig's `service` is one more that does not serve: it looks into the database.
    """
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(running_shop(seed=seed, skus=skus))
        mailbox = Mailbox()
        port = mailbox.start()
        stack.callback(mailbox.stop)
        settings = fast_settings(dsns, place, shop, port, **overrides)
        service = await stack.enter_async_context(open_service(Settings(**settings)))
        secrets = await populate(service, rules)
        processes = [
            await ServiceProcess.start(
                {**settings, "data_dir": place / f"replica-{n}"}, place, f"replica-{n}"
            )
            for n in range(replicas)
        ]
        for one in processes:
            stack.push_async_callback(one.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        urls = [one.url for one in processes]
        rig = Rig(urls[0], shop, mailbox, secrets, session, service, urls=urls, dsns=dsns)
        await _furnish(rig, skus, register=register)
        yield rig


async def _furnish(rig: Rig, skus: tuple[str, ...], *, register: bool) -> None:
    """Register vendors and, where wanted, the SKUs that the shop sells."""
    for vendor in (VENDOR, "rival"):
        contact = {"name": vendor.title(), "contacts": {"email": [f"quality@{vendor}.example"]}}
        await rig.call("PUT", f"/v1/vendors/{vendor}", "root", json=contact)
    if register:
        await register_skus(rig, skus or tuple(await rig.shop.sellable()))


async def register_skus(rig: Rig, skus: tuple[str, ...]) -> None:
    """Register SKUs and wait until their before-images were read ahead."""
    rows = [
        {"sku": sku, "title": f"Item {sku}", "vendor": VENDOR, "category": CATEGORY,
         "owner": OWNER}
        for sku in skus
    ]
    for start in range(0, len(rows), 1000):
        answer = await rig.call("POST", "/v1/skus", "root", json=rows[start : start + 1000])
        assert answer.status == 202, answer.body
    service = rig.service
    if service is not None:

        async def read() -> bool:
            soon = datetime.now(UTC) - service.settings.image_max_age
            waiting = await service.database.run(
                lambda tx: tx.objects.skus_to_read_ahead(soon, 1)
            )
            return not waiting

        await until(read, "before-images read ahead", seconds=30)


@dataclass
class ServiceProcess:
    """One replica in a process of its own, for tests that kill it."""

    process: asyncio.subprocess.Process
    url: str

    @classmethod
    async def start(
        cls, settings: Mapping[str, Any], place: Path, name: str, **variables: str
    ) -> "ServiceProcess":
        """Write a configuration, start `freezeguard serve` and wait for its address."""
        config = place / f"{name}.json"
        config.write_text(json.dumps(settings, default=str))
        environment = {**os.environ, "FREEZEGUARD_CONFIG": os.devnull, **variables}
        log = (place / f"{name}.log").open("ab")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "freezeguard", "serve", "--json", "--settings", str(config),
            stdout=asyncio.subprocess.PIPE, stderr=log, env=environment,
        )
        log.close()
        assert process.stdout is not None
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
        assert line, f"{name} ended at once: {(place / f'{name}.log').read_text()[-2000:]}"
        return cls(process, json.loads(line)["url"])

    async def kill(self) -> None:
        """End it without any notice."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop; return its exit status."""
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(30):
            return await self.process.wait()
