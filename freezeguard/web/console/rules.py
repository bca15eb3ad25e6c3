"""Rules: what they do in plain words, what they would have done, and how they change."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.models.answers.rules import ProposalOut, RuleOut
from freezeguard.domain.errors import GuardFailed, InvalidInput, NotFound
from freezeguard.domain.rulechanges import APPROVERS, PROPOSERS, loosenings
from freezeguard.domain.rules import Rule, read_rule
from freezeguard.web import rulechart
from freezeguard.web.console.rulewriting import PERIODS, whole, without_id
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit
from freezeguard.web.ruleforms import Difference, differences
from freezeguard.web.rulewords import in_words, scope_in_words

MODES = ("armed", "shadow", "off")


class RulePages:
    """Handlers of rules."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, visit: Visit) -> web.Response:
        """Show every rule, the changes that wait for a second person, and what shadows saw."""
        rules = await self._desk.ask(visit.asker, "GET /v1/rules")
        proposals = await self._desk.ask(visit.asker, "GET /v1/rules/proposals")
        shadows = await self._desk.ask(visit.asker, "GET /v1/rules/shadow", query={"days": "30"})
        return visit.show(
            "rules.html", rules=rules.items, proposals=proposals.items, in_words=in_words,
            scope_in_words=scope_in_words, done=visit.query.get("done", ""),
            shadows={one.rule: one for one in shadows.items},
            may_change=self._desk.admits("PUT /v1/rules/{id}", visit.person),
            may_agree=self._desk.admits("POST /v1/rules/proposals/{id}/approve", visit.person),
        )

    async def one(self, visit: Visit) -> web.Response:
        """Show a rule whole; with `days`, what it would have done in so many."""
        return await self._page(visit, await self._rule(visit), refused="")

    async def _page(self, visit: Visit, rule: RuleOut, refused: str) -> web.Response:
        days = visit.query.get("days", "")
        shadow = trial = None
        if rule.mode == "shadow":
            shadow = await self._shadow(visit, rule)
        if days in map(str, PERIODS):
            trial = await self._desk.ask(
                visit.asker, "POST /v1/rules/trial",
                body={"rule": without_id(rule.body), "days": int(days)},
            )
        versions = await self._desk.ask(
            visit.asker, "GET /v1/rules/{id}/versions", path={"id": rule.id}
        )
        return visit.show(
            "rule.html", status=422 if refused else 200, rule=rule, shadow=shadow, trial=trial,
            days=days, periods=PERIODS, modes=MODES, refused=refused, in_words=in_words,
            scope_in_words=scope_in_words, chart=rulechart, versions=_steps(versions.items),
            may_change=self._desk.admits("PUT /v1/rules/{id}", visit.person),
        )

    async def _shadow(self, visit: Visit, rule: RuleOut) -> Any:
        return await self._desk.ask(
            visit.asker, "GET /v1/rules/{id}/shadow", path={"id": rule.id}, query={"days": "30"}
        )

    async def promotion(self, visit: Visit) -> web.Response:
        """Show what a shadow rule has seen, and what is different once it is armed."""
        return await self._promotion(visit, await self._rule(visit), ())

    async def _promotion(
        self, visit: Visit, rule: RuleOut, refused: Sequence[str], status: int = 200
    ) -> web.Response:
        if rule.mode != "shadow":
            raise NotFound(f"{rule.id} is no shadow rule: it is {rule.mode}.")
        everything = (await self._desk.ask(visit.asker, "GET /v1/rules")).items
        return visit.show(
            "promote.html", status=status, rule=rule, shadow=await self._shadow(visit, rule),
            loosens=loosenings([_read(one) for one in everything], replace(_read(rule),
                                                                          mode="armed")),
            refused=refused, in_words=in_words, scope_in_words=scope_in_words,
        )

    async def promote(self, visit: Visit) -> web.Response:
        """Arm a shadow rule, as it stood on the page; what may stop less waits for a second one."""
        rule = await self._rule(visit)
        if visit.form.get("version") != str(rule.version):
            changed = f"It has version {rule.version} by now: look at it before you arm it."
            return await self._promotion(visit, rule, [changed], 409)
        try:
            stored = await self._desk.ask(
                visit.asker, "PUT /v1/rules/{id}", path={"id": rule.id},
                body={**without_id(rule.body), "mode": "armed"},
            )
        except (GuardFailed, InvalidInput) as refused:
            return await self._promotion(visit, rule, [str(refused)], 422)
        done = "proposed" if isinstance(stored, ProposalOut) else "armed"
        return visit.go(f"/console/rules?done={done}")

    async def change(self, visit: Visit) -> web.Response:
        """Change bound or mode of a rule; where less may be frozen it waits for a second person."""
        rule = await self._rule(visit)
        body = without_id(rule.body) | _changes(visit.form, rule.body)
        try:
            stored = await self._desk.ask(
                visit.asker, "PUT /v1/rules/{id}", path={"id": rule.id}, body=body
            )
        except (GuardFailed, InvalidInput) as refused:
            return await self._page(visit, rule, refused=str(refused))
        done = "proposed" if isinstance(stored, ProposalOut) else "changed"
        return visit.go(f"/console/rules?done={done}")

    async def decide(self, visit: Visit) -> web.Response:
        """Agree to a change that somebody else proposed, or turn it down."""
        verdict = "approve" if visit.form.get("verdict") == "approve" else "reject"
        await self._desk.ask(
            visit.asker, f"POST /v1/rules/proposals/{{id}}/{verdict}",
            path={"id": visit.path["id"]},
        )
        return visit.go(f"/console/rules?done={verdict}")

    async def _rule(self, visit: Visit) -> RuleOut:
        rules = await self._desk.ask(visit.asker, "GET /v1/rules")
        found: RuleOut | None = next(
            (one for one in rules.items if one.id == visit.path["id"]), None
        )
        if found is None:
            raise NotFound("There is no such rule.")
        return found


