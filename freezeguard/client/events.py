"""What the stream says: server-sent events, read as they come. An event that was cut is none."""

import json
from dataclasses import dataclass, field
from typing import Any

from freezeguard.client.errors import NotUnderstood, StreamBroken
from freezeguard.client.heldset import Change, Hold, Sign

LARGEST = 256 * 2**20
"""Bytes of one event, far beyond a held set of a million holds."""

_SIGN = "still here "


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole held set."""

    revision: int
    holds: list[Hold]


@dataclass(slots=True)
class Block:
    """What stands between two empty lines."""

    event: str = ""
    id: str = ""
    data: list[str] = field(default_factory=list)
    comment: str = ""


class Reader:
    """Puts lines together from pieces of any size; gives only blocks that are whole."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._seen = 0
        self._block = Block()

    def feed(self, piece: bytes) -> list[Block]:
        """Take a piece; return the blocks that it completes. Raises StreamBroken, NotUnderstood."""
        self._rest += piece
        found = []
        while (end := self._rest.find(b"\n", self._seen)) >= 0:
            line = bytes(self._rest[:end]).removesuffix(b"\r")
            del self._rest[: end + 1]
            self._seen = 0
            if line:
                self._take(line)
            else:
                found.append(self._block)
                self._block = Block()
        self._seen = len(self._rest)
        if self._seen > LARGEST:
            raise StreamBroken("an event beyond all measure")
        return found

    def _take(self, line: bytes) -> None:
        try:
            name, _, value = line.decode().partition(":")
        except UnicodeDecodeError:
            raise NotUnderstood("a line that is no UTF-8") from None
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._block.event = value
            case "id":
                self._block.id = value
            case "data":
                self._block.data.append(value)
            case "":
                self._block.comment = value


def understood(block: Block) -> Snapshot | Change | Sign | None:
    """Return what a block says; None where it says nothing to us. Raises NotUnderstood."""
    try:
        if block.event in {"hold", "release"}:
            hold = Hold.read(json.loads("\n".join(block.data)))
            return Change(_number(block.id), hold, block.event == "release")
        if block.event == "snapshot":
            return _snapshot(block)
        if block.comment.startswith(_SIGN):
            return _sign(json.loads(block.comment.removeprefix(_SIGN)))
    except ValueError as error:
        raise NotUnderstood(f"a block that can't be read: {error}") from None
    return None


def _snapshot(block: Block) -> Snapshot:
    match json.loads("\n".join(block.data)):
        case {"revision": int(revision), "items": [*items]} if revision == _number(block.id):
            return Snapshot(revision, [Hold.read(one) for one in items])
    raise NotUnderstood("a snapshot without revision or items")


def _sign(told: Any) -> Sign:
    match told:
        case {"revision": int(revision), "holds": int(holds), "checksum": str(checksum),
              "age": int() | float() as age}:
            return Sign(revision, holds, int(checksum, 16), float(age))
    raise NotUnderstood("a sign of life without its parts")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise NotUnderstood("a revision that is no number")
    return int(text)
