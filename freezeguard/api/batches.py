"""Many signals, shipments or SKUs in one body: the good ones are kept, the bad ones reported.

A batch is validated whole, straight from its bytes; only one that holds something bad is taken
apart and validated one by one.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, FailFast, TypeAdapter, ValidationError

from freezeguard.api import cloudevents
from freezeguard.api.json_text import (
    Flaw,
    canonical,
    check_structure,
    has_nul,
    pairs_in,
    parse,
    shown,
)
from freezeguard.api.models.masterdata import SkuRow
from freezeguard.api.models.signals import MAX_EXTRA, SignalIn
from freezeguard.api.models.units import UnitsIn
from freezeguard.api.refusals import NothingAccepted, Refused, field_errors
from freezeguard.domain.errors import FreezeguardError, InvalidInput

MAX_ENTRIES = 1000
MAX_REJECTED = 1000
MAX_RAW = 32 * 1024
SLICE = 500
AHEAD = timedelta(minutes=5)

JSON = "application/json"
LINES = frozenset({"application/x-ndjson", "application/jsonl", "application/x-jsonlines"})
ENTRIES_TYPES = frozenset({JSON}) | LINES
SIGNAL_TYPES = ENTRIES_TYPES | {cloudevents.STRUCTURED, cloudevents.BATCH}

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

__all__ = [
    "ENTRIES_TYPES",
    "MAX_RAW",
    "SIGNAL_TYPES",
    "NothingAccepted",
    "Parsed",
    "Rejected",
    "parse_signals",
    "parse_skus",
    "parse_units",
    "signal_slices",
    "signals_of",
    "without_owners",
]


@dataclass(frozen=True, slots=True)
class Rejected:
    """One entry that was not accepted.

    `index` counts from 0; in newline-delimited JSON it is the line. `pointer` is a JSON pointer
    into the entry. `raw` is the entry as text, cut to 32 KiB; it is as sensitive as what it holds.
    """

    index: int
    code: str
    detail: str
    pointer: str
    raw: str


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """The entries of a body with their indexes, and those that do not fit."""

    items: list[tuple[int, T]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def extend(self, other: "Parsed[T]") -> None:
        """Take over the entries of another slice of the same body."""
        self.items.extend(other.items)
        self.rejected.extend(other.rejected)


class Reader(Generic[M]):
    """Reads entries of one model.

    `check` raises InvalidInput for what the model alone can't say: it knows the present time.
    """

    def __init__(self, model: type[M], check: Callable[[M, datetime], None]) -> None:
        self._one: TypeAdapter[M] = TypeAdapter(model)
        many: Any = Annotated[list[model], FailFast()]  # type: ignore[valid-type]  # at run time
        self._many: TypeAdapter[list[M]] = TypeAdapter(many)
        self._check = check

    def whole(self, body: bytes, now: datetime) -> Parsed[M]:
        """Read one object or one array.

        Raises Refused or InvalidInput where the body as a whole is of no use.
        """
        pairs = check_structure(body)
        quick = self._quick(body, pairs)
        if quick is None:
            return self.entries(_entries_of(parse(body.decode())), now)
        return self._checked(quick, now)

    def lines(self, body: bytes, now: datetime) -> Iterator[Parsed[M]]:
        """Read newline-delimited JSON, in slices of 500 lines; empty lines are passed over.

        Raises Refused (`too_many_rejected`) where this can't be what the sender meant.
        """
        lines, rejected = body.split(b"\n"), 0
        for start in range(0, len(lines), SLICE):
            part: Parsed[M] = Parsed()
            for index, line in enumerate(lines[start : start + SLICE], start):
                if line and not line.isspace():
                    self._line(index, line, now, part)
            rejected += len(part.rejected)
            if rejected > MAX_REJECTED:
                raise Refused("too_many_rejected", _last_of(part))
            yield part

    def entries(self, entries: list[Any], now: datetime, first: int = 0) -> Parsed[M]:
        """Read parsed entries one by one."""
        parsed: Parsed[M] = Parsed()
        for index, entry in enumerate(entries, first):
            self.entry(index, entry, now, parsed)
        return parsed

    def entry(self, index: int, entry: Any, now: datetime, parsed: Parsed[M]) -> None:
        """Read one parsed entry into `parsed`."""
        try:
            if not isinstance(entry, dict | Flaw):
                raise InvalidInput("not a JSON object")
            item = self._one.validate_json(canonical(entry))
            self._check(item, now)
        except (ValidationError, FreezeguardError) as refusal:
            parsed.rejected.append(rejected(index, refusal, shown(entry, MAX_RAW)))
        else:
            parsed.items.append((index, item))

    def _quick(self, body: bytes, pairs: int) -> list[M] | None:
        if b"NaN" in body or b"Infinity" in body or has_nul(body):
            return None
        try:
            if body.lstrip()[:1] == b"[":
                items = self._many.validate_json(body)
            else:
                items = [self._one.validate_json(body)]
        except ValidationError:
            return None
        _check_number(len(items))
        # A key that stands twice is a pair that no model has got.
        return items if sum(map(_pairs_of, items)) == pairs else None

    def _checked(self, items: list[M], now: datetime) -> Parsed[M]:
        parsed: Parsed[M] = Parsed()
        for index, item in enumerate(items):
            try:
                self._check(item, now)
            except InvalidInput as refusal:
                raw = item.model_dump_json(exclude_unset=True)[:MAX_RAW]
                parsed.rejected.append(rejected(index, refusal, raw))
            else:
                parsed.items.append((index, item))
        return parsed

    def _line(self, index: int, line: bytes, now: datetime, part: Parsed[M]) -> None:
        try:
            pairs = check_structure(line)
            quick = None if line.lstrip()[:1] == b"[" else self._quick(line, pairs)
            if quick is None:
                self.entry(index, parse(line.decode()), now, part)
                return
            self._check(quick[0], now)
        except FreezeguardError as refusal:
            part.rejected.append(rejected(index, refusal, line.decode()[:MAX_RAW]))
        else:
            part.items.append((index, quick[0]))


def _last_of(part: Parsed[Any]) -> str:
    last = part.rejected[-1]
    return f"Line {last.index}, for example: {last.detail}"


def rejected(index: int, refusal: ValidationError | FreezeguardError, raw: str) -> Rejected:
    """Return the report of one entry that was refused."""
    if isinstance(refusal, ValidationError):
        first, *others = field_errors(refusal)
        more = f" (and {len(others)} more)" if others else ""
        return Rejected(index, "invalid_input", first.detail + more, first.pointer or "", raw)
    pointer = refusal.pointer if isinstance(refusal, InvalidInput) else ""
    return Rejected(index, refusal.code, refusal.detail, pointer, raw)


def signal_slices(
    body: bytes, media_type: str, headers: Mapping[str, str], now: datetime
) -> Iterator[Parsed[SignalIn]]:
    """Read signals slice by slice, so that a caller may let others run between two.

    `body` is what `read_body` returned, `media_type` what `bodies.media_type` returned.

    Raises Refused or InvalidInput where the body as a whole is of no use.
    """
    if media_type in LINES:
        yield from _SIGNALS.lines(body, now)
    elif media_type in {cloudevents.STRUCTURED, cloudevents.BATCH}:
        yield _events(_parsed(body), media_type == cloudevents.BATCH, now)
    elif cloudevents.is_binary(headers):
        yield _events(cloudevents.from_binary(headers, _parsed(body)), False, now)
    else:
        yield _SIGNALS.whole(body, now)


def parse_signals(
    body: bytes, media_type: str, headers: Mapping[str, str], now: datetime
) -> Parsed[SignalIn]:
    """Read all signals of a body at once; see `signal_slices`."""
    return _joined(signal_slices(body, media_type, headers, now))


def signals_of(entries: Iterable[tuple[int, Any]], now: datetime) -> Parsed[SignalIn]:
    """Check entries that were made here, by their positions."""
    parsed: Parsed[SignalIn] = Parsed()
    for index, entry in entries:
        _SIGNALS.entry(index, entry, now, parsed)
    return parsed


def parse_units(body: bytes, media_type: str, now: datetime) -> Parsed[UnitsIn]:
    """Read units shipped: one object, an array, or newline-delimited JSON."""
    return _joined(_slices(_UNITS, body, media_type, now))


def parse_skus(body: bytes, media_type: str, now: datetime) -> Parsed[SkuRow]:
    """Read SKUs in bulk: one object, an array, or newline-delimited JSON."""
    return _joined(_slices(_SKUS, body, media_type, now))


def without_owners(parsed: Parsed[SkuRow], unfit: Mapping[str, str]) -> Parsed[SkuRow]:
    """Reject the SKUs of owners who can't own one; `unfit` says of each why."""
    sound: Parsed[SkuRow] = Parsed(rejected=list(parsed.rejected))
    for index, item in parsed.items:
        if item.owner is None or item.owner not in unfit:
            sound.items.append((index, item))
            continue
        detail = f"{item.sku}: {unfit[item.owner]}"
        raw = item.model_dump_json(exclude_unset=True)[:MAX_RAW]
        sound.rejected.append(Rejected(index, "invalid_input", detail, "/owner", raw))
    sound.rejected.sort(key=lambda one: one.index)
    return sound


