"""Pulling the cord: what a pull means depends on who pulls and on what is already open."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from freezeguard.detection.windows import Observed
from freezeguard.domain.acts.outcome import stricter_lane
from freezeguard.domain.case import take_news
from freezeguard.domain.errors import GuardFailed, NotAllowed
from freezeguard.domain.evidence import take_in
from freezeguard.domain.people import Actor, MachineKey, Person, Right, Role, System, actor_name
from freezeguard.domain.reasons import PullReason
from freezeguard.domain.record import SOME_AUTHORITY, Case
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import Command, State
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.rows import Prelude, witnesses
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.aftermath import Aftermath
from freezeguard.services.cases.casework import Casework
from freezeguard.services.detecting.evaluation import may_freeze_again
from freezeguard.services.masterdata.access import as_of_now

LATELY = timedelta(days=30)
"""How old a complaint may be to become evidence of a pull."""

PULLERS = frozenset({Role.ASSOCIATE, Role.ANALYST, Role.MANAGER, Role.COMPLIANCE})


class Freezes:
    """Freezes ordered by people and by catalogue systems."""

    def __init__(self, casework: Casework, now: Now, new_id: NewId) -> None:
        self._casework, self._now, self._new_id = casework, now, new_id

    async def pull(
        self, tx: Transaction, scope: Scope, reason: PullReason, lane: str | None, actor: Actor
    ) -> tuple[Aftermath, bool]:
        """Pull the cord for a scope; say whether a case was opened by it.

        On an open case that covers the scope: another associate seconds a suspicion, any pull
        re-freezes a reinstated one, a stricter lane becomes the lane of one that is frozen, and
        an order of an authority is registered on it. Anything else leaves it as it is. What is
        delisted is held already, but for an order: that opens a case of its own, so that it stands
        whatever becomes of the delisting. Raises NotAllowed and GuardFailed.
        """
        actor = await as_of_now(tx, actor)
        check_may_pull(actor)
        wanted_lane = stricter_lane(lane or "quality", reason.lane)
        _check_lane(actor, wanted_lane, reason)
        await tx.signals.lock_sku(scope.sku)
        prelude = await tx.master.prelude(scope.sku)
        if prelude.pending is not None:
            await tx.signals.mark_pending([prelude.pending], self._now())
        case = _covering(prelude.cases, scope)
        if case is not None:
            return await self._on_open_case(tx, case, reason, wanted_lane, actor), False
        held_for_good = await _delisted(tx, prelude, scope)
        if held_for_good is not None and wanted_lane != "authority":
            return Aftermath(held_for_good), False
        return await self._open(tx, scope, prelude, reason, wanted_lane, actor), True

    async def _on_open_case(
        self,
        tx: Transaction,
        case: Case,
        reason: PullReason,
        lane: str,
        actor: Actor,
    ) -> Aftermath:
        if lane == "authority":
            return await self._order(tx, case, reason, actor)
        if case.in_frozen_phase and stricter_lane(lane, case.lane) != case.lane:
            return await self._in_stricter_lane(tx, case, reason, lane, actor)
        if case.state is State.APPEALED and case.keeps_its_hold:
            return await self._beside_an_appeal(tx, case, reason, lane, actor)
        if case.state is State.SUSPECTED:
            pullers = await tx.cases.pullers(case.id)
            acts = self._may_freeze_alone(actor, reason, lane) or _is_second(actor, pullers)
        else:
            acts = may_freeze_again(case) and _stops_again(actor)
        if not acts:
            return Aftermath(case)
        arguments = self._arguments(case.scope, reason, stricter_lane(lane, case.lane))
        if case.state is State.SUSPECTED:
            # What raised the suspicion stays the reason; who agreed stands in the history.
            arguments["reason"] = None if case.rule_id else arguments["reason"]
        issuer, arguments = await self._within_budget(tx, actor, arguments)
        if issuer is System.DETECTOR:
            return Aftermath(case)
        aftermath = await self._casework.execute(
            tx, case, Command.FREEZE, arguments=arguments, actor=issuer
        )
        await self._spend(tx, aftermath, actor)
        return aftermath

    async def _order(
        self, tx: Transaction, case: Case, reason: PullReason, actor: Actor
    ) -> Aftermath:
        """A pull by order of an authority registers the order on the case that is open.

        Also beside other orders, each of which needs a revocation of its own; the very order that
        is in force already is no other one.
        """
        authority, document = reason.comment or SOME_AUTHORITY, reason.document or ""
        if case.is_ordered_by(authority, document):
            return Aftermath(case)
        arguments = {
            "authority": authority, "document": document, "reason_code": reason.reason_code,
        }
        return await self._casework.execute(
            tx, case, Command.REGISTER_ORDER, arguments=arguments, actor=actor
        )

    async def _in_stricter_lane(
        self, tx: Transaction, case: Case, reason: PullReason, lane: str, actor: Actor
    ) -> Aftermath:
        """An injury or an order is material news of a sale that is stopped for less.

        The lane rises, approvals are void, and the pull stands in the history with its document.
        """
        if not self._may_freeze_alone(actor, reason, lane):
            return Aftermath(case)
        aftermath = await self._take_news(tx, case, f"lane {lane}", reason, lane, actor)
        if case.state is State.AWAITING_APPROVAL:
            sentence = reason.as_dict(str(case.scope))["sentence"]
            aftermath = await self._casework.execute(
                tx, aftermath.case, Command.VOID_APPROVAL,
                arguments={"reason": sentence, "cause": "lane"}, actor=System.DETECTOR,
            )
        return aftermath

    async def _beside_an_appeal(
        self, tx: Transaction, case: Case, reason: PullReason, lane: str, actor: Actor
    ) -> Aftermath:
        """A pull of what is delisted and appealed stands in the history, before who judges it.

        The sale is stopped for good by two people; one pull must not put their decision aside.
        """
        if not isinstance(actor, Person):
            return Aftermath(case)
        alone = self._may_freeze_alone(actor, reason, lane)
        lane = stricter_lane(case.lane, lane) if alone else case.lane
        return await self._take_news(tx, case, "pulled again", reason, lane, actor)

    async def _take_news(
        self, tx: Transaction, case: Case, what: str, reason: PullReason, lane: str, actor: Actor
    ) -> Aftermath:
        pull = self._arguments(case.scope, reason, lane)
        news = [f"{what}: {pull['reason']['sentence']}"]
        decision = take_news(case, case.known_evidence, news, lane)
        decision = replace(decision, arguments={**decision.arguments, **pull})
        return await self._casework.record(tx, case, decision, actor)

    async def _open(
        self,
        tx: Transaction,
        scope: Scope,
        prelude: Prelude,
        reason: PullReason,
        lane: str,
        actor: Actor,
    ) -> Aftermath:
        master = prelude.master
        arguments = self._arguments(scope, reason, lane)
        alone = self._may_freeze_alone(actor, reason, lane)
        command = Command.FREEZE if alone else Command.SUSPECT
        issuer, arguments = await self._within_budget(tx, actor, arguments)
        if issuer is System.DETECTOR:
            command = Command.SUSPECT
        now = self._now()
        if command is Command.SUSPECT:
            arguments.setdefault("quiet_after", (now + timedelta(days=30)).isoformat())
        seed = Case(
            id=self._new_id(), scope=scope,
            state=State.SUSPECTED if command is Command.SUSPECT else State.FREEZING,
            lane=lane, opened_by=actor_name(actor), opened_at=now,
            reason=arguments["reason"], vendor=master.vendor, category=master.category,
            owner=prelude.owner,
        )
        earlier = await _earlier(tx, scope, now)
        known, _ = take_in({}, witnesses(earlier), counts_customers=False)
        aftermath = await self._casework.open(
            tx, replace(seed, known_evidence=known), command, arguments=arguments, actor=issuer,
            evidence=earlier, prelude=prelude,
        )
        if command is Command.FREEZE:
            await self._spend(tx, aftermath, actor)
        return aftermath

    async def _spend(self, tx: Transaction, aftermath: Aftermath, actor: Actor) -> None:
        """Charge a machine key for a freeze that it ordered, by opening a case or by seconding."""
        if isinstance(actor, MachineKey):
            await tx.detection.spend(aftermath.case, self._now(), None, actor.id)

    async def _within_budget(
        self, tx: Transaction, actor: Actor, arguments: dict[str, Any]
    ) -> tuple[Actor, dict[str, Any]]:
        """A key beyond its budget only raises a suspicion, in the detector's name."""
        if not isinstance(actor, MachineKey):
            return actor, arguments
        await tx.holds.reserve_revision()
        window = self._casework.policy.budget.window
        spent = await tx.detection.spent_by_key(actor.id, self._now() - window)
        if spent < actor.freeze_budget:
            return actor, arguments
        said = f"{arguments['reason']['sentence']} The key's budget of freezes is spent."
        return System.DETECTOR, {**arguments, "reason": {**arguments["reason"], "sentence": said}}

    @staticmethod
    def judges_alone(person: Person, reason: PullReason) -> bool:
        """Say whether one pull of this person stops a sale, and does not only suspect."""
        return bool(person.roles & PULLERS) and Freezes._may_freeze_alone(
            person, reason, reason.lane
        )

    @staticmethod
    def _may_freeze_alone(actor: Actor, reason: PullReason, lane: str) -> bool:
        if not isinstance(actor, Person):
            return True
        by_role = bool(actor.roles & {Role.ANALYST, Role.COMPLIANCE, Role.MANAGER})
        return by_role or reason.is_safety or lane == "authority"

    @staticmethod
    def _arguments(scope: Scope, reason: PullReason, lane: str) -> dict[str, Any]:
        return {
            "reason": reason.as_dict(str(scope)),
            "reason_code": reason.reason_code,
            "comment": reason.comment,
            "document": reason.document,
            "lane": lane,
        }


