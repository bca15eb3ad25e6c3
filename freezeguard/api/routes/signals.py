"""Signals and units shipped: taken in, never lost."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from freezeguard.api import batches
from freezeguard.api.access import Access
from freezeguard.api.batches import Parsed, Rejected
from freezeguard.api.cloudevents import SCHEMA as CLOUD_EVENT
from freezeguard.api.context import Context
from freezeguard.api.cursors import read_cursor, write_cursor
from freezeguard.api.models.answers.signals import (
    Accepted,
    RejectedItem,
    RejectedSignalOut,
    RejectedSignals,
)
from freezeguard.api.models.requests import PageQuery
from freezeguard.api.models.signals import EXAMPLE as SIGNAL_EXAMPLE
from freezeguard.api.models.signals import SignalIn
from freezeguard.api.models.units import EXAMPLE as UNITS_EXAMPLE
from freezeguard.api.models.units import UnitsIn
from freezeguard.api.routing import AnyRoute, Call, CustomBody, Reply, Route
from freezeguard.domain.errors import WrongSource
from freezeguard.domain.people import Actor, MachineKey, Right, Role
from freezeguard.domain.signals import Signal, fingerprint
from freezeguard.ports.rows import RejectedSignal, UnitsShipped
from freezeguard.services.detecting.ingestion import Receipt

STRETCH = 25
"""Signals that are converted before others may run."""

CONFLICT = "The same id was sent before with another body; it is not counted."


class Signals:
    """Handlers of signals."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def read(
        self, body: bytes, media_type: str, request: web.Request
    ) -> Parsed[SignalIn]:
        """Read a body slice by slice; others may run in between."""
        parsed: Parsed[SignalIn] = Parsed()
        slices = batches.signal_slices(body, media_type, request.headers, self._context.now())
        for part in slices:
            parsed.extend(part)
            await self._context.ingestion.courtesy.give_way()
        return parsed

    async def post(self, call: Call[None, Parsed[SignalIn]]) -> Reply:
        """Store a batch; answer only once all of it is durable."""
        parsed, key = call.body, call.who
        _check_source(key, [item.source for _, item in parsed.items])
        may_assert = isinstance(key, MachineKey) and Right.MAY_ASSERT_SAFETY in key.rights
        receipt, rejected = await self.store(parsed, may_assert_safety=may_assert)
        await keep(self._context, rejected, *_sender(key))
        return answer(len(receipt.accepted), len(receipt.duplicates), rejected)

    async def store(
        self, parsed: Parsed[SignalIn], *, may_assert_safety: bool
    ) -> tuple[Receipt, list[Rejected]]:
        """Store what is good; return once it is durable, with all that was rejected, in order."""
        signals, prints = await self._to_domain(parsed, may_assert_safety)
        receipt = await self._context.ingestion.submit(signals, prints)
        conflicts = [conflict_of(*parsed.items[position]) for position in receipt.conflicts]
        return receipt, sorted([*parsed.rejected, *conflicts], key=lambda one: one.index)

    async def _to_domain(
        self, parsed: Parsed[SignalIn], may_assert: bool
    ) -> tuple[list[Signal], list[bytes]]:
        """Return the signals as they are stored, and their fingerprints.

        Others may run in between: a single complaint must not wait for a batch.
        """
        context = self._context
        signals, prints = [], []
        for place, (_, item) in enumerate(parsed.items, 1):
            signals.append(item.to_domain(
                hash_customer=context.hash_customer, hash_mark=context.hash_mark,
                mask=context.mask, may_assert_safety=may_assert,
            ))
            prints.append(item.fingerprint)
            if place % STRETCH == 0:
                await context.ingestion.courtesy.give_way()
        return signals, prints

    async def rejected(self, call: Call[PageQuery]) -> Reply:
        """List what was not accepted; a source key sees its own."""
        context, actor, limit = self._context, call.who, call.query.limit
        source = actor.source if isinstance(actor, MachineKey) else None
        before = read_cursor(call.query.cursor)
        rows = await context.database.run(
            lambda tx: tx.signals.rejected(source, before, limit + 1)
        )
        items = [RejectedSignalOut.model_validate(_rejected(row)) for row in rows[:limit]]
        more = len(rows) > limit
        after = write_cursor(items[-1].received_at, items[-1].id) if more else None
        return Reply(RejectedSignals(items=items, next=after))


