"""What commands print: answers to stdout, everything else to stderr."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


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


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their headings: a drawn table for people, tab-separated in a pipe."""
    if not sys.stdout.isatty():
        print("\t".join(columns))
        for row in rows:
            print("\t".join(_cell(one).replace("\t", " ").replace("\n", " ") for one in row))
        return
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=SIMPLE)
    for row in rows:
        table.add_row(*(Text(_cell(one)) for one in row))
    answers().print(table)


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
