"""A simulated quarter: random people, vendors and faults, and a clock that moves when all is done.

The service runs in this process on the virtual clock; its loops that wait for a due time do not
run, the quarter calls what they call. People read what the mail server took for them and act over
HTTP with their own tokens. Everything random comes from one seed.
"""

import asyncio
import heapq
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import asyncpg
from structlog.testing import capture_logs

from freezeguard.bootstrap.administration import Administration
from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.service import Service
from freezeguard.bootstrap.settings import Settings
from freezeguard.domain.people import Role
from freezeguard.ports.storage import Transaction
from freezeguard.sampleshop.client import running_shop
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.conftest import SAFETY
from tests.rig import FIVE_CUSTOMERS, KEYS, Answer, Rig, fast_settings, until
from tests.soak.townsfolk import CATEGORIES, DAY, MANNERS, Folk, the_shop, the_vendors, wishes
from tests.soak.virtual import START, Farm, Letter, PostOffice, VirtualClock, a_farm

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
QUARTER = 91
"""Days."""
AFTERWARDS = 10
"""Days, what escalation needs: nobody acts any more, and every ladder is climbed to its end."""
DRIVEN = frozenset({"timers", "delivery", "webhooks", "dead webhooks"})
"""Loops that the quarter takes the place of."""
NEXT = """
SELECT least(
    (SELECT min(next_at) FROM clocks
      WHERE stopped_at IS NULL AND paused_at IS NULL AND next_at > $1),
    (SELECT min(next_at) FROM notices WHERE state = 'queued' AND next_at > $1),
    (SELECT min(due_at) FROM notice_digests WHERE ended_at IS NULL AND due_at > $1),
    (SELECT min(greatest(one.next_at, known.not_before)) FROM webhook_deliveries AS one
       JOIN webhook_endpoints AS known ON known.id = one.endpoint_id
      WHERE one.state = 'queued' AND known.state <> 'disabled'
        AND greatest(one.next_at, known.not_before) > $1))
"""
WANTED_STOPPED = (
    "SELECT EXISTS (SELECT FROM catalogue_objects WHERE sku = $1 AND wanted <> 'sellable')"
)
OWNED = "SELECT count(*) FROM cases WHERE owner = $1 AND closed_at IS NULL"
UNSETTLED = """
SELECT sku FROM pending_evaluations
UNION SELECT sku FROM catalogue_objects
       WHERE lease_until > clock_timestamp()
          OR status = 'pending' AND NOT (sku = ANY ($1) AND attempts > 0)
UNION SELECT sku FROM cases WHERE state IN ('freezing', 'reinstating') AND NOT EXISTS (
          SELECT FROM catalogue_objects AS one WHERE one.sku = cases.sku
             AND one.status IN ('pending', 'refused', 'unreachable', 'drifted', 'not_listed'))
"""


@dataclass(frozen=True, slots=True)
class Sale:
    """An attempt to buy: when, on both clocks, and whether the shop sold."""

    at: datetime
    at_ns: int
    sku: str
    sold: bool


