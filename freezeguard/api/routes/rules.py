"""Rules and suppressions."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.answers.rules import (
    HeldBackOut,
    PreviewOut,
    ProposalList,
    ProposalOut,
    RuleList,
    RuleOut,
    ShadowFigures,
    ShadowList,
    ShadowOut,
    SightingOut,
    SuppressionList,
    SuppressionOut,
    TrialOut,
    TriedSku,
    WouldCross,
)
from freezeguard.api.models.fields import Label
from freezeguard.api.models.requests import (
    PeriodQuery,
    PreviewIn,
    RuleBody,
    RuleIn,
    ShadowQuery,
    SuppressionIn,
)
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.errors import InvalidInput, NotFound
from freezeguard.domain.people import Actor, actor_name
from freezeguard.domain.reasons import Crossing
from freezeguard.domain.rulechanges import APPROVERS, PROPOSERS
from freezeguard.domain.rules import Rule, read_rule, refuse_what_never_speaks
from freezeguard.domain.shadowing import Sighting
from freezeguard.domain.trying import judged
from freezeguard.ports.rows import HeldBack, Proposal, Suppression
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.days import end_of_day
from freezeguard.services.detecting.shadows import Shadow
from freezeguard.services.detecting.trial import Tried
from freezeguard.services.topics import TOPIC_RULES

EDITORS = Access.staff(*PROPOSERS)
AGREEING = Access.staff(*APPROVERS)
LONGEST = timedelta(days=366)
PATIENCE = 8.0
"""Seconds after which a preview answers with what it has."""


class Rules:
    """Handlers of rules and suppressions."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def listed(self, call: Call[None]) -> Reply:
        """List every rule in its current version."""
        del call
        bodies = await self._context.database.run(lambda tx: tx.detection.rule_bodies())
        return Reply(RuleList(items=[_rule(one) for one in bodies], next=None))

    async def post(self, call: Call[None, RuleIn]) -> Reply:
        """Create a rule, or a new version of it."""
        return await self._put(call.body.id, call.body, call.who, 201)

    async def put(self, call: Call[None, RuleBody]) -> Reply:
        """Store a new version of a rule."""
        return await self._put(call.path["id"], call.body, call.who, 200)

    async def _put(self, rule_id: str, sent: RuleBody, who: Actor, status: int) -> Reply:
        body = {**sent.model_dump(mode="json", exclude_none=True), "id": rule_id}
        stored = await self._context.review.put(who, body)
        if isinstance(stored, Proposal):
            return Reply(_proposal(stored), 202)
        return Reply(_rule(stored), status)

    async def proposals(self, call: Call[None]) -> Reply:
        """List the changes of rules that wait for a second person."""
        del call
        found = await self._context.review.proposals()
        return Reply(ProposalList(items=[_proposal(one) for one in found], next=None))

    async def approve(self, call: Call[None]) -> Reply:
        """Agree to a change of a rule that somebody else proposed."""
        stored = await self._context.review.approve(call.who, _proposal_id(call.path["id"]))
        return Reply(_rule(stored))

    async def reject(self, call: Call[None]) -> Reply:
        """Turn a change of a rule down."""
        await self._context.review.reject(call.who, _proposal_id(call.path["id"]))
        return Reply(None, 204)

    async def shadows(self, call: Call[PeriodQuery]) -> Reply:
        """Say what every shadow rule would have done, in numbers."""
        found = await self._context.shadows.all(call.query.days)
        return Reply(ShadowList(items=[ShadowFigures(**_figures(one)) for one in found], next=None))

    async def shadow(self, call: Call[ShadowQuery]) -> Reply:
        """Say what one shadow rule would have done, SKU by SKU."""
        query = call.query
        found = await self._context.shadows.one(call.path["id"], query.days)
        later = [one for one in found.sightings if query.after is None or one.sku > query.after]
        page = later[: query.limit]
        return Reply(ShadowOut(
            **_figures(found), items=[_sighting(one) for one in page],
            next=page[-1].sku if len(later) > len(page) else None,
        ))

    async def preview(self, call: Call[None, PreviewIn]) -> Reply:
        """Say what a rule would have done to the stored signals of the last days."""
        rule, sent = _unstored(call.body), call.body
        found = await self._context.preview.look(
            rule, timedelta(days=sent.days), sent.after or "", patience=PATIENCE
        )
        items = [_would_cross(one) for one in found.crossings]
        return Reply(PreviewOut(items=items, looked_at=found.looked_at, next=found.next))

    async def trial(self, call: Call[None, PreviewIn]) -> Reply:
        """Say what a rule would have done in the past, beside the cases that there were."""
        rule, sent = _unstored(call.body), call.body
        found = await self._context.trial.look(
            rule, timedelta(days=sent.days), sent.after or "", patience=PATIENCE
        )
        verdicts = judged([one.sighting for one in found.tried])
        return Reply(TrialOut(
            since=found.since, until=found.until, would_freeze=verdicts.would_freeze,
            **asdict(verdicts), items=[_tried(one) for one in found.tried],
            looked_at=found.looked_at, next=found.next,
        ))

    async def versions(self, call: Call[None]) -> Reply:
        """List every version of a rule, newest first."""
        wanted = call.path["id"]
        found = await self._context.database.run(lambda tx: tx.detection.rule_bodies(wanted))
        if not found:
            raise NotFound(f"There is no rule {wanted!r}.")
        return Reply(RuleList(items=[_rule(one) for one in found], next=None))

    async def suppressions(self, call: Call[None]) -> Reply:
        """List the suppressions in force."""
        del call
        now = self._context.now()

        async def work(tx: Transaction) -> list[SuppressionOut]:
            found = await tx.detection.suppressions(now)
            held_back = await tx.detection.held_back(found, now)
            return [_suppression(*one) for one in zip(found, held_back, strict=True)]

        items = await self._context.database.run(work)
        return Reply(SuppressionList(items=items, next=None))

    async def suppress(self, call: Call[None, SuppressionIn]) -> Reply:
        """Hold detection back for a cause and a time."""
        context, sent, now = self._context, call.body, self._context.now()
        if sent.sku is None and sent.vendor is None and sent.category is None:
            raise InvalidInput("Name a sku, a vendor or a category.")
        until = await self._moment(sent.expires_at, call.who)
        if not now < until <= now + LONGEST:
            raise InvalidInput("`expires_at` lies within a year from now.", pointer="/expires_at")
        by = actor_name(call.who)
        suppression = Suppression(
            context.new_id(), sent.cause, by, now, until, sent.sku, sent.vendor,
            sent.category, sent.rule,
        )

        async def work(tx: Transaction) -> None:
            await tx.detection.add_suppression(suppression)
            await tx.record.write(
                now, by, "suppress", f"suppression:{suppression.id}",
                # the cause is in people's words: it stands with the suppression, and is erasable
                details=sent.model_dump(mode="json", exclude_none=True, exclude={"cause"})
                | {"expires_at": until.isoformat()},
            )
            await tx.notify(TOPIC_RULES)

        await context.database.run(work)
        await context.rules.refresh()
        return Reply(_suppression(suppression, HeldBack()), 201)

    async def _moment(self, named: date, actor: Actor) -> datetime:
        """Return a moment as it is, a day as its end where the actor is."""
        if isinstance(named, datetime):
            return named
        return await self._context.database.run(lambda tx: end_of_day(tx, named, actor))

    async def lift(self, call: Call[None]) -> Reply:
        """End a suppression before its time."""
        context, now, text = self._context, self._context.now(), call.path["id"]
        try:
            wanted = UUID(text)
        except ValueError:
            raise NotFound(f"There is no suppression {text}.") from None

        async def work(tx: Transaction) -> None:
            if not await tx.detection.end_suppression(wanted, now):
                raise NotFound(f"There is no suppression {text} in force.")
            await tx.record.write(
                now, actor_name(call.who), "lift_suppression", f"suppression:{text}"
            )
            await tx.notify(TOPIC_RULES)

        await context.database.run(work)
        await context.rules.refresh()
        return Reply(None, 204)


