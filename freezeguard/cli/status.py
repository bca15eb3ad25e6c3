"""`freezeguard status`: whether the service is well, and whether a SKU may be sold."""

from typing import Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.failures import Exit, reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import print_facts, print_json, print_table

HELP = examples(
    "freezeguard status",
    "freezeguard status KETTLE-17",
    "freezeguard status KETTLE-17 --json",
    text="Without a SKU: is the service ready? Each check is named; exit code 1 where one fails. "
    "With a SKU: may it be sold? Exit code 0 either way.",
)


def status(
    sku: Annotated[str | None, typer.Argument(metavar="[SKU]", help="What is to be sold.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask a running service."""
    with reported(as_json=as_json):
        if sku is not None:
            _of_sku(sku, as_json=as_json)
            return
        code, answer = remote.exchange("GET", "/readyz")
        if as_json:
            print_json({"url": remote.service_url(), **answer})
        else:
            _print_checks(answer)
        if code != 200:
            raise typer.Exit(Exit.BAD)


def _print_checks(answer: dict[str, Any]) -> None:
    print(f"{remote.service_url()} is {'ready' if answer['ready'] else 'not ready'}.")
    print_table(
        ("check", "well", "detail", "seconds ago"),
        [
            (name, one["ok"], one["detail"],
             None if one["age_seconds"] is None else f"{one['age_seconds']:.1f}")
            for name, one in answer["checks"].items()
        ],
    )


def _of_sku(sku: str, *, as_json: bool) -> None:
    answer = remote.ask("GET", "/v1/sale-status", query={"sku": sku})
    if as_json:
        print_json(answer)
        return
    print_facts({"SKU": sku, "status": answer["status"], "known": answer["known"],
                 "as of": answer["as_of"]})
    for hold in answer["holds"]:
        print(f"held since {hold['since']} by case {hold['case']}: {hold['reason']}")
