"""Webhooks: endpoints, messages, deliveries."""

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from freezeguard.ports.webhooks import Answered, Claimed, Delivery, Endpoint, Message
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import affected

SQL = queries("webhooks")


class PostgresWebhooks:
    """Implements `freezeguard.ports.webhooks.Webhooks`."""

    def __init__(self, connection: Statements, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes

    async def enqueue(self, message: Message) -> None:
        self._writes.add(
            "webhook_messages", id=message.id, vendor=message.vendor, thread=message.thread,
            case_id=message.case_id, sku=message.sku, type=message.type, at=message.at,
            data=message.data,
        )  # fmt: skip

    async def enqueue_for(self, message: Message, endpoint_id: UUID) -> None:
        await self._connection.execute(
            SQL["enqueue_for"], message.id, message.vendor, message.thread, message.case_id,
            message.sku, message.type, message.at, message.data, endpoint_id,
        )  # fmt: skip

    async def add_endpoint(self, endpoint: Endpoint, now: datetime) -> None:
        await self._connection.execute(
            SQL["add_endpoint"], endpoint.id, endpoint.vendor, endpoint.url, endpoint.types,
            endpoint.scheme, endpoint.secret, endpoint.description, endpoint.created_by, now,
        )  # fmt: skip

    async def update_endpoint(self, endpoint: Endpoint, now: datetime) -> None:
        await self._connection.execute(
            SQL["update_endpoint"], endpoint.id, endpoint.url, endpoint.types,
            endpoint.description, endpoint.secret, endpoint.previous_secret,
            endpoint.previous_until, endpoint.state, endpoint.why, endpoint.failing_since,
            endpoint.warned_at, endpoint.disabled_at, now,
        )  # fmt: skip

    async def remove_endpoint(self, endpoint_id: UUID, now: datetime) -> None:
        await self.cancel_queued(endpoint_id, now)
        await self._connection.execute(SQL["remove_endpoint"], endpoint_id, now)

    async def endpoint(self, endpoint_id: UUID, *, lock: bool = False) -> Endpoint | None:
        name = "lock_endpoint" if lock else "endpoint"
        row = await self._connection.fetchrow(SQL[name], endpoint_id)
        return None if row is None else _endpoint(row)

    async def endpoints(self, vendor: str | None = None) -> list[Endpoint]:
        return [_endpoint(row) for row in await self._connection.fetch(SQL["endpoints"], vendor)]

    async def count_endpoints(self, vendor: str | None) -> int:
        return int(await self._connection.fetchval(SQL["count_endpoints"], vendor))

    async def is_test_waiting(self, endpoint_id: UUID) -> bool:
        return bool(await self._connection.fetchval(SQL["is_test_waiting"], endpoint_id))

    async def troubled(self, failing_before: datetime) -> list[Endpoint]:
        rows = await self._connection.fetch(SQL["troubled"], failing_before)
        return [_endpoint(row) for row in rows]

    async def cancel_queued(self, endpoint_id: UUID, now: datetime) -> int:
        await self._writes.before_reading("webhook_messages")
        return affected(await self._connection.execute(SQL["cancel_queued"], endpoint_id, now))

    async def requeue_unsent(self, endpoint_id: UUID, since: datetime) -> int:
        status = await self._connection.execute(SQL["requeue_unsent"], endpoint_id, since)
        await self._connection.execute(SQL["wake"])
        return affected(status)

    async def replay(
        self, endpoint: Endpoint, since: datetime, until: datetime, *, also_sent: bool
    ) -> int:
        status = await self._connection.execute(
            SQL["replay"], endpoint.id, endpoint.vendor, since, until, endpoint.types, also_sent
        )
        await self._connection.execute(SQL["wake"])
        return affected(status)

    async def deliveries(
        self, endpoint_id: UUID, before: int | None, limit: int
    ) -> list[tuple[int, Delivery]]:
        rows = await self._connection.fetch(SQL["deliveries"], endpoint_id, before, limit)
        return [(row["seq"], Delivery(*tuple(row)[1:])) for row in rows]

    async def claim(
        self, lease: timedelta, token: UUID, *, failing_too: bool, moment: datetime | None = None
    ) -> Claimed | None:
        row = await self._connection.fetchrow(
            SQL["claim_endpoint"], lease, token, failing_too, moment
        )
        if row is None:
            return None
        endpoint = _endpoint(row)
        due = await self._connection.fetchrow(SQL["next_message"], endpoint.id, moment)
        if due is None:  # somebody else has sent it meanwhile
            await self._connection.execute(SQL["release"], endpoint.id, token)
            return None
        *message, attempts = due
        return Claimed(endpoint, Message(*message), attempts)

    async def log_attempt(self, claimed: Claimed, answered: Answered, now: datetime) -> None:
        await self._connection.execute(
            SQL["log_attempt"], claimed.message.id, claimed.endpoint.id, now, answered.status,
            answered.error, answered.seconds,
        )  # fmt: skip

    async def sent(self, claimed: Claimed, now: datetime) -> bool:
        status = await self._connection.execute(
            SQL["sent"], claimed.endpoint.id, claimed.message.id, now
        )
        return affected(status) == 1

    async def failed(
        self, claimed: Claimed, now: datetime, *, retry_in: float | None,
        moment: datetime | None = None,
    ) -> bool:
        noted = await self._connection.fetchval(
            SQL["failed"], claimed.endpoint.id, claimed.message.id, claimed.endpoint.lease_token,
            now, retry_in, moment,
        )  # fmt: skip
        return noted is not None

    async def hold_off(
        self, endpoint_id: UUID, seconds: float, moment: datetime | None = None
    ) -> None:
        await self._connection.execute(SQL["hold_off"], endpoint_id, seconds, moment)

    async def release(self, claimed: Claimed) -> None:
        endpoint = claimed.endpoint
        await self._connection.execute(SQL["release"], endpoint.id, endpoint.lease_token)


def _endpoint(row: asyncpg.Record) -> Endpoint:
    values = dict(row)
    return Endpoint(**{**values, "types": tuple(values["types"])})
