"""A backtest over what a service has stored says what the service said when it happened."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from freezeguard.detection.daybook import Prior
from freezeguard.ports.learning import LearnedPrior
from freezeguard.services.detecting import past as pages
from freezeguard.services.detecting.past import read_items
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.steps import reaches
from tests.cli.shell import Shell, bare_environment
from tests.rig import CATEGORY, FIVE_CUSTOMERS, VENDOR, Rig, shop_with_service

RISEN = {"id": "risen", "family": "likelihood", "bound": 60, "mode": "shadow", "min_customers": 2}
DAY = timedelta(days=1)


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with an armed rule, and one that learns in shadow."""
    async with shop_with_service(dsns, tmp_path, rules=(FIVE_CUSTOMERS, RISEN)) as running:
        yield running


@pytest.fixture
def shell(rig: Rig, tmp_path: Path) -> Shell:
    """Return a shell whose commands reach the database of that shop."""
    assert rig.dsns is not None
    environment = bare_environment(tmp_path, FREEZEGUARD_DATABASE_URL=rig.dsns.runtime)
    return Shell(tmp_path, environment)


async def backtest(shell: Shell, *more: str) -> dict[str, Any]:
    """Replay over what is stored; return the results by rule."""
    ran = await shell.run("backtest", "--stored", "--json", *more)
    assert 0 == ran.code, ran.err
    return {one["rule"]: one for one in ran.document["rules"]} | {"whole": ran.document}


async def live(rig: Rig, sku: str, rule: str) -> list[tuple[str, str]]:
    """Return when a rule crossed for a SKU, and why, as the service recorded it."""
    assert rig.service is not None
    rows = await rig.service.database.run(lambda tx: tx.detection.crossings(sku))
    return sorted(
        (datetime.fromisoformat(one["crossed_at"]).isoformat(), one["reason"]["sentence"])
        for one in rows if one["rule_id"] == rule and one["outcome"] in {"freeze", "shadow"}
    )  # fmt: skip


def of(result: dict[str, Any], sku: str) -> list[tuple[str, str]]:
    """Return the same of a backtest."""
    return [(one["at"], one["reason"]) for one in result["freezes"] if one["sku"] == sku]


async def complain_on(rig: Rig, sku: str, days_ago: Sequence[float]) -> None:
    """Have a customer of its own complain on each of these days."""
    now = datetime.now(UTC).replace(microsecond=0)
    for days in days_ago:
        await rig.complain(sku, 1, occurred_at=(now - days * DAY).isoformat(), intent="defect")


async def test_what_was_recorded_is_what_is_replayed(rig: Rig, shell: Shell) -> None:
    """The service's rules, over its signals and units: the same complaint, the same sentence."""
    sku, other = (await rig.shop.sellable())[:2]
    now = datetime.now(UTC).replace(microsecond=0)
    units = [
        {"id": f"u{n}", "source": "helpdesk", "sku": sku, "units": 20,
         "shipped_at": (now - n * DAY).isoformat()} for n in range(1, 300)
    ]  # fmt: skip
    assert 202 == (await rig.call("POST", "/v1/units", "source", json=units)).status
    await complain_on(rig, sku, [250, 120, 9, 8, 7, 6.5])
    await complain_on(rig, other, [40, 3, 2])
    found = await backtest(shell)

    recorded = await live(rig, sku, "risen")
    assert recorded[:1] == of(found["risen"], sku)
    assert [] == of(found["five-customers"], sku) == of(found["five-customers"], other)
    assert {"five-customers", "risen", "whole"} == set(found)
    assert (9, 2) == (found["whole"]["signals"], found["whole"]["skus"])
    assert (299, 1) == (found["whole"]["units"], found["whole"]["skus_without_units"])


async def test_what_the_service_has_learned_is_usual_here_too(rig: Rig, shell: Shell) -> None:
    """Where eighty complaints a year are usual, five in a week say nothing."""
    sku = (await rig.shop.sellable())[0]
    await complain_on(rig, sku, [9, 8, 7, 6.5, 3])
    before = await backtest(shell)
    assert rig.service is not None
    often = LearnedPrior((None, "days"), Prior(40, 180), 500)
    now = datetime.now(UTC)
    await rig.service.database.run(lambda tx: tx.learning.put_priors([often], now))

    after = await backtest(shell)

    assert [sku] == [one["sku"] for one in before["risen"]["freezes"]]
    assert [] == after["risen"]["freezes"]


