"""Periods that laws set, as data: law.toml beside this file, and what a shop adds to it."""

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from freezeguard.domain.legal import LegalClock, StartsOn, StopsOn, Unit


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a jurisdiction counts its days; None stands for the shop's own country or zone.

    `members` are the countries whose authorities give orders under its law.
    """

    country: str | None = None
    zone: str | None = None
    members: tuple[str, ...] = ()


@cache
def seats() -> Mapping[str, Seat]:
    """Return by whose calendar each jurisdiction counts that we know of."""
    tables = _law()["jurisdictions"].items()
    return {
        name: Seat(**{**table, "members": tuple(table.get("members", ()))})
        for name, table in tables
    }


def legal_clocks(
    jurisdictions: Collection[str], further: Iterable[LegalClock] = ()
) -> tuple[LegalClock, ...]:
    """Return the clocks of the jurisdictions that a shop sells in, and of the unions they are in.

    Its own rows come on top, for whatever jurisdiction: one of a kind that we ship replaces ours,
    and one whose `amount` is 0 takes it away.
    """
    concerned = {*jurisdictions, *_unions_of(jurisdictions)}
    shipped = (clock_of(row) for row in _law()["clocks"] if row["jurisdiction"] in concerned)
    rows = {one.kind: one for one in (*shipped, *further)}
    return tuple(one for one in rows.values() if one.amount)


def _unions_of(jurisdictions: Collection[str]) -> set[str]:
    """Return the unions to which some countries, or parts of countries, belong."""
    countries = {one.partition("-")[0] for one in jurisdictions}
    return {union for union, seat in seats().items() if countries.intersection(seat.members)}


def clock_of(row: Mapping[str, Any]) -> LegalClock:
    """Read one row. Raises ValueError, KeyError or TypeError where it does not fit."""
    typed = {
        "starts_on": StartsOn(row["starts_on"]),
        "stops_on": StopsOn(row["stops_on"]),
        "unit": Unit(row["unit"]),
        "warn_at": tuple(row["warn_at"]),
    }
    return LegalClock(**{**row, **typed})


@cache
def _law() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("law.toml").read_text("utf-8"))
