"""Writing a rule: its fields or its JSON, what it would have done, what it changes.

Nothing is stored before somebody says so, and whatever was typed stands there again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter

from freezeguard.api import json_text
from freezeguard.api.access import Access
from freezeguard.api.models.answers.rules import ProposalOut, RuleOut
from freezeguard.api.models.requests import RuleBody
from freezeguard.api.refusals import InvalidFields, Refused
from freezeguard.domain.errors import GuardFailed, InvalidInput, NotFound, Unavailable
from freezeguard.domain.rulechanges import PROPOSERS, loosenings
from freezeguard.domain.rules import (
    COMBINING,
    MOST_PARTS,
    Family,
    read_rule,
    refuse_what_never_speaks,
)
from freezeguard.web import rulechart, ruleforms
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit
from freezeguard.web.ruleforms import FAMILIES, Difference
from freezeguard.web.rulewords import in_words, scope_in_words

PERIODS = (30, 90, 365)
PATH = "/console/write-rule"
_BODY = TypeAdapter(RuleBody)
_KEPT = ("scope", "kinds", "intents", "hold_scope", "mode")
"""What a rule of another family keeps."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule that somebody writes: as they typed it, and as it was understood.

    `of` is the rule that it changes, `base` the version of it that they saw; `body` is what can be
    read of it, and `errors` are by field, "" for the whole.
    """

    name: str
    of: str
    base: int
    is_json: bool
    given: Mapping[str, Sequence[str]]
    text: str
    body: Mapping[str, Any]
    errors: Mapping[str, str] = field(default_factory=dict)

    def with_errors(self, *errors: tuple[str, str]) -> "Draft":
        """Return the draft with further errors, by JSON pointer."""
        names = ["id", "parts"] if self.is_json else ruleforms.names_of(self.body)
        found = dict(self.errors)
        for pointer, detail in errors:
            name = ruleforms.field_of(pointer, names)
            known = found.get(name or "")
            said = detail if name else f"{pointer}: {detail}".lstrip(": ")
            found[name or ""] = said if known is None else f"{known} {said}"
        return replace(self, errors=found)


def drafted(body: Mapping[str, Any], *, name: str = "", of: str = "", base: int = 0,
            is_json: bool = False) -> Draft:
    """Return a draft that says what a rule says."""
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return Draft(name, of, base, is_json, ruleforms.given_of(body), text, body)


class RuleWriting:
    """Handlers of writing a rule."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # ------------------------------------------------------------------------------- begin

    async def begin(self, visit: Visit) -> web.Response:
        """Ask for a family; or show the form of one, of a rule that is, or of a version of it."""
        query, is_json = visit.query, visit.query.get("as") == "json"
        if name := query.get("of"):
            now = await self._current(visit, name)
            if now is None:
                raise NotFound("There is no such rule.")
            version = query.get("version")
            wanted = now if version is None else await self._version(visit, name, version)
            draft = drafted(whole(wanted), name=name, of=name, base=now.version,
                            is_json=is_json)
            return await self._page(visit, _checked(draft))
        if query.get("family") in FAMILIES:
            draft = drafted(ruleforms.starting(query["family"]), is_json=is_json)
            return await self._page(visit, _checked(draft))
        return visit.show("rule_families.html", families=FAMILIES)

    async def _current(self, visit: Visit, name: str) -> RuleOut | None:
        return next((one for one in await self._rules(visit) if one.id == name), None)

    async def _rules(self, visit: Visit) -> list[RuleOut]:
        return list((await self._desk.ask(visit.asker, "GET /v1/rules")).items)

    async def _version(self, visit: Visit, name: str, version: str) -> RuleOut:
        found = await self._desk.ask(
            visit.asker, "GET /v1/rules/{id}/versions", path={"id": name}
        )
        for one in found.items:
            if str(one.version) == version:
                return RuleOut.model_validate(one)
        raise NotFound("There is no such version of this rule.")

    # -------------------------------------------------------------------------------- write

    async def write(self, visit: Visit) -> web.Response:
        """Do what a button of the form says: show it anew, try it, or store it."""
        draft, wish = _read(visit), visit.form.get("do", "show")
        if wish in {"json", "fields"}:
            return await self._page(visit, _turned(draft, is_json=wish == "json"))
        if wish == "store" and not draft.errors:
            return await self._store(visit, draft)
        days = wish.removeprefix("try-")
        is_tried = wish.startswith("try-") and days in map(str, PERIODS)
        return await self._page(visit, draft, int(days) if is_tried else 0)

    async def _store(self, visit: Visit, draft: Draft) -> web.Response:
        now = await self._current(visit, draft.name)
        if not draft.of and now is not None:
            taken = draft.with_errors(("/id", "There is a rule of this name; choose another."))
            return await self._page(visit, taken)
        if draft.of and (now is None or now.version != draft.base):
            return await self._page(visit, _overtaken(draft, now), status=409)
        try:
            if draft.of:
                stored = await self._desk.ask(visit.asker, "PUT /v1/rules/{id}",
                                              path={"id": draft.of}, body=draft.body)
            else:
                stored = await self._desk.ask(visit.asker, "POST /v1/rules",
                                              body={**draft.body, "id": draft.name})
        except (GuardFailed, InvalidInput) as refused:
            return await self._page(visit, draft.with_errors(*_errors_of(refused)))
        done = "proposed" if isinstance(stored, ProposalOut) else "changed" if draft.of else "new"
        return visit.go(f"/console/rules?done={done}")

    # --------------------------------------------------------------------------------- show

    async def _page(
        self, visit: Visit, draft: Draft, days: int = 0, status: int = 200
    ) -> web.Response:
        trial, busy = None, ""
        rules = await self._rules(visit)
        now = next((one for one in rules if one.id == draft.of), None)
        if days and not draft.errors:
            try:
                trial = await self._desk.ask(
                    visit.asker, "POST /v1/rules/trial", body={"rule": draft.body, "days": days}
                )
            except Unavailable as away:
                busy = away.detail
        is_sound = not draft.errors
        return visit.show(
            "write_rule.html", status=422 if draft.errors and status == 200 else status,
            draft=draft, given=draft.given, errors=draft.errors, families=FAMILIES,
            family=draft.body["family"],
            measures=ruleforms.measures_of(draft.body["family"]),
            others=ruleforms.others_of(draft.body["family"]), pieces=_parts(draft),
            part_families=ruleforms.part_families(), window_units=ruleforms.UNITS,
            may_add=len(draft.body.get("parts") or ()) < MOST_PARTS,
            sentence=in_words(draft.body) if is_sound else "",
            scope=scope_in_words(draft.body) if is_sound else "",
            changes=_changes(now, draft) if now is not None and is_sound else None,
            loosens=_loosens(rules, draft) if is_sound else (), now_version=now and now.version,
            trial=trial, busy=busy, days=days, periods=PERIODS, chart=rulechart,
        )


