"""Reads a mail that reached us: bytes from anybody, so nothing in it may surprise.

The lenient parser of the standard library takes any bytes; headers are decoded here, piece by
piece, because its stricter one fails on malformed ones.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from html.parser import HTMLParser

from freezeguard.notices.mime import one_line
from freezeguard.ports.mails import MailUnreadableError, Received, Returned

SIZE_LIMIT = 30_000_000
"""Bytes of a whole mail, its attachments included."""
TEXT_LIMIT = 20_000
"""Characters that are kept of a mail's text."""

_PARTS = 200
_NAMES = 20
_ID_LIMIT = 200
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,300}>")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BULK = frozenset({"bulk", "junk", "list", "auto_reply"})
_MACHINES = ("List-Id", "X-Autoreply", "X-Autorespond", "X-Auto-Reply")
_UNREADABLE = (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def read_mail(raw: bytes, recipient: str | None = None) -> Received:
    """Read one mail; `recipient` is the address that the mail server took it for.

    Raises `MailUnreadableError` for what is no mail at all.
    """
    if not raw.strip():
        raise MailUnreadableError("The mail is empty.")
    if len(raw) > SIZE_LIMIT:
        raise MailUnreadableError(f"The mail has more than {SIZE_LIMIT:,d} bytes.")
    try:
        return _read(message_from_bytes(raw), raw, recipient)
    except _UNREADABLE as error:
        raise MailUnreadableError(f"The mail can't be read: {error}") from error


def _read(message: Message, raw: bytes, recipient: str | None) -> Received:
    senders = _addresses(message, "From")
    received = Received(
        message_id=_own_id(message, raw),
        sender=senders[0] if len(senders) == 1 else None,
        recipients=(
            *([recipient.lower()] if recipient else []),
            *_addresses(message, "Delivered-To", "X-Original-To", "To", "Cc"),
        ),
        refers_to=tuple(dict.fromkeys([
            *_ids(message, "In-Reply-To"), *reversed(_ids(message, "References")),
        ])),
        automatic=_is_automatic(message),
    )
    if _is_report(message):
        return replace(received, returned=_returned(message))
    text, attachments = _content(message)
    return replace(received, text=without_quotes(text)[:TEXT_LIMIT], attachments=attachments)


# ------------------------------------------------------------------------------------- headers


def _header(message: Message, name: str) -> str:
    """Return a header in words, on one line; empty where there is none."""
    value = message.get(name)
    if value is None:
        return ""
    try:
        pieces = decode_header(str(value))
    except (HeaderParseError, ValueError):
        return one_line(str(value))
    return one_line("".join(_decoded(text, charset) for text, charset in pieces))


def _decoded(text: bytes | str, charset: str | None) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode(charset or "utf-8", "replace")
    except LookupError:  # a charset that nobody knows
        return text.decode("utf-8", "replace")


def _addresses(message: Message, *names: str) -> list[str]:
    values = [one_line(str(value)) for name in names for value in message.get_all(name, [])]
    found = (address.strip().lower() for _, address in getaddresses(values))
    return list(dict.fromkeys(one for one in found if "@" in one))


def _ids(message: Message, name: str) -> list[str]:
    return _MESSAGE_ID.findall(_header(message, name))


def _own_id(message: Message, raw: bytes) -> str:
    """Return the mail's own id; one that is missing or huge is replaced by a hash of the mail."""
    found = _ids(message, "Message-ID")
    if found and len(found[0]) <= _ID_LIMIT:
        return str(found[0])
    return f"<sha256.{hashlib.sha256(raw).hexdigest()}>"


def _is_automatic(message: Message) -> bool:
    """Whether a machine wrote it (RFC 3834): answering or storing such mails makes loops."""
    submitted = _header(message, "Auto-Submitted").partition(";")[0].strip().lower()
    return (
        submitted not in {"", "no"}
        or _header(message, "Precedence").lower() in _BULK
        or any(message.get(name) is not None for name in _MACHINES)
        or _header(message, "Return-Path") == "<>"
    )


# ------------------------------------------------------------------------------------- reports


def _is_report(message: Message) -> bool:
    kind = str(message.get_param("report-type") or "").lower()
    return message.get_content_type() == "multipart/report" and kind == "delivery-status"


def _returned(message: Message) -> Returned:
    """Read a report of a mail server about a mail of ours."""
    said: dict[str, str] = {}
    original: list[str] = []
    for part in _parts(message):
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            for block in _blocks(part):
                for name in ("Action", "Status", "Final-Recipient", "Diagnostic-Code"):
                    said[name] = _header(block, name) or said.get(name, "")
        elif kind in {"message/rfc822", "text/rfc822-headers"}:
            original += _original_ids(part)
    status, action = said.get("Status", ""), said.get("Action", "").lower()
    recipient = said.get("Final-Recipient", "").rpartition(";")[2].strip().lower()
    detail = " ".join(one for one in (status, said.get("Diagnostic-Code", "")) if one)
    return Returned(
        original[0] if original else None, recipient or None,
        detail[:300] or "returned by a mail server",
        final=action == "failed" and not status.startswith("4"),
    )


def _blocks(part: Message) -> list[Message]:
    inner = part.get_payload()
    return [one for one in inner if isinstance(one, Message)] if isinstance(inner, list) else []


def _original_ids(part: Message) -> list[str]:
    inner = _blocks(part)
    whole = inner[0] if inner else message_from_bytes(_octets(part))
    return _ids(whole, "Message-ID")


# ------------------------------------------------------------------------------------- content


def _parts(message: Message) -> Iterator[Message]:
    for place, part in enumerate(message.walk()):
        if place >= _PARTS:
            return
        yield part


def _content(message: Message) -> tuple[str, tuple[str, ...]]:
    """Return the text that somebody wrote, and the names of what they attached."""
    plain: list[str] = []
    pages: list[str] = []
    attached: list[str] = []
    for part in _parts(message):
        if part.is_multipart():
            continue
        kind, name = part.get_content_type(), part.get_filename()
        if name is not None or part.get_content_disposition() == "attachment":
            attached.append(one_line(str(name or kind))[:120])
        elif kind == "text/plain":
            plain.append(_text(part))
        elif kind == "text/html":
            pages.append(_text(part))
        else:
            attached.append(kind)
    written = "\n".join(plain) if any(one.strip() for one in plain) else words_of("\n".join(pages))
    return _UNPRINTABLE.sub("", written), tuple(attached[:_NAMES])


def _octets(part: Message) -> bytes:
    octets = part.get_payload(decode=True)
    return octets if isinstance(octets, bytes) else b""


def _text(part: Message) -> str:
    return _decoded(_octets(part), part.get_content_charset()).replace("\r\n", "\n")


class _Words(HTMLParser):
    """Collects the words of a page; a block ends a line."""

    UNSEEN = frozenset({"style", "script", "title", "head"})
    BLOCKS = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3", "blockquote"})

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._unseen = 0
        self._quoted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._unseen += tag in self.UNSEEN
        self._quoted += tag == "blockquote"
        if tag in self.BLOCKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(0, self._unseen - (tag in self.UNSEEN))
        self._quoted = max(0, self._quoted - (tag == "blockquote"))

    def handle_data(self, data: str) -> None:
        if self._unseen or not data.strip():
            return
        self.words.append(f"\n> {data.strip()}\n" if self._quoted else data)


def words_of(page: str) -> str:
    """Return the words of an HTML page; what it quotes begins with ">"."""
    reader = _Words()
    reader.feed(page)
    reader.close()
    lines = ("".join(reader.words)).splitlines()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(one.strip() for one in lines)).strip()


