"""What a case is about: wider, narrower, or one with another case.

Narrowing makes before it breaks. The narrow hold is set beside the wide one; only when everything
that it covers is read back as stopped does `confirm_narrow` begin to release the wide one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from freezeguard.domain.acts.outcome import (
    Act,
    Outcome,
    cast_vote,
    no_approval,
    stricter_lane,
    who_acts,
)
from freezeguard.domain.effects import (
    CloseTasks,
    Effect,
    LookAgain,
    MergeInto,
    Notify,
    ReleaseWiderHolds,
    SetHold,
    SetNarrowHold,
    SettlePromise,
    StopClocks,
    VoidVotes,
)
from freezeguard.domain.enforcement import ObjectState, Status
from freezeguard.domain.guards import Guard, Move, is_last_vote
from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import Command, State

OTHER_NAMED = (
    "`into`: the id of the case that survives, another open one of the same SKU and vendor, whose "
    "scope overlaps"
)


def asked_scope(move: Move) -> Scope:
    """Return the scope that the arguments name; its SKU is the case's."""
    named = dict(move.arguments.get("scope") or {})
    return Scope.of(move.case.scope.sku, named)


def _widen(move: Move) -> Outcome:
    """More is stopped at once; whatever the case held before lies inside it."""
    case, wider = move.case, asked_scope(move)
    changes: dict[str, Any] = {
        "scope": wider,
        "further_scopes": tuple(one for one in case.further_scopes if not wider.covers(one)),
        "narrowing": None,
        "evidence_revision": case.evidence_revision + 1,
    }
    told = {
        "from_scope": case.scope.as_dict(), "why": str(move.arguments.get("reason") or ""),
    }
    effects: list[Effect] = [VoidVotes("the scope was widened")]
    if case.keeps_its_hold:
        effects.append(SetHold("hard"))
        effects += [Notify("widened", "vendor", told), Notify("widened", "owner", told)]
    return changes, effects


def _narrow(move: Move) -> Outcome:
    narrower = asked_scope(move)
    why = str(move.arguments.get("reason") or "")
    if not is_last_vote(move):
        changes, effects = cast_vote(move)
        told = {
            "to_scope": narrower.as_dict(), "requested_by": who_acts(move), "why": why,
            "valid_until": (move.now + move.facts.policy.vote_lifetime).isoformat(),
        }
        return changes, [*effects, Notify("narrow_requested", "approvers", told)]
    changes = {
        "narrowing": {"scope": narrower.as_dict(), "since": move.now.isoformat(), "why": why},
        "evidence_revision": move.case.evidence_revision + 1,
    }
    voided: list[Effect] = [VoidVotes("the scope is narrowed")]
    return changes, [*voided, SetNarrowHold(narrower), LookAgain()]


def narrowed_scope(case: Case) -> Scope | None:
    """Return the narrower scope that is on its way, None where there is none."""
    if case.narrowing is None:
        return None
    return Scope.of(case.scope.sku, case.narrowing["scope"])


def _confirm_narrow(move: Move) -> Outcome:
    narrower = narrowed_scope(move.case) or move.case.scope
    told = {
        "from_scope": move.case.scope.as_dict(), "why": (move.case.narrowing or {}).get("why", ""),
    }
    changes = {"scope": narrower, "further_scopes": (), "narrowing": None}
    return changes, [
        ReleaseWiderHolds(), Notify("narrowed", "vendor", told), Notify("narrowed", "owner", told),
    ]


def _merge(move: Move) -> Outcome:
    survivor = move.facts.other
    assert survivor is not None  # noqa: S101 - the guard has seen to it
    told = {"into": str(survivor.number)}
    effects: list[Effect] = [
        VoidVotes("the case was merged"), SettlePromise("withdrawn"),
        MergeInto(survivor.id, move.facts.clocks, move.facts.pullers),
        CloseTasks("stop"), CloseTasks("release"),  # the survivor's from now on, if still needed
        Notify("merged", "owner", told), Notify("merged", "pullers", told),
    ]
    if move.case.frozen_vendor_knows:
        effects.append(Notify("merged", "vendor", told))
    return {"merged_into": survivor.id, "narrowing": None, **no_approval()}, effects


def _absorb(move: Move) -> Outcome:
    """Take over what another case had: its scopes, the stricter lane, the higher recurrence.

    And the answer that its vendor is owed: one that disputes a stop hears of the same clock.
    """
    case, other = move.case, move.facts.other
    assert other is not None  # noqa: S101 - only the service gives this command
    mine = case.scopes
    added = tuple(one for one in other.scopes if not any(scope.covers(one) for scope in mine))
    changes: dict[str, Any] = {
        "further_scopes": (*case.further_scopes, *added),
        "lane": stricter_lane(case.lane, other.lane),
        "recurrence": max(case.recurrence, other.recurrence),
        "defect_found": case.defect_found or other.defect_found,
        "evidence_revision": case.evidence_revision + 1,
        "narrowing": None,  # nobody has agreed to release what comes in now
        "noted": {"recurrence": other.recurrence},
        **no_approval(),
    }
    if case.state is not State.SUSPECTED and case.diagnosis is None:
        changes["diagnosis"] = {
            "opened_at": move.now.isoformat(), "opened_by": case.owner, "similar_cases": [],
        }
    effects: list[Effect] = [VoidVotes("another case was merged into this one")]
    if other.contest_waits:
        changes |= {"contest": other.contest, "vendor_status": "answered"}
        effects += _without_reminders(move)
    if case.in_frozen_phase and (changes["lane"] != case.lane or case.narrowing):
        effects.append(SetHold("hard"))
    return changes, effects


