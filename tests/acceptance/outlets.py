"""A shop of two channels, each a catalogue of its own; a crowd that buys and asks all the time."""

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freezeguard.sampleshop.client import ShopClient, running_shop, sample_configuration
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.steps import pull, reaches, sql, timeline
from tests.rig import Rig, register_skus, shop_with_service, until

Case = Mapping[str, Any]

WEB, MARKET = "web", "market"
AT_ONCE = 5.0
"""Seconds within which a stop must be in force."""
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Seen:
    """One attempt to buy in a channel, or one question whether it may be sold there."""

    channel: str
    began: float
    ended: float
    sold: bool


@dataclass
class Crowd:
    """People who try to buy a SKU in both channels all the time, and catalogues that ask."""

    both: "Both"
    sku: str
    pause: float = 0.004
    bought: list[Seen] = field(default_factory=list)
    read: list[Seen] = field(default_factory=list)
    streamed: list[dict[str, Any]] = field(default_factory=list)

    async def buy(self, channel: str) -> None:
        """Buy one after the other."""
        shop, now = self.both.shops[channel], asyncio.get_running_loop().time
        while True:
            began = now()
            bought = await shop.buy(self.sku)
            self.bought.append(Seen(channel, began, now(), bought.ok))
            await asyncio.sleep(self.pause)

    async def ask(self, channel: str) -> None:
        """Ask one after the other, as a catalogue does that serves one channel."""
        now = asyncio.get_running_loop().time
        while True:
            began = now()
            says = await self.both.says(self.sku, channel)
            self.read.append(Seen(channel, began, now(), says == "sellable"))
            await asyncio.sleep(2 * self.pause)

    async def follow(self) -> None:
        """Follow the stream of the held set."""
        rig = self.both.rig
        headers = {"Authorization": f"Bearer {rig.secrets['catalogue']}"}
        async with rig.session.get(f"{rig.url}/v1/holds/stream", headers=headers) as answer:
            name = ""
            async for raw in answer.content:
                line = raw.decode().strip()
                if line.startswith("event:"):
                    name = line.removeprefix("event:").strip()
                elif line.startswith("data:"):
                    body = json.loads(line.removeprefix("data:"))
                    if body.get("scope", {}).get("sku") == self.sku:
                        self.streamed.append({"event": name, **body})

    async def goes_on(self, times: int = 10) -> None:
        """Wait until everybody has tried and asked so many times more."""
        before = [_by_channel(self.bought), _by_channel(self.read)]

        async def more() -> bool:
            present = [_by_channel(self.bought), _by_channel(self.read)]
            return all(
                one[channel] >= earlier.get(channel, 0) + times
                for one, earlier in zip(present, before, strict=True)
                for channel in self.both.shops
            )

        await until(more, "people go on trying")

    def never_sold(self, *channels: str, since: float, until_: float | None = None) -> None:
        """See that in a period nobody bought anything in some channels, or was told they could."""
        for channel in channels:
            assert 0 == self.successes(channel, since, until_)
            assert 0 == self.told_sellable(channel, since, until_)

    def successes(self, channel: str, since: float, until_: float | None = None) -> int:
        """Return how many purchases in a channel began in a period; some were tried for sure."""
        tried = _within(self.bought, channel, since, until_)
        assert tried, f"nobody tried to buy {self.sku} in {channel}"
        return sum(one.sold for one in tried)

    def told_sellable(self, channel: str, since: float, until_: float | None = None) -> int:
        """Return how many readers were told "sellable" of a channel, of some who asked for sure."""
        asked = _within(self.read, channel, since, until_)
        assert asked, f"nobody asked for {self.sku} in {channel}"
        return sum(one.sold for one in asked)


def _by_channel(seen: list[Seen]) -> Counter[str]:
    return Counter(one.channel for one in seen)


def _within(seen: list[Seen], channel: str, since: float, until_: float | None) -> list[Seen]:
    return [
        one for one in seen
        if one.channel == channel and one.began >= since and (until_ is None or one.ended <= until_)
    ]