@dataclass
class Quarter:
    """The world: `diary` is what the people did, `sales` what buyers tried."""

    seed: int
    chance: Random
    clock: VirtualClock
    rig: Rig
    office: PostOffice
    farm: Farm
    service: Service
    tables: "asyncpg.Connection[asyncpg.Record]"
    folk: dict[str, Folk]
    heap: list[tuple[datetime, int, Callable[[], Awaitable[None]]]] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=count)
    read: int = 0
    looking: set[tuple[str, str]] = field(default_factory=set)
    diary: list[tuple[datetime, str, str, str]] = field(default_factory=list)
    refusals: list[tuple[str, str, str]] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    clocks: dict[tuple[str, str, str, str], dict[str, Any]] = field(default_factory=dict)
    troubled: set[str] = field(default_factory=set)
    drifts: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    unruly: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    logged: Sequence[Mapping[str, Any]] = ()
    keys: dict[str, str] = field(default_factory=dict)
    done_until: datetime = START
    over: bool = False

    # ---------------------------------------------------------------------------- the course

    def later(self, at: datetime, act: Callable[[], Awaitable[None]]) -> None:
        """Have something happen at a moment."""
        heapq.heappush(self.heap, (at, next(self.numbers), act))

    async def run(self, end: datetime) -> None:
        """Go from event to event until a moment; everything that is due is done in between."""
        while True:
            await self.quiet()
            following = await self._next()
            if following is None or following > end:
                self.clock.go(end)
                await self.quiet()
                return
            self.clock.go(following)
            while self.heap and self.heap[0][0] <= self.clock.at:
                await heapq.heappop(self.heap)[2]()

    async def _next(self) -> datetime | None:
        due: datetime | None = await self.tables.fetchval(NEXT, self.done_until)
        mine = self.heap[0][0] if self.heap else None
        return min((one for one in (due, mine) if one is not None), default=None)

    async def quiet(self) -> None:
        """Do all that is due now: stops, clocks, mails, webhooks; then people have new mail."""
        while True:
            await self.settled()
            self.done_until = self.clock.at
            did = await self.service.timers.fire_due()
            did += await self.service.delivery.deliver_due()
            did += await self._post()
            for letter in self.office.letters[self.read :]:
                self._arrives(letter)
            self.read = len(self.office.letters)
            if not did:
                return

    async def _post(self) -> int:
        posting, did = self.service.posting, 0
        while (begun := await posting.deliver_due()) or posting._under_way:
            did += begun
            if posting._under_way:
                await asyncio.wait(list(posting._under_way))
        return did

    async def settled(self) -> None:
        """Wait until catalogues obey, but for those that will not, and complaints are judged."""
        waiting: list[str] = []

        async def none() -> bool:
            waiting[:] = [
                one["sku"] for one in await self.tables.fetch(UNSETTLED, list(self.troubled))
            ]
            return not waiting

        if not await none():
            await until(none, f"seed {self.seed}: {waiting} settled", seconds=20)

    # ------------------------------------------------------------------------------- people

    def _arrives(self, letter: Letter) -> None:
        """Somebody has mail: they will look at the case, sooner or later or never."""
        one = next((f for f in self.folk.values() if f.person.email == letter.to), None)
        case = letter.case
        if self.over or one is None or case is None or (one.id, case) in self.looking:
            return
        if self.chance.random() < one.reads:
            self.looks(one, case, HOUR * self.chance.expovariate(1 / one.hours))

    def looks(self, one: Folk, case: str, after: timedelta) -> None:
        """Have a person look at a case when they are at work after a while."""
        self.looking.add((one.id, case))
        self.later(one.at_work(self.clock.at + after), lambda: self._look(one, case))

    async def _look(self, one: Folk, case_id: str) -> None:
        self.looking.discard((one.id, case_id))
        if self.over or not one.is_active(self.clock.at):
            return
        seen = await self.ask(one.id, "GET", f"/v1/cases/{case_id}")
        if seen.status != 200:
            return
        case = seen.body
        wish = self._wish(one, case, await self._beside(one, case))
        if wish is None:
            return
        command, arguments = wish
        body = {"command": command, "version": case["version"], **arguments}
        answer = await self.ask(one.id, "POST", f"/v1/cases/{case_id}/commands", json=body)
        await self._after(one, case_id, command, answer)

    async def _beside(self, one: Folk, case: dict[str, Any]) -> list[dict[str, Any]]:
        """Return older open cases of the same SKU, for an owner who might merge."""
        if case["owner"] != one.id or case["state"] not in {"frozen", "diagnosing"}:
            return []
        asked = {"sku": case["scope"]["sku"], "open": "true"}
        listed = await self.ask(one.id, "GET", "/v1/cases", params=asked)
        return [
            it for it in listed.body["items"]
            if it["number"] < case["number"] and it["lane"] != "authority"
        ]

    def _wish(
        self, one: Folk, case: dict[str, Any], others: list[dict[str, Any]]
    ) -> tuple[str, dict[str, Any]] | None:
        """Choose among what the person wants and may do; now and then they do nothing."""
        offered = {
            it["command"] for it in case["available_commands"]
            if not any("you have agreed" in gap or "another" in gap for gap in it["unmet"])
        }
        near = [
            f.id for f in self.folk.values()
            if f.id != one.id and f.is_active(self.clock.at) and f.person.manages(case["category"])
        ]
        self.chance.shuffle(near)
        wanted = [
            wish for wish in wishes(one, case, self.chance, self.clock.at, near, others)
            if wish[1] in offered
        ]
        idle = (0.7, "", {})
        _, command, arguments = self.chance.choices(
            [*wanted, idle], [wish[0] for wish in wanted] + [idle[0]]
        )[0]
        return (command, arguments) if command else None

    async def _after(self, one: Folk, case_id: str, command: str, answer: Answer) -> None:
        if answer.status != 200:
            self.refusals.append((one.id, command, str(answer.body)))
            return
        self.diary.append((self.clock.at, one.id, command, case_id))
        if command in {"accept_ownership", "accept_hand_off", "acknowledge", "commit_date"}:
            self.looks(one, case_id, DAY * self.chance.uniform(0.5, 6))

    async def ask(self, who: str, method: str, path: str, **request: Any) -> Answer:
        """Send a request; note what it was answered and which clocks it showed."""
        answer = await self.rig.call(method, path, who, **request)
        self.statuses[answer.status] += 1
        if answer.status >= 500:
            self.failures.append(f"{self.clock.at}: {who} {method} {path}: {answer.body}")
        if isinstance(answer.body, dict) and "clocks" in answer.body:
            self.note_clocks(answer.body)
        return answer

    def note_clocks(self, case: dict[str, Any]) -> None:
        """Remember the clocks that an answer shows: they may be started anew later."""
        for one in case["clocks"]:
            key = (case["id"], one["kind"], one["started_at"], one["due_at"])
            self.clocks[key] = one

    async def leave(self, name: str) -> None:
        """Somebody leaves the company."""
        self.folk[name].left = self.clock.at
        office = Administration(
            self.service.database, self.service.access, self.service.signing_in,
            self.service.context.calendars, self.service.context.languages, self.clock, "root",
        )
        await office.deactivate(name)
        await self.service.access.refresh()

        async def none() -> bool:
            return not await self.tables.fetchval(OWNED, name)

        await until(none, f"seed {self.seed}: somebody else owns what {name} owned")

    # ------------------------------------------------------------------------------- the shop

    async def buy(self, sku: str) -> None:
        """Try to buy."""
        at, at_ns = self.clock(), time.time_ns()
        bought = await self.rig.shop.buy(sku)
        self.sales.append(Sale(at, at_ns, sku, bought.ok))

    async def wake(self, sku: str) -> None:
        """Have the service look at a SKU's objects now: virtual hours have gone by."""
        await self.service.database.run(lambda tx: tx.objects.wake("shop", sku))
        self.service.topic_heard("objects")

    async def disobey(self, sku: str, hours: float, **fault: Any) -> None:
        """Have the catalogue refuse what concerns a SKU, or err, for so many hours."""
        self.troubled.add(sku)
        self.unruly.append((sku, self.clock.at, self.clock.at + HOUR * hours + MINUTE))
        await self.rig.shop.faults(skus=[sku], **fault)

        async def mend() -> None:
            await self.rig.shop.no_faults()
            for one in sorted(self.troubled):
                await self.wake(one)
            self.troubled.clear()

        self.later(self.clock.at + HOUR * hours, mend)

    async def drift(self, sku: str) -> None:
        """Somebody in the shop puts an item on sale that freezeguard wants stopped.

        An item of which a person said that it is put right, and it is not, is nobody's to watch.
        """
        begun = self.clock()
        stopped = [one for one in await self.rig.shop.products(sku) if one["sale_stop"]]
        if not stopped or not await self.tables.fetchval(WANTED_STOPPED, sku):
            return
        for product in stopped:
            await self.rig.shop.change(product["id"], {"published": True, "sale_stop": False})
        if sku in self.troubled:
            return
        before = await self._looked_at(sku)
        await self.wake(sku)

        async def looked() -> bool:
            return await self._looked_at(sku) != before

        await until(looked, f"seed {self.seed}: {sku} looked at after a drift")
        await self.settled()
        self.drifts.append((sku, begun, self.clock()))

    async def _looked_at(self, sku: str) -> Any:
        query = "SELECT max(seen_at) FROM catalogue_objects WHERE sku = $1"
        return await self.tables.fetchval(query, sku)

    async def shut_the_post(self, hours: float) -> None:
        """Let the mail server be busy for so many hours."""
        self.office.shut(until=self.clock.at + HOUR * hours)

        async def reopen() -> None:
            self.office.open()

        self.later(self.clock.at + HOUR * hours, reopen)


