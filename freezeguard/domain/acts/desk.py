"""Around the case: who has it, by when, what is waived, and whether it was right."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from freezeguard.domain.acts.outcome import Act, Outcome, moment, vendor_heard, who_acts
from freezeguard.domain.calendars import share
from freezeguard.domain.clocks import BY_NAME, EXTENDABLE, WAIVER, after_days
from freezeguard.domain.effects import (
    Effect,
    LookAgain,
    Notify,
    PauseClocks,
    RecordReview,
    StartClock,
    StopClocks,
    UnwaiveObject,
    VoidVotes,
    WaiveObject,
)
from freezeguard.domain.enforcement import ObjectState, Status, is_degraded
from freezeguard.domain.guards import Guard, Move
from freezeguard.domain.people import Person, Role, is_vendor
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import FROZEN_PHASE, Command, State

LAST_LOOK = timedelta(days=1)
"""After an extended probation is over, how long it may still end well before it is at its cap."""

VERDICTS = ("right", "wrong", "undecided")
OWNERS_CLOCKS = frozenset({"ownership", "diagnosis", "contest", "judge"})
"""Clocks that wait for the owner and for nobody else."""


def _comment(move: Move) -> Outcome:
    """Staff's words are for who reads the case; a vendor's are an answer, and the owner hears.

    What the vendor was promised for an objection is told as a date: a mail may hold one.
    """
    if not is_vendor(move.actor):
        return {}, []
    told = {
        "text": str(move.arguments.get("comment") or ""), "vendor": move.case.vendor,
        "answer_due": after_days(move, move.facts.policy.contest_days).isoformat(),
    }
    changes, effects = vendor_heard(move)
    return changes, [*effects, Notify("vendor_commented", "owner", told)]


def _attach_evidence(move: Move) -> Outcome:
    """A file is new evidence: whoever approved has not seen it.

    The owner is told of a vendor's file, and the vendor of one that staff shares.
    """
    effects: list[Effect] = [VoidVotes("the evidence has changed")]
    file = {key: move.arguments[key] for key in ("file", "media_type", "size")}
    changes: dict[str, Any] = {"evidence_revision": move.case.evidence_revision + 1}
    if is_vendor(move.actor):
        heard, marked = vendor_heard(move)
        changes |= heard
        effects += [*marked, Notify("evidence_attached", "owner", file)]
    elif move.arguments.get("shared"):
        effects.append(Notify("evidence_attached", "vendor", file))
    return changes, effects


# ------------------------------------------------------------------------------------ owners


def _hand_off(move: Move) -> Outcome:
    offer = {
        "to": move.arguments["to"], "by": move.person, "at": move.now.isoformat(),
        "reason": str(move.arguments.get("reason") or ""),
    }
    told = {"person": offer["to"], "from_person": who_acts(move), "note": offer["reason"]}
    return {"hand_off": offer}, [Notify("hand_off_offered", "person", told)]


def _accept_hand_off(move: Move) -> Outcome:
    """The case changes hands; who has agreed to something in it does not count as two people."""
    offer = move.case.hand_off or {}
    told = {"person": move.case.owner or offer.get("by"), "to_person": who_acts(move)}
    news = Notify("hand_off_accepted", "person", told)
    return {"owner": move.person, "hand_off": None}, [*_own_votes(move, move.person), news]


def _own_votes(move: Move, owner: str | None) -> list[Effect]:
    """Return what becomes of votes where somebody who has voted owns the case from now on."""
    if any(vote.person == owner for vote in move.facts.votes):
        return [VoidVotes("one of those who agreed owns the case now")]
    return []


def _lapse_hand_off(move: Move) -> Outcome:
    offer = move.case.hand_off or {}
    told = {"person": offer.get("by"), "to_person": offer.get("to")}
    return {"hand_off": None}, [Notify("hand_off_lapsed", "person", told)]


def _replace_owner(move: Move) -> Outcome:
    """Who is gone owns nothing: whoever comes after them has the case at once, and is told.

    Their own vote does not count beside it, as where a case is handed off.
    """
    told = {"from_person": move.case.owner or "", "state": move.case.state.value}
    news, owner = Notify("owner_replaced", "owner", told), str(move.arguments["to"])
    return {"owner": owner}, [*_own_votes(move, owner), news]


def _takes_over(person: Person) -> bool:
    """Say whether a case may be handed off to this person."""
    return person.is_staff and person.judges_alone


def _can_own(move: Move) -> tuple[str, ...]:
    person = move.facts.named
    if person is None or not _takes_over(person):
        return ("`to`: an active manager, analyst or compliance person",)
    if person.id == move.case.owner:
        return ("`to`: the case is that person's already",)
    return ()


def _can_succeed(move: Move) -> tuple[str, ...]:
    """An admin may come after an owner as well: the default owner of the first start is one."""
    person = move.facts.named
    if person is None or not person.may_own:
        return ("`to`: an active person who may own cases",)
    return ("`to`: the case is that person's already",) if person.id == move.case.owner else ()


def _offered_to_me(move: Move) -> tuple[str, ...]:
    offer = move.case.hand_off
    if offer is None:
        return ("nobody has offered this case",)
    if offer["to"] != move.person:
        return (f"the case is offered to {offer['to']}",)
    if not (isinstance(move.actor, Person) and _takes_over(move.actor)):
        return ("a manager, an analyst or a compliance person takes a case over",)
    return ()


def _owner_is_away(move: Move) -> tuple[str, ...]:
    """An approver moves a case whose owner does not answer, and never takes it himself.

    Else one person could take over what another one answers for, and decide it alone.
    """
    if move.person == move.case.owner:
        return ()
    if move.arguments.get("to") == move.person:
        return ("`to`: another person; who moves another one's case does not take it",)
    owner = move.facts.owner
    if owner is None or not owner.may_own or _lets_it_lie(move):
        return ()
    return (f"{owner.id} owns the case, and answers for it; ask them to hand it off",)


def _lets_it_lie(move: Move) -> bool:
    """Say whether the owner has let a clock run out that waits for nobody else."""
    return any(
        one.kind in OWNERS_CLOCKS and not one.is_paused and one.due_at <= move.now
        for one in move.facts.clocks
    )


def _offer_stands(move: Move) -> tuple[str, ...]:
    return () if move.case.hand_off else ("nobody has offered this case",)


# ----------------------------------------------------------------------------------- deadlines


def _extend_deadline(move: Move) -> Outcome:
    kind = move.arguments["clock"]
    until = datetime.fromisoformat(move.arguments["until"]).astimezone(UTC)
    running = next(one for one in move.facts.clocks if one.kind == kind)
    told = {"clock": kind, "due": until.isoformat(), "was_due": running.due_at.isoformat(),
            "why": move.arguments["reason"]}
    changes: dict[str, Any] = {}
    if kind == "probation":
        terms = dict(move.case.probation or {})
        changes["probation"] = {**terms, "until": until.isoformat(),
                                "cap": max(terms["cap"], (until + LAST_LOOK).isoformat())}
    if kind == "vendor_date" and move.case.commitment:
        changes["commitment"] = {**move.case.commitment, "date": until.isoformat()}
    clock = BY_NAME[kind]
    warned = share(clock.calendar(move), move.now, until, 0.8) if clock.warns else until
    effects: list[Effect] = [StartClock(kind, until, warned)]
    if running.is_paused:
        effects.append(PauseClocks((kind,)))
    effects.append(Notify("deadline_extended", "owner", told))
    if kind in {"vendor_ack", "vendor_plan", "vendor_date"}:
        effects.append(Notify("deadline_extended", "vendor", told))
    return changes, effects


def _clock_can_move(move: Move) -> tuple[str, ...]:
    kind = str(move.arguments.get("clock") or "")
    running = sorted(one.kind for one in move.facts.clocks if one.kind in EXTENDABLE)
    if kind not in running:
        return (f"`clock`: one that runs and can be extended ({', '.join(running) or 'none'})",)
    manager = isinstance(move.actor, Person) and Role.MANAGER in move.actor.roles
    if kind != "probation" and not manager:
        return ("only a manager extends this deadline; the owner extends the probation",)
    return ()


def _later_within_reason(move: Move) -> tuple[str, ...]:
    until = moment(move.arguments.get("until"))
    if until is None:
        return ("`until`: a moment with its zone, as in 2027-01-15T12:00:00Z",)
    running = {one.kind: one for one in move.facts.clocks}
    clock = running.get(str(move.arguments.get("clock") or ""))
    if clock is None:
        return ()
    if until <= max(clock.due_at, move.now):
        return (f"`until`: later than {max(clock.due_at, move.now).isoformat()}",)
    latest = max(clock.due_at, move.now) + move.facts.policy.longest_extension
    if until > latest:
        return (f"`until`: at the latest {latest.isoformat()}; it can be extended again",)
    return ()


def _reason_given(move: Move) -> tuple[str, ...]:
    given = str(move.arguments.get("reason") or "").strip()
    return () if given else ("`reason`: say why",)


# ------------------------------------------------------------------------------------ waivers


def _where(move: Move) -> tuple[str, str]:
    arguments = move.arguments
    return str(arguments.get("catalogue") or ""), str(arguments.get("remote_id") or "")


def _object(move: Move) -> ObjectState | None:
    where = _where(move)
    return next((o for o in move.facts.objects if (o.catalogue, o.remote_id) == where), None)


def _clock_of(where: tuple[str, str]) -> str:
    return f"{WAIVER}{'/'.join(filter(None, where))}"


def _waive(move: Move) -> Outcome:
    found = _object(move)
    assert found is not None  # noqa: S101 - the guard has seen to it
    until = datetime.fromisoformat(move.arguments["until"])
    why = move.arguments["reason"]
    told = {"catalogue": found.catalogue, "remote_id": found.remote_id,
            "until": until.isoformat(), "why": why, "by": who_acts(move)}
    others = [one for one in move.facts.objects if one is not found]
    effects: list[Effect] = [
        VoidVotes("an object was waived"),
        WaiveObject(found.catalogue, found.remote_id, until, move.person or "", why),
        StartClock(_clock_of(_where(move)), until, until,
                   {"catalogue": found.catalogue, "remote_id": found.remote_id}),
        Notify("waiver_set", "owner", told), Notify("waiver_set", "approvers", told), LookAgain(),
    ]
    return {"degraded": is_degraded(others)}, effects


def _unwaive(move: Move) -> Outcome:
    """The object must obey again; one that obeys already, or is gone, leaves no trouble behind."""
    found, where = _object(move), _where(move)
    told: dict[str, Any] = {"catalogue": where[0], "remote_id": where[1]}
    if isinstance(move.actor, Person):
        told["why"] = str(move.arguments.get("reason") or "")
    else:
        told["over"] = "date" if move.case.lane == "quality" else "lane"
    others = [one for one in move.facts.objects if one is not found]
    sells = found is not None and found.seen_sellable is not False
    changes = {"degraded": is_degraded(others) or sells}
    return changes, [
        VoidVotes("a waiver ended"), UnwaiveObject(*where), StopClocks((_clock_of(where),)),
        Notify("waiver_ended", "owner", told), LookAgain(),
    ]


def ended_waivers(move: Move, after: Case) -> list[Effect]:
    """A waiver is of one stop: it ends with the frozen phase, or goes with a case that is merged.

    What is delisted is sold nowhere, and must obey at once.
    """
    if after.state in FROZEN_PHASE or move.command is Command.MERGE:
        return []
    ended: list[Effect] = [
        UnwaiveObject(one.catalogue, one.remote_id)
        for one in move.facts.objects
        if one.is_waived
    ]
    return [*ended, LookAgain()] if ended and after.state is State.DELISTED else ended


def _lane_may_wait(move: Move) -> tuple[str, ...]:
    """Nobody overlooks what hurts people, or what an authority forbids."""
    if move.case.lane == "quality":
        return ()
    return (f"in the lane {move.case.lane} nothing is waived: it is tried on, and shown as it is",)


def _troubled(move: Move) -> tuple[str, ...]:
    found = _object(move)
    if found is None:
        names = ", ".join(one.name for one in move.facts.objects) or "none"
        return (f"`catalogue`, `remote_id`: an object of this case ({names})",)
    if found.is_stopped:
        return (f"{found.name} is {found.status.value}: there is nothing to waive",)
    return ()


def _until_soon(move: Move) -> tuple[str, ...]:
    until = moment(move.arguments.get("until"))
    if until is None:
        return ("`until`: a moment with its zone, as in 2027-01-15T12:00:00Z",)
    latest = move.now + move.facts.policy.longest_waiver
    if not move.now < until <= latest:
        return (f"`until`: it must lie ahead, at the latest {latest.isoformat()}",)
    return ()


def _is_waived(move: Move) -> tuple[str, ...]:
    found = _object(move)
    waived = found is not None and found.status is Status.WAIVED
    if waived or move.facts.runs(_clock_of(_where(move))):
        return ()
    return ("`catalogue`, `remote_id`: an object of this case that is waived",)


def _person_says_why(move: Move) -> tuple[str, ...]:
    return _reason_given(move) if isinstance(move.actor, Person) else ()


# ------------------------------------------------------------------------------------- reviews


def _review(move: Move) -> Outcome:
    verdict, comment = move.arguments["verdict"], str(move.arguments.get("comment") or "")
    recorded = RecordReview(verdict, comment, move.person or "", move.facts.pullers)
    told = {"verdict": verdict, "comment": comment, "outcome": move.case.state.value}
    return {}, [recorded, Notify("reviewed", "pullers", told)]


def _verdict_given(move: Move) -> tuple[str, ...]:
    if move.arguments.get("verdict") in VERDICTS:
        return ()
    return (f"`verdict`: one of {', '.join(VERDICTS)}",)


def _not_the_puller(move: Move) -> tuple[str, ...]:
    if move.person in move.facts.pullers:
        return ("who pulled the cord does not judge the pull",)
    return ()


def _was_stopped(move: Move) -> tuple[str, ...]:
    if move.case.frozen_at is None and move.case.state is State.SUSPECTED:
        return ("nothing has been stopped yet that could be reviewed",)
    return ()


GUARDS: Mapping[Command, tuple[Guard, ...]] = {
    Command.HAND_OFF: (_can_own, _owner_is_away),
    Command.ACCEPT_HAND_OFF: (_offered_to_me,),
    Command.LAPSE_HAND_OFF: (_offer_stands,),
    Command.REPLACE_OWNER: (_can_succeed,),
    Command.EXTEND_DEADLINE: (_clock_can_move, _later_within_reason, _reason_given),
    Command.WAIVE: (_lane_may_wait, _troubled, _until_soon, _reason_given),
    Command.UNWAIVE: (_is_waived, _person_says_why),
    Command.REVIEW: (_verdict_given, _not_the_puller, _was_stopped),
}

ACTS: Mapping[Command, Act] = {
    Command.COMMENT: _comment,
    Command.ATTACH_EVIDENCE: _attach_evidence,
    Command.HAND_OFF: _hand_off,
    Command.ACCEPT_HAND_OFF: _accept_hand_off,
    Command.LAPSE_HAND_OFF: _lapse_hand_off,
    Command.REPLACE_OWNER: _replace_owner,
    Command.EXTEND_DEADLINE: _extend_deadline,
    Command.WAIVE: _waive,
    Command.UNWAIVE: _unwaive,
    Command.REVIEW: _review,
}
