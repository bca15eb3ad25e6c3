"""The state machine for people: a diagram and a table, drawn from `TABLE` and nothing else."""

from collections.abc import Iterable, Mapping

from freezeguard.domain.transitions import (
    EVERYWHERE,
    FINAL,
    FROZEN_PHASE,
    ILLEGAL_IN_AUTHORITY_LANE,
    OPEN,
    TABLE,
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

_NOTHING = "–"
_START_OR_END = "[*]"
_ANY_FROZEN = "any_frozen_phase"


def mermaid() -> str:
    """Return the diagram in Mermaid's text form: every row that moves a case.

    What starts from any frozen phase is drawn once, from a node of that name; rows that leave the
    state as it is stand in the table only. Commands of a later release are marked by `(later)`.
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
        "| command | from | to | who | needs a version | available |",
        "|---|---|---|---|---|---|",
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

{markdown_table()}"""


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
    return row.command.value if row.available else f"{row.command.value} (later)"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"`{row.command}`",
        _named(row.sources),
        " or ".join(f"`{target}`" for target in _targets(row)),
        ", ".join(who.value for who in Who if who in row.who),
        "yes" if row.versioned else "no",
        "yes" if row.available else "later",
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