class Units:
    """Handlers of units shipped."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def read(
        self, body: bytes, media_type: str, request: web.Request
    ) -> Parsed[UnitsIn]:
        """Read a body."""
        del request
        return batches.parse_units(body, media_type, self._context.now())

    async def post(self, call: Call[None, Parsed[UnitsIn]]) -> Reply:
        """Store units shipped."""
        context, parsed = self._context, call.body
        _check_source(call.who, [item.source for _, item in parsed.items])
        shipped = [shipment_of(item) for _, item in parsed.items]
        accepted, duplicates, conflicts = await context.ingestion.store_units(shipped)
        clashing = [conflict_of(*parsed.items[position]) for position in conflicts]
        rejected = sorted([*parsed.rejected, *clashing], key=lambda one: one.index)
        await keep(context, rejected, *_sender(call.who))
        return answer(len(accepted), len(duplicates), rejected)


async def keep(
    context: Context, rejected: Sequence[Rejected], source: str | None, key: str | None = None
) -> None:
    """Keep what was not accepted, masked, so that nothing is lost. `key` is the id of a key."""
    if not rejected:
        return
    items = [
        RejectedSignal(
            context.new_id(), source, key, one.index, one.code, one.detail, context.mask(one.raw),
        )
        for one in rejected
    ]
    await context.database.run(lambda tx: tx.signals.keep_rejected(items, context.now()))


def answer(accepted: int, duplicates: int, rejected: Sequence[Rejected]) -> Reply:
    """Return 202 for a batch of which anything was taken, 422 for one of which nothing was."""
    items = [
        RejectedItem(index=one.index, code=one.code, detail=one.detail, pointer=one.pointer)
        for one in rejected
    ]
    body = Accepted(accepted=accepted, duplicates=duplicates, rejected=items)
    nothing = not accepted and not duplicates and bool(items)
    if nothing:
        raise batches.NothingAccepted(items)
    return Reply(body, 202)


def _sender(actor: Actor) -> tuple[str | None, str | None]:
    """Return the source and the id of a key."""
    return (actor.source, actor.id) if isinstance(actor, MachineKey) else (None, None)


def _check_source(actor: Actor, sources: Sequence[str]) -> None:
    own = actor.source if isinstance(actor, MachineKey) else None
    foreign = next((one for one in sources if one != own), None)
    if foreign is not None:
        raise WrongSource(f"This key sends for {own!r}, not for {foreign!r}.")


def conflict_of(index: int, item: SignalIn | UnitsIn) -> Rejected:
    """Return the report of an entry whose id was sent before with another body."""
    raw = item.model_dump_json(exclude_unset=True)[: batches.MAX_RAW]
    return Rejected(index, "id_conflict", CONFLICT, "/id", raw)


def shipment_of(item: UnitsIn) -> UnitsShipped:
    """Return units shipped as they are stored."""
    values = item.model_dump(mode="json").values()
    print_ = fingerprint(None if value is None else str(value) for value in values)
    return UnitsShipped(
        item.source, item.id, print_, item.sku, item.units, item.shipped_at, item.lot,
        item.seller, item.channel, item.country,
    )


def _rejected(row: Any) -> dict[str, Any]:
    return {**row, "id": str(row["id"]), "index": row["position"]}


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of signals and units."""
    signals, units = Signals(context), Units(context)
    many: Any = SignalIn | list[SignalIn]
    return [
        Route(
            method="POST", path="/v1/signals", handler=signals.post, tag="Signals",
            summary="Send complaints and other signals",
            description="202 only once every accepted signal is durable. Good items of a mixed "
            "batch are kept; bad ones are reported here and kept under /v1/signals/rejected.",
            who=Access.source(), status=202, result=Accepted,
            body=CustomBody(
                signals.read,
                {
                    "application/json": many,
                    "application/x-ndjson": {"type": "string"},
                    "application/jsonl": {"type": "string"},
                    "application/x-jsonlines": {"type": "string"},
                    "application/cloudevents+json": CLOUD_EVENT,
                    "application/cloudevents-batch+json": {
                        "type": "array", "items": CLOUD_EVENT,
                    },
                },
                {"one complaint": SIGNAL_EXAMPLE},
            ),
            errors=(
                "wrong_source", "nothing_accepted", "too_many_rejected", "too_many", "id_conflict",
            ),
        ),
        Route(
            method="GET", path="/v1/signals/rejected", handler=signals.rejected, tag="Signals",
            summary="List signals that were not accepted",
            who=Access.source() | Access.staff(Role.ANALYST, Role.ADMIN, Role.AUDITOR),
            query=PageQuery, result=RejectedSignals,
        ),
        Route(
            method="POST", path="/v1/units", handler=units.post, tag="Signals",
            summary="Send units shipped",
            description="The exposure that rates are measured against.",
            who=Access.source(), status=202, result=Accepted,
            body=CustomBody(
                units.read,
                {
                    "application/json": UnitsIn | list[UnitsIn],
                    "application/x-ndjson": {"type": "string"},
                    "application/jsonl": {"type": "string"},
                    "application/x-jsonlines": {"type": "string"},
                },
                {"one shipment": UNITS_EXAMPLE},
            ),
            errors=(
                "wrong_source", "nothing_accepted", "too_many_rejected", "too_many", "id_conflict",
            ),
        ),
    ]



