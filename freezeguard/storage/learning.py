"""The past of all items, the priors that it makes, and who is at learning them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from freezeguard.detection.daybook import Prior
from freezeguard.detection.exposure import Unit
from freezeguard.detection.learning import Heard, Shipped
from freezeguard.domain.rules import DEFAULT_KINDS
from freezeguard.domain.signals import NOT_THE_ITEMS_FAULT
from freezeguard.ports.learning import LearnedPrior
from freezeguard.storage.connection import Statements
from freezeguard.storage.queries import queries

SQL = queries("learning")

_ALL = ""
"""Stands for the category of all items, where a key can't be null."""


class PostgresLearning:
    """Implements `freezeguard.ports.learning.Learning`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def claim(
        self, holder: UUID, now: datetime, since: datetime | None, lease: timedelta
    ) -> bool:
        return bool(await self._connection.fetchval(SQL["claim"], holder, now, since, lease))

    async def renew(self, holder: UUID, lease: timedelta) -> bool:
        return bool(await self._connection.fetchval(SQL["renew"], holder, lease))

    async def finish(self, holder: UUID, now: datetime) -> None:
        await self._connection.execute(SQL["finish"], holder, now)

    async def finished_at(self) -> datetime | None:
        found: datetime | None = await self._connection.fetchval(SQL["finished_at"])
        return found

    async def heard(
        self, after: str, since: datetime, until: datetime, limit: int
    ) -> list[Heard]:
        kinds, others = list(DEFAULT_KINDS), sorted(NOT_THE_ITEMS_FAULT)
        rows = await self._connection.fetch(
            SQL["heard"], after, limit, since, until, kinds, others
        )
        return [_heard(row) for row in rows]

    async def priors(self) -> list[LearnedPrior]:
        return [_prior(row) for row in await self._connection.fetch(SQL["priors"])]

    async def put_priors(self, learned: Sequence[LearnedPrior], now: datetime) -> int:
        revision = int(await self._connection.fetchval(SQL["raise_revision"]))
        for one in learned:
            category, unit = one.group
            shape, exposure = (None, None) if one.prior is None else (
                one.prior.shape, one.prior.exposure
            )  # fmt: skip
            await self._connection.execute(
                SQL["put_prior"], category or _ALL, unit, revision, shape, exposure, one.items, now
            )
        return revision

    async def was_learned(self, unit: Unit, prior: Prior, by: datetime) -> bool:
        return bool(await self._connection.fetchval(
            SQL["was_learned"], prior.revision, unit, prior.shape, prior.exposure, by
        ))


def _heard(row: asyncpg.Record) -> Heard:
    shipped = None
    if row["units"]:
        shipped = Shipped(row["units"], row["first_day"], row["last_day"])
    by_day = dict(zip(row["days"] or (), row["customers"] or (), strict=True))
    return Heard(
        row["sku"], row["category"], by_day, row["first"], row["last"], shipped, row["is_held"]
    )


def _prior(row: asyncpg.Record) -> LearnedPrior:
    prior = None
    if row["shape"] is not None:
        prior = Prior(row["shape"], row["exposure"], row["revision"])
    return LearnedPrior((row["category"] or None, row["unit"]), prior, row["items"])
