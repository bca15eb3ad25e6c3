"""`freezeguard people`: who may sign in, and who owns what nobody else does."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freezeguard.cli.database import administer, print_secret
from freezeguard.cli.failures import reported
from freezeguard.cli.options import AsJson, examples, given_fields, read_settings, require
from freezeguard.cli.output import say

if TYPE_CHECKING:
    from freezeguard.bootstrap.administration import Administration
    from freezeguard.domain.people import Person
    from freezeguard.services.masterdata.access import Issued

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

PersonId = Annotated[str, typer.Argument(help="Short name, as it stands in every record: ann.")]
Days = Annotated[
    int | None, typer.Option(min=1, max=3650, help="The token ends after so many days.")
]


@app.command(
    "add",
    short_help="Register a person and issue a token, or change one.",
    help=examples(
        "freezeguard people add ann --name 'Ann Lee' --role manager --area kitchen",
        "freezeguard people add mara --name Mara --role manager --calendar DE-BY --deputy ann",
        "freezeguard people add vera --name 'Vera Voss' --role vendor --vendor acme",
        "freezeguard people add ann --change --role manager --role analyst",
        "freezeguard people add ann --change --deputy mara",
        text="Register a person. Prints their first token, this once. With --change only what is "
        "given changes, and no token is issued; roles and areas that are given take the place of "
        "those before. Roles: associate, analyst, manager, compliance, finance, auditor, admin, "
        "vendor.",
    ),
)
def add(
    person_id: PersonId,
    *,
    name: Annotated[str | None, typer.Option(help="Full name.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="Repeat it for several.")] = None,
    email: Annotated[str | None, typer.Option(help="Where they are told.")] = None,
    no_email: Annotated[bool, typer.Option("--no-email", help="They are told nowhere.")] = False,
    vendor: Annotated[str | None, typer.Option(help="For the role vendor: which.")] = None,
    area: Annotated[
        list[str] | None,
        typer.Option(help="Category that a manager answers for; repeat it. New, and none: all."),
    ] = None,
    all_areas: Annotated[
        bool, typer.Option("--all-areas", help="Answers for every category.")
    ] = False,
    time_zone: Annotated[
        str | None, typer.Option(help="For working hours and times: Europe/Berlin; else UTC.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Of notices: en (else), de.")] = None,
    calendar: Annotated[
        str | None, typer.Option(help="Whose public holidays: DE, DE-BY; none: the shop's.")
    ] = None,
    no_calendar: Annotated[
        bool, typer.Option("--no-calendar", help="The shop's public holidays.")
    ] = False,
    deputy: Annotated[
        str | None, typer.Option(help="Who is asked next where a clock runs out.")
    ] = None,
    no_deputy: Annotated[bool, typer.Option("--no-deputy", help="Nobody stands in.")] = False,
    change: Annotated[bool, typer.Option("--change", help="Change what is given.")] = False,
    days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Register a person, or change one."""
    with reported(as_json=as_json):
        given = given_fields(
            {"name": name, "roles": role, "email": email, "vendor": vendor, "areas": area,
             "time_zone": time_zone, "language": language, "calendar": calendar,
             "deputy": deputy},
            {"email": no_email, "areas": all_areas, "calendar": no_calendar,
             "deputy": no_deputy},
        )
        person, issued, unused = administer(
            lambda admin: _stored(admin, person_id, given, change, days)
        )
        _show_person(person, issued, as_json=as_json)
        if unused:
            say(f"No SKU has the category {' or '.join(map(repr, unused))}: misspelt?")


async def _stored(
    admin: "Administration", person_id: str, given: dict[str, Any], change: bool, days: int | None
) -> "tuple[Person, Issued | None, list[str]]":
    """Register or change a person; return also areas just given that no SKU has."""
    if change:
        person = await admin.change_person(person_id, lambda known: _changed(known, given))
        issued = None
    else:
        require(given, {"name": "--name", "roles": "--role"}, f"To register {person_id}")
        person = _person(person_id, given)
        await admin.add_person(person)
        issued = await admin.issue_token(person.id, "first", _lifetime(days))
    return person, issued, await admin.areas_without_skus(given.get("areas") or ())


def _changed(known: "Person", given: dict[str, Any]) -> "Person":
    fields = {
        "name": known.name, "roles": sorted(known.roles), "email": known.email,
        "vendor": known.vendor, "areas": sorted(known.areas), "time_zone": known.time_zone,
        "language": known.language, "calendar": known.calendar, "deputy": known.deputy,
    }
    if "vendor" not in given and "vendor" not in given.get("roles", ["vendor"]):
        fields["vendor"] = None  # it goes with the role
    return _person(known.id, fields | given)


def _person(person_id: str, given: dict[str, Any]) -> "Person":
    from pydantic import TypeAdapter

    from freezeguard.api.models.fields import Name
    from freezeguard.api.models.masterdata import PersonIn
    from freezeguard.domain.people import Person

    sent = PersonIn(**{**given, "areas": given.get("areas") or []})
    return Person(
        TypeAdapter(Name).validate_python(person_id), sent.name, frozenset(sent.roles),
        sent.email, sent.vendor, frozenset(sent.areas), sent.time_zone, sent.language,
        sent.calendar, sent.deputy,
    )


def _lifetime(days: int | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)


