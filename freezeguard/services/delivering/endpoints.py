"""Where webhooks go: what vendors and admins do with their endpoints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from freezeguard.domain.errors import GuardFailed, InvalidInput, NotAllowed, NotFound
from freezeguard.domain.people import Actor, Person, Role, actor_name
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.storage import Database, Transaction
from freezeguard.ports.webhooks import Delivery, Endpoint, Message, Post, Scheme
from freezeguard.services.masterdata.access import as_of_now
from freezeguard.services.telling.news import TEST_TYPE, never_sent

MOST_ENDPOINTS = 10
"""Of one vendor, or of the shop itself."""
RESOLVE_SECONDS = 3.0
BY_HAND = "switched off by hand"
"""The record says by whom: a vendor need not know which of the shop's people it was."""
LONGEST_REPLAY = timedelta(days=92)

_AS_NEW: Mapping[str, Any] = {
    "state": "active", "why": "", "failing_since": None, "warned_at": None, "disabled_at": None,
}


@dataclass(frozen=True, slots=True)
class Shown:
    """An endpoint with what its receiver verifies with; a secret is there only when it is new."""

    endpoint: Endpoint
    key: str | None


class Endpoints:
    """Use cases of endpoints. A vendor's person works on their own vendor's, and sees no others."""

    def __init__(
        self, database: Database, post: Post, now: Now, new_id: NewId,
        new_secret: Callable[[], bytes],
    ) -> None:
        self._database, self._post, self._now = database, post, now
        self._new_id, self._new_secret = new_id, new_secret

    # ------------------------------------------------------------------------------- reading

    async def listed(self, who: Actor) -> list[Shown]:
        """Return the endpoints that somebody may see."""

        async def work(tx: Transaction) -> list[Endpoint]:
            return await tx.webhooks.endpoints(_vendor_of(await _still(tx, who)))

        return [self._shown(one) for one in await self._database.run(work)]

    async def get(self, who: Actor, endpoint_id: UUID) -> Shown:
        """Return an endpoint. Raises NotFound, also for somebody else's."""
        return self._shown(
            await self._database.run(lambda tx: self._theirs(tx, who, endpoint_id))
        )

    async def deliveries(
        self, who: Actor, endpoint_id: UUID, before: int | None, limit: int
    ) -> list[tuple[int, Delivery]]:
        """Return what became of an endpoint's messages, newest first. Raises NotFound."""

        async def work(tx: Transaction) -> list[tuple[int, Delivery]]:
            await self._theirs(tx, who, endpoint_id)
            return await tx.webhooks.deliveries(endpoint_id, before, limit)

        return await self._database.run(work)

    # ------------------------------------------------------------------------------ changing

    async def add(
        self, who: Actor, *, vendor: str | None, url: str, types: tuple[str, ...],
        scheme: Scheme, description: str,
    ) -> Shown:
        """Register an endpoint; its key is in the answer, and an HMAC secret nowhere else.

        Raises InvalidInput for an address where nothing may go, GuardFailed for one too many,
        NotAllowed for another vendor's.
        """
        await self._check(url)
        endpoint = Endpoint(
            self._new_id(), vendor, url, types, scheme, self._new_secret(), description,
            created_at=self._now(), created_by=actor_name(who),
        )

        async def work(tx: Transaction) -> Endpoint:
            own = _vendor_of(await _still(tx, who))
            if own is not None and vendor not in {None, own}:
                raise NotAllowed(f"You register endpoints of {own} only.")
            added = replace(endpoint, vendor=vendor if own is None else own)
            _check_types(added)
            await _check_room(tx, added.vendor)
            await tx.webhooks.add_endpoint(added, self._now())
            await self._record(tx, who, "add_webhook", added.id, url=url, vendor=added.vendor)
            return added

        return self._shown(await self._database.run(work), is_new=True)

    async def change(
        self, who: Actor, endpoint_id: UUID, *, url: str | None = None,
        types: tuple[str, ...] | None = None, description: str | None = None,
        active: bool | None = None,
    ) -> Shown:
        """Change an endpoint, switch it off or on again; absent fields stay as they are.

        Switched on again it gets what it missed. Raises NotFound, InvalidInput.
        """
        if url is not None:
            await self._database.run(lambda tx: self._theirs(tx, who, endpoint_id))
            await self._check(url)

        async def work(tx: Transaction) -> Endpoint:
            before = await self._theirs(tx, who, endpoint_id, lock=True)
            changed = replace(
                before,
                url=before.url if url is None else url,
                types=before.types if types is None else types,
                description=before.description if description is None else description,
            )
            _check_types(changed)
            if before.url != changed.url and before.state == "failing":
                changed = replace(changed, **_AS_NEW)
            if active is not None:
                changed = await self._switch(tx, changed, on=active)
            await tx.webhooks.update_endpoint(changed, self._now())
            await self._record(
                tx, who, "change_webhook", endpoint_id, url=changed.url, state=changed.state,
                types=list(changed.types),
            )
            return changed

        return self._shown(await self._database.run(work))

    async def _switch(self, tx: Transaction, endpoint: Endpoint, *, on: bool) -> Endpoint:
        """Switch an endpoint off or on; what waits for it is given up, or queued again."""
        now = self._now()
        if on and endpoint.disabled_at is not None:
            since = min(endpoint.failing_since or endpoint.disabled_at, endpoint.disabled_at)
            await tx.webhooks.requeue_unsent(endpoint.id, since)
            return replace(endpoint, **_AS_NEW)
        if not on and endpoint.disabled_at is None:
            await tx.webhooks.cancel_queued(endpoint.id, now)
            return replace(endpoint, state="disabled", why=BY_HAND, disabled_at=now)
        return endpoint

    async def rotate(self, who: Actor, endpoint_id: UUID, overlap: timedelta) -> Shown:
        """Give an endpoint a new key; the one before signs too for as long as `overlap`."""

        async def work(tx: Transaction) -> Endpoint:
            before = await self._theirs(tx, who, endpoint_id, lock=True)
            keeps = overlap > timedelta(0)
            changed = replace(
                before, secret=self._new_secret(),
                previous_secret=before.secret if keeps else None,
                previous_until=self._now() + overlap if keeps else None,
            )
            await tx.webhooks.update_endpoint(changed, self._now())
            await self._record(
                tx, who, "rotate_webhook", endpoint_id, overlap=overlap.total_seconds()
            )
            return changed

        return self._shown(await self._database.run(work), is_new=True)

    async def remove(self, who: Actor, endpoint_id: UUID) -> None:
        """Delete an endpoint; nothing more goes there. Raises NotFound."""

        async def work(tx: Transaction) -> None:
            await self._theirs(tx, who, endpoint_id, lock=True)
            await tx.webhooks.remove_endpoint(endpoint_id, self._now())
            await self._record(tx, who, "remove_webhook", endpoint_id)

        await self._database.run(work)

    async def test(self, who: Actor, endpoint_id: UUID) -> Message:
        """Queue a test message; the log tells what came of it. Raises NotFound, GuardFailed."""

        async def work(tx: Transaction) -> Message:
            endpoint = await self._theirs(tx, who, endpoint_id, lock=True)
            if endpoint.state == "disabled":
                raise GuardFailed(["the endpoint must be switched on first"])
            if await tx.webhooks.is_test_waiting(endpoint_id):
                raise GuardFailed(["the test before this one must have been delivered or given up"])
            message_id = self._new_id()
            message = Message(
                message_id, endpoint.vendor, f"test:{message_id}", TEST_TYPE, self._now(),
                {"endpoint": str(endpoint_id)},
            )
            await tx.webhooks.enqueue_for(message, endpoint_id)
            await self._record(tx, who, "test_webhook", endpoint_id)
            return message

        return await self._database.run(work)

    async def replay(
        self, who: Actor, endpoint_id: UUID, since: datetime, until: datetime | None,
        *, also_sent: bool,
    ) -> int:
        """Queue again the messages of [since, until) that did not arrive; return how many.

        With `also_sent` those that did as well. Ids stay the same. Raises NotFound, GuardFailed,
        InvalidInput.
        """
        end = self._now() if until is None else until
        if not since < end:
            raise InvalidInput("since must be before until, and in the past.", pointer="/since")
        if end - since > LONGEST_REPLAY:
            raise InvalidInput(
                f"A replay covers up to {LONGEST_REPLAY.days} days.", pointer="/since"
            )

        async def work(tx: Transaction) -> int:
            endpoint = await self._theirs(tx, who, endpoint_id, lock=True)
            if endpoint.state == "disabled":
                raise GuardFailed(["the endpoint must be switched on first"])
            number = await tx.webhooks.replay(endpoint, since, end, also_sent=also_sent)
            await self._record(
                tx, who, "replay_webhook", endpoint_id, since=since.isoformat(),
                until=end.isoformat(), messages=number,
            )
            return number

        return await self._database.run(work)

    # ------------------------------------------------------------------------------- helpers

    def _shown(self, endpoint: Endpoint, *, is_new: bool = False) -> Shown:
        if endpoint.scheme == "v1" and not is_new:
            return Shown(endpoint, None)
        return Shown(endpoint, self._post.published(endpoint.scheme, endpoint.secret))

    async def _check(self, url: str) -> None:
        """Look the address up, outside of any transaction: nothing may go to a private one."""
        why = await self._post.refusal(url, deadline=RESOLVE_SECONDS)
        if why is not None:
            raise InvalidInput(f"No webhook can go to this address: {why}.", pointer="/url")

    async def _theirs(
        self, tx: Transaction, who: Actor, endpoint_id: UUID, *, lock: bool = False
    ) -> Endpoint:
        """Return an endpoint that somebody may see. Raises NotFound: what is not theirs is not."""
        vendor = _vendor_of(await _still(tx, who))
        found = await tx.webhooks.endpoint(endpoint_id, lock=lock)
        if found is None or (vendor is not None and found.vendor != vendor):
            raise NotFound(f"There is no webhook endpoint {endpoint_id}.")
        return found

    async def _record(
        self, tx: Transaction, who: Actor, action: str, endpoint_id: UUID, **details: Any
    ) -> None:
        await tx.record.write(
            self._now(), who, action, f"webhook:{endpoint_id}", details=details
        )


