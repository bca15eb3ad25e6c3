"""Reads rows of a table as signals and units shipped where nothing about them is in doubt.

Ten million rows take minutes by this, and an hour by way of JSON. The contract stays the judge: a
row that is not plainly sound is left to it (`freezeguard.api.batches`), so that what is taken here
is what it would have taken, and nothing is refused here.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import itemgetter

from freezeguard.api.batches import AHEAD
from freezeguard.api.models.signals import SignalIn
from freezeguard.bootstrap.imports.files import Row
from freezeguard.bootstrap.imports.mapping import ColumnMapping
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.likeness import MARKED, mark_of_text
from freezeguard.domain.masking import mask, mask_own
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import DEFAULT_INTENT, MEASURED, Kind, Severity
from freezeguard.domain.spelling import folded

PastSignal = tuple[Observed, str | None, str | None]
"""A signal, and the vendor and category that it names for its SKU."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HOUR = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_MOMENT = re.compile(rf"{_DAY.pattern}T{_HOUR}:[0-5][0-9](?:\.[0-9]{{1,6}})?(?:Z|[+-]{_HOUR})")
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_MONEY = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,4})?")
_UNITS = re.compile(r"[1-9][0-9]{0,8}")
_LONGEST_NAME, _LONGEST_LABEL, _LONGEST_TEXT = 200, 64, 20_000
_MUCH_EXTRA = 2_000
"""Characters of columns outside the contract that are less than 16 KiB however they are written."""
_REMEMBERED = 200_000

_SIGNAL_FIELDS = (
    "id", "source", "sku", "occurred_at", "customer", "kind", "intent", "severity", "result",
    "seller", "channel", "country", "lot", "vendor", "category", "order", "observed_at",
    "contact_cost", "text",
)  # fmt: skip
_UNITS_FIELDS = (
    "id", "source", "sku", "shipped_at", "units", "seller", "channel", "country", "lot",
)  # fmt: skip
_KINDS = {one.value: one for one in Kind}
_SEVERITIES = {one.word: one for one in Severity}


class _Doubtful(Exception):
    """This row is for the contract to judge."""


class _Cells:
    """Picks the cells of fields out of rows, by the mapping that `ColumnMapping.apply` carries out.

    `pick` returns the fields in order, "" for an absent one, and then what other columns hold.
    """

    def __init__(self, header: Row, mapping: ColumnMapping, fields: Sequence[str]) -> None:
        taken = set(mapping.columns.values())
        places = {name: n for n, name in enumerate(header) if name not in taken}
        places |= {field: header.index(column) for field, column in mapping.columns.items()}
        constants = list(mapping.constants.items())
        places |= {field: len(header) + n for n, (field, _) in enumerate(constants)}
        self._constants = (*(value for _, value in constants), "")
        absent = len(header) + len(constants)
        self.others = [name for name in places if name not in fields]
        order = [*fields, *self.others]
        self._pick = itemgetter(*(places.get(name, absent) for name in order))
        self._replaced = [
            (order.index(field), values) for field, values in mapping.values.items()
            if field in order
        ]
        self._number = len(header)
        replacements = [one for values in mapping.values.values() for one in values.values()]
        self.are_plain = (
            len(set(header)) == len(header)
            and all(one.isprintable() for one in (*header, *places))
            and all(value for _, value in constants)
            and all(replacements)
        )

    def pick(self, row: Row) -> Sequence[str]:
        """Return the cells of a row. Raises _Doubtful where there are too few, or too many."""
        if len(row) != self._number:
            raise _Doubtful
        cells: Sequence[str] = self._pick((*row, *self._constants))
        if not self._replaced:
            return cells
        changed = list(cells)
        for n, values in self._replaced:
            changed[n] = values.get(changed[n], changed[n]) if changed[n] else ""
        return changed


class _Moments:
    """Reads moments; many rows share a day. None where the contract has to look."""

    def __init__(self, now: datetime) -> None:
        self._latest = now + AHEAD
        self._known: dict[str, datetime] = {}

    def read(self, text: str) -> datetime:
        """Return a moment that is not ahead. Raises _Doubtful."""
        moment = self._known.get(text)
        if moment is None:
            moment = self._parsed(text)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[text] = moment
        return moment

    def _parsed(self, text: str) -> datetime:
        whole = f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text
        if not _MOMENT.fullmatch(whole):
            raise _Doubtful
        try:
            moment = datetime.fromisoformat(whole).astimezone(UTC)
        except (ValueError, OverflowError):
            raise _Doubtful from None
        if moment > self._latest:
            raise _Doubtful
        return moment


class _Scopes:
    """Makes scopes, one object for all rows that are about the same."""

    def __init__(self) -> None:
        self._plain: dict[str, Scope] = {}
        self._narrow: dict[Sequence[str], Scope] = {}

    def of(self, sku: str, narrowing: Sequence[str]) -> Scope:
        """Return the scope of a SKU, seller, channel, country and lot. Raises _Doubtful."""
        if any(narrowing):
            key = (sku, *narrowing)
            scope = self._narrow.get(key)
            if scope is None:
                scope = self._narrow[key] = _narrow_scope(sku, *narrowing)
            return scope
        scope = self._plain.get(sku)
        if scope is None:
            scope = self._plain[sku] = Scope(_sku(sku))
        return scope


