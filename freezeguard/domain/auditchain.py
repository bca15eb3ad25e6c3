r"""The audit record as a hash chain: what is hashed, exactly.

For each audit row, in the order in which the rows are chained:

    entry  = JSON array [position, chained_at, seq, at, actor, action, subject, why, details,
             request_id], canonical, in UTF-8
    digest = SHA-256("freezeguard audit entry 1\n" || salt || entry)
    hash   = SHA-256("freezeguard audit chain 1\n" || hash before || digest)

and before the first one hash = SHA-256("freezeguard audit origin 1\n" || instance). Salts are 16
random bytes, so that nobody guesses an entry from its digest; digests and hashes are 32 bytes.

Canonical: no white space; keys sorted by code point; text escaped only where JSON asks for it;
times in UTC with six decimals and a Z; numbers written out without exponent, without zeros at the
end of a fraction and without a minus before zero. Two values that PostgreSQL calls equal as jsonb
are the same text here, whichever release wrote or reads them.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

ENTRY = b"freezeguard audit entry 1\n"
CHAIN = b"freezeguard audit chain 1\n"
ORIGIN = b"freezeguard audit origin 1\n"
SALT_BYTES = 16

_quoted = json.JSONEncoder(ensure_ascii=False).encode
_read = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal).decode


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row of the record. `details` is JSON text, in whatever form."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    why: str
    details: str
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """The place of one audit row in the chain."""

    position: int
    seq: int
    chained_at: datetime
    salt: bytes
    digest: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Anchor:
    """What somebody outside the database keeps: at this position stood this row with this hash."""

    position: int
    seq: int
    hash: bytes
    at: datetime
    instance: UUID

    def as_dict(self) -> dict[str, Any]:
        """Return the anchor as a line of a file holds it."""
        return {
            "position": self.position, "audit_seq": self.seq, "hash": self.hash.hex(),
            "at": moment(self.at), "instance": str(self.instance),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, line: Mapping[str, Any]) -> "Anchor":
        """Read a line. Raises ValueError where it is none of ours."""
        try:
            return cls(
                int(line["position"]), int(line["audit_seq"]), bytes.fromhex(line["hash"]),
                datetime.fromisoformat(line["at"]), UUID(line["instance"]),
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"no anchor: {error!r}") from None


def moment(at: datetime) -> str:
    """Write a time in UTC, with six decimals."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def canonical(text: str) -> str:
    """Return JSON text in the one form in which it is hashed. Raises ValueError for no JSON."""
    return _written(_read(text))


def _written(value: Any) -> str:
    match value:
        case str():
            return _quoted(value)
        case Decimal():
            return _number(value)
        case dict():
            pairs = (f"{_quoted(key)}:{_written(value[key])}" for key in sorted(value))
            return "{" + ",".join(pairs) + "}"
        case list():
            return "[" + ",".join(map(_written, value)) + "]"
        case _:
            return json.dumps(value)  # null, true, false


def _number(value: Decimal) -> str:
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    return "0" if text == "-0" else text


def content_of(row: AuditRow) -> str:
    """Return the part of an entry that is the row's own: from `at` on."""
    words = (moment(row.at), row.actor, row.action, row.subject, row.why)
    request = "null" if row.request_id is None else _quoted(row.request_id)
    return f"{','.join(map(_quoted, words))},{canonical(row.details)},{request}]"


def entry_of(position: int, chained_at: datetime, seq: int, content: str) -> str:
    """Return what is hashed of a row at a position."""
    return f'[{position},"{moment(chained_at)}",{seq},{content}'


def origin_hash(instance: UUID) -> bytes:
    """Return the hash before the first entry."""
    return hashlib.sha256(ORIGIN + str(instance).encode()).digest()


def digest_of(salt: bytes, entry: str) -> bytes:
    """Return the digest of an entry."""
    return hashlib.sha256(ENTRY + salt + entry.encode()).digest()


def hash_of(before: bytes, digest: bytes) -> bytes:
    """Return the hash of a link from the hash before it."""
    return hashlib.sha256(CHAIN + before + digest).digest()


def chained(
    rows: Iterable[AuditRow], head: Link | None, instance: UUID, chained_at: datetime, salts: bytes
) -> list[Link]:
    """Return the links of rows behind a head; `salts` holds 16 random bytes for each."""
    position = 0 if head is None else head.position
    before = origin_hash(instance) if head is None else head.hash
    links = []
    for number, row in enumerate(rows):
        position += 1
        salt = salts[number * SALT_BYTES : (number + 1) * SALT_BYTES]
        digest = digest_of(salt, entry_of(position, chained_at, row.seq, content_of(row)))
        before = hash_of(before, digest)
        links.append(Link(position, row.seq, chained_at, salt, digest, before))
    return links
