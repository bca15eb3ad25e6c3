"""`freezeguard webhooks`: where signed messages go, and what became of them."""

from datetime import datetime
from typing import Annotated, Any

import typer

from freezeguard.cli.failures import reported
from freezeguard.cli.options import AsJson, examples

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

PATH = "/v1/webhook-endpoints"
TEST_SECONDS = 20.0

EndpointId = Annotated[
    str, typer.Argument(metavar="ENDPOINT", help="Its id, as `webhooks list` shows it.")
]


@app.command(
    "list",
    short_help="List endpoints.",
    help=examples(
        "freezeguard webhooks list", "freezeguard webhooks list --json",
        text="List endpoints: a vendor's person their vendor's, an admin all.",
    ),
)
def list_endpoints(*, as_json: AsJson = False) -> None:
    """List endpoints."""
    from freezeguard.cli.output import moment, print_json, print_table
    from freezeguard.cli.remote import ask

    with reported(as_json=as_json):
        answer = ask("GET", PATH)
        if as_json:
            print_json(answer)
            return
        print_table(
            ("id", "vendor", "url", "types", "state", "failing since", "why"),
            [
                (one["id"], one["vendor"], one["url"], one["types"] or "all", one["state"],
                 moment(one["failing_since"]), one["why"])
                for one in answer["items"]
            ],
            whole=("id",), beneath={"vendor": "id", "failing since": "state", "why": "state"},
            empty="no webhook endpoints",
        )


@app.command(
    "add",
    short_help="Register an endpoint.",
    help=examples(
        "freezeguard webhooks add https://vendor.example/hooks",
        "freezeguard webhooks add https://pim.shop.example/holds --type hold.set "
        "--type hold.released",
        "freezeguard webhooks add https://vendor.example/hooks --vendor acme --scheme v1",
        text="Register an endpoint; prints what its receiver verifies signatures with: a public "
        "key (v1a), or a secret (v1), shown this once.",
    ),
)
def add(
    url: Annotated[str, typer.Argument(help="https, at a public address.")],
    *,
    kind: Annotated[
        list[str] | None, typer.Option("--type", help="Wanted; repeat it. None: all.")
    ] = None,
    scheme: Annotated[str, typer.Option(help="v1a (ed25519) or v1 (HMAC).")] = "v1a",
    vendor: Annotated[str | None, typer.Option(help="For admins: whose.")] = None,
    description: Annotated[str, typer.Option(help="What it is.")] = "",
    as_json: AsJson = False,
) -> None:
    """Register an endpoint."""
    from freezeguard.cli.remote import ask

    with reported(as_json=as_json):
        body = {"url": url, "types": kind or [], "scheme": scheme, "description": description}
        sent = body if vendor is None else {**body, "vendor": vendor}
        _show_key(ask("POST", PATH, body=sent), "is registered", as_json=as_json)


@app.command(
    "rotate",
    short_help="Give an endpoint a new key.",
    help=examples(
        "freezeguard webhooks rotate 0199f0a2-7c1e-7000-8000-0123456789ab",
        "freezeguard webhooks rotate 0199f0a2-7c1e-7000-8000-0123456789ab --overlap-hours 0",
        text="Give an endpoint a new key. Meanwhile messages are signed with both; 0 hours where "
        "the one before has leaked.",
    ),
)
def rotate(
    endpoint: EndpointId,
    *,
    overlap_hours: Annotated[int, typer.Option(min=0, max=168, help="Both keys sign.")] = 24,
    as_json: AsJson = False,
) -> None:
    """Give an endpoint a new key."""
    from freezeguard.cli.remote import ask

    with reported(as_json=as_json):
        answer = ask("POST", _of(endpoint, "rotate"), body={"overlap_hours": overlap_hours})
        _show_key(answer, "has a new key", as_json=as_json)


