"""Reads a shop's past from files, for a backtest: no database, and nothing leaves the process."""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import islice
from operator import attrgetter
from pathlib import Path
from sys import intern
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from freezeguard.api import batches
from freezeguard.api.batches import Parsed, Rejected
from freezeguard.api.json_text import parse
from freezeguard.api.models.requests import RuleIn
from freezeguard.api.models.signals import SignalIn
from freezeguard.api.models.units import UnitsIn
from freezeguard.bootstrap.imports.files import PARQUET, Entry, Format, open_file
from freezeguard.bootstrap.pastrows import PastSignal, PastUnits, customer_mark, reference_mark
from freezeguard.detection.backtest.items import Item
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.errors import FreezeguardError, InvalidInput
from freezeguard.domain.masking import mask
from freezeguard.domain.rules import Rule, read_rule, refuse_what_never_speaks
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity

LINES = "application/x-ndjson"
SLICE = 500
SAMPLES = 20
ALERT_COLUMNS = ("alert_date", "recall_date", "date")
ORDER = attrgetter("occurred_at", "source", "id")
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
_SEVERITIES = {one.word: one for one in Severity}

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True)
class Past:
    """What was read so far. `repeated` are signals whose identity came before.

    `units` are the entries of units shipped that fit. Of what was rejected, the first are kept.
    `start` and `end` are the first and the last moment that anything is known of.
    """

    items: dict[str, Item] = field(default_factory=dict)
    signals: int = 0
    repeated: int = 0
    rejected: int = 0
    samples: list[Rejected] = field(default_factory=list)
    units: int = 0
    units_rejected: int = 0
    units_samples: list[Rejected] = field(default_factory=list)
    start: datetime = LATEST
    end: datetime = EARLIEST

    @property
    def without_units(self) -> int:
        """Return of how many items nobody reported units shipped."""
        return sum(not one.shipments for one in self.items.values())

    def add(self, item: Item) -> None:
        """Take in an item of which all is known."""
        self.items[item.sku] = item
        self.start, self.end = min(self.start, item.first), max(self.end, item.last)


Progress = Callable[[int], None]


def read_past(
    signals: Iterable[PastSignal | Entry],
    units: Iterable[PastUnits | Entry],
    now: datetime,
    *,
    may_assert_safety: bool = False,
    progress: Progress | None = None,
    units_progress: Progress | None = None,
) -> Past:
    """Read signals and units shipped, by the checks that the API has.

    `vendor` and `category` of a signal, which the contract does not name, are taken as those of
    its SKU. Of several entries with one identity the first counts. `progress` and
    `units_progress` are told how many entries have been read.
    """
    past = Past()
    streams, about = _read_signals(past, signals, now, may_assert_safety, progress)
    shipped = _read_units(past, units, now, units_progress)
    for sku in dict.fromkeys([*streams, *shipped] if streams else ()):
        stream = streams.pop(sku, [])
        stream.sort(key=ORDER)  # once, and every rule finds it sorted
        past.add(Item(sku, stream, shipped.get(sku, ()), *about.get(sku, (None, None))))
    return past


Streams = dict[str, list[Observed]]
About = dict[str, tuple[str | None, str | None]]


def _read_signals(
    past: Past, entries: Iterable[PastSignal | Entry], now: datetime, may_assert_safety: bool,
    progress: Progress | None,
) -> tuple[Streams, About]:
    streams: Streams = {}
    about: About = {}
    known: dict[str, set[str]] = {}
    scopes: dict[Scope, Scope] = {}
    slices = _slices(
        entries, lambda body: batches.parse_signals(body, LINES, {}, now),
        lambda one: _past_signal(one, may_assert_safety, scopes),
    )
    for found, rejected in slices:
        for observed, vendor, category in found:
            if _is_repeated(known, observed.source, observed.id):
                past.repeated += 1
                continue
            sku = observed.scope.sku
            if sku not in streams:
                streams[sku], about[sku] = [], (vendor, category)
            streams[sku].append(observed)
        past.signals += len(found)
        past.rejected += len(rejected)
        past.samples += rejected[: SAMPLES - len(past.samples)]
        if progress is not None:
            progress(past.signals)
    return streams, about


def _read_units(
    past: Past, entries: Iterable[PastUnits | Entry], now: datetime, progress: Progress | None
) -> dict[str, list[Shipment]]:
    shipped: dict[str, list[Shipment]] = {}
    known: dict[str, set[str]] = {}
    slices = _slices(entries, lambda body: batches.parse_units(body, LINES, now), _past_units)
    for found, rejected in slices:
        for source, id_, shipment in found:
            if not _is_repeated(known, source, id_):
                shipped.setdefault(shipment.scope.sku, []).append(shipment)
        past.units += len(found)
        past.units_rejected += len(rejected)
        past.units_samples += rejected[: SAMPLES - len(past.units_samples)]
        if progress is not None:
            progress(past.units)
    return shipped