async def test_judged_complaints_count_until_they_were_judged(rig: Rig, shell: Shell) -> None:
    """A false alarm is a freeze of the past; what it judged joins with nothing that came later."""
    sku = (await rig.shop.sellable())[0]
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    case = await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item")
    await reaches(rig, case, "closed_false_alarm")
    await rig.complain(sku, 4)
    (shell.place / "rules.toml").write_text(
        "".join(f'[[rules]]\nid = "c{n}"\nfamily = "distinct_customers"\nwindow = "30d"\n'
                f"bound = {n}\n" for n in (4, 5, 6))
    )  # fmt: skip
    found = await backtest(shell, "--rule", str(shell.place / "rules.toml"), "--stopped", "1")

    assert [1, 1, 0] == [len(found[f"c{n}"]["freezes"]) for n in (4, 5, 6)]
    assert of(found["c5"], sku) == await live(rig, sku, "five-customers")
    assert 1 == len(await rig.cases(sku))


async def test_usual_complaints_teach_as_live(rig: Rig, shell: Shell) -> None:
    """What was the rule's own error is handed to the replay with its moment and its lesson."""
    assert rig.service is not None
    sku = (await rig.shop.sellable())[0]
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")
    await rig.complain(sku, 2)
    [item] = await read_items(rig.service.database)

    [judgement] = item.judgements
    assert (7, 5, True) == (len(item.signals), len(judgement.signals), judgement.usual)
    assert max(one.occurred_at for one in judgement.signals) < judgement.at
    assert (VENDOR, CATEGORY) == (item.vendor, item.category)
    assert (await backtest(shell))["five-customers"]["freezes"]


async def test_own_cases_are_the_truth(rig: Rig, shell: Shell) -> None:
    """A case that ended with a remedy is a known defect: its freeze was right, and in time."""
    defect, alarm = (await rig.shop.sellable())[:2]
    case = await rig.to_awaiting_approval(defect)
    await rig.done(case, "approve", "mara", evidence_revision=case["evidence_revision"])
    await rig.in_state(defect, "closed_reinstated", seconds=20)
    await rig.complain(alarm)
    await rig.in_state(alarm, "frozen")
    found = await backtest(shell, "--cases-as-truth")
    plain = await backtest(shell)

    rule = found["five-customers"]
    judged = {(one["sku"], one["wrong"]) for one in rule["freezes"]}
    assert {(defect, False), (alarm, True)} == judged
    assert (1, 1) == (rule["alerts"], rule["alerts_before"])
    assert [defect] == list(rule["lead_days"])
    assert 2 == plain["five-customers"]["wrong"]


async def test_pages_make_one_past(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the pages, each signal and shipment comes once, in the order of its moment."""
    assert rig.service is not None
    skus = (await rig.shop.sellable())[:3]
    at = datetime.now(UTC).replace(microsecond=0) - 40 * DAY
    for sku in skus:
        for n in range(5):  # at one moment: source and id tell them apart
            await rig.complain(sku, 1, occurred_at=(at + (n // 3) * DAY).isoformat())
    sent = [
        {"id": f"{sku}-{n}", "source": "helpdesk", "sku": sku, "units": n + 1,
         "shipped_at": at.isoformat()} for sku in skus for n in range(4)
    ]  # fmt: skip
    assert 202 == (await rig.call("POST", "/v1/units", "source", json=sent)).status
    whole = await read_items(rig.service.database)
    monkeypatch.setattr(pages, "PAGE", 2)
    monkeypatch.setattr(pages, "SKUS", 2)
    told: list[int] = []
    by_pages = await read_items(rig.service.database, told.append)

    assert whole == by_pages
    assert [5, 5, 5] == [len({one.id for one in item.signals}) for item in whole]
    assert [10, 10, 10] == [sum(one.units for one in item.shipments) for item in whole]
    assert (27, sorted(told)) == (told[-1], told)


async def test_tuning_by_what_is_stored(rig: Rig, shell: Shell) -> None:
    """The rule named, the service's own past; too little of it is said."""
    for sku in (await rig.shop.sellable())[:3]:
        await complain_on(rig, sku, [700, 30, 29])
    (shell.place / "rule.toml").write_text('family = "count"\nwindow = "30d"\nbound = 5\n')
    asked = ("rules", "tune", "--stored", "--rule", str(shell.place / "rule.toml"))
    found = await shell.run(*asked, "--budget", "500", "--json")
    little = await shell.run(*asked, "--budget", "1")
    several = await shell.run("rules", "tune", "--stored", "--budget", "500")

    assert 0 == found.code, found.err
    assert (3, True) == (found.document["bound"], found.document["keeps_budget"])
    assert (1, True) == (little.code, "too few for a budget" in little.err)
    assert (2, True) == (several.code, "Name a file with one rule" in several.err)


async def test_nothing_stored_is_said(rig: Rig, shell: Shell) -> None:
    """A service without a signal has nothing to replay."""
    ran = await shell.run("backtest", "--stored")

    assert 1 == ran.code
    assert "no signal yet" in ran.err
