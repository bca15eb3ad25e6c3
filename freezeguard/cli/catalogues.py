"""`freezeguard catalogues`: whether they answer as they are configured."""

from dataclasses import asdict
from typing import Annotated

import typer

from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples, quiet_logs, read_settings
from freezeguard.cli.output import print_json, print_table

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Keep `check` a command of its own although it is the only one."""


@app.command(
    "check",
    short_help="Ask every catalogue.",
    help=examples(
        "freezeguard catalogues check",
        "freezeguard catalogues check shop --sku KETTLE-17",
        text="Look a SKU up in every configured catalogue, or in one; with --sku it is read back "
        "too. Changes nothing. Exit code 1 where one does not answer.",
    ),
)
def check(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one.")] = None,
    *,
    sku: Annotated[str | None, typer.Option(help="A SKU that is listed there.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask every catalogue."""
    with reported(as_json=as_json):
        from asyncio import run

        from freezeguard.bootstrap.cataloguechecks import check_catalogues

        quiet_logs()
        settings = read_settings()
        if name is not None and name not in settings.catalogues:
            known = ", ".join(sorted(settings.catalogues)) or "none"
            raise Failure(
                Exit.USAGE, "no_such_catalogue", f"{name} is not configured; known: {known}."
            )
        found = run(check_catalogues(settings, sku, name))
        if as_json:
            print_json({"items": [{**asdict(one), "ok": not one.problem} for one in found]})
        else:
            print_table(
                ("catalogue", "level", "proven", "objects", "on sale", "seconds", "problem"),
                [(one.name, one.level, one.proven, one.objects, one.sellable,
                  f"{one.seconds:.3f}", one.problem) for one in found],
                empty="no catalogue is configured: see docs/catalogues.md",
            )
        if any(one.problem for one in found):
            raise typer.Exit(Exit.BAD)
