"""Rules and suppressions."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.answers import (
    PreviewOut,
    RuleList,
    RuleOut,
    SuppressionList,
    SuppressionOut,
    WouldCross,
)
from freezeguard.api.models.fields import Label
from freezeguard.api.models.requests import PreviewIn, RuleBody, RuleIn, SuppressionIn
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.errors import InvalidInput, NotFound
from freezeguard.domain.people import Actor, Role, actor_name
from freezeguard.domain.reasons import Crossing
from freezeguard.domain.rules import read_rule
from freezeguard.ports.rows import Suppression
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.days import end_of_day
from freezeguard.services.topics import TOPIC_RULES

EDITORS = Access.staff(Role.ANALYST, Role.ADMIN)
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
        return await self._put(call.body.id, call.body, actor_name(call.who), 201)

    async def put(self, call: Call[None, RuleBody]) -> Reply:
        """Store a new version of a rule."""
        return await self._put(call.path["id"], call.body, actor_name(call.who), 200)

    async def _put(self, rule_id: str, sent: RuleBody, by: str, status: int) -> Reply:
        context, now = self._context, self._context.now()
        body: dict[str, Any] = {
            **sent.model_dump(mode="json", exclude_none=True), "id": rule_id,
        }
        read_rule(body, 1)

        async def work(tx: Transaction) -> RuleOut:
            await tx.detection.put_rule(body, by, now)
            await tx.record.write(now, by, "put_rule", f"rule:{rule_id}", details=body)
            await tx.notify(TOPIC_RULES)
            stored = await tx.detection.rule_bodies(rule_id)
            return _rule(stored[0])

        rule = await context.database.run(work)
        await context.rules.refresh()
        return Reply(rule, status)

    async def preview(self, call: Call[None, PreviewIn]) -> Reply:
        """Say what a rule would have done to the stored signals of the last days."""
        sent = call.body
        body = {**sent.rule.model_dump(mode="json", exclude_none=True), "id": "preview"}
        try:
            rule = read_rule({**body, "mode": "shadow"}, 1)
        except InvalidInput as error:
            raise InvalidInput(error.detail, pointer=f"/rule{error.pointer}") from None
        found = await self._context.preview.look(
            rule, timedelta(days=sent.days), sent.after or "", patience=PATIENCE
        )
        items = [_would_cross(one) for one in found.crossings]
        return Reply(PreviewOut(items=items, looked_at=found.looked_at, next=found.next))

    async def suppressions(self, call: Call[None]) -> Reply:
        """List the suppressions in force."""
        del call
        now = self._context.now()
        found = await self._context.database.run(lambda tx: tx.detection.suppressions(now))
        return Reply(SuppressionList(items=[_suppression(one) for one in found], next=None))

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
        return Reply(_suppression(suppression), 201)

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


def _rule(stored: Mapping[str, Any]) -> RuleOut:
    about = {"version", "mode", "created_by", "created_at"}
    return RuleOut.model_validate(
        {
            **{name: stored[name] for name in about},
            "id": stored["id"],
            "body": {name: value for name, value in stored.items() if name not in about},
        }
    )


def _would_cross(one: Crossing) -> WouldCross:
    return WouldCross(
        sku=one.scope.sku, scope=one.scope.as_dict(), at=one.crossed_at,
        outcome="freeze" if one.bound_kind == "freeze" else "suspect",
        reason=one.reason.as_dict(),
    )


def _suppression(one: Suppression) -> SuppressionOut:
    return SuppressionOut(
        id=str(one.id), sku=one.sku, vendor=one.vendor, category=one.category, rule=one.rule_id,
        cause=one.cause, author=one.author, created_at=one.created_at, expires_at=one.expires_at,
    )


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of rules and suppressions."""
    rules = Rules(context)
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
            summary="Create a rule", who=EDITORS, body=RuleIn, result=RuleOut, status=201,
            examples={
                "five customers in 30 days": example,
                "five customers and 2 % of units": contract,
            },
        ),
        Route(
            method="PUT", path="/v1/rules/{id}", handler=rules.put, tag="Rules",
            summary="Store a new version of a rule", who=EDITORS, body=RuleBody, result=RuleOut,
            parts={"id": Label},
            description="SKUs that the rule may concern are evaluated again, in the background.",
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