@app.command(
    "test",
    short_help="Send a test message.",
    help=examples(
        "freezeguard webhooks test 0199f0a2-7c1e-7000-8000-0123456789ab",
        text="Send a test message and wait for what comes of it; exit code 1 where the endpoint "
        "did not take it.",
    ),
)
def send_test(endpoint: EndpointId, *, as_json: AsJson = False) -> None:
    """Send a test message."""
    from freezeguard.cli.failures import Exit
    from freezeguard.cli.output import print_json
    from freezeguard.cli.remote import ask

    with reported(as_json=as_json):
        sent = ask("POST", _of(endpoint, "test"))
        log = _first_attempt(endpoint, sent["id"])
        taken = log is not None and not log["error"]
        if as_json:
            print_json({"id": sent["id"], "taken": taken, "attempt": log})
        else:
            said = "no answer yet; see `webhooks deliveries`" if log is None else log["error"]
            print(f"{sent['id']}: {'taken over' if taken else said}")
        if not taken:
            raise typer.Exit(Exit.BAD)


def _first_attempt(endpoint: str, message: str) -> dict[str, Any] | None:
    """Wait for the first attempt at a message; None where there is none in time."""
    import time

    from freezeguard.cli.remote import ask

    until = time.monotonic() + TEST_SECONDS
    while time.monotonic() < until:
        page = ask("GET", _of(endpoint, "deliveries"), query={"limit": 20})
        for one in page["items"]:
            if one["id"] == message and one["log"]:
                return dict(one["log"][0])
        time.sleep(0.1)
    return None


