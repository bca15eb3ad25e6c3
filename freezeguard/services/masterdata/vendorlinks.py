"""Links in mails to vendors: they name a case, and whose mailbox the mail went to, and no secret.

The hint of a link is `NUMBER.MAILBOX.SEAL`: the number of the case as people write it, a keyed hash
of the address, and a seal over both and the id of the case. Whoever has the link learns the number,
which stands in the mail too. It lets nobody in: a code goes to that mailbox, and to no other.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import blake2b
from uuid import UUID

from freezeguard.ports.rows import Json, Vendor
from freezeguard.services.telling.readers import SUPERIOR

HINT = "to"
_SHAPE = re.compile(r"(\d{1,12})\.([\w-]{8})\.([\w-]{16})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hint:
    """What a link says that is sealed: the number of its case, and whose mailbox it went to."""

    number: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class VendorLinks:
    """Makes links, and knows its own again. `key` is the instance's own."""

    key: bytes = field(repr=False)

    def addressed(self, link: str, case_id: UUID, number: str, address: str) -> str:
        """Return a link to a case as it stands in a mail to an address."""
        mailbox = self.mailbox(case_id, address)
        return f"{link}?{HINT}={number}.{mailbox}.{self._seal(case_id, number, mailbox)}"

    def read(self, case_id: UUID, hint: str) -> Hint | None:
        """Return what a hint says; None where it is none of ours for this case."""
        found = _SHAPE.fullmatch(hint)
        if found is None:
            return None
        number, mailbox, seal = found.groups()
        known = self._seal(case_id, number, mailbox)
        return Hint(number, mailbox) if hmac.compare_digest(seal, known) else None

    def mailbox(self, case_id: UUID, address: str) -> str:
        """Return what stands for an address in the links of one case."""
        return self._hash(b"mailbox", 6, f"{case_id}\0{address.lower()}")

    def person(self, vendor: str, address: str) -> str:
        """Return the id of the person that a vendor's mailbox stands for: always the same."""
        known = re.sub(r"[^a-z0-9]+", "-", vendor.lower()).strip("-")[:40] or "vendor"
        made = blake2b(
            f"{vendor}\0{address.lower()}".encode(), key=self.key, person=b"person", digest_size=6
        )
        return f"{known}-{made.hexdigest()}"

    def _seal(self, case_id: UUID, number: str, mailbox: str) -> str:
        return self._hash(b"link", 12, f"{case_id}\0{number}\0{mailbox}")

    def _hash(self, use: bytes, size: int, text: str) -> str:
        made = blake2b(text.encode(), key=self.key, person=use, digest_size=size)
        return urlsafe_b64encode(made.digest()).decode()


def mailboxes(vendor: Vendor) -> list[Json]:
    """Return a vendor's contacts by mail, the usual ones before the superiors."""
    by_mail = [one for one in vendor.contacts if one.get("channel") == "mail"]
    return sorted(by_mail, key=lambda one: one.get("role") == SUPERIOR)
