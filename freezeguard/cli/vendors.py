"""`freezeguard vendors`: who supplies SKUs, and where they are told."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from freezeguard.cli.database import administer
from freezeguard.cli.failures import reported
from freezeguard.cli.options import AsJson, examples, given_fields, require

if TYPE_CHECKING:
    from freezeguard.bootstrap.administration import Administration
    from freezeguard.domain.record import Promises
    from freezeguard.ports.rows import Vendor

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

VendorId = Annotated[str, typer.Argument(metavar="VENDOR", help="Its identifier: acme.")]


@app.command(
    "put",
    short_help="Register a vendor, or change one.",
    help=examples(
        "freezeguard vendors put acme --name 'Acme Ltd' --email quality@acme.example",
        "freezeguard vendors put acme --time-zone Asia/Shanghai --calendar CN",
        text="Register a vendor; of one that is known only what is given changes. Addresses that "
        "are given take the place of those before. Statements of reasons go to its addresses.",
    ),
)
def put(
    vendor: VendorId,
    *,
    name: Annotated[str | None, typer.Option(help="Its name.")] = None,
    email: Annotated[
        list[str] | None, typer.Option(help="Where it is told; repeat it for several.")
    ] = None,
    no_email: Annotated[bool, typer.Option("--no-email", help="It is told nowhere.")] = False,
    superior: Annotated[
        list[str] | None, typer.Option(help="Told when the others do not answer.")
    ] = None,
    no_superior: Annotated[
        bool, typer.Option("--no-superior", help="Nobody else is told.")
    ] = False,
    language: Annotated[str | None, typer.Option(help="Of notices: en (else), de.")] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="For its hours and times: Asia/Shanghai; else UTC.")
    ] = None,
    calendar: Annotated[
        str | None, typer.Option(help="Whose public holidays: CN, DE-BY; none: the shop's.")
    ] = None,
    no_calendar: Annotated[
        bool, typer.Option("--no-calendar", help="The shop's public holidays.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Register a vendor, or change one."""
    with reported(as_json=as_json):
        given = given_fields(
            {"name": name, "email": email, "superior": superior, "language": language,
             "time_zone": time_zone, "calendar": calendar},
            {"email": no_email, "superior": no_superior, "calendar": no_calendar},
        )
        one = administer(
            lambda admin: admin.put_vendor(vendor, lambda known: _vendor(vendor, known, given))
        )
        _show(one, as_json=as_json)


def _vendor(vendor: str, known: "Vendor | None", given: dict[str, Any]) -> "Vendor":
    """Return a vendor as it will be: what is known of it, changed by what is given."""
    from pydantic import TypeAdapter

    from freezeguard.api.models.fields import Name
    from freezeguard.api.models.masterdata import Contacts, VendorIn
    from freezeguard.ports.rows import Vendor

    if known is None:
        require(given, {"name": "--name"}, f"To register {vendor}")
    fields = {} if known is None else {
        "name": known.name, "language": known.language, "time_zone": known.time_zone,
        "calendar": known.calendar,
    }
    addresses = {"email": "", "superior": "superior"}
    rest = {name: value for name, value in given.items() if name not in addresses}
    new = Contacts(**{name: given.get(name) or [] for name in addresses}).entries()
    kept = tuple(
        one for one in (() if known is None else known.contacts)
        if not any(name in given and one.get("role", "") == role
                   for name, role in addresses.items())
    )
    sent = VendorIn(**(fields | rest))
    return Vendor(
        TypeAdapter(Name).validate_python(vendor), sent.name, _in_order((*kept, *new)),
        sent.language, sent.time_zone, sent.calendar,
    )


def _in_order(contacts: "tuple[Any, ...]") -> "tuple[Any, ...]":
    """Return the usual contacts, best first, and then the superiors."""
    return tuple(sorted(contacts, key=lambda one: one.get("role") == "superior"))


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
    from freezeguard.services.telling.readers import mail_contacts

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
