"""Killed before every single call of a command, a clock and a delivery: all of them converge.

What an undisturbed run leaves behind is the measure: state, history, audit, holds, clocks, notices,
the object, and the shop itself must be the same after a death at whatever point.
"""

import asyncio
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
from freezeguard.domain.enforcement import Waiver
from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import Command, State
from freezeguard.ports.notices import message_id_for
from freezeguard.ports.rows import Vendor
from freezeguard.ports.storage import Transaction
from freezeguard.sampleshop.client import running_shop
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.rows import STOPPED, case_in, put, remote_id
from tests.faults.mortal import Ward, a_ward, survives
from tests.rig import PEOPLE, Mailbox, Rig, fast_settings, populate
from tests.webhooks.farm import Receiver, receiving

MOST_CALLS, MOST_SKUS = 250, 2_000
SLACK, HOUR = timedelta(seconds=2), timedelta(hours=1)
OVER = -timedelta(seconds=1)


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

    async def stored(
        self, *cases: Case, clocks: Mapping[str, timedelta], stopped: bool = True
    ) -> Case:
        """Store cases of one SKU by rows, with clocks of the first one; the shop is as they say.

        A clock is due after its time: one of a negative time is due already.
        """
        await put(self.rig, *cases)
        if stopped:
            await self.rig.shop.change(remote_id(cases[0].scope.sku), STOPPED)
        now = datetime.now(UTC)

        async def start(tx: Transaction) -> None:
            for kind, left in clocks.items():
                _, _, where = kind.partition(":")
                details = dict(zip(("catalogue", "remote_id"), where.split("/"), strict=False))
                await tx.cases.start_clock(
                    uuid4(), cases[0], kind, now - timedelta(hours=1), now + left,
                    details=details if where else {})

        await self.ward.living.database.run(start)
        await self.inside.execute(
            "UPDATE manual_tasks SET resolved_at = now(), resolved_by = 'person:owen'"
            " WHERE resolved_at IS NULL")
        return cases[0]

    async def rest(self, sku: str) -> None:
        """Look at a SKU no more: its neighbours have their turn."""
        await self.inside.execute(
            "UPDATE catalogue_objects SET next_at = now() + interval '1 day' WHERE sku = $1", sku)

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
            "SELECT split_part(kind, '/', 1), stopped_at IS NULL, paused_at IS NULL, level,"
            " breached_at IS NULL FROM clocks WHERE sku = $1")),
        "notices": Counter(await rows(
            "SELECT kind, recipient, state, n FROM notices WHERE sku = $1")),
        "webhooks": Counter(await rows("SELECT type FROM webhook_messages WHERE sku = $1")),
        "votes": await rows(
            "SELECT command, person, void_at IS NULL FROM approvals WHERE sku = $1 ORDER BY 1, 2"),
        "objects": await rows(
            "SELECT wanted, status FROM catalogue_objects WHERE sku = $1"),
        "waivers": await rows(
            "SELECT waived_by FROM waivers WHERE sku = $1"),
        "posted": await rows(
            "SELECT type, state, attempts FROM webhook_deliveries JOIN webhook_messages"
            " ON id = message_id WHERE sku = $1 ORDER BY webhook_messages.seq"),
        "shop": {
            key: value for key, value in shown.items() if key not in {"id", "sku", "title", "price"}
        },
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
    twice: Callable[[Theatre, Case], Awaitable[int]] | None = None
    """Returns how many messages about a case arrived more than once."""


async def calm(theatre: Theatre, service: Service) -> None:
    """Do what the workers of a replica do for objects and cases, until there is nothing to do."""
    while True:
        begun = await service.enforcement.work_due("shop")
        await service.enforcement.drain(5)
        if not begun:
            break
    await service.sweeper.sweep_cases()


async def converge(theatre: Theatre, deed: Deed, case: Case) -> None:
    """A replica that knows nothing comes by once the leases of the dead are over."""
    await theatre.leases_over()
    await deed.attempt(theatre, theatre.ward.heir(), case)


