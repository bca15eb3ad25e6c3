"""How a notice is worded and how it leaves. What it says is in `ports.notice_facts`."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class DigestTerms:
    """So many notices within a time (`every`) go singly; the further ones as one per that time."""

    after: int = 1
    every: timedelta = timedelta(minutes=5)


class NoticeError(Exception):
    """A notice did not leave.

    `recoverable` is True where the same notice may leave later (connection, deadline, 4xx, a
    server that does not accept our own account); False where it never will as it stands.
    `permanent_recipient` is True where the address itself was refused for good: another address
    or another channel is needed. `retry_after` is for how many seconds the far side asks us to
    wait.
    """

    def __init__(
        self, detail: str, *, recoverable: bool, permanent_recipient: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.detail = detail
        self.recoverable = recoverable
        self.permanent_recipient = permanent_recipient


@dataclass(frozen=True, slots=True)
class Rendered:
    """A notice in words: the same facts in `text` and `html`."""

    subject: str
    text: str
    html: str


class Languages(Protocol):
    """Knows the languages that notices can be written in."""

    def check(self, language: str, *, pointer: str = "") -> None:
        """Raise InvalidInput for a language without words; the text says which have them.

        `pointer` is the JSON pointer to the language in what was sent.
        """
        ...


class Renderer(Protocol):
    """Words a notice. Pure: the same facts, language and zone give the same words."""

    def __call__(
        self, kind: str, facts: Mapping[str, Any], *, language: str, time_zone: str
    ) -> Rendered:
        """Raise `NoticeError` (not recoverable) for an unknown kind or missing facts."""


@dataclass(frozen=True, slots=True)
class Message:
    """One notice to one address.

    `sender` and `reply_to` are "address" or "Name <address>"; `date` has a zone; `references` are
    message ids, the first message of the case first, so that a case is one thread. `headers` are
    further ones, named `Freezeguard-…`, `List-…` or `X-…`.
    """

    message_id: str
    recipient: str
    sender: str
    subject: str
    text: str
    html: str
    date: datetime
    reply_to: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The far side took the message over; `reply` is what it said (a queue id, mostly)."""

    message_id: str
    reply: str


class Transport(Protocol):
    """One way out for messages."""

    async def send(self, message: Message, *, deadline: float) -> Receipt:
        """Hand one message over within `deadline` seconds, or raise `NoticeError`.

        At least once: when a connection breaks between the last byte and the answer, the message
        may have arrived all the same. A repeat carries the same message id.
        """

    async def close(self) -> None:
        """Release connections."""


_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def message_id_for(notice_id: str, domain: str, kind: str = "notice") -> str:
    """Return the one message id of a notice (or of a digest, by `kind`).

    It is the same for every attempt and every replica.

    A notice id of other characters than letters, digits, dash and underscore goes in as a hash.
    """
    if _PLAIN_ID.fullmatch(notice_id):
        return f"<{kind}.{notice_id}@{domain}>"
    return f"<{kind}.{hashlib.sha256(notice_id.encode()).hexdigest()[:32]}@{domain}>"
