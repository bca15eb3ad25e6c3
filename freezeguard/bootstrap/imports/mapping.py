"""How the columns of a file become the fields of the contract."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from freezeguard.domain.errors import InvalidInput

MOMENTS = frozenset({"occurred_at", "observed_at", "shipped_at"})
WHOLE_NUMBERS = frozenset({"units"})
_BARE_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WHOLE = re.compile(r"[0-9]{1,10}")


class ColumnMapping(BaseModel):
    """What to take from where.

    `columns` names the column of a field, `constants` are the same in every entry, `values`
    replaces values of a field. A column that nobody names keeps its name: as a field of the
    contract, else under `extra`. An empty cell is an absent field; a bare date is midnight UTC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    columns: dict[str, str] = Field(default_factory=dict, alias="map")
    constants: dict[str, str] = Field(default_factory=dict, alias="set")
    values: dict[str, dict[str, str]] = Field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Say whether entries stay as they are."""
        return not (self.columns or self.constants or self.values)

    def check_columns(self, header: Iterable[str]) -> None:
        """Raise InvalidInput where a column is named that the file has not got."""
        known = list(header)
        for field, column in self.columns.items():
            if column not in known:
                raise InvalidInput(
                    f"There is no column {column!r} for {field}; the file has {', '.join(known)}."
                )

    def apply(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row as an entry of the contract."""
        taken = set(self.columns.values())
        entry = {name: value for name, value in row.items() if name not in taken}
        for field, column in self.columns.items():
            entry.pop(field, None)
            if row.get(column) is not None:
                entry[field] = row[column]
        entry.update(self.constants)
        for field, replaced in self.values.items():
            if field in entry:
                entry[field] = replaced.get(str(entry[field]), entry[field])
        return {field: _typed(field, value) for field, value in entry.items()}


def _typed(field: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if field in MOMENTS and _BARE_DATE.fullmatch(value):
        return f"{value}T00:00:00Z"
    if field in WHOLE_NUMBERS and _WHOLE.fullmatch(value):
        return int(value)
    return value


def read_mapping(
    file: Path | None, columns: Iterable[str], constants: Iterable[str], values: Iterable[str]
) -> ColumnMapping:
    """Put a mapping together from a TOML file and from options, which win.

    Raises InvalidInput, or what pydantic and tomllib raise for the file.
    """
    loaded = ColumnMapping()
    if file is not None:
        loaded = ColumnMapping.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    replaced = dict(_values(text) for text in values)
    return ColumnMapping(
        columns={**loaded.columns, **dict(_pair(text, "--map") for text in columns)},
        constants={**loaded.constants, **dict(_pair(text, "--set") for text in constants)},
        values={**loaded.values, **replaced},
    )


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InvalidInput(f"{option} {text!r} is not of the form name=value.")
    return name.strip(), value.strip()


def _values(text: str) -> tuple[str, dict[str, str]]:
    field, colon, pairs = text.partition(":")
    if not (field and colon):
        raise InvalidInput(f"--values {text!r} is not of the form field:old=new,old=new.")
    return field.strip(), dict(_pair(one, "--values") for one in pairs.split(","))