def _slices(reader: Reader[M], body: bytes, media_type: str, now: datetime) -> Iterator[Parsed[M]]:
    if media_type in LINES:
        yield from reader.lines(body, now)
    else:
        yield reader.whole(body, now)


def _joined(slices: Iterator[Parsed[M]]) -> Parsed[M]:
    whole: Parsed[M] = Parsed()
    for part in slices:
        whole.extend(part)
    return whole


def _parsed(body: bytes) -> Any:
    check_structure(body)
    return parse(body.decode())


def _events(tree: Any, is_batch: bool, now: datetime) -> Parsed[SignalIn]:
    if is_batch and not isinstance(tree, list):
        raise InvalidInput("A batch of CloudEvents is a JSON array.")
    events = tree if is_batch else [tree]
    _check_number(len(events))
    parsed: Parsed[SignalIn] = Parsed()
    for index, event in enumerate(events):
        try:
            signal = cloudevents.signal_of(event)
        except InvalidInput as refusal:
            parsed.rejected.append(rejected(index, refusal, shown(event, MAX_RAW)))
        else:
            _SIGNALS.entry(index, signal, now, parsed)
    return parsed


def _entries_of(tree: Any) -> list[Any]:
    entries = tree if isinstance(tree, list) else [tree]
    _check_number(len(entries))
    return entries


