"""Killed before every single call of a command, a clock and a delivery: all of them converge.

What an undisturbed run leaves behind is the measure: state, history, audit, holds, clocks, notices,
the object, and the shop itself must be the same after a death at whatever point.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from freezeguard.bootstrap.service import Service
from freezeguard.bootstrap.settings import Settings
from freezeguard.domain.effects import Notify
from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import Command, State
from freezeguard.ports.storage import Transaction
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.rows import STOPPED, case_in, put, remote_id
from tests.faults.mortal import Ward, a_ward, survives
from tests.rig import PEOPLE, Mailbox, Rig, fast_settings, populate
from freezeguard.ports.notices import message_id_for
from freezeguard.sampleshop.client import running_shop
from tests.webhooks.farm import Receiver, receiving

MOST_CALLS, MOST_SKUS = 250, 2_000
SLACK = timedelta(seconds=2)


@dataclass
class Theatre:
    """Where it happens: the replicas, the shop, the mail server, an endpoint, and a look inside."""

    ward: Ward
    rig: Rig
    receiver: Receiver
    inside: asyncpg.Connection
    numbers: Any = field(default_factory=lambda: count(1))

    def sku(self) -> str:
        """Return the next SKU of the shop."""
        return f"SKU-{next(self.numbers):06d}"

    async def stored(self, *cases: Case, **clocks: timedelta) -> Case:
        """Store cases by rows, each stopped in the shop if it holds anything; clocks of the first.

        A clock is due after its time, so a negative one already is.
        """
        await put(self.rig, *cases)
        await self.rig.shop.change(remote_id(cases[0].scope.sku), STOPPED)
        now = datetime.now(UTC)

        async def start(tx: Transaction) -> None:
            for kind, left in clocks.items():
                await tx.cases.start_clock(
                    uuid4(), cases[0], kind.replace("__", ":").replace("___", "/"),
                    now - timedelta(hours=1), now + left)

        await self.ward.living.database.run(start)
        await self.inside.execute(
            "UPDATE manual_tasks SET resolved_at = now(), resolved_by = 'person:owen'"
            " WHERE resolved_at IS NULL")
        return cases[0]

    async def leases_over(self) -> None:
        """Let time pass until every lease of the dead has run out."""
        for table, due in (("catalogue_objects", "next_at"), ("notices", "next_at"),
                           ("notice_digests", "due_at"), ("clocks", "next_at")):
            await self.inside.execute(
                f"UPDATE {table} SET lease_until = now(), {due} = least({due}, now())"
                " WHERE lease_until > now()")
        await self.inside.execute(
            "UPDATE webhook_endpoints SET lease_until = now() WHERE lease_until > now()")


@asynccontextmanager
async def a_theatre(
    dsns: OwnerAndRuntimeDsns, place: Path, **overrides: Any
) -> AsyncIterator[Theatre]:
    """Open everything that a death needs."""
    mailbox = Mailbox()
    alike = [{"sku": f"SKU-{n:06d}", "id": f"p{n:06d}"} for n in range(1, MOST_SKUS)]
    async with running_shop(products=alike) as shop, receiving() as receiver:
        port = mailbox.start()
        wanted = {
            "webhooks": {"allow_private": True, "ports": [receiver.port]},
            "pace": {"verify_every": 3600.0, "first_retry": 0.01}, **overrides,
        }
        settings = Settings(**fast_settings(dsns, place, shop, port, **wanted))
        try:
            async with a_ward(settings) as ward:
                rig = Rig("", shop, mailbox, {}, None, ward.living, dsns=dsns)  # type: ignore[arg-type]
                rig.secrets = await populate(ward.living, ())
                await ward.living.database.run(_register_vendor)
                inside = await asyncpg.connect(dsns.owner)
                yield Theatre(ward, rig, receiver, inside)
                await inside.close()
        finally:
            mailbox.stop()


async def _register_vendor(tx: Transaction) -> None:
    from freezeguard.ports.storage import Vendor

    contact = {"channel": "mail", "address": "quality@acme.example"}
    await tx.master.put_vendor(Vendor("acme", "Acme", (contact,)), datetime.now(UTC))


# ---------------------------------------------------------------------------------- the measure


async def left_behind(theatre: Theatre, sku: str) -> dict[str, Any]:
    """Return what stands about a SKU, without ids, numbers and times of day."""

    async def rows(query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await theatre.inside.fetch(query, sku)]

    shown = await theatre.rig.shop.product(sku)
    return {
        "cases": await rows(
            "SELECT state, lane, version, evidence_revision, recurrence, degraded, outcome,"
            " vendor_status, narrowing IS NULL, jsonb_array_length(further_scopes), channel, lot,"
            " merged_into IS NULL, frozen_at IS NULL, reinstated_at IS NULL, closed_at IS NULL"
            " FROM cases WHERE sku = $1 ORDER BY number"),
        "history": await rows(
            "SELECT cases.number - min(cases.number) OVER (), n, command, from_state, to_state,"
            " case_events.actor, case_events.version"
            " FROM case_events JOIN cases ON cases.id = case_id"
            " WHERE case_events.sku = $1 ORDER BY cases.number, n"),
        "audit": await rows(
            "SELECT number, action, actor FROM audit JOIN (SELECT id, number - min(number) OVER ()"
            " AS number FROM cases WHERE sku = $1) AS mine ON subject = 'case:' || id"
            " ORDER BY number, seq"),
        "holds": await rows(
            "SELECT channel, lot, state, level, soft, lane FROM holds WHERE sku = $1"
            " ORDER BY since, channel, lot"),
        "ledger": await rows(
            "SELECT change, hold -> 'scope' ->> 'lot' FROM hold_changes WHERE sku = $1"
            " ORDER BY revision"),
        "clocks": sorted(await rows(
            "SELECT kind, stopped_at IS NULL, paused_at IS NULL, level, breached_at IS NULL"
            " FROM clocks WHERE sku = $1")),
        "notices": Counter(await rows(
            "SELECT kind, recipient, state, n FROM notices WHERE sku = $1")),
        "webhooks": Counter(await rows("SELECT type FROM webhook_messages WHERE sku = $1")),
        "votes": await rows(
            "SELECT command, person, void_at IS NULL FROM approvals WHERE sku = $1 ORDER BY 1, 2"),
        "objects": await rows(
            "SELECT wanted, status, waived_until IS NULL FROM catalogue_objects WHERE sku = $1"),
        "shop": {key: value for key, value in shown.items() if key not in {"id", "sku", "title", "price"}},
    }


async def due_times(theatre: Theatre, sku: str) -> dict[str, datetime]:
    """Return when the clocks that run are due."""
    rows = await theatre.inside.fetch(
        "SELECT kind, due_at FROM clocks WHERE sku = $1 AND stopped_at IS NULL", sku)
    return {row["kind"]: row["due_at"] for row in rows}


# ------------------------------------------------------------------------------------- the deed


@dataclass(frozen=True)
class Deed:
    """Something that a replica does: how it begins, and one attempt at it.

    `attempt` is what a client sends, or what a worker does; it is made again by whoever lives on,
    as a client that got no answer does who reads first and then sends what is not done yet.
    """

    prepare: Callable[[Theatre], Awaitable[Case]]
    attempt: Callable[[Theatre, Service, Case], Awaitable[None]]


async def calm(theatre: Theatre, service: Service) -> None:
    """Do what the workers of a replica do for objects and cases, until there is nothing to do."""
    while True:
        begun = await service.enforcement.work_due("shop")
        await service.enforcement.drain(5)
        if not begun:
            break
    await service.sweeper.sweep_cases()


async def converge(theatre: Theatre, deed: Deed, case: Case) -> None:
    """A replica that knows nothing comes by twice: everything is then as it should be."""
    heir = theatre.ward.heir()
    for _ in range(2):
        await theatre.leases_over()
        await deed.attempt(theatre, heir, case)
        await calm(theatre, heir)


async def every_death(theatre: Theatre, deed: Deed) -> int:
    """Kill a replica before each of its calls; compare what is left with an undisturbed run."""
    case = await deed.prepare(theatre)
    begun = datetime.now(UTC)
    assert await survives(deed.attempt(theatre, theatre.ward.newborn(), case), MOST_CALLS)
    await converge(theatre, deed, case)
    wanted = await left_behind(theatre, case.scope.sku)
    due = await due_times(theatre, case.scope.sku)
    for calls in range(MOST_CALLS):
        case = await deed.prepare(theatre)
        later = datetime.now(UTC) - begun
        done = await survives(deed.attempt(theatre, theatre.ward.newborn(), case), calls)
        await converge(theatre, deed, case)
        found = await left_behind(theatre, case.scope.sku)
        assert wanted == found, f"killed before call {calls + 1}"
        for kind, at in (await due_times(theatre, case.scope.sku)).items():
            assert due[kind] - SLACK <= at <= due[kind] + later + SLACK, (kind, calls)
        if done:
            return calls
    raise AssertionError(f"more than {MOST_CALLS} calls")


# ------------------------------------------------------------------------------------- commands


async def give(
    service: Service, case_id: UUID, command: str, who: str, **arguments: Any
) -> None:
    """Give a command as the API does, unless the history has it already."""

    async def look(tx: Transaction) -> tuple[Case, list[str]]:
        case = await tx.cases.get(case_id)
        assert case is not None
        return case, [one.command for one in await tx.cases.events(case_id)]

    case, done = await service.database.run(look)
    if command in done:
        return
    aftermath, evaluated = await service.database.run(
        lambda tx: service.context.commands.run(
            tx, case_id, Command(command), version=case.version, arguments=arguments,
            actor=PEOPLE[who],
        )
    )
    taken = [aftermath, *(evaluated.aftermaths if evaluated else ())]
    service.context.aftercare(taken)
    await service.enforcement.drain(5)


def commanded(
    command: str, who: str, **arguments: Any
) -> Callable[[Theatre, Service, Case], Awaitable[None]]:
    """Return the attempt that gives a command and works until nothing is to be done."""

    async def attempt(theatre: Theatre, service: Service, case: Case) -> None:
        await give(service, case.id, command, who, **arguments)
        await calm(theatre, service)

    return attempt


async def _awaiting(theatre: Theatre) -> Case:
    return await theatre.stored(
        case_in(theatre.sku(), State.AWAITING_APPROVAL),
        approve=timedelta(hours=8), update=timedelta(days=3), hold_review=timedelta(days=30))


async def _diagnosing(theatre: Theatre) -> Case:
    return await theatre.stored(
        case_in(theatre.sku(), State.DIAGNOSING),
        diagnosis=timedelta(days=10), update=timedelta(days=3))


async def _on_probation(theatre: Theatre) -> Case:
    case = case_in(theatre.sku(), State.PROBATION)
    await put(theatre.rig, case)
    await theatre.inside.execute(
        "UPDATE manual_tasks SET resolved_at = now() WHERE resolved_at IS NULL")
    return case


APPROVE = Deed(_awaiting, commanded("approve", "mara", evidence_revision=3))
FALSE_ALARM = Deed(
    _diagnosing, commanded("declare_false_alarm", "owen", reason_code="wrong_item"))
NARROW = Deed(_diagnosing, commanded(
    "narrow", "mara", scope={"lot": "L-7"}, reason="one lot", evidence_revision=3))
ORDER = Deed(_on_probation, commanded(
    "register_order", "cora", authority="Customs", document="dms://order-9"))


async def _two_cases(theatre: Theatre) -> Case:
    sku = theatre.sku()
    older = case_in(sku, State.DIAGNOSING, scope=Scope(sku, lot="L-7"),
                    opened_at=datetime.now(UTC) - timedelta(days=4))
    younger = case_in(sku, State.DIAGNOSING)
    return await theatre.stored(younger, older, diagnosis=timedelta(days=9))


async def _merge(theatre: Theatre, service: Service, case: Case) -> None:
    older = await theatre.inside.fetchval(
        "SELECT id FROM cases WHERE sku = $1 AND lot = 'L-7'", case.scope.sku)
    await give(service, case.id, "merge", "owen", into=str(older), reason="one cause")
    await calm(theatre, service)


COMMANDS = {
    "approve": APPROVE, "declare_false_alarm": FALSE_ALARM, "narrow": NARROW,
    "merge": Deed(_two_cases, _merge), "register_order": ORDER,
}


async def test_killed_before_every_call_of_a_command(dsns: OwnerAndRuntimeDsns, tmp_path: Path):
    """Approved, narrowed, merged, stopped by an order: once, whole, wherever the replica dies."""
    async with a_theatre(dsns, tmp_path) as theatre:
        for name, deed in COMMANDS.items():
            calls = await every_death(theatre, deed)
            print("CALLS", name, calls)
            assert calls > 10, name
