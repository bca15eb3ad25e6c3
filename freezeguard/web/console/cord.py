"""The cord: type or scan a SKU, see what is known of it, and stop its sale."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from freezeguard.api.models.answers.cases import ListedCase, PulledCase
from freezeguard.api.models.answers.masterdata import SkuOut
from freezeguard.api.models.fields import GTIN_PATTERN
from freezeguard.domain.errors import GuardFailed, InvalidInput, UnknownSku
from freezeguard.domain.transitions import FROZEN_PHASE, State
from freezeguard.web.deeds import CODES
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit
from freezeguard.web.readers import PULLERS

REASONS = ("defective", "wrong_item", "mislabelled", "safety_hazard", "safety_injury", "other")
CODE = re.compile(GTIN_PATTERN)
STOPPED = FROZEN_PHASE | {State.REINSTATING}
"""Cases in which a further pull changes nothing: the item is off sale already."""


class Cord:
    """Handlers of the cord."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, visit: Visit) -> web.Response:
        """Ask for a SKU; where one is named, show what is known of it and offer the cord."""
        sku = visit.query.get("sku", "").strip()
        if found := await self._by_code(visit, sku):
            (first, *more) = [one.sku for one in found]
            if not more:
                return visit.go(f"/console/pull?{urlencode({'sku': first, 'code': sku})}")
        return await self._page(visit, sku, {}, (), found)

    async def pull(self, visit: Visit) -> web.Response:
        """Pull the cord, and show what it brought about."""
        sku, form = visit.form.get("sku", "").strip(), visit.form
        body = {
            "scope": {"sku": sku}, "reason_code": form.get("reason_code") or "other",
            "comment": form.get("comment", ""),
        }
        try:
            case: PulledCase = await self._desk.ask(visit.asker, "POST /v1/freezes", body=body)
        except GuardFailed as refused:
            return await self._page(visit, sku, form, refused.missing)
        except InvalidInput as refused:
            known = sku if sku.isprintable() else ""
            return await self._page(visit, known, form, (str(refused),))
        told = {"case": case.id, **({} if case.known else {"unknown": "yes"})}
        return visit.go(f"/console/pull/done?{urlencode(told)}")

    async def done(self, visit: Visit) -> web.Response:
        """Show what a pull has brought about, and what it takes for the stop to last."""
        case = await self._desk.ask(
            visit.asker, "GET /v1/cases/{id}", path={"id": visit.query.get("case", "")}
        )
        return visit.show("pulled.html", case=case, is_known="unknown" not in visit.query)

    async def _by_code(self, visit: Visit, text: str) -> Sequence[SkuOut]:
        """Return SKUs with a code that was typed or scanned; none where it names a SKU itself."""
        if not CODE.fullmatch(text) or (await self._record(visit, text))[0] is not None:
            return ()
        found = await self._desk.ask(visit.asker, "GET /v1/skus", query={"gtin": text})
        return list(found.items)

    async def _page(
        self, visit: Visit, sku: str, given: Any, refused: Sequence[str],
        coded: Sequence[SkuOut] = (),
    ) -> web.Response:
        record, near = await self._record(visit, sku)
        cases = await self._cases(visit, sku) if sku else []
        ended = await self._ended(visit, sku) if sku and not cases else []
        return visit.show(
            "pull.html", status=422 if refused else 200, sku=sku, record=record, near=near,
            cases=cases, ended=ended, given=given, refused=refused, coded=coded,
            code=visit.query.get("code", "") if CODE.fullmatch(visit.query.get("code", "")) else "",
            reasons=[(code, CODES[code]) for code in REASONS],
            is_doubtful=record is None and bool(near) and not cases,
            is_stopped=any(one.state in STOPPED for one in cases),
            suspected=next((one for one in cases if one.state == State.SUSPECTED), None),
            address_of=lambda one: f"/console/pull?sku={quote(one, safe='')}",
        )

    async def _record(
        self, visit: Visit, sku: str
    ) -> tuple[SkuOut | None, Sequence[str]]:
        """Return what is known of a SKU, and registered ones that may be meant."""
        if not sku:
            return None, ()
        try:
            return await self._desk.ask(visit.asker, "GET /v1/skus/{sku}", path={"sku": sku}), ()
        except UnknownSku as unknown:
            return None, unknown.near

    async def _cases(self, visit: Visit, sku: str) -> list[ListedCase]:
        found = await self._desk.ask(
            visit.asker, "GET /v1/cases", query={"sku": sku, "open": "true", "limit": 20}
        )
        return list(found.items)

    async def _ended(self, visit: Visit, sku: str) -> list[ListedCase]:
        """Return the latest cases that are over: somebody may call about one of them still."""
        found = await self._desk.ask(visit.asker, "GET /v1/cases", query={"sku": sku, "limit": 3})
        return list(found.items)


def pages(desk: Desk) -> list[Page]:
    """Return the pages of the cord."""
    cord = Cord(desk)
    return [
        Page(method="GET", path="/console/pull", handler=cord.show, who=PULLERS),
        Page(method="POST", path="/console/pull", handler=cord.pull, who=PULLERS),
        Page(method="GET", path="/console/pull/done", handler=cord.done, who=PULLERS),
    ]