async def every_death(theatre: Theatre, deed: Deed) -> int:
    """Kill a replica before each of its calls; compare what is left with an undisturbed run."""
    case = await deed.prepare(theatre)
    begun = datetime.now(UTC)
    assert await survives(deed.attempt(theatre, theatre.ward.newborn(), case), MOST_CALLS)
    await converge(theatre, deed, case)
    wanted = await left_behind(theatre, case.scope.sku)
    await theatre.rest(case.scope.sku)
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
        await theatre.rest(case.scope.sku)
        if deed.twice is not None:
            assert await deed.twice(theatre, case) <= (0 if done else 1), calls
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
        clocks={"approve": 8 * HOUR, "update": 72 * HOUR, "hold_review": 720 * HOUR})


async def _diagnosing(theatre: Theatre) -> Case:
    return await theatre.stored(
        case_in(theatre.sku(), State.DIAGNOSING),
        clocks={"diagnosis": 240 * HOUR, "update": 72 * HOUR})


async def _on_probation(theatre: Theatre) -> Case:
    return await theatre.stored(
        case_in(theatre.sku(), State.PROBATION), clocks={"probation": 240 * HOUR}, stopped=False)


APPROVE = Deed(_awaiting, commanded("approve", "mara", evidence_revision=3))
NARROW = Deed(_diagnosing, commanded(
    "narrow", "mara", scope={"lot": "L-7"}, reason="one lot", evidence_revision=3))
ORDER = Deed(_on_probation, commanded(
    "register_order", "cora", authority="Customs", document="dms://order-9"))


async def _two_cases(theatre: Theatre) -> Case:
    sku = theatre.sku()
    older = case_in(sku, State.DIAGNOSING, scope=Scope(sku, lot="L-7"),
                    opened_at=datetime.now(UTC) - timedelta(days=4))
    younger = case_in(sku, State.DIAGNOSING)
    return await theatre.stored(younger, older, clocks={"diagnosis": 216 * HOUR})


async def _merge(theatre: Theatre, service: Service, case: Case) -> None:
    older = await theatre.inside.fetchval(
        "SELECT id FROM cases WHERE sku = $1 AND lot = 'L-7'", case.scope.sku)
    await give(service, case.id, "merge", "owen", into=str(older), reason="one cause")
    await calm(theatre, service)


COMMANDS = {
    "approve": APPROVE, "narrow": NARROW, "register_order": ORDER,
    "merge": Deed(_two_cases, _merge),
}


@pytest.mark.parametrize("name", COMMANDS)
async def test_killed_before_every_call_of_a_command(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, name: str
):
    """Approved, narrowed, merged, stopped by an order: once, whole, wherever the replica dies.

    From the command's first statement to what its workers do at the shop and store of it.
    """
    async with a_theatre(dsns, tmp_path) as theatre:
        assert await every_death(theatre, COMMANDS[name]) >= 40


# --------------------------------------------------------------------------------------- clocks


async def _ring(theatre: Theatre, service: Service, case: Case) -> None:
    await service.timers.fire_due()
    await calm(theatre, service)


def rung(state: State, kind: str, **changes: Any) -> Deed:
    """Return what a replica does when a clock of a case in a state is due."""

    async def prepare(theatre: Theatre) -> Case:
        return await theatre.stored(
            case_in(theatre.sku(), state, **changes), clocks={kind: OVER, "update": 72 * HOUR}
            if kind != "update" else {kind: OVER}, stopped=state is not State.PROBATION)

    return Deed(prepare, _ring)


async def _waived(theatre: Theatre) -> Case:
    case = case_in(theatre.sku(), State.DIAGNOSING)
    where = remote_id(case.scope.sku)
    stored = await theatre.stored(case, clocks={f"waiver:shop/{where}": OVER})
    until_ = datetime.now(UTC) + HOUR
    await theatre.ward.living.database.run(
        lambda tx: tx.objects.waive(
            stored.id, Waiver("shop", where, "mara", until_, "it burns"), datetime.now(UTC)))
    return stored


PASSED = {
    "started_at": (datetime.now(UTC) - 48 * HOUR).isoformat(), "units": 0,
    "until": (datetime.now(UTC) - HOUR).isoformat(),
    "cap": (datetime.now(UTC) + 1000 * HOUR).isoformat(),
}
CLOCKS = {
    "second opinion": rung(State.SUSPECTED, "second_opinion"),
    "a rung of the ladder": rung(State.FROZEN, "ownership"),
    "vendor silent": rung(State.DIAGNOSING, "vendor_ack", vendor_status="notified"),
    "update": rung(State.DIAGNOSING, "update"),
    "end of probation": rung(State.PROBATION, "probation", probation=PASSED),
    "end of a waiver": Deed(_waived, _ring),
}