def _without_reminders(move: Move) -> list[Effect]:
    """The vendor has spoken: what waited for its word on this case waits no longer."""
    waiting = tuple(one for one in ("vendor_ack", "vendor_plan") if move.facts.runs(one))
    return [StopClocks(waiting)] if waiting else []


# ---------------------------------------------------------------------------------- guards


def _scope_fits(move: Move) -> tuple[str, ...]:
    named = (move.arguments.get("scope") or {}).get("sku")
    if named not in {None, move.case.scope.sku}:
        return ("`scope`: a case is about one SKU; another one needs a case of its own",)
    return ()


def _is_wider(move: Move) -> tuple[str, ...]:
    wider, case = asked_scope(move), move.case
    if wider != case.scope and wider.covers(case.scope):
        return ()
    return (f"`scope`: it must cover {case.scope}, and more",)


def _is_narrower(move: Move) -> tuple[str, ...]:
    narrower = asked_scope(move)
    if narrower != move.case.scope and move.case.covers(narrower):
        return ()
    return (f"`scope`: it must lie inside {move.case.scope}, and be less",)


def _complaints_lie_inside(move: Move) -> tuple[str, ...]:
    """Nothing that people complained of is sold again by being left out of the scope.

    One that says nothing of a lot may be of any: where all are like that two people must agree.
    """
    narrower = asked_scope(move)
    outside = sorted({str(one) for one in move.facts.complained if not narrower.overlaps(one)})
    if not outside:
        return ()
    return (f"`scope`: complaints that counted lie outside it, in {'; '.join(outside)}",)


def _scope_is_free(move: Move) -> tuple[str, ...]:
    wanted = asked_scope(move)
    if wanted in move.facts.open_scopes:
        return (f"another case is open for exactly {wanted}; merge with it instead",)
    return ()


def _reason_given(move: Move) -> tuple[str, ...]:
    given = str(move.arguments.get("reason") or "").strip()
    return () if given else ("`reason`: say why",)


def _not_degraded(move: Move) -> tuple[str, ...]:
    if move.case.degraded:
        return ("the case is degraded: what is not stopped can't be narrowed",)
    return ()


def _not_narrowing(move: Move) -> tuple[str, ...]:
    return ("it is being narrowed already",) if move.case.narrowing else ()


def _narrow_is_stopped(move: Move) -> tuple[str, ...]:
    """Every object of the narrow scope was read back as stopped after its hold was set."""
    if move.case.narrowing is None:
        return ("nothing is being narrowed",)
    since = datetime.fromisoformat(move.case.narrowing["since"])
    return tuple(
        f"{one.name} has not been read back as stopped since"
        for one in move.facts.objects
        if not one.is_stopped or (one.status is Status.CONFIRMED and _seen_before(one, since))
    )


def _seen_before(one: ObjectState, moment: datetime) -> bool:
    return one.seen_at is None or one.seen_at < moment


def _other_named(move: Move) -> tuple[str, ...]:
    other = move.facts.other
    if other is None or other.id == move.case.id:
        return (OTHER_NAMED,)
    return ()


def _other_fits(move: Move) -> tuple[str, ...]:
    case, other = move.case, move.facts.other
    if other is None or other.id == case.id:
        return ()
    lacking = []
    if not any(one.overlaps(two) for one in case.scopes for two in other.scopes):
        lacking.append("the scopes of the two cases do not overlap")
    both_frozen = case.in_frozen_phase and other.in_frozen_phase
    both_suspected = {case.state, other.state} == {State.SUSPECTED}
    if not both_frozen and not both_suspected:
        lacking.append(f"both must be stopped, or both suspected; the other one is {other.state}")
    if case.vendor != other.vendor:
        lacking.append(
            f"case {other.number} is another vendor's, who would see what is not theirs"
        )
    if case.contest_waits and other.contest_waits:
        lacking.append("the vendor contests both: answer one of them first, with `answer_contest`")
    if "authority" in {case.lane, other.lane}:
        lacking.append("an order of an authority is merged with nothing")
    if (other.opened_at, str(other.id)) > (case.opened_at, str(case.id)):
        lacking.append(f"the older case survives: give the command to case {other.number}")
    return tuple(lacking)


def _owner_of_both(move: Move) -> tuple[str, ...]:
    other, actor = move.facts.other, move.actor
    if other is None or move.person == other.owner:
        return ()
    if getattr(actor, "manages", lambda _: False)(other.category):
        return ()
    return (f"case {other.number} is another owner's: have it handed off to you first",)


def _same_cause(move: Move) -> tuple[str, ...]:
    given = str(move.arguments.get("reason") or "").strip()
    return () if given else ("`reason`: the cause that both cases have",)


GUARDS: Mapping[Command, tuple[Guard, ...]] = {
    Command.WIDEN: (_scope_fits, _is_wider, _scope_is_free, _reason_given),
    Command.NARROW: (
        _scope_fits, _is_narrower, _complaints_lie_inside, _scope_is_free, _reason_given,
        _not_degraded, _not_narrowing,
    ),
    Command.CONFIRM_NARROW: (_narrow_is_stopped,),
    Command.MERGE: (_other_named, _other_fits, _owner_of_both, _same_cause),
}

ACTS: Mapping[Command, Act] = {
    Command.WIDEN: _widen,
    Command.NARROW: _narrow,
    Command.CONFIRM_NARROW: _confirm_narrow,
    Command.MERGE: _merge,
    Command.ABSORB: _absorb,
}
