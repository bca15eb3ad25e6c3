"""`freezeguard suppressions`: where detection is held back, why, and until when."""

from typing import Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.arguments import moment_of, utc_now
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import moment, print_json, print_table

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

PATH = "/v1/suppressions"


@app.command(
    "list",
    short_help="List suppressions in force.",
    help=examples(
        "freezeguard suppressions list", "freezeguard suppressions list --json",
        text="List the suppressions in force: what they hold back, why, by whom, until when, and "
        "how many SKUs have crossed a threshold meanwhile.",
    ),
)
def list_suppressions(*, as_json: AsJson = False) -> None:
    """List suppressions in force."""
    with reported(as_json=as_json):
        answer = remote.ask("GET", PATH)
        if as_json:
            print_json(answer)
            return
        print_table(
            ("id", "holds back", "until", "by", "cause", "SKUs held back"),
            [(one["id"], _held_back(one), moment(one["expires_at"]), one["author"], one["cause"],
              str(one["held_back"]["skus"])) for one in answer["items"]],
            whole=("id", "until"), beneath={"until": "id", "by": "holds back"},
            empty="no suppressions in force",
        )


def _held_back(one: dict[str, Any]) -> str:
    parts = [f"{name} {one[name]}" for name in ("sku", "vendor", "category") if one[name]]
    return ", ".join(parts) + (f" (rule {one['rule']})" if one["rule"] else "")


@app.command(
    "add",
    short_help="Hold detection back.",
    help=examples(
        "freezeguard suppressions add --sku KETTLE-17 --until 2026-12-04 "
        "--cause 'A wrong photo, mended today.'",
        "freezeguard suppressions add --vendor acme --rule five-customers --until +8h "
        "--cause 'Strike of the carrier.'",
        text="Hold detection back for a SKU, a vendor or a category, of every rule or of one, "
        "until a moment within a year: a day (its end in your time zone), +8h or +5d from now, or "
        "a time with its zone. Safety rules are never held back.",
    ),
)
def add(
    *,
    cause: Annotated[str, typer.Option(help="Why, for the record.")],
    until: Annotated[str, typer.Option(help="When it ends: 2026-12-04, +5d.")],
    sku: Annotated[str | None, typer.Option(help="Of this SKU.")] = None,
    vendor: Annotated[str | None, typer.Option(help="Of this vendor.")] = None,
    category: Annotated[str | None, typer.Option(help="Of this category.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold detection back."""
    with reported(as_json=as_json):
        if sku is None and vendor is None and category is None:
            raise Failure(
                Exit.USAGE, "missing_option",
                "Say what is held back: give --sku, --vendor or --category.",
            )
        given = {
            "sku": sku, "vendor": vendor, "category": category, "rule": rule, "cause": cause,
            "expires_at": moment_of(until, utc_now()),
        }
        stored = remote.ask(
            "POST", PATH, body={name: one for name, one in given.items() if one is not None}
        )
        if as_json:
            print_json(stored)
        else:
            print(f"{_held_back(stored)}: held back until {moment(stored['expires_at'])}.")
            print(f"End it before: freezeguard suppressions lift {stored['id']}")


@app.command(
    "lift",
    short_help="End a suppression.",
    help=examples(
        "freezeguard suppressions lift 0199f0a2-7c1e-7000-8000-0123456789ab",
        text="End a suppression before its time; complaints count at once.",
    ),
)
def lift(
    suppression: Annotated[
        str, typer.Argument(metavar="ID", help="As `suppressions list` shows it.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """End a suppression."""
    with reported(as_json=as_json):
        remote.ask("DELETE", f"{PATH}/{remote.segment(suppression)}")
        if as_json:
            print_json({"id": suppression, "done": "lift"})
        else:
            print(f"{suppression} is lifted.")
