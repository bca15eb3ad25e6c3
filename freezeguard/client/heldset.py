"""The local copy of the held set. Pure: no I/O, no clock.

Three piles make it up, and an answer looks at their union:

- what is *in force* at a revision that the server has confirmed, with number and checksum;
- what was *heard* since: a hold counts the moment it is heard, a release only once the server has
  confirmed that nothing is missing around it. A connection that is cut in between loses releases,
  never holds;
- what is *carried* from an earlier history: held at our last contact, and unknown to a server that
  was restored from a backup. Nobody decided that it may be sold, so it is held until a release
  names it or an operator says so.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

from freezeguard.client.errors import NotUnderstood, StreamBroken

NARROWING = ("seller", "channel", "country", "lot")
"""The fields beside `sku`; an absent one means "all" in a hold and "any" in a question."""

Facts = Mapping[str, Any]
Key = tuple[str, tuple[str | None, ...]]


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold. `facts` is what the server said of it, whole."""

    id: str
    sku: str
    narrowed: tuple[str | None, ...]
    facts: Facts

    @classmethod
    def read(cls, facts: Any) -> Self:
        """Take a hold from JSON. Raises NotUnderstood."""
        match facts:
            case {"id": str(), "scope": {"sku": str()}}:
                scope = facts["scope"]
                narrowed = tuple(scope.get(name) for name in NARROWING)
                if all(one is None or isinstance(one, str) for one in narrowed):
                    return cls(facts["id"], scope["sku"], narrowed, facts)
        raise NotUnderstood("a hold without id or scope")

    @property
    def key(self) -> Key:
        """Return what tells it from others: a hold that was widened is kept beside its old self."""
        return self.id, self.narrowed

    def concerns(self, asked: Mapping[str, str | None]) -> bool:
        """Say whether some of what is asked about is held."""
        return all(
            mine is None or (theirs := asked.get(name)) is None or mine == theirs
            for name, mine in zip(NARROWING, self.narrowed, strict=True)
        )

    def bits(self) -> int:
        """Return its part of the checksum, as the server counts it."""
        text = "\n".join([self.id, self.sku, *(one or "" for one in self.narrowed)])
        return int.from_bytes(hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:8])


@dataclass(frozen=True, slots=True)
class Change:
    """A hold that was set or changed, or released, under its revision."""

    revision: int
    hold: Hold
    is_release: bool


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of life: you have all up to `revision`; so many holds, with this checksum.

    `age`: for how many seconds the replica has not heard of its database.
    """

    revision: int
    holds: int
    checksum: int
    age: float


class Confirmed(Enum):
    """What comparing with a sign has shown."""

    CURRENT = "current"
    BEHIND = "behind"
    """The sign is older than what was heard: it confirms nothing."""
    DIFFERS = "differs"
    """The server's set is another one: a history of its own, or something got lost."""


Pile = dict[str, dict[Any, Hold]]