async def _earlier(tx: Transaction, scope: Scope, now: datetime) -> list[Observed]:
    """Return what was complained of lately and not judged yet: a pull rarely comes first."""
    signals = await tx.signals.observed(scope.sku, now - LATELY)
    return [one for one in signals if scope.covers(one.scope)]


def check_may_pull(actor: Actor) -> None:
    """Raise NotAllowed for whoever has no hand on the cord."""
    if isinstance(actor, MachineKey) and Right.MAY_FREEZE in actor.rights:
        return
    if isinstance(actor, Person) and actor.roles & PULLERS:
        return
    if actor is System.OPERATOR:
        return
    raise NotAllowed(
        "The cord is pulled by associates, analysts, managers and compliance, and by catalogue "
        "keys with the right may_freeze."
    )


def _check_lane(actor: Actor, lane: str, reason: PullReason) -> None:
    if isinstance(actor, MachineKey) and lane != "quality":
        raise NotAllowed("A machine key freezes in the lane quality only.")
    if lane == "authority":
        if not (isinstance(actor, Person) and Role.COMPLIANCE in actor.roles):
            raise NotAllowed("Only compliance registers an order of an authority.")
        if not reason.document:
            raise GuardFailed(["`document`: the order itself"])


def _stops_again(actor: Actor) -> bool:
    """Say whether a pull of this actor stops what was reinstated."""
    return isinstance(actor, Person) or actor is System.OPERATOR


def _covering(cases: Iterable[Case], scope: Scope) -> Case | None:
    """Return the case of exactly this scope, or else one that covers it and stops it.

    A suspicion of more is another matter: whoever stops a part has said nothing of the rest.
    """
    covering = [one for one in cases if one.covers(scope)]
    exact = [one for one in covering if one.scope == scope]
    stopping = [one for one in covering if one.state is not State.SUSPECTED]
    return next(iter(exact or stopping), None)


async def _delisted(tx: Transaction, prelude: Prelude, scope: Scope) -> Case | None:
    """Return the closed case that keeps a scope off sale for good, if any."""
    open_cases = {one.id for one in prelude.cases}
    for hold in prelude.holds:
        if hold.state == "active" and hold.case_id not in open_cases and hold.scope.covers(scope):
            return await tx.cases.get(hold.case_id)
    return None


def _is_second(actor: Actor, pullers: Iterable[str]) -> bool:
    """Say whether this associate is another one than whoever pulled first.

    A suspicion that the detector or a catalogue raised has had its first opinion too.
    """
    return isinstance(actor, Person) and actor.id not in set(pullers)

