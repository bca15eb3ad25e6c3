"""Stopped without the database, held by it afterwards, and restored exactly."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from freezeguard.sampleshop.client import sample_configuration
from freezeguard.storage.embedded import EmbeddedServer, OwnerAndRuntimeDsns, prepare_database
from freezeguard.storage.journal import FileJournal
from freezeguard.storage.migrations import migrate
from tests.acceptance.steps import (
    approve,
    ask_for_approval,
    cannot_be_bought,
    is_sold_again,
    mails_arrived,
    moves,
    open_cart,
    sql,
    to_probation,
)
from tests.cli.shell import Ran, Shell, bare_environment
from tests.faults.stage import ROOT
from tests.rig import Rig, shop_with_service, until
from tests.storage.conftest import scratch, server_pids

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOST_STEPS = 12


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A place for a server of our own, which may be stopped."""
    with scratch() as made:
        yield made


@pytest.fixture(scope="module")
def own_dsns(home: Path) -> Iterator[OwnerAndRuntimeDsns]:
    """A PostgreSQL of our own, which may be stopped."""
    server = asyncio.run(EmbeddedServer.attach(home, test_mode=True))
    dsns = asyncio.run(_migrated(server))
    yield dsns
    asyncio.run(server.close())


async def _migrated(server: EmbeddedServer) -> OwnerAndRuntimeDsns:
    dsns = await prepare_database(server.endpoint, "own")
    await migrate(dsns.owner)
    return dsns


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(own_dsns: OwnerAndRuntimeDsns, place: Path) -> AsyncIterator[Rig]:
    """A shop and one replica on that server."""
    async with shop_with_service(
        own_dsns, place, seed=60, policy={"probation_time": "1h"}
    ) as running:
        yield running


@pytest.fixture
def shell(rig: Rig, place: Path) -> Shell:
    """A shell on the replica's machine; its settings name no database that could be reached."""
    return shell_in(rig, place)


def shell_in(rig: Rig, place: Path) -> Shell:
    """Return a shell with the settings of the service and another data directory."""
    table = sample_configuration(rig.shop.url, rig.shop.admin_token)
    return Shell(place, bare_environment(
        place, FREEZEGUARD_DATA_DIR=str(place), FREEZEGUARD_CATALOGUES=json.dumps({"shop": table}),
        FREEZEGUARD_DATABASE_URL="postgresql://nobody@127.0.0.1:9/nowhere",
        FREEZEGUARD_PACE__FIRST_RETRY="0.05",
    ))


@contextmanager
def database_away(home: Path) -> Iterator[None]:
    """Have every process of PostgreSQL stand still."""
    def send(number: signal.Signals) -> None:
        for pid in server_pids(home):
            os.kill(pid, number)

    send(signal.SIGSTOP)
    try:
        yield
    finally:
        send(signal.SIGCONT)


async def reconciled(rig: Rig, sku: str) -> dict[str, Any]:
    """Wait until the case of an emergency is frozen; return it."""
    return await rig.in_state(sku, "frozen", seconds=30)


async def reinstated(
    rig: Rig, sku: str, before: list[dict[str, Any]], *people: str
) -> None:
    """Reinstate a SKU, and see that the shop is as it was before."""
    case = await rig.in_state(sku, "frozen")
    await approve(rig, await ask_for_approval(rig, case), *(people or ("mara",)))
    await rig.in_state(sku, "probation", seconds=20)
    assert before == await rig.shop.products(sku)


async def held(rig: Rig, sku: str) -> None:
    """Wait until the replica answers that a SKU is frozen: it has followed the held set again."""

    async def frozen() -> bool:
        return await rig.status(sku) == "frozen"

    await until(frozen, f"{sku} in the held set", seconds=20)


async def journal_is_empty(place: Path) -> None:
    """Wait until every line was dealt with."""
    journal = FileJournal(place / "journal.ndjson")

    async def empty() -> bool:
        return not await journal.lines()

    await until(empty, "the journal dealt with", seconds=20)


