"""`freezeguard sources`: the feeds that signals and units shipped come from."""

from typing import Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.failures import reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import moment, print_facts, print_json, print_table

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
        "freezeguard sources put till --max-silence 6h",
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
    max_silence: Annotated[
        str | None,
        typer.Option(help="A longer silence is an alarm: 6h; none: what chance allows."),
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
            "max_silence": before.get("max_silence") if max_silence is None
            else None if max_silence == "none" else max_silence,
        }
        _show(remote.ask("PUT", _path(source), body=body), as_json=as_json)


@app.command(
    "show",
    short_help="Show a feed.",
    help=examples(
        "freezeguard sources show helpdesk",
        text="Show a feed: when it was last heard and what is usual, whether it has fallen silent, "
        "how far it is trusted and why.",
    ),
)
def show(source: SourceName, *, as_json: AsJson = False) -> None:
    """Show a feed."""
    with reported(as_json=as_json):
        _show(remote.ask("GET", _path(source)), as_json=as_json)


@app.command(
    "list",
    short_help="List feeds.",
    help=examples(
        "freezeguard sources list", "freezeguard sources list --json",
        text="List the feeds that are registered or were heard: when last, how much a day, since "
        "when they are silent for longer than chance allows, and how far each is trusted.",
    ),
)
def list_sources(*, as_json: AsJson = False) -> None:
    """List feeds."""
    with reported(as_json=as_json):
        answer = remote.ask("GET", "/v1/sources")
        if as_json:
            print_json(answer)
            return
        print_table(
            ("source", "last heard", "a day", "silent since", "trust", "title"),
            [(one["source"], moment(one["last_heard_at"]), _rounded(one["usual_per_day"]),
              moment(one["silent_since"]), str(one["standing"]["trust"]), one["name"])
             for one in answer["items"]],
            whole=("source", "last heard", "silent since"),
            empty="no feed is registered, and none was heard",
        )


def _rounded(number: float | None) -> str | None:
    return None if number is None else f"{number:.1f}"


def _path(source: str) -> str:
    return f"/v1/sources/{remote.segment(source)}"


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        standing = found["standing"]
        print_facts({
            "source": found["source"], "title": found["name"],
            "last heard": moment(found["last_heard_at"]),
            "signals a day": _rounded(found["usual_per_day"]),
            "silent since": moment(found["silent_since"]),
            "silent at most": found["max_silence"],
            "trust": f"{standing['trust']} (given: {found['trust']}; of its cases "
            f"{standing['confirmed']} were right, {standing['false_alarms']} false alarms by its "
            "fault, older ones counted less)",
            "false alarms": found["false_alarms"],
        })
