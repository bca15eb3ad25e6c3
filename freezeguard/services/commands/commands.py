"""Commands that people give to cases: the checks of the design, in its order."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from freezeguard.domain.acts.outcome import stricter_lane
from freezeguard.domain.case import decide
from freezeguard.domain.errors import GuardFailed, InvalidInput, NotFound
from freezeguard.domain.people import Actor, Person, actor_name
from freezeguard.domain.reasons import PullReason
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import Command, rows_of
from freezeguard.ports.clock import Now
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.aftermath import Aftermath
from freezeguard.services.cases.casefile import visible_case
from freezeguard.services.cases.casework import Casework
from freezeguard.services.detecting.evaluation import Evaluated, Evaluation
from freezeguard.services.masterdata.access import as_of_now


class Commands:
    """Runs one command of a person on a case."""

    def __init__(self, casework: Casework, evaluation: Evaluation, now: Now) -> None:
        self._casework, self._evaluation, self._now = casework, evaluation, now

    async def run(
        self,
        tx: Transaction,
        case_id: UUID,
        command: Command,
        *,
        version: int | None,
        arguments: Mapping[str, Any],
        actor: Actor,
    ) -> tuple[Aftermath, Evaluated | None]:
        """Run a command; return what came of it, and of news that had to be evaluated first.

        Refuses in the order of the design: NotFound, NotAllowed, VersionConflict,
        IllegalTransition, GuardFailed. News that is stored and not yet
        evaluated is evaluated first: nobody approves past it.
        """
        actor = await as_of_now(tx, actor)
        seen = await visible_case(tx, case_id, actor)
        total = await tx.signals.lock_sku(seen.scope.sku)
        evaluated = await self._take_in_news(tx, seen, total)
        case = await tx.cases.get(case_id, lock=True)
        if case is None:
            raise NotFound(f"There is no case {case_id}.")
        if version is None and all(row.versioned for row in rows_of(command)):
            await self._refuse(tx, case, command, version, actor)
            raise InvalidInput("`version` is required: the version of the case that you saw.",
                               pointer="/version")
        prepared = await self._prepared(tx, case, command, arguments, actor)
        aftermath = await self._casework.execute(
            tx, case, command, arguments=prepared, actor=actor, version=version,
            known=await self._known(tx, case, command, prepared),
        )
        return aftermath, evaluated

    async def refuse_first(
        self,
        tx: Transaction,
        case_id: UUID,
        command: Command,
        *,
        version: int | None,
        actor: Actor,
    ) -> None:
        """Raise what the design refuses before it looks at a command's arguments, if anything."""
        case = await visible_case(tx, case_id, actor)
        await self._refuse(tx, case, command, version, actor)

    async def _take_in_news(self, tx: Transaction, case: Case, total: int) -> Evaluated | None:
        prelude = await tx.master.prelude(case.scope.sku)
        if prelude.pending is None:
            return None
        return await self._evaluation.evaluate(tx, prelude, prelude.pending, total)

    async def _refuse(
        self, tx: Transaction, case: Case, command: Command, version: int | None, actor: Actor
    ) -> None:
        """Let authority, version and state refuse, and nothing else."""
        facts = await self._casework.facts(tx, case)
        try:
            decide(
                case, command, arguments={}, actor=actor, now=self._now(), facts=facts,
                version=version,
            )
        except GuardFailed:
            return

    async def _known(
        self, tx: Transaction, case: Case, command: Command, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the facts that only some commands are decided on."""
        match command:
            case Command.COMMIT_DATE if case.vendor is not None:
                return {"promises": await tx.cases.promises(case.vendor)}
            case Command.HAND_OFF:
                found = await tx.people.person(str(arguments.get("to")))
                return {"named": found[0] if found is not None and found[1] else None}
            case Command.REGISTER_ORDER:
                named = arguments.get("jurisdiction")
                return {"jurisdictions": self._casework.jurisdictions(named)}
            case Command.MERGE:
                return {"other": await self._named_case(tx, case, arguments.get("into"))}
            case Command.WIDEN | Command.NARROW | Command.APPEAL:
                cases = await tx.cases.open_of_sku(case.scope.sku)
                known = {"open_scopes": tuple(one.scope for one in cases if one.id != case.id)}
                if command is Command.NARROW:
                    known["complained"] = await tx.cases.counted_scopes(case)
                return known
            case _:
                return {}

    @staticmethod
    async def _named_case(tx: Transaction, case: Case, named: object) -> Case | None:
        """Return the open case of the same SKU that is named by its id or number, locked."""
        for one in await tx.cases.open_of_sku(case.scope.sku, lock=True):
            if str(named) in {str(one.id), str(one.number)} and one.id != case.id:
                return one
        return None

    async def _prepared(
        self,
        tx: Transaction,
        case: Case,
        command: Command,
        arguments: Mapping[str, Any],
        actor: Actor,
    ) -> dict[str, Any]:
        """Add what the service knows: like cases, and a pull's reason in words."""
        prepared = {key: value for key, value in arguments.items() if value is not None}
        if command is Command.ACCEPT_OWNERSHIP:
            prepared["similar_cases"] = await tx.cases.similar(case)
        if command is Command.FREEZE and isinstance(actor, Person):
            prepared.setdefault("reason_code", "other")
            pull = PullReason(
                prepared["reason_code"], prepared.get("comment", ""), actor_name(actor),
                prepared.get("document"),
            )
            if case.rule_id is None or (not case.in_frozen_phase and case.frozen_at):
                prepared["reason"] = pull.as_dict(str(case.scope))
            if pull.lane != "quality":
                prepared["lane"] = stricter_lane(prepared.get("lane") or "quality", pull.lane)
        return prepared