def _unstored(sent: PreviewIn) -> Rule:
    """Return a rule that is only tried. Raises InvalidInput."""
    body = {**sent.rule.model_dump(mode="json", exclude_none=True), "id": "preview"}
    try:
        return refuse_what_never_speaks(read_rule({**body, "mode": "shadow"}, 1))
    except InvalidInput as error:
        raise InvalidInput(error.detail, pointer=f"/rule{error.pointer}") from None


def _rule(stored: Mapping[str, Any]) -> RuleOut:
    about = {"version", "mode", "created_by", "created_at"}
    return RuleOut.model_validate(
        {
            **{name: stored[name] for name in about},
            "id": stored["id"],
            "body": {name: value for name, value in stored.items() if name not in about},
        }
    )


def _proposal_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no proposal {text}.") from None


def _proposal(one: Proposal) -> ProposalOut:
    return ProposalOut(
        id=str(one.id), rule=one.rule_id, base_version=one.base_version, body=dict(one.body),
        loosens=list(one.loosens), proposed_by=one.proposed_by, proposed_at=one.proposed_at,
        expires_at=one.expires_at,
    )


def _figures(one: Shadow) -> dict[str, Any]:
    return {
        "rule": one.rule.id, "version": one.rule.version, "since": one.since, "until": one.until,
        **asdict(one.comparison),
    }