@app.command(
    "replay",
    short_help="Send again what was missed.",
    help=examples(
        "freezeguard webhooks replay 0199f0a2-7c1e-7000-8000-0123456789ab "
        "--since 2026-11-20T08:00:00Z",
        "freezeguard webhooks replay 0199f0a2-7c1e-7000-8000-0123456789ab "
        "--since 2026-11-20T08:00:00Z --until 2026-11-20T12:00:00Z --also-sent",
        text="Send again what an endpoint has not got in a while, with the same ids.",
    ),
)
def replay(
    endpoint: EndpointId,
    *,
    since: Annotated[str, typer.Option(help="As 2026-11-20T08:00:00Z.")],
    until: Annotated[str | None, typer.Option(help="None: now.")] = None,
    also_sent: Annotated[
        bool, typer.Option("--also-sent", help="Also what it has taken over.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send again what was missed."""
    from freezeguard.cli.output import print_json
    from freezeguard.cli.remote import ask

    with reported(as_json=as_json):
        sent: dict[str, Any] = {"since": since, "also_sent": also_sent}
        answer = ask(
            "POST", _of(endpoint, "replay"),
            body=sent if until is None else {**sent, "until": until},
        )
        if as_json:
            print_json(answer)
        else:
            print(f"{answer['messages']} messages are queued again.")


@app.command(
    "deliveries",
    short_help="What became of messages.",
    help=examples(
        "freezeguard webhooks deliveries 0199f0a2-7c1e-7000-8000-0123456789ab --limit 20",
        text="List the messages of an endpoint, newest first, with their last answer.",
    ),
)
def deliveries(
    endpoint: EndpointId,
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List deliveries."""
    from freezeguard.cli.output import moment, print_json, print_table
    from freezeguard.cli.remote import pages

    with reported(as_json=as_json):
        found = list(pages(_of(endpoint, "deliveries"), {}, limit))
        if as_json:
            print_json({"items": found})
            return
        print_table(
            ("id", "type", "at", "state", "attempts", "next", "last answer"),
            [
                (one["id"], one["type"], moment(one["at"]), one["state"], one["attempts"],
                 moment(one["next_at"]), _last(one["log"]))
                for one in found
            ],
            whole=("id",), beneath={"at": "id", "next": "state", "attempts": "state"},
            empty="no messages yet",
        )


def _last(log: list[dict[str, Any]]) -> str | None:
    if not log:
        return None
    return log[-1]["error"] or f"taken over ({log[-1]['status']})"


@app.command(
    "change",
    short_help="Change an endpoint.",
    help=examples(
        "freezeguard webhooks change 0199f0a2-7c1e-7000-8000-0123456789ab "
        "--url https://vendor.example/new-hooks",
        "freezeguard webhooks change 0199f0a2-7c1e-7000-8000-0123456789ab --type case.released",
        "freezeguard webhooks change 0199f0a2-7c1e-7000-8000-0123456789ab --all-types",
        text="Change where an endpoint is, which messages it wants, or what it is called. What is "
        "not given stays, the key too; types that are given take the place of those before.",
    ),
)
def change(
    endpoint: EndpointId,
    *,
    url: Annotated[str | None, typer.Option(help="https, at a public address.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--type", help="Wanted; repeat it.")
    ] = None,
    all_types: Annotated[bool, typer.Option("--all-types", help="Every type is wanted.")] = False,
    description: Annotated[str | None, typer.Option(help="What it is.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change an endpoint."""
    from freezeguard.cli.failures import Exit, Failure
    from freezeguard.cli.output import print_facts, print_json
    from freezeguard.cli.remote import ask

    with reported(as_json=as_json):
        if kind and all_types:
            raise Failure(
                Exit.USAGE, "invalid_argument", "--type and --all-types exclude each other."
            )
        given = {
            "url": url, "types": [] if all_types else kind or None, "description": description,
        }
        body = {name: value for name, value in given.items() if value is not None}
        if not body:
            raise Failure(
                Exit.USAGE, "missing_option",
                "Say what shall be different: --url, --type, --all-types or --description.",
            )
        answer = ask("PATCH", _of(endpoint), body=body)
        if as_json:
            print_json(answer)
            return
        print_facts({
            "id": answer["id"], "url": answer["url"], "types": answer["types"] or "all",
            "description": answer["description"], "state": answer["state"],
        })


@app.command(
    "enable",
    short_help="Switch an endpoint on.",
    help=examples(
        "freezeguard webhooks enable 0199f0a2-7c1e-7000-8000-0123456789ab",
        text="Switch an endpoint on again; what it missed is delivered.",
    ),
)
def enable(endpoint: EndpointId, *, as_json: AsJson = False) -> None:
    """Switch an endpoint on."""
    _switch(endpoint, "active", as_json=as_json)


@app.command(
    "disable",
    short_help="Switch an endpoint off.",
    help=examples(
        "freezeguard webhooks disable 0199f0a2-7c1e-7000-8000-0123456789ab",
        text="Switch an endpoint off; messages for it are kept until it is on again.",
    ),
)
def disable(endpoint: EndpointId, *, as_json: AsJson = False) -> None:
    """Switch an endpoint off."""
    _switch(endpoint, "disabled", as_json=as_json)


@app.command(
    "remove",
    short_help="Delete an endpoint.",
    help=examples(
        "freezeguard webhooks remove 0199f0a2-7c1e-7000-8000-0123456789ab",
        text="Delete an endpoint with its key; nothing more goes there.",
    ),
)
def remove(endpoint: EndpointId, *, as_json: AsJson = False) -> None:
    """Delete an endpoint."""
    from freezeguard.cli.output import print_json
    from freezeguard.cli.remote import ask

    with reported(as_json=as_json):
        ask("DELETE", _of(endpoint))
        if as_json:
            print_json({"id": endpoint, "done": "remove"})
        else:
            print(f"{endpoint} is deleted.")


def _switch(endpoint: str, state: str, *, as_json: bool) -> None:
    from freezeguard.cli.output import print_json
    from freezeguard.cli.remote import ask

    with reported(as_json=as_json):
        answer = ask("PATCH", _of(endpoint), body={"state": state})
        if as_json:
            print_json(answer)
        else:
            print(f"{answer['url']} is {answer['state']}.")


def _show_key(answer: dict[str, Any], done: str, *, as_json: bool) -> None:
    from freezeguard.cli.output import print_json, say

    if as_json:
        print_json(answer)
        return
    until = answer["previous_key_until"]
    say(f"Endpoint {answer['id']} {done}.")
    if until is not None:
        say(f"The key before signs too until {datetime.fromisoformat(until):%Y-%m-%d %H:%M} UTC.")
    if answer["secret"] is None:
        say("Its receiver verifies with this public key:")
        print(answer["public_key"])
    else:
        say("Its receiver verifies with this secret, shown this once:")
        print(answer["secret"])


def _of(endpoint: str, *further: str) -> str:
    from freezeguard.cli.remote import segment

    return "/".join((PATH, segment(endpoint), *further))
