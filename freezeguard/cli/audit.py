"""`freezeguard audit`: the record, and whether it is whole."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from freezeguard.cli import remote
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.jsontext import read_json
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import moment, print_json, print_table, say

if TYPE_CHECKING:
    from freezeguard.domain.auditchain import Anchor, Link
    from freezeguard.domain.auditverification import Report, Verification

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

PAGE = 200


@app.command(
    "list",
    short_help="Show the record.",
    help=examples(
        "freezeguard audit list --limit 20",
        "freezeguard audit list --subject case:01a200d5-9ee0-7d97-b6f0-6437c51f22cf --json",
        text="Show who did what and why, newest first. For auditors and administrators.",
    ),
)
def list_entries(
    *,
    subject: Annotated[
        str | None, typer.Option(help="Only of this: case:…, rule:…, person:…, key:…")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the record."""
    with reported(as_json=as_json):
        found = list(remote.pages("/v1/audit", {"subject": subject}, limit))
        if as_json:
            print_json({"items": found})
            return
        print_table(
            ("no.", "at", "who", "what", "subject", "why"),
            [(one["seq"], moment(one["at"]), one["actor"], one["action"], one["subject"],
              one["why"]) for one in found],
            whole=("no.", "at"),
            beneath={"who": "at", "subject": "what"},
            empty="no entries",
        )


@app.command(
    "verify",
    short_help="Is the record whole?",
    help=examples(
        "freezeguard audit verify",
        "freezeguard audit verify --anchors audit-anchors.ndjson --anchors mailed.ndjson --json",
        text="Fetch the whole chain over the record and recompute it here, on your own machine; "
        "compare it with anchors that you have kept. Without --anchors an end that was cut off "
        "and a chain that was written anew can't be noticed. Exit code 1 where something is "
        "wrong, with its position and row. For auditors and administrators.",
    ),
)
def verify(
    *,
    anchors: Annotated[
        list[Path] | None, typer.Option(help="File with anchors; repeat it for several.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify the record."""
    with reported(as_json=as_json):
        kept, unreadable = _kept(anchors or [])
        run, rows = _recompute(kept)
        report = run.report()
        if as_json:
            print_json(_as_document(run.instance, report, unreadable, rows))
        else:
            _print_report(report, unreadable, rows)
        if not report.is_sound:
            raise typer.Exit(Exit.BAD)


def _kept(files: list[Path]) -> "tuple[list[Anchor], int]":
    """Return the anchors in some files, and how many lines are none. Raises Failure."""
    from freezeguard.domain.auditchain import Anchor

    kept: list[Anchor] = []
    unreadable = 0
    for file in files:
        before = len(kept)
        for line in file.read_text("utf-8", "replace").splitlines():
            try:
                kept.append(Anchor.from_dict(read_json(line)))
            except ValueError:
                unreadable += 1
        if len(kept) == before:
            raise Failure(Exit.USAGE, "no_anchors", f"{file} holds no anchor.")
    return kept, unreadable


def _recompute(anchors: "list[Anchor]") -> "tuple[Verification, int]":
    """Feed the whole chain, page after page; return the run, and how many rows are in no link."""
    from freezeguard.domain.auditverification import Verification

    page = _page(None)
    run = Verification(UUID(page["instance"]), anchors)
    while True:
        for link, content in _links(page):
            run.link(link, content)
        if page["next"] is None:
            break
        page = _page(page["next"])
    waiting = remote.ask("GET", "/v1/audit/unchained")
    for seq in waiting["seqs"]:
        run.unchained(seq, datetime.fromisoformat(waiting["as_of"]))
    return run, waiting["rows"]


def _page(cursor: str | None) -> dict[str, Any]:
    query = {"limit": PAGE, "cursor": cursor}
    return dict(remote.ask("GET", "/v1/audit/chain", query=query))


def _links(page: dict[str, Any]) -> "Iterator[tuple[Link, str | None]]":
    from freezeguard.domain.auditchain import Link

    for one in page["items"]:
        salt, digest, hash_ = (bytes.fromhex(one[name]) for name in ("salt", "digest", "hash"))
        link = Link(
            one["position"], one["audit_seq"], datetime.fromisoformat(one["chained_at"]),
            salt, digest, hash_,
        )  # fmt: skip
        yield link, None if one["entry"] is None else _content(one["entry"])


def _content(entry: str) -> str:
    """Leave out what is the link's own: place, moment and row are not taken from the entry."""
    parts = entry.split(",", 3)
    return parts[3] if len(parts) == 4 else ""


def _as_document(
    instance: UUID, report: "Report", unreadable: int, rows: int
) -> dict[str, object]:
    head = report.head
    return {
        "ok": report.is_sound,
        "instance": str(instance),
        "checked": report.checked,
        "head": None if head is None else {
            "position": head.position, "audit_seq": head.seq, "hash": head.hash.hex()
        },
        "anchors": report.anchors,
        "unreadable_anchors": unreadable,
        "last_anchored": report.last_anchored,
        "unchained": rows,
        "findings": [
            {"what": one.what.value, "position": one.position, "audit_seq": one.seq,
             "detail": one.detail}
            for one in report.findings
        ],
        "more": report.more,
    }  # fmt: skip


def _print_report(report: "Report", unreadable: int, rows: int) -> None:
    for one in report.findings:
        where = " ".join(
            f"{name} {value}"
            for name, value in (("position", one.position), ("row", one.seq))
            if value is not None
        )
        print(f"{one.what.value} at {where or 'no position'}: {one.detail}")
    if report.more:
        print(f"and {report.more} more")
    head = "" if report.head is None else f", up to row {report.head.seq}"
    print(f"{report.checked} entries{head}: "
          + ("whole." if report.is_sound else "NOT WHOLE."))
    if rows:
        say(f"{rows} rows are not chained yet.")
    if unreadable:
        say(f"{unreadable} lines of the files hold no anchor.")
    _say_of_anchors(report)


def _say_of_anchors(report: "Report") -> None:
    if not report.anchors:
        say("No anchors were given: an end that was cut off, and a chain that was written anew, "
            "would not be noticed.")
    elif report.is_sound and report.head is not None:
        say(f"{report.anchors} anchors fit; the last vouches up to position "
            f"{report.last_anchored} of {report.head.position}.")
