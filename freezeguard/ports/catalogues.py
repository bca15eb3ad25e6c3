"""What freezeguard asks of a catalogue system: look up, stop, read back, restore.

A connector only says whether an error is recoverable. Deadline, retry, breaker and fencing
belong to `freezeguard.services.enforcing.enforcement`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

Level = Literal["hide", "hard"]
"""`hide`: no new carts. `hard`: carts that are already open are held back too."""


class CatalogueError(Exception):
    """A catalogue did not do what it was asked.

    `recoverable` is True where the same call may succeed later (timeout, connection, 408, 429,
    5xx); False where it never will as it stands (4xx, an answer that does not fit the templates).
    `retry_after` is the number of seconds that the far side asked us to wait, if it did.
    """

    def __init__(
        self, detail: str, *, recoverable: bool, retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.recoverable = recoverable
        self.retry_after = retry_after


class NoTurnError(CatalogueError):
    """The pace that is set for a catalogue left no turn in time: it was not even asked."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, recoverable=True)


_in_haste: ContextVar[bool] = ContextVar("in_haste", default=False)
_rank: ContextVar[float] = ContextVar("rank", default=float("inf"))


@contextmanager
def in_haste(*, yes: bool = True) -> Iterator[None]:
    """Mark the calls that are made in the block: they serve a stop that is not confirmed yet."""
    token = _in_haste.set(yes)
    try:
        yield
    finally:
        _in_haste.reset(token)


def is_in_haste() -> bool:
    """Say whether the call under way is so marked: where calls wait for their turn, it is first.

    Every call of such a stop is, its look-up and its read-back too; restores, looks at what is
    stopped already and lists of orders are not.
    """
    return _in_haste.get()


@contextmanager
def ranked(rank: float) -> Iterator[None]:
    """Give the calls that are made in the block the rank of the work that they are part of."""
    token = _rank.set(rank)
    try:
        yield
    finally:
        _rank.reset(token)


def rank_of_work() -> float:
    """Return when the work was begun that the call under way is part of, as a rank.

    Where calls wait for their turn, those of what was begun first go first: a stop that was sent
    would else not be read back before all others have been sent too, and be sent again.
    """
    return _rank.get()


@dataclass(frozen=True, slots=True)
class Found:
    """One catalogue object that a SKU resolves to.

    `fields` holds the present value of every field that any stop level or fallback of this
    catalogue would write: it is the before-image when taken while the object is sellable.
    `takes_along` names sibling SKUs that a stop of this object would stop too.
    """

    remote_id: str
    fields: Mapping[str, Any]
    takes_along: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """What a read-back saw: whether the object can be bought, and from which side we looked.

    `sellable` is about a purchase that begins now. `open_carts` says whether a cart that already
    holds the object can still be paid, None where the catalogue does not tell. `fields` are as in
    `Found`, as far as the catalogue tells them here. `is_gone` is True only where the far side was
    asked for the object by its id and says that there is none: one that is hidden, or that has
    another SKU by now, is not gone.
    """

    sellable: bool
    side: Literal["admin", "buyer"]
    fields: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""
    open_carts: bool | None = None
    is_gone: bool = False

    def stopped(self, level: Level) -> bool:
        """Say whether this is what a stop of the level should look like."""
        return not self.sellable and (level == "hide" or self.open_carts is not True)


