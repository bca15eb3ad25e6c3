"""`freezeguard keys`: credentials of machines."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from freezeguard.cli.database import administer, print_secret
from freezeguard.cli.failures import reported
from freezeguard.cli.options import AsJson, examples

if TYPE_CHECKING:
    from freezeguard.ports.rows import Credential

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command(
    "create",
    short_help="Issue a machine key.",
    help=examples(
        "freezeguard keys create helpdesk --right source --source helpdesk",
        "freezeguard keys create lab --right source --right may_assert_safety --source lab",
        "freezeguard keys create shop --right catalogue",
        "freezeguard keys create shop --right catalogue --right may_freeze --freeze-budget 3",
        text="Issue a key for a machine; its secret is printed this once. Rights: source (send "
        "signals of one source), may_assert_safety, catalogue (read what may be sold), "
        "may_freeze.",
    ),
)
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    *,
    right: Annotated[list[str], typer.Option(help="Repeat it for several.")],
    source: Annotated[str | None, typer.Option(help="The one source that it sends for.")] = None,
    freeze_budget: Annotated[
        int, typer.Option(min=0, help="Freezes that it may order in the governor's window.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Issue a machine key."""
    from freezeguard.cli.output import print_json

    with reported(as_json=as_json):
        from freezeguard.api.models.masterdata import KeyIn

        sent = KeyIn(name=name, rights=right, source=source, freeze_budget=freeze_budget)
        issued = administer(
            lambda admin: admin.issue_key(sent.name, sent.rights, sent.source, sent.freeze_budget)
        )
        if as_json:
            print_json({**_plain(issued.credential), "secret": issued.secret})
        else:
            print_secret(issued, f"Key {issued.credential.id}. Its secret, shown this once:")


@app.command(
    "list",
    short_help="List keys and tokens.",
    help=examples(
        "freezeguard keys list", "freezeguard keys list --json",
        text="List keys and personal tokens without their secrets, revoked ones too.",
    ),
)
def list_keys(*, as_json: AsJson = False) -> None:
    """List keys and tokens."""
    from freezeguard.cli.output import moment, print_json, print_table

    with reported(as_json=as_json):
        credentials = administer(lambda admin: admin.credentials())
        if as_json:
            print_json({"items": [_plain(one) for one in credentials]})
            return
        print_table(
            ("id", "name", "person", "rights", "source", "created", "expires", "revoked"),
            [
                (one.id, one.name, one.person, one.rights, one.source, moment(one.created_at),
                 moment(one.expires_at), moment(one.revoked_at))
                for one in credentials
            ],
            whole=("id",),
            beneath={"created": "id", "expires": "id", "revoked": "id", "person": "name",
                     "source": "rights"},
            empty="no keys and no tokens",
        )


@app.command(
    "revoke",
    short_help="Revoke a key or token.",
    help=examples(
        "freezeguard keys revoke 0199f0a2-7c1e-7000-8000-0123456789ab",
        text="Revoke a key or a personal token; every replica refuses it within a second.",
    ),
)
def revoke(
    credential: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Revoke a key or token."""
    from freezeguard.cli.output import print_json

    with reported(as_json=as_json):
        revoked = administer(lambda admin: admin.revoke(credential))
        if as_json:
            print_json({"id": revoked.id, "name": revoked.name, "done": "revoke"})
        else:
            print(f"{revoked.name} is revoked.")


def _plain(one: "Credential") -> dict[str, Any]:
    return {
        "id": str(one.id), "name": one.name, "person": one.person, "rights": list(one.rights),
        "source": one.source, "freeze_budget": one.freeze_budget, "created_at": one.created_at,
        "expires_at": one.expires_at, "revoked_at": one.revoked_at,
    }
