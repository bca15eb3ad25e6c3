"""`freezeguard sources`: the feeds that signals and units shipped come from."""

from typing import Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.failures import reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import print_facts, print_json

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

SourceName = Annotated[
    str, typer.Argument(metavar="SOURCE", help="As it stands in signals: helpdesk.")
]


@app.command(
    "put",
    short_help="Register a feed, or change one.",
    help=examples(
        "freezeguard sources put helpdesk --title 'Help desk, all languages'",
        "freezeguard sources put forum --trust 0.5",
        text="Register a feed, or change what is given of one. A feed need not be registered to be "
        "counted; its key is issued by `freezeguard keys create`.",
    ),
)
def put(
    source: SourceName,
    *,
    title: Annotated[str | None, typer.Option(help="What it is.")] = None,
    trust: Annotated[
        float | None, typer.Option(min=0, max=1, help="How far it is trusted: 0 to 1.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register a feed, or change one."""
    with reported(as_json=as_json):
        status, known = remote.exchange("GET", _path(source))
        before = {} if status == 404 else remote.granted(status, known)
        body = {
            "title": before.get("name") if title is None else title,
            "trust": before.get("trust", 1.0) if trust is None else trust,
        }
        _show(remote.ask("PUT", _path(source), body=body), as_json=as_json)


@app.command(
    "show",
    short_help="Show a feed.",
    help=examples(
        "freezeguard sources show helpdesk",
        text="Show a feed, and how many of its complaints were judged a false alarm.",
    ),
)
def show(source: SourceName, *, as_json: AsJson = False) -> None:
    """Show a feed."""
    with reported(as_json=as_json):
        _show(remote.ask("GET", _path(source)), as_json=as_json)


def _path(source: str) -> str:
    return f"/v1/sources/{remote.segment(source)}"


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        print_facts({
            "source": found["source"], "title": found["name"], "trust": found["trust"],
            "false alarms": found["false_alarms"],
        })
