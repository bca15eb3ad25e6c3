"""A mail that reached us, read: who wrote what about which notice."""

from collections.abc import Callable
from dataclasses import dataclass


class MailUnreadableError(Exception):
    """What came is no mail that can be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What a mail server says of a mail of ours (RFC 3464).

    `message_id` is that of our mail, `recipient` whom it did not reach. `final` is False where
    the server still tries.
    """

    message_id: str | None
    recipient: str | None
    detail: str
    final: bool


@dataclass(frozen=True, slots=True)
class Content:
    """What somebody wrote, without what they quote, and the names of what they attached."""

    text: str = ""
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Received:
    """One mail, by its headers; its content is read when somebody asks for it.

    `message_id` is its own, or stands for one that it lacks; `sender` is the address of its
    author, in lower case, and proves nothing; `recipients` are all addresses that it went to;
    `refers_to` are message ids that it answers, the nearest first. `automatic` says that no person
    wrote it, `is_report` that a mail server did, about a mail of ours. `read` and `read_report`
    raise `MailUnreadableError`.
    """

    message_id: str
    sender: str | None
    recipients: tuple[str, ...]
    refers_to: tuple[str, ...]
    automatic: bool
    is_report: bool
    read: Callable[[], Content]
    read_report: Callable[[], Returned]
