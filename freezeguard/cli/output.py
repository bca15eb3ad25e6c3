"""What commands print: answers to stdout, everything else to stderr."""

import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

FOLDED = 8
"""A column that may be broken is never drawn narrower, in characters."""


def print_json(document: Any) -> None:
    """Print one JSON document on one line, at once."""
    print(json.dumps(document, ensure_ascii=False, default=str), flush=True)


def say(text: str) -> None:
    """Tell a person something that is not the answer."""
    print(text, file=sys.stderr, flush=True)


def answers() -> "Console":
    """Return the console of stdout; plain where nobody looks on or NO_COLOR is set."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    whole: Collection[str] = (),
    beneath: Mapping[str, str] = MappingProxyType({}),
    piped: Collection[str] = (),
    empty: str = "",
) -> None:
    """Print rows under their headings: a drawn table for people, tab-separated in a pipe.

    Cells of the columns `whole` are never cut or broken. To a person, a column that is `beneath`
    another stands in the cell of that one, on a line of its own; those that are `piped` stand only
    in a pipe. Where there are no rows, `empty`
    is told to people instead of a bare heading.
    """
    listed = [[_cell(one) for one in row] for row in rows]
    if not listed and empty:
        say(empty)
        if sys.stdout.isatty():
            return
    if not sys.stdout.isatty():
        print("\t".join(columns))
        for row in listed:
            print("\t".join(one.replace("\t", " ").replace("\n", " ") for one in row))
        return
    shown = [n for n, name in enumerate(columns) if name not in piped]
    names = [columns[n] for n in shown]
    _draw(*_stacked(names, [[row[n] for n in shown] for row in listed], beneath), whole)


def _stacked(
    columns: Sequence[str], rows: Sequence[Sequence[str]], beneath: Mapping[str, str]
) -> tuple[list[str], list[list[str]]]:
    """Put columns beneath others; a heading says in which order they stand, absent ones too."""
    groups = {name: [name] for name in columns if name not in beneath}
    for name in columns:
        if name in beneath:
            groups[beneath[name]].append(name)
    drawn = []
    for row in rows:
        cells = dict(zip(columns, row, strict=True))
        drawn.append(["\n".join(cells[one] for one in names) for names in groups.values()])
    return ["\n".join(names) for names in groups.values()], drawn


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]], whole: Collection[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    least = 0
    for n, name in enumerate(columns):
        cells = [name, *(row[n] for row in rows)]
        widest = max(len(line) for cell in cells for line in cell.split("\n"))
        is_whole = name.split("\n")[0] in whole
        least += (widest if is_whole else min(widest, FOLDED)) + 1
        table.add_column(
            Text(name, style="bold"), no_wrap=is_whole, overflow="fold",
            min_width=widest if is_whole else min(widest, FOLDED),
        )
    for row in rows:
        table.add_row(*(Text(one) for one in row))
    console = answers()
    # rather does the terminal break a line than we cut; a dumb one takes a width only with a height
    console.size = max(console.width, least), console.height
    console.print(table)


def print_facts(facts: Mapping[str, object]) -> None:
    """Print names and values, one per line."""
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        print(f"{name:<{width}}  {_cell(value)}")


def progress() -> "Progress":
    """Return a progress bar on stderr; nothing is drawn where nobody looks on."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"), TimeRemainingColumn(),
        console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True,
    )


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Iterable):
        return ", ".join(map(str, value))
    return str(value)


def moment(value: datetime | str | None) -> str | None:
    """Return a time as a table shows it: to the second, in UTC as the service tells it, said so."""
    return None if value is None else str(value)[:19].replace("T", " ") + "Z"
