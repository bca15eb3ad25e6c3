"""`freezeguard vendors`: who supplies SKUs, and where they are told."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from freezeguard.cli.database import administer
from freezeguard.cli.failures import reported
from freezeguard.cli.options import AsJson, examples

if TYPE_CHECKING:
    from freezeguard.bootstrap.administration import Administration
    from freezeguard.domain.record import Promises
    from freezeguard.ports.storage import Vendor

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

VendorId = Annotated[str, typer.Argument(metavar="VENDOR", help="Its identifier: acme.")]


@app.command(
    "put",
    short_help="Register a vendor.",
    help=examples(
        "freezeguard vendors put acme --name 'Acme Ltd' --email quality@acme.example",
        text="Register a vendor, or replace what is known of it. Statements of reasons go to its "
        "addresses.",
    ),
)
def put(
    vendor: VendorId,
    *,
    name: Annotated[str, typer.Option(help="Its name.")],
    email: Annotated[
        list[str] | None, typer.Option(help="Where it is told; repeat it for several.")
    ] = None,
    superior: Annotated[
        list[str] | None, typer.Option(help="Told when the others do not answer.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of notices.")] = "en",
    time_zone: Annotated[str, typer.Option(help="For times in notices.")] = "UTC",
    calendar: Annotated[
        str | None, typer.Option(help="Whose public holidays: CN, DE-BY; none: the shop's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register a vendor."""
    with reported(as_json=as_json):
        from freezeguard.api.models.masterdata import Contacts, VendorIn
        from freezeguard.ports.storage import Vendor

        sent = VendorIn(
            name=name, contacts=Contacts(email=email or [], superior=superior or []),
            language=language, time_zone=time_zone, calendar=calendar,
        )
        one = Vendor(
            vendor, sent.name, sent.contacts.entries(), sent.language, sent.time_zone,
            sent.calendar,
        )
        administer(lambda admin: admin.put_vendor(one))
        _show(one, as_json=as_json)


@app.command(
    "show",
    short_help="Show a vendor.",
    help=examples(
        "freezeguard vendors show acme",
        text="Show what is known of a vendor: contacts, how many of its own dates it kept and "
        "broke, and how many days ahead it may set the next one.",
    ),
)
def show(vendor: VendorId, *, as_json: AsJson = False) -> None:
    """Show a vendor."""
    with reported(as_json=as_json):
        one, promises = administer(lambda admin: _known(admin, vendor))
        _show(one, promises, as_json=as_json)


async def _known(admin: "Administration", vendor: str) -> "tuple[Vendor, Promises]":
    return await admin.vendor(vendor), await admin.promises(vendor)


def _record(promises: "Promises") -> dict[str, Any]:
    """Return how a vendor kept its dates, and the cap that follows from it, in whole days."""
    from freezeguard.cli.options import read_settings
    from freezeguard.domain.acts.vendors import cap_in

    policy = read_settings().to_policy()
    return {
        "dates_kept": promises.kept, "dates_broken": promises.broken,
        "days_ahead": cap_in("quality", promises, policy).days,
        "days_ahead_safety": cap_in("safety", promises, policy).days,
    }


def _show(one: "Vendor", promises: "Promises | None" = None, *, as_json: bool) -> None:
    from freezeguard.cli.output import print_facts, print_json
    from freezeguard.services.readers import mail_contacts

    facts: dict[str, Any] = {
        "vendor": one.vendor, "name": one.name,
        "email": [str(contact["address"]) for contact in mail_contacts(one)],
        "superior": [str(contact["address"]) for contact in mail_contacts(one, superior=True)],
        "language": one.language, "time_zone": one.time_zone,
        "calendar": one.calendar,
    }
    if promises is not None:
        facts |= _record(promises)
    if as_json:
        print_json(facts)
    else:
        print_facts({name.replace("_", " "): value for name, value in facts.items()})
