"""`freezeguard cases`: the queue, one case, and commands on it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from freezeguard.cli import remote
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import print_facts, print_json, print_table

if TYPE_CHECKING:
    from freezeguard.services.recomputing import Recomputation

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

CaseId = Annotated[UUID, typer.Argument(metavar="CASE", help="As `cases list` shows it.")]


@app.command(
    "list",
    short_help="List cases.",
    help=examples(
        "freezeguard cases list --overdue",
        "freezeguard cases list --state awaiting_approval",
        "freezeguard cases list --all --sku KETTLE-17 --json",
        text="List open cases, newest first; with --all final ones too.",
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
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List cases."""
    with reported(as_json=as_json):
        wanted = {
            "state": state, "sku": sku, "vendor": vendor, "owner": owner,
            "open": None if everything or state else "true",
            "overdue": "true" if overdue else None,
        }
        found = list(remote.pages("/v1/cases", wanted, limit))
        if as_json:
            print_json({"items": found})
            return
        print_table(
            ("case", "no.", "SKU", "state", "lane", "owner", "opened", "why"),
            [
                (one["id"], one["number"], _scope(one["scope"]), _state(one), one["lane"],
                 one["owner"], one["opened_at"][:16], one["reason"].get("sentence"))
                for one in found
            ],
        )


def _scope(scope: dict[str, Any]) -> str:
    narrow = [f"{name} {value}" for name, value in scope.items() if name != "sku" and value]
    return f"{scope['sku']} ({', '.join(narrow)})" if narrow else str(scope["sku"])


def _state(case: dict[str, Any]) -> str:
    return f"{case['state']} (degraded)" if case["degraded"] else str(case["state"])


@app.command(
    "show",
    short_help="Show one case.",
    help=examples(
        "freezeguard cases show 01a200d5-9ee0-7d97-b6f0-6437c51f22cf",
        "freezeguard cases show 01a200d5-9ee0-7d97-b6f0-6437c51f22cf --json",
        text="Show one case: why, what each catalogue does, who was told, clocks, and what you "
        "may do.",
    ),
)
def show(case: CaseId, *, as_json: AsJson = False) -> None:
    """Show one case."""
    with reported(as_json=as_json):
        found = remote.ask("GET", f"/v1/cases/{case}")
        if as_json:
            print_json(found)
        else:
            _print_case(found)


def _print_case(case: dict[str, Any]) -> None:
    evidence = case["evidence"]
    print_facts(
        {
            "case": case["id"], "number": case["number"], "SKU": _scope(case["scope"]),
            "state": _state(case), "lane": case["lane"], "version": case["version"],
            "evidence revision": case["evidence_revision"], "recurrence": case["recurrence"],
            "why": case["reason"].get("sentence"), "owner": case["owner"],
            "vendor": case["vendor"], "opened": case["opened_at"],
            "evidence": f"{evidence['signals']} signals of {evidence['customers']} customers",
        }
    )
    print()
    print_table(
        ("catalogue", "object", "wanted", "status", "read back", "detail"),
        [(one["catalogue"], one["remote_id"], one["wanted"], one["status"], one["seen_at"],
          one["detail"]) for one in case["enforcement"]],
    )
    print()
    print_table(
        ("told", "of", "by", "state"),
        [(one["recipient"], one["kind"], one["channel"], one["state"]) for one in case["notices"]],
    )
    running = [one for one in case["clocks"] if one["stopped_at"] is None]
    print()
    print_table(("clock", "due"), [(one["kind"], one["due_at"]) for one in running])
    print()
    print_table(
        ("you may", "still missing"),
        [(one["command"], "; ".join(one["unmet"])) for one in case["available_commands"]],
    )


@app.command(
    "timeline",
    short_help="Show what happened to a case.",
    help=examples(
        "freezeguard cases timeline 01a200d5-9ee0-7d97-b6f0-6437c51f22cf",
        text="Show the history of a case, oldest first.",
    ),
)
def timeline(case: CaseId, *, as_json: AsJson = False) -> None:
    """Show what happened to a case."""
    with reported(as_json=as_json):
        events = list(remote.pages(f"/v1/cases/{case}/timeline", {}, 10_000))
        if as_json:
            print_json({"items": events})
            return
        print_table(
            ("at", "who", "command", "from", "to", "version"),
            [(one["at"], one["actor"], one["command"], one["from_state"], one["to_state"],
              one["version"]) for one in events],
        )


@app.command(
    "command",
    short_help="Give a command.",
    help=examples(
        "freezeguard cases command CASE accept_ownership --version 2",
        "freezeguard cases command CASE approve --version 7 --set evidence_revision=2",
        "freezeguard cases command CASE propose_remedy --version 3 --arguments remedy.json",
        "freezeguard cases command CASE comment --set comment='Samples are on the way.'",
        text="Give a command to a case. --version is the version that you saw: where the case has "
        "changed meanwhile, nothing happens. Values of --set are JSON where they can be read as "
        "JSON, else text.",
    ),
)
def command(
    case: CaseId,
    name: Annotated[str, typer.Argument(metavar="COMMAND", help="As `cases show` offers it.")],
    *,
    version: Annotated[int | None, typer.Option(min=1, help="The version that you saw.")] = None,
    given: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An argument.")
    ] = None,
    arguments: Annotated[
        Path | None, typer.Option(help="File with a JSON object of arguments; - reads stdin.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a command."""
    with reported(as_json=as_json):
        body = {**_from_file(arguments), **dict(_argument(one) for one in given or ())}
        body["command"] = name
        if version is not None:
            body["version"] = version
        answer = remote.ask("POST", f"/v1/cases/{case}/commands", body=body)
        if as_json:
            print_json(answer)
        else:
            print(f"{name}: the case is {_state(answer)}, version {answer['version']}.")


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Failure(Exit.USAGE, "invalid_json", f"{path} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Failure(Exit.USAGE, "invalid_json", f"{path} holds no JSON object.")
    return found


def _argument(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise Failure(Exit.USAGE, "invalid_argument", f"--set {text!r} is not NAME=VALUE.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@app.command(
    "explain",
    short_help="Recompute why a case froze.",
    help=examples(
        "freezeguard cases explain 01a200d5-9ee0-7d97-b6f0-6437c51f22cf",
        "freezeguard cases explain 01a200d5-9ee0-7d97-b6f0-6437c51f22cf --json",
        text="Recompute every automatic freeze of a case from the stored signals, the rule's "
        "version and what was known then, and compare it with the stored reason; and tell what "
        "the rule says to all that is known now. Reads the database directly.",
    ),
)
def explain(case: CaseId, *, as_json: AsJson = False) -> None:
    """Recompute why a case froze."""
    with reported(as_json=as_json):
        from freezeguard.bootstrap.surroundings import utc_now
        from freezeguard.cli.database import administer
        from freezeguard.services.recomputing import recompute

        found = administer(lambda admin: recompute(admin.database, case, utc_now()))
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