# ----------------------------------------------------------------------------------- setting up


def _settings(
    dsns: OwnerAndRuntimeDsns, place: Path, rig: Rig, port: int, farm: Farm, policy: dict[str, Any]
) -> Settings:
    """Return settings with the durations of the design, and a quick pace towards the shop."""
    wanted = fast_settings(
        dsns, place, rig.shop, port, image_max_age="3650d",
        webhooks={"allow_private": True, "ports": [farm.receiver.port]},
        pace={"verify_every": 3600.0, "first_retry": 0.02, "longest_retry": 0.1,
              "relist_every": 3600.0},
        workers={"poll": 1.0, "sweep": 0.25, "timers": 3600},
    )
    return Settings(**{**wanted, "policy": {"probation_check": "12h", **policy}})


@asynccontextmanager
async def a_quarter(
    seed: int, skus: int, dsns: OwnerAndRuntimeDsns, place: Path, **policy: Any
) -> AsyncIterator[Quarter]:
    """Set up the world of a seed, with so many SKUs; `policy` is what differs from the design."""
    chance, clock = Random(seed), VirtualClock()
    async with AsyncExitStack() as stack:
        names = [f"Q-{n:04}" for n in range(skus)]
        products = [{"sku": one, "stock": 1_000_000} for one in names]
        shop = await stack.enter_async_context(running_shop(products=products))
        office = PostOffice(clock)
        port = office.start()
        stack.callback(office.stop)
        farm = await stack.enter_async_context(a_farm(clock))
        rig = Rig("", shop, office, {}, await stack.enter_async_context(aiohttp.ClientSession()),
                  dsns=dsns)
        settings = _settings(dsns, place, rig, port, farm, policy)
        service = await stack.enter_async_context(
            open_service(settings, now=clock, moment=lambda: clock.at)
        )
        _without_due_times(service)
        await stack.enter_async_context(service.serving())
        rig.url, rig.service = service.url, service
        tables = await asyncpg.connect(dsns.owner)
        stack.push_async_callback(tables.close)
        people = {one.id: one for one in (*the_shop(chance, START), *the_vendors())}
        quarter = Quarter(seed, chance, clock, rig, office, farm, service, tables, people)
        quarter.logged = stack.enter_context(capture_logs())
        await _populate(quarter)
        await _furnish(quarter, names)
        yield quarter


