"""Holds of cases: set, widened, narrowed, released, handed from case to case.

Every change takes the lock of the held set, so revisions commit in order; readers follow the
ledger. What catalogues must do is the union of all active holds of a SKU.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from freezeguard.domain import effects as fx
from freezeguard.domain.enforcement import Status, Wanted
from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.rows import CatalogueRow, Hold, HoldChange
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.aftermath import Aftermath
from freezeguard.services.directory import Directory
from freezeguard.services.telling.news import post_hold_change
from freezeguard.services.topics import TOPIC_HOLDS, TOPIC_OBJECTS

LEASE = timedelta(seconds=5)
"""How long whoever stopped a sale has to say what came of it before another replica looks."""


class Holding:
    """Carries out what decisions ask of holds. The caller holds the lock of the SKU."""

    def __init__(self, directory: Directory, now: Now, new_id: NewId) -> None:
        self._directory, self._now, self._new_id = directory, now, new_id

    async def set(self, tx: Transaction, aftermath: Aftermath, effect: fx.SetHold) -> None:
        """Put a case's holds in force, for its scope as it is now."""
        case, now, prelude = aftermath.case, self._now(), aftermath.prelude
        if prelude is None:
            in_force, rows = await tx.holds.in_force(case.scope.sku), None
        else:
            in_force, rows = list(prelude.holds), prelude.objects
        mine = [one for one in in_force if one.case_id == case.id]
        own = [one for one in mine if one.scope == case.scope]
        main = next(iter(own or [one for one in mine if case.scope.covers(one.scope)]), None)
        revision = await tx.holds.next_revision()
        hold = Hold(
            id=self._new_id() if main is None else main.id,
            case_id=case.id, scope=case.scope, lane=case.lane, level=effect.level,
            soft=effect.soft, state="active", reason=str(case.reason.get("sentence", "")),
            since=now if main is None else main.since, revision=revision,
        )
        if main is None:
            await tx.holds.insert(hold)
        else:
            await tx.holds.update(hold, ended_at=None)
        await self._log(tx, hold, "hold")
        held = [one for one in in_force if one.case_id != case.id] + [hold]
        for one in mine:
            if main is None or one.id != main.id:
                held += await self._set_further(tx, case, one, effect)
        held += await self._missing_further(tx, case, held, effect)
        newest = max(one.revision for one in held if one.case_id == case.id)
        aftermath.rows, claims = await self.want(tx, case.scope.sku, newest, held, rows)
        aftermath.claims += claims
        aftermath.stops_sale = not effect.soft and (main is None or bool(claims))

    async def _set_further(
        self, tx: Transaction, case: Case, hold: Hold, effect: fx.SetHold
    ) -> list[Hold]:
        """Put another hold of the case in force as well; one that is covered now is superseded.

        One that the case has outgrown by a narrowing goes on to be released.
        """
        if any(one != hold.scope and one.covers(hold.scope) for one in case.scopes):
            await self._end(tx, hold, "superseded", await tx.holds.next_revision())
            return []
        if hold.scope not in case.scopes:
            return [hold]
        revision = await tx.holds.next_revision()
        again = replace(
            hold, state="active", lane=case.lane, level=effect.level, soft=effect.soft,
            revision=revision,
        )
        await tx.holds.update(again, ended_at=None)
        await self._log(tx, again, "hold")
        return [again]

    async def _missing_further(
        self, tx: Transaction, case: Case, held: Sequence[Hold], effect: fx.SetHold
    ) -> list[Hold]:
        """A case that was released whole is stopped again whole: merged scopes too."""
        known = {one.scope for one in held if one.case_id == case.id}
        return [
            await self._insert(tx, case, scope, effect.level, soft=effect.soft)
            for scope in case.further_scopes
            if scope not in known
        ]

    async def _insert(
        self, tx: Transaction, case: Case, scope: Scope, level: fx.Level, *, soft: bool = False
    ) -> Hold:
        hold = Hold(
            id=self._new_id(), case_id=case.id, scope=scope, lane=case.lane, level=level,
            soft=soft, state="active", reason=str(case.reason.get("sentence", "")),
            since=self._now(), revision=await tx.holds.next_revision(),
        )
        await tx.holds.insert(hold)
        await self._log(tx, hold, "hold")
        return hold

    # --------------------------------------------------------------------- narrower, and merged

    async def set_narrow(
        self, tx: Transaction, aftermath: Aftermath, effect: fx.SetNarrowHold
    ) -> None:
        """Put a narrower hold in force beside those that stay until it is read back.

        A scope that came with a merged case has its hold already.
        """
        case = aftermath.case
        known = {one.scope for one in await tx.holds.of_case(case.id)}
        if effect.scope not in known:
            await self._insert(tx, case, effect.scope, "hard")
        held = await tx.holds.in_force(case.scope.sku)
        newest = max(one.revision for one in held if one.case_id == case.id)
        aftermath.rows, claims = await self.want(tx, case.scope.sku, newest, held)
        aftermath.claims += claims

    async def release_wider(self, tx: Transaction, aftermath: Aftermath) -> None:
        """Begin to release every hold of a case but the one of its own scope."""
        case = aftermath.case
        others = [
            one for one in await tx.holds.of_case(case.id)
            if one.scope != case.scope and one.state == "active"
        ]
        await self._begin_release(tx, aftermath, others)

    async def hand_over(self, tx: Transaction, case: Case, survivor: Case, lane: str) -> None:
        """Give the holds of a case to another one. None is released, not for a moment.

        Superseded is what something wider covers anyway: a hold that was to narrow the case, and
        one of the survivor's for exactly the scope of one that comes.
        """
        theirs = {one.scope: one for one in await tx.holds.of_case(survivor.id)}
        for hold in await tx.holds.of_case(case.id):
            revision = await tx.holds.next_revision()
            if hold.state == "active" and hold.scope not in case.scopes:
                await self._end(tx, hold, "superseded", revision)
                continue
            if (twin := theirs.get(hold.scope)) is not None:
                gone = hold if hold.state == "releasing" else twin
                await self._end(tx, gone, "superseded", revision)
                if gone is hold:
                    continue
                revision = await tx.holds.next_revision()
            given = replace(hold, case_id=survivor.id, lane=lane, revision=revision)
            await tx.holds.update(given, ended_at=None)
            await self._log(tx, given, "hold")

    # ------------------------------------------------------------------------------- release

    async def release(self, tx: Transaction, aftermath: Aftermath) -> None:
        """Begin to release all holds of a case.

        Readers still see them; catalogues may sell again unless another hold covers them.
        """
        holds = await tx.holds.of_case(aftermath.case.id)
        await self._begin_release(tx, aftermath, holds)

    async def _begin_release(
        self, tx: Transaction, aftermath: Aftermath, holds: Sequence[Hold]
    ) -> None:
        if not holds:
            return
        sku = aftermath.case.scope.sku
        revision = await tx.holds.next_revision()
        for hold in holds:
            releasing = replace(hold, state="releasing", revision=revision)
            await tx.holds.update(releasing, ended_at=None)
        held = await tx.holds.in_force(sku)
        aftermath.rows, claims = await self.want(tx, sku, revision, held)
        aftermath.claims += claims
        await tx.notify(TOPIC_OBJECTS)

    async def end(self, tx: Transaction, case_id: UUID) -> None:
        """End the holds of a case whose release was read back: readers may sell."""
        for hold in await tx.holds.of_case(case_id):
            await self._end(tx, hold, "released", await tx.holds.next_revision())

    async def end_superseded(self, tx: Transaction, case: Case) -> None:
        """End those releasing holds of a case that is still stopped, whose objects are released."""
        holds = await tx.holds.in_force(case.scope.sku)
        active = [one for one in holds if one.state == "active"]
        rows = await tx.objects.of_sku(case.scope.sku)
        for hold in holds:
            if hold.case_id != case.id or hold.state != "releasing":
                continue
            if all(self._is_free(row, active) for row in rows if self._concerns(row, hold.scope)):
                await self._end(tx, hold, "superseded", await tx.holds.next_revision())

    def _concerns(self, row: CatalogueRow, scope: Scope) -> bool:
        outlet = self._directory.get(row.catalogue)
        return outlet is not None and outlet.concerns(scope)

    def _is_free(self, row: CatalogueRow, active: Sequence[Hold]) -> bool:
        """Say whether an object is sold again, or another hold keeps it stopped anyway."""
        kept = any(self._concerns(row, one.scope) for one in active)
        return kept or row.status in {Status.IDLE, Status.NOT_LISTED}

    async def _end(self, tx: Transaction, hold: Hold, state: str, revision: int) -> None:
        ended = replace(hold, state=state, revision=revision)
        await tx.holds.update(ended, ended_at=self._now())
        await self._log(tx, ended, "release")

    # ------------------------------------------------------------------------ what is wanted

    async def want_again(self, tx: Transaction, sku: str) -> list[CatalogueRow]:
        """Set what is wanted of a SKU's objects by its holds; return the stops to send at once.

        For catalogues that were configured, or removed, after a hold was set or released.
        """
        revision = await tx.holds.next_revision()
        _, claims = await self.want(tx, sku, revision, await tx.holds.in_force(sku))
        await tx.notify(TOPIC_OBJECTS)
        return claims

    async def _log(self, tx: Transaction, hold: Hold, change: str) -> None:
        line = HoldChange(
            hold.revision, self._now(), change, hold.id, hold.scope.sku, hold.as_dict()
        )
        await tx.holds.log_change(line)
        await post_hold_change(tx, self._new_id(), line, hold.case_id)
        await tx.notify(TOPIC_HOLDS)

    async def want(
        self,
        tx: Transaction,
        sku: str,
        revision: int,
        holds: Sequence[Hold],
        rows: Sequence[CatalogueRow] | None = None,
    ) -> tuple[list[CatalogueRow], list[CatalogueRow]]:
        """Set what is wanted of each object of a SKU; return all, and the stops to send at once.

        `rows` are the SKU's objects, where the caller has them.
        """
        if rows is None:
            rows = await tx.objects.of_sku(sku)
        wanting: list[CatalogueRow] = []
        claims: list[CatalogueRow] = []
        for outlet in self._directory.outlets.values():
            wanted = outlet.wanted(holds)
            mine = [row for row in rows if row.catalogue == outlet.name]
            remote_ids = [row.remote_id for row in mine] or ([""] if wanted != "sellable" else [])
            known = {row.remote_id: row for row in mine}
            for remote_id in remote_ids:
                row = known.get(remote_id) or CatalogueRow(
                    sku, outlet.name, remote_id, "sellable", 0, Status.IDLE
                )
                if wanted in {"sellable", row.wanted}:
                    wanting.append(await tx.objects.want(
                        sku, outlet.name, remote_id, wanted, revision, lease=None, token=None
                    ))
                    continue
                claims.append(await self._order(tx, row, wanted, revision))
                wanting.append(claims[-1])
        return wanting, claims

    async def _order(
        self, tx: Transaction, row: CatalogueRow, wanted: Wanted, revision: int
    ) -> CatalogueRow:
        """Order a stop that we send at once; where somebody has it in hand, see what came of it."""
        token = self._new_id()
        if row.lease_token is not None:
            return await tx.objects.want(*row.key, wanted, revision, lease=LEASE, token=token)
        ordered = row.ordered(wanted, revision, token)
        await tx.objects.order(ordered, LEASE)
        return ordered
