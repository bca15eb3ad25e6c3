"""What a vendor does while its item is frozen, and the answers that it is owed.

Nothing here lets anything be sold: a vendor's silence, date or contest moves clocks and notices.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from freezeguard.domain.acts.outcome import Act, Outcome, moment
from freezeguard.domain.clocks import after_days
from freezeguard.domain.effects import (
    Effect,
    MakePromise,
    MarkVendorNotices,
    Notify,
    SettlePromise,
)
from freezeguard.domain.guards import Guard, Move
from freezeguard.domain.policy import Policy
from freezeguard.domain.record import Case, Promises
from freezeguard.domain.transitions import Command, State

LEAST_CAP = timedelta(days=3)
WITH_THE_SHOP = frozenset({State.REMEDY_PROPOSED, State.AWAITING_APPROVAL})


def commitment_cap(case: Case, promises: Promises, policy: Policy) -> timedelta:
    """Return how far ahead a vendor may set its own date.

    The lane's cap, times (kept + 2) / (kept + 2 broken + 2), and three days at the least: a vendor
    without a record has the whole cap, the first broken date halves it, and each kept one brings a
    part of it back. The formula is ours: the weight of two kept dates given in advance.
    """
    return cap_in(case.lane, promises, policy)


def cap_in(lane: str, promises: Promises, policy: Policy) -> timedelta:
    """Return the same for any case of a lane."""
    whole = policy.commitment_cap if lane == "quality" else policy.safety_commitment_cap
    given = promises.kept + 2
    return max(LEAST_CAP, whole * (given / (given + 2 * promises.broken)))


def _vendor_notified(move: Move) -> Outcome:
    status = move.case.vendor_status
    return {"vendor_status": "notified" if status == "unreached" else status}, []


def _acknowledge(move: Move) -> Outcome:
    status = move.case.vendor_status
    early = status in {"unreached", "notified", "silent"}
    changes = {"vendor_status": "acknowledged" if early else status}
    return changes, [MarkVendorNotices("acknowledged")]


def _commit_date(move: Move) -> Outcome:
    due = datetime.fromisoformat(move.arguments["date"])
    before = move.case.commitment
    commitment = {
        "date": due.isoformat(),
        "made_at": move.now.isoformat(),
        "made_by": move.person,
        "round": move.case.remedy_rounds,
        "moved": before is not None and before["round"] == move.case.remedy_rounds,
    }
    record = move.facts.promises
    told = {
        "due": due.isoformat(), "note": move.arguments.get("comment"),
        "kept": record.kept, "broken": record.broken,
    }
    effects: list[Effect] = [
        MakePromise(due, move.person or ""),
        MarkVendorNotices("answered"),
        Notify("commitment_made", "owner", told),
    ]
    return {"commitment": commitment, "vendor_status": "committed"}, effects


def _contest(move: Move) -> Outcome:
    answer_by = after_days(move, move.facts.policy.contest_days)
    contest = {
        "at": move.now.isoformat(), "by": move.person, "reason": move.arguments["reason"],
        "answer_by": answer_by.isoformat(),
    }
    told = {"text": move.arguments["reason"], "answer_due": answer_by.isoformat()}
    effects: list[Effect] = [
        MarkVendorNotices("answered"), Notify("contest_received", "owner", told),
    ]
    return {"contest": contest, "vendor_status": "answered"}, effects


def _answer_contest(move: Move) -> Outcome:
    told = {"answer": move.arguments["reason"], "accepted": False}
    answered = {
        **(move.case.contest or {}), "answered_at": move.now.isoformat(),
        "answered_by": move.person, "answer": move.arguments["reason"],
    }
    return {"contest": answered}, [Notify("contest_answered", "vendor", told)]


def _vendor_silent(move: Move) -> Outcome:
    """Nothing was heard: the second contact is written to, and the freeze stays."""
    told = {"silent_since": move.arguments["since"], "number": 1, "due": move.arguments["due"]}
    return {"vendor_status": "silent"}, [
        Notify("vendor_reminder", "vendor", told),
        Notify("vendor_reminder", "vendor_second", told),
    ]


def _miss_date(move: Move) -> Outcome:
    """The vendor's own date has passed: later dates have a shorter cap."""
    commitment = {**(move.case.commitment or {}), "missed_at": move.now.isoformat()}
    told = {"due": commitment.get("date")}
    effects: list[Effect] = [
        SettlePromise("broken"), Notify("commitment_broken", "owner", told),
        Notify("commitment_broken", "vendor", told),
    ]
    return {"commitment": commitment}, effects