def _without_due_times(service: Service) -> None:
    """Leave out the loops that wait for due times: the quarter does their work."""
    hire = service.crew.hire_stepping

    def hire_others(name: str, *arguments: Any, **named: Any) -> None:
        if name not in DRIVEN:
            hire(name, *arguments, **named)

    service.crew.hire_stepping = hire_others  # type: ignore[method-assign]


async def _populate(quarter: Quarter) -> None:
    service = quarter.service

    async def work(tx: Transaction) -> None:
        for one in quarter.folk.values():  # a deputy must be known before who names them
            await service.access.add_person(tx, replace(one.person, deputy=None), "test")
        for one in quarter.folk.values():
            await service.access.add_person(tx, one.person, "test")
            issued = await service.access.issue_token(tx, one.id, "test", "test")
            quarter.rig.secrets[one.id] = issued.secret
        for name, (rights, source, budget) in KEYS.items():
            key = await service.access.issue_key(tx, name, rights, source, budget, "test")
            quarter.rig.secrets[name] = key.secret
        await tx.people.set_default_owner("root")
        for rule in (FIVE_CUSTOMERS, SAFETY):
            await tx.detection.put_rule(rule, "test", quarter.clock())

    await service.database.run(work)
    await service.access.refresh()
    await service.rules.refresh()