def _show_person(person: "Person", issued: "Issued | None", *, as_json: bool) -> None:
    from freezeguard.cli.output import print_json

    if as_json:
        secret = {} if issued is None else {"token": issued.secret}
        print_json({"person": person.id, "roles": sorted(person.roles), **secret})
    elif issued is None:
        print(f"{person.id} is changed.")
    else:
        print_secret(issued, f"{person.id} is registered. Their token, shown this once:")


@app.command(
    "list",
    short_help="List people.",
    help=examples(
        "freezeguard people list", "freezeguard people list --json",
        text="List everybody with their roles, and how often later reviews found their pulls "
        "right, wrong or undecided.",
    ),
)
def list_people(*, as_json: AsJson = False) -> None:
    """List people."""
    from freezeguard.cli.output import print_json, print_table

    with reported(as_json=as_json):
        people, default_owner, scores = administer(_everybody)
        if as_json:
            items = [
                {**_plain(person, active, default_owner), **_scores(scores.get(person.id))}
                for person, active in people
            ]
            print_json({"items": items, "default_owner": default_owner})
            return
        print_table(
            ("person", "name", "roles", "vendor", "areas", "e-mail", "deputy", "signs in",
             "owns rest", "pulls judged"),
            [
                (one.id, one.name, sorted(one.roles), one.vendor, sorted(one.areas), one.email,
                 one.deputy, active, one.id == default_owner, score_in_words(scores.get(one.id)))
                for one, active in people
            ],
            whole=("person",), empty="nobody is registered",
        )


async def _everybody(admin: "Administration") -> tuple[Any, ...]:
    return (*await admin.people(), await admin.review_scores())


def _scores(found: tuple[int, int, int] | None) -> dict[str, Any]:
    names = ("right", "wrong", "undecided")
    return {"pulls_judged": dict(zip(names, found or (0, 0, 0), strict=True))}


def score_in_words(found: tuple[int, int, int] | None) -> str | None:
    """Return how later reviews went; nothing where there was none."""
    return None if found is None else "{} right, {} wrong, {} undecided".format(*found)


def _plain(person: "Person", active: bool, default_owner: str | None) -> dict[str, Any]:
    return {
        "person": person.id, "name": person.name, "roles": sorted(person.roles),
        "vendor": person.vendor, "areas": sorted(person.areas), "email": person.email,
        "time_zone": person.time_zone, "language": person.language,
        "calendar": person.calendar, "deputy": person.deputy, "active": active,
        "default_owner": person.id == default_owner,
    }


@app.command(
    "token",
    short_help="Issue a further token.",
    help=examples(
        "freezeguard people token ann --name laptop --days 90",
        "export FREEZEGUARD_TOKEN=$(freezeguard people token ann)",
        text="Issue a further token to a person; it is printed this once.",
    ),
)
def token(
    person_id: PersonId,
    *,
    name: Annotated[str, typer.Option(help="What it is for.")] = "further",
    days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Issue a further token."""
    from freezeguard.cli.output import print_json

    with reported(as_json=as_json):
        issued = administer(lambda admin: admin.issue_token(person_id, name, _lifetime(days)))
        if as_json:
            print_json({"person": person_id, "id": issued.credential.id, "token": issued.secret})
        else:
            print_secret(issued, f"A token of {person_id}, shown this once:")


@app.command(
    "sign-in",
    short_help="Print a link that lets somebody in once.",
    help=examples(
        "freezeguard people sign-in ann",
        "freezeguard people sign-in ann --json",
        text="Print a link to the console that lets a person in once, within 15 minutes. Opening "
        "it changes nothing; the button on its page signs in. Give it to nobody else.",
    ),
)
def sign_in(person_id: PersonId, *, as_json: AsJson = False) -> None:
    """Print a link that lets somebody in once."""
    from freezeguard.bootstrap.house import house_of
    from freezeguard.cli.output import print_json

    with reported(as_json=as_json):
        secret = administer(lambda admin: admin.issue_sign_in_link(person_id))
        address = f"{house_of(read_settings()).url}/console/enter?link={secret}"
        if as_json:
            print_json({"person": person_id, "address": address})
        else:
            say(f"A link that lets {person_id} in once, within 15 minutes:")
            print(address, flush=True)


@app.command(
    "default-owner",
    short_help="Set who owns the rest.",
    help=examples(
        "freezeguard people default-owner ann",
        text="Set who owns cases whose SKU has no owner and whose category has no manager.",
    ),
)
def default_owner(person_id: PersonId, *, as_json: AsJson = False) -> None:
    """Set the default owner."""
    _done(
        as_json=as_json, person_id=person_id, work="set_default_owner",
        words="owns cases that nobody else does.",
    )


@app.command(
    "deactivate",
    short_help="Keep a person from signing in.",
    help=examples(
        "freezeguard people deactivate mara",
        text="Keep a person from signing in; their name stays in every record. "
        "`people add --change` lets them in again.",
    ),
)
def deactivate(person_id: PersonId, *, as_json: AsJson = False) -> None:
    """Keep a person from signing in."""
    _done(as_json=as_json, person_id=person_id, work="deactivate", words="can't sign in any more.")


def _done(*, as_json: bool, person_id: str, work: str, words: str) -> None:
    from freezeguard.cli.output import print_json

    with reported(as_json=as_json):
        administer(lambda admin: getattr(admin, work)(person_id))
        if as_json:
            print_json({"person": person_id, "done": work})
        else:
            print(f"{person_id} {words}")
