"""A shop in which a person has left traces everywhere, beside others who are not to be touched."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from freezeguard.services.detecting.recomputing import recompute
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.privacy.leftovers import hashes
from tests.rig import SOURCE, Rig, shop_with_service

FROZEN, UNFROZEN, AWAITING, PULLED = "SKU-000001", "SKU-000002", "SKU-000003", "SKU-000004"
REFERENCE, ORDER = "kunde/4711", "ORD-2026-0815"
TEXT = "The handle broke off while pouring, my hand is burnt."
SHORT = "It smells odd"
OTHER = "kunde/4711-b"
ALIKE = "It arrived damaged and can't be used."


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with one replica and no mail server: notices stay in the outbox."""
    async with shop_with_service(dsns, tmp_path, seed=4, mail={"host": None}) as running:
        yield running


@dataclass
class Traced:
    """What was left, by which it must not be found again."""

    rig: Rig
    frozen: dict[str, Any]
    cases: list[dict[str, Any]] = field(default_factory=list)

    @property
    def hash(self) -> bytes:
        """Return the keyed hash of the person."""
        return self.hash_of(REFERENCE)

    def hash_of(self, reference: str) -> bytes:
        """Return the keyed hash of anybody."""
        assert self.rig.service is not None
        return self.rig.service.context.hash_customer(reference)

    @property
    def needles(self) -> list[str]:
        """Return all that must be gone. The other person's reference holds this person's."""
        return [f"{REFERENCE} ", f'{REFERENCE}"', f"{REFERENCE}.", ORDER, *hashes(self.hash),
                "handle broke off", "my hand is burnt", SHORT, "+49 30 blue"]

    async def recomputed(self) -> list[Any]:
        """Recompute why the frozen case froze."""
        assert self.rig.service is not None
        found = await recompute(
            self.rig.service.database, UUID(self.frozen["id"]), datetime.now(UTC)
        )
        assert found.is_same
        return [one.recomputed for one in found.freezes]

    async def erase(self, reference: str = REFERENCE, **more: Any) -> dict[str, int]:
        """Erase in the name of compliance."""
        body = {"reference": reference, "reason": f"Letter of {reference}.", **more}
        answer = await self.rig.call("POST", "/v1/subjects/erase", "cora", json=body)
        assert answer.status == 200, answer.body
        return dict(answer.body["erased"])

    async def export(self, reference: str = REFERENCE, **more: Any) -> dict[str, Any]:
        """Return what is held, by place."""
        answer = await self.rig.call(
            "POST", "/v1/subjects/export", "cora", json={"reference": reference, **more}
        )
        assert answer.status == 200, answer.body
        return {one["place"]: one["items"] for one in answer.body["places"]}


async def send(rig: Rig, sku: str, customer: str | None, **more: Any) -> None:
    """Send one complaint."""
    sent = rig.complaint(sku, customer or "", **more)
    if customer is None:
        del sent["customer"]
    answer = await rig.call("POST", "/v1/signals", "source", json=sent)
    assert answer.status == 202, answer.body


async def send_what_is_refused(rig: Rig) -> None:
    """Leave the person in bodies that were not accepted, also behind escapes."""
    late = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    future = rig.complaint(UNFROZEN, REFERENCE, occurred_at=late)
    await rig.call("POST", "/v1/signals", "source", json=future)
    escaped = REFERENCE.replace("k", "\\u006b").replace("/", "\\/")
    body = f'{{"source": "{SOURCE}", "customer": "{escaped}", "note": "who am I"}}'
    await rig.call("POST", "/v1/signals", "source", data=body,
                   headers={"Content-Type": "application/json"})
    mentions = rig.complaint(UNFROZEN, "somebody", severity="dire", text=f"As {REFERENCE} said")
    await rig.call("POST", "/v1/signals", "source", json=mentions)
    await rig.call("POST", "/v1/signals", "source", json={"source": SOURCE, "about": "others"})


@pytest.fixture
async def traced(rig: Rig) -> Traced:
    """Leave traces of one person in signals, cases, notices, refusals, votes and kept answers."""
    await rig.complain(FROZEN, 3)
    own = {"text": TEXT, "order": ORDER, "phone_note": f"{REFERENCE} +49 30 blue"}
    await send(rig, FROZEN, REFERENCE, **own)
    await send(rig, FROZEN, REFERENCE, text=SHORT, severity="critical")
    await rig.complain(FROZEN, 1)
    frozen = await rig.in_state(FROZEN, "frozen")

    await send(rig, UNFROZEN, REFERENCE, text=SHORT)
    await send(rig, UNFROZEN, None, order=ORDER, text="No name, but the order.")
    await send(rig, UNFROZEN, OTHER, text="I am somebody else altogether.", order="ORD-1")
    await send(rig, UNFROZEN, "twin", text=ALIKE)
    await send(rig, UNFROZEN, REFERENCE, text=ALIKE)
    await send(rig, UNFROZEN, "third", text=f"My neighbour {REFERENCE} has the same.")
    await send_what_is_refused(rig)

    awaiting = await rig.to_awaiting_approval(AWAITING)
    await send(rig, AWAITING, REFERENCE, text=TEXT)

    pull = {"scope": {"sku": PULLED}, "reason_code": "safety_hazard",
            "comment": f"Called by {REFERENCE} about {ORDER}: {TEXT}"}
    pulled = await rig.call("POST", "/v1/freezes", "alba", json=pull,
                            headers={"Idempotency-Key": "pull-1"})
    assert pulled.status == 201, pulled.body
    case = await rig.in_state(PULLED, "frozen")
    await rig.done(case, "comment", "bert", comment=f"{REFERENCE} has called again.")
    suppression = {
        "sku": PULLED, "cause": f"{REFERENCE} complains without end.",
        "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }
    held_back = await rig.call("POST", "/v1/suppressions", "quin", json=suppression)
    assert held_back.status == 201, held_back.body
    return Traced(rig, frozen, [frozen, awaiting, case])


async def sql(dsns: OwnerAndRuntimeDsns, text: str, *arguments: Any) -> list[asyncpg.Record]:
    """Ask the database as its owner."""
    connection = await asyncpg.connect(dsns.owner)
    try:
        return list(await connection.fetch(text, *arguments))
    finally:
        await connection.close()