async def _furnish(quarter: Quarter, skus: list[str]) -> None:
    """Register vendors with their contacts and endpoints, and SKUs with their owners."""
    for number, name in enumerate(MANNERS):
        emails = [f"quality@{name}.example", f"second@{name}.example"]
        person = quarter.folk[f"v-{name}"].person
        body = {
            "name": name.title(), "time_zone": person.time_zone, "calendar": person.calendar,
            "contacts": {
                "email": emails[: 1 + (name != "lone")],
                "superior": [f"boss@{name}.example"] if number % 2 else [],
            },
        }
        answer = await quarter.ask("root", "PUT", f"/v1/vendors/{name}", json=body)
        assert answer.status in {200, 201}, answer.body
        if number % 2 == 0:
            await _endpoint(quarter, f"v-{name}", name)
    await _endpoint(quarter, "root", "warehouse")
    owners = [
        one.id for one in quarter.folk.values()
        if one.person.roles & {Role.MANAGER, Role.ANALYST}
    ]
    rows = []
    for number, sku in enumerate(skus):
        category = CATEGORIES[number % 3]
        mine = [one for one in owners if one.startswith(category)]
        rows.append({
            "sku": sku, "title": f"Item {sku}", "vendor": quarter.chance.choice(MANNERS),
            "category": category, "owner": quarter.chance.choice(mine),
        })
    answer = await quarter.ask("root", "POST", "/v1/skus", json=rows)
    assert answer.status == 202, answer.body


async def _endpoint(quarter: Quarter, who: str, name: str) -> None:
    body = {"url": quarter.farm.url(name)}
    answer = await quarter.ask(who, "POST", "/v1/webhook-endpoints", json=body)
    assert answer.status == 201, answer.body
    quarter.keys[name] = answer.body["public_key"]


# ------------------------------------------------------------------------------------ the plot


