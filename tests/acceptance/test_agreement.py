"""Live, shadow, preview and backtest are one engine: on random pasts they say the same."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from freezeguard.detection.backtest.items import Item
from freezeguard.detection.backtest.replay import freezes
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.rules import read_rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.rig import Rig, shop_with_service, until

SHADOWS: tuple[dict[str, Any], ...] = (
    {"id": "risen", "family": "likelihood", "bound": 60, "min_customers": 2},
    {"id": "rare", "family": "predictive", "bound": 500, "min_customers": 2},
    {"id": "sure", "family": "posterior", "bound": 1.5, "min_customers": 2},
    {"id": "leak", "family": "cusum", "bound": 2.5, "min_customers": 2},
    {"id": "new", "family": "launch", "bound": 20, "window": "300d", "min_customers": 2},
    {"id": "both", "family": "all_of", "parts": [
        {"family": "cusum", "bound": 1.5, "min_customers": 2},
        {"family": "distinct_customers", "window": "20d", "bound": 3},
        {"family": "rate", "window": "30d", "bound": 0.005, "min_units": 5, "confidence": 0.8},
    ]},
    {"id": "either", "family": "any_of", "parts": [
        {"family": "posterior", "bound": 2, "window": "20d"},
        {"family": "rate", "window": "30d", "bound": 0.1, "min_units": 20},
        {"family": "count", "window": "7d", "bound": 5},
    ]},
    {"id": "calm", "family": "distinct_customers", "window": "20d", "bound": 3, "per_day": 1},
)  # fmt: skip
DAY = timedelta(days=1)


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with a rule of each family in shadow mode, which stops nothing."""
    rules = [{**one, "mode": "shadow"} for one in SHADOWS]
    async with shop_with_service(dsns, tmp_path, rules=rules) as running:
        yield running


