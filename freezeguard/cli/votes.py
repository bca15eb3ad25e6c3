"""Commands that two people must agree to: who has agreed, and what the other one types.

The service tells each reader how many others have agreed; who they are stands in the history.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from freezeguard.cli import remote
from freezeguard.cli.options import read_settings
from freezeguard.cli.output import moment

Json = Mapping[str, Any]

OF_TWO = frozenset({"approve", "declare_false_alarm", "delist", "narrow"})
VOIDING = OF_TWO | {"reject_approval", "void_approval"}


def vote_lifetime() -> timedelta:
    """Return how long a first vote counts, by the settings that the service shares with us."""
    return read_settings().policy.vote_lifetime


def live_votes(case: Json, events: Sequence[Json], lifetime: timedelta) -> list[Json]:
    """Return the events of votes that still count.

    One that took effect changed the state, or raised the evidence revision as `narrow` does.
    """
    votes: list[Json] = []
    revision = 0
    for one in events:
        took_effect = one["from_state"] != one["to_state"] or one["evidence_revision"] > revision
        revision = one["evidence_revision"]
        if one["command"] not in VOIDING:
            continue
        if took_effect:
            votes.clear()
        elif revision == case["evidence_revision"]:
            votes.append(one)
    now = datetime.now(UTC)
    return [one for one in votes if now < _moment_of(one) + lifetime]


def votes_in_words(case: Json, events: Sequence[Json]) -> list[str]:
    """Return one sentence per command that waits for a second person."""
    lifetime = vote_lifetime()
    return [
        f"{command}: {_who_agreed(votes)} until {_until(votes, lifetime)}"
        for command in sorted(OF_TWO)
        if (votes := _of(command, live_votes(case, events, lifetime)))
    ]


def after_command(command: str, sent: Json, case: Json, lifetime: timedelta) -> Iterator[str]:
    """Yield what must follow a first vote; nothing where the command took effect."""
    if command not in OF_TWO:
        return
    events = list(remote.pages(f"/v1/cases/{case['id']}/timeline", {}, 10_000))
    votes = _of(command, live_votes(case, events, lifetime))
    if not votes:
        return
    typed = ["freezeguard", "cases", "command", str(case["number"]), command,
             "--version", str(case["version"])]
    for name, value in sent.items():
        text = value if isinstance(value, str) else json.dumps(value)
        typed += ["--set", f"{name}={text}"]
    yield (
        f"{_who_agreed(votes)}; another person must agree by {_until(votes, lifetime)}: "
        f"{shlex.join(typed)}"
    )


def _of(command: str, votes: Sequence[Json]) -> list[Json]:
    return [one for one in votes if one["command"] == command]


def _who_agreed(votes: Sequence[Json]) -> str:
    names = sorted({str(one["actor"]).removeprefix("person:") for one in votes})
    return f"{len(names)} of 2 agreed ({', '.join(names)})"


def _until(votes: Sequence[Json], lifetime: timedelta) -> str:
    ends = min(_moment_of(one) for one in votes) + lifetime
    return str(moment(ends))


def _moment_of(event: Json) -> datetime:
    return datetime.fromisoformat(event["at"]).astimezone(UTC)
