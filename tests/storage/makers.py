"""Values that tests store, with sensible defaults."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from freezeguard.domain.people import Person, Role
from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity, Signal
from freezeguard.domain.transitions import State
from freezeguard.ports.rows import Hold, Notice, StoredBatch
from freezeguard.ports.storage import Transaction
from freezeguard.ports.webhooks import Endpoint
from freezeguard.storage.database import PostgresDatabase

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def ago(**length: float) -> datetime:
    """A moment before NOW."""
    return NOW - timedelta(**length)


def signal(sku: str = "kettle", one_id: str | None = None, **more: Any) -> Signal:
    given: dict[str, Any] = {
        "source": "shop",
        "id": uuid4().hex if one_id is None else one_id,
        "kind": Kind.COMPLAINT,
        "sku": sku,
        "occurred_at": NOW,
        "severity": Severity.MAJOR,
    }
    return Signal(**(given | more))


def case(sku: str = "kettle", **more: Any) -> Case:
    given: dict[str, Any] = {
        "id": uuid4(),
        "scope": Scope(sku),
        "state": State.FREEZING,
        "lane": "quality",
        "opened_by": "detector",
        "opened_at": NOW,
        "frozen_at": NOW,
        "reason": {"sentence": "5 customers complained."},
    }
    return Case(**(given | more))


def hold(of: Case, revision: int, **more: Any) -> Hold:
    given: dict[str, Any] = {
        "id": uuid4(),
        "case_id": of.id,
        "scope": of.scope,
        "lane": of.lane,
        "level": "hard",
        "soft": False,
        "state": "active",
        "reason": "5 customers complained.",
        "since": NOW,
        "revision": revision,
    }
    return Hold(**(given | more))


def notice(of: Case | None, n: int, **more: Any) -> Notice:
    given: dict[str, Any] = {
        "id": uuid4(),
        "case_id": None if of is None else of.id,
        "sku": None if of is None else of.scope.sku,
        "n": n,
        "recipient": "vendor:acme",
        "channel": "mail",
        "address": "care@acme.example",
        "kind": "statement_of_reasons",
        "facts": {"n": n},
        "language": "en",
        "time_zone": "UTC",
    }
    return Notice(**(given | more))


def endpoint(vendor: str | None = "acme", **more: Any) -> Endpoint:
    given: dict[str, Any] = {
        "id": uuid4(),
        "vendor": vendor,
        "url": "https://acme.example/hooks",
        "types": (),
        "scheme": "v1",
        "secret": b"s" * 32,
        "created_at": NOW,
        "created_by": "person:vera",
    }
    return Endpoint(**(given | more))


def person(name: str = "ann", *roles: Role, **more: Any) -> Person:
    return Person(name, name.title(), frozenset(roles or {Role.MANAGER}), **more)


async def store(database: PostgresDatabase, *signals: Signal) -> StoredBatch:
    """Store signals in a transaction; the fingerprint is the text."""
    prints = [f"{one.text}".encode() for one in signals]
    return await database.run(lambda tx: tx.signals.store(signals, prints, NOW))


async def open_case(database: PostgresDatabase, sku: str = "kettle", **more: Any) -> Case:
    """Store a case and return it with its number."""
    return await store_case(database, case(sku, **more))


async def store_case(database: PostgresDatabase, made: Case) -> Case:
    """Store a case; return it with its number."""

    async def work(tx: Transaction) -> Case:
        numbered = replace(made, number=(await tx.cases.announce()).number)
        await tx.cases.insert(numbered)
        return numbered

    return await database.run(work)


async def put_people(database: PostgresDatabase, *everyone: Person) -> None:
    for one in everyone:
        await database.run(
            lambda tx, one=one: tx.people.put_person(one, active=True, now=NOW)  # type: ignore[misc]  # a default binds it now
        )


async def sort_singly(database: PostgresDatabase) -> None:
    """Let every notice that has arrived go by itself."""

    async def work(tx: Transaction) -> None:
        arrived = await tx.digests.arrivals(1000, timedelta(minutes=5), 5, None)
        await tx.digests.sort_singly([one.id for one in arrived], None)

    await database.run(work)


def token() -> UUID:
    return uuid4()