class Plot:
    """What happens to the shop in a quarter: how cases begin, and what else goes wrong."""

    def __init__(self, quarter: Quarter, cases: int, days: int, afterwards: int) -> None:
        self.quarter, self.chance, self.cases = quarter, quarter.chance, cases
        self.days, self.afterwards = days, afterwards

    def write(self) -> None:
        """Put everything on the calendar."""
        quarter, chance = self.quarter, self.chance
        for number in range(self.cases):
            at = START + DAY * chance.uniform(0, 0.8 * self.days)
            sku = f"Q-{number:04}"
            quarter.later(at, self._act(self._begin, sku))
            for _ in range(4):
                later = at + DAY * chance.expovariate(1 / 10)
                quarter.later(later, self._act(quarter.buy, sku))
            self._troubles(at, sku)
        for _ in range(2):
            hours = chance.uniform(1, 4)
            quarter.later(self._day(), self._act(quarter.shut_the_post, hours))
        for name in chance.sample([one for one in quarter.folk if "-" in one[1:]], 3):
            if not name.startswith("v-"):
                quarter.later(self._day(), self._act(quarter.leave, name))
        self._post_troubles()
        for day in range(self.days + self.afterwards):
            quarter.later(START + DAY * day, self._each_day)

    def _day(self) -> datetime:
        return START + DAY * self.chance.uniform(0.05, 0.85) * self.days

    def _act(self, work: Callable[..., Awaitable[None]], *arguments: Any) -> Any:
        return lambda: work(*arguments)

    async def _each_day(self) -> None:
        service = self.quarter.service
        await service.posting.look_after()
        await service._partitions()

    def _post_troubles(self) -> None:
        quarter, chance = self.quarter, self.chance

        async def dies(name: str, days: float) -> None:
            quarter.farm.dead.add(name)
            quarter.later(quarter.clock.at + DAY * days, self._act(lives, name))

        async def lives(name: str) -> None:
            quarter.farm.dead.discard(name)

        async def moved(address: str) -> None:
            quarter.office.unknown.add(address)

        for name in chance.sample(sorted(quarter.keys), 2):
            quarter.later(self._day(), self._act(dies, name, chance.choice((0.2, 2, 9))))
        quarter.later(self._day(), self._act(moved, "quality@slow.example"))
        quarter.later(self._day(), self._act(moved, "garden-max@shop.example"))

    def _troubles(self, at: datetime, sku: str) -> None:
        quarter, chance = self.quarter, self.chance
        if chance.random() < 0.12:
            when = at - MINUTE * chance.choice((1, -60))
            fault = chance.choice((
                {"refuse": 422}, {"error": {"status": 500}}, {"lie": True, "operations": ["stop"]},
            ))
            hours = chance.uniform(0.2, 8)
            quarter.later(when, lambda: quarter.disobey(sku, hours, **fault))
        if chance.random() < 0.15:
            when = at + DAY * chance.uniform(0.5, 10)
            quarter.later(when, self._act(quarter.drift, sku))
        if chance.random() < 0.25:
            when = at + DAY * chance.uniform(1, 40)
            quarter.later(when, self._act(self._complain, sku, chance.choice((2, 6, 6))))
        if chance.random() < 0.6:
            for days in range(3, 45, 7):
                quarter.later(at + DAY * days, self._act(self._ship, sku))
        if chance.random() < 0.08:
            when = at + DAY * chance.uniform(1, 20)
            quarter.later(when, self._act(self._order, sku))
        if chance.random() < 0.1:
            when = at + DAY * chance.uniform(0.1, 8)
            quarter.later(when, self._act(self._pull, "cora", sku, {"lot": "L-9"}, "defective"))

    # -------------------------------------------------------------------------- beginnings

    async def _begin(self, sku: str) -> None:
        """A case begins in one of the ways in which cases begin."""
        chance = self.chance
        way = chance.choices(
            ("complaints", "two", "one", "manager", "lot", "injury", "lab", "order"),
            (8, 2, 1, 2, 2, 1, 1, 1),
        )[0]
        match way:
            case "complaints":
                await self._complain(sku, 5)
            case "two":
                await self._pull("alba0", sku)
                await self._pull("alba1", sku)
            case "one":
                await self._pull("alba2", sku)
            case "manager" | "lot":
                scope = {"lot": chance.choice(("L-7", "L-8"))} if way == "lot" else {}
                await self._pull(f"{chance.choice(CATEGORIES)}-mia", sku, scope)
            case "injury":
                await self._pull("alba0", sku, {}, "safety_injury")
            case "lab":
                sent = self._signal(sku) | {"source": "lab", "severity": "safety"}
                await self._send(sent, "safety")
            case _:
                await self._order(sku)

    async def _pull(
        self, who: str, sku: str, scope: dict[str, str] | None = None, reason: str = "defective",
        **more: Any,
    ) -> None:
        one = self.quarter.folk[who]
        if not one.is_active(self.quarter.clock.at):
            return
        body = {"scope": {"sku": sku, **(scope or {})}, "reason_code": reason,
                "comment": "The third caller today.", **more}
        answer = await self.quarter.ask(who, "POST", "/v1/freezes", json=body)
        assert answer.status in {200, 201}, answer.body
        self.quarter.diary.append((self.quarter.clock.at, who, "pull", answer.body["id"]))
        await self.quarter.settled()

    async def _order(self, sku: str) -> None:
        more = {"lane": "authority", "document": "ORDER-1"}
        await self._pull("cora", sku, {}, "authority_order", **more)

    def _signal(self, sku: str) -> dict[str, Any]:
        number = next(self.quarter.numbers)
        return {
            **self.quarter.rig.complaint(sku, f"customer-{number}"),
            "occurred_at": self.quarter.clock().isoformat(),
        }

    async def _complain(self, sku: str, number: int) -> None:
        for _ in range(number):
            await self._send(self._signal(sku), "source")
        await self.quarter.settled()

    async def _send(self, signal: dict[str, Any], key: str) -> None:
        answer = await self.quarter.ask(key, "POST", "/v1/signals", json=signal)
        assert answer.status == 202, answer.body

    async def _ship(self, sku: str) -> None:
        sent = {
            "id": f"u-{next(self.quarter.numbers)}", "source": "helpdesk", "sku": sku,
            "units": 150, "shipped_at": self.quarter.clock().isoformat(),
        }
        answer = await self.quarter.ask("source", "POST", "/v1/units", json=sent)
        assert answer.status == 202, answer.body


async def live(
    quarter: Quarter, cases: int, days: int = QUARTER, afterwards: int = AFTERWARDS
) -> dict[str, Any]:
    """Live through so many days and what comes after them; return the figures."""
    begun = time.monotonic()
    Plot(quarter, cases, days, afterwards).write()
    await quarter.run(START + DAY * days)
    quarter.over = True
    quarter.office.open()
    await quarter.run(START + DAY * (days + afterwards))
    return {
        "virtual days": (quarter.clock.at - START).days, "commands": len(quarter.diary),
        "mails": len(quarter.office.letters), "put off": quarter.office.put_off,
        "webhooks": len(quarter.farm.log), "requests": quarter.statuses.total(),
        "seconds": round(time.monotonic() - begun, 1),
    }
