"""Replaying a case's history: strict, and the same every time."""

from dataclasses import replace

import pytest

from freezeguard.domain.history import NEWS, BrokenHistory, Replayed, replay
from freezeguard.domain.transitions import TABLE, Command, State
from tests.domain.casebook import Line

LIFE = (
    Line("suspect", None, "suspected", 1, 1),
    Line("freeze", "suspected", "freezing", 2, 1),
    Line("unreachable", "freezing", "freezing", 2, 1),
    Line("confirm_freeze", "freezing", "frozen", 3, 1),
    Line("comment", "frozen", "frozen", 3, 1),
    Line("accept_ownership", "frozen", "diagnosing", 4, 1),
    Line("news", "diagnosing", "diagnosing", 4, 2),
    Line("propose_remedy", "diagnosing", "remedy_proposed", 5, 2),
    Line("return_remedy", "remedy_proposed", "diagnosing", 6, 2),
    Line("propose_remedy", "diagnosing", "remedy_proposed", 7, 2),
    Line("request_approval", "remedy_proposed", "awaiting_approval", 8, 2),
    Line("approve", "awaiting_approval", "awaiting_approval", 9, 2),
    Line("approve", "awaiting_approval", "reinstating", 10, 2),
    Line("refuse_release", "reinstating", "reinstating", 11, 2),
    Line("confirm_release", "reinstating", "probation", 12, 2),
    Line("freeze", "probation", "freezing", 13, 3),
    Line("declare_false_alarm", "freezing", "freezing", 14, 3),
    Line("declare_false_alarm", "freezing", "reinstating", 15, 3),
    Line("confirm_release", "reinstating", "closed_false_alarm", 16, 3),
    Line("drifted", "closed_false_alarm", "closed_false_alarm", 16, 3),
)


def test_a_whole_life_replays():
    """Every kind of event leads where the table says, votes, news and facts included."""
    assert Replayed(State.CLOSED_FALSE_ALARM, 16, 3, 1, "false_alarm") == replay(LIFE)
    assert Replayed(State.PROBATION, 12, 2, 0) == replay(LIFE[:15])
    assert replay(LIFE) == replay(list(LIFE))


def test_a_false_alarm_that_is_frozen_again_goes_on_probation():
    """The freeze takes the false alarm back: the next release is an ordinary one."""
    life = (
        Line("freeze", None, "freezing", 1, 1),
        Line("declare_false_alarm", "freezing", "reinstating", 2, 1),
        Line("freeze", "reinstating", "freezing", 3, 2),
        Line("accept_ownership", "freezing", "diagnosing", 4, 2),
        Line("propose_remedy", "diagnosing", "remedy_proposed", 5, 2),
        Line("request_approval", "remedy_proposed", "awaiting_approval", 6, 2),
        Line("approve", "awaiting_approval", "reinstating", 7, 2),
        Line("confirm_release", "reinstating", "probation", 8, 2),
    )

    assert Replayed(State.PROBATION, 8, 2, 1) == replay(life)


def test_a_case_without_events_is_none():
    """There is no case that nothing has opened."""
    with pytest.raises(BrokenHistory, match="at least the event that opened it"):
        replay(())


@pytest.mark.parametrize("number", range(len(LIFE)))
def test_an_event_that_is_lost_is_noticed(number):
    """Leaving out any event that counts breaks the history; facts and comments leave no trace."""
    lost = LIFE[:number] + LIFE[number + 1 :]
    traceless = {"unreachable", "comment", "drifted"}

    if LIFE[number].command in traceless:
        assert replay(LIFE) == replay(lost)
    elif number == len(LIFE) - 1:
        assert replay(LIFE) != replay(lost)
    else:
        with pytest.raises(BrokenHistory):
            replay(lost)


@pytest.mark.parametrize("number", range(len(LIFE)))
@pytest.mark.parametrize(
    "change",
    [
        {"version": 99},
        {"version": 0},
        {"evidence_revision": 99},
        {"to_state": "merged"},
        {"to_state": "sold"},
        {"from_state": "delisted"},
        {"command": "widen"},
        {"command": "abracadabra"},
    ],
    ids=str,
)
def test_an_event_that_was_tampered_with_is_noticed(number, change):
    """A changed version, revision, state or command never replays; the event is named."""
    forged = (*LIFE[:number], replace(LIFE[number], **change), *LIFE[number + 1 :])

    with pytest.raises(BrokenHistory, match=rf"^event {number + 1} \("):
        replay(forged)


def test_a_reinstatement_can_t_pose_as_a_false_alarm():
    """An approved case ends its release on probation, a false alarm never does."""
    approved = (*LIFE[:14], Line("confirm_release", "reinstating", "closed_false_alarm", 12, 2))
    declared = (*LIFE[:18], Line("confirm_release", "reinstating", "probation", 16, 3))

    for life in (approved, declared):
        with pytest.raises(BrokenHistory, match="but the table leads to"):
            replay(life)


