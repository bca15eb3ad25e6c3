"""Draws docs/settings.md from the settings themselves."""

import inspect
from collections.abc import Iterator
from datetime import time, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from freezeguard.bootstrap.inbound_settings import InboundMap, InboundSettings
from freezeguard.bootstrap.settings import Settings
from freezeguard.domain.payloads import When
from freezeguard.domain.rules import format_window

_HEAD = """# Settings

Settings come from `freezeguard.toml` in the working directory (or the file that
`FREEZEGUARD_CONFIG` names); variables of the environment win over the file. A table of the file
becomes a prefix: `[mail] host` is `FREEZEGUARD_MAIL__HOST`. Durations are written `90s`, `15m`,
`24h`, `14d`. This page is drawn from the code by `make docs`; a test notices when it is stale.
"""


def document() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *_tables()]) + "\n"


def _tables() -> Iterator[str]:
    plain = {name: one for name, one in Settings.model_fields.items() if not _model(one)}
    yield from _table("Top level", "", plain)
    for name, one in Settings.model_fields.items():
        model = _model(one)
        if model is not None:
            yield f"## [{name}]\n"
            yield (model.__doc__ or "").strip() + "\n"
            yield from _rows(f"{name.upper()}__", model.model_fields)
    yield from _inbound()


def _inbound() -> Iterator[str]:
    """Draw the tables that stand once per name."""
    prefix = "INBOUND__NAME__"
    yield from _named("inbound.NAME", prefix, InboundSettings)
    yield from _named("inbound.NAME.map", f"{prefix}MAP__", InboundMap)


def _named(title: str, prefix: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"## [{title}]\n"
    yield inspect.cleandoc(model.__doc__ or "") + "\n"
    fields = {name: one for name, one in model.model_fields.items() if _model(one) is None}
    yield from _rows(prefix, fields)


def _table(title: str, prefix: str, fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield f"## {title}\n"
    yield from _rows(prefix, fields)


def _rows(prefix: str, fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield "| setting | variable | default | meaning |"
    yield "|---|---|---|---|"
    for name, one in fields.items():
        variable = f"FREEZEGUARD_{prefix}{name.upper()}"
        yield f"| `{name}` | `{variable}` | {_default(one.default)} | {one.description} |"
    yield ""


def _model(one: FieldInfo) -> type[BaseModel] | None:
    kind = one.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _default(value: Any) -> str:
    match value:
        case None | "" | When():
            return "–"
        case bool():
            return f"`{str(value).lower()}`"
        case timedelta():
            return f"`{format_window(value)}`"
        case Path():
            return f"`{value.as_posix()}`"
        case {} | ():
            return "–"
        case tuple():
            return f"`{', '.join(map(str, value))}`"
        case time():
            return f"`{value:%H:%M}`"
        case frozenset():
            return f"`{sorted(value)}`"
        case _ if value is PydanticUndefined:
            return "required"
        case _:
            return f"`{value}`"
