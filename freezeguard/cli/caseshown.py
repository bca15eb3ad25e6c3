"""One case as text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from freezeguard.cli.output import moment, print_facts, print_table
from freezeguard.cli.votes import votes_in_words

Json = Mapping[str, Any]


def scope_in_words(scope: Json) -> str:
    """Return a scope as one reads it: the SKU, and to what it is narrowed."""
    narrow = [f"{name} {value}" for name, value in scope.items() if name != "sku" and value]
    return f"{scope['sku']} ({', '.join(narrow)})" if narrow else str(scope["sku"])


def state_in_words(case: Json) -> str:
    """Return the state, and whether a catalogue falls short of it."""
    return f"{case['state']} (degraded)" if case["degraded"] else str(case["state"])


def words_of(event: Json) -> str:
    """Return what somebody wrote when they gave a command; empty where they wrote nothing."""
    arguments = event["arguments"]
    found = (arguments.get(name) for name in ("comment", "reason", "note"))
    return next((one for one in found if isinstance(one, str) and one), "")


def print_case(case: Json, events: Sequence[Json]) -> None:
    """Print a case whole; comments and votes come from its history."""
    print_facts(_facts(case, events))
    for title in ("remedy", "verification"):
        if case[title]:
            print(f"\n{title}")
            print_facts({f"  {name}": value for name, value in _flat(case[title])})
    _print_lines("customers wrote", case["evidence"]["excerpts"])
    _print_lines("files", [
        f"{one['name']} ({one['size']:,} bytes, {one['uploaded_by']}) {one['note']}".rstrip()
        for one in case["evidence_files"]
    ])
    _print_enforcement(case)
    _print_lines("comments", [
        f"{moment(one['at'])} {one['actor']}: {one['arguments']['comment']}"
        for one in events if one["arguments"].get("comment")
    ])
    _print_rows(
        ("you may", "still missing"),
        [(one["command"], "; ".join(one["unmet"])) for one in _offered(case)],
        "there is nothing that you may do",
    )


def _facts(case: Json, events: Sequence[Json]) -> dict[str, object]:
    evidence = case["evidence"]
    facts = {
        "case": case["id"], "number": case["number"], "SKU": scope_in_words(case["scope"]),
        "state": state_in_words(case), "lane": case["lane"], "version": case["version"],
        "evidence revision": case["evidence_revision"], "recurrence": case["recurrence"],
        "why": case["reason"].get("sentence"), "owner": case["owner"],
        "vendor": case["vendor"], "opened": moment(case["opened_at"]),
        "evidence": f"{evidence['signals']} signals of {evidence['customers']} customers",
    }
    if case["remedy_author"]:
        facts["remedy by"] = case["remedy_author"]
    if case["approval_requested_by"]:
        at = moment(case["approval_requested_at"])
        facts["approval asked"] = f"by {case['approval_requested_by']} at {at}"
    if votes := votes_in_words(case, events):
        facts["votes"] = "; ".join(votes)
    return facts


def _print_enforcement(case: Json) -> None:
    _print_rows(
        ("catalogue", "object", "wanted", "status", "read back", "detail"),
        [(one["catalogue"], one["remote_id"], one["wanted"], one["status"],
          moment(one["seen_at"]), one["detail"]) for one in case["enforcement"]],
        "no catalogue lists it",
    )
    _print_rows(
        ("to do by hand", "catalogue", "object", "since", "what"),
        [(one["task"], one["catalogue"], one["remote_id"], moment(one["opened_at"]),
          one["instruction"]) for one in _open_tasks(case)],
        "nothing is to be done by hand",
    )
    _print_rows(
        ("told", "of", "by", "state"),
        [(one["recipient"], one["kind"], one["channel"], one["state"]) for one in case["notices"]],
        "nobody was told",
    )
    _print_rows(
        ("clock", "due"),
        [(one["kind"], moment(one["due_at"])) for one in case["clocks"]
         if one["stopped_at"] is None],
        "no clock runs",
    )


def _print_rows(columns: Sequence[str], rows: Sequence[Sequence[object]], words: str) -> None:
    """Print a part of the case; what it has not got is part of the answer, too."""
    print()
    if rows:
        print_table(columns, rows, whole=columns[:1])
    else:
        print(words)


def _open_tasks(case: Json) -> list[Json]:
    return [one for one in case["tasks"] if one["resolved_at"] is None]


def _offered(case: Json) -> list[Json]:
    """Return what the reader may do; a manual task is resolved only where one is open."""
    return [
        one for one in case["available_commands"]
        if one["command"] != "resolve_task" or _open_tasks(case)
    ]


def _print_lines(title: str, lines: Sequence[str]) -> None:
    if lines:
        print(f"\n{title}")
    for line in lines:
        print("  " + line.replace("\n", "\n  "))


def _flat(found: Json, before: str = "") -> Iterator[tuple[str, object]]:
    """Yield the leaves of nested tables by names such as `cause: proof`."""
    for name, value in found.items():
        words = before + name.replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{words}: ")
        else:
            yield words, value
