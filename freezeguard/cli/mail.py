"""`freezeguard mail`: mails that reach the shop in answer to notices.

| exit code | means | what the mail server does |
|---|---|---|
| 0 | taken: a comment, a bounce, or ignored because no person wrote it | nothing |
| 65 | can't be read, or takes too long to read | returns it |
| 67 | no case is meant | returns it |
| 75 | the database can't be reached, or a fault of ours | keeps it and tries again |
| 77 | the sender may not write to this case, or the case is closed | returns it |
| 78 | the settings don't fit | keeps or returns it |

These are the codes of `sysexits.h`, which mail servers know; all other commands have their own.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated

import typer

from freezeguard.cli.failures import Exit, as_failure
from freezeguard.cli.options import AsJson, examples, quiet_logs, read_settings
from freezeguard.cli.output import print_json

if TYPE_CHECKING:
    from freezeguard.bootstrap.settings import Settings
    from freezeguard.services.delivering.receiving import Taken

READING_SECONDS = 30.0
"""Seconds of the processor for one mail: no mail needs one, whatever is in it."""

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


class MailExit(IntEnum):
    """Exit codes that mail servers know."""

    TAKEN = 0
    UNREADABLE = 65
    NO_CASE = 67
    TRY_AGAIN = 75
    NOT_ALLOWED = 77
    SETTINGS = 78


@app.callback()
def _group() -> None:
    """Keep `receive` a command of its own."""


@app.command(
    "receive",
    short_help="Take one mail from standard input.",
    help=examples(
        "freezeguard mail receive --recipient quality+1042@shop.example < mail.eml",
        text="Take one mail from standard input, as a mail server pipes it: the words of somebody "
        "known are stored as a comment on the case, a report of a mail server marks a notice as "
        "bounced. Exit codes are those that mail servers know: 0 taken, 65 unreadable, 67 no "
        "case, 75 try again, 77 not allowed, 78 settings.",
    ),
)
def receive(
    *,
    recipient: Annotated[
        str | None, typer.Option(help="The address that the mail server took it for.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take one mail."""
    quiet_logs()
    try:
        with at_most(READING_SECONDS):
            taken = _take(read_settings(), recipient)
    except Exception as error:  # noqa: BLE001 - whatever it is, the mail must not be lost
        code, detail = meaning_of(error)
        if as_json:
            print_json({"error": {"code": code.name.lower(), "detail": detail}})
        print(f"freezeguard: {detail}", file=sys.stderr)
        raise typer.Exit(code) from None
    if as_json:
        print_json({"outcome": taken.outcome, "case": taken.case})
    else:
        print(f"{taken.outcome}" + (f": case {taken.case}" if taken.case else ""))


def _take(settings: "Settings", recipient: str | None) -> "Taken":
    from asyncio import run

    from freezeguard.bootstrap.receiving import SIZE_LIMIT, take_mail

    raw = sys.stdin.buffer.read(SIZE_LIMIT + 1)
    return run(take_mail(settings, raw, recipient))


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Refuse a mail that keeps the processor busy for longer; waiting for others is not counted.

    Raises MailUnreadableError.
    """
    from freezeguard.ports.mails import MailUnreadableError

    def give_up(*_: object) -> None:
        raise MailUnreadableError("The mail takes too long to read.")

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def meaning_of(error: Exception) -> tuple[MailExit, str]:
    """Return the exit code for an error, and what a mail server may tell the sender."""
    from freezeguard.domain.errors import IllegalTransition, NotAllowed, NotFound
    from freezeguard.ports.mails import MailUnreadableError

    match error:
        case MailUnreadableError():
            return MailExit.UNREADABLE, str(error)
        case NotFound():
            return MailExit.NO_CASE, error.detail
        case NotAllowed():
            return MailExit.NOT_ALLOWED, error.detail
        case IllegalTransition():
            return MailExit.NOT_ALLOWED, f"The case is closed: {error.detail}"
        case _:
            failure = as_failure(error)
    if failure is None:
        return MailExit.TRY_AGAIN, f"A fault of freezeguard: {type(error).__name__}: {error}"
    settings = failure.exit_code is Exit.USAGE
    return MailExit.SETTINGS if settings else MailExit.TRY_AGAIN, failure.detail
