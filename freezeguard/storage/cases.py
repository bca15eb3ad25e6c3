"""Cases, their history and their votes."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from freezeguard.detection.windows import Observed
from freezeguard.domain.people import Person, Role
from freezeguard.domain.record import Case, Promises, Vote
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import State
from freezeguard.ports.rows import (
    Announced,
    CaseEvent,
    CaseFilter,
    Harm,
    Json,
    QueuePlace,
    Ranked,
    Sibling,
    Sku,
)
from freezeguard.storage.attachments import Attachments
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.duties import Duties
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import in_json_types, narrowing_of, scope_of

SQL = queries("cases")

_PLAIN = (
    "lane", "version", "evidence_revision", "recurrence", "degraded", "vendor", "vendor_status",
    "category", "owner", "outcome", "opened_by", "opened_at", "frozen_at", "reinstated_at",
    "closed_at", "reason", "rule_id", "rule_version", "diagnosis", "remedy", "remedy_author",
    "remedy_rounds", "verification", "approval_requested_at", "approval_requested_by",
    "approval_evidence", "release_tries", "probation", "known_evidence", "contact_cost",
)  # fmt: skip
_LATER = (
    "narrowing", "authority_order", "commitment", "contest", "appeal", "hand_off", "defect_found",
)  # fmt: skip
"""Fields that have the same name and type in the case and in its row, in the queries' order."""
_COLUMNS = (
    "id", "sku", "seller", "channel", "country", "lot", "state", *_PLAIN, "further_scopes",
    *_LATER, "decided_by", "merged_into",
)  # fmt: skip
"""In the order of `_values`."""


