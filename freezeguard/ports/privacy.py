"""What retention and the rights of data subjects ask of the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

PSEUDONYM_BYTES = 17
"""A keyed hash has 16 bytes; what stands in the place of one that was erased has one more."""


@dataclass(frozen=True, slots=True)
class Periods:
    """How long things are kept: see docs/privacy.md for what each begins with."""

    texts: timedelta = timedelta(days=90)
    customers: timedelta = timedelta(days=730)
    rejected: timedelta = timedelta(days=30)
    messages: timedelta = timedelta(days=90)
    files: timedelta = timedelta(days=2192)

    def by_class(self) -> dict[str, timedelta]:
        """Return the classes in the order in which a run works on them."""
        return {
            "excerpts": self.texts, "texts": self.texts, "customers": self.customers,
            "rejected": self.rejected, "messages": self.messages, "digests": self.messages,
            "mails": self.messages, "files": self.files,
        }


@dataclass(frozen=True, slots=True)
class OwnSignal:
    """One signal of a data subject, with its texts; `row` is all that is held, in JSON types."""

    source: str
    id: str
    sku: str
    customer: bytes | None
    text: str | None
    order: str | None
    row: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """Return the identity."""
        return self.source, self.id

    @property
    def is_somebodys(self) -> bool:
        """Say whether it names a customer who was not erased."""
        return self.customer is not None and len(self.customer) != PSEUDONYM_BYTES


@dataclass(frozen=True, slots=True)
class Place:
    """A place where a person may be named or quoted, beside the signals that are their own.

    `holds` says what stands there, `kept` for how long. `quotes_complaints` where excerpts of
    complaints stand. `ours` where freezeguard wrote the document; `is_json_text` where the value is
    text that holds JSON; `is_emptied` where a row with a trace loses all that was sent.
    """

    name: str
    find: str
    write: str
    holds: str
    kept: str
    quotes_complaints: bool = False
    ours: bool = True
    is_json_text: bool = False
    is_emptied: bool = False


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A row of a place that may hold a trace; `place` tells it from others while it is locked."""

    place: str
    value: Any


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A file that may show or name a person: only somebody who opens it can say.

    It is on a case that the person's complaints are evidence of, or is called or said to be theirs.
    """

    id: UUID
    case_number: int
    case_id: UUID
    name: str
    note: str
    is_on_their_case: bool


@dataclass(frozen=True, slots=True)
class RetentionRun:
    """How far a run got: the class it works on, the last place it looked at, what it erased."""

    id: int
    measured_at: datetime
    of_class: str
    after: Sequence[str] | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch erased, and where the next one begins; None at the end of a class."""

    erased: int
    after: Sequence[str] | None


class Subjects(Protocol):
    """Where data subjects stand, and taking them out of it."""

    async def signals_of(
        self, customers: Sequence[bytes], sku: str | None = None
    ) -> list[OwnSignal]:
        """Return the signals of a person, who may stand under the hashes of several spellings."""
        ...

    async def signals_with_orders(self, orders: Iterable[str]) -> list[OwnSignal]:
        """Return the signals that carry one of these orders, however it is spelled there."""
        ...

    async def erase_signals(
        self, sku: str, own: Sequence[OwnSignal], customers: Sequence[bytes]
    ) -> int:
        """Erase texts and hashes of signals of a SKU whose lock the caller holds.

        All signals of one hash about the SKU get one pseudonym: what was counted as distinct stays
        distinct, and nothing leads from it to the person. Return how many signals held anything.
        """
        ...

    async def skus_of_cases(self, patterns: Sequence[str]) -> list[str]: ...

    async def words_of_cases(self, sku: str) -> list[FoundRow]:
        """Return what people wrote in the cases of a SKU, locked."""
        ...

    async def write_words(self, row: FoundRow) -> None: ...

    async def said_of_sku(self, sku: str) -> dict[str, list[FoundRow]]:
        """Return, by place, what notices and webhooks say of a SKU's cases, locked."""
        ...

    async def files_to_read(
        self, own: Sequence[OwnSignal], patterns: Sequence[str]
    ) -> list[FileToRead]:
        """Return the files on cases that these signals are evidence of, or whose words match."""
        ...

    async def find(
        self, place: Place, patterns: Sequence[str], after: str, limit: int
    ) -> list[FoundRow]:
        """Return rows of a place that match, locked, after another one in the order of rows."""
        ...

    async def write(self, place: Place, row: FoundRow) -> None: ...


class Retention(Protocol):
    """Erasing by age."""

    async def try_lock(self) -> bool:
        """Say whether this transaction alone works on retention."""
        ...

    async def run_under_way(self) -> RetentionRun | None: ...

    async def begin_run(
        self, now: datetime, first_class: str, every: timedelta
    ) -> RetentionRun | None:
        """Begin a run; None where the last one began less than `every` ago by the database."""
        ...

    async def note(self, run: RetentionRun, *, finished: bool) -> None: ...

    async def erase(
        self, of_class: str, until: datetime, after: Sequence[str] | None, now: datetime
    ) -> Batch:
        """Erase one batch of a class, now: what no longer was needed at a moment."""
        ...
