"""Changes of rules: one person is enough to freeze more, two are needed to freeze less."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from freezeguard.domain.errors import GuardFailed, NotAllowed, NotFound
from freezeguard.domain.people import Actor, Person, Role, actor_name
from freezeguard.domain.rulechanges import (
    APPROVERS,
    PROPOSAL_LIFETIME,
    PROPOSERS,
    concerns_safety,
    loosenings,
)
from freezeguard.domain.rules import Rule, read_rule, refuse_what_never_speaks
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.rows import Json, Proposal
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.detecting.rulebook import RuleBook
from freezeguard.services.masterdata.access import as_of_now
from freezeguard.services.telling.readers import reader_of
from freezeguard.services.telling.telling import Telling
from freezeguard.services.topics import TOPIC_RULES

DECISIONS = {
    "approved": "approve_rule", "rejected": "reject_rule", "withdrawn": "withdraw_rule",
}
"""What the record calls each outcome of a proposal."""

TWO_FOR_SAFETY = (
    "a safety rule is loosened by two people, always: register a second one "
    "(`freezeguard people add`)"
)


class RuleReview:
    """Stores rules that tighten; keeps those that loosen until a second person agrees."""

    def __init__(
        self, database: Database, rules: RuleBook, telling: Telling, now: Now, new_id: NewId
    ) -> None:
        self._database, self._rules, self._telling = database, rules, telling
        self._now, self._new_id = now, new_id

    async def put(self, who: Actor, body: Json) -> Json | Proposal:
        """Store a new version of a rule, or propose it where it loosens what is frozen.

        Raises NotAllowed, and InvalidInput for a rule whose values don't fit together.
        """
        new = refuse_what_never_speaks(read_rule(body, 1))
        now = self._now()

        async def work(tx: Transaction) -> Json | Proposal:
            person = await _acting(tx, who, PROPOSERS)
            await tx.detection.lock_rules()
            _, rules = await tx.detection.rules()
            if loosens := loosenings(rules, new):
                base = next((one.version for one in rules if one.id == new.id), 0)
                proposal = Proposal(
                    self._new_id(), new.id, base, body, loosens, person.id, now,
                    now + PROPOSAL_LIFETIME,
                )
                await self._propose(tx, person, proposal)
                return proposal
            return await _store(tx, body, actor_name(person), now)

        stored = await self._database.run(work)
        await self._rules.refresh()
        return stored

    async def _propose(self, tx: Transaction, person: Person, proposal: Proposal) -> None:
        now = proposal.proposed_at
        await tx.detection.add_proposal(proposal)
        await tx.record.write(
            now, person, "propose_rule", f"rule:{proposal.rule_id}",
            details={"proposal": str(proposal.id), "version": proposal.base_version,
                     "body": proposal.body, "loosens": list(proposal.loosens)},
        )
        facts = {
            "rule": proposal.rule_id, "proposal": str(proposal.id), "by": person.name,
            "loosens": list(proposal.loosens), "expires_at": proposal.expires_at.isoformat(),
        }
        readers = [reader_of(one) for one in await _who_may_agree(tx, proposal)]
        await self._telling.tell_staff(
            tx, "rule_proposed", facts, readers, now, page="/v1/rules/proposals"
        )

    async def proposals(self) -> list[Proposal]:
        """Return the proposals that wait and may still be approved, oldest first."""
        now = self._now()
        return await self._database.run(lambda tx: tx.detection.proposals(now))

    async def approve(self, who: Actor, proposal_id: UUID) -> Json:
        """Put a proposal in force, in the name of another person than its author.

        Raises NotFound, NotAllowed, and GuardFailed for the author's own, for what has expired, and
        where the rules have changed meanwhile.
        """

        async def work(tx: Transaction) -> Json:
            person = await _acting(tx, who, APPROVERS)
            waiting = await _waiting(tx, proposal_id, self._now())
            if waiting.proposal.proposed_by == person.id:
                raise GuardFailed(["another person than the one who proposed it must approve it"])
            return await _approve(tx, waiting, actor_name(person), self._now())

        stored = await self._database.run(work)
        await self._rules.refresh()
        return stored

    async def reject(self, who: Actor, proposal_id: UUID) -> None:
        """Turn a proposal down; its author may withdraw it so. Raises NotFound, NotAllowed."""

        async def work(tx: Transaction) -> None:
            person = await _acting(tx, who, APPROVERS)
            proposal = (await _waiting(tx, proposal_id, self._now())).proposal
            own = proposal.proposed_by == person.id
            await _decide(
                tx, proposal, "withdrawn" if own else "rejected", actor_name(person), self._now()
            )

        await self._database.run(work)


async def approve_alone(tx: Transaction, proposal_id: UUID, by: str, now: datetime) -> Json:
    """Put a proposal in force in the name of the operator of a shop in which nobody else could.

    Whoever reaches the database could register a second person and be that person; this says
    openly what happens instead. Raises NotFound, and GuardFailed where somebody else may approve,
    and for the safety lane: there it takes two people, always.
    """
    waiting = await _waiting(tx, proposal_id, now)
    if concerns_safety(waiting.rules, waiting.rule):
        raise GuardFailed([TWO_FOR_SAFETY])
    others = await _who_may_agree(tx, waiting.proposal)
    if others:
        names = ", ".join(one.id for one in others)
        raise GuardFailed([f"another person can approve it: {names}"])
    return await _approve(tx, waiting, by, now)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A proposal that may be decided, and the rules as they are."""

    proposal: Proposal
    rule: Rule
    rules: Sequence[Rule]


