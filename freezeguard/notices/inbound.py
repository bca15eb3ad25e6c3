"""Reads a mail that reached us: bytes from anybody, so nothing in it may surprise.

Whom it is from and what about stands in its headers, and is read first; the rest is read when it
is asked for. Headers are decoded here, piece by piece, because the stricter way of the standard
library fails on malformed ones; what is long is cut before anything looks for a meaning in it.
"""

import codecs
import hashlib
import re
from collections.abc import Callable
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from itertools import islice
from typing import TypeVar

from freezeguard.notices.mailparts import (
    HEADER_LIMIT,
    Part,
    blocks_of,
    headers_of,
    parts_of,
    whole,
)
from freezeguard.notices.mailwords import without_quotes, words_of
from freezeguard.notices.mime import one_line
from freezeguard.ports.mails import Content, MailUnreadableError, Received, Returned

SIZE_LIMIT = 30_000_000
"""Bytes of a whole mail, its attachments included."""
TEXT_LIMIT = 20_000
"""Characters that are kept of a mail's text."""

_READ_LIMIT = 400_000
"""Octets that are read of one text, and characters of all, to find what of it was written now."""
_ORIGINAL_LIMIT = 64_000
_NAMES = 20
_ID_LIMIT, _IDS = 200, 50
_RECIPIENTS = 500
_MAILBOX = re.compile(r"[^\s<>()\[\],;:\"@]{1,64}@[^\s<>()\[\],;:\"@]{1,255}")
Read = TypeVar("Read")
_SLOW_CHARSETS = frozenset({"idna", "punycode"})
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
    return _guarded(lambda: _read(whole(raw), raw, recipient))


def _guarded(read: Callable[[], Read]) -> Read:
    try:
        return read()
    except _UNREADABLE as error:
        raise MailUnreadableError(f"The mail can't be read: {error}") from error


def _read(mail: Part, raw: bytes, recipient: str | None) -> Received:
    head = mail.head
    return Received(
        message_id=_own_id(head, raw),
        sender=_sender(head),
        recipients=(
            *([recipient.lower()] if recipient else []),
            *_recipients(head, "Delivered-To", "X-Original-To", "To", "Cc"),
        ),
        refers_to=tuple(dict.fromkeys([
            *_ids(head, "In-Reply-To"), *reversed(_ids(head, "References")),
        ]))[:_IDS],
        automatic=_is_automatic(head),
        is_report=_is_report(head),
        read=lambda: _guarded(lambda: _content(mail)),
        read_report=lambda: _guarded(lambda: _returned(mail)),
    )


# ------------------------------------------------------------------------------------- headers


def _header(message: Message, name: str) -> str:
    """Return a header in words, on one line; empty where there is none."""
    value = str(message.get(name, ""))[:HEADER_LIMIT]
    try:
        pieces = decode_header(value)
    except (HeaderParseError, ValueError):
        return one_line(value)
    return one_line("".join(_decoded(text, charset) for text, charset in pieces))


def _decoded(text: bytes | str, charset: str | None) -> str:
    if isinstance(text, str):
        return text
    try:
        name = codecs.lookup(charset or "utf-8").name
        return text.decode("utf-8" if name in _SLOW_CHARSETS else name, "replace")
    except LookupError:  # a charset that nobody knows
        return text.decode("utf-8", "replace")


def _sender(message: Message) -> str | None:
    """Return who wrote it, None where that is nobody or more than one."""
    values = [str(one) for one in message.get_all("From", [])]
    if sum(map(len, values)) > HEADER_LIMIT:
        return None
    found = {address.strip().lower() for _, address in getaddresses(map(one_line, values))}
    senders = [one for one in found if "@" in one]
    return senders[0] if len(senders) == 1 else None


def _recipients(message: Message, *names: str) -> list[str]:
    values = (str(value) for name in names for value in message.get_all(name, []))
    found = (one.lower() for value in values for one in _MAILBOX.findall(value))
    return list(islice(dict.fromkeys(found), _RECIPIENTS))


def _ids(message: Message, name: str) -> list[str]:
    """Return the ids in a header, of many the last ones, which are the nearest."""
    value = str(message.get(name, ""))
    if "=?" in value:
        value = _header(message, name)
    return _MESSAGE_ID.findall(value)[-_IDS:]


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


def _returned(mail: Part) -> Returned:
    """Read a report of a mail server about a mail of ours."""
    said: dict[str, str] = {}
    original: list[str] = []
    for part in parts_of(mail):
        if part.kind == "message/delivery-status":
            for block in blocks_of(part):
                for name in ("Action", "Status", "Final-Recipient", "Diagnostic-Code"):
                    said[name] = _header(block, name) or said.get(name, "")
        elif part.kind in {"message/rfc822", "text/rfc822-headers"} and not original:
            original = _ids(headers_of(part.octets(_ORIGINAL_LIMIT)), "Message-ID")
    status, action = said.get("Status", ""), said.get("Action", "").lower()
    recipient = said.get("Final-Recipient", "").rpartition(";")[2].strip().lower()
    detail = " ".join(one for one in (status, said.get("Diagnostic-Code", "")) if one)
    return Returned(
        original[0] if original else None, recipient or None,
        detail[:300] or "returned by a mail server",
        final=action == "failed" and not status.startswith("4"),
    )


# ------------------------------------------------------------------------------------- content


def _content(mail: Part) -> Content:
    """Return the text that somebody wrote, and the names of what they attached."""
    plain: list[str] = []
    pages: list[str] = []
    attached: list[str] = []
    for part in parts_of(mail):
        if part.is_container:
            continue
        head, kind = part.head, part.kind
        name = head.get_filename()
        is_text = name is None and head.get_content_disposition() != "attachment"
        if is_text and kind == "text/plain":
            plain.append(_text(part))
        elif is_text and kind == "text/html":
            pages.append(_text(part))
        else:
            attached.append(one_line(str(name or kind))[:120])
    if any(one.strip() for one in plain):
        written = "\n".join(plain)[:_READ_LIMIT]
    else:
        written = words_of("\n".join(pages)[:_READ_LIMIT])
    text = without_quotes(_UNPRINTABLE.sub("", written))
    return Content(text[:TEXT_LIMIT], tuple(attached[:_NAMES]))


def _text(part: Part) -> str:
    octets = part.octets(_READ_LIMIT)
    return _decoded(octets, part.head.get_content_charset()).replace("\r\n", "\n")
