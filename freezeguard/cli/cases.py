"""`freezeguard cases`: the queue, and one case."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.casenames import CaseName, case_id, stored_case_id
from freezeguard.cli.caseshown import (
    due_in_words,
    overdue_in_words,
    print_case,
    scope_in_words,
    state_in_words,
    words_of,
)
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import moment, print_facts, print_json, print_table

if TYPE_CHECKING:
    from freezeguard.bootstrap.administration import Administration
    from freezeguard.services.detecting.recomputing import Recomputation

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


class PackReader(StrEnum):
    """Who will read a pack."""

    AUTHORITY = "authority"
    VENDOR = "vendor"
    INTERNAL = "internal"


MOST = 10_000
EXAMPLE = "01a200d5-9ee0-7d97-b6f0-6437c51f22cf"


@app.command(
    "list",
    short_help="List cases.",
    help=examples(
        "freezeguard cases list --overdue",
        "freezeguard cases list --state awaiting_approval",
        "freezeguard cases list --all --sku KETTLE-17 --json",
        text="List open cases, newest first; with --all final ones too. --overdue lists those with "
        "a clock past its time, the latest first: which clock, since when, how far it escalated.",
    ),
)
def list_cases(
    *,
    overdue: Annotated[bool, typer.Option("--overdue", help="A clock is past its time.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Final ones too.")] = False,
    state: Annotated[str | None, typer.Option(help="In this state.")] = None,
    sku: Annotated[str | None, typer.Option(help="Of this SKU.")] = None,
    vendor: Annotated[str | None, typer.Option(help="Of this vendor.")] = None,
    owner: Annotated[str | None, typer.Option(help="Owned by this person.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List cases."""
    with reported(as_json=as_json):
        wanted = {
            "state": state, "sku": sku, "vendor": vendor, "owner": owner,
            "open": None if everything or state else "true",
            "overdue": "true" if overdue else None,
        }
        found = list(remote.pages("/v1/cases", wanted, MOST if overdue else limit))
        if overdue:  # the service lists the newest first
            found = sorted(found, key=_latest)[:limit]
        if as_json:
            print_json({"items": found})
            return
        print_table(
            ("no.", "state", "SKU", "owner", "since", "next deadline", "lane", "case", "opened",
             "overdue" if overdue else "why"),
            [
                (one["number"], state_in_words(one), scope_in_words(one["scope"]), one["owner"],
                 moment(one["state_since"]), due_in_words(one), one["lane"], one["id"],
                 moment(one["opened_at"]),
                 overdue_in_words(one) if overdue else one["reason"].get("sentence"))
                for one in found
            ],
            whole=("no.", "state", "since"),
            beneath={"lane": "state", "owner": "SKU", "next deadline": "since"},
            piped=("case", "opened"),
            empty=_none_of(wanted),
        )


def _latest(case: dict[str, Any]) -> str:
    """Return since when a case is overdue; one that a clock has just left comes last."""
    return min((str(one["due_at"]) for one in case["overdue"]), default="~")


def _none_of(wanted: dict[str, str | None]) -> str:
    kind = "overdue cases" if wanted["overdue"] else "open cases" if wanted["open"] else "cases"
    narrow = [
        f"{name} {wanted[name]}" for name in ("state", "sku", "vendor", "owner") if wanted[name]
    ]
    return f"no {kind}" + (f" with {', '.join(narrow)}" if narrow else "")


@app.command(
    "show",
    short_help="Show one case.",
    help=examples(
        "freezeguard cases show 5",
        f"freezeguard cases show {EXAMPLE} --json",
        text="Show one case: why, what customers wrote, remedy and verification, who agreed, what "
        "each catalogue does, open manual tasks, who was told, clocks, comments, and what you may "
        "do.",
    ),
)
def show(case: CaseName, *, as_json: AsJson = False) -> None:
    """Show one case."""
    with reported(as_json=as_json):
        path = f"/v1/cases/{case_id(case)}"
        found = remote.ask("GET", path)
        if as_json:
            print_json(found)
        else:
            print_case(found, list(remote.pages(f"{path}/timeline", {}, 10_000)))