class HeldSet:
    """What is held, as far as was heard. `revision` is None before a first snapshot."""

    def __init__(self) -> None:
        self.revision: int | None = None
        self.is_doubted = False
        self.by_sku: dict[str, tuple[Hold, ...]] = {}
        self._in_force: Pile = {}
        self._heard: Pile = {}
        self._carried: Pile = {}
        self._waiting: list[Change] = []
        self._number = self._checksum = 0
        self._highest = -1  # revision ever heard of in this history, confirmed or not
        self.number_of_carried = 0

    @property
    def is_complete(self) -> bool:
        """Say whether it is the whole set of one history, however old."""
        return self.revision is not None and not self.is_doubted

    # ------------------------------------------------------------------------------- following

    def begin(self) -> None:
        """A new connection: what an earlier one left unconfirmed comes again. Holds stay heard."""
        self._waiting = []

    def take(self, change: Change) -> bool:
        """Hear of a change; say whether it is news. Raises StreamBroken where the order is wrong.

        A hold counts from now on, even one that is out of order.
        """
        if self.revision is not None and change.revision <= self.revision:
            return False
        self._highest = max(self._highest, change.revision)
        if not change.is_release:
            self._heard.setdefault(change.hold.sku, {})[change.hold.key] = change.hold
            self._refresh(change.hold.sku)
        if self._waiting and change.revision <= self._waiting[-1].revision:
            raise StreamBroken("changes out of order")
        self._waiting.append(change)
        return True

    def confirm(self, sign: Sign) -> Confirmed:
        """Compare with what the server has; where it is the same, all that was heard is so."""
        newest = self._waiting[-1].revision if self._waiting else self.revision
        if newest is None or sign.revision < newest:
            return Confirmed.BEHIND
        changed = {one.hold.id: one for one in self._waiting}
        number, checksum = self._number, self._checksum
        for change in changed.values():
            known = self._in_force.get(change.hold.sku, {}).get(change.hold.id)
            now = None if change.is_release else change.hold
            number += (now is not None) - (known is not None)
            for one in filter(None, (known, now)):
                checksum ^= one.bits()
        if (number, checksum) != (sign.holds, sign.checksum):
            self.is_doubted = True
            return Confirmed.DIFFERS
        self._settle(changed)
        self._number, self._checksum = number, checksum
        self.revision = self._highest = sign.revision
        return Confirmed.CURRENT

    def _settle(self, changed: Mapping[str, Change]) -> None:
        touched = set(self._heard)
        self._carry_what_did_not_come_again(changed)
        for change in changed.values():
            hold = change.hold
            touched.add(hold.sku)
            if change.is_release:
                self._in_force.get(hold.sku, {}).pop(hold.id, None)
                self._drop_carried(hold)
            else:
                self._in_force.setdefault(hold.sku, {})[hold.id] = hold
                self._carried.get(hold.sku, {}).pop(hold.key, None)
        self._heard, self._waiting = {}, []
        self._count_carried()
        for sku in touched:
            self._refresh(sku)

    def _carry_what_did_not_come_again(self, changed: Mapping[str, Change]) -> None:
        """A hold that only an earlier connection told of was lost by a server that was restored."""
        again = {one.hold.key for one in self._waiting if not one.is_release}
        for hold in _all_of(self._heard):
            last = changed.get(hold.id)
            if hold.key not in again and not (last and last.is_release):
                self._carried.setdefault(hold.sku, {})[hold.key] = hold

    def _drop_carried(self, released: Hold) -> None:
        mine = self._carried.get(released.sku, {})
        for key in [key for key, one in mine.items() if one.id == released.id]:
            del mine[key]

    def replace(self, revision: int, holds: Iterable[Hold]) -> int:
        """Take a whole set; return how many holds are newly carried from an earlier history.

        An older revision, or a set that turned out to differ, is another history: what was held
        and is not in it stays held.
        """
        fresh: Pile = {}
        number = checksum = 0
        for hold in holds:
            fresh.setdefault(hold.sku, {})[hold.id] = hold
            number += 1
            checksum ^= hold.bits()
        is_other = self.is_doubted or revision < self._highest
        kept, before = self._kept(fresh, is_other=is_other), self.number_of_carried
        self._in_force, self._heard, self._carried, self._waiting = fresh, {}, kept, []
        self._number, self._checksum = number, checksum
        self._rebuild()
        self.revision, self.is_doubted, self._highest = revision, False, revision
        return max(self.number_of_carried - before, 0)

    def _kept(self, fresh: Pile, *, is_other: bool) -> Pile:
        """Return what has to be carried beside a new set."""
        piles = (self._carried, self._heard, self._in_force) if is_other else (self._carried,)
        kept: Pile = {}
        for hold in _all_of(*piles):
            twin = fresh.get(hold.sku, {}).get(hold.id)
            if twin is None or twin.narrowed != hold.narrowed:
                kept.setdefault(hold.sku, {})[hold.key] = hold
        return kept

    def forget_carried(self, sku: str | None = None) -> list[Hold]:
        """Let go of what is carried, of one SKU or of all: an operator has looked into it."""
        skus = list(self._carried) if sku is None else [sku]
        gone: list[Hold] = []
        for one in skus:
            gone += self._carried.pop(one, {}).values()
            self._refresh(one)
        self._count_carried()
        return gone

    def _count_carried(self) -> None:
        """Count what is carried; other threads read the number while we change the piles."""
        self.number_of_carried = sum(len(mine) for mine in self._carried.values())

    # ------------------------------------------------------------------------------- questions

    def holds_on(self, sku: str, asked: Mapping[str, str | None]) -> tuple[Hold, ...]:
        """Return what holds (some of) what is asked about."""
        found = self.by_sku.get(sku, ())
        return tuple(one for one in found if one.concerns(asked)) if asked else found

    def _refresh(self, sku: str) -> None:
        piles = (self._in_force, self._heard, self._carried)
        found = {one.key: one for pile in piles for one in pile.get(sku, {}).values()}
        if found:
            self.by_sku[sku] = tuple(found.values())
        else:
            self.by_sku.pop(sku, None)

    def _rebuild(self) -> None:
        """Answer by the new set from one moment to the next: other threads look on."""
        found: dict[str, dict[Key, Hold]] = {}
        for one in _all_of(self._in_force, self._heard, self._carried):
            found.setdefault(one.sku, {})[one.key] = one
        self.by_sku = {sku: tuple(mine.values()) for sku, mine in found.items()}
        self._count_carried()

    # --------------------------------------------------------------------------------- as text

    def dump(self) -> dict[str, Any]:
        """Return all of it as JSON; what waits for confirmation comes again by itself."""
        return {
            "revision": self.revision,
            "highest": self._highest,
            "doubted": self.is_doubted,
            "in_force": [one.facts for one in _all_of(self._in_force)],
            "heard": [one.facts for one in _all_of(self._heard)],
            "carried": [one.facts for one in _all_of(self._carried)],
        }

    @classmethod
    def read(cls, dumped: Mapping[str, Any]) -> Self:
        """Take it back from JSON. Raises NotUnderstood."""
        match dumped:
            case {"revision": int() | None, "highest": int(highest), "doubted": bool(),
                  "in_force": [*in_force], "heard": [*heard], "carried": [*carried]}:
                made = cls()
                if dumped["revision"] is not None:
                    made.replace(dumped["revision"], map(Hold.read, in_force))
                made.is_doubted, made._highest = dumped["doubted"], highest
                for pile, rows in ((made._heard, heard), (made._carried, carried)):
                    for hold in map(Hold.read, rows):
                        pile.setdefault(hold.sku, {})[hold.key] = hold
                made._rebuild()
                return made
        raise NotUnderstood("a held set without its parts")


def _all_of(*piles: Pile) -> Iterable[Hold]:
    return [one for pile in piles for mine in pile.values() for one in mine.values()]
