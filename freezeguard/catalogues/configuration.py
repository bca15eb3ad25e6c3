"""What goes wrong in the configuration of a catalogue, said by table and key."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

_SECRET = re.compile(r"\{(env|file):([^{}]+)\}")

_CLEARER = {
    "extra_forbidden": "unknown key",
    "missing": "is missing",
}


class CatalogueConfigurationError(ValueError):
    """A catalogue can't be opened as it is configured.

    `problems` pairs a key path such as `catalogues.shop.stop.path` with what is wrong there.
    Values never appear in it: they may be secret.
    """

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{place}: {text}" for place, text in self.problems))


def problems_of(name: str, error: ValidationError) -> list[tuple[str, str]]:
    """Translate what pydantic found in `[catalogues.<name>]`."""
    return [
        (
            ".".join(("catalogues", name, *map(str, problem["loc"]))),
            _CLEARER.get(problem["type"], problem["msg"].removeprefix("Value error, ")),
        )
        for problem in error.errors(include_url=False, include_input=False)
    ]


def reveal(text: str, environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """Replace `{env:NAME}` and `{file:PATH}`; return the text and the secrets that went into it.

    A file's trailing line end is not part of the secret. Raises `ValueError` where a name or a
    file is missing or empty.
    """
    secrets: list[str] = []

    def look_up(found: re.Match[str]) -> str:
        secret = _from_environment(found[2], environment) if found[1] == "env" else _file(found[2])
        secrets.append(secret)
        return secret

    return _SECRET.sub(look_up, text), secrets


def _from_environment(name: str, environment: Mapping[str, str]) -> str:
    secret = environment.get(name, "")
    if not secret:
        raise ValueError(f"the environment variable {name} is not set")
    return secret


def _file(path: str) -> str:
    try:
        secret = Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        raise ValueError(f"the file {path} can't be read: {type(error).__name__}") from None
    if not secret:
        raise ValueError(f"the file {path} is empty")
    return secret