@app.command(
    "timeline",
    short_help="Show what happened to a case.",
    help=examples(
        "freezeguard cases timeline 5",
        text="Show the history of a case, oldest first.",
    ),
)
def timeline(case: CaseName, *, as_json: AsJson = False) -> None:
    """Show what happened to a case."""
    with reported(as_json=as_json):
        events = list(remote.pages(f"/v1/cases/{case_id(case)}/timeline", {}, 10_000))
        if as_json:
            print_json({"items": events})
            return
        print_table(
            ("at", "who", "command", "from", "to", "version", "words"),
            [(moment(one["at"]), one["actor"], one["command"], one["from_state"], one["to_state"],
              one["version"], words_of(one)) for one in events],
            whole=("at", "command"),
            beneath={"who": "at", "version": "command", "to": "from"},
        )


@app.command(
    "export",
    short_help="Save everything about a case.",
    help=examples(
        "freezeguard cases export 5 --for authority -o case-5.zip",
        "freezeguard cases export 5 --for vendor -o for-acme.zip",
        text="Save the pack of a case: the record as JSON and as a page to print, the notices, "
        "and the audit entries with what proves them. --for vendor leaves out what is not the "
        "vendor's to see. Prints the SHA-256 of the file; a file that is there is not replaced.",
    ),
)
def export(
    case: CaseName,
    *,
    reader: Annotated[
        PackReader, typer.Option("--for", help="Who will read it.")
    ] = PackReader.INTERNAL,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    as_json: AsJson = False,
) -> None:
    """Save everything about a case."""
    with reported(as_json=as_json):
        from hashlib import sha256

        if output.exists():
            raise Failure(Exit.USAGE, "file_exists", f"{output} is there already.")
        path = f"/v1/cases/{case_id(case)}/pack"
        content = remote.download(path, query={"for": reader.value})
        output.write_bytes(content)
        digest = sha256(content).hexdigest()
        if as_json:
            print_json({"file": str(output), "bytes": len(content), "sha256": digest})
        else:
            print(f"{output}: {len(content)} bytes, SHA-256 {digest}")


@app.command(
    "explain",
    short_help="Recompute why a case froze.",
    help=examples(
        "freezeguard cases explain 5",
        f"freezeguard cases explain {EXAMPLE} --json",
        text="Recompute every automatic freeze of a case from the stored signals, the rule's "
        "version and what was known then, and compare it with the stored reason; and tell what "
        "the rule says to all that is known now. Reads the database directly.",
    ),
)
def explain(case: CaseName, *, as_json: AsJson = False) -> None:
    """Recompute why a case froze."""
    with reported(as_json=as_json):
        from freezeguard.cli.database import administer
        from freezeguard.services.detecting.recomputing import recompute

        async def work(admin: "Administration") -> "Recomputation":
            case_id = await stored_case_id(admin, case)
            return await recompute(admin.database, case_id, admin.now())

        found = administer(work)
        if as_json:
            print_json(found.as_dict())
        else:
            _print_recomputation(found)
        if not found.is_same:
            raise typer.Exit(Exit.BAD)


def _print_recomputation(found: "Recomputation") -> None:
    if not found.freezes:
        print("A person froze this; there is nothing to recompute.")
    for one in found.freezes:
        stored = one.stored
        print_facts(
            {
                "frozen at": one.at, "rule": f"{one.rule_id}, version {one.rule_version}",
                "stored": stored.get("sentence"),
                "recomputed": "same" if one.is_same else "differs: " + "; ".join(one.differences),
            }
        )
        print()
    if found.from_all is not None:
        print(f"From all that is known now: {found.from_all.reason.sentence}")
        print(f"first crossed by {found.from_all.crossed_by.id} at {found.from_all.crossed_at}")
