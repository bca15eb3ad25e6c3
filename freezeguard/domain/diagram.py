"""The state machine for people: a diagram and a table, drawn from `TABLE` and nothing else."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from freezeguard.domain.clocks import KINDS, Kind
from freezeguard.domain.policy import Policy
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
)

_GROUPS: tuple[tuple[str, frozenset[State]], ...] = (
    ("every state", EVERYWHERE),
    ("any open", OPEN),
    ("any open but suspected", OPEN - {State.SUSPECTED}),
    ("any frozen phase", FROZEN_PHASE),
)
"""Sets of states that have a name, the largest first."""

_POLICY = Policy()
_NOTHING = "–"
_START_OR_END = "[*]"
_ANY_FROZEN = "any_frozen_phase"


def mermaid() -> str:
    """Return the diagram in Mermaid's text form: every row that moves a case.

    What starts from any frozen phase is drawn once, from a node of that name; rows that leave the
    state as it is stand in the table only. What is for one lane only says so.
    """
    lines = ["stateDiagram-v2", f'    state "any frozen phase" as {_ANY_FROZEN}']
    arrows: dict[tuple[str, str], list[str]] = {}
    for row in TABLE:
        for target in _targets(row):
            for source in _drawn_sources(row):
                arrows.setdefault((source, target), []).append(_label(row))
    for (source, target), names in arrows.items():
        lines.append(f"    {source} --> {target}: {', '.join(names)}")
    lines += [f"    {state} --> {_START_OR_END}" for state in State if state in FINAL]
    return "\n".join(lines) + "\n"


def markdown_table() -> str:
    """Return every row of the table, in its order, as a Markdown table."""
    lines = [
        "| command | from | to | who | needs a version |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(_cells(row))} |" for row in TABLE]
    return "\n".join(lines) + "\n"


def document() -> str:
    """Return the whole page: what the words mean, the diagram, the table."""
    phase, final = _listed(FROZEN_PHASE), _listed(FINAL)
    illegal = ", ".join(f"`{one}`" for one in sorted(ILLEGAL_IN_AUTHORITY_LANE))
    return f"""# The life of a case

Drawn from the table in `freezeguard/domain/transitions.py` by `make docs`; a test
notices when this page is stale.

- *Frozen phase*: {phase}.
- *Final*: {final}. All other states are *open*.
- In the lane `authority` these are illegal: {illegal}.
- An *approver* is a manager of the case's category; a *manager* is any. The *owner* is a person.

```mermaid
{mermaid()}```

A command moves a case along one row or is refused and changes nothing. Where *to* is empty the
state stays; a command that needs two people stays until the last of them has agreed.

{markdown_table()}
## Clocks

A clock starts with one of its commands and runs only while the case is in one of its states: what
leads the case out of them stops it in the same transaction. Working time is that of the owner's
place, of the vendor's for the vendor's clocks; in the lane `safety` time simply elapses. At 80 %
whoever has the ball is warned where the table says so. When a clock runs out, it tells the first
on its ladder, and the next one after {_hours(_POLICY.escalate_after)} working hours (after
{_hours(_POLICY.safety_escalate_after)} where the lane is not quality), until somebody answers.
Legal clocks are data: docs/people.md.

{clocks_table()}"""


def clocks_table() -> str:
    """Return every kind of clock as a Markdown table."""
    lines = [
        "| clock | lasts | starts with | runs in | pauses in | ends earlier with | warns | then |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(_clock_cells(kind))} |" for kind in KINDS]
    return "\n".join(lines) + "\n"


def _clock_cells(kind: Kind) -> tuple[str, ...]:
    return (
        f"`{kind.name}`",
        kind.lasts,
        _commands(kind.starts),
        "every state" if kind.runs_in is None else _named(kind.runs_in),
        _named(kind.pauses_in),
        _ends(kind),
        "yes" if kind.warns else "",
        kind.ladder.value,
    )


def _ends(kind: Kind) -> str:
    by_vendor = _commands(kind.stopped_by_vendor)
    return _commands(kind.stops) + (f", the vendor's {by_vendor}" if by_vendor else "")


def _commands(commands: Iterable[Command]) -> str:
    wanted = frozenset(commands)
    return ", ".join(f"`{one}`" for one in Command if one in wanted)


def _hours(time: timedelta) -> str:
    return f"{time.total_seconds() / 3600:g}"


def _targets(row: Row) -> list[str]:
    return [target.value for target in (row.to, row.or_to) if target is not None]


def _drawn_sources(row: Row) -> list[str]:
    drawn = [_ANY_FROZEN] if row.sources >= FROZEN_PHASE else []
    left = row.sources - FROZEN_PHASE if drawn else row.sources
    return drawn + [
        _START_OR_END if state is None else state.value
        for state in (None, *State)
        if state in left
    ]


def _label(row: Row) -> str:
    return row.command.value if row.lane is None else f"{row.command.value} (lane {row.lane})"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"`{row.command}`" + ("" if row.lane is None else f" in lane {row.lane}"),
        _named(row.sources),
        " or ".join(f"`{target}`" for target in _targets(row)),
        ", ".join(who.value for who in Who if who in row.who),
        "yes" if row.versioned else "no",
    )


def _named(sources: Iterable[State | None]) -> str:
    """Name sets of states where they have a name, and list what is left."""
    left = set(sources)
    words = [_NOTHING] if None in left else []
    left.discard(None)
    for name, states in _GROUPS:
        if states <= left:
            words.append(name)
            left -= states
    return ", ".join(words + [f"`{state}`" for state in State if state in left])


def _listed(states: Iterable[State]) -> str:
    wanted: Mapping[State, None] = dict.fromkeys(states)
    return ", ".join(f"`{state}`" for state in State if state in wanted)
