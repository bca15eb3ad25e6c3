"""Reads a shop's past from files, for a backtest: no database, and nothing leaves the process."""

import csv
import gzip
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from freezeguard.api import batches
from freezeguard.api.batches import Parsed, Rejected
from freezeguard.api.json_text import parse
from freezeguard.api.models.requests import RuleIn
from freezeguard.api.models.signals import SignalIn
from freezeguard.api.models.units import UnitsIn
from freezeguard.bootstrap.imports.files import Entry
from freezeguard.detection.backtest.items import Item
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.errors import FreezeguardError, InvalidInput
from freezeguard.domain.rules import Rule, read_rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity

LINES = "application/x-ndjson"
SLICE = 500
ALERT_COLUMNS = ("alert_date", "recall_date", "date")
_SEVERITIES = {one.word: one for one in Severity}


@dataclass(slots=True)
class Past:
    """What was read so far. `repeated` are signals whose identity came before.

    `units` are the entries of units shipped that fit. Of what was rejected, the first are kept.
    """

    items: dict[str, Item] = field(default_factory=dict)
    signals: int = 0
    repeated: int = 0
    rejected: int = 0
    samples: list[Rejected] = field(default_factory=list)
    units: int = 0
    units_rejected: int = 0
    units_samples: list[Rejected] = field(default_factory=list)

    @property
    def without_units(self) -> int:
        """Return of how many items nobody reported units shipped."""
        return sum(not one.shipments for one in self.items.values())

    @property
    def start(self) -> datetime:
        """Return the first moment that anything is known of."""
        return min(one.first for one in self.items.values())

    @property
    def end(self) -> datetime:
        """Return the last moment that anything is known of. Raises InvalidInput without any."""
        if not self.items:
            raise InvalidInput("There is not one signal to go by.")
        return max(one.last for one in self.items.values())


def read_past(
    signals: Iterable[Entry],
    units: Iterable[Entry],
    now: datetime,
    *,
    may_assert_safety: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Past:
    """Read signals and units shipped, by the checks that the API has.

    `vendor` and `category` of a signal, which the contract does not name, are taken as those of
    its SKU. Of several signals with one identity the first counts.
    """
    past, streams, about = Past(), dict[str, list[Observed]](), dict[str, tuple[Any, Any]]()
    known: set[bytes] = set()
    for parsed in _slices(signals, lambda body: batches.parse_signals(body, LINES, {}, now)):
        for _, one in parsed.items:
            identity = blake2b(f"{one.source}\0{one.id}".encode(), digest_size=12).digest()
            if identity in known:
                past.repeated += 1
                continue
            known.add(identity)
            streams.setdefault(one.sku, []).append(_observed(one, may_assert_safety))
            about.setdefault(one.sku, (one.extra.get("vendor"), one.extra.get("category")))
        _count(past, parsed, progress)
    shipped: dict[str, list[Shipment]] = {}
    for of_units in _slices(units, lambda body: batches.parse_units(body, LINES, now)):
        for _, row in of_units.items:
            shipped.setdefault(row.sku, []).append(_shipment(row))
        past.units += len(of_units.items)
        past.units_rejected += len(of_units.rejected)
        past.units_samples += of_units.rejected[: 20 - len(past.units_samples)]
    for sku in dict.fromkeys([*streams, *shipped] if streams else ()):
        vendor, category = about.get(sku, (None, None))
        past.items[sku] = Item(sku, streams.get(sku, ()), shipped.get(sku, ()), vendor, category)
    return past


def _count(past: Past, parsed: Parsed[Any], progress: Callable[[int], None] | None) -> None:
    past.signals += len(parsed.items)
    past.rejected += len(parsed.rejected)
    past.samples += parsed.rejected[: 20 - len(past.samples)]
    if progress is not None:
        progress(past.signals)


def _slices(
    entries: Iterable[Entry], read: Callable[[bytes], Parsed[Any]]
) -> Iterator[Parsed[Any]]:
    remaining, first = iter(entries), 0
    while part := list(islice(remaining, SLICE)):
        sound = [n for n, one in enumerate(part) if one.flaw is None]
        parsed = read(b"\n".join(part[n].line for n in sound)) if sound else Parsed()
        yield Parsed(parsed.items, [
            *(replace(one, index=first + sound[one.index]) for one in parsed.rejected),
            *(Rejected(first + n, *one.flaw, "", "") for n, one in enumerate(part) if one.flaw),
        ])  # fmt: skip
        first += len(part)


def _observed(one: SignalIn, may_assert_safety: bool) -> Observed:
    customer = None
    if one.customer is not None:
        customer = blake2b(one.customer.casefold().encode(), digest_size=16).digest()
    return Observed(
        Scope(one.sku, one.seller, one.channel, one.country, one.lot), one.occurred_at, one.source,
        one.id, 0, Kind(one.kind), one.intent, _SEVERITIES[one.severity], one.result, customer,
        may_assert_safety,
    )  # fmt: skip


def _shipment(row: UnitsIn) -> Shipment:
    scope = Scope(row.sku, row.seller, row.channel, row.country, row.lot)
    return Shipment(scope, row.shipped_at, row.units)


def read_alerts(path: Path, column: str | None) -> dict[str, datetime]:
    """Read known defects: a CSV with `sku`, and the day on which the alert was given.

    Raises InvalidInput where a column is missing or a day is none.
    """
    opened: Any = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        return _alerts(path.name, file, column)


def _alerts(name: str, file: IO[str], column: str | None) -> dict[str, datetime]:
    rows = csv.DictReader(file)
    columns = rows.fieldnames or ()
    dated = column or next((one for one in ALERT_COLUMNS if one in columns), "alert_date")
    for wanted in ("sku", dated):
        if wanted not in columns:
            raise InvalidInput(
                f"{name} has no column {wanted!r}; it has {', '.join(columns) or 'none'}."
            )
    found: dict[str, datetime] = {}
    for row in rows:
        try:
            moment = _moment(row[dated])
        except ValueError:
            raise InvalidInput(f"{name}: {row[dated]!r} of {row['sku']} is no day.") from None
        found[row["sku"]] = min(moment, found.get(row["sku"], moment))
    return found


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
    return read_rule(sent.model_dump(mode="json", exclude_none=True), 1)
