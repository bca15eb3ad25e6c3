"""`freezeguard inbound`: what a delivery of a helpdesk or a shop would become."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples, read_settings
from freezeguard.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from freezeguard.bootstrap.inbound import Trial

SHOWN = ("id", "kind", "sku", "occurred_at", "severity", "intent", "customer", "text")

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Keep `check` a command of its own although it is the only one."""


@app.command(
    "check",
    short_help="Try a map on a stored payload.",
    help=examples(
        "freezeguard inbound check helpdesk ticket.json",
        "freezeguard inbound check helpdesk ticket.json --json",
        text="Show what a payload would become if it came to POST /v1/inbound/NAME with a good "
        "signature: its signals, what would be rejected and why, what would not count. Stores "
        "nothing, asks no service and needs no secret. Exit code 1 where something would be "
        "rejected.",
    ),
)
def check(
    name: Annotated[str, typer.Argument(help="The endpoint, as in [inbound.NAME].")],
    file: Annotated[Path, typer.Argument(help="The body of a delivery.", metavar="FILE")],
    *,
    as_json: AsJson = False,
) -> None:
    """Try a map on a stored payload."""
    with reported(as_json=as_json):
        from freezeguard.bootstrap.inbound import try_payload
        from freezeguard.bootstrap.surroundings import utc_now

        tables = read_settings().inbound
        if name not in tables:
            known = ", ".join(sorted(tables)) or "none"
            raise Failure(
                Exit.USAGE, "no_such_endpoint", f"{name} is not configured; known: {known}."
            )
        trial = try_payload(name, tables[name], file.read_bytes(), utc_now())
        _print(trial, as_json=as_json)
        if trial.rejected:
            raise typer.Exit(Exit.BAD)


def _print(trial: "Trial", *, as_json: bool) -> None:
    if as_json:
        print_json({
            "signals": trial.signals,
            "ignored": trial.ignored,
            "rejected": [
                {"index": one.index, "code": one.code, "detail": one.detail,
                 "pointer": one.pointer, "found": one.raw}
                for one in trial.rejected
            ],
        })
        return
    print_table(
        SHOWN, [[one.get(name) for name in SHOWN] for one in trial.signals],
        empty="no signal comes of it",
    )
    if trial.ignored:
        say(f"{trial.ignored} would not count: the conditions under map.when are not met.")
    for one in trial.rejected:
        say(f"entry {one.index} would be rejected: {one.code}: {one.detail} Found: {one.raw}")
