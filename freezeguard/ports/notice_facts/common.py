"""What every notice says, and every notice of a case."""

from typing import Literal, NotRequired, TypedDict

Audience = Literal["vendor", "staff"]
Lane = Literal["quality", "safety", "authority"]
Level = Literal["hide", "hard"]


class ContactFacts(TypedDict):
    """Who answers questions about this notice."""

    name: str
    address: str
    phone: NotRequired[str]


class StepFacts(TypedDict):
    """What happens next. `step` is a code of the language's `step` table; `by` its due time."""

    step: str
    by: NotRequired[str | None]


class NoticeFacts(TypedDict):
    """What every notice says.

    `recipient` is the name to greet ("" if unknown), `shop` the name of who sends, `link` the
    page to open (http or https), `at` the moment of the change. `reply_to` is the address under
    which an answer reaches the case; `instead_of` is the name of who could not be reached, where
    this reader stands in for somebody.
    """

    audience: Audience
    recipient: str
    shop: str
    link: str
    at: str
    contact: ContactFacts
    steps: list[StepFacts]
    reply_to: NotRequired[str | None]
    instead_of: NotRequired[str | None]


class ScopeFacts(TypedDict):
    """What may not be sold: a SKU, optionally narrowed. An absent field means "all"."""

    sku: str
    seller: NotRequired[str | None]
    channel: NotRequired[str | None]
    country: NotRequired[str | None]
    lot: NotRequired[str | None]


class CaseNoticeFacts(NoticeFacts):
    """What every notice about a case says.

    `case` is its number as people write it, `since` when the sale stopped (absent: it did not).
    `api` is the address of the case for programs; with it, `link` is a page for people.
    """

    case: str
    lane: Lane
    scope: ScopeFacts
    title: str
    since: NotRequired[str | None]
    api: NotRequired[str]
