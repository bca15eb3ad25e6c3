"""`freezeguard holds`: all that may not be sold."""

from typing import Annotated

import typer

from freezeguard.cli import remote
from freezeguard.cli.caseshown import scope_in_words
from freezeguard.cli.failures import reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import moment, print_json, print_table, say

HELP = examples(
    "freezeguard holds",
    "freezeguard holds --at 2026-11-20T08:00:00Z",
    "freezeguard holds --json",
    text="List all that may not be sold, now or at an earlier moment, with the revision of the "
    "held set that the answer is from.",
)


def holds(
    *,
    at: Annotated[str | None, typer.Option(help="As it was then: 2026-11-20T08:00:00Z.")] = None,
    as_json: AsJson = False,
) -> None:
    """List all that may not be sold."""
    with reported(as_json=as_json):
        answer = remote.ask("GET", "/v1/holds", query={"at": at})
        if as_json:
            print_json(answer)
            return
        print_table(
            ("SKU", "level", "lane", "since", "case", "why"),
            [(scope_in_words(one["scope"]), one["level"], one["lane"], moment(one["since"]),
              one["case"], one["reason"]) for one in answer["items"]],
            whole=("SKU", "case"), beneath={"since": "case", "lane": "level"},
            empty="everything may be sold",
        )
        say(f"revision {answer['revision']}, as of {moment(answer['as_of'])}")
