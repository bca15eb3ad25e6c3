"""Signatures of deliveries from outside: who sent these bytes, and whether they are fresh.

A signature is an HMAC over the bytes as they came, alone or behind the moment (and the id) of the
delivery. Zendesk signs timestamp and body, Shopify the body alone; Standard Webhooks signs
`id.timestamp.body`; anything else is a matter of a few names, see `Scheme`.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

from freezeguard.domain.errors import FreezeguardError

Encoding = Literal["hex", "base64"]
Digest = Literal["sha256", "sha512"]
Header = Callable[[str], Sequence[str]]
"""Returns every value of a header, by its name; none where it is absent."""

TOLERANCE = timedelta(seconds=300)
MILLISECONDS = 13
"""A Unix time of so many digits counts milliseconds."""

_DIGITS = re.compile(r"[0-9]{1,16}")
_SAYS_NO_MORE = "The signature does not belong to this body, this moment and this address."


class SignatureRefused(FreezeguardError):
    """A delivery is not proven to come from whom it should."""

    code: ClassVar[str] = "signature_invalid"
    challenge: ClassVar[str] = 'Signature realm="freezeguard"'


class SignatureMissing(SignatureRefused):
    """The delivery is not signed."""

    code: ClassVar[str] = "signature_missing"


class SignatureInvalid(SignatureRefused):
    """The signature does not belong to this body, this moment and this address."""

    code: ClassVar[str] = "signature_invalid"


class SignatureLate(SignatureRefused):
    """The signed moment is too far from now."""

    code: ClassVar[str] = "signature_late"


@dataclass(frozen=True, slots=True)
class Claim:
    """What the headers of a delivery claim: signatures over `head` and a body not yet seen."""

    scheme: "Scheme"
    given: tuple[bytes, ...] = field(repr=False)
    head: bytes

    def check(self, body: bytes) -> None:
        """Raise SignatureInvalid unless one of the secrets made one of the signatures.

        Takes the same time wherever they differ: every pair is compared, each to its end.
        """
        expected = [self.scheme.digest_of(secret, self.head + body)
                    for secret in self.scheme.secrets]
        fits = [hmac.compare_digest(one, other) for one in expected for other in self.given]
        if not any(fits):
            raise SignatureInvalid(_SAYS_NO_MORE)


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a sender signs.

    `signature`, `timestamp` and `delivery` are names of headers. With `timestamp` what is signed
    is the timestamp, `separator` and the body, else the body alone; with `delivery` the delivery's
    id and the separator stand before both. With `is_list` the signature header holds several,
    separated by spaces. Each begins with `prefix`. While secrets are changed there are two.
    """

    secrets: tuple[bytes, ...] = field(repr=False)
    signature: str
    encoding: Encoding = "hex"
    prefix: str = ""
    timestamp: str | None = None
    separator: str = "."
    delivery: str | None = None
    is_list: bool = False
    digest: Digest = "sha256"
    tolerance: timedelta = TOLERANCE

    def claim(self, header: Header, now: datetime) -> Claim:
        """Return what the headers claim; the body is still to be checked.

        Raises SignatureMissing, SignatureLate, SignatureInvalid.
        """
        signature = _single(header, self.signature)
        head = ""
        if self.timestamp is not None:
            moment = _single(header, self.timestamp)
            self._check_fresh(moment, now)
            head = moment + self.separator
        if self.delivery is not None:
            head = _single(header, self.delivery) + self.separator + head
        return Claim(self, self._given(signature), _raw(head))

    def digest_of(self, secret: bytes, content: bytes) -> bytes:
        """Return the HMAC of some content (RFC 2104)."""
        return hmac.digest(secret, content, self.digest)

    def _given(self, signature: str) -> tuple[bytes, ...]:
        """Return the signatures that can be read; those of another version are passed over."""
        texts = signature.split(" ") if self.is_list else [signature]
        own = [one.removeprefix(self.prefix) for one in texts if one.startswith(self.prefix)]
        return tuple(found for one in own if (found := self._decoded(one)))

    def _decoded(self, text: str) -> bytes:
        try:
            if self.encoding == "hex":
                return binascii.unhexlify(text)
            return base64.b64decode(text, validate=True)
        except ValueError:  # binascii.Error is one; so is a character outside ASCII
            return b""

    def _check_fresh(self, text: str, now: datetime) -> None:
        signed_at = _moment(text)
        if signed_at is None:
            raise SignatureInvalid(_SAYS_NO_MORE)
        behind = (now - signed_at).total_seconds()
        allowed = self.tolerance.total_seconds()
        if abs(behind) > allowed:
            way = "behind" if behind > 0 else "ahead of"
            raise SignatureLate(
                f"The signed moment lies {abs(behind):.0f} s {way} this server's clock "
                f"({now:%Y-%m-%dT%H:%M:%SZ}); up to {allowed:.0f} s are accepted."
            )


def _single(header: Header, name: str) -> str:
    found = header(name)
    if not found or not found[0]:
        raise SignatureMissing(f"The header {name} is missing.")
    if len(found) > 1:
        raise SignatureInvalid(_SAYS_NO_MORE)
    return found[0]


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _moment(text: str) -> datetime | None:
    """Return a Unix time in (milli)seconds or an RFC 3339 time; None for anything else."""
    try:
        if _DIGITS.fullmatch(text):
            divisor = 1000 if len(text) >= MILLISECONDS else 1
            return datetime.fromtimestamp(int(text) / divisor, UTC)
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
