"""The page about the state machine is drawn from the table, and is never stale."""

import re
from pathlib import Path

from freezeguard.domain import diagram
from freezeguard.domain.clocks import KINDS
from freezeguard.domain.transitions import FROZEN_PHASE, TABLE, Command, State
from tests.domain import design

PAGE = Path(__file__).parents[2] / "docs" / "state-machine.md"
ARROW = re.compile(r"^    (\S+) --> (\S+?)(?:: (.+))?$")


def _arrows() -> set[tuple[str | None, str, str]]:
    """Read the drawn arrows back, the node of the frozen phase spelled out."""
    found = set()
    for line in diagram.mermaid().splitlines():
        match = ARROW.match(line)
        if match is None or match[3] is None:
            continue
        sources = {"[*]": [None], "any_frozen_phase": list(FROZEN_PHASE)}.get(match[1], [match[1]])
        for source in sources:
            for label in match[3].split(", "):
                found.add((source, match[2], label.removesuffix(" (lane authority)")))
    # What absorbs another case in diagnosis stays there.
    return found - {("diagnosing", "diagnosing", "absorb")}


def test_the_page_is_not_stale():
    """Whoever changes the table draws the page again: make docs."""
    assert diagram.document() == PAGE.read_text(encoding="utf-8")


def test_every_move_of_the_design_is_drawn_and_nothing_else():
    """The diagram, read back, is the design's set of moves."""
    expected = {
        (line.source, target, line.command)
        for lines in (design.LINES, design.AUTHORITY_LINES)
        for line in lines.values()
        for target in line.targets
        if target != line.source
    }

    assert expected == _arrows()


def test_every_state_is_drawn_and_every_final_one_ends():
    """No state is left out; final ones have an arrow to the end, open ones have none."""
    text = diagram.mermaid()

    ends = {state.value for state in State if f"    {state} --> [*]" in text}
    assert set(design.FINAL) == ends
    assert all(re.search(rf"\b{state}\b", text) for state in State)


def test_every_row_stands_in_the_table():
    """One line per row, in order, with what a reader needs to know of it."""
    lines = diagram.markdown_table().splitlines()[2:]

    of_a_lane = {None: "", "authority": " in lane authority"}
    assert [f"`{row.command}`{of_a_lane[row.lane]}" for row in TABLE] == [
        line.split(" | ")[0][2:] for line in lines
    ]
    by_row = dict(zip([(row.command, row.lane) for row in TABLE], lines, strict=True))
    assert (
        "| `approve` | `awaiting_approval` | `reinstating` | analyst, manager, approver, "
        "compliance | yes |"
    ) == by_row[Command.APPROVE, None]
    assert (
        "| `approve` in lane authority | any frozen phase | `reinstating` | manager, compliance "
        "| yes |"
    ) == by_row[Command.APPROVE, "authority"]
    assert "| `comment` | any open |  | vendor, staff | no |" == by_row[Command.COMMENT, None]
    assert "| `suspect` | – | `suspected` | detector, associate | yes |" == (
        by_row[Command.SUSPECT, None]
    )


def test_what_is_for_one_lane_says_so():
    """The way out of an authority's order is drawn with its lane, the others without one."""
    assert "any_frozen_phase --> reinstating: approve (lane authority)" in diagram.mermaid()
    assert "awaiting_approval --> reinstating: approve\n" in diagram.mermaid()


def test_every_clock_stands_on_the_page():
    """One line per kind of clock, in the order of their declaration."""
    lines = diagram.clocks_table().splitlines()[2:]

    assert [kind.name for kind in KINDS] == [line.split("`")[1] for line in lines]