def _read(one: RuleOut) -> Rule:
    return read_rule({**one.body, "id": one.id, "mode": one.mode}, one.version)


def _steps(versions: Sequence[RuleOut]) -> list[tuple[RuleOut, list[Difference] | None]]:
    """Return each version, newest first, with what it changed of the one before it."""
    befores = [*versions[1:], None]
    return [
        (one, None if before is None else differences(whole(before), whole(one)))
        for one, before in zip(versions, befores, strict=True)
    ]


def _changes(form: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form changes of a rule: its mode, and its bounds where it has them."""
    changes: dict[str, Any] = {"mode": form.get("mode", body.get("mode"))}
    for name in ("bound", "look"):
        given = form.get(name, "").strip()
        if given:
            changes[name] = _figure(given, f"/{name}")
    return changes


def _figure(text: str, pointer: str) -> float | int:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        raise InvalidInput("This is to be a number.", pointer=pointer) from None


BUDGETS = {
    "shop": "the whole shop", "source": "source", "category": "category", "vendor": "vendor",
    "safety": "safety, from", "vendor_skus": "items of one vendor without a found defect:",
}
"""Whose budget each is."""


class Suppressions:
    """Handlers of suppressions."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, visit: Visit) -> web.Response:
        """Show what detection holds back, why, until when, and what it would have done."""
        return await self._page(visit, {}, "")

    async def add(self, visit: Visit) -> web.Response:
        """Hold detection back."""
        names = ("sku", "vendor", "category", "rule", "cause", "expires_at")
        body = {name: text for name in names if (text := visit.form.text(name))}
        try:
            await self._desk.ask(visit.asker, "POST /v1/suppressions", body=body)
        except InvalidInput as refused:
            return await self._page(visit, visit.form, str(refused))
        return visit.go("/console/suppressions")

    async def lift(self, visit: Visit) -> web.Response:
        """End a suppression before its time."""
        await self._desk.ask(
            visit.asker, "DELETE /v1/suppressions/{id}", path={"id": visit.path["id"]}
        )
        return visit.go("/console/suppressions")

    async def _page(self, visit: Visit, given: Mapping[str, str], refused: str) -> web.Response:
        found = await self._desk.ask(visit.asker, "GET /v1/suppressions")
        budgets = await self._desk.ask(visit.asker, "GET /v1/budgets")
        return visit.show(
            "suppressions.html", status=422 if refused else 200, suppressions=found.items,
            budgets=budgets.items, each=budgets.each, called=BUDGETS,
            given=given, refused=refused,
            may_change=self._desk.admits("POST /v1/suppressions", visit.person),
        )


def pages(desk: Desk) -> list[Page]:
    """Return the pages of rules and suppressions."""
    rules, held_back = RulePages(desk), Suppressions(desk)
    staff, editors, agreeing = Access.staff(), Access.staff(*PROPOSERS), Access.staff(*APPROVERS)
    return [
        Page(method="GET", path="/console/rules", handler=rules.show, who=staff),
        Page(method="GET", path="/console/rules/{id}", handler=rules.one, who=staff),
        Page(method="POST", path="/console/rules/{id}", handler=rules.change, who=editors),
        Page(method="GET", path="/console/rules/{id}/promote", handler=rules.promotion,
             who=editors),
        Page(method="POST", path="/console/rules/{id}/promote", handler=rules.promote,
             who=editors),
        Page(method="POST", path="/console/rules/proposals/{id}", handler=rules.decide,
             who=agreeing, wants_proof=True),
        Page(method="GET", path="/console/suppressions", handler=held_back.show, who=staff),
        Page(method="POST", path="/console/suppressions", handler=held_back.add, who=editors),
        Page(method="POST", path="/console/suppressions/{id}/lift", handler=held_back.lift,
             who=editors),
    ]