def test_news_comes_to_open_cases_only():
    """What has ended takes no news, and news opens nothing."""
    with pytest.raises(BrokenHistory, match="takes no news"):
        replay((*LIFE, Line(NEWS, "closed_false_alarm", "closed_false_alarm", 16, 4)))
    with pytest.raises(BrokenHistory, match="no such command"):
        replay((Line(NEWS, None, "suspected", 1, 1),))


def test_only_two_person_commands_may_stay_where_they_are():
    """A first vote leaves the state; no other moving command may claim to have done so."""
    start = {
        State.SUSPECTED: (Line("suspect", None, "suspected", 1, 1),),
        State.FREEZING: (Line("freeze", None, "freezing", 1, 1),),
    }
    stayed = set()
    for state, opened in start.items():
        for row in TABLE:
            if state not in row.sources or row.to is None or row.lane is not None:
                continue
            line = Line(row.command.value, state.value, state.value, 2, 1)
            try:
                replay((*opened, line))
            except BrokenHistory:
                continue
            stayed.add(row.command)

    assert {Command.DECLARE_FALSE_ALARM, Command.DELIST} == stayed


def test_delisting_and_its_appeal_replay():
    """Two votes delist; an appeal goes back to where it came from, or the case begins anew."""
    life = (
        Line("freeze", None, "freezing", 1, 1),
        Line("delist", "freezing", "freezing", 2, 1),
        Line("delist", "freezing", "delisted", 3, 1),
        Line("appeal", "delisted", "appealed", 4, 1),
    )
    upheld = (*life, Line("uphold", "appealed", "delisted", 5, 1))
    reopened = (*life, Line("reopen", "appealed", "freezing", 5, 2))

    assert Replayed(State.DELISTED, 5, 1, 0, "delisted") == replay(upheld)
    assert Replayed(State.FREEZING, 5, 2, 0, None) == replay(reopened)
    with pytest.raises(BrokenHistory, match="but the table leads to"):
        replay((*life, Line("uphold", "appealed", "closed_false_alarm", 5, 1)))


def test_an_upheld_false_alarm_stays_one():
    """What staff appealed in vain is a false alarm again."""
    life = (
        Line("suspect", None, "suspected", 1, 1),
        Line("dismiss", "suspected", "closed_false_alarm", 2, 1),
        Line("appeal", "closed_false_alarm", "appealed", 3, 1),
        Line("uphold", "appealed", "closed_false_alarm", 4, 1),
    )

    assert Replayed(State.CLOSED_FALSE_ALARM, 4, 1, 0, "false_alarm") == replay(life)


def test_an_order_answers_an_appeal_and_counts_as_a_recurrence():
    """Of an order's two rows the state decides which one it was."""
    life = (
        Line("freeze", None, "freezing", 1, 1),
        Line("register_order", "freezing", "freezing", 2, 2),
        Line("register_revocation", "freezing", "freezing", 3, 2),
        Line("approve", "freezing", "freezing", 4, 2),
        Line("approve", "freezing", "reinstating", 5, 2),
        Line("register_order", "reinstating", "freezing", 6, 3),
    )

    assert Replayed(State.FREEZING, 6, 3, 1) == replay(life)


def test_the_higher_recurrence_of_two_cases_replays():
    """What a case took over from another one stands in the event; a merged case is over."""
    absorbed = Line("absorb", "freezing", "diagnosing", 2, 2, {"recurrence": 2})
    merged = Line("merge", "freezing", "merged", 2, 1)
    born = Line("freeze", None, "freezing", 1, 1)

    assert Replayed(State.DIAGNOSING, 2, 2, 2) == replay((born, absorbed))
    assert Replayed(State.DIAGNOSING, 2, 2, 0) == replay((born, replace(absorbed, arguments={})))
    assert Replayed(State.MERGED, 2, 1, 0) == replay((born, merged))
    with pytest.raises(BrokenHistory, match="takes no news"):
        replay((born, merged, Line(NEWS, "merged", "merged", 2, 2)))


@pytest.mark.parametrize(("command", "rises"), [
    ("widen", True), ("attach_evidence", True), ("commit_date", False), ("waive", False),
    ("contest", False), ("hand_off", False), ("review", False),
])
def test_what_raises_the_evidence_raises_it_each_time(command, rises):
    """A wider scope and new evidence do; a promise, a waiver or an offer does not."""
    born = Line("freeze", None, "freezing", 1, 1)
    event = Line(command, "freezing", "freezing", 2, 2 if rises else 1)
    forged = replace(event, evidence_revision=1 if rises else 2)

    assert 2 == replay((born, event)).version
    with pytest.raises(BrokenHistory, match="but the table leads to"):
        replay((born, forged))


def test_a_vote_to_narrow_raises_nothing_and_the_last_one_does():
    """Both leave the state; only the last one raises the evidence revision."""
    life = (
        Line("freeze", None, "freezing", 1, 1),
        Line("narrow", "freezing", "freezing", 2, 1),
        Line("narrow", "freezing", "freezing", 3, 2),
        Line("confirm_narrow", "freezing", "freezing", 3, 2),
    )

    assert Replayed(State.FREEZING, 3, 2, 0) == replay(life)