def _narrow_scope(sku: str, seller: str, channel: str, country: str, lot: str) -> Scope:
    names = [(one and _name(one)) or None for one in (seller, channel, lot)]
    if country and not _COUNTRY.fullmatch(country):
        raise _Doubtful
    return Scope(_sku(sku), names[0], names[1], country.upper() or None, names[2])


def _sku(text: str) -> str:
    if not text.isascii():  # its bytes are counted
        raise _Doubtful
    return _name(text)


def _name(text: str, longest: int = _LONGEST_NAME) -> str:
    """Return what is surely a name. What prints holds no control character and no half one."""
    if not (0 < len(text) <= longest and text.isprintable()):
        raise _Doubtful
    return text


def _check_text(text: str) -> None:
    if not (("\0" not in text) if text.isascii() else text.isprintable()):
        raise _Doubtful


class SignalRows:
    """Reads rows of signals under these columns.

    Customers are told apart by a hash that is keyed anew in every process.
    """

    def __init__(
        self, header: Row, mapping: ColumnMapping, now: datetime, *, may_assert_safety: bool
    ) -> None:
        self._cells = _Cells(header, mapping, _SIGNAL_FIELDS)
        self._heads = sum(len(one) + 4 for one in self._cells.others)
        self._knows_all = SignalIn.model_fields.keys().isdisjoint(self._cells.others)
        self._moments, self._scopes = _Moments(now), _Scopes()
        self._may_assert_safety = may_assert_safety
        self._traits: dict[Sequence[str], tuple[str, Kind, str, Severity, str | None]] = {}

    def take(self, row: Row) -> PastSignal | None:
        """Return the signal of a row, None where the contract has to look at it."""
        try:
            return self._signal(row) if self._cells.are_plain and self._knows_all else None
        except _Doubtful:
            return None

    def _signal(self, row: Row) -> PastSignal:
        (
            id_, source, sku, occurred_at, customer, kind, intent, severity, result, seller,
            channel, country, lot, vendor, category, *rest,
        ) = self._cells.pick(row)  # fmt: skip
        key = (source, kind, intent, severity, result)
        traits = self._traits.get(key)
        if traits is None:
            traits = self._traits[key] = _traits(*key)
        self._check(vendor, category, rest)
        observed = Observed(
            self._scopes.of(sku, (seller, channel, country, lot)),
            self._moments.read(occurred_at), traits[0], _name(id_), 0, *traits[1:],
            customer_mark(_name(customer)) if customer else None, self._may_assert_safety,
            marks=_marks(customer, rest),
        )
        return observed, vendor or None, category or None

    def _check(self, vendor: str, category: str, rest: Sequence[str]) -> None:
        """Raise _Doubtful unless what is not kept is sound, and little of it is extra."""
        order, observed_at, cost, text, *others = rest
        if order:
            _name(order)
        if observed_at:
            self._moments.read(observed_at)
        if cost and not _MONEY.fullmatch(cost):
            raise _Doubtful
        if len(text) > _LONGEST_TEXT:
            raise _Doubtful
        extra = (vendor, category, *others)
        for one in (text, *extra):
            if one:
                _check_text(one)
        if self._heads + sum(map(len, extra)) > _MUCH_EXTRA:
            raise _Doubtful


def _traits(
    source: str, kind: str, intent: str, severity: str, result: str
) -> tuple[str, Kind, str, Severity, str | None]:
    known = kind in _KINDS and severity in _SEVERITIES and result in {"", "pass", "fail"}
    if not known or (not result and _KINDS[kind] in MEASURED):
        raise _Doubtful
    label = _name(intent, _LONGEST_LABEL) if intent else DEFAULT_INTENT
    return _name(source), _KINDS[kind], label, _SEVERITIES[severity], result or None


def _marks(customer: str, rest: Sequence[str]) -> bytes | None:
    """Return the marks of a text as live would: without what names a person."""
    order, _, _, text, *_ = rest
    own = text and mask_own(mask(text), customer, order)
    return mark_of_text(reference_mark, own) if own else None


def reference_mark(value: bytes) -> bytes:
    """Return what tells the letters of a text, or a reference, from others within this process."""
    return hash(value).to_bytes(8, "big", signed=True)[-MARKED:]


def customer_mark(customer: str) -> bytes:
    """Return what tells a customer from others within this process, however it is spelled."""
    return hash(folded(customer)).to_bytes(8, "big", signed=True)


class UnitsRows:
    """Reads rows of units shipped under these columns; each with its identity."""

    def __init__(self, header: Row, mapping: ColumnMapping, now: datetime) -> None:
        self._cells = _Cells(header, mapping, _UNITS_FIELDS)
        self._moments, self._scopes = _Moments(now), _Scopes()

    def take(self, row: Row) -> "PastUnits | None":
        """Return the units of a row, None where the contract has to look at it."""
        if not self._cells.are_plain or self._cells.others:
            return None
        try:
            id_, source, sku, shipped_at, units, *narrowing = self._cells.pick(row)
            if not _UNITS.fullmatch(units):
                return None
            scope = self._scopes.of(sku, narrowing)
            shipment = Shipment(scope, self._moments.read(shipped_at), int(units))
            return _name(source), _name(id_), shipment
        except _Doubtful:
            return None


PastUnits = tuple[str, str, Shipment]
"""The identity of an entry of units shipped, and what it says."""