def _sighting(one: Sighting) -> SightingOut:
    return SightingOut.model_validate(_seen(one))


def _tried(one: Tried) -> TriedSku:
    return TriedSku.model_validate({**_seen(one.sighting), "why": one.sentence})


def _seen(one: Sighting) -> dict[str, Any]:
    stop = one.stop
    return {
        "sku": one.sku, "would_freeze_at": one.said_at, "days_earlier": one.days_earlier,
        "stopped_at": stop and stop.at, "stopped_by": stop and stop.by, "case": stop and stop.case,
        "ended": stop and stop.ending,
    }


def _would_cross(one: Crossing) -> WouldCross:
    return WouldCross(
        sku=one.scope.sku, scope=one.scope.as_dict(), at=one.crossed_at,
        outcome="freeze" if one.bound_kind == "freeze" else "suspect",
        reason=one.reason.as_dict(),
    )


def _suppression(one: Suppression, held_back: HeldBack) -> SuppressionOut:
    return SuppressionOut(
        id=str(one.id), sku=one.sku, vendor=one.vendor, category=one.category, rule=one.rule_id,
        cause=one.cause, author=one.author, created_at=one.created_at, expires_at=one.expires_at,
        held_back=HeldBackOut(
            crossings=held_back.crossings, skus=held_back.skus, named=list(held_back.named)
        ),
    )


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of rules and suppressions."""
    rules = Rules(context)
    reviewed = (
        "What may freeze less than before, or later, waits for a second person: then the answer is "
        "202 with the proposal, and the rule stays as it is."
    )
    proposed = {202: "It loosens, and waits for a second person; or it is in force: see `status`."}
    example = {
        "id": "five-customers", "family": "distinct_customers", "window": "30d", "bound": 5,
        "mode": "armed",
    }
    contract = {
        "id": "contract", "family": "all_of", "mode": "shadow", "parts": [
            {"family": "distinct_customers", "window": "30d", "bound": 5},
            {"family": "rate", "window": "30d", "bound": 0.02, "min_units": 200,
             "confidence": 0.9},
        ],
    }  # fmt: skip
    return [
        Route(
            method="GET", path="/v1/rules", handler=rules.listed, tag="Rules",
            summary="List rules", who=Access.staff(), result=RuleList,
        ),
        Route(
            method="POST", path="/v1/rules", handler=rules.post, tag="Rules",
            summary="Create a rule", who=EDITORS, body=RuleIn, result=RuleOut | ProposalOut,
            status=201, others=proposed, description=reviewed,
            examples={
                "five customers in 30 days": example,
                "five customers and 2 % of units": contract,
            },
        ),
        Route(
            method="PUT", path="/v1/rules/{id}", handler=rules.put, tag="Rules",
            summary="Store a new version of a rule", who=EDITORS, body=RuleBody,
            result=RuleOut | ProposalOut, others=proposed, parts={"id": Label},
            description="SKUs that the rule may concern are evaluated again, in the background. "
            + reviewed,
        ),
        Route(
            method="GET", path="/v1/rules/proposals", handler=rules.proposals, tag="Rules",
            summary="List changes of rules that wait for a second person", who=Access.staff(),
            result=ProposalList,
            description="A proposal lapses after a day, and where its rule gets another version.",
        ),
        Route(
            method="POST", path="/v1/rules/proposals/{id}/approve", handler=rules.approve,
            tag="Rules", summary="Agree to a change of a rule",
            description="Not by whoever proposed it, with whichever token; an admin is not exempt.",
            who=AGREEING, result=RuleOut, errors=("not_found", "guard_failed"),
        ),
        Route(
            method="POST", path="/v1/rules/proposals/{id}/reject", handler=rules.reject,
            tag="Rules", summary="Turn a change of a rule down",
            description="Whoever proposed it withdraws it so.",
            who=AGREEING, status=204, errors=("not_found", "guard_failed"),
        ),
        Route(
            method="GET", path="/v1/rules/shadow", handler=rules.shadows, tag="Rules",
            summary="Compare shadow rules with what was stopped",
            description="Per rule, since its present version is stored and for so many days at "
            "most. A SKU that is stopped is not evaluated further: what a rule would have frozen "
            "later than an armed one counts as missed.",
            who=Access.staff(), query=PeriodQuery, result=ShadowList,
        ),
        Route(
            method="GET", path="/v1/rules/{id}/shadow", handler=rules.shadow, tag="Rules",
            summary="Compare one shadow rule with what was stopped, SKU by SKU",
            who=Access.staff(), query=ShadowQuery, result=ShadowOut, parts={"id": Label},
            errors=("not_found",),
        ),
        Route(
            method="POST", path="/v1/rules/preview", handler=rules.preview, tag="Rules",
            summary="Try a rule on the stored signals of the last days",
            description="Which SKUs it would have stopped, when and why; by the engine that runs "
            "live, and without storing anything. What counted for a case that is closed counts no "
            "more. In a large shop the answer ends after some seconds: go on after `next`.",
            who=Access.staff(), body=PreviewIn, result=PreviewOut,
            examples={"five customers": {"rule": {
                "family": "distinct_customers", "window": "30d", "bound": 5}, "days": 30}},
        ),
        Route(
            method="POST", path="/v1/rules/trial", handler=rules.trial, tag="Rules",
            summary="Try a rule on the stored past, beside the cases that there were",
            description="What the rule would have stopped in the last days, which of it ended as a "
            "defect or as a false alarm, and which defects it would have missed. What people "
            "judged counts until they did, and an item that the rule stops is taken to be off "
            "sale for 90 days, as in a backtest; budgets and waves are not looked at. Nothing is "
            "stored. In a large shop the answer ends after some seconds: go on after `next`.",
            who=Access.staff(), body=PreviewIn, result=TrialOut,
            examples={"five customers": {"rule": {
                "family": "distinct_customers", "window": "30d", "bound": 5}, "days": 90}},
        ),
        Route(
            method="GET", path="/v1/rules/{id}/versions", handler=rules.versions, tag="Rules",
            summary="Every version of a rule, newest first", who=Access.staff(), result=RuleList,
            parts={"id": Label}, errors=("not_found",),
            description="To go back to one, store its `body` again: that is a change as any other.",
        ),
        Route(
            method="GET", path="/v1/suppressions", handler=rules.suppressions, tag="Rules",
            summary="List suppressions in force", who=Access.staff(), result=SuppressionList,
        ),
        Route(
            method="POST", path="/v1/suppressions", handler=rules.suppress, tag="Rules",
            summary="Hold detection back for a cause and a time",
            description="Safety rules are never held back.",
            who=EDITORS, body=SuppressionIn, result=SuppressionOut, status=201,
        ),
        Route(
            method="DELETE", path="/v1/suppressions/{id}", handler=rules.lift, tag="Rules",
            summary="End a suppression", who=EDITORS, status=204, errors=("not_found",),
        ),
    ]
