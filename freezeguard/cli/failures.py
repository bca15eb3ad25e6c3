"""How a command ends.

| exit code | means |
|---|---|
| 0 | done |
| 1 | looked, and the answer is bad: a check failed, a promise was broken, entries were rejected |
| 2 | wrong usage, wrong settings, or a file that can't be read |
| 3 | the database, the service or a catalogue can't be reached |
| 4 | refused: by the service (its problem code is shown) or by a rule of freezeguard |
| 130 | interrupted |

The reason goes to stderr. With `--json` stdout has one JSON document and nothing else; where the
command failed that is `{"error": {"code", "detail"}}`.
"""

import contextlib
import json
import sys
from collections.abc import Iterator
from enum import IntEnum

import typer


class Exit(IntEnum):
    """Exit codes."""

    DONE = 0
    BAD = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    INTERRUPTED = 130


class Failure(Exception):
    """A command that can't go on: `code` is a stable word, `detail` says what helps."""

    def __init__(self, exit_code: Exit, code: str, detail: str) -> None:
        super().__init__(detail)
        self.exit_code, self.code, self.detail = exit_code, code, detail


@contextlib.contextmanager
def reported(*, as_json: bool) -> Iterator[None]:
    """Turn what commands raise into one message and an exit code."""
    try:
        yield
    except (typer.Exit, typer.Abort, SystemExit):
        raise
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None
    except BrokenPipeError:
        sys.stdout = None  # nothing can be flushed at the end
        raise typer.Exit(Exit.BAD) from None
    except Exception as error:
        failure = as_failure(error)
        if failure is None:
            raise
        if as_json:
            print(json.dumps({"error": {"code": failure.code, "detail": failure.detail}}))
        print(f"freezeguard: {failure.detail}", file=sys.stderr)
        raise typer.Exit(failure.exit_code) from None


def as_failure(error: Exception) -> Failure | None:
    """Return what an error means to whoever typed the command; None for a fault of ours."""
    from pydantic import ValidationError

    if isinstance(error, Failure):
        return error
    if isinstance(error, ValidationError):
        return Failure(Exit.USAGE, "invalid_input", _misfits(error))
    return _of_database(error) or _of_files(error)


def _misfits(error: Exception) -> str:
    from pydantic import ValidationError

    from freezeguard.api.models.misfits import in_words

    assert isinstance(error, ValidationError)  # noqa: S101 - the caller has asked
    lines = [
        f"  {'.'.join(map(str, one['loc'])) or 'all in all'}: {in_words(one)}"
        for one in error.errors(include_url=False, include_input=False)
    ]
    about = "The settings don't fit" if error.title.endswith("Settings") else "That does not fit"
    return "\n".join([f"{about}:", *lines])


def _of_database(error: Exception) -> Failure | None:
    from asyncpg import ClientConfigurationError, InterfaceError, PostgresError

    from freezeguard.bootstrap.database import DatabaseUnfit, NoDatabase
    from freezeguard.domain.errors import FreezeguardError, Unavailable
    from freezeguard.storage.embedded import EmbeddedError
    from freezeguard.storage.migrations import MigrationError

    if isinstance(error, FreezeguardError):
        away = isinstance(error, Unavailable)
        return Failure(Exit.UNREACHABLE if away else Exit.REFUSED, error.code, error.detail)
    if isinstance(error, DatabaseUnfit | MigrationError):
        return Failure(Exit.REFUSED, "database_unfit", str(error))
    if isinstance(error, EmbeddedError):
        return Failure(Exit.UNREACHABLE, "embedded_database", str(error))
    if isinstance(error, NoDatabase):
        return Failure(Exit.UNREACHABLE, "no_database", str(error))
    if isinstance(error, ClientConfigurationError):
        return Failure(Exit.USAGE, "invalid_settings", f"FREEZEGUARD_DATABASE_URL: {error}")
    if isinstance(error, PostgresError | InterfaceError):
        return Failure(
            Exit.UNREACHABLE, "database",
            f"The database says: {error}. Mend FREEZEGUARD_DATABASE_URL, or the role that it "
            "names; `freezeguard doctor` looks closer.",
        )
    return None


def _of_files(error: Exception) -> Failure | None:
    from socket import gaierror
    from tomllib import TOMLDecodeError

    from freezeguard.bootstrap.settings import SettingsUnfit
    from freezeguard.catalogues.configuration import CatalogueConfigurationError

    if isinstance(error, CatalogueConfigurationError | SettingsUnfit):
        return Failure(Exit.USAGE, "invalid_settings", str(error))
    if isinstance(error, TOMLDecodeError):
        return Failure(Exit.USAGE, "invalid_toml", f"A TOML file can't be read: {error}")
    if isinstance(error, ConnectionError | TimeoutError | gaierror):
        return Failure(Exit.UNREACHABLE, "unreachable", str(error) or type(error).__name__)
    if isinstance(error, OSError) and error.filename is not None:
        why = error.strerror or type(error).__name__
        return Failure(Exit.USAGE, "os_error", f"{error.filename}: {why}.")
    if isinstance(error, OSError):
        return Failure(Exit.USAGE, "os_error", str(error))
    return None
