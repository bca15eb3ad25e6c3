"""The service itself: canaries, digests, webhooks, chats and codes."""

from typing import NotRequired, TypedDict

from freezeguard.ports.notice_facts.common import NoticeFacts, ScopeFacts


class CanaryFacts(TypedDict):
    """A canary: of which catalogue, and how its last round went; seconds of what was seen in time.

    `since` is since when it was known not to be well, `succeeded_at` when it last was.
    """

    catalogue: str
    sku: str
    late_after: float
    detail: NotRequired[str | None]
    stop_seconds: NotRequired[float | None]
    release_seconds: NotRequired[float | None]
    since: NotRequired[str | None]
    succeeded_at: NotRequired[str | None]


class CanaryNoticeFacts(NoticeFacts):
    """`canary_late`, `canary_well`, to the default owner and admins."""

    canary: CanaryFacts


class DigestEntryFacts(TypedDict):
    """One notice of a digest: its kind, and what its line says; `due` is by when it asks.

    Entries without a case are about the shop as a whole, or about the `feed` or catalogue
    of that name.
    """

    kind: str
    at: str
    link: str
    case: NotRequired[str | None]
    scope: NotRequired[ScopeFacts | None]
    due: NotRequired[str | None]
    feed: NotRequired[str | None]
    case_id: NotRequired[str | None]


class DigestFacts(NoticeFacts):
    """`digest`: what would have been many mails in a short time, in order, as one."""

    entries: list[DigestEntryFacts]


class WebhookFacts(NoticeFacts):
    """`webhook_failing`, `webhook_disabled`: an endpoint takes nothing; `why` is its last answer.

    It is switched off at `disabled_from` unless it answers by then; at once where it said 410.
    """

    endpoint: str
    url: str
    why: str
    description: NotRequired[str]
    failing_since: NotRequired[str | None]
    disabled_from: NotRequired[str | None]


class ChatFacts(TypedDict):
    """An address in a chat, by its kind and host; `team` is empty where it is a person's."""

    kind: str
    host: str
    team: str


class TestMessageFacts(NoticeFacts):
    """`test_message`: somebody (`by`) wants to know whether notices arrive."""

    chat: ChatFacts
    by: str


class ChatDisabledFacts(NoticeFacts):
    """`chat_disabled`: nothing more goes to an address, which answered `why`."""

    chat: ChatFacts
    why: str


class SignInCodeFacts(NoticeFacts):
    """`sign_in_code`, to a vendor's contact who opened the link of a mail: what to type in.

    `number` is that of the case, `lifetime` the seconds for which the code works. It is sent at
    once and stored nowhere.
    """

    number: str
    code: str
    lifetime: float
