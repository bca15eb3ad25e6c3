"""Arguments of commands as people write them: `--set NAME=VALUE`, several of a name, dates."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from freezeguard.cli.failures import Exit, Failure
from freezeguard.cli.jsontext import read_json

EXAMPLES: Mapping[str, str] = {
    "accept_ownership": "",
    "return_remedy": "--set missing='a tear test of lot L-8' --set missing='a photo'",
    "request_approval": "--set verification.kind=inspection "
                        "--set verification.result='50 units inspected, none failed.'",
    "approve": "",
    "reject_approval": "--set reason='The proof is of another lot.'",
    "declare_false_alarm": "--set reason_code=wrong_item",
    "dismiss": "--set reason='A display fault, the item is sound.'",
    "freeze": "--set reason_code=defective",
    "acknowledge": "",
    "commit_date": "--set date=2026-12-04",
    "contest": "--set reason='Lot L-7 was never shipped to you.'",
    "answer_contest": "--set reason='40 units of L-7 are in our stock.'",
    "propose_remedy": "--arguments remedy.json",
    "narrow": "--set scope.lot=L-7 --set reason='All complaints are of lot L-7.'",
    "widen": "--set scope={} --set reason='Lot L-8 breaks as well.'",
    "waive": "--set catalogue=shop --set remote_id=p000001 --set until=+8h "
             "--set reason='The till is updated at night.'",
    "unwaive": "--set catalogue=shop --set remote_id=p000001 "
               "--set reason='The till obeys.'",
    "resolve_task": "--set catalogue=shop --set remote_id=p000001",
    "hand_off": "--set to=mara --set reason='I am away from Monday.'",
    "accept_hand_off": "",
    "extend_deadline": "--set clock=diagnosis --set until=+5d "
                       "--set reason='The laboratory needs until Friday.'",
    "merge": "--set into=4 --set reason='The same resin.'",
    "delist": "--set reason='Three remedies failed.'",
    "appeal": "--set new_facts='The tested units were counterfeit.'",
    "reopen": "--set reason='The serial numbers prove it.'",
    "uphold": "--set reason='The report is of another model.'",
    "register_order": "--set authority='Market surveillance' "
                      "--set document=MS-2026-118 --set jurisdiction=EU",
    "register_revocation": "--set document=MS-2026-131",
    "record_action": "--set clock=gpsr_order --set action='Reported through the portal.'",
    "review": "--set verdict=right",
    "comment": "--set comment='Samples are on the way.'",
}
"""One line per command, after `freezeguard cases command 5 NAME`."""

_RELATIVE = re.compile(r"\+(\d{1,4})([hd])")


def arguments_of(command: str, given: Sequence[str], now: datetime) -> dict[str, Any]:
    """Return the arguments that `--set` gives to a command. Raises Failure.

    `scope.lot=L-7` stands for a part of an argument, a name that is repeated for a list. A moment
    may be as long from now as `+8h` and `+5d` say. A day is sent as it is: whose day it is, the
    service knows.
    """
    schema, sent = schema_of(command), dict[str, Any]()
    for one in given:
        path, equals, text = one.partition("=")
        names = path.split(".")
        if not (equals and all(names)):
            raise Failure(Exit.USAGE, "invalid_argument", f"--set {one!r} is not NAME=VALUE.")
        _put(sent, names, _value(text, _part(schema, names), now), one)
    return sent


def schema_of(command: str) -> dict[str, Any]:
    """Return the JSON Schema of a command's arguments. Raises Failure for one that is unknown."""
    from difflib import get_close_matches

    from freezeguard.api.models.commands import argument_schema
    from freezeguard.domain.transitions import Command

    if command in set(Command):
        return argument_schema(Command(command))
    near = get_close_matches(command, list(EXAMPLES), n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise Failure(
        Exit.USAGE, "unknown_command",
        f"There is no command {command!r}.{meant} `freezeguard cases commands` lists them.",
    )


def _part(schema: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the schema of a part, without "or nothing"; empty where it is not known."""
    found: dict[str, Any] = dict(schema)
    for name in names:
        found = _resolved(schema, found).get("properties", {}).get(name, {})
    return _resolved(schema, found)


def _resolved(schema: Mapping[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "anyOf" in part:
        part = next(one for one in part["anyOf"] if one.get("type") != "null")
    if (reference := part.get("$ref")) is not None:
        part = schema["$defs"][reference.rpartition("/")[2]]
    return part


def _value(text: str, part: Mapping[str, Any], now: datetime) -> Any:
    if part.get("format") == "date-time":
        return moment_of(text, now)
    if part.get("type") == "string":
        return text
    try:
        found = read_json(text)
    except ValueError:
        found = text
    if part.get("type") == "array" and not isinstance(found, list):
        return [text]
    return found


def moment_of(text: str, now: datetime) -> str:
    """Return a moment as it is sent: a term such as `+8h` is counted from now."""
    if (relative := _RELATIVE.fullmatch(text)) is not None:
        number, unit = int(relative[1]), relative[2]
        ahead = timedelta(hours=number) if unit == "h" else timedelta(days=number)
        return (now + ahead).replace(microsecond=0).isoformat()
    return text


def _put(sent: dict[str, Any], names: Sequence[str], value: Any, given: str) -> None:
    place = sent
    for name in names[:-1]:
        inner = place.setdefault(name, {})
        if not isinstance(inner, dict):
            raise _twice(given)
        place = inner
    last = names[-1]
    before = place.get(last)
    if isinstance(before, list) and isinstance(value, list):
        before.extend(value)
    elif last in place:
        raise _twice(given)
    else:
        place[last] = value


def _twice(given: str) -> Failure:
    return Failure(
        Exit.USAGE, "invalid_argument", f"--set {given!r} says once more what was said before."
    )


def utc_now() -> datetime:
    """Return the time of this machine: from here `+8h` is measured."""
    return datetime.now(UTC)
