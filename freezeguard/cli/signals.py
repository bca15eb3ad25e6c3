"""`freezeguard signals send` and `signals rejected`: what a feed sends, from a terminal."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.arguments import utc_now
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import moment, print_facts, print_json, print_table, say

MOST = 10_000

SEND = examples(
    "freezeguard signals send --source helpdesk --sku KETTLE-17 --customer c-2093 \\",
    "    --text 'The handle broke off while pouring.'",
    "freezeguard signals send --source lab --sku KETTLE-17 --kind inspection --set result=fail",
    "freezeguard signals send complaints.ndjson",
    "freezeguard signals send - < complaint.json",
    text="Send one signal, or a file of JSON or NDJSON, to a running service, with the key of its "
    "source in FREEZEGUARD_TOKEN. Without --id each call is a signal of its own, without "
    "--occurred-at it is made now. Answers once it is durable; exit code 1 where something was "
    "rejected. For long files see `signals import`.",
)
REJECTED = examples(
    "freezeguard signals rejected",
    "freezeguard signals rejected 0199f0a2-7c1e-7000-8000-0123456789ab",
    text="List the signals that were not accepted, newest first, with the reason; with an ID show "
    "one whole, as it came (masked). For analysts, auditors, admins, and a source's own key.",
)


def send(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="JSON or NDJSON; - reads stdin.")
    ] = None,
    *,
    source: Annotated[str | None, typer.Option(help="The source that the key is of.")] = None,
    sku: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    kind: Annotated[
        str, typer.Option(help="complaint, return, inspection, telemetry, recall.")
    ] = "complaint",
    severity: Annotated[str, typer.Option(help="minor, major, critical, safety.")] = "major",
    customer: Annotated[str | None, typer.Option(help="Who complains: any reference.")] = None,
    text: Annotated[str | None, typer.Option(help="In whose words.")] = None,
    signal_id: Annotated[
        str | None, typer.Option("--id", help="The same id counts once.")
    ] = None,
    occurred_at: Annotated[
        str | None, typer.Option(help="With its zone: 2026-11-21T09:30:00Z.")
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Any other field: lot=L-7; repeat it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send signals."""
    with reported(as_json=as_json):
        one = {
            "source": source, "sku": sku, "kind": kind, "severity": severity,
            "customer": customer, "text": text, "id": signal_id, "occurred_at": occurred_at,
        }
        if file is None:
            answer = _sent(remote.exchange("POST", "/v1/signals", body=_signal(one, fields or [])))
        elif any((source, sku, customer, text, signal_id, occurred_at, fields)):
            raise Failure(
                Exit.USAGE, "invalid_argument", "Give a file, or the fields of one signal."
            )
        else:
            answer = _sent(remote.send_text("/v1/signals", *_read(file)))
        _print_receipt(answer, as_json=as_json)
        if answer["rejected"]:
            raise typer.Exit(Exit.BAD)


def _signal(given: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    from uuid import uuid4

    missing = [f"--{name}" for name in ("source", "sku") if not given[name]]
    if missing:
        raise Failure(
            Exit.USAGE, "missing_option",
            f"Give {' and '.join(missing)}, or a file with signals.",
        )
    made = {"id": str(uuid4()), "occurred_at": utc_now().isoformat()}
    for one in fields:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise Failure(Exit.USAGE, "invalid_argument", f"--set {one!r} is not FIELD=VALUE.")
        made[name] = value
    return made | {name: value for name, value in given.items() if value is not None}


def _read(file: Path) -> tuple[bytes, str]:
    """Return what a file holds and its media type: JSON where it is one document, else NDJSON."""
    import json

    content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    try:
        json.loads(content)
    except ValueError:
        return content, "application/x-ndjson"
    return content, "application/json"


def _sent(exchanged: tuple[int, Any]) -> dict[str, Any]:
    """Return a receipt, also where nothing was accepted. Raises Failure for another refusal."""
    status, answer = exchanged
    if status == 422 and answer.get("code") == "nothing_accepted":
        return {name: answer[name] for name in ("accepted", "duplicates", "rejected")}
    return dict(remote.granted(status, answer))


def _print_receipt(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    print(f"{answer['accepted']} accepted, {answer['duplicates']} duplicates, "
          f"{len(answer['rejected'])} rejected.")
    for one in answer["rejected"]:
        place = f" {one['pointer']}:" if one.get("pointer") else ""
        say(f"entry {one['index'] + 1}: {one['code']}:{place} {one['detail']}")


def rejected(
    rejected_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only this one, whole.")
    ] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List or show signals that were not accepted."""
    with reported(as_json=as_json):
        if rejected_id is not None:
            _show(_found(rejected_id), as_json=as_json)
            return
        found = list(remote.pages("/v1/signals/rejected", {}, limit))
        if as_json:
            print_json({"items": found})
            return
        print_table(
            ("id", "received", "source", "code", "detail"),
            [(one["id"], moment(one["received_at"]), one["source"], one["code"], one["detail"])
             for one in found],
            whole=("id",), beneath={"received": "id", "code": "source"},
            empty="no signal was rejected",
        )


def _found(wanted: str) -> dict[str, Any]:
    for one in remote.pages("/v1/signals/rejected", {}, MOST):
        if one["id"] == wanted:
            return dict(one)
    raise Failure(
        Exit.REFUSED, "not_found",
        f"There is no rejected signal {wanted!r}, or it is not yours; `freezeguard signals "
        "rejected` shows the ids.",
    )


def _show(one: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(one)
        return
    print_facts({
        "id": one["id"], "received": moment(one["received_at"]), "source": one["source"],
        "entry": one["index"] + 1, "code": one["code"], "detail": one["detail"],
    })
    print(one["body"])
