"""A message as bytes on the wire: RFC 5322 headers, one plain and one HTML part.

Headers are written here and not by `email.policy`, which turns long message ids into encoded
words and, with long lines allowed, makes encoded words longer than RFC 2047 permits. Whatever
comes from outside loses its control characters first, so that no value can start a header line.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from quopri import encodestring

from freezeguard.ports.notices import Message, NoticeError

SIZE_LIMIT = 100_000
"""Bytes of a whole message. Above about 102 kB large mail services cut a message off."""

_PART_HEADERS = 500  # and in base64 72 bytes take 98 with their line end
_REFERENCES_KEPT = 10
_NAME_LIMIT, _VALUE_LIMIT = 64, 400
_MAILBOX = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]+)>")
_ADDRESS = re.compile(r"(?P<local>[^\s@<>()\[\],;:\\\"]{1,64})@(?P<domain>[^\s@<>()\[\],;:\\\"]+)")
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")
_HEADER_NAME = re.compile(r"(?:Freezeguard|List|X)-[A-Za-z0-9-]{1,60}")
_BIDI_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the SMTP dialogue needs. `international`: an address needs SMTPUTF8 (RFC 6531)."""

    sender: str
    recipient: str
    wire: bytes
    international: bool


@dataclass(frozen=True, slots=True)
class _Mailbox:
    name: str
    address: str


def compose(message: Message) -> Envelope:
    """Return the bytes of a message and its envelope.

    Raises `NoticeError` for an address, message id or header name that can't be written.
    """
    sender = _mailbox(message.sender, "sender")
    recipient = _mailbox(message.recipient, "recipient")
    head = "".join(f"{name}: {value}\r\n" for name, value in _headers(message, sender, recipient))
    addresses = sender.address + recipient.address
    return Envelope(
        sender=sender.address,
        recipient=recipient.address,
        wire=head.encode() + _body(message, SIZE_LIMIT - len(head.encode())),
        international=not addresses.isascii(),
    )


def one_line(text: str) -> str:
    """Return `text` as one line: no control or bidirectional characters, single spaces."""
    return " ".join(_BREAKS.sub(" ", _BIDI_CONTROLS.sub("", text)).split())


def _headers(message: Message, sender: _Mailbox, recipient: _Mailbox) -> Iterator[tuple[str, str]]:
    yield "From", _written(sender)
    yield "To", _written(recipient)
    if message.reply_to:
        yield "Reply-To", _written(_mailbox(message.reply_to, "reply_to"))
    yield "Subject", _unstructured("Subject", message.subject)
    yield "Date", format_datetime(message.date)
    yield "Message-ID", _message_id(message.message_id)
    if message.in_reply_to:
        yield "In-Reply-To", _message_id(message.in_reply_to)
    if message.references:
        kept = (*message.references[:1], *message.references[1:][1 - _REFERENCES_KEPT :])
        yield "References", "\r\n ".join(_message_id(one) for one in kept)
    yield "Auto-Submitted", "auto-generated"
    yield "X-Auto-Response-Suppress", "OOF, AutoReply"  # never NDR: bounces are wanted
    for name, value in message.headers.items():
        yield _header_name(name), _unstructured(name, value)


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise NoticeError(f"header {one_line(name)!r} can't be set", recoverable=False)
    return name


def _message_id(value: str) -> str:
    if not _MESSAGE_ID.fullmatch(value) or len(value) > _VALUE_LIMIT:
        raise NoticeError(f"{one_line(value)[:80]!r} is no message id", recoverable=False)
    return value


def _unstructured(name: str, value: str) -> str:
    """Encode a header value; ASCII that looks like an encoded word is encoded as well."""
    line = one_line(value)[:_VALUE_LIMIT]
    if line.isascii() and "=?" not in line:
        return line  # unfolded: well below the 998 characters that a line may have
    return Header(line, "utf-8", maxlinelen=76, header_name=name).encode(linesep="\r\n")


def _mailbox(value: str, role: str) -> _Mailbox:
    """Split "Name <address>" or "address"; the domain becomes ASCII (IDNA)."""
    whole = value.strip()
    named = _MAILBOX.fullmatch(whole)
    name = one_line(named["name"]).strip('" ')[:_NAME_LIMIT] if named else ""
    address = _ADDRESS.fullmatch(named["address"].strip() if named else whole)
    domain = _ascii_domain(address["domain"]) if address else None
    if address is None or domain is None or one_line(address["local"]) != address["local"]:
        raise NoticeError(
            f"{role} is no mail address: {one_line(value)[:120]!r}",
            recoverable=False,
            permanent_recipient=role == "recipient",
        )
    return _Mailbox(name, f"{address['local']}@{domain}")


def _ascii_domain(domain: str) -> str | None:
    try:
        ascii_domain = domain.encode("idna").decode()
    except UnicodeError:  # an empty or over-long label: no domain
        return None
    return ascii_domain if _DOMAIN.fullmatch(ascii_domain) else None


def _written(mailbox: _Mailbox) -> str:
    if not mailbox.name:
        return mailbox.address
    if not mailbox.name.isascii() or "=?" in mailbox.name:
        name = Header(mailbox.name, "utf-8", maxlinelen=60).encode(linesep="\r\n")
    else:
        name = '"' + re.sub(r'(["\\])', r"\\\1", mailbox.name) + '"'
    return f"{name} <{mailbox.address}>"


def _body(message: Message, room: int) -> bytes:
    """Encode both parts; what does not fit loses the HTML part first, then the end of the text."""
    text, html = _clean(message.text), _clean(message.html)
    whole = _encoded(message.message_id, text, html)
    if len(whole) <= room:
        return whole
    plain = _encoded(message.message_id, text, None)
    if len(plain) <= room:
        return plain
    kept = text.replace("\n", "\r\n").encode()[: (room - _PART_HEADERS) * 72 // 100]
    shortened = kept.decode(errors="ignore").replace("\r", "") + "\n[…]\n"
    return _encoded(message.message_id, shortened, None)


def _clean(text: str) -> str:
    """Keep line ends and tabs, lose other control characters and lone surrogates."""
    return _UNPRINTABLE.sub("", text.replace("\r\n", "\n"))


def _encoded(message_id: str, text: str, html: str | None) -> bytes:
    root = EmailMessage(policy=SMTP)
    root.set_content(text, cte=_encoding(text))
    if html is not None:
        root.add_alternative(html, subtype="html", cte=_encoding(html))
        # "=_" can't occur in quoted-printable or base64, so the boundary never meets a body.
        root.set_boundary("=_" + hashlib.sha256(message_id.encode()).hexdigest()[:32])
    return root.as_bytes()


def _encoding(text: str) -> str:
    """Choose the shorter of the two encodings that every mail server passes on untouched."""
    octets = text.replace("\n", "\r\n").encode()
    quoted = len(encodestring(octets))
    return "quoted-printable" if quoted <= len(b64encode(octets)) else "base64"
