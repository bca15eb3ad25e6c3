"""`freezeguard cases orders`: what was paid for and not sent yet."""

import sys
from typing import Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.casenames import CaseName, case_id
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import moment, print_json, print_table, say

HELP = examples(
    "freezeguard cases orders 5",
    "freezeguard cases orders 5 --csv > orders.csv",
    "freezeguard cases orders 5 --since 2026-11-20T00:00:00Z --json",
    "freezeguard cases orders 5 --announce",
    text="List the orders that hold an item of a case and have not been sent, in every catalogue "
    "that can tell, since the first complaint that counted: for its owner, managers of its "
    "category, analysts and compliance. It shows whom they are for, which is noted in the record. "
    "--csv prints a table for a spreadsheet, with --json too; --announce posts ids and quantities, "
    "and no customer, to the shop's own webhook endpoints, so that they are held back there.",
)


def orders(
    case: CaseName,
    *,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Placed then or later; absent: see above."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    announce: Annotated[
        bool, typer.Option("--announce", help="Have them held back.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List orders under way."""
    with reported(as_json=as_json):
        if as_csv and announce:
            raise Failure(Exit.USAGE, "usage", "An announcement has no table: leave out --csv.")
        path = f"/v1/cases/{case_id(case)}/orders"
        if announce:
            _announce(path, since, as_json=as_json)
        elif as_csv:
            table = remote.download(path, query={"since": since, "format": "csv"})
            sys.stdout.write(table.decode())
        else:
            _list(path, since, as_json=as_json)


def _list(path: str, since: str | None, *, as_json: bool) -> None:
    found = remote.ask("GET", path, query={"since": since, "format": "json"})
    if as_json:
        print_json(found)
        return
    print_table(
        ("order", "catalogue", "placed", "units", "state", "paid", "customer", "id"),
        [
            (one["order"], said["catalogue"], moment(one["placed_at"]), one["quantity"],
             one["state"], one["is_paid"], one["customer"], one["order_id"])
            for said in found["lists"] for one in said["orders"]
        ],
        whole=("order", "placed"),
        piped=("id",),
        empty=f"no orders under way since {moment(found['since'])}",
    )
    _tell_what_is_missing(found["lists"])


def _announce(path: str, since: str | None, *, as_json: bool) -> None:
    body = {} if since is None else {"since": since}
    done = remote.ask("POST", f"{path}/announce", body=body)
    if as_json:
        print_json(done)
        return
    number = sum(one["orders"] for one in done["catalogues"])
    print(f"{number} orders announced to {done['endpoints']} endpoints.")
    if done["endpoints"] == 0:
        say("Nobody was told: register an endpoint for containment.listed, see "
            "`freezeguard webhooks add --help`.")
    _tell_what_is_missing(done["catalogues"])


def _tell_what_is_missing(catalogues: list[dict[str, Any]]) -> None:
    for one in catalogues:
        if one["outcome"] != "answered":
            why = one.get("detail") or "ask for the list to see why"
            say(f"{one['catalogue']}: {one['outcome']}: {why}")
        elif one["cut_at"] is not None:
            say(f"{one['catalogue']}: orders placed after {one['cut_at']} were not looked through; "
                f"go on with --since {one['cut_at']}")