class PostgresCases(Attachments, Duties):
    """Implements `freezeguard.ports.cases.Cases`."""

    def __init__(self, connection: Statements, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes

    async def announce(
        self, signals: Sequence[Observed] = (), excerpts: int = 0
    ) -> Announced:
        row = await self._connection.fetchrow(
            SQL["announce"], *worst_first(signals), excerpts
        )
        assert row is not None  # noqa: S101 - a sequence has a next number
        return Announced(row["number"], tuple(row["excerpts"]))

    async def insert(self, case: Case) -> None:
        self._writes.add(
            "cases", number=case.number, **dict(zip(_COLUMNS, _values(case), strict=True))
        )

    async def update(self, case: Case) -> None:
        await self._connection.execute(SQL["update_case"], *_values(case))

    async def get(self, case_id: UUID, *, lock: bool = False) -> Case | None:
        query = SQL["lock_case"] if lock else SQL["get_case"]
        row = await self._connection.fetchrow(query, case_id)
        return None if row is None else case_of(row)

    async def several(self, case_ids: Sequence[UUID]) -> list[Case]:
        rows = await self._connection.fetch(SQL["get_cases"], list(case_ids))
        return [case_of(row) for row in rows]

    async def open_of_sku(self, sku: str, *, lock: bool = False) -> list[Case]:
        query = SQL["lock_open_of_sku"] if lock else SQL["open_of_sku"]
        return [case_of(row) for row in await self._connection.fetch(query, sku)]

    async def told_of_sku(self, sku: str) -> list[Case]:
        return [case_of(row) for row in await self._connection.fetch(SQL["told_of_sku"], sku)]

    async def skus_with_open_cases(self, skus: Sequence[str]) -> set[str]:
        rows = await self._connection.fetch(SQL["skus_with_open_cases"], skus)
        return {row["sku"] for row in rows}

    async def last_of_sku(self, sku: str) -> list[Case]:
        return [case_of(row) for row in await self._connection.fetch(SQL["cases_of_sku"], sku)]

    async def listed(self, wanted: CaseFilter) -> list[Case]:
        await self._writes.before_reading("clocks")
        rows = await self._connection.fetch(
            SQL["list_cases"], *_asked(wanted), wanted.open_only,
            *(wanted.before or (None, None)), wanted.limit,
        )  # fmt: skip
        return [case_of(row) for row in rows]

    async def queue(self, wanted: CaseFilter, after: QueuePlace) -> list[Ranked]:
        await self._writes.before_reading("clocks", "case_signals")
        rows = await self._connection.fetch(
            SQL["queue"], *_asked(wanted), after.at, after.rank, after.id, wanted.limit
        )
        return [Ranked(case_of(row), _harm(row)) for row in rows]

    async def uncounted(self, attached_since: datetime | None, limit: int) -> list[UUID]:
        rows = await self._connection.fetch(SQL["uncounted"], attached_since, limit)
        return [row["id"] for row in rows]

    async def count_harm(self, case_ids: Sequence[UUID]) -> None:
        await self._connection.execute(SQL["count_harm"], list(case_ids))

    async def similar(self, case: Case, limit: int = 5) -> list[Json]:
        rows = await self._connection.fetch(
            SQL["similar_cases"], case.id, case.scope.sku, case.vendor, case.category, limit
        )
        return [in_json_types(row) for row in rows]

    async def add_event(
        self, case: Case, at: datetime, actor: str, command: str, from_state: str | None,
        arguments: Json,
    ) -> None:  # fmt: skip
        self._writes.add(
            "case_events", case_id=case.id, sku=case.scope.sku, at=at, actor=actor,
            command=command, from_state=from_state, to_state=case.state.value,
            version=case.version, evidence_revision=case.evidence_revision, arguments=arguments,
        )  # fmt: skip

    async def events(self, case_id: UUID) -> list[CaseEvent]:
        await self._writes.before_reading("case_events")
        return [CaseEvent(*row) for row in await self._connection.fetch(SQL["events"], case_id)]

    async def states_since(self, case_ids: Sequence[UUID]) -> dict[UUID, datetime]:
        await self._writes.before_reading("case_events")
        rows = await self._connection.fetch(SQL["states_since"], list(case_ids))
        return {row["case_id"]: row["at"] for row in rows}

    async def found_beside(
        self, of: Sku, lots: Sequence[str], opened_after: datetime, closed_after: datetime
    ) -> Sibling | None:
        if of.vendor is None:
            return None
        await self._writes.before_reading("cases")
        row = await self._connection.fetchrow(
            SQL["found_beside"], of.vendor, of.sku, of.category, opened_after, list(lots),
            closed_after,
        )  # fmt: skip
        return None if row is None else Sibling(row["sku"], row["number"])

    async def pullers(self, case_id: UUID, *, of_every_stop: bool = False) -> tuple[str, ...]:
        await self._writes.before_reading("case_events")
        rows = await self._connection.fetch(SQL["pullers"], case_id, of_every_stop)
        return tuple(row["person"] for row in rows)

    async def add_vote(
        self, vote_id: UUID, case: Case, command: str, person: str, arguments: Json,
        cast_at: datetime, expires_at: datetime,
    ) -> None:  # fmt: skip
        await self._connection.execute(
            SQL["add_vote"], vote_id, case.id, case.scope.sku, command, person, arguments,
            case.evidence_revision, cast_at, expires_at,
        )  # fmt: skip

    async def votes(self, case_id: UUID, now: datetime) -> list[tuple[Vote, Json]]:
        rows = await self._connection.fetch(SQL["votes"], case_id, now)
        return [(_vote(row), row["arguments"]) for row in rows]

    async def every_vote(self, case_id: UUID) -> list[Json]:
        rows = await self._connection.fetch(SQL["every_vote"], case_id)
        return [in_json_types(row) for row in rows]

    async def void_votes(self, case_id: UUID, why: str, now: datetime) -> None:
        await self._connection.execute(SQL["void_votes"], case_id, now, why)

    async def merge_signals(self, from_case: UUID, to_case: UUID, now: datetime) -> None:
        await self._writes.before_reading("case_signals")
        await self._connection.execute(SQL["merge_signals"], from_case, to_case, now)

    async def make_promise(
        self, promise_id: UUID, case: Case, now: datetime, by: str, due_at: datetime
    ) -> None:
        await self._connection.execute(
            SQL["make_promise"], promise_id, case.id, case.scope.sku, case.vendor, now, by, due_at
        )

    async def settle_promise(self, case_id: UUID, outcome: str, now: datetime) -> None:
        await self._connection.execute(SQL["settle_promise"], case_id, now, outcome)

    async def promises(self, vendor: str) -> Promises:
        row = await self._connection.fetchrow(SQL["promises"], vendor)
        assert row is not None  # noqa: S101 - an aggregate always has one row
        return Promises(row["kept"], row["broken"])

    async def of_nobody(
        self, after: UUID | None, roles: Collection[str], limit: int
    ) -> list[UUID]:
        rows = await self._connection.fetch(SQL["cases_of_nobody"], after, list(roles), limit)
        return [row["id"] for row in rows]

    async def narrowing(self, limit: int) -> list[UUID]:
        rows = await self._connection.fetch(SQL["narrowing_cases"], limit)
        return [row["id"] for row in rows]

    async def add_review(
        self, review_id: UUID, case: Case, verdict: str, comment: str, reviewer: str,
        pullers: Sequence[str], now: datetime,
    ) -> None:  # fmt: skip
        await self._connection.execute(
            SQL["add_review"], review_id, case.id, case.scope.sku, verdict, comment, reviewer, now,
            pullers, case.rule_id,
        )  # fmt: skip

    async def reviews(self, case_id: UUID) -> list[Json]:
        return [in_json_types(row) for row in await self._connection.fetch(SQL["reviews"], case_id)]

    async def review_scores(self) -> list[Json]:
        return [in_json_types(row) for row in await self._connection.fetch(SQL["review_scores"])]


def _asked(wanted: CaseFilter) -> tuple[Any, ...]:
    """Return what a filter asks, in the order of the queries that list cases."""
    turn = wanted.awaiting
    whose = (None, False, False, None, None) if turn is None else (
        turn.person, turn.pulls, turn.judges, turn.areas, turn.at
    )  # fmt: skip
    return (
        wanted.states or None, wanted.sku, wanted.vendor, wanted.owner, wanted.categories or None,
        wanted.lanes or None, wanted.degraded, wanted.overdue_at, wanted.known_to_vendor, *whose,
    )


def _harm(row: asyncpg.Record) -> Harm:
    return Harm(
        rank=row["rank"], severity=row["severity"], customers=row["customers"],
        units=row["units"], contact_cost=row["told_cost"], price=row["price"],
        overdue=row["overdue"], days=row["days"],
    )


def worst_first(signals: Sequence[Observed]) -> tuple[list[str], list[str]]:
    """Return the sources and the ids of signals, the most severe first."""
    worst = sorted(signals, key=lambda one: (-one.severity, one.occurred_at))
    return [one.source for one in worst], [one.id for one in worst]


def _values(case: Case) -> tuple[Any, ...]:
    plain = (getattr(case, name) for name in _PLAIN)
    later = (getattr(case, name) for name in _LATER)
    further = [one.as_dict() for one in case.further_scopes]
    return (
        case.id, case.scope.sku, *narrowing_of(case.scope), case.state, *plain, further, *later,
        case.decided_by, case.merged_into,
    )  # fmt: skip


def case_of(row: asyncpg.Record) -> Case:
    """Read a case from its row."""
    plain: dict[str, Any] = {name: row[name] for name in (*_PLAIN, *_LATER)}
    further = (Scope.of(one["sku"], one) for one in row["further_scopes"])
    return Case(
        id=row["id"], scope=scope_of(row), state=State(row["state"]), number=row["number"],
        further_scopes=tuple(further), decided_by=tuple(row["decided_by"]),
        merged_into=row["merged_into"], **plain,
    )


def _vote(row: asyncpg.Record) -> Vote:
    roles = frozenset(Role(one) for one in row["roles"])
    voter = Person(row["person"], "", roles, areas=frozenset(row["areas"]))
    return Vote(
        row["command"], row["person"], voter.manages(row["category"]), row["evidence_revision"],
        row["expires_at"], roles=roles,
    )  # fmt: skip
