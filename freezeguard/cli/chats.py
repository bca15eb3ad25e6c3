"""`freezeguard chats`: notices in Slack and Teams, quiet hours, and a test."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

ME, ALL = "/v1/people/me", "/v1/chats"
TEST_SECONDS = 20.0

Kind = Annotated[str, typer.Argument(metavar="CHANNEL", help="slack or teams.")]


@app.command(
    "list",
    short_help="List chats.",
    help=examples(
        "freezeguard chats list", "freezeguard chats list --all --json",
        text="List your chats; with --all, for admins, those of people and teams.",
    ),
)
def list_chats(
    *,
    everybody: Annotated[bool, typer.Option("--all", help="For admins: everybody's.")] = False,
    as_json: AsJson = False,
) -> None:
    """List chats."""
    from freezeguard.cli.output import moment, print_json, print_table
    from freezeguard.cli.remote import ask

    with reported(as_json=as_json):
        found = ask("GET", ALL)["items"] if everybody else ask("GET", ME)["chats"]
        if as_json:
            print_json({"items": found})
            return
        print_table(
            ("id", "whose", "channel", "host", "areas", "state", "set", "why"),
            [
                (one["id"], one["whose"], one["channel"], one["host"], one["areas"] or "all",
                 one["state"], moment(one["set_at"]), one["why"])
                for one in found
            ],
            whole=("id",), beneath={"whose": "id", "set": "state", "why": "state"},
            empty="no chats",
        )


@app.command(
    "set",
    short_help="Set where notices go.",
    help=examples(
        "freezeguard chats set slack --url-file ann.txt",
        "freezeguard chats set teams --person ann --url-file ann.txt",
        "freezeguard chats set slack --team kitchen --name 'Kitchen quality' --area kitchen "
        "--url-file kitchen.txt",
        text="Set where you, a person or a team read notices. The address of the incoming webhook "
        "is a secret: it is asked for, or read from a file, and shown nowhere.",
    ),
)
def set_chat(
    kind: Kind,
    *,
    url_file: Annotated[
        Path | None, typer.Option(help="File with the address; else it is asked for.")
    ] = None,
    person: Annotated[str | None, typer.Option(help="For admins: whose.")] = None,
    team: Annotated[str | None, typer.Option(help="For admins: a team's short name.")] = None,
    name: Annotated[str | None, typer.Option(help="What the team is called.")] = None,
    area: Annotated[
        list[str] | None, typer.Option(help="Category of the team; repeat it. None: all.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of a team: en, de.")] = "en",
    time_zone: Annotated[str, typer.Option(help="Of a team: Europe/Berlin.")] = "UTC",
    as_json: AsJson = False,
) -> None:
    """Set a chat."""
    from freezeguard.cli.output import print_json
    from freezeguard.cli.remote import ask, segment

    with reported(as_json=as_json):
        if person is not None and team is not None:
            raise Failure(
                Exit.USAGE, "invalid_argument", "--person and --team exclude each other."
            )
        body: dict[str, Any] = {"url": _address(url_file)}
        path = ME if person is None else f"/v1/people/{segment(person)}"
        if team is not None:
            path = f"/v1/teams/{segment(team)}"
            body |= {"name": name or team, "areas": area or [], "language": language,
                     "time_zone": time_zone}
        answer = ask("PUT", f"{path}/chats/{segment(kind)}", body=body)
        if as_json:
            print_json(answer)
        else:
            print(f"{answer['whose']} reads notices in {answer['channel']} at {answer['host']}.")


def _address(file: Path | None) -> str:
    """Read an address so that it shows neither on a screen nor in a list of processes."""
    if file is not None:
        try:
            return file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(Exit.USAGE, "invalid_file", f"{file} can't be read: {error}") from None
    if sys.stdin.isatty():
        return str(typer.prompt("Address of the incoming webhook", hide_input=True, err=True))
    return sys.stdin.readline(4096).strip()


@app.command(
    "test",
    short_help="Send a test.",
    help=examples(
        "freezeguard chats test slack", "freezeguard chats test mail",
        text="Send a test to your chat or mailbox and wait for what comes of it; exit code 1 where "
        "it did not arrive. For others' chats give the id that `chats list --all` shows; where it "
        "is no more, that stands there afterwards.",
    ),
)
def send_test(
    which: Annotated[str, typer.Argument(metavar="CHANNEL", help="mail, slack, teams, or an id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Send a test."""
    from freezeguard.cli.output import print_json
    from freezeguard.cli.remote import ask, segment

    with reported(as_json=as_json):
        if which not in {"mail", "slack", "teams"}:
            sent = ask("POST", f"{ALL}/{segment(which)}/test")
            print_json(sent) if as_json else print("A test is on its way.")
            return
        sent = ask("POST", f"{ME}/test", body={"channel": which})
        state, error = _outcome(sent["id"])
        if as_json:
            print_json({"id": sent["id"], "state": state, "error": error})
        else:
            print(f"{which}: {error or state}")
        if state != "sent":
            raise typer.Exit(Exit.BAD)


def _outcome(notice: str) -> tuple[str, str | None]:
    """Wait for what comes of a test."""
    import time

    from freezeguard.cli.remote import ask

    state, error, until = "queued", None, time.monotonic() + TEST_SECONDS
    while state == "queued" and error is None and time.monotonic() < until:
        for one in ask("GET", f"{ME}/notices")["items"]:
            if one["id"] == notice:
                state, error = one["state"], one["last_error"]
        time.sleep(0.1)
    return state, error


@app.command(
    "remove",
    short_help="Send nothing there any more.",
    help=examples(
        "freezeguard chats remove slack",
        "freezeguard chats remove 0199f0a2-7c1e-7000-8000-0123456789ab",
        text="Forget the address of your chat, or of any by its id.",
    ),
)
def remove(
    which: Annotated[str, typer.Argument(metavar="CHANNEL", help="slack, teams, or an id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Remove a chat."""
    from freezeguard.cli.output import print_json
    from freezeguard.cli.remote import ask, segment

    with reported(as_json=as_json):
        own = which in {"slack", "teams"}
        ask("DELETE", f"{ME}/chats/{which}" if own else f"{ALL}/{segment(which)}")
        if as_json:
            print_json({"chat": which, "done": "remove"})
        else:
            print(f"{which} is removed: nothing more goes there.")


@app.command(
    "quiet",
    short_help="Set your quiet hours.",
    help=examples(
        "freezeguard chats quiet 22:00 07:00", "freezeguard chats quiet --off",
        text="From the first to the second time of your own clock nothing comes that can wait. "
        "Safety never waits.",
    ),
)
def quiet(
    begins: Annotated[str | None, typer.Argument(help="22:00")] = None,
    ends: Annotated[str | None, typer.Argument(help="07:00")] = None,
    *,
    off: Annotated[bool, typer.Option("--off", help="Everything comes at once again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Set or remove quiet hours."""
    from freezeguard.cli.output import print_json
    from freezeguard.cli.remote import ask

    with reported(as_json=as_json):
        if off == (begins is not None and ends is not None):
            raise Failure(Exit.USAGE, "missing_option", "Give both times, or --off.")
        if off:
            ask("DELETE", f"{ME}/quiet-hours")
            shown = None
        else:
            answer = ask("PUT", f"{ME}/quiet-hours", body={"begins": begins, "ends": ends})
            shown = answer["quiet_hours"]
        if as_json:
            print_json({"quiet_hours": shown})
        else:
            print("No quiet hours." if shown is None
                  else f"Quiet from {shown['begins']} to {shown['ends']}.")