@dataclass(frozen=True, slots=True)
class Traits:
    """What a connector can do.

    `narrowest` lists the scope fields beside `sku` that a stop can tell apart; a hold with any
    other scope field is enforced on the next wider scope. `fallbacks` are names of further ways
    to stop a sale, in the order in which to try them. `level` is the one to use where nothing
    else is asked for. `scope` is what the catalogue sells to (such as country DE): a hold that
    does not overlap it is not its business. `finest` is the least that a stop takes. `holds_carts`
    says whether a hard stop keeps carts that are open already from being paid, None where nobody
    has tried.
    """

    levels: tuple[Level, ...]
    narrowest: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    proven: Literal["run", "stand-in", "recipe"] = "recipe"
    level: Level = "hard"
    scope: Mapping[str, str] = field(default_factory=dict)
    finest: Literal["variant", "product"] = "variant"
    holds_carts: bool | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of an attempt to buy: whether the shop took it, and what it said."""

    sold: bool
    detail: str = ""


@runtime_checkable
class Shopfront(Protocol):
    """A connector that can try to buy as a customer would, and leaves nothing behind."""

    async def try_to_buy(self, sku: str, remote_id: str, *, deadline: float) -> Attempt:
        """Put one into a cart of our own. Raises `CatalogueError` where the shop can't be asked."""
        ...


@runtime_checkable
class Watchful(Protocol):
    """A connector that can look over many stopped objects with one cheap request."""

    async def look_over(
        self, remote_ids: Sequence[str], *, deadline: float
    ) -> frozenset[str]:
        """Return those that are no longer as a stop left them. Raises `CatalogueError`."""
        ...


@dataclass(frozen=True, slots=True)
class OrderUnderWay:
    """An order that was placed and still holds units of an object which have not left.

    `id` is the shop's own, `code` what people there call it. `quantity` counts the units that have
    not left. `state` is in the shop's words. `is_paid` where the whole sum is paid, or safe to be.
    `customer` is how the shop knows the buyer, such as a mail address: no repr shows it.
    """

    id: str
    code: str
    placed_at: datetime
    quantity: int
    state: str
    is_paid: bool
    customer: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OrdersFound:
    """Orders under way. With `cut_at` those that were placed after it were not looked through."""

    orders: tuple[OrderUnderWay, ...]
    cut_at: datetime | None = None


@runtime_checkable
class OrderBook(Protocol):
    """A connector that can list the orders which hold an object and have not left."""

    async def orders_with(
        self, sku: str, remote_id: str, since: datetime, *, deadline: float
    ) -> OrdersFound:
        """Return those placed at `since` or later, oldest first. Raises `CatalogueError`."""
        ...


class Catalogue(Protocol):
    """One configured catalogue system. Every call is idempotent: absolute values, never deltas.

    Every method raises `CatalogueError`. Every call ends by `deadline` (seconds from now).
    `revision` is the fencing revision of the hold change that asked for the call; connectors pass
    it on (header `Freezeguard-Revision`) so that a far side that can refuse older ones does.
    """

    name: str
    traits: Traits

    async def lookup(self, sku: str, *, deadline: float) -> tuple[Found, ...]:
        """Return 0, 1 or many objects for a SKU."""

    async def stop(
        self, sku: str, remote_id: str, level: Level, *, revision: int, deadline: float
    ) -> Mapping[str, Any]:
        """Stop the sale of one object; return the fields and values that were written.

        Of an object that is gone there is nothing to stop: nothing is written, and that is no
        error. Whether it can be bought is for `read_back` to say.
        """

    async def read_back(self, sku: str, remote_id: str, *, deadline: float) -> Observation:
        """Say whether the object can be bought now, from the buyer's side where possible."""

    async def restore(
        self,
        sku: str,
        remote_id: str,
        fields: Mapping[str, Any],
        *,
        revision: int,
        deadline: float,
    ) -> None:
        """Write back exactly these fields of the before-image."""

    async def fall_back(
        self, means: str, sku: str, remote_id: str, *, revision: int, deadline: float
    ) -> Mapping[str, Any]:
        """Stop the sale by another of `traits.fallbacks`; return the fields written."""

    async def lift_fall_back(
        self,
        means: str,
        sku: str,
        remote_id: str,
        fields: Mapping[str, Any],
        *,
        revision: int,
        deadline: float,
    ) -> None:
        """Undo a fallback: write back these fields of the before-image, leave its deny list."""

    async def close(self) -> None:
        """Release connections."""