def without_id(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule without its name and number."""
    return {name: one for name, one in body.items() if name not in {"id", "version"}}


def whole(one: RuleOut) -> dict[str, Any]:
    """Return a rule as it is sent, its mode with it."""
    return {**without_id(one.body), "mode": one.mode}


def _parts(draft: Draft) -> list[tuple[int, str, Sequence[ruleforms.Field]]]:
    return [
        (n, one["family"], ruleforms.measures_of(one["family"], f"parts.{n}."))
        for n, one in enumerate(draft.body.get("parts") or ())
    ]


def _changes(now: RuleOut, draft: Draft) -> list[Difference]:
    return ruleforms.differences(whole(now), draft.body)


def _loosens(rules: Sequence[RuleOut], draft: Draft) -> tuple[str, ...]:
    """Return in which ways less may be stopped once the draft is stored."""
    known = [
        read_rule({**one.body, "id": one.id, "mode": one.mode}, one.version) for one in rules
    ]
    return loosenings(known, read_rule({**draft.body, "id": draft.name}, 1))


# -------------------------------------------------------------------------------- what was typed


def _read(visit: Visit) -> Draft:
    form = visit.form
    name, of = form.get("id", "").strip(), form.get("of", "")
    base = int(form["base"]) if form.get("base", "").isdecimal() else 0
    if form.get("way") == "json":
        text = form.get("json", "")
        draft = Draft(of or name, of, base, True, {}, text, {"family": "distinct_customers"})
        draft = _parsed(draft)
    else:
        filled = ruleforms.read(form)
        body = _of_family(filled.body, form)
        is_redrawn = body is not filled.body
        given = ruleforms.given_of(body) if is_redrawn else ruleforms.given_in(form)
        errors = {} if is_redrawn else filled.errors
        draft = Draft(of or name, of, base, False, given, "", body, errors)
    draft = _checked(draft)
    if not draft.name and form.get("do") == "store":
        draft = draft.with_errors(("/id", "A rule needs a name, such as five-customers."))
    return draft


def _parsed(draft: Draft) -> Draft:
    """Return a draft with the rule that its JSON says, or with what is wrong there."""
    try:
        body = without_id(_object(draft.text))
        json_text.validate(_BODY, json.dumps(body).encode())
    except (InvalidInput, Refused) as refused:
        return replace(draft, body={"family": "distinct_customers"}).with_errors(
            *_errors_of(refused)
        )
    return replace(draft, body={"mode": "shadow", **body})


def _object(text: str) -> Mapping[str, Any]:
    json_text.check_structure(text.encode())
    said = json_text.parse(text)
    json_text.canonical(said)
    if not isinstance(said, dict):
        raise InvalidInput("A rule is a JSON object: fields within { and }.")
    return said


def _of_family(body: dict[str, Any], form: Mapping[str, str]) -> dict[str, Any]:
    """Return the rule in another shape where somebody chose one: a family, a part more or less."""
    wanted = form.get("family", body["family"])
    if wanted != body["family"] and wanted in FAMILIES:
        return {**ruleforms.starting(wanted), **{k: body[k] for k in _KEPT if k in body}}
    if Family(body["family"]) not in COMBINING:
        return body
    parts, places = list(body["parts"]), [
        n for n in range(MOST_PARTS) if form.get(f"parts.{n}.family")
    ]
    chosen = [_part_of(one, form[f"parts.{n}.family"])
              for one, n in zip(parts, places, strict=True)]
    if form.get("do") == "add" and len(chosen) < MOST_PARTS:
        chosen.append(_part_of({"family": ""}, "count"))
    is_same = chosen == parts and places == list(range(len(parts)))
    return body if is_same else {**body, "parts": chosen}


def _part_of(part: Mapping[str, Any], family: str) -> Mapping[str, Any]:
    if part["family"] == family or family not in dict(ruleforms.part_families()):
        return part
    return {name: one for name, one in ruleforms.starting(family).items() if name != "mode"}


def _checked(draft: Draft) -> Draft:
    """Return a draft with all that does not fit together, where each field can be read."""
    if draft.errors:
        return draft
    try:
        json_text.validate(_BODY, json.dumps(draft.body).encode())
        refuse_what_never_speaks(read_rule({**draft.body, "id": draft.name}, 1))
    except (InvalidInput, Refused) as refused:
        return draft.with_errors(*_errors_of(refused))
    return draft


def _turned(draft: Draft, *, is_json: bool) -> Draft:
    """Return the same draft as JSON, or as fields; as it is where that would lose something."""
    if draft.errors or draft.is_json == is_json:
        return draft
    if not is_json and not ruleforms.is_known(draft.body):
        return draft.with_errors(("", "The form has no field for all that this says."))
    return drafted(draft.body, name=draft.name, of=draft.of, base=draft.base, is_json=is_json)


def _overtaken(draft: Draft, now: RuleOut | None) -> Draft:
    if now is None:
        return replace(draft, errors={"": "This rule is no longer there."})
    said = (
        f"Nothing was stored: the rule has version {now.version} by now, by {now.created_by}. See "
        "below what yours would change of it, and store it if that is what you want."
    )
    return replace(draft, base=now.version, errors={"": said})


def _errors_of(refused: Exception) -> list[tuple[str, str]]:
    match refused:
        case InvalidFields():
            return [(one.pointer or "", one.detail) for one in refused.errors]
        case InvalidInput():
            return [(refused.pointer, refused.detail)]
        case GuardFailed():
            return [("", one) for one in refused.missing]
        case _:
            return [("", str(refused) or "This can't be read.")]


def pages(desk: Desk) -> list[Page]:
    """Return the pages of writing a rule."""
    writing, editors = RuleWriting(desk), Access.staff(*PROPOSERS)
    return [
        Page(method="GET", path=PATH, handler=writing.begin, who=editors),
        Page(method="POST", path=PATH, handler=writing.write, who=editors),
    ]
