"""What a server says, for tests that play one; clocks that are set by hand."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from freezeguard.client import Choice, Policy
from freezeguard.client.events import Reader, Snapshot, understood
from freezeguard.client.gate import Gate
from freezeguard.client.heldset import Change, Confirmed
from freezeguard.services.enforcing.heldset import _hash_of as server_hash

KEEP = Policy(Choice.KEEP_LAST)
Facts = dict[str, Any]


@dataclass
class Clocks:
    """A running clock and a wall clock; time passes for both, and a jump is the wall's alone."""

    now: float = 1_000.0
    wall: float = 1_795_000_000.0

    def running(self) -> float:
        return self.now

    def walls(self) -> float:
        return self.wall

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.wall += seconds


def hold(hold_id: str, sku: str, **narrowed: str) -> Facts:
    """Return a hold as the server tells it."""
    return {"id": hold_id, "case": f"case of {hold_id}", "lane": "quality", "level": "hard",
            "scope": {"sku": sku, **narrowed}, "reason": "5 complained.",
            "since": "2026-11-20T12:00:00+00:00", "revision": 1}


def event(name: str, revision: int, body: Any) -> bytes:
    """Return an event of the stream."""
    return f"event: {name}\nid: {revision}\ndata: {json.dumps(body)}\n\n".encode()


def set_(revision: int, facts: Facts) -> bytes:
    """Return the event of a hold."""
    return event("hold", revision, {**facts, "at": "2026-11-20T12:00:00+00:00"})


def released(revision: int, facts: Facts) -> bytes:
    """Return the event of a release."""
    return event("release", revision, {**facts, "at": "2026-11-20T12:00:00+00:00"})


def snapshot(revision: int, *holds: Facts) -> bytes:
    """Return the event of a whole set."""
    body = {"revision": revision, "as_of": "2026-11-20T12:00:00+00:00", "items": holds}
    return event("snapshot", revision, body)


def sign(revision: int, *holds: Facts, age: float = 0.0) -> bytes:
    """Return a sign of life over a set, with the server's own checksum."""
    checksum = 0
    for one in holds:
        checksum ^= server_hash(one)
    body = {"revision": revision, "holds": len(holds), "checksum": f"{checksum:016x}", "age": age}
    return b": still here %s\n\n" % json.dumps(body).encode()


def gate(clocks: Clocks, policy: Policy = KEEP, **more: Any) -> Gate:
    """Return a gate by clocks that are set by hand."""
    return Gate(policy, clock=clocks.running, wall=clocks.walls, **more)


def hear(at: Gate, *pieces: bytes) -> list[Any]:
    """Let a gate hear pieces of one connection; return what came of each block."""
    return [take(at, understood(block)) for block in Reader().feed(b"".join(pieces))]


def take(at: Gate, told: Any) -> Any:
    """Give a gate what one block says, as the follower does."""
    match told:
        case Snapshot(revision=revision, holds=holds):
            return at.replace(revision, holds)
        case Change():
            return at.held.take(told)
        case None:
            return None
    result = at.confirm(told)
    assert isinstance(result, Confirmed)
    return result


def sellable(at: Gate, skus: Iterable[str]) -> Mapping[str, bool]:
    """Ask for SKUs both ways, which must agree."""
    answers = {sku: at.check(sku).sellable for sku in skus}
    assert answers == {sku: at.may_sell(sku) for sku in answers}
    return answers
