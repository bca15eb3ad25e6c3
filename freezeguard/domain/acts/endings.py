"""The ways out of a stop: reinstatement and probation, false alarm, delisting and its appeal."""

from collections.abc import Mapping
from typing import Any

from freezeguard.domain import probation
from freezeguard.domain.acts.freezing import stopped
from freezeguard.domain.acts.outcome import (
    Act,
    Outcome,
    cast_vote,
    no_approval,
    shortfalls,
    stricter_lane,
    who_acts,
)
from freezeguard.domain.clocks import after_days
from freezeguard.domain.effects import (
    CloseTasks,
    Effect,
    EndHold,
    JudgeSignals,
    JudgeSources,
    Notify,
    OpenTask,
    Reader,
    ReleaseHold,
    ScoreFalseAlarm,
    SettlePromise,
    VoidVotes,
)
from freezeguard.domain.enforcement import is_degraded
from freezeguard.domain.guards import Guard, Move, is_last_vote, live_votes
from freezeguard.domain.record import Case
from freezeguard.domain.signals import Severity
from freezeguard.domain.transitions import Command, State
from freezeguard.domain.trust import AT_FAULT

NEW_FACTS = "`new_facts`: what was not known when it was decided"


def _voters(move: Move) -> tuple[str, ...]:
    """Return everybody who has agreed to a command, whose last vote this is."""
    return (*(vote.person for vote in live_votes(move)), move.person or "")


def _approve(move: Move) -> Outcome:
    if not is_last_vote(move):
        changes, effects = cast_vote(move)
        asked: list[Reader] = ["approvers"]
        if move.case.lane == "authority":
            asked.append("compliance")
        second = {"second_needed": True, **shortfalls(move)}
        return changes, [
            *effects, *(Notify("approval_requested", reader, second) for reader in asked),
        ]
    released: list[Effect] = [
        VoidVotes("used"),
        JudgeSignals(),
        SettlePromise("kept"),
        ReleaseHold(),
        CloseTasks("stop"),
    ]
    changes = {
        "reinstated_at": move.now, "release_tries": 0, "narrowing": None,
        "decided_by": _voters(move), **no_approval(),
    }
    if move.case.lane == "authority":  # an order proves no complaint
        changes["lane"] = _lane_after_the_order(move.case)
    else:
        released.append(JudgeSources(were_right=True))
    return changes, released


def _lane_after_the_order(case: Case) -> str:
    """Return the lane that a case falls back to, stricter where somebody was hurt meanwhile."""
    before = str((case.authority_order or {}).get("lane_before") or "quality")
    hurt = int(case.known_evidence.get("severity", 0)) >= Severity.SAFETY
    return stricter_lane(before, "safety") if hurt else before


def _declare_false_alarm(move: Move) -> Outcome:
    if not is_last_vote(move):
        return cast_vote(move)
    released: list[Effect] = [
        VoidVotes("used"),
        JudgeSignals(usual=move.arguments["reason_code"] == "rule_error"),
        ScoreFalseAlarm(),
        SettlePromise("withdrawn"),
        ReleaseHold(),
        CloseTasks("stop"),
    ]
    if move.arguments["reason_code"] in AT_FAULT:
        released.append(JudgeSources(were_right=False))
    changes = {
        "outcome": "false_alarm",
        "defect_found": False,
        "reinstated_at": move.now,
        "release_tries": 0,
        "narrowing": None,
        "decided_by": _voters(move),
        "verification": {"false_alarm": move.arguments["reason_code"]},
        "appeal": None,  # an earlier one was of another decision
        **no_approval(),
    }
    return changes, released


def _confirm_release(move: Move) -> Outcome:
    case, policy = move.case, move.facts.policy
    effects: list[Effect] = [EndHold(), CloseTasks("release")]
    if case.outcome == "false_alarm":
        code = {"reason_code": (case.verification or {}).get("false_alarm", "")}
        told = [
            Notify("false_alarm", "vendor", code), Notify("false_alarm", "owner", code),
            Notify("outcome", "pullers", {"outcome": State.CLOSED_FALSE_ALARM.value, **code}),
        ]
        return {"state": State.CLOSED_FALSE_ALARM, "degraded": False}, [*effects, *told]
    set_terms = probation.terms(case, policy, move.now)
    effects += [
        Notify("released", "vendor"), Notify("released", "owner"),
        Notify("outcome", "pullers", {"outcome": "on_sale"}),
    ]
    return {"probation": set_terms, "degraded": False}, effects


def _refuse_release(move: Move) -> Outcome:
    """After the tries allowed, ask a person: once per object, again if the task did not help."""
    tries = move.case.release_tries + 1
    changes = {"release_tries": tries, "degraded": is_degraded(move.facts.objects)}
    where = (str(move.arguments.get("catalogue", "")), str(move.arguments.get("remote_id", "")))
    if tries < move.facts.policy.release_tries or where in move.facts.open_tasks:
        return changes, []
    seen = {key: str(move.arguments.get(key, "")) for key in ("catalogue", "remote_id", "detail")}
    instruction = (
        f"Put {move.case.scope} back on sale in {seen['catalogue']} by hand "
        f"(object {seen['remote_id']}): {seen['detail']}"
    )
    effects: list[Effect] = [
        OpenTask("release", seen["catalogue"], seen["remote_id"], instruction),
        Notify("release_refused", "owner", {**seen, "instruction": instruction}),
    ]
    return changes, effects


def _complete_probation(move: Move) -> Outcome:
    record = move.facts.probation
    effect = {"complaints": record.complaints, "units": record.units}
    closed = {**(move.case.probation or {}), "effectiveness": effect}
    became = {"outcome": State.CLOSED_REINSTATED.value}
    told: list[Effect] = [Notify("closed", "everyone_told"), Notify("outcome", "pullers", became)]
    return {"probation": closed}, told