def random_past(chance: Random, now: datetime) -> tuple[list[dict[str, Any]], list[int]]:
    """Return complaints in order, some of one customer, and units shipped on each day before."""
    often = chance.choice([30, 60, 120])
    days = [chance.uniform(60, 600) for _ in range(600 // often)]
    days += [chance.uniform(1, 55) for _ in range(chance.randint(2, 9))]
    days += [chance.uniform(1, 6) for _ in range(chance.choice([0, 2, 5]))]
    complaints = [
        {"at": now - day * DAY, "customer": f"c{chance.randint(1, 12)}"}
        for day in sorted(days, reverse=True)
    ]
    shipped = chance.choice([0, 1, 6])
    return complaints, [chance.randint(0, 2 * shipped) for _ in range(620)] if shipped else []


def observed(sku: str, complaints: Sequence[dict[str, Any]]) -> list[Observed]:
    """Return complaints as detection reads them."""
    return [
        Observed(
            Scope(sku), one["at"], "helpdesk", f"{sku}-{n}", n, Kind.COMPLAINT, "defect",
            Severity.MAJOR, customer=one["customer"].encode(),
        )
        for n, one in enumerate(complaints)
    ]  # fmt: skip


async def recorded(rig: Rig, sku: str) -> list[dict[str, Any]]:
    """Return what the rule would have done, as it was recorded, earliest first."""
    assert rig.service is not None
    rows = await rig.service.database.run(lambda tx: tx.detection.crossings(sku))
    return sorted((dict(one) for one in rows), key=lambda one: one["crossed_at"])


def as_sent(rig: Rig, sku: str, complaints: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return complaints as a feed sends them, in order."""
    return [
        rig.complaint(
            sku, one["customer"], id=f"{sku}-{n}", occurred_at=one["at"].isoformat(),
            intent="defect", severity="major",
        )
        for n, one in enumerate(complaints)
    ]  # fmt: skip


def as_it_happens(chance: Random, sent: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the same in the batches of a bad feed: up to seven days late, some of it twice."""
    lateness = [chance.uniform(0, 7) * DAY for _ in sent]
    arrival = sorted(
        range(len(sent)), key=lambda n: datetime.fromisoformat(sent[n]["occurred_at"]) + lateness[n]
    )
    batches: list[list[dict[str, Any]]] = []
    while arrival:
        size = chance.choice([1, 1, 2, 5, 20])
        batches.append([sent[n] for n in arrival[:size]])
        batches[-1] += chance.sample(batches[-1], chance.choice([0, 0, 1]))
        del arrival[:size]
        if chance.random() < 0.2:
            batches.append(chance.choice(batches))
    return batches


@pytest.mark.parametrize("seed", range(3))
async def test_however_it_arrives_it_comes_to_the_same(rig: Rig, seed: int) -> None:
    """Late by up to a week, in any batches, some of it twice: the same complaint crosses first."""
    chance, now = Random(1000 + seed), datetime.now(UTC).replace(microsecond=0)
    found = set[str]()
    for sku in (await rig.shop.sellable())[:6]:
        complaints, units = random_past(chance, now)
        await ship(rig, sku, units, now)
        for batch in as_it_happens(chance, as_sent(rig, sku, complaints)):
            answer = await rig.call("POST", "/v1/signals", "source", json=batch)
            assert answer.status == 202, answer.body
        await until(partial(nothing_pending, rig), "all is evaluated")
        past = Item(sku, observed(sku, complaints), [
            Shipment(Scope(sku), now - day * DAY, number) for day, number in enumerate(units)
        ])  # fmt: skip
        records = await recorded(rig, sku)
        for shadow in SHADOWS:
            first = next(iter(freezes(read_rule(shadow, 1), past)), None)
            live = [one for one in records if one["reason"]["rule_id"] == shadow["id"]]
            if first is None:
                assert live == []
            elif first.crossed_at > now - 58 * DAY:
                found.add(shadow["id"])
                wanted = (first.crossed_by.id, first.reason.observed, first.reason.sentence)
                assert wanted in [of(one["reason"]) for one in live]
                assert live[0]["crossed_at"] == first.crossed_at.isoformat()
    assert len(found) > 2, found


async def nothing_pending(rig: Rig) -> bool:
    """Say whether everything was evaluated that was stored."""
    assert rig.service is not None
    return await rig.service.database.run(lambda tx: tx.signals.count_pending()) == 0


@pytest.mark.parametrize("seed", range(4))
async def test_one_engine_says_one_thing(rig: Rig, seed: int) -> None:
    """The first crossing of the last weeks is the same complaint, for the same figures."""
    chance, now = Random(seed), datetime.now(UTC).replace(microsecond=0)
    found = set[str]()
    for sku in (await rig.shop.sellable())[:6]:
        complaints, units = random_past(chance, now)
        await ship(rig, sku, units, now)
        for sent in as_sent(rig, sku, complaints):
            answer = await rig.call("POST", "/v1/signals", "source", json=sent)
            assert answer.status == 202, answer.body
        since = now - 58 * DAY
        past = Item(sku, observed(sku, complaints), [
            Shipment(Scope(sku), now - day * DAY, number) for day, number in enumerate(units)
        ])  # fmt: skip
        records = await recorded(rig, sku)  # those further back than a window are historical
        assert {one["outcome"] for one in records} <= {"shadow", "historical"}
        for shadow in SHADOWS:
            live = [one for one in records if one["reason"]["rule_id"] == shadow["id"]]
            preview = await previewed(rig, sku, shadow)
            first = next(iter(freezes(read_rule(shadow, 1), past)), None)
            if first is None:
                assert (preview, live) == ([], [])
            elif first.crossed_at > since:
                found.add(shadow["id"])
                wanted = (first.crossed_by.id, first.reason.observed, first.reason.sentence)
                assert wanted == of(live[0]["reason"]) == of(preview[0]["reason"])
    assert len(found) > 2, found


def of(reason: dict[str, Any]) -> tuple[str, float, str]:
    """Return which complaint crossed, and why."""
    return reason["counted"][-1]["id"], reason["observed"], reason["sentence"]


async def ship(rig: Rig, sku: str, units: Sequence[int], now: datetime) -> None:
    """Report units shipped, day by day."""
    sent = [
        {"id": f"{sku}-{day}", "source": "helpdesk", "sku": sku, "units": number,
         "shipped_at": (now - day * DAY).isoformat()}
        for day, number in enumerate(units)
    ]
    if sent:
        answer = await rig.call("POST", "/v1/units", "source", json=sent)
        assert answer.status == 202, answer.body


async def previewed(rig: Rig, sku: str, shadow: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a preview of a rule says of a SKU."""
    rule = {name: value for name, value in shadow.items() if name != "id"}
    body = {"rule": {**rule, "scope": {"sku": sku}}, "days": 58}
    answer = await rig.call("POST", "/v1/rules/preview", "quin", json=body)
    assert answer.status == 200, answer.body
    return list(answer.body["items"])