# ---------------------------------------------------------------------------------- guards


def _date_within_the_cap(move: Move) -> tuple[str, ...]:
    due = moment(move.arguments.get("date"))
    if due is None:
        return ("`date`: a moment with its zone, as in 2027-01-15T12:00:00Z",)
    if due <= move.now:
        return ("`date`: the date must lie ahead",)
    cap = commitment_cap(move.case, move.facts.promises, move.facts.policy)
    latest = move.now + cap
    if due <= _end_of(latest):
        return ()
    record = move.facts.promises
    told = f"{record.kept} dates kept and {record.broken} broken so far"
    return (f"`date`: at the latest {latest.date().isoformat()}, {cap.days} days ahead ({told})",)


def _end_of(latest: datetime) -> datetime:
    """Return when the day of a moment has ended everywhere: the day that is told is one to name."""
    return datetime.combine(latest.astimezone(UTC).date(), time(12), UTC) + timedelta(days=1)


def _moved_once(move: Move) -> tuple[str, ...]:
    before = move.case.commitment
    if before is None or before["round"] != move.case.remedy_rounds or not before["moved"]:
        return ()
    return ("the date has been moved once already; a manager may extend it",)


def _date_has_passed(move: Move) -> tuple[str, ...]:
    commitment: Mapping[str, Any] = move.case.commitment or {}
    due = moment(commitment.get("date"))
    if due is None or due > move.now or commitment.get("missed_at"):
        return ("no date of the vendor has passed without a remedy",)
    return ()


def _ball_is_with_the_vendor(move: Move) -> tuple[str, ...]:
    if move.case.state in WITH_THE_SHOP:
        return ("the remedy is with the shop; a new date is due if it comes back",)
    return ()


def _reason_given(move: Move) -> tuple[str, ...]:
    given = str(move.arguments.get("reason") or "").strip()
    return () if given else ("`reason`: what is disputed, and why",)


def _not_contested_yet(move: Move) -> tuple[str, ...]:
    if move.case.contest and move.case.contest_waits:
        return (f"a contest waits for its answer, due {move.case.contest['answer_by']}",)
    return ()


def _contest_waits(move: Move) -> tuple[str, ...]:
    if move.case.contest_waits:
        return ()
    return ("no contest waits for an answer",)


def _answer_given(move: Move) -> tuple[str, ...]:
    given = str(move.arguments.get("reason") or "").strip()
    return () if given else ("`reason`: what the vendor is told",)


GUARDS: Mapping[Command, tuple[Guard, ...]] = {
    Command.COMMIT_DATE: (_date_within_the_cap, _moved_once, _ball_is_with_the_vendor),
    Command.MISS_DATE: (_date_has_passed,),
    Command.CONTEST: (_reason_given, _not_contested_yet),
    Command.ANSWER_CONTEST: (_contest_waits, _answer_given),
}

ACTS: Mapping[Command, Act] = {
    Command.VENDOR_NOTIFIED: _vendor_notified,
    Command.VENDOR_SILENT: _vendor_silent,
    Command.MISS_DATE: _miss_date,
    Command.ACKNOWLEDGE: _acknowledge,
    Command.COMMIT_DATE: _commit_date,
    Command.CONTEST: _contest,
    Command.ANSWER_CONTEST: _answer_contest,
}