async def test_stopped_within_seconds_while_the_database_is_away(
    rig: Rig, shell: Shell, home: Path, place: Path, take_sku: Any, record_property: Any
):
    """Nothing is sold any more, not from an open cart either; later it is a freeze as any.

    Meanwhile existing freezes are answered from memory, and signals are refused with a time.
    """
    frozen, known, cold = take_sku(), take_sku(), take_sku()
    await rig.complain(frozen)
    await rig.in_state(frozen, "frozen")
    await sql(rig, "DELETE FROM catalogue_objects WHERE sku = $1", cold)
    before = {sku: await rig.shop.products(sku) for sku in (known, cold)}
    carts = {sku: await open_cart(rig, sku) for sku in (known, cold)}
    with database_away(home):
        begun = time.monotonic()
        ran = await shell.run("freeze", known, "--emergency", "--comment", "It burns.", "--json")
        record_property("figure", f"emergency: {time.monotonic() - begun:.2f} s to the answer")
        for sku in (known, cold):
            if sku is cold:
                assert 0 == (await shell.run("freeze", cold, "--emergency")).code
            await cannot_be_bought(rig, sku, carts[sku])
        refused = await rig.call(
            "POST", "/v1/signals", "source", json=rig.complaint(known, "carl")
        )
        assert "frozen" == await rig.status(frozen)
    assert (0, True) == (ran.code, ran.document["stopped"])
    assert ["stopped"] == [one["outcome"] for one in ran.document["catalogues"]]
    assert 503 == refused.status
    assert int(refused.headers["Retry-After"]) >= 1
    for sku in (known, cold):
        case = await reconciled(rig, sku)
        assert ("operator", "quality") == (case["opened_by"], case["lane"])
        await held(rig, sku)
        assert "later_review" in {one["kind"] for one in case["clocks"]}
        mails = await mails_arrived(rig, case)
        assert "statement_of_reasons" in mails["vendor:acme"]
        await reinstated(rig, sku, before[sku])
    [entry] = await sql(rig, "SELECT actor, details FROM audit WHERE action = 'emergency_freeze'"
                             " AND details ->> 'order' = $1", ran.document["order"])
    assert entry["actor"].startswith("cli:")
    await journal_is_empty(place)


async def test_killed_at_any_moment_and_repeated(
    rig: Rig, shell: Shell, home: Path, place: Path, take_sku: Any
):
    """`kill -9` before each step; given again, it stops, and what was there before comes back."""
    stopped: dict[str, list[dict[str, Any]]] = {}
    with database_away(home):
        for steps in range(MOST_STEPS):
            sku = take_sku()
            stopped[sku] = await rig.shop.products(sku)
            if 0 == await killed(shell, sku, steps):
                break
            assert 0 == (await shell.run("freeze", sku, "--emergency")).code
            await cannot_be_bought(rig, sku)
        else:
            pytest.fail("it never came to its end")
    assert steps == 6
    for sku, before in stopped.items():
        await reconciled(rig, sku)
        assert 1 == len(await rig.cases(sku))
        await reinstated(rig, sku, before)
    await journal_is_empty(place)


async def killed(shell: Shell, sku: str, steps: int) -> int:
    """Give the order in a process that dies before a step; return how it ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.killed_emergency", sku, str(steps), cwd=ROOT,
        env=dict(shell.environment), stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, err = await process.communicate()
    assert process.returncode in {0, -signal.SIGKILL}, err.decode()
    return process.returncode or 0


@pytest.mark.parametrize(
    ("said", "opened_by"),
    [(("--as", "mara"), "person:mara"), (("--as", "alba"), "operator"),
     (("--as", "nobody"), "operator"), (("--as", "alba", "--reason", "safety_hazard"),
                                        "person:alba"),
     (("--reason", "safety_injury"), "operator")],
)
async def test_in_whose_name(rig: Rig, shell: Shell, sku: str, said: Any, opened_by: str):
    """Of a person whose pull alone stops a sale; else it is a hold in the operator's name."""
    ran = await shell.run("freeze", sku, "--emergency", *said)
    case = await reconciled(rig, sku)

    assert 0 == ran.code
    assert opened_by == case["opened_by"]
    assert ("safety" if "--reason" in said else "quality") == case["lane"]
    assert "owen" == case["owner"]