async def _still(tx: Transaction, who: Actor) -> Person:
    """Return who asks with the roles of this moment. Raises NotAllowed where none is left.

    Memory may be a moment behind: a person may have left, or changed sides.
    """
    now = await as_of_now(tx, who)
    if not isinstance(now, Person) or not now.roles & {Role.ADMIN, Role.VENDOR}:
        raise NotAllowed("Webhooks are for admins, and for people of a vendor.")
    return now


def _vendor_of(who: Person) -> str | None:
    """Return whose endpoints somebody works on; None: everybody's."""
    return None if who.is_staff else who.vendor or ""


def _check_types(endpoint: Endpoint) -> None:
    """Refuse types that the endpoint would wait for in vain. Raises InvalidInput."""
    if vain := never_sent(endpoint.types, endpoint.vendor):
        whose = "the shop's own endpoints" if endpoint.vendor is not None else "vendors' endpoints"
        raise InvalidInput(f"{', '.join(vain)}: sent to {whose} only.", pointer="/types")


async def _check_room(tx: Transaction, vendor: str | None) -> None:
    if vendor is not None and await tx.master.vendor(vendor) is None:
        raise InvalidInput(f"Vendor {vendor} is not registered.", pointer="/vendor")
    if await tx.webhooks.count_endpoints(vendor) >= MOST_ENDPOINTS:
        raise GuardFailed([f"a vendor has at most {MOST_ENDPOINTS} endpoints; remove one first"])
