"""The story, scene by scene. Every scene checks what it shows: see `BrokenPromise`."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

from freezeguard.bootstrap.demo import cast
from freezeguard.bootstrap.demo.findings import Findings, FreezeSeen
from freezeguard.bootstrap.demo.mailbox import Mail
from freezeguard.bootstrap.demo.stage import BrokenPromise, Stage, eventually
from freezeguard.bootstrap.surroundings import utc_now

Case = dict[str, Any]
UNCHANGED = ("published", "sale_stop", "track_stock", "allow_backorder", "price", "title")


class Narrator(Protocol):
    """Tells whoever looks on. Every call may take a moment, so that people can follow."""

    async def scene(self, title: str) -> None: ...

    async def tell(self, text: str) -> None: ...

    async def letter(self, subject: str, text: str) -> None: ...


class Story:
    """Plays the scenes on a stage and writes down what was seen."""

    def __init__(self, stage: Stage, narrator: Narrator, findings: Findings) -> None:
        self._stage, self._narrator, self._findings = stage, narrator, findings
        self._shop = stage.shop
        self._number = 0

    async def play(self) -> None:
        """Play everything. Raises BrokenPromise."""
        await self._opening()
        await self._five_customers()
        await self._a_rate()
        await self._safety()
        await self._two_associates()
        await self._the_end()
        self._findings.mails = len(self._stage.mailbox.mails)

    # ----------------------------------------------------------------------------- the scenes

    async def _opening(self) -> None:
        await self._narrator.scene("A shop sells kitchen goods, and freezeguard watches")
        for sku in cast.TITLES:
            await self._buys(sku, "before anything happened")
        await self._narrator.tell(
            f"{len(cast.TITLES)} items are on sale; a buyer bought one of each. Three rules are "
            "armed: five customers in 30 days; 5 % of the units shipped; one safety report."
        )

    async def _five_customers(self) -> None:
        sku = cast.KETTLE
        await self._narrator.scene(f"{cast.TITLES[sku]}: five customers complain")
        cart, before = await self._open_cart(sku), await self._shop.product(sku)
        await self._complain(sku, "c-1", intent="delivery", text="The parcel came two days late.")
        await self._narrator.tell("A late parcel: it is kept, and does not count against the item.")
        for customer in range(1, 5):
            await self._complain(sku, f"c-{customer}", text="The handle broke off while pouring.")
        await self._complain(sku, "c-4", text="I called yesterday: the handle!")
        await self._narrator.tell("Five complaints of four customers: nobody counts twice.")
        await self._still_sold(sku)
        crossed_at = utc_now()
        await self._complain(sku, "c-5", text="Hot water on my foot. The handle broke.")
        seen = await self._freeze_seen(sku, "five-customers", crossed_at, cart)
        await self._show_letter(await self._statement(seen))
        case = await self._give(await self._case(seen), "accept_ownership", cast.OWNER)
        case = await self._remedy_at_last(case)
        await self._approval(case, ("mara",))
        await self._sold_again(seen, before, "probation")

    async def _a_rate(self) -> None:
        sku = cast.BLENDER
        await self._narrator.scene(f"{cast.TITLES[sku]}: 3 of 60 units are enough")
        cart, before = await self._open_cart(sku), await self._shop.product(sku)
        units = {"id": "s-1", "source": "warehouse", "sku": sku, "units": 60,
                 "shipped_at": utc_now().isoformat()}
        await self._stage.must("POST", "/v1/units", "warehouse", units)
        for customer in ("c-11", "c-12"):
            await self._complain(sku, customer, text="It stopped after a minute.")
        await self._still_sold(sku)
        crossed_at = utc_now()
        await self._complain(sku, "c-13", text="Smells of burning, then nothing.")
        seen = await self._freeze_seen(sku, "defect-rate", crossed_at, cart)
        await self._statement(seen)
        case = await self._give(await self._case(seen), "accept_ownership", cast.OWNER)
        await self._approval(await self._remedy(case), ("mara",))
        await self._sold_again(seen, before, "probation")

    async def _safety(self) -> None:
        sku = cast.LAMP
        await self._narrator.scene(f"{cast.TITLES[sku]}: one safety report, and two must approve")
        cart, before = await self._open_cart(sku), await self._shop.product(sku)
        crossed_at = utc_now()
        await self._complain(
            sku, "c-21", who="lab", kind="inspection", result="fail", severity="safety",
            text="The housing carries mains voltage.",
        )
        seen = await self._freeze_seen(sku, "safety", crossed_at, cart)
        await self._statement(seen)
        case = await self._give(await self._case(seen), "accept_ownership", cast.OWNER)
        await self._approval(await self._remedy(case), ("mara", "quin"))
        await self._sold_again(seen, before, "probation")

    async def _two_associates(self) -> None:
        sku = cast.GRATER
        await self._narrator.scene(f"{cast.TITLES[sku]}: an associate pulls the cord")
        cart, before = await self._open_cart(sku), await self._shop.product(sku)
        pull = {"scope": {"sku": sku}, "reason_code": "wrong_item",
                "comment": "The page shows steel, the parcel holds plastic."}
        await self._stage.must("POST", "/v1/freezes", "alba", pull)
        await self._paused(sku)
        status, _ = await self._stage.call("POST", "/v1/freezes", "alba", pull)
        if status != 200 or (await self._newest(sku))["state"] != "suspected":
            raise BrokenPromise("nobody seconds their own pull")
        crossed_at = utc_now()
        await self._stage.must("POST", "/v1/freezes", "bert", pull)
        await self._narrator.tell("Bert, another associate, agrees: now it is a freeze.")
        seen = await self._freeze_seen(sku, "two associates", crossed_at, cart)
        await self._statement(seen)
        await self._give(await self._case(seen), "declare_false_alarm", cast.OWNER,
                         reason_code="wrong_item")
        await self._narrator.tell(
            "Owen finds that the page was wrong, not the grater: a false alarm, and no probation."
        )
        await self._sold_again(seen, before, "closed_false_alarm")

    async def _the_end(self) -> None:
        await self._narrator.scene("Probation ends")
        for seen in self._findings.freezes:
            final = "closed_false_alarm" if seen.sku == cast.GRATER else "closed_reinstated"
            await self._in_state(seen.sku, final)
            timeline = await self._stage.must("GET", f"/v1/cases/{seen.case}/timeline", cast.OWNER)
            seen.states = _states(timeline["items"])
        await self._narrator.tell("Every case is closed, and everything is on sale again.")
        for customer in range(1, 5):
            await self._complain(cast.TOASTER, f"c-{customer}", text="It does not switch off.")
        await self._narrator.tell(
            "Four customers complained of the toaster, which still sells: a fifth would freeze it."
        )

    # ------------------------------------------------------------------------------ freezing

    async def _complain(
        self, sku: str, customer: str, *, who: str = "helpdesk", **more: Any
    ) -> None:
        self._number += 1
        signal = {
            "id": f"d-{self._number}", "source": who, "kind": "complaint", "sku": sku,
            "occurred_at": utc_now().isoformat(), "severity": "major", "customer": customer,
            **more,
        }
        answer = await self._stage.must("POST", "/v1/signals", who, signal)
        self._findings.signals_accepted += answer["accepted"]
        await self._narrator.tell(f"{who}, {customer}: “{signal.get('text', '')}”")

    async def _freeze_seen(
        self, sku: str, rule: str, crossed_at: datetime, cart: str
    ) -> FreezeSeen:
        """Watch a freeze from both sides: the shop's own log, and buyers who try."""
        seen = FreezeSeen(sku, rule, crossed_at)
        self._findings.freezes.append(seen)
        seen.stop_received_at = await self._stop_received(sku, crossed_at)
        case = await self._in_state(sku, "frozen")
        seen.case, seen.sentence = case["id"], str(case["reason"]["sentence"])
        timeline = await self._stage.must("GET", f"/v1/cases/{case['id']}/timeline", cast.OWNER)
        confirmed = [one for one in timeline["items"] if one["command"] == "confirm_freeze"]
        seen.confirmed_at = datetime.fromisoformat(confirmed[0]["at"])
        await self._narrator.tell(
            f"FROZEN. {seen.sentence} The shop received the stop after "
            f"{seen.seconds * 1000:.0f} ms; {_ms(seen.confirmed_at - crossed_at)} after the "
            "crossing it was read back: not for sale."
        )
        await self._refused(seen, cart)
        await self._asked("frozen", sku)
        return seen

    async def _stop_received(self, sku: str, crossed_at: datetime) -> datetime:
        since = int(crossed_at.timestamp() * 1e9)

        async def stop() -> datetime | None:
            for entry in await self._shop.log(sku, since_ns=since):
                hard = (entry["fields"] or {}).get("sale_stop") is True
                if entry["kind"] == "admin" and hard and entry["outcome"] == "applied":
                    return datetime.fromtimestamp(entry["received_ns"] / 1e9, UTC)
            return None

        return await eventually(stop, f"the shop receives a stop of {sku}")

    async def _refused(self, seen: FreezeSeen, cart: str) -> None:
        for kind, attempt in (
            ("new cart", self._shop.buy(seen.sku)),
            ("cart open before", self._shop.checkout(cart)),
        ):
            purchase = await attempt
            if purchase.ok:
                raise BrokenPromise(f"no purchase of {seen.sku} succeeds while frozen ({kind})")
            seen.refused_purchases.append(
                {"attempt": kind, "at": utc_now().isoformat(), "refused": True,
                 "code": purchase.code, "text": purchase.text}
            )
            await self._narrator.tell(f"A buyer with a {kind}: refused, {purchase.text}.")

    async def _asked(self, expected: str, sku: str) -> None:
        """Ask as a checkout would."""
        path = f"/v1/sale-status/{quote(sku, safe='')}"

        async def answer() -> bool | None:
            body = await self._stage.must("GET", path, "checkout")
            return True if body["status"] == expected else None

        await eventually(answer, f"readers hear that {sku} is {expected}", seconds=5)

    async def _paused(self, sku: str) -> None:
        """One associate's pull hides the item: no new carts, for fifteen minutes."""

        async def refused() -> str | None:
            purchase = await self._shop.open_cart(sku)
            return None if purchase.ok else str(purchase.text)

        words = await eventually(refused, "one associate's pull pauses the sale")
        await self._in_state(sku, "suspected")
        await self._narrator.tell(
            f"Alba alone pauses the sale for 15 minutes (a new cart: {words}) and asks for a "
            "second opinion."
        )

    # -------------------------------------------------------------------------------- letters

    async def _statement(self, seen: FreezeSeen) -> Mail:
        """Find the vendor's statement of reasons."""

        async def arrived() -> Mail | None:
            for mail in self._stage.mailbox.mails:
                if cast.VENDOR_MAIL in mail.to and seen.sku in mail.text:
                    return mail
            return None

        mail = await eventually(arrived, f"the vendor gets the statement of reasons for {seen.sku}")
        seen.vendor_mail = {
            "to": cast.VENDOR_MAIL, "subject": mail.subject,
            "message_id": str(mail.message["Message-ID"]),
            "delivered_at": mail.received_at.isoformat(),
            "seconds_after_crossing": round(
                (mail.received_at - seen.crossed_at).total_seconds(), 3),
        }
        await self._narrator.tell(f"Mail to {cast.VENDOR_MAIL}: {mail.subject}")
        return mail

    async def _show_letter(self, mail: Mail) -> None:
        await self._narrator.letter(mail.subject, mail.text)

    # ---------------------------------------------------------------------------- reinstating

    async def _remedy_at_last(self, case: Case) -> Case:
        """A remedy that proves nothing goes back, once, with exactly what is missing."""
        case = await self._give(case, "propose_remedy", "vera", remedy=cast.WEAK_REMEDY)
        case = await self._give(case, "return_remedy", cast.OWNER, missing=cast.MISSING)
        await self._narrator.tell(
            "Owen accepts the case. Vera, for the vendor, proposes a remedy; Owen returns it: "
            f"missing are {' and '.join(cast.MISSING)}."
        )
        return await self._remedy(case)

    async def _remedy(self, case: Case) -> Case:
        case = await self._give(case, "propose_remedy", "vera", remedy=cast.REMEDY)
        case = await self._give(case, "request_approval", cast.OWNER,
                                verification=cast.VERIFICATION)
        await self._narrator.tell("A whole remedy, verified; Owen asks for approval.")
        return case

    async def _approval(self, case: Case, approvers: tuple[str, ...]) -> None:
        path = f"/v1/cases/{case['id']}/commands"
        by_vendor = {**_approve(case), "version": case["version"]}
        status, _ = await self._stage.call("POST", path, "vera", by_vendor)
        if status != 403:
            raise BrokenPromise("a vendor can't approve the reinstatement of its own item")
        for nth, who in enumerate(approvers, 1):
            if case["state"] != "awaiting_approval":
                raise BrokenPromise("no SKU is reinstated without the approvals its lane requires")
            case = await self._give(case, who=who, **_approve(case))
            await self._narrator.tell(
                f"{who.title()} approves ({nth} of {len(approvers)}): the case is "
                f"{case['state']}."
            )

    async def _sold_again(
        self, seen: FreezeSeen, before: Mapping[str, Any], state: str
    ) -> None:
        await self._in_state(seen.sku, state, or_later=True)
        await self._asked("sellable", seen.sku)
        after = await self._shop.product(seen.sku)
        changed = [name for name in UNCHANGED if after[name] != before[name]]
        if changed:
            raise BrokenPromise(f"the state before is restored exactly; {changed} differ")
        order = await self._buys(seen.sku, "after its reinstatement")
        seen.purchase_after = {"accepted": True, "order": order, "at": utc_now().isoformat()}
        await self._narrator.tell(f"REINSTATED and read back; a buyer gets order {order}.")

    # ---------------------------------------------------------------------------------- steps

    async def _buys(self, sku: str, when: str) -> str:
        purchase = await self._shop.buy(sku)
        if purchase.order is None:
            raise BrokenPromise(f"{sku} can be bought {when}; the shop said {purchase.text}")
        return purchase.order

    async def _still_sold(self, sku: str) -> None:
        await self._buys(sku, "below the threshold")
        await self._narrator.tell("Below the threshold: still on sale.")

    async def _open_cart(self, sku: str) -> str:
        return (await self._shop.open_cart(sku)).cart

    async def _newest(self, sku: str) -> Case:
        found = await self._stage.must("GET", f"/v1/cases?sku={quote(sku, safe='')}", cast.OWNER)
        if not found["items"]:
            raise BrokenPromise(f"what crossed for {sku} has opened a case")
        return dict(found["items"][0])

    async def _in_state(self, sku: str, state: str, *, or_later: bool = False) -> Case:
        passed = {state, "closed_reinstated"} if or_later else {state}

        async def reached() -> Case | None:
            found = await self._newest(sku)
            return found if found["state"] in passed else None

        return await eventually(reached, f"the case of {sku} becomes {state}")

    async def _case(self, seen: FreezeSeen) -> Case:
        return await self._stage.must("GET", f"/v1/cases/{seen.case}", cast.OWNER)

    async def _give(self, case: Case, command: str, who: str, **arguments: Any) -> Case:
        body = {"command": command, "version": case["version"], **arguments}
        return await self._stage.must("POST", f"/v1/cases/{case['id']}/commands", who, body)


def _approve(case: Case) -> dict[str, Any]:
    return {"command": "approve", "evidence_revision": case["evidence_revision"]}


def _states(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every state that was passed, with who brought it about and by what command."""
    return [
        {"state": one["to_state"], "at": one["at"], "actor": one["actor"],
         "command": one["command"]}
        for one in events
        if one["from_state"] != one["to_state"]
    ]


def _ms(length: Any) -> str:
    return f"{length.total_seconds() * 1000:.0f} ms"


async def play(
    stage: Stage, narrator: Narrator, findings: Findings, stop: asyncio.Event
) -> bool:
    """Play the story unless told to stop; say whether it came to its end."""
    story = asyncio.create_task(Story(stage, narrator, findings).play())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({story, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not story.done():
            return False
        await story
        return True
    finally:
        for task in (story, stopped):
            task.cancel()
        await asyncio.gather(story, stopped, return_exceptions=True)


