"""`freezeguard serve`."""

import errno
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples, read_settings

if TYPE_CHECKING:
    from freezeguard.bootstrap.running import Started

HELP = examples(
    "freezeguard serve",
    "FREEZEGUARD_PORT=9000 freezeguard serve",
    "freezeguard serve --settings trial.json --json",
    text="Run one replica of the service until SIGTERM or Ctrl-C; a second signal ends it at "
    "once. At the very first start it prints a token of the person `admin`, this once. Logs go "
    "to stderr.",
)


def serve(
    *,
    as_json: AsJson = False,
    settings_file: Annotated[
        Path | None,
        typer.Option("--settings", help="JSON object of settings; wins over everything else."),
    ] = None,
) -> None:
    """Run the service."""
    from freezeguard.bootstrap.logging import configure_logging

    with reported(as_json=as_json):
        settings = read_settings(settings_file)
        configure_logging(settings.log_format, settings.log_level)
        from freezeguard.bootstrap import running

        try:
            running.run(running.serve(settings, _announce_json if as_json else _announce))
        except OSError as error:
            raise _about_address(error, settings.host, settings.port) or error from None


def _about_address(error: OSError, host: str, port: int) -> Failure | None:
    if error.errno == errno.EADDRINUSE:
        return Failure(
            Exit.USAGE, "port_taken",
            f"Port {port} of {host} is taken by another program, perhaps by a service that runs "
            "already; set FREEZEGUARD_PORT to a free one.",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return Failure(
            Exit.USAGE, "invalid_host",
            f"This machine has no address {host}; mend FREEZEGUARD_HOST.",
        )
    return None


def _announce_json(started: "Started") -> None:
    from freezeguard.cli.output import print_json

    document = {"url": started.url, "unsafe_for_production": list(started.unsafe)}
    if started.admin_token is not None:
        document["admin_token"] = started.admin_token
    print_json(document)


def _announce(started: "Started") -> None:
    lines = [f"freezeguard serves at {started.url}", f"  its console: {started.url}/console",
             f"  its documentation: {started.url}/docs", f"  its process: {os.getpid()}"]
    if started.admin_token is not None:
        lines += [
            "",
            "This is the first start. You are the person `admin`; your token, shown this once and",
            "good for one day:",
            "",
            f"  {started.admin_token}",
            "",
            "It signs you in at the console, too.",
            "",
            "What to do next, in another terminal:",
            *_exports(started),
            "  freezeguard people add ann --name 'Ann Lee' --role manager --email ann@shop.example",
            "  freezeguard people default-owner ann",
            "  freezeguard keys create helpdesk --right source --source helpdesk",
            "  freezeguard doctor",
        ]
    if started.unsafe:
        lines += ["", "Not safe for production as it is:"]
        lines += [f"  - {one}" for one in started.unsafe]
    print("\n".join(lines), flush=True)


def _exports(started: "Started") -> list[str]:
    """Return what another terminal must know to find this service and its database."""
    place = [] if started.data_dir is None else [("FREEZEGUARD_DATA_DIR", str(started.data_dir))]
    known = [*place, ("FREEZEGUARD_URL", started.url)]
    path = []
    if shutil.which("freezeguard") is None:
        path = [f'  export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"']
    return path + [f"  export {name}={shlex.quote(value)}" for name, value in known]