def _check_number(number: int) -> None:
    if number > MAX_ENTRIES:
        raise Refused("too_many", f"The array holds {number} entries.")


def _pairs_of(item: BaseModel) -> int:
    extra = item.__pydantic_extra__
    named = len(item.__pydantic_fields_set__)
    return named - len(extra) + pairs_in(extra) if extra else named


def _check_signal(signal: SignalIn, now: datetime) -> None:
    latest = now + AHEAD
    _check_past(signal.occurred_at, latest, "/occurred_at")
    if signal.observed_at is not None:
        _check_past(signal.observed_at, latest, "/observed_at")
    if signal.lacks_result:
        raise InvalidInput("required for inspection and telemetry", pointer="/result")
    if signal.extra:
        _check_extra(signal.extra)


def _check_units(units: UnitsIn, now: datetime) -> None:
    _check_past(units.shipped_at, now + AHEAD, "/shipped_at")


def _check_past(moment: datetime, latest: datetime, pointer: str) -> None:
    if moment > latest:
        detail = "more than 5 minutes ahead of this server's clock"
        raise InvalidInput(detail, pointer=pointer, code="future_dated")


def _check_extra(extra: Mapping[str, Any]) -> None:
    try:
        size = len(json.dumps(extra, ensure_ascii=False, allow_nan=False).encode())
    except ValueError:
        raise InvalidInput("A number is too large.", code="not_a_number") from None
    if size > MAX_EXTRA:
        raise InvalidInput(
            f"Fields outside the contract take {size} bytes; 16 KiB are kept.", code="too_large"
        )


def _accept_any(_sku: SkuRow, _now: datetime) -> None:
    """A SKU says nothing about time."""


_SIGNALS = Reader(SignalIn, _check_signal)
_UNITS = Reader(UnitsIn, _check_units)
_SKUS = Reader(SkuRow, _accept_any)