@dataclass
class Both:
    """One service, two shops: the catalogue `shop` sells in `web`, `market` in `market`."""

    rig: Rig
    shops: Mapping[str, ShopClient]

    async def sku(self) -> str:
        """Return a SKU of one's own that both shops sell, whose images were read ahead."""
        sku = f"PART-{next(_numbers)}"
        for shop in self.shops.values():
            await shop.seed([{"sku": sku, "stock": 1_000_000, "title": f"Kettle {sku}"}])
        await register_skus(self.rig, (sku,))
        return sku

    async def says(self, sku: str, channel: str) -> str:
        """Return what readers are told of a SKU in one channel."""
        asked = {"sku": sku, "channel": channel}
        answer = await self.rig.call("GET", "/v1/sale-status", "catalogue", params=asked)
        return str(answer.body["status"])

    async def product(self, channel: str, sku: str) -> dict[str, Any]:
        """Return the fields of the product as its admin sees them; people buy all the time."""
        shown = await self.shops[channel].product(sku)
        return {key: value for key, value in shown.items() if key != "stock"}

    @asynccontextmanager
    async def crowd(self, sku: str, pause: float = 0.004) -> AsyncIterator[Crowd]:
        """Let people buy and ask all the time; afterwards all of them must still be at it."""
        crowd = Crowd(self, sku, pause)
        work = [crowd.buy(one) for one in self.shops] + [crowd.ask(one) for one in self.shops]
        tasks = [asyncio.create_task(one) for one in (*work, crowd.follow())]
        try:
            yield crowd
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def frozen(self, sku: str, who: str = "quin", **scope: str) -> dict[str, Any]:
        """Stop a part of the sale, or all of it; return the case once that is read back."""
        return await reaches(self.rig, await pull(self.rig, who, sku, scope=scope), "frozen")

    async def tells(self, case: Case, *sorts: str) -> dict[str, Any]:
        """Wait until the history of a case has commands; return the case."""

        async def told() -> bool:
            known = {one["command"] for one in await timeline(self.rig, case)}
            return set(sorts) <= known

        await until(told, f"{sorts} in the history of case {case['number']}")
        return await self.rig.case(case["id"])

    async def holds(self, case: Case) -> list[dict[str, Any]]:
        """Return every hold that a case ever had, oldest first."""
        return await sql(
            self.rig,
            "SELECT id, channel, country, lot, state, lane FROM holds WHERE case_id = $1"
            " ORDER BY since, id",
            case["id"],
        )

    async def hold_states(self, case: Case) -> set[tuple[str, str]]:
        """Return the channel (or lot) and the state of each hold of a case."""
        return {
            (one["channel"] or one["lot"] or "all", one["state"]) for one in await self.holds(case)
        }

    async def comes_to(self, case: Case, *states: tuple[str, str]) -> None:
        """Wait until the holds of a case are exactly these."""

        async def there() -> Any:
            now = await self.hold_states(case)
            return now == set(states) or None

        await until(there, f"holds of case {case['number']}: {states}")

    async def held_at(self, sku: str, moment: datetime) -> set[str]:
        """Return the channels (or `all`) that were held at a moment, by `?at=`."""
        answer = await self.rig.call(
            "GET", "/v1/holds", "catalogue", params={"at": moment.isoformat()}
        )
        mine = [one["scope"] for one in answer.body["items"] if one["scope"]["sku"] == sku]
        return {one.get("channel", "all") for one in mine}

    async def wrote(self, channel: str, sku: str, operation: str) -> list[datetime]:
        """Return when a shop was truly told to stop or to restore a SKU."""
        return [
            datetime.fromtimestamp(one["received_ns"] / 1e9, UTC)
            for one in await self.shops[channel].log(sku)
            if one["kind"] == "admin" and one["operation"] == operation
        ]

    async def when(self, case: Case, command: str) -> datetime:
        """Return when a command was given to a case, for the first time."""
        events = await timeline(self.rig, case)
        return next(
            datetime.fromisoformat(one["at"]) for one in events if one["command"] == command
        )

    async def blind(self, channel: str, sku: str) -> None:
        """Let nobody look any more whether a SKU is sold in a channel; people may still buy."""
        await self.shops[channel].faults(
            skus=[sku], error={"status": 422}, operations=["read_back"]
        )

    async def keeps_stopped(self, channel: str, sku: str) -> None:
        """Let a shop refuse to put a SKU back on sale."""
        await self.shops[channel].faults(skus=[sku], refuse=422, operations=["restore"])

    async def tidy(self) -> None:
        """End every fault of both shops."""
        for shop in self.shops.values():
            await shop.no_faults()


def now() -> float:
    """Return the moment on the clock by which the crowd counts."""
    return asyncio.get_running_loop().time()


def moment() -> datetime:
    """Return the moment on the clock of this machine."""
    return datetime.now(UTC)


@asynccontextmanager
async def two_channels(
    dsns: OwnerAndRuntimeDsns, place: Path, **options: Any
) -> AsyncIterator[Both]:
    """Run a service over two shops that sell the same SKUs, each in a channel of its own."""
    async with running_shop() as market:
        second = {
            **sample_configuration(market.url, market.admin_token), "scope": {"channel": MARKET},
        }
        async with shop_with_service(
            dsns, place, seed=0, register=False, sells={"channel": WEB},
            catalogues={"market": second}, **options,
        ) as rig:
            yield Both(rig, {WEB: rig.shop, MARKET: market})


# ------------------------------------------------------------------------------------ steps


async def narrow(both: Both, case: Case, *people: str, **to: Any) -> dict[str, Any]:
    """Have people agree to stop only the web; return the case afterwards."""
    now_ = await both.rig.case(case["id"])
    asked = {"scope": {"channel": WEB}, "reason": "only what is sold there is faulty", **to}
    for who in people or ("mara",):
        now_ = await both.rig.done(
            now_, "narrow", who, evidence_revision=now_["evidence_revision"], **asked)
    return now_


async def not_bought(both: Both, sku: str, channel: str) -> None:
    """Wait until a channel refuses a purchase; no longer than a stop may take."""

    async def refused() -> bool:
        return not (await both.shops[channel].buy(sku)).ok

    await until(refused, f"{sku} not buyable in {channel}", seconds=AT_ONCE)


async def sold(both: Both, sku: str, channel: str) -> None:
    """Wait until a channel sells again, to readers and to buyers."""

    async def again() -> bool:
        return await both.says(sku, channel) == "sellable"

    await until(again, f"{sku} sellable in {channel}")
    assert (await both.shops[channel].buy(sku)).ok
