"""Rules, suppressions, crossings, and the governor's ledger."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import asyncpg

from freezeguard.domain.people import System
from freezeguard.domain.reasons import Crossing
from freezeguard.domain.record import Case
from freezeguard.domain.rules import Rule, read_rule
from freezeguard.domain.shadowing import ENDINGS, Sighting, Stop
from freezeguard.ports.rows import HeldBack, Json, Proposal, Suppression
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import affected, in_json_types

SQL = queries("detection")


class PostgresDetection:
    """Implements `freezeguard.ports.detection.Detection`."""

    def __init__(self, connection: Statements, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes

    async def rules(self) -> tuple[int, list[Rule]]:
        rows = await self._connection.fetch(SQL["rules"])
        rules = [read_rule(row["body"], row["version"]) for row in rows if row["id"] is not None]
        return rows[0]["revision"], rules

    async def rule_bodies(self, rule_id: str | None = None) -> list[Json]:
        if rule_id is None:
            rows = await self._connection.fetch(SQL["current_rule_bodies"])
        else:
            rows = await self._connection.fetch(SQL["rule_history"], rule_id)
        bodies = [in_json_types(row) for row in rows]
        return [{**one.pop("body"), **one} for one in bodies]

    async def rule_version(self, rule_id: str, version: int) -> Rule | None:
        body = await self._connection.fetchval(SQL["rule_version"], rule_id, version)
        return None if body is None else read_rule(body, version)

    async def put_rule(self, body: Json, by: str, now: datetime) -> int:
        await self._connection.execute(SQL["raise_rules_revision"])
        version = await self._connection.fetchval(
            SQL["put_rule"], body["id"], body, body.get("mode", "shadow"), by, now
        )
        return int(version)

    async def lock_rules(self) -> None:
        await self._connection.execute(SQL["lock_rules"])

    async def add_proposal(self, proposal: Proposal) -> None:
        one = proposal
        await self._connection.execute(
            SQL["add_proposal"], one.id, one.rule_id, one.base_version, one.body, one.loosens,
            one.proposed_by, one.proposed_at, one.expires_at,
        )  # fmt: skip

    async def proposals(self, now: datetime) -> list[Proposal]:
        return [_proposal(row) for row in await self._connection.fetch(SQL["proposals"], now)]

    async def proposal(self, proposal_id: UUID) -> Proposal | None:
        row = await self._connection.fetchrow(SQL["proposal"], proposal_id)
        return None if row is None else _proposal(row)

    async def decide_proposal(
        self, proposal_id: UUID, outcome: str, by: str, now: datetime
    ) -> None:
        await self._connection.execute(SQL["decide_proposal"], proposal_id, now, by, outcome)

    async def marked_revision(self) -> int:
        return int(await self._connection.fetchval(SQL["marked_revision"]) or 0)

    async def note_marked(self, revision: int) -> None:
        await self._connection.execute(SQL["note_marked"], revision)

    async def suppressions(self, now: datetime) -> list[Suppression]:
        rows = await self._connection.fetch(SQL["suppressions"], now)
        return [Suppression(*row) for row in rows]

    async def ended_suppressions(self, since: datetime, now: datetime) -> list[Suppression]:
        rows = await self._connection.fetch(SQL["ended_suppressions"], since, now)
        return [Suppression(*row) for row in rows]

    async def add_suppression(self, suppression: Suppression) -> None:
        one = suppression
        await self._connection.execute(SQL["raise_rules_revision"])
        await self._connection.execute(
            SQL["add_suppression"], one.id, one.cause, one.author, one.created_at, one.expires_at,
            one.sku, one.vendor, one.category, one.rule_id, one.ended_at,
        )  # fmt: skip

    async def end_suppression(self, suppression_id: UUID, now: datetime) -> bool:
        await self._connection.execute(SQL["raise_rules_revision"])
        status = await self._connection.execute(SQL["end_suppression"], suppression_id, now)
        return affected(status) == 1

    async def ending_suppressions(
        self, now: datetime, before: timedelta
    ) -> list[Suppression]:
        rows = await self._connection.fetch(SQL["ending_suppressions"], now, before)
        return [Suppression(*row) for row in rows]

    async def suppressions_over(self, now: datetime) -> list[Suppression]:
        rows = await self._connection.fetch(SQL["suppressions_over"], now)
        return [Suppression(*row) for row in rows]

    async def held_back(
        self, suppressions: Sequence[Suppression], until: datetime
    ) -> list[HeldBack]:
        await self._writes.before_reading("crossings")
        rows = await self._connection.fetch(
            SQL["held_back"], [one.id for one in suppressions], until
        )
        return [
            HeldBack(row["crossings"], row["skus"], tuple(row["named"] or ())) for row in rows
        ]

    async def add_crossing(
        self, crossing_id: UUID, crossing: Crossing, known_at: datetime, outcome: str,
        case_id: UUID | None,
    ) -> None:  # fmt: skip
        by = crossing.crossed_by
        self._writes.add(
            "crossings", id=crossing_id, sku=crossing.scope.sku, scope=crossing.scope.as_dict(),
            rule_id=crossing.rule_id, rule_version=crossing.rule_version,
            crossed_at=by.occurred_at, source=by.source, signal_id=by.id, known_at=known_at,
            outcome=outcome, case_id=case_id, reason=crossing.reason.as_dict(),
        )  # fmt: skip

    async def crossings(self, sku: str) -> list[Json]:
        await self._writes.before_reading("crossings")
        return [in_json_types(row) for row in await self._connection.fetch(SQL["crossings"], sku)]

    async def sightings(self, rule: Rule, bound: float, since: datetime) -> list[Sighting]:
        scope = rule.scope
        rows = await self._connection.fetch(
            SQL["sightings"], rule.id, rule.version, bound, since, scope.category, scope.vendor,
            scope.sku,
        )  # fmt: skip
        return [Sighting(row["sku"], row["said_at"], stop_of(row)) for row in rows]

    async def spent_by_key(self, credential: str, since: datetime) -> int:
        await self._writes.before_reading("automatic_freezes")
        return int(await self._connection.fetchval(SQL["spent_by_key"], credential, since))

    async def spend(
        self, case: Case, at: datetime, source: str | None, credential: str | None
    ) -> None:
        self._writes.add(
            "automatic_freezes", case_id=case.id, sku=case.scope.sku, at=at, lane=case.lane,
            source=source, category=case.category, vendor=case.vendor, credential=credential,
        )  # fmt: skip

    async def alert_once(self, name: str, now: datetime, every: timedelta) -> bool:
        return bool(await self._connection.fetchval(SQL["alert_once"], name, now, every))


def _proposal(row: asyncpg.Record) -> Proposal:
    return Proposal(**{**row, "loosens": tuple(row["loosens"])})


def stop_of(row: asyncpg.Record) -> Stop | None:
    """Read the stop of a case from its row; None where it holds none."""
    if row["stopped_at"] is None:
        return None
    by: Literal["rule", "pull"] = "rule" if row["actor"] == System.DETECTOR else "pull"
    return Stop(row["stopped_at"], by, row["lane"], row["number"], ENDINGS.get(row["state"]))