@pytest.mark.parametrize("name", CLOCKS)
async def test_killed_before_every_call_of_a_clock(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, name: str
):
    """A stage is gone through once, with one notice per reader, and the next one is due in time."""
    async with a_theatre(dsns, tmp_path) as theatre:
        assert await every_death(theatre, CLOCKS[name]) >= 15


# ------------------------------------------------------------------------------------ deliveries


async def _told(theatre: Theatre) -> Case:
    """Have an update for the vendor and the owner wait in the outbox."""
    case = await theatre.stored(case_in(theatre.sku(), State.FROZEN), clocks={})
    facts = {"state": "frozen", "ball": "owner", "next_update": datetime.now(UTC).isoformat()}

    async def tell(tx: Transaction) -> None:
        for reader in ("vendor", "owner"):
            await theatre.ward.living.casework._telling.tell(
                tx, case, Notify("update", reader, facts), datetime.now(UTC))

    await theatre.ward.living.database.run(tell)
    return case


async def _mail(_: Theatre, service: Service, case: Case) -> None:
    await service.delivery.deliver_due()
    await service.delivery.sweep_told()


async def _digest(theatre: Theatre, service: Service, case: Case) -> None:
    """Sort what has arrived into digests; let their time come; send them."""
    await service.delivery.deliver_due()
    await theatre.inside.execute(
        "UPDATE notice_digests SET due_at = now() WHERE ended_at IS NULL AND lease_until IS NULL")
    await _mail(theatre, service, case)


async def _post(_: Theatre, service: Service, case: Case) -> None:
    while await service.posting.deliver_due():
        while service.posting._under_way:
            await asyncio.wait(service.posting._under_way)


async def _mails_twice(theatre: Theatre, case: Case) -> int:
    rows = await theatre.inside.fetch(
        "SELECT id, digest FROM notices WHERE case_id = $1 AND state <> 'queued'", case.id)
    mine = {message_id_for(str(one["id"]), "localhost") for one in rows} | {
        message_id_for(str(one["digest"]), "localhost", "digest") for one in rows if one["digest"]
    }
    arrived = Counter(str(one["Message-ID"]) for one in theatre.rig.mailbox.messages)
    sent = {one for one in mine if arrived[one]}
    assert sent, "nothing about the case has arrived"
    return sum(arrived[one] - 1 for one in sent)


async def _posts_twice(theatre: Theatre, case: Case) -> int:
    rows = await theatre.inside.fetch(
        "SELECT id FROM webhook_messages WHERE case_id = $1", case.id)
    arrived = Counter(theatre.receiver.ids)
    assert all(arrived[f"msg_{one['id'].hex}"] for one in rows), (arrived, rows)
    return sum(arrived[f"msg_{one['id'].hex}"] - 1 for one in rows)


async def test_killed_before_every_call_of_a_mail(dsns: OwnerAndRuntimeDsns, tmp_path: Path):
    """Each notice leaves; per death at most one of them twice, with one id; vendor clocks start."""
    async with a_theatre(dsns, tmp_path) as theatre:
        assert await every_death(theatre, Deed(_told, _mail, _mails_twice)) >= 15


async def test_killed_before_every_call_of_a_digest(dsns: OwnerAndRuntimeDsns, tmp_path: Path):
    """A digest says the same in every attempt: at most once more per death, with one id."""
    async with a_theatre(dsns, tmp_path, mail={"digest_after": 1}) as theatre:
        for _ in range(2):  # one goes singly; from the second on they wait for a digest
            await _digest(theatre, theatre.ward.heir(), await _told(theatre))
        assert await every_death(theatre, Deed(_told, _digest, _mails_twice)) >= 15


async def test_killed_before_every_call_of_a_webhook(dsns: OwnerAndRuntimeDsns, tmp_path: Path):
    """Each message is taken; per death at most one of them twice, with one id."""
    async with a_theatre(dsns, tmp_path) as theatre:
        await theatre.ward.living.context.endpoints.add(
            PEOPLE["vera"], vendor=None, url=theatre.receiver.url, types=(), scheme="v1",
            description="")
        assert await every_death(theatre, Deed(_told, _post, _posts_twice)) >= 10