# ------------------------------------------------------------------------ for good, and appeals


def _delist(move: Move) -> Outcome:
    """Two agree: the hold stays for good, and the vendor hears until when to appeal."""
    if not is_last_vote(move):
        changes, effects = cast_vote(move)
        asked = {
            "why": move.arguments["reason"], "requested_by": who_acts(move),
            "valid_until": (move.now + move.facts.policy.vote_lifetime).isoformat(),
        }
        return changes, [*effects, Notify("delist_requested", "approvers", asked)]
    until = (move.now + move.facts.policy.appeal_window).isoformat()
    told = {"why": _all_reasons(move), "appeal_until": until}
    changes = {
        "outcome": "delisted", "defect_found": True, "decided_by": _voters(move),
        "narrowing": None,
        "appeal": {"until": until, "decided_at": move.now.isoformat()}, **no_approval(),
    }
    effects = [
        VoidVotes("used"), JudgeSignals(), JudgeSources(were_right=True),
        SettlePromise("withdrawn"),
        Notify("delisted", "vendor", told), Notify("delisted", "owner", told),
        Notify("outcome", "pullers", {"outcome": State.DELISTED.value}),
    ]
    return changes, effects


def _all_reasons(move: Move) -> str:
    """Return what everybody wrote who agreed, the one who asked for it first, each text once."""
    earlier = (str(vote.arguments.get("reason") or "") for vote in live_votes(move))
    said = (*earlier, str(move.arguments["reason"]))
    return "\n\n".join(dict.fromkeys(one.strip() for one in said if one.strip()))


def _appeal(move: Move) -> Outcome:
    due = after_days(move, move.facts.policy.appeal_days)
    appeal = {
        **(move.case.appeal or {}), "at": move.now.isoformat(), "by": move.person,
        "new_facts": move.arguments["new_facts"], "answer_by": due.isoformat(),
    }
    facts = {
        "text": move.arguments["new_facts"], "answer_due": due.isoformat(),
        "decided_by": list(move.case.decided_by),
    }
    told: list[Effect] = [
        Notify("appealed", "reviewers", facts), Notify("appealed", "owner", facts),
    ]
    return {"closed_at": None, "appeal": appeal}, told


def _reopen(move: Move) -> Outcome:
    """The decision falls: the sale stays, or is, stopped, and the diagnosis begins anew."""
    why = {"why": move.arguments["reason"]}
    appeal = {**(move.case.appeal or {}), "answered_at": move.now.isoformat(),
              "answered_by": move.person, "answer": "reopened", **why}
    # what is to be looked at again has not been found out
    return stopped(move, {"appeal": appeal, "decided_by": (), "defect_found": False})


def _uphold(move: Move) -> Outcome:
    why = {"why": move.arguments["reason"]}
    appeal = {**(move.case.appeal or {}), "answered_at": move.now.isoformat(),
              "answered_by": move.person, "answer": "upheld", **why}
    changes: dict[str, Any] = {"appeal": appeal}
    if move.case.outcome == "false_alarm":
        changes["state"] = State.CLOSED_FALSE_ALARM
    told: list[Effect] = [Notify("appeal_upheld", "owner", why)]
    if move.case.frozen_vendor_knows:
        told.insert(0, Notify("appeal_upheld", "vendor", why))
    return changes, told


def _within_the_window(move: Move) -> tuple[str, ...]:
    closed = move.case.closed_at
    if closed is None or move.now <= closed + move.facts.policy.appeal_window:
        return ()
    until = closed + move.facts.policy.appeal_window
    return (f"the time to appeal ended on {until.date().isoformat()}",)


def _new_facts_given(move: Move) -> tuple[str, ...]:
    return () if str(move.arguments.get("new_facts") or "").strip() else (NEW_FACTS,)


def _not_appealed_before(move: Move) -> tuple[str, ...]:
    if (move.case.appeal or {}).get("answered_at"):
        return ("this decision has been appealed, and the appeal was answered",)
    return ()


def _no_open_case(move: Move) -> tuple[str, ...]:
    if move.case.scope in move.facts.open_scopes:
        return (f"a case is open for {move.case.scope}; take the new facts there",)
    return ()


def _another_reviewer(move: Move) -> tuple[str, ...]:
    if move.person in move.case.decided_by:
        return ("who decided does not judge the appeal; another reviewer does",)
    return ()


def _may_end_delisted(move: Move) -> tuple[str, ...]:
    if move.case.outcome in {"delisted", "false_alarm"}:
        return ()
    return ("the decision that was appealed is not known",)


def _reason_given(move: Move) -> tuple[str, ...]:
    given = str(move.arguments.get("reason") or "").strip()
    return () if given else ("`reason`: say why",)


GUARDS: Mapping[Command, tuple[Guard, ...]] = {
    Command.APPEAL: (
        _new_facts_given, _within_the_window, _not_appealed_before, _no_open_case,
    ),
    Command.REOPEN: (_reason_given, _another_reviewer),
    Command.UPHOLD: (_reason_given, _another_reviewer, _may_end_delisted),
}

ACTS: Mapping[Command, Act] = {
    Command.APPROVE: _approve,
    Command.DECLARE_FALSE_ALARM: _declare_false_alarm,
    Command.CONFIRM_RELEASE: _confirm_release,
    Command.REFUSE_RELEASE: _refuse_release,
    Command.COMPLETE_PROBATION: _complete_probation,
    Command.DELIST: _delist,
    Command.APPEAL: _appeal,
    Command.REOPEN: _reopen,
    Command.UPHOLD: _uphold,
}
