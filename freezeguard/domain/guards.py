"""What else must be true before a command may act. A guard answers with what is missing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from freezeguard.domain import probation
from freezeguard.domain.enforcement import is_degraded, listed_nowhere
from freezeguard.domain.people import Actor, MachineKey, Person, Role
from freezeguard.domain.reasons import SAFETY_REASON_CODES
from freezeguard.domain.record import Case, Facts, Vote
from freezeguard.domain.remedy import missing_in_remedy
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import Command, State

FALSE_ALARM_CODES = (
    "wrong_item",
    "delivery_fault",
    "abuse",
    "duplicate_evidence",
    "rule_error",
)


@dataclass(frozen=True, slots=True)
class Move:
    """A command on its way: who asks what of which case, when, and what is known."""

    case: Case
    from_state: State | None
    command: Command
    arguments: Mapping[str, Any]
    actor: Actor
    now: datetime
    facts: Facts

    @property
    def person(self) -> str | None:
        """Return the id of the person who acts, None for keys and the system."""
        return self.actor.id if isinstance(self.actor, Person) else None


Guard = Callable[[Move], tuple[str, ...]]


def votes_needed(move: Move) -> int:
    """Return how many people must agree to this command in this case."""
    case = move.case
    if move.command is Command.DECLARE_FALSE_ALARM:
        return 2 if case.lane == "safety" else 1
    if move.command is Command.DELIST or case.lane == "authority":
        return 2
    waived = any(one.status == "waived" for one in move.facts.objects)
    strict = case.lane == "safety" or case.recurrence >= 1 or _is_degraded(move) or waived
    return 2 if strict or _frees_what_may_be_bad(move) else 1


def _frees_what_may_be_bad(move: Move) -> bool:
    """Say whether a case is to be narrowed to where no complaint is known to lie.

    Those that counted do not say where they belong: it may be what is left out.
    """
    complained = move.facts.complained
    if move.command is not Command.NARROW or not complained:
        return False
    narrower = Scope.of(move.case.scope.sku, move.arguments.get("scope") or {})
    return not any(narrower.covers(one) for one in complained)


def _is_degraded(move: Move) -> bool:
    """Say whether enforcement falls short, by what the case says or by what was just read."""
    return move.case.degraded or is_degraded(move.facts.objects)


def live_votes(move: Move) -> tuple[Vote, ...]:
    """Return earlier votes of other people that still count.

    They saw the same evidence and the same objects that do not obey, agreed to the same scope
    where one is asked for, have not expired, and their voters may still vote.
    """
    return tuple(vote for vote in _counting_votes(move) if vote.person != move.person)


def _counting_votes(move: Move) -> tuple[Vote, ...]:
    return tuple(
        vote
        for vote in move.facts.votes
        if vote.command == move.command
        and vote.evidence_revision == move.case.evidence_revision
        and move.now < vote.expires_at
        and vote.may_vote
        and _not_confirmed(move) <= vote.unconfirmed
        and _same_scope(move, vote)
    )


def _same_scope(move: Move, vote: Vote) -> bool:
    """Say whether a vote to narrow names the scope that is asked for now."""
    if move.command is not Command.NARROW or "scope" not in move.arguments:
        return True
    asked, agreed = (
        Scope.of(move.case.scope.sku, given.get("scope") or {})
        for given in (move.arguments, vote.arguments)
    )
    return asked == agreed


def _not_confirmed(move: Move) -> set[str]:
    """Return the objects that an approval must name: nobody approves past what still sells."""
    if move.command is not Command.APPROVE or not _is_degraded(move):
        return set()
    return {one.name for one in move.facts.objects if not one.is_stopped}


def is_last_vote(move: Move) -> bool:
    """Say whether this vote completes the number of people needed."""
    return len(live_votes(move)) + 1 >= votes_needed(move)


def _reason_given(move: Move) -> tuple[str, ...]:
    return () if str(move.arguments.get("reason") or "").strip() else ("`reason`: say why",)


def _may_freeze(move: Move) -> tuple[str, ...]:
    """One associate alone may not, except for a safety reason or where the case is on probation.

    Nor does anybody stop what two have stopped for good: whoever judges the appeal decides.
    """
    actor = move.actor
    if move.from_state is State.APPEALED and move.case.keeps_its_hold:
        return ("it is delisted; the appeal is answered by `reopen` or `uphold`",)
    if isinstance(actor, MachineKey):
        return _key_may_freeze(move)
    if not isinstance(actor, Person) or move.from_state not in {None, State.SUSPECTED}:
        return ()
    if actor.roles & {Role.ANALYST, Role.COMPLIANCE, Role.MANAGER}:
        return ()
    if move.arguments.get("reason_code") in SAFETY_REASON_CODES:
        return ()
    if move.from_state is State.SUSPECTED and actor.id not in move.facts.pullers:
        return ()  # the first opinion was another person's, the detector's or a catalogue's
    return ("a second, different associate must agree, or the reason must be one of safety",)


def _key_may_freeze(move: Move) -> tuple[str, ...]:
    if (move.arguments.get("lane") or "quality") != "quality":
        return ("a machine key freezes in the lane quality only",)
    if move.from_state not in {None, State.SUSPECTED}:
        return ("only a person's pull, a crossing or an order stops a reinstated sale again",)
    return ()


def _order_has_document(move: Move) -> tuple[str, ...]:
    if move.arguments.get("lane") != "authority":
        return ()
    missing = []
    if not (isinstance(move.actor, Person) and Role.COMPLIANCE in move.actor.roles):
        missing.append("only compliance registers an order of an authority")
    if not move.arguments.get("document"):
        missing.append("`document`: the order itself")
    return tuple(missing)


def _second_person_dismisses(move: Move) -> tuple[str, ...]:
    """Nobody dismisses their own pull, and one associate alone not what no person raised."""
    if move.person == move.case.owner:
        return ()
    if not move.facts.pullers:
        return ("the owner dismisses what no person has raised",)
    if move.person not in move.facts.pullers:
        return ()
    return ("whoever pulled can't dismiss the pull; the owner or another associate can",)


def _all_stopped(move: Move) -> tuple[str, ...]:
    return tuple(
        f"{one.name} is not read back as not sellable"
        for one in move.facts.objects
        if not one.is_stopped
    )


def _listed_somewhere(move: Move) -> tuple[str, ...]:
    nowhere = listed_nowhere(move.facts.objects)
    return ("no catalogue lists it, so nobody has seen that its sale is stopped",) * nowhere


def _all_released(move: Move) -> tuple[str, ...]:
    return tuple(
        f"{one.name} is not read back as sellable"
        for one in move.facts.objects
        if not one.is_released
    )


def _task_is_open(move: Move) -> tuple[str, ...]:
    asked = (str(move.arguments.get("catalogue")), str(move.arguments.get("remote_id", "")))
    if asked in move.facts.open_tasks:
        return ()
    return (f"no manual task is open for {asked[0]}/{asked[1]}",)


def _remedy_complete(move: Move) -> tuple[str, ...]:
    return missing_in_remedy(move.arguments.get("remedy") or {})


def _missing_named(move: Move) -> tuple[str, ...]:
    return () if move.arguments.get("missing") else ("`missing`: list exactly what is missing",)


def _third_round_elsewhere(move: Move) -> tuple[str, ...]:
    owner = move.person == move.case.owner
    if move.case.remedy_rounds < 2:
        return () if owner else ("the owner judges the first two rounds",)
    if owner:
        return ("the third round is judged by another manager than the owner",)
    if move.person in move.case.remedy_judges[:2]:
        return ("the third round is judged by a manager who has not judged the first two",)
    return ()


def _verification_attached(move: Move) -> tuple[str, ...]:
    verification = move.arguments.get("verification") or {}
    if str(verification.get("result") or "").strip():
        return ()
    return ("`verification`: what was checked, and with what result",)


NOT_THE_AUTHOR = "you wrote the remedy or asked for the approval: another person approves"


def _not_the_author(move: Move) -> tuple[str, ...]:
    authors = {move.case.remedy_author, move.case.approval_requested_by}
    if move.person in authors:
        return (NOT_THE_AUTHOR,)
    return ()


def _evidence_seen(move: Move) -> tuple[str, ...]:
    if move.facts.news_pending:
        return ("new signals have just arrived; read the case again",)
    case, seen = move.case, move.arguments.get("evidence_revision")
    asked_on = case.approval_evidence if _is_pinned(move) else case.evidence_revision
    if seen == case.evidence_revision == asked_on:
        return ()
    return (f"`evidence_revision`: the evidence is at revision {case.evidence_revision}",)


def _is_pinned(move: Move) -> bool:
    """Say whether somebody asked for this approval, on the evidence of that moment."""
    return move.command is Command.APPROVE and move.case.state is State.AWAITING_APPROVAL


def _order_is_revoked(move: Move) -> tuple[str, ...]:
    if move.case.lane != "authority" or move.case.is_revoked:
        return ()
    return ("an order of an authority is lifted by its revocation only: `register_revocation`",)


def _manager_among_voters(move: Move) -> tuple[str, ...]:
    if not is_last_vote(move):
        return ()
    if move.case.lane == "authority":
        return _compliance_and_manager(move)
    actor_approves = isinstance(move.actor, Person) and move.actor.manages(move.case.category)
    if actor_approves or any(vote.is_approver for vote in live_votes(move)):
        return ()
    return ("one of the approvers must be a manager of the category",)


def _compliance_and_manager(move: Move) -> tuple[str, ...]:
    """Two people, one of compliance and one a manager, whatever else they are."""
    mine = move.actor.roles if isinstance(move.actor, Person) else frozenset()
    for theirs in (vote.roles for vote in live_votes(move)):
        for one, other in ((mine, theirs), (theirs, mine)):
            if Role.COMPLIANCE in one and Role.MANAGER in other:
                return ()
    return ("one of compliance and a manager must agree",)


def _unconfirmed_named(move: Move) -> tuple[str, ...]:
    if not _is_degraded(move):
        return ()
    named = set(move.arguments.get("unconfirmed") or ())
    return tuple(
        f"`unconfirmed`: name {one.name}, which is {one.status.value}"
        for one in move.facts.objects
        if not one.is_stopped and one.name not in named
    )


def _not_twice(move: Move) -> tuple[str, ...]:
    if move.person is None or all(vote.person != move.person for vote in _counting_votes(move)):
        return ()
    return ("you have agreed already; another person must agree too",)


def _owner_not_alone(move: Move) -> tuple[str, ...]:
    """Where one person is enough to narrow, it is not the one who answers for the case."""
    if move.person == move.case.owner and votes_needed(move) == 1:
        return ("the owner does not narrow alone; another approver does",)
    return ()


def _owner_among_voters(move: Move) -> tuple[str, ...]:
    if not is_last_vote(move):
        return ()
    voters = {move.person, *(vote.person for vote in live_votes(move))}
    if move.case.owner in voters:
        return ()
    return ("the owner must be one of those who declare a false alarm",)


def _false_alarm_code(move: Move) -> tuple[str, ...]:
    if move.arguments.get("reason_code") in FALSE_ALARM_CODES:
        return ()
    return (f"`reason_code`: one of {', '.join(FALSE_ALARM_CODES)}",)


def _no_news_pending(move: Move) -> tuple[str, ...]:
    if move.facts.news_pending:
        return ("new signals have just arrived and are not evaluated yet",)
    return ()


def _probation_over(move: Move) -> tuple[str, ...]:
    facts = move.facts
    return probation.unmet(move.case, facts.probation, facts.policy, move.now)


def _file_attached(move: Move) -> tuple[str, ...]:
    if move.arguments.get("file"):
        return ()
    return ("the file itself: send it to POST /v1/cases/{id}/evidence",)


def _shared_with_who_knows(move: Move) -> tuple[str, ...]:
    if move.arguments.get("shared") and not move.case.frozen_vendor_knows:
        return ("`share`: the vendor is told of no suspicion; share it once the sale is stopped",)
    return ()


GUARDS: Mapping[Command, tuple[Guard, ...]] = {
    Command.EXPIRE: (_no_news_pending,),
    Command.DISMISS: (_reason_given, _second_person_dismisses),
    Command.FREEZE: (_may_freeze, _order_has_document),
    Command.CONFIRM_FREEZE: (_all_stopped, _listed_somewhere),
    Command.RESOLVE_TASK: (_task_is_open,),
    Command.PROPOSE_REMEDY: (_remedy_complete,),
    Command.RETURN_REMEDY: (_missing_named, _third_round_elsewhere),
    Command.REQUEST_APPROVAL: (_verification_attached,),
    Command.REJECT_APPROVAL: (_reason_given,),
    Command.APPROVE: (
        _order_is_revoked,
        _not_the_author,
        _not_twice,
        _evidence_seen,
        _manager_among_voters,
        _unconfirmed_named,
    ),
    Command.CONFIRM_RELEASE: (_all_released,),
    Command.COMPLETE_PROBATION: (_no_news_pending, _probation_over),
    Command.ATTACH_EVIDENCE: (_file_attached, _shared_with_who_knows),
    Command.DECLARE_FALSE_ALARM: (_false_alarm_code, _not_twice, _owner_among_voters),
    Command.DELIST: (_reason_given, _not_twice, _manager_among_voters),
    Command.NARROW: (_owner_not_alone, _not_twice, _evidence_seen, _manager_among_voters),
}

