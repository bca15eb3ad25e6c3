"""`freezeguard cases command` and `cases commands`: what is done with a case."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.arguments import EXAMPLES, arguments_of, schema_of, utc_now
from freezeguard.cli.casenames import CaseName, case_id
from freezeguard.cli.caseshown import offered, state_in_words, unmet_in_words
from freezeguard.cli.commandwords import MEANINGS, as_document, lines_of
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.jsontext import read_json
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import print_json, say
from freezeguard.cli.votes import after_command, vote_lifetime

SHOWN = (
    "accept_ownership", "approve", "propose_remedy", "commit_date", "narrow", "waive",
    "extend_deadline", "comment",
)
"""Commands that the help shows: between them every way of writing an argument."""

COMMAND = examples(
    *(f"freezeguard cases command 5 {name} {EXAMPLES[name]}".rstrip() for name in SHOWN),
    "freezeguard cases command 5 approve --version 5 --evidence-revision 1",
    text="Give a command to a case; `freezeguard cases commands 5` has an example of each that you "
    "may give. It is given to the case as it stands. With --version, and where a command is about "
    "the evidence with --evidence-revision, it is given to the case that you saw: where that has "
    "changed meanwhile, nothing happens. In --set, scope.lot=L-7 stands for a part, a name that is "
    "repeated for a list; a moment may be a day (its end in your time zone, for a vendor's person "
    "in the vendor's) or +8h, +5d from now; other values are JSON where they can be read as JSON.",
)
COMMANDS = examples(
    "freezeguard cases commands 5",
    "freezeguard cases commands narrow",
    "freezeguard cases commands",
    text="With a case: what you may do with it now, what each means, and what it still needs. "
    "With a command: what it means, who gives it, what it needs, and an example. With neither: "
    "all commands.",
)


def command(
    case: CaseName,
    name: Annotated[str, typer.Argument(metavar="COMMAND", help="As `cases show` offers it.")],
    *,
    version: Annotated[
        int | None, typer.Option(min=1, help="The version that you saw; absent: the present one.")
    ] = None,
    evidence_revision: Annotated[
        int | None,
        typer.Option(min=1, help="The evidence that you saw; absent: the present one."),
    ] = None,
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
        seen = {"version": version, "evidence_revision": evidence_revision}
        sent = {
            **_from_file(arguments), **arguments_of(name, given or (), utc_now()),
            **{field: value for field, value in seen.items() if value is not None},
        }
        lifetime = vote_lifetime()  # settings that can't be read are heard of before the vote
        path = f"/v1/cases/{case_id(case)}"
        sent |= _as_it_stands(path, name, sent)
        answer = remote.ask("POST", f"{path}/commands", body={**sent, "command": name})
        if as_json:
            print_json(answer)
            return
        print(f"{name}: the case is {state_in_words(answer)}, version {answer['version']}.")
        sent.pop("version", None)
        for line in after_command(name, sent, answer, lifetime):
            print(line)


def _as_it_stands(path: str, name: str, sent: Mapping[str, Any]) -> dict[str, int]:
    """Return what a command must name of the case and nobody gave, as the case now is."""
    missing = [one for one in _pinned(name) if sent.get(one) is None]
    if not missing:
        return {}
    case = remote.ask("GET", path)
    found = {one: int(case[one]) for one in missing}
    if "evidence_revision" in found:
        say(f"On the evidence as it stands: revision {found['evidence_revision']}.")
    return found


def _pinned(name: str) -> list[str]:
    """Return what a command names of the case that its author saw."""
    from freezeguard.domain.transitions import Command, rows_of

    rows = rows_of(Command(name))
    version = ["version"] if all(row.versioned for row in rows) else []
    evidence = "evidence_revision" in schema_of(name).get("properties", {})
    return [*version, "evidence_revision"] if evidence else version


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        found = read_json(sys.stdin.read() if str(path) == "-" else path.read_bytes())
    except ValueError as error:
        raise Failure(Exit.USAGE, "invalid_json", f"{path} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Failure(Exit.USAGE, "invalid_json", f"{path} holds no JSON object.")
    return found


def commands(
    what: Annotated[
        str | None, typer.Argument(metavar="[CASE|COMMAND]", help="A case (5) or a command.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what may be done, what it means and what it needs."""
    with reported(as_json=as_json):
        if what is not None and what[:1].isdigit():  # no command begins like a case
            _print_offers(what, as_json=as_json)
            return
        if what is not None:
            schema_of(what)  # says which one may be meant
        wanted = [one for one in MEANINGS if what in {None, one}]
        if as_json:
            print_json({"items": [as_document(one, _example("5", one)) for one in wanted]})
            return
        print("\n\n".join("\n".join(lines_of(one, _example("5", one))) for one in wanted))


def _print_offers(case: str, *, as_json: bool) -> None:
    found = remote.ask("GET", f"/v1/cases/{case_id(case)}")
    number = str(found["number"])
    offers = [one for one in offered(found) if one["command"] in MEANINGS]
    if as_json:
        print_json({"items": [
            {**as_document(one["command"], _example(number, one["command"])),
             "unmet": one["unmet"], "votes": one["votes"]} for one in offers
        ]})
        return
    print(f"Case {number} is {state_in_words(found)}.")
    if not offers:
        print("There is nothing that you may do.")
    for one in offers:
        print("\n" + "\n".join(lines_of(one["command"], _example(number, one["command"]))))
        if unmet := unmet_in_words(one):
            print(f"  missing  {unmet}")
        if one["votes"]:
            print(f"  votes    {one['votes']} of 2 agreed already")


def _example(case: str, command: str) -> str:
    return f"freezeguard cases command {case} {command} {EXAMPLES[command]}".rstrip()
