"""`freezeguard catalogues`: whether they answer as they are configured."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from freezeguard.cli.database import administer
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples, quiet_logs, read_settings
from freezeguard.cli.output import print_json, print_table, say

CARTS = {True: "held back", False: "NOT held back", None: "unknown"}

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command(
    "check",
    short_help="Ask every catalogue.",
    help=examples(
        "freezeguard catalogues check",
        "freezeguard catalogues check shop --sku KETTLE-17",
        "freezeguard catalogues check shop --sku KETTLE-17 --prove",
        text="Look a SKU up in every configured catalogue, or in one; with --sku it is read back "
        "too. Changes nothing but with --prove: then the sale of the SKU is stopped for a moment, "
        "somebody tries to buy it, all is put back and compared. A kind that is experimental is "
        "off until that has passed. Exit code 1 where something went wrong.",
    ),
)
def check(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one.")] = None,
    *,
    sku: Annotated[str | None, typer.Option(help="A SKU that is listed there.")] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Stop its sale for a moment, and put it back.")
    ] = False,
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
                Exit.USAGE, "no_such_catalogue", f"{name} is not configured; known: {known}. "
                "Settings are read from freezeguard.toml here, or from where FREEZEGUARD_CONFIG "
                "says.",
            )
        if name is not None and sku is not None:
            _prove(name, sku, only_look=not prove, as_json=as_json)
            return
        if prove:
            raise Failure(Exit.USAGE, "usage", "--prove needs the NAME of a catalogue and --sku.")
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


@app.command(
    "explain",
    short_help="Say what each catalogue can do.",
    help=examples(
        "freezeguard catalogues explain",
        text="Say of each configured catalogue how strictly it stops, what it stops at least, "
        "whether carts that are open already are held back, what a hold can tell apart there, how "
        "the connector was proven, and whether it is off until you have proved it. Asks nobody.",
    ),
)
def explain(*, as_json: AsJson = False) -> None:
    """Say what each catalogue can do."""
    with reported(as_json=as_json):
        from freezeguard.bootstrap.cataloguechecks import explained

        quiet_logs()
        found = explained(read_settings())
        if as_json:
            print_json({"items": [asdict(one) for one in found]})
            return
        print_table(
            ("catalogue", "kind", "level", "stops at least", "open carts", "tells apart",
             "proven", "further means"),
            [(one.name, one.kind, one.level, one.finest, CARTS[one.holds_carts],
              ", ".join(one.narrowest) or "–",
              f"{one.proven}; to be proved by you" if one.needs_check else one.proven,
              ", ".join(one.fallbacks) or "–") for one in found],
            empty="no catalogue is configured: see docs/catalogues.md",
        )


def _prove(name: str, sku: str, *, only_look: bool, as_json: bool) -> None:
    """Show how a proof goes, step by step, or how ready everything is for one."""
    from asyncio import run

    from freezeguard.bootstrap.cataloguechecks import look_closely, prove_catalogue

    settings = read_settings()
    if only_look:
        proof = run(look_closely(settings, name, sku))
    else:
        proof = administer(lambda admin: prove_catalogue(admin, settings, name, sku))
    if as_json:
        print_json({
            "ok": proof.passed, "proved": proof.passed and not only_look,
            "steps": [asdict(one) for one in proof.steps], "before_image": proof.images,
        })
    else:
        print_table(
            ("step", "ok", "detail"),
            [(one.name, "yes" if one.ok else "NO", one.detail) for one in proof.steps],
            empty="nothing was tried",
        )
        for remote_id, fields in proof.images.items():
            say(f"before-image of {remote_id}: {json.dumps(fields)}")
        if proof.passed and only_look:
            say("Nothing was changed. Add --prove to stop its sale for a moment, and put it back.")
    if not proof.passed:
        raise typer.Exit(Exit.BAD)
