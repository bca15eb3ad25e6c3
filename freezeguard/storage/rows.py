"""Turn rows into values."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import asyncpg

from freezeguard.domain.scope import Scope


def scope_of(row: asyncpg.Record) -> Scope:
    """Read the five fields of a scope; rows of one SKU that lie together share theirs."""
    return _scope(row["sku"], row["seller"], row["channel"], row["country"], row["lot"])


_scope = lru_cache(maxsize=1024)(Scope)


def narrowing_of(scope: Scope) -> tuple[str | None, str | None, str | None, str | None]:
    """Return the narrowing fields in the order in which tables and queries have them."""
    return scope.seller, scope.channel, scope.country, scope.lot


def affected(status: str) -> int:
    """Return how many rows a command touched, from what the server said: `UPDATE 3`."""
    return int(status.rpartition(" ")[2])


def in_json_types(row: asyncpg.Record | Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as JSON has it: times as RFC 3339, ids and money as text."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
        case Decimal():
            return money(value)
        case _:
            return value


def money(amount: Decimal) -> str:
    """Write an amount with two decimals, or with as many as it needs."""
    text = f"{amount:.4f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"
