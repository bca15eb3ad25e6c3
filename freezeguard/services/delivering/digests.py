"""Nobody is flooded: what a reader would get beyond a few notices goes as one, a digest.

Every notice is *sorted* once, in order and by one replica at a time: it goes singly, or it joins
the digest that its reader's storm has opened. A digest collects for a while, is closed, and then
says the same in every attempt, under one message id. Its notices are sent when it is sent. One that
holds a single notice lets it go by itself. In quiet hours everything joins that can wait.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from freezeguard.ports.clock import NewId
from freezeguard.ports.notices import DigestTerms
from freezeguard.ports.rows import Arrival, Digest, Notice
from freezeguard.ports.storage import Transaction

DIGEST = "digest"
URGENT_LANES = frozenset({"safety", "authority"})
URGENT_KINDS = frozenset({
    "budget_spent", "suppression_ending", "suppression_ended", "legal_clock", "order_registered",
    "revocation_registered",
    "delist_requested", "delisted", "appealed", "appeal_upheld", "appeal_reopened",
    "contest_received", "contest_answered", "narrow_requested", "approval_requested",
    "approval_rejected", "rule_proposed", "test_message",
})
"""What nobody may miss between the lines: alarms, and what a person decides or must decide about
one case. Machines make storms; people don't."""
ALARMS = frozenset({
    "budget_spent", "legal_clock", "order_registered", "revocation_registered", "test_message",
})
"""What is said in quiet hours too, beside all of the urgent lanes."""
VENDOR_SINGLY = frozenset({"statement_of_reasons", "refrozen"})
"""Statements of reasons: the law wants each one given with its own restriction."""
ASKS: Mapping[str, str | None] = {
    "suspected": "second_opinion", "remedy_proposed": "judge", "hand_off_offered": "hand_off",
    "manual_task": "manual_task", "vendor_reminder": "vendor_ack",
    "vendor_escalated": "vendor_ack", "review_due": "later_review",
    "clock_warning": None, "clock_breached": None, "question_asked": None,
}
"""Kinds that ask for something, and the clock that waits for it; None: the one that they name.

Once it stands still they are no news any more.
"""
SORTED_AT_ONCE = 500
EVERY_FACT = ("shop", "contact", "at", "audience", "recipient", "instead_of")


@dataclass(slots=True)
class Sorting:
    """Which notices go singly, and which join the digest of their reader."""

    singly: list[UUID] = field(default_factory=list)
    joining: dict[tuple[str, str, str], list[UUID]] = field(default_factory=dict)
    until: dict[tuple[str, str, str], datetime] = field(default_factory=dict)


def may_wait(one: Arrival) -> bool:
    """Say whether a notice may be part of a digest."""
    if one.lane in URGENT_LANES or one.kind in URGENT_KINDS:
        return False
    return not (one.recipient.startswith("vendor:") and one.kind in VENDOR_SINGLY)


def quiet_until(one: Arrival, now: datetime) -> datetime | None:
    """Return until when the reader's quiet hours hold a notice back; None where they don't."""
    if one.quiet is None or one.lane in URGENT_LANES or one.kind in ALARMS:
        return None
    return one.quiet.until(now, one.time_zone)


def sort(arrivals: Sequence[Arrival], terms: DigestTerms, now: datetime) -> Sorting:
    """Sort notices in the order of their arrival."""
    found = Sorting()
    counts: dict[tuple[str, str, str], int] = {}
    for one in arrivals:
        number = counts.get(one.reader, one.recent)
        counts[one.reader] = number + 1
        storm = number >= terms.after or one.has_open or one.reader in found.joining
        quiet = quiet_until(one, now)
        if quiet is not None or (storm and may_wait(one)):
            found.joining.setdefault(one.reader, []).append(one.id)
            if (until := quiet or quiet_until(one, now + terms.every)) is not None:
                found.until[one.reader] = until
        else:
            found.singly.append(one.id)
    return found


class Digests:
    """Sorts what has arrived, and claims digests that are due. `url` is where people reach us."""

    def __init__(self, terms: DigestTerms, url: str, new_id: NewId) -> None:
        self._terms, self._url, self._new_id = terms, url, new_id

    async def sort(self, tx: Transaction, moment: datetime | None, now: datetime) -> None:
        """Sort every notice that has arrived; `moment` is the database's unless it is given.

        Quiet hours are those of `now`.
        """
        terms = self._terms
        while arrivals := await tx.digests.arrivals(
            SORTED_AT_ONCE, terms.every, terms.after, moment
        ):
            found = sort(arrivals, terms, now)
            for reader, notices in found.joining.items():
                await tx.digests.join(
                    self._new_id(), reader, notices, terms.every, moment, found.until.get(reader)
                )
            if found.singly:
                await tx.digests.sort_singly(found.singly, moment)

    async def claim(
        self, tx: Transaction, lease: timedelta, token: UUID, moment: datetime | None,
        channels: Sequence[str],
    ) -> Notice | None:
        """Close and claim a digest that is due, as a notice of its own kind, or its lone notice."""
        while digest := await tx.digests.claim_due(lease, token, moment, channels):
            await tx.digests.leave_out_answered(digest.id, ASKS, digest.closed_at)
            members = await tx.digests.members(digest.id)
            if len(members) > 1:
                return as_notice(digest, members, self._url)
            if not members:
                await tx.digests.sent(digest.id, digest.closed_at)  # nothing is left to say
                continue
            await tx.digests.release_lone(digest)
            for one in await tx.notices.claim_due(lease, token, 1, moment, channels):
                return one
        return None


def as_notice(digest: Digest, members: Sequence[Notice], url: str) -> Notice:
    """Return a digest as the notice that is sent; the same members give the same words."""
    first = members[0]
    facts = {name: first.facts[name] for name in EVERY_FACT if name in first.facts}
    page = "/portal" if facts.get("audience") == "vendor" else "/console"
    facts |= {"link": f"{url}{page}", "steps": [], "entries": [_entry(one) for one in members]}
    return Notice(
        id=digest.id, case_id=None, sku=None, n=0, recipient=digest.recipient,
        channel=digest.channel, address=digest.address, kind=DIGEST, facts=facts,
        language=first.language, time_zone=first.time_zone, attempts=digest.attempts,
        created_at=digest.closed_at, lease_token=digest.lease_token, tried=digest.tried,
    )


def _entry(one: Notice) -> dict[str, object]:
    facts = one.facts
    feed = {"feed": facts["feed"]["name"]} if "feed" in facts else {}
    if "canary" in facts:
        feed = {"feed": facts["canary"]["catalogue"]}
    return {
        **feed, "kind": one.kind, "at": facts.get("at"), "link": facts.get("link"),
        "case": facts.get("case"), "case_id": None if one.case_id is None else str(one.case_id),
        "scope": facts.get("scope"), "due": _asked_by(one),
    }


def _asked_by(one: Notice) -> str | None:
    """Return by when a notice asks for something, if it does."""
    if one.kind not in ASKS or one.kind == "clock_breached":
        return None
    due = (one.facts.get(fact) for fact in ("due", "expires_at", "valid_until"))
    return next((str(moment) for moment in due if moment), None)