async def _waiting(tx: Transaction, proposal_id: UUID, now: datetime) -> _Waiting:
    await tx.detection.lock_rules()
    proposal = await tx.detection.proposal(proposal_id)
    if proposal is None:
        raise NotFound(f"There is no proposal {proposal_id}.")
    if proposal.outcome is not None:
        raise GuardFailed([f"it must wait for a decision, and it was {proposal.outcome}"])
    if now >= proposal.expires_at:
        raise GuardFailed(["it must not have expired; propose it again"])
    _, rules = await tx.detection.rules()
    return _Waiting(proposal, read_rule(proposal.body, 1), rules)


async def _approve(tx: Transaction, waiting: _Waiting, by: str, now: datetime) -> Json:
    """Store what was proposed, where everything is as its author saw it."""
    proposal = waiting.proposal
    version = next((one.version for one in waiting.rules if one.id == proposal.rule_id), 0)
    if version != proposal.base_version:
        raise GuardFailed([
            f"{proposal.rule_id} must be as it was, and got version {version}; propose it again"
        ])
    if set(loosenings(waiting.rules, waiting.rule)) - set(proposal.loosens):
        raise GuardFailed([
            "the other rules must be as they were: it would loosen more now; propose it again"
        ])
    author = await tx.people.person(proposal.proposed_by)
    if author is None or not author[1] or not author[0].roles & PROPOSERS:
        raise GuardFailed([f"{proposal.proposed_by}, who proposed it, may change rules no more"])
    await _decide(tx, proposal, "approved", by, now)
    return await _store(tx, proposal.body, f"person:{proposal.proposed_by}", now, approved_by=by)


async def _decide(
    tx: Transaction, proposal: Proposal, outcome: str, by: str, now: datetime
) -> None:
    await tx.detection.decide_proposal(proposal.id, outcome, by, now)
    await tx.record.write(
        now, by, DECISIONS[outcome], f"rule:{proposal.rule_id}",
        details={"proposal": str(proposal.id), "proposed_by": proposal.proposed_by},
    )


async def _store(
    tx: Transaction, body: Json, by: str, now: datetime, *, approved_by: str | None = None
) -> Json:
    """Store a version and return it as people read it."""
    await tx.detection.put_rule(body, by, now)
    details = body if approved_by is None else {**body, "approved_by": approved_by}
    await tx.record.write(now, by, "put_rule", f"rule:{body['id']}", details=details)
    await tx.notify(TOPIC_RULES)
    return (await tx.detection.rule_bodies(str(body["id"])))[0]


async def _acting(tx: Transaction, who: Actor, roles: frozenset[Role]) -> Person:
    """Return who acts with the roles of this moment; a machine is nobody. Raises NotAllowed."""
    person = await as_of_now(tx, who)
    if not isinstance(person, Person) or not person.roles & roles:
        raise NotAllowed(f"This is for {', '.join(sorted(one.value for one in roles))}.")
    return person


async def _who_may_agree(tx: Transaction, proposal: Proposal) -> list[Person]:
    return [
        one
        for one, active in await tx.people.people()
        if active and one.id != proposal.proposed_by and one.roles & APPROVERS
    ]
