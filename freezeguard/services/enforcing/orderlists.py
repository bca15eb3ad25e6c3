"""Orders under way of a case: paid for, not sent yet, and not to be sent.

Every catalogue of the case is asked at once, outside any transaction, each within a deadline. A
failure here is none of a stop: no breaker hears of it, and no place of a stop is taken. How a
shop knows its customers is handed to whoever may ask, and neither stored nor logged here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from freezeguard.domain.errors import GuardFailed, NotAllowed
from freezeguard.domain.people import Actor, Person, Role, System
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import State
from freezeguard.ports.catalogues import CatalogueError, OrderBook, OrdersFound, OrderUnderWay
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.orderlists import WantedList
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.cases.casefile import visible_case
from freezeguard.services.directory import Directory, Outlet
from freezeguard.services.enforcing.containment import (
    Announced,
    Answered,
    OrderList,
    Outcome,
    messages_of,
)
from freezeguard.services.enforcing.enforcement import Enforcement
from freezeguard.services.masterdata.access import as_of_now
from freezeguard.services.telling.news import LISTED_TYPE, post_orders

log = structlog.get_logger()

DEADLINE = 15.0
"""Seconds for one catalogue: whoever asks waits so long at most."""
GRACE = 0.5
"""Seconds beyond it after which a connector that ignores it is cut off."""
LEASE = timedelta(seconds=60)
PAUSES = tuple(timedelta(seconds=one) for one in (30, 60, 300, 900, 3600))
"""Before a catalogue that could not be reached is asked again for an announcement."""
LISTED, ANNOUNCED = "list_orders", "announce_orders"
"""Actions of the record."""

@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, and where: the objects that are known, by catalogue."""

    case: Case
    since: datetime
    where: tuple[tuple[Outlet, tuple[str, ...]], ...]


class OrderLists:
    """Lists the orders under way of a case, and announces them to whoever can hold them."""

    def __init__(
        self, database: Database, directory: Directory, enforcement: Enforcement, now: Now,
        new_id: NewId,
    ) -> None:
        self._database, self._directory, self._enforcement = database, directory, enforcement
        self._now, self._new_id = now, new_id
        self._turns = {name: asyncio.Semaphore(1) for name in directory.outlets}

    # --------------------------------------------------------------------------------- by people

    async def listed(self, case_id: UUID, actor: Actor, since: datetime | None) -> OrderList:
        """Ask every catalogue, and note that it was done. Raises NotFound, NotAllowed."""
        question = await self._database.run(
            lambda tx: self._question(tx, case_id, actor, since, may=_MAY_READ)
        )
        found = await self._ask(question)
        await self._database.run(lambda tx: self._record(tx, actor, LISTED, found))
        return found

    async def announce(self, case_id: UUID, actor: Actor, since: datetime | None) -> Announced:
        """Ask every catalogue and post what they said. Raises NotFound, NotAllowed, GuardFailed."""
        question = await self._database.run(
            lambda tx: self._question(tx, case_id, actor, since, may=_MAY_ANNOUNCE)
        )
        found = await self._ask(question)

        async def work(tx: Transaction) -> Announced:
            case = await visible_case(tx, case_id, actor)
            await _check(tx, case, actor, _MAY_ANNOUNCE)
            return await self._post(tx, actor, found)

        return await self._database.run(work)

    async def _question(
        self, tx: Transaction, case_id: UUID, actor: Actor, since: datetime | None, *,
        may: "_May",
    ) -> _Question:
        case = await visible_case(tx, case_id, actor)
        await _check(tx, case, actor, may)
        return await self._about(tx, case, since)

    # --------------------------------------------------------------------------------- by itself

    async def announce_due(self) -> int:
        """Announce one case that is waiting for it; return how many were.

        What could not be reached is asked again, and told of in a message of its own.
        """
        claimed = await self._database.run(lambda tx: tx.order_lists.claim(LEASE))
        if claimed is None:
            return 0
        question = await self._database.run(lambda tx: self._wanted(tx, claimed))
        if question is None:
            await self._database.run(lambda tx: tx.order_lists.settle(claimed, (), None))
            return 1
        found = await self._ask(question)
        await self._database.run(lambda tx: self._settle(tx, claimed, found))
        return 1

    async def _wanted(self, tx: Transaction, claimed: WantedList) -> _Question | None:
        """Return what is to be asked, None where the case holds nothing any more."""
        case = await tx.cases.get(claimed.case_id)
        if case is None or not _stops_sale(case):
            return None
        question = await self._about(tx, case, None)
        if claimed.catalogues is None:
            return question
        left = [one for one in question.where if one[0].name in claimed.catalogues]
        return replace(question, where=tuple(left))

    async def _settle(self, tx: Transaction, claimed: WantedList, found: OrderList) -> None:
        left = [one.catalogue for one in found.answers if one.outcome == "unreachable"]
        tries = claimed.attempts - 1
        pause = PAUSES[tries] if left and tries < len(PAUSES) else None
        if not await tx.order_lists.settle(claimed, left, pause):
            return
        if claimed.catalogues is None or len(left) < len(found.answers):
            await self._post(tx, System.RECONCILER, found)

    # ------------------------------------------------------------------------------------ asking

    async def _about(self, tx: Transaction, case: Case, since: datetime | None) -> _Question:
        first = since or await tx.cases.first_counted(case.id) or case.opened_at
        rows = await tx.objects.of_sku(case.scope.sku)
        concerned = [
            one for one in self._directory.outlets.values()
            if any(one.concerns(scope) for scope in case.scopes)
        ]
        known = {
            one.name: tuple(row.remote_id for row in rows
                            if row.catalogue == one.name and row.remote_id)
            for one in concerned
        }
        return _Question(case, first, tuple((one, known[one.name]) for one in concerned))

    async def _ask(self, question: _Question) -> OrderList:
        asked_at, sku = self._now(), question.case.scope.sku
        answers = await asyncio.gather(*(
            self._ask_one(outlet, sku, known, question.since)
            for outlet, known in question.where
        ))
        return OrderList(question.case, question.since, asked_at, tuple(answers))

    async def _ask_one(
        self, outlet: Outlet, sku: str, known: Sequence[str], since: datetime
    ) -> Answered:
        """Ask one catalogue; never raises for a far side's fault. Its words are not logged."""
        name = outlet.name
        if not isinstance(outlet.catalogue, OrderBook):
            return Answered(name, "unsupported", "its kind can't list orders")
        if reason := self._enforcement.proofs.missing(name):
            return Answered(name, "refused", reason)
        try:
            async with asyncio.timeout(DEADLINE + GRACE):
                found = await self._orders(outlet, outlet.catalogue, sku, known, since)
        except CatalogueError as error:
            outcome: Outcome = "unreachable" if error.recoverable else "refused"
            log.warning("orders_not_listed", catalogue=name, sku=sku, outcome=outcome)
            return Answered(name, outcome, error.detail)
        except TimeoutError:
            log.warning("orders_not_listed", catalogue=name, sku=sku, outcome="unreachable")
            return Answered(name, "unreachable", f"no answer within {DEADLINE:g} s")
        except Exception as error:  # noqa: BLE001 - a trace might show whom an order is for
            kind = type(error).__name__
            log.error("order_book_failed", catalogue=name, sku=sku, error=kind)  # noqa: TRY400
            return Answered(name, "refused", f"the connector itself failed: {kind}")
        return Answered(name, "answered", "", found.orders, found.cut_at)

    async def _orders(
        self, outlet: Outlet, book: OrderBook, sku: str, known: Sequence[str], since: datetime
    ) -> OrdersFound:
        """Ask for the orders of each object in turn, one question to a catalogue at a time."""
        loop, called = asyncio.get_running_loop(), outlet.called(sku)
        until = loop.time() + DEADLINE
        async with self._turns[outlet.name]:
            breaker = self._enforcement.breakers[outlet.name]
            if breaker.pause_left(loop.time()) > 0:
                raise CatalogueError("the catalogue has asked for a pause", recoverable=True)
            if not known:
                listed = await outlet.catalogue.lookup(called, deadline=until - loop.time())
                known = [one.remote_id for one in listed]
            return _together([
                await book.orders_with(called, one, since, deadline=until - loop.time())
                for one in known
            ])

    # ----------------------------------------------------------------------------------- posting

    async def _post(self, tx: Transaction, actor: Actor, found: OrderList) -> Announced:
        now = self._now()
        messages = messages_of(found)
        for one in messages:
            await post_orders(tx, self._new_id(), found.case, one, now)
        wanting = await _listening(tx)
        await self._record(tx, actor, ANNOUNCED, found, messages=len(messages), endpoints=wanting)
        return Announced(found, len(messages), wanting)

    async def _record(
        self, tx: Transaction, actor: Actor, action: str, found: OrderList, **more: Any
    ) -> None:
        said = {one.catalogue: {"outcome": one.outcome, "orders": len(one.orders)}
                for one in found.answers}
        await tx.record.write(
            self._now(), actor, action, f"case:{found.case.id}",
            details={"since": found.since.isoformat(), "catalogues": said, **more},
        )


