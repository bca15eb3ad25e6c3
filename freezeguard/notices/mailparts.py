"""The parts of a mail that somebody sent, found in time that grows with its length and no faster.

The parser of the standard library compares every line with every boundary above it and reads each
header whole; a small mail that was made for it keeps it busy for hours. Here a body is searched for
its own boundary alone, nesting, number and headers of parts are limited, and what goes beyond the
limits is refused or left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from freezeguard.ports.mails import MailUnreadableError

HEAD_LIMIT, HEADERS, HEADER_LIMIT = 256 * 1024, 1_000, 4_000
"""Bytes and number of a mail's headers, and characters of one that has a structure."""
DEPTH, PARTS = 20, 200
"""How deep parts are looked for in parts, and how many of them at most."""
_PART_HEAD, _PART_HEADERS = 16 * 1024, 100
_STRUCTURED = ("Content-Type", "Content-Disposition", "Content-Transfer-Encoding")
_BLANK = re.compile(rb"\r?\n\r?\n|\A\r?\n")
_FOLDED = re.compile(rb"\n[^ \t]")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a mail: its headers, and what stands beneath them as it came."""

    head: Message
    body: bytes

    @property
    def kind(self) -> str:
        """Its media type, in lower case."""
        return self.head.get_content_type()

    @property
    def is_container(self) -> bool:
        """Whether its body holds other parts, or another mail."""
        return self.kind.startswith("multipart/") or self.kind == "message/rfc822"

    def octets(self, limit: int) -> bytes:
        """Return the beginning of what it holds, decoded."""
        carrier = Message()
        if "Content-Transfer-Encoding" in self.head:
            carrier["Content-Transfer-Encoding"] = str(self.head["Content-Transfer-Encoding"])
        # no encoding makes more than four bytes of one
        carrier.set_payload(self.body[: 4 * limit].decode("ascii", "surrogateescape"))
        octets = carrier.get_payload(decode=True)
        return octets[:limit] if isinstance(octets, bytes) else b""


def whole(raw: bytes) -> Part:
    """Return a mail as one part; raise `MailUnreadableError` where its headers are too many."""
    head, body = _halves(raw)
    if len(head) > HEAD_LIMIT or _number_of(head) > HEADERS:
        raise MailUnreadableError(
            f"The mail has more than {HEADERS:,d} headers, or {HEAD_LIMIT:,d} bytes of them."
        )
    return _of(head, body)


def headers_of(head: bytes) -> Message:
    """Return headers; one whose structure would take long to read is left out."""
    message = BytesHeaderParser().parsebytes(head)
    for name in _STRUCTURED:
        if any(len(str(value)) > HEADER_LIMIT for value in message.get_all(name, [])):
            del message[name]
    return message


def parts_of(part: Part) -> Iterator[Part]:
    """Yield a part and all parts in it, in the order of reading; up to 200."""
    waiting = [(part, 0)]
    for _ in range(PARTS):
        if not waiting:
            return
        one, depth = waiting.pop()
        yield one
        if one.is_container and depth < DEPTH:
            waiting += [(inner, depth + 1) for inner in reversed(list(_inner(one)))]


def blocks_of(part: Part) -> list[Message]:
    """Return the groups of fields of which a report consists (RFC 3464)."""
    blocks = re.split(rb"\n[ \t\r]*\n", part.body[:_PART_HEAD])
    return [headers_of(one.lstrip(b"\r\n")) for one in blocks]


def _halves(raw: bytes) -> tuple[bytes, bytes]:
    found = _BLANK.search(raw)
    return (raw, b"") if found is None else (raw[: found.start()], raw[found.end() :])


def _number_of(head: bytes) -> int:
    return 1 + sum(1 for _ in _FOLDED.finditer(head))


def _inner(part: Part) -> Iterator[Part]:
    if part.kind == "message/rfc822":
        yield _part(part.body)
        return
    boundary = part.head.get_boundary()
    if boundary:
        yield from map(_part, _between(part.body, boundary.encode("utf-8", "surrogateescape")))


def _between(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """Yield what stands between lines of a boundary, up to 200 times; the last may lack its end."""
    # a pattern that begins with letters, and not with the start of a line, is searched for fast
    delimiter = re.compile(b"--" + re.escape(boundary) + rb"(--)?[ \t]*\r?$", re.MULTILINE)
    start, count = None, 0
    for found in delimiter.finditer(body):
        if found.start() and body[found.start() - 1 : found.start()] != b"\n":
            continue
        if start is not None:
            yield body[start : found.start()].removesuffix(b"\n").removesuffix(b"\r")
        if found[1] or count >= PARTS:
            return
        start, count = found.end() + 1, count + 1
    if start is not None:
        yield body[start:]


def _part(raw: bytes) -> Part:
    """Return a part of a mail; one with too many headers is nothing but bytes."""
    head, body = _halves(raw)
    if len(head) > _PART_HEAD or _number_of(head) > _PART_HEADERS:
        head = b"Content-Type: application/octet-stream"
    return _of(head, body)


def _of(head: bytes, body: bytes) -> Part:
    """Return a part; lines among its headers that are none belong to its body."""
    message = headers_of(head)
    strayed = message.get_payload()
    if isinstance(strayed, str) and strayed:
        body = strayed.encode("ascii", "surrogateescape") + b"\n\n" + body
    return Part(message, body)