async def test_an_order_becomes_a_hold_once(rig: Rig, shell: Shell, sku: str, place: Path):
    """Killed after the commit and before the journal was emptied: no second case, no other image.

    That it shows up once more when the case is over changes nothing either.
    """
    before = await rig.shop.products(sku)
    journal = FileJournal(place / "journal.ndjson")
    assert rig.service is not None
    service, dropped = rig.service, []
    drop = service.sweeper._journal.drop

    async def keep(lines: Any) -> None:
        dropped.extend(lines)
        await drop(lines)

    service.sweeper._journal.drop = keep  # type: ignore[method-assign]
    try:
        await shell.run("freeze", sku, "--emergency")
        await reconciled(rig, sku)
        await journal_is_empty(place)
    finally:
        service.sweeper._journal.drop = drop  # type: ignore[method-assign]
    lines = [one for one in dropped if one["sku"] == sku]
    assert {"emergency", "before_image", "emergency_stop"} == {one["what"] for one in lines}

    for again in range(2):
        for line in lines:
            await journal.append(line)
        await journal_is_empty(place)
        assert 1 == len(await rig.cases(sku))
        if not again:
            await reinstated(rig, sku, before)
    assert "probation" == (await rig.cases(sku))[0]["state"]
    assert (await rig.shop.buy(sku)).ok


async def test_what_was_reinstated_is_stopped_again(rig: Rig, shell: Shell, sku: str, home: Path):
    """On probation an emergency is a freeze in the same case, and its release is exact as well."""
    await to_probation(rig, sku)
    await is_sold_again(rig, sku)
    before = await rig.shop.products(sku)
    with database_away(home):
        assert 0 == (await shell.run("freeze", sku, "--emergency")).code
        await cannot_be_bought(rig, sku)
    case = await reconciled(rig, sku)

    assert 1 == case["recurrence"]
    assert ("freeze", "freezing") in await moves(rig, case)
    await reinstated(rig, sku, before, "mara", "cora")


async def test_what_is_frozen_already_keeps_its_image(
    rig: Rig, shell: Shell, sku: str, home: Path
):
    """The order sees the stop, not what was before it; the case goes on as it was."""
    before = await rig.shop.products(sku)
    await rig.complain(sku)
    await rig.in_state(sku, "frozen")
    with database_away(home):
        assert 0 == (await shell.run("freeze", sku, "--emergency", "--level", "hide")).code
    await until(lambda: sql(rig, "SELECT 1 FROM emergency_orders WHERE sku = $1", sku), "known")

    assert ["frozen"] == [one["state"] for one in await rig.cases(sku)]
    await reinstated(rig, sku, before)


async def test_without_a_journal_it_stops_all_the_same(
    rig: Rig, sku: str, tmp_path: Path, place: Path
):
    """What can't be written is printed for a person to keep; exit code 1.

    Given again with a journal, the frozen state is not taken for what was before.
    """
    before = await rig.shop.products(sku)
    (tmp_path / "file").touch()
    without = shell_in(rig, place).having(FREEZEGUARD_DATA_DIR=str(tmp_path / "file"))
    ran = await without.run("freeze", sku, "--emergency", "--json")
    await cannot_be_bought(rig, sku)

    assert (1, True) == (ran.code, ran.document["stopped"])
    assert not ran.document["journaled"]
    kept = ran.document["to_keep"]
    assert ["emergency", "before_image", "emergency_stop"] == [one["what"] for one in kept]
    assert kept[1]["fields"].items() <= before[0].items()
    told = await without.run("freeze", sku, "--emergency")
    assert "KEEP these lines" in told.err
    assert 3 == len([one for one in told.out.splitlines() if one.startswith("{")])

    assert 0 == (await shell_in(rig, place).run("freeze", sku, "--emergency")).code
    await reconciled(rig, sku)
    await reinstated(rig, sku, before)