def _together(parts: Sequence[OrdersFound]) -> OrdersFound:
    """Add up what was found of several objects; an order that holds two of them stands once."""
    orders: dict[str, OrderUnderWay] = {}
    for one in (order for part in parts for order in part.orders):
        before = orders.get(one.id)
        quantity = one.quantity + (before.quantity if before else 0)
        orders[one.id] = replace(one, quantity=quantity)
    cuts = [part.cut_at for part in parts if part.cut_at is not None]
    return OrdersFound(
        tuple(sorted(orders.values(), key=lambda one: (one.placed_at, one.id))),
        cut_at=min(cuts, default=None),
    )


async def _listening(tx: Transaction) -> int:
    """Return how many endpoints of the shop's own get the message now."""
    return sum(
        one.vendor is None and one.state != "disabled"
        and (not one.types or LISTED_TYPE in one.types)
        for one in await tx.webhooks.endpoints()
    )


@dataclass(frozen=True, slots=True)
class _May:
    """Who may beside the owner and managers of the category; `words` say it in a refusal."""

    words: str
    others: frozenset[Role] = frozenset()
    of_stopped_cases: bool = False

    def admits(self, case: Case, who: Actor) -> bool:
        if not isinstance(who, Person) or not who.is_staff:
            return False
        is_owner = who.may_own and case.owner == who.id
        return is_owner or who.manages(case.category) or not self.others.isdisjoint(who.roles)


_MAY_READ = _May(
    "its owner, managers of its category, analysts and compliance",
    frozenset({Role.ANALYST, Role.COMPLIANCE}),
)
_MAY_ANNOUNCE = _May("its owner and managers of its category", of_stopped_cases=True)


async def _check(tx: Transaction, case: Case, actor: Actor, may: _May) -> None:
    """Raise NotAllowed where somebody may not, with the roles of this moment; GuardFailed."""
    if not may.admits(case, await as_of_now(tx, actor)):
        raise NotAllowed(f"The orders of case {case.number} are for {may.words}.")
    if may.of_stopped_cases and not _stops_sale(case):
        raise GuardFailed(["the case stops no sale: there is nothing to hold orders back for"])


def _stops_sale(case: Case) -> bool:
    return case.keeps_its_hold or case.state is State.DELISTED
