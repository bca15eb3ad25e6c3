"""`freezeguard subjects`: what is held about a person, and erasing it."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.failures import reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import print_facts, print_json, say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

DEADLINE = 300.0
"""Seconds: both read whole tables."""

Reference = Annotated[
    str, typer.Argument(metavar="REFERENCE", help="As the source sends it; letter case is all one.")
]
Order = Annotated[
    bool, typer.Option("--order", help="REFERENCE is an order: whoever placed it is meant.")
]


@app.command(
    "export",
    short_help="What is held about a person.",
    help=examples(
        "freezeguard subjects export c-2093 > c-2093.json",
        "freezeguard subjects export 4711-0815 --order",
        text="Print everything that is held about a customer as one JSON document: where it is "
        "kept, why and for how long; what was looked for, what was found where, and what was not "
        "searched. Needs the role compliance.",
    ),
)
def export(reference: Reference, *, order: Order = False, as_json: AsJson = False) -> None:
    """Print what is held about a person."""
    with reported(as_json=as_json):
        print_json(_ask("export", reference, order=order))


@app.command(
    "erase",
    short_help="Erase a person.",
    help=examples(
        "freezeguard subjects erase c-2093 --reason 'Request of 3 November, no. 17.'",
        text="Erase a customer from signals, cases, notices, rejected signals and kept answers. "
        "Signals are counted as before. May be repeated. Names the files on the person's cases, "
        "which somebody has to look into. Needs the role compliance.",
    ),
)
def erase(
    reference: Reference,
    *,
    reason: Annotated[str, typer.Option(help="For the record; without the reference.")],
    order: Order = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person."""
    with reported(as_json=as_json):
        answer = _ask("erase", reference, order=order, reason=reason)
        if as_json:
            print_json(answer)
            return
        _tell(answer)


def _tell(answer: Mapping[str, Any]) -> None:
    """Print what was erased where; what was looked for and what was not goes beside the answer."""
    found = {place: number for place, number in answer["erased"].items() if number}
    without = [place for place, number in answer["erased"].items() if not number]
    _list("Looked for:", answer["looked_for"])
    if found:
        print_facts(found)
    say(f"Searched, and nothing found in: {', '.join(without)}." if found else
        f"Nothing was held in any place that was searched: {', '.join(without)}.")
    _list("Not searched:", answer["not_searched"])
    for one in answer["files"]:
        say(f"Look into the file {one['name']!r} ({one['file']}) of case {one['number']}.")


def _list(heading: str, sentences: Iterable[str]) -> None:
    say("\n".join([heading, *(f"- {one}" for one in sentences)]))


def _ask(what: str, reference: str, *, order: bool, **more: str) -> Any:
    body = {"reference": reference, "kind": "order" if order else "customer", **more}
    return remote.ask("POST", f"/v1/subjects/{what}", body=body, deadline=DEADLINE)
