"""The table of the life of a case, against the design's rows transcribed by hand."""

from itertools import product

import pytest

from freezeguard.domain.transitions import (
    EVERYWHERE,
    FINAL,
    FROZEN_PHASE,
    ILLEGAL_IN_AUTHORITY_LANE,
    OPEN,
    TABLE,
    Command,
    Row,
    State,
    Who,
    find_row,
    rows_of,
)
from tests.domain import design

PLACES = (None, *State)
_KEY = {Who.FREEZING_KEY: "key"}


def _as_line(row: Row, state: State | None) -> design.Line:
    targets = tuple(one.value for one in (row.to, row.or_to) if one is not None)
    stays = () if state is None else (state.value,)
    who = frozenset(_KEY.get(one, one.value) for one in row.who)
    source = None if state is None else state.value
    return design.Line(row.command.value, source, targets or stays, who)


def test_the_words_are_those_of_the_design():
    """States, commands and the sets of states bear the design's names, no more and no less."""
    assert set(design.EVERY_STATE) == {state.value for state in State}
    assert set(design.COMMANDS) == {command.value for command in Command}
    assert set(design.FROZEN_PHASE) == FROZEN_PHASE
    assert set(design.OPEN) == OPEN
    assert set(design.FINAL) == FINAL
    assert OPEN | FINAL == EVERYWHERE
    assert not OPEN & FINAL


@pytest.mark.parametrize("command", Command)
def test_each_command_stands_where_the_design_says(command):
    """In every state the table knows a command exactly if the design does: targets and actors."""
    expected = {
        source: line for (name, source), line in design.LINES.items() if name == command.value
    }

    actual = {
        None if state is None else state.value: _as_line(row, state)
        for state in PLACES
        if (row := find_row(command, state)) is not None
    }

    assert expected == actual


@pytest.mark.parametrize("command", Command)
def test_the_lane_of_authority_has_rows_of_its_own(command):
    """In that lane a command stands where the design says for it, or else for all lanes."""
    states = (None, *design.EVERY_STATE)
    expected = {source: design.line_of(command.value, source, "authority") for source in states}

    actual = {
        source: None if row is None else _as_line(row, state)
        for source, state in zip(states, (None, *map(State, design.EVERY_STATE)), strict=True)
        for row in [find_row(command, state, "authority")]
    }

    assert expected == actual


@pytest.mark.parametrize("command", Command)
def test_only_comments_and_facts_need_no_version(command):
    """Every other command must say which version of the case its giver saw."""
    expected = command.value not in design.NEEDS_NO_VERSION

    assert {expected} == {row.versioned for row in rows_of(command)}


def test_no_command_has_two_rows_for_one_state():
    """What a command does in a state is never a matter of the order of rows."""
    seen = [(row.command, source, row.lane) for row in TABLE for source in row.sources]

    assert len(set(seen)) == len(seen)


def test_a_missing_row_is_none():
    """Every pair that the design does not know has no row."""
    pairs = product(Command, PLACES)
    missing = {
        (command.value, None if state is None else state.value)
        for command, state in pairs
        if find_row(command, state) is None
    }
    every = set(product(design.COMMANDS, (None, *design.EVERY_STATE)))

    assert every - set(design.LINES) == missing


def test_an_order_of_an_authority_forbids_what_the_design_says():
    """False alarm, delisting, merging and narrowing can't get around an authority's order."""
    assert {one.value for one in ILLEGAL_IN_AUTHORITY_LANE} == design.ILLEGAL_IN_AUTHORITY_LANE


def test_nothing_leaves_a_final_state_but_an_appeal():
    """A final case stays what it is, unless the vendor or staff appeal."""
    ways_out = {
        (row.command, row.to)
        for row in TABLE
        for source in row.sources
        if source in FINAL and row.to is not None
    }

    assert {(Command.APPEAL, State.APPEALED)} == ways_out


def test_the_sale_starts_again_only_after_a_read_back():
    """The one way onto probation is the reconciler's, and out of the frozen phase by people."""
    onto_probation = {row.command for row in TABLE if row.to is State.PROBATION}
    out_of_the_phase = {
        row.command
        for row in TABLE
        if row.to is State.REINSTATING and row.sources & FROZEN_PHASE
    }

    assert {Command.CONFIRM_RELEASE} == onto_probation
    assert {Command.APPROVE, Command.DECLARE_FALSE_ALARM} == out_of_the_phase
    assert not any(
        {Who.DETECTOR, Who.TIMER, Who.RECONCILER, Who.FREEZING_KEY} & row.who
        for row in TABLE
        if row.to is State.REINSTATING
    )