async def test_a_shop_that_fences_lets_an_emergency_through(
    rig: Rig, shell: Shell, sku: str, place: Path
):
    """It names the last revision that a replica here has heard of: no older than the shop knows."""
    before = await rig.shop.products(sku)
    await rig.shop.fences(on=True)
    try:
        await to_probation(rig, sku)
        revision = (await rig.read("/v1/holds", "catalogue"))["revision"]

        async def noted() -> bool:
            return int((place / "held-set-revision").read_text()) >= revision

        await until(noted, "the revision on disk")
        ran = await shell.run("freeze", sku, "--emergency", "--json")
        assert (0, True) == (ran.code, ran.document["stopped"])
        await reconciled(rig, sku)
        await reinstated(rig, sku, before, "mara", "cora")
    finally:
        await rig.shop.fences(on=False)


async def test_a_shop_that_does_not_obey_is_named(rig: Rig, shell: Shell, sku: str):
    """Refused, ignored, away, not listed: each is told as it was seen, with exit code 1."""
    outcomes: dict[str, tuple[int, str]] = {}
    faults: Mapping[str, Mapping[str, Any]] = {
        "refused": {"error": {"status": 422}, "operations": ["stop"]},
        "still_sold": {"lie": True},
        "unreachable": {"error": {"status": 503}},
    }
    for wanted, fault in faults.items():
        await rig.shop.faults(skus=[sku], **fault)
        outcomes[wanted] = outcome_of(await shell.run("freeze", sku, "--emergency", "--json"))
        await rig.shop.no_faults()
    outcomes["not_listed"] = outcome_of(
        await shell.run("freeze", "NO-SUCH", "--emergency", "--json")
    )

    assert {name: (1, name) for name in outcomes} == outcomes
    await reconciled(rig, sku)


async def test_a_catalogue_that_can_t_be_opened_spares_no_other(
    rig: Rig, shell: Shell, sku: str
):
    """The shell lacks the secret of one; the other is stopped, and the first one is named.

    So it is where the answer to a stop is lost.
    """
    tables = json.loads(shell.environment["FREEZEGUARD_CATALOGUES"])
    tables["bazaar"] = {**tables["shop"], "headers": {"Authorization": "{env:NO_SUCH_SECRET}"}}
    await rig.shop.faults(skus=[sku], apply_then_reset=True, operations=["stop"])
    ran = await shell.having(FREEZEGUARD_CATALOGUES=json.dumps(tables)).run(
        "freeze", sku, "--emergency", "--json"
    )
    await rig.shop.no_faults()
    await cannot_be_bought(rig, sku)

    assert 1 == ran.code
    seen = {one["catalogue"]: one for one in ran.document["catalogues"]}
    assert ("stopped", "unreachable") == (seen["shop"]["outcome"], seen["bazaar"]["outcome"])
    assert seen["shop"]["detail"].startswith("though ")
    assert "NO_SUCH_SECRET" in seen["bazaar"]["detail"]
    await reconciled(rig, sku)


def outcome_of(ran: Ran) -> tuple[int, str]:
    """Return the exit code, and what was seen of the one object."""
    [seen] = ran.document["catalogues"]
    return ran.code, seen["outcome"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--emergency", "--catalogue", "bazaar"), "known: shop"),
        (("--emergency", "--lot", "L-7"), "leave out --lot"),
        (("--emergency", "--level", "soft"), "hide or hard"),
        (("--emergency", "--reason", "boredom"), "--reason is one of"),
        (("--emergency", "--reason", "authority_order"), "compliance registers the order"),
        (("--level", "hide", "--as", "mara"), "--level and --as only with --emergency"),
    ],
)
async def test_what_is_no_emergency_is_refused_at_once(
    rig: Rig, shell: Shell, sku: str, arguments: Any, words: str
):
    """Nothing is stopped by a command that was mistyped: exit code 2 and what is right."""
    ran = await shell.run("freeze", sku, *arguments)

    assert 2 == ran.code
    assert words in ran.err
    assert (await rig.shop.buy(sku)).ok