def _is_repeated(known: dict[str, set[str]], source: str, id_: str) -> bool:
    """Say whether an identity came before, and remember it."""
    ids = known.setdefault(source, set())
    before = len(ids)
    ids.add(id_)
    return len(ids) == before


def _slices(
    entries: Iterable[T | Entry], read: Callable[[bytes], Parsed[M]], made: Callable[[M], T]
) -> Iterator[tuple[list[T], list[Rejected]]]:
    """Yield what came of some entries at a time, in their order; `read` judges those in doubt."""
    remaining, first = iter(entries), 0
    while part := list(islice(remaining, SLICE)):
        yield _judged(part, first, read, made)
        first += len(part)


def _judged(
    part: Sequence[T | Entry], first: int, read: Callable[[bytes], Parsed[M]],
    made: Callable[[M], T],
) -> tuple[list[T], list[Rejected]]:
    found: dict[int, T] = {}
    sound: list[int] = []
    lines: list[bytes] = []
    rejected: list[Rejected] = []
    for n, one in enumerate(part):
        if not isinstance(one, Entry):
            found[n] = one
        elif one.flaw is None:
            sound.append(n)
            lines.append(one.line)
        else:
            rejected.append(Rejected(first + n, *one.flaw, "", ""))
    if lines:
        parsed = read(b"\n".join(lines))
        found |= {sound[n]: made(one) for n, one in parsed.items}
        rejected += [replace(one, index=first + sound[one.index]) for one in parsed.rejected]
    in_order = sorted(found) if lines else found
    return [found[n] for n in in_order], rejected


def _past_signal(
    one: SignalIn, may_assert_safety: bool, scopes: dict[Scope, Scope]
) -> PastSignal:
    scope = Scope(one.sku, one.seller, one.channel, one.country, one.lot)
    observed = Observed(
        scopes.setdefault(scope, scope), one.occurred_at, intern(one.source), one.id, 0,
        Kind(one.kind), intern(one.intent), _SEVERITIES[one.severity], one.result,
        None if one.customer is None else customer_mark(one.customer), may_assert_safety,
        marks=one.marks(reference_mark, one.masked_text(mask)),
    )  # fmt: skip
    return observed, one.extra.get("vendor"), one.extra.get("category")


def _past_units(row: UnitsIn) -> PastUnits:
    scope = Scope(row.sku, row.seller, row.channel, row.country, row.lot)
    return row.source, row.id, Shipment(scope, row.shipped_at, row.units)


def read_alerts(path: Path, column: str | None) -> dict[str, datetime]:
    """Read known defects: a CSV or Parquet with `sku`, and the day on which the alert was given.

    Raises InvalidInput where a column is missing or a day is none.
    """
    form: Format = "parquet" if path.suffix.lower() in PARQUET else "csv"
    with open_file(path, form, None) as file, file.saying_what_is_wrong():
        header, rows = file.table()
        dated = column or next((one for one in ALERT_COLUMNS if one in header), ALERT_COLUMNS[0])
        for wanted in ("sku", dated):
            if wanted not in header:
                raise InvalidInput(
                    f"{path.name} has no column {wanted!r}; it has {', '.join(header)}."
                )
        found: dict[str, datetime] = {}
        for row in rows:
            cells = dict(zip(header, row, strict=False))
            if any(row):
                _take_alert(found, path.name, cells.get("sku", ""), cells.get(dated, ""))
    return found


def _take_alert(found: dict[str, datetime], name: str, sku: str, day: str) -> None:
    try:
        moment = _moment(day)
    except ValueError:
        raise InvalidInput(f"{name}: {day!r} of {sku} is no day.") from None
    found[sku] = min(moment, found.get(sku, moment))


def _moment(text: str) -> datetime:
    if len(text) == len("2026-11-26"):
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def read_rules(paths: Iterable[Path]) -> tuple[Rule, ...]:
    """Read rules from JSON or TOML files: one rule each, or several under `rules`.

    Raises InvalidInput with what is wrong and where.
    """
    return tuple(_rule(path, body) for path in paths for body in _bodies(path))


def _bodies(path: Path) -> list[Any]:
    try:
        text = path.read_text(encoding="utf-8")
        body = tomllib.loads(text) if path.suffix == ".toml" else parse(text)
    except (ValueError, FreezeguardError) as error:
        raise InvalidInput(f"{path.name} can't be read: {error}") from None
    several = body.get("rules") if isinstance(body, dict) else None
    if isinstance(several, list):
        return several
    if not isinstance(body, dict) or several is not None:
        raise InvalidInput(f"{path.name} holds no rule, and no list of `rules`.")
    return [{"id": path.stem, **body}]


def _rule(path: Path, body: Any) -> Rule:
    try:
        sent = RuleIn.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(str(one) for one in first["loc"])
        raise InvalidInput(f"{path.name}: {where}: {first['msg']}.") from None
    body = sent.model_dump(mode="json", exclude_none=True)
    return refuse_what_never_speaks(read_rule(body, 1))
