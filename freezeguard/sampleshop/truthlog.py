"""What truly happened, in order, whatever the shop answered."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["admin", "purchase", "warehouse", "operator"]

MOST_ENTRIES = 200_000
"""The oldest entries beyond this number are forgotten; `TruthLog.forgotten` counts them."""


@dataclass(slots=True)
class Entry:
    """One admin call, purchase step or other change. Times are wall-clock nanoseconds.

    `outcome` is `applied`, `refused` (by the shop's own rules), `fault:<name>` (a switched-on
    fault kept the shop from applying it), or `under_way`. `applied_ns` is set exactly where the
    shop's state changed, and `applied_order` then counts such changes from 1. `operation` is
    `lookup`, `stop`, `restore` or `write` for the admin side, `add` or `checkout` for a
    purchase. Reads are kept only where a fault befell them.
    """

    received_ns: int
    kind: Kind
    operation: str
    method: str = ""
    path: str = ""
    product: str | None = None
    sku: str | None = None
    fields: Mapping[str, Any] | None = None
    quantity: int | None = None
    cart: str | None = None
    order: str | None = None
    revision: int | None = None
    idempotency_key: str | None = None
    outcome: str = "under_way"
    code: str | None = None
    status: int | None = None
    applied_ns: int | None = None
    applied_order: int | None = None
    seq: int = 0


class TruthLog:
    """The list of entries; faults never touch it."""

    def __init__(self) -> None:
        self.forgotten = 0
        self._entries: deque[Entry] = deque(maxlen=MOST_ENTRIES)
        self._seq = 0
        self._applied = 0

    def open(self, received_ns: int, kind: Kind, operation: str, **facts: Any) -> Entry:
        """Begin an entry at the moment at which a call arrives."""
        entry = Entry(received_ns, kind, operation, **facts)
        self.keep(entry)
        return entry

    def keep(self, entry: Entry) -> None:
        """Put an entry into the log, unless it is there already."""
        if entry.seq:
            return
        self._seq += 1
        entry.seq = self._seq
        if len(self._entries) == MOST_ENTRIES:
            self.forgotten += 1
        self._entries.append(entry)

    def applied(self, entry: Entry, now_ns: int) -> None:
        """Note that the shop's state has changed just now because of this entry."""
        self._applied += 1
        entry.outcome = "applied"
        entry.applied_ns = now_ns
        entry.applied_order = self._applied

    def select(self, sku: str | None, since_ns: int, after: int) -> Iterator[dict[str, Any]]:
        """Yield entries as plain dicts: of one SKU, not older than a time, behind a `seq`."""
        for entry in self._entries:
            if entry.seq <= after or entry.received_ns < since_ns:
                continue
            if sku is None or entry.sku == sku:
                yield asdict(entry)
