"""What a vendor does while its item is frozen: acknowledging, dates of its own, contests."""

from datetime import datetime, time, timedelta, timezone

import pytest

from freezeguard.domain import effects as fx
from freezeguard.domain.acts.vendors import commitment_cap
from freezeguard.domain.errors import GuardFailed, NotAllowed
from freezeguard.domain.record import Facts, Promises
from freezeguard.domain.transitions import FROZEN_PHASE, Command, State
from tests.domain.casebook import DAY, HOUR, NOW, POLICY, case_in, give, without_clocks
from tests.domain.cast import ANA, COURIER, MIA, OWEN, TIMER, VERA, VIC

DUE = NOW + 20 * DAY
DATE = {"date": DUE.isoformat(), "comment": "new seals"}
PROMISED = {"date": (NOW - HOUR).isoformat(), "round": 0, "moved": False}


def _refused(case, command, actor, arguments, facts=None):
    with pytest.raises(GuardFailed) as refused:
        give(case, command, actor, arguments, facts)
    return refused.value.missing


@pytest.mark.parametrize("command", [
    Command.ACKNOWLEDGE, Command.COMMIT_DATE, Command.CONTEST,
])
@pytest.mark.parametrize("actor", [VIC, OWEN, MIA])
def test_only_the_vendor_itself_speaks_for_it(command, actor):
    """Neither a rival nor anybody of the shop."""
    with pytest.raises(NotAllowed, match=f"{command} is for: vendor"):
        give(case_in("frozen"), command, actor, {**DATE, "reason": "no"})


@pytest.mark.parametrize(("before", "after"), [
    ("unreached", "acknowledged"), ("notified", "acknowledged"), ("silent", "acknowledged"),
    ("committed", "committed"), ("answered", "answered"),
])
def test_an_acknowledgement_never_takes_back_what_came_after_it(before, after):
    """Its notices count as read; the status only ever goes forward."""
    said = give(case_in("frozen", vendor_status=before), Command.ACKNOWLEDGE, VERA)

    assert after == said.case.vendor_status
    assert [fx.MarkVendorNotices("acknowledged")] == without_clocks(said)


@pytest.mark.parametrize(("before", "after"), [
    ("unreached", "notified"), ("acknowledged", "acknowledged"), ("silent", "silent"),
])
def test_delivery_is_noted_once(before, after):
    """What reaches a vendor that has spoken changes nothing."""
    told = give(
        case_in("frozen", vendor_status=before), Command.VENDOR_NOTIFIED, COURIER, {}, version=None
    )

    assert (after, []) == (told.case.vendor_status, without_clocks(told))


def test_a_date_becomes_a_promise():
    """It is stored with who made it and in which round, and the owner sees the vendor's record."""
    facts = Facts(promises=Promises(2, 1))

    said = give(case_in("diagnosing"), Command.COMMIT_DATE, VERA, DATE, facts)

    assert {
        "date": DUE.isoformat(), "made_at": NOW.isoformat(), "made_by": "vera", "round": 0,
        "moved": False,
    } == said.case.commitment
    assert "committed" == said.case.vendor_status
    assert [
        fx.MakePromise(DUE, "vera"), fx.MarkVendorNotices("answered"),
        fx.Notify("commitment_made", "owner", {
            "due": DUE.isoformat(), "note": "new seals", "kept": 2, "broken": 1,
        }),
    ] == without_clocks(said)


@pytest.mark.parametrize(("lane", "kept", "broken", "days"), [
    ("quality", 0, 0, 30), ("quality", 0, 1, 15), ("quality", 5, 0, 30), ("quality", 2, 1, 20),
    ("quality", 0, 99, 3), ("safety", 0, 0, 14), ("safety", 0, 1, 7), ("authority", 0, 0, 14),
])
def test_the_cap_follows_the_vendor_s_record(lane, kept, broken, days):
    """The lane's cap; each broken date costs, each kept one brings a part back; never under 3."""
    cap = commitment_cap(case_in("frozen", lane=lane), Promises(kept, broken), POLICY)

    assert timedelta(days=days) == cap


@pytest.mark.parametrize(("date", "sentence"), [
    (None, "`date`: a moment with its zone, as in 2027-01-15T12:00:00Z"),
    ("soon", "`date`: a moment with its zone, as in 2027-01-15T12:00:00Z"),
    ("2026-12-01T12:00:00", "`date`: a moment with its zone, as in 2027-01-15T12:00:00Z"),
    (NOW.isoformat(), "`date`: the date must lie ahead"),
    ((NOW + 17 * DAY).isoformat(),
     "`date`: at the latest 2026-12-05, 15 days ahead (0 dates kept and 1 broken so far)"),
])
def test_a_date_lies_ahead_and_within_the_cap(date, sentence):
    """With its zone, later than now, and no later than the vendor's record allows."""
    facts = Facts(promises=Promises(0, 1))

    assert (sentence,) == _refused(
        case_in("frozen"), Command.COMMIT_DATE, VERA, {"date": date}, facts
    )


@pytest.mark.parametrize("zone", [-12, 0, 1, 14])
def test_the_latest_day_that_is_told_may_be_named(zone):
    """Whoever names that day means its end where they are; it is not refused with its own name."""
    there = timezone(timedelta(hours=zone))
    end = datetime.combine((NOW + 15 * DAY).date(), time(23, 59, 59), there)
    facts = Facts(promises=Promises(0, 1))

    said = give(case_in("frozen"), Command.COMMIT_DATE, VERA, {"date": end.isoformat()}, facts)

    assert end.isoformat() == said.case.commitment["date"]


