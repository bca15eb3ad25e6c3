"""People: who may sign in, as what, for which categories; for administrators."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from freezeguard.api.models.answers.people import PersonOut
from freezeguard.api.refusals import InvalidFields
from freezeguard.domain.errors import InvalidInput, NotAllowed
from freezeguard.web.desk import Desk
from freezeguard.web.forms import Form
from freezeguard.web.pages import Page, Visit
from freezeguard.web.readers import ADMINS

PATH = "/console/people"
ROLES: Mapping[str, str] = {
    "associate": "pulls the cord", "analyst": "writes rules, judges false alarms",
    "manager": "owns cases and approves", "compliance": "safety and authorities",
    "finance": "reads figures", "auditor": "reads the record", "admin": "people, feeds, settings",
    "vendor": "a vendor's own cases only",
}
DONE = {"added": "Registered.", "changed": "Changed.", "left": "They can't sign in any more."}
FIELDS: Sequence[tuple[str, str, str]] = (
    ("name", "Full name", ""),
    ("email", "E-mail", "Where they are told; a provider's sign-in finds them by it."),
    ("vendor", "Vendor", "Only for the role vendor: which."),
    ("areas", "Categories", "That a manager answers for, with commas. Empty: all."),
    ("deputy", "Deputy", "Who is asked next where a clock of theirs runs out: a short name."),
    ("language", "Language of notices", "en or de."),
    ("time_zone", "Time zone", "Such as Europe/Berlin, or UTC."),
    ("calendar", "Public holidays of", "DE, DE-BY; empty: the shop's."),
)


class PeoplePages:
    """Handlers of people."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, visit: Visit) -> web.Response:
        """List everybody, those who can't sign in any more last."""
        found = await self._desk.ask(visit.asker, "GET /v1/people")
        items = sorted(found.items, key=lambda one: (not one.active, one.id))
        return visit.show("people.html", people=items, done=DONE.get(visit.query.get("done", "")))

    async def one(self, visit: Visit) -> web.Response:
        """Show the form of one person."""
        person = await self._person(visit)
        return self._form(visit, person, _given(person), {})

    async def new(self, visit: Visit) -> web.Response:
        """Show the form of somebody new."""
        given = {"language": ["en"], "time_zone": ["UTC"]}
        return self._form(visit, None, given, {})

    async def _person(self, visit: Visit) -> PersonOut:
        found: PersonOut = await self._desk.ask(
            visit.asker, "GET /v1/people/{id}", path={"id": visit.path["id"]}
        )
        return found

    def _form(
        self, visit: Visit, person: PersonOut | None, given: Mapping[str, Sequence[str]],
        errors: Mapping[str, str],
    ) -> web.Response:
        return visit.show(
            "person.html", status=422 if errors else 200, known=person, given=given, errors=errors,
            roles=ROLES, fields=FIELDS, is_self=person is not None and person.id == visit.person.id,
        )

    async def add(self, visit: Visit) -> web.Response:
        """Register somebody new: never over somebody who is there."""
        name = visit.form.get("id", "").strip()
        found = await self._desk.ask(visit.asker, "GET /v1/people")
        errors = {}
        if not name or not name.isprintable() or "/" in name:
            errors["id"] = "A short name, such as ann; it stands in every record."
        elif any(one.id == name for one in found.items):
            errors["id"] = f"There is a person {name} already."
        if not errors:
            errors = await self._put(visit, name)
        if errors:
            return self._form(visit, None, _typed(visit.form), errors)
        return visit.go(f"{PATH}?done=added")

    async def change(self, visit: Visit) -> web.Response:
        """Change somebody."""
        person = await self._person(visit)
        errors = await self._put(visit, person.id)
        if errors:
            return self._form(visit, person, _typed(visit.form), errors)
        return visit.go(f"{PATH}?done=changed")

    async def _put(self, visit: Visit, name: str) -> dict[str, str]:
        """Store what a form says of somebody; return what refused it, by field."""
        try:
            await self._desk.ask(
                visit.asker, "PUT /v1/people/{id}", path={"id": name}, body=_body(visit.form)
            )
        except InvalidFields as refused:
            return {_field(one.pointer or ""): one.detail for one in refused.errors}
        except InvalidInput as refused:
            return {_field(refused.pointer): refused.detail}
        except NotAllowed as refused:
            return {"": refused.detail}
        return {}

    async def deactivate(self, visit: Visit) -> web.Response:
        """Keep somebody from signing in."""
        try:
            await self._desk.ask(
                visit.asker, "POST /v1/people/{id}/deactivate", path={"id": visit.path["id"]}
            )
        except (InvalidInput, NotAllowed) as refused:
            person = await self._person(visit)
            return self._form(visit, person, _given(person), {"": refused.detail})
        return visit.go(f"{PATH}?done=left")


def _given(person: PersonOut) -> dict[str, list[str]]:
    known = {name: [getattr(person, name) or ""] for name, _, _ in FIELDS if name != "areas"}
    return {**known, "areas": [", ".join(person.areas)], "roles": list(person.roles)}


def _typed(form: Form) -> dict[str, list[str]]:
    return {name: form.every(name) if name == "roles" else [one] for name, one in form.items()}


def _body(form: Form) -> dict[str, Any]:
    body: dict[str, Any] = {
        name: text for name, _, _ in FIELDS if name != "areas" and (text := form.text(name))
    }
    areas = [one.strip() for one in form.get("areas", "").split(",") if one.strip()]
    return {**body, "areas": areas, "roles": form.every("roles")}


def _field(pointer: str) -> str:
    """Return the field that a place in a person is about, "" where that is the whole."""
    name = pointer.strip("/").split("/")[0]
    return name if name in {"roles", *(one for one, _, _ in FIELDS)} else ""


def pages(desk: Desk) -> list[Page]:
    """Return the pages of people. Whoever changes one has shown a short time ago who they are."""
    people, admin = PeoplePages(desk), ADMINS
    return [
        Page(method="GET", path=PATH, handler=people.show, who=admin),
        Page(method="GET", path="/console/new-person", handler=people.new, who=admin,
             wants_proof=True),
        Page(method="POST", path="/console/new-person", handler=people.add, who=admin,
             wants_proof=True),
        Page(method="GET", path=f"{PATH}/{{id}}", handler=people.one, who=admin, wants_proof=True),
        Page(method="POST", path=f"{PATH}/{{id}}", handler=people.change, who=admin,
             wants_proof=True),
        Page(method="POST", path=f"{PATH}/{{id}}/deactivate", handler=people.deactivate, who=admin,
             wants_proof=True),
    ]
