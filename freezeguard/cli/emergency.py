"""`freezeguard freeze --emergency`: straight to the catalogues."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from freezeguard.cli.failures import Exit, Failure
from freezeguard.cli.options import quiet_logs, read_settings
from freezeguard.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from freezeguard.bootstrap.settings import Settings
    from freezeguard.ports.catalogues import Level
    from freezeguard.ports.emergencies import EmergencyOrder
    from freezeguard.services.enforcing.emergency import Stopped

MOST_BYTES = 200


def check_that_it_is_one(given: Mapping[str, str | None]) -> None:
    """Raise Failure where an option is given that an emergency alone has."""
    if wrong := [f"--{name}" for name, value in given.items() if value is not None]:
        raise Failure(
            Exit.USAGE, "invalid_argument", f"{' and '.join(wrong)} only with --emergency."
        )


def stop_in_emergency(
    sku: str, *, reason: str, comment: str, catalogue: str | None, level: str | None,
    person: str | None, narrow: Mapping[str, str | None], as_json: bool,
) -> None:
    """Stop a SKU without the service; print what was seen, and what must be kept by hand.

    Raises Failure before anything is done.
    """
    from asyncio import run

    from freezeguard.bootstrap import emergency

    quiet_logs()
    settings = read_settings()
    _check_sku(sku)
    _check_whole(narrow, reason)
    _check_catalogue(settings, catalogue)
    order = emergency.new_order(
        sku, person=person, level=_level(level), reason_code=reason, comment=comment
    )
    stopped = run(emergency.stop_in_emergency(settings, order, catalogue))
    if as_json:
        print_json(_document(order, stopped))
    else:
        _print(settings, order, stopped)
    if not stopped.is_everywhere or stopped.to_keep:
        raise typer.Exit(Exit.BAD)


def _check_sku(sku: str) -> None:
    if not sku or len(sku.encode()) > MOST_BYTES or not sku.isprintable():
        raise Failure(
            Exit.USAGE, "invalid_argument",
            f"A SKU has 1 to {MOST_BYTES} bytes and no control characters.",
        )


def _check_whole(narrow: Mapping[str, str | None], reason: str) -> None:
    """Raise Failure where less than the whole SKU is meant, or more than a freeze."""
    from freezeguard.domain.reasons import AUTHORITY_REASON_CODE, PERSON_SENTENCES

    if wrong := [f"--{name}" for name, value in narrow.items() if value is not None]:
        raise Failure(
            Exit.USAGE, "invalid_argument",
            f"An emergency stops the whole SKU: leave out {' and '.join(wrong)}.",
        )
    if reason not in PERSON_SENTENCES:
        known = ", ".join(PERSON_SENTENCES)
        raise Failure(Exit.USAGE, "invalid_argument", f"--reason is one of {known}.")
    if reason == AUTHORITY_REASON_CODE:
        raise Failure(
            Exit.USAGE, "invalid_argument",
            "Stop it as safety_hazard now; compliance registers the order once the service is "
            "back.",
        )


def _check_catalogue(settings: "Settings", catalogue: str | None) -> None:
    known = ", ".join(sorted(settings.catalogues)) or "none"
    if not settings.catalogues or (catalogue is not None and catalogue not in settings.catalogues):
        raise Failure(
            Exit.USAGE, "no_such_catalogue", f"{catalogue or 'None'} is not configured; "
            f"known: {known}." if settings.catalogues else
            "No catalogue is configured: give the service's own settings (FREEZEGUARD_CONFIG).",
        )


def _level(given: str | None) -> "Level | None":
    match given:
        case None | "hide" | "hard":
            return given
        case _:
            raise Failure(Exit.USAGE, "invalid_argument", "--level is hide or hard.")


def _document(order: "EmergencyOrder", stopped: "Stopped") -> dict[str, object]:
    return {
        "order": str(order.id), "sku": order.sku, "at": order.at.isoformat(), "by": order.by,
        "as": order.person, "stopped": stopped.is_everywhere,
        "catalogues": [asdict(one) for one in stopped.seen],
        "journaled": not stopped.to_keep, "to_keep": [dict(one) for one in stopped.to_keep],
    }


def _print(settings: "Settings", order: "EmergencyOrder", stopped: "Stopped") -> None:
    print_table(
        ("catalogue", "object", "seen", "detail"),
        [(one.catalogue, one.remote_id or "–", one.outcome.replace("_", " "), one.detail)
         for one in stopped.seen],
    )
    if stopped.is_everywhere:
        print(f"{order.sku} is not sold any more.")
    else:
        print(f"{order.sku} is NOT seen stopped everywhere. Stop it there by hand, or repeat this.")
    if not stopped.to_keep:
        say(f"Order {order.id} is in {settings.journal_file}; a replica of this machine makes a "
            "freeze of it once the database is back.")
        return
    say(f"The journal {settings.journal_file} could not be written: {stopped.problem}. KEEP these "
        "lines: add them to it before a replica starts here. They alone say how to put it back.")
    for line in stopped.to_keep:
        print(json.dumps(line))