def test_a_date_is_moved_once_in_a_round():
    """The second date of a round is its last; when a remedy came back, a new round begins."""
    first = give(case_in("frozen"), Command.COMMIT_DATE, VERA, DATE).case
    moved = give(first, Command.COMMIT_DATE, VERA, DATE).case

    assert moved.commitment["moved"]
    assert ("the date has been moved once already; a manager may extend it",) == _refused(
        moved, Command.COMMIT_DATE, VERA, DATE
    )
    later = give(
        case_in("diagnosing", commitment=moved.commitment, remedy_rounds=1),
        Command.COMMIT_DATE, VERA, DATE,
    )
    assert not later.case.commitment["moved"]


@pytest.mark.parametrize("state", ["remedy_proposed", "awaiting_approval"])
def test_no_date_is_set_while_the_shop_has_the_ball(state):
    """The vendor has delivered; a date would only move its own clock."""
    assert ("the remedy is with the shop; a new date is due if it comes back",) == _refused(
        case_in(state), Command.COMMIT_DATE, VERA, DATE
    )


def test_a_contest_is_owed_an_answer():
    """Stored with its reason and the day of the answer; the owner hears of it."""
    said = give(case_in("frozen"), Command.CONTEST, VERA, {"reason": "it was the carrier"})

    due = said.case.contest["answer_by"]
    assert {
        "at": NOW.isoformat(), "by": "vera", "reason": "it was the carrier", "answer_by": due,
    } == said.case.contest
    assert "answered" == said.case.vendor_status
    assert [
        fx.MarkVendorNotices("answered"),
        fx.Notify("contest_received", "owner", {"text": "it was the carrier", "answer_due": due}),
    ] == without_clocks(said)
    assert (f"a contest waits for its answer, due {due}",) == _refused(
        said.case, Command.CONTEST, VERA, {"reason": "once more"}
    )


def test_the_owner_answers_a_contest_once():
    """The answer is kept and told to the vendor; afterwards another contest may come."""
    contest = {"at": "then", "by": "vera", "reason": "why", "answer_by": "soon"}
    answered = give(
        case_in("diagnosing", contest=contest), Command.ANSWER_CONTEST, OWEN, {"reason": "no"}
    )

    assert {
        **contest, "answered_at": NOW.isoformat(), "answered_by": "owen", "answer": "no",
    } == answered.case.contest
    assert [
        fx.Notify("contest_answered", "vendor", {"answer": "no", "accepted": False})
    ] == without_clocks(answered)
    assert ("no contest waits for an answer",) == _refused(
        answered.case, Command.ANSWER_CONTEST, OWEN, {"reason": "no"}
    )
    assert give(answered.case, Command.CONTEST, VERA, {"reason": "but"}).case.contest["by"]


@pytest.mark.parametrize(("command", "actor", "sentence"), [
    (Command.CONTEST, VERA, "`reason`: what is disputed, and why"),
    (Command.ANSWER_CONTEST, OWEN, "`reason`: what the vendor is told"),
])
@pytest.mark.parametrize("reason", [None, "", "  "])
def test_contest_and_answer_say_why(command, actor, sentence, reason):
    """Without words there is nothing to judge, and nothing to tell."""
    contest = {"answer_by": "soon"} if command is Command.ANSWER_CONTEST else None

    assert (sentence,) == _refused(
        case_in("frozen", contest=contest), command, actor, {"reason": reason}
    )


def test_only_the_owner_answers():
    """An analyst may look, and not speak for the shop."""
    with pytest.raises(NotAllowed, match="answer_contest is for: owner"):
        give(case_in("frozen"), Command.ANSWER_CONTEST, ANA, {"reason": "no"})


@pytest.mark.parametrize("state", sorted(FROZEN_PHASE))
def test_silence_of_a_vendor_moves_nothing_but_notices(state):
    """The vendor and its second contact are written to; state, version and hold stay."""
    case = case_in(state)

    silent = give(
        case, Command.VENDOR_SILENT, TIMER, {"since": "then", "due": "tomorrow"}, version=None
    )

    assert (state, 4, "silent") == (
        silent.case.state, silent.case.version, silent.case.vendor_status
    )
    told = {"silent_since": "then", "number": 1, "due": "tomorrow"}
    assert [
        fx.Notify("vendor_reminder", "vendor", told),
        fx.Notify("vendor_reminder", "vendor_second", told),
    ] == without_clocks(silent)


def test_a_date_that_passes_breaks_the_promise_once():
    """The record is marked, owner and vendor are told; the case stays frozen."""
    missed = give(
        case_in("diagnosing", commitment=PROMISED), Command.MISS_DATE, TIMER, {}, version=None
    )

    told = {"due": PROMISED["date"]}
    assert {**PROMISED, "missed_at": NOW.isoformat()} == missed.case.commitment
    assert State.DIAGNOSING is missed.case.state
    assert [
        fx.SettlePromise("broken"), fx.Notify("commitment_broken", "owner", told),
        fx.Notify("commitment_broken", "vendor", told),
    ] == without_clocks(missed)
    assert ("no date of the vendor has passed without a remedy",) == _refused(
        missed.case, Command.MISS_DATE, TIMER, {}
    )


@pytest.mark.parametrize("commitment", [None, {**PROMISED, "date": (NOW + DAY).isoformat()}])
def test_no_date_is_missed_that_has_not_passed(commitment):
    """Where none was set, or a manager has extended it, the timer is told so."""
    assert ("no date of the vendor has passed without a remedy",) == _refused(
        case_in("frozen", commitment=commitment), Command.MISS_DATE, TIMER, {}
    )