# -------------------------------------------------------------------------------------- quotes

_DIVIDER = re.compile(
    r"-{2,}\s*(original message|ursprüngliche nachricht|originalnachricht|forwarded message|"
    r"weitergeleitete nachricht)\s*-{2,}|_{20,}",
    re.IGNORECASE,
)
_ATTRIBUTION = re.compile(
    r"(on\b.{5,300}\bwrote|am\b.{5,300}\bschrieb\b.{0,200})\s*:", re.IGNORECASE
)
_HEADER_LINE = re.compile(r"\*?(from|von|sent|gesendet|date|datum|to|an|subject|betreff):\*?\s",
                          re.IGNORECASE)
_HEADER_LINES = 3


def without_quotes(text: str) -> str:
    """Return what somebody wrote without the message that they answer.

    Where nothing else is left the whole text is returned: no words of a person are lost.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = _before_divider(_without_marked(lines))
    return "\n".join(kept).strip() or text.strip()


def _without_marked(lines: list[str]) -> list[str]:
    """Leave out lines that begin with ">", and the line above them that says who wrote them."""
    kept: list[str] = []
    for line in lines:
        if not line.lstrip().startswith(">"):
            kept.append(line)
            continue
        while kept and not kept[-1].strip():
            kept.pop()
        for length in (1, 2):  # programs break a long line
            if _ATTRIBUTION.fullmatch(" ".join(kept[-length:]).strip()):
                del kept[-length:]
                break
    return kept


def _before_divider(lines: list[str]) -> list[str]:
    """Return the lines before an original that is quoted whole, or before a signature."""
    for place, line in enumerate(lines):
        stripped = line.strip()
        following = lines[place : place + _HEADER_LINES]
        is_head = len(following) == _HEADER_LINES and all(
            _HEADER_LINE.match(one.strip()) for one in following
        )
        if is_head or line == "-- " or _DIVIDER.fullmatch(stripped):
            return lines[:place]
        if place and _ATTRIBUTION.fullmatch(stripped):
            return lines[:place]
    return lines
