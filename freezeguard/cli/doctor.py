"""`freezeguard doctor`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from freezeguard.cli.failures import Exit, reported
from freezeguard.cli.options import AsJson, examples, read_settings
from freezeguard.cli.output import answers, print_json

if TYPE_CHECKING:
    from freezeguard.bootstrap.doctor import Finding
    from freezeguard.bootstrap.settings import Settings

HELP = examples(
    "freezeguard doctor",
    "freezeguard doctor --json",
    text="Look at everything that freezeguard depends on: database, schema, role, clocks, "
    "partitions, audit chain and anchors, mail, catalogues, default owner, disk, settings. Names "
    "what is wrong and the remedy. Exit code 1 where something is bad; a warning alone is 0. It "
    "works while the service runs, and without it.",
)
MARKS = {"well": ("ok  ", "green"), "warning": ("note", "yellow"), "bad": ("BAD ", "bold red")}


def doctor(*, as_json: AsJson = False) -> None:
    """Look at everything."""
    with reported(as_json=as_json):
        from asyncio import run

        from freezeguard.bootstrap.logging import configure_logging

        configure_logging("auto", "error")
        found = run(_examine(read_settings(), shown=not as_json))
        bad = [one for one in found if one.verdict == "bad"]
        if as_json:
            print_json({"ok": not bad, "findings": [asdict(one) for one in found]})
        else:
            print("Nothing is bad." if not bad else f"{len(bad)} bad.")
        if bad:
            raise typer.Exit(Exit.BAD)


async def _examine(settings: "Settings", *, shown: bool) -> "list[Finding]":
    from freezeguard.bootstrap.doctor import examine_everything

    found = []
    async for one in examine_everything(settings):
        found.append(one)
        if shown:
            _print(one)
    return found


def _print(one: "Finding") -> None:
    from rich.text import Text

    mark, style = MARKS[one.verdict]
    console = answers()
    # the terminal wraps: a path or a command that is cut can't be pasted
    console.print(Text.assemble((mark, style), f"  {one.name}: {one.detail}"), soft_wrap=True)
    if one.remedy:
        console.print(Text(f"      {one.remedy}"), soft_wrap=True)
