"""Where the cause of a defect may lie: suggestions by branch, and what speaks for and against.

A cause is an opinion until it is *confirmed*, which the shop does, on what speaks for it.
One of a case is confirmed at a time: a remedy has one root cause, and its form is filled in with
this one. What contributes besides stays `supported`. Opinions change neither version nor evidence
revision of the case; each has a version of its own, for two people may work on it at once.

A vendor sees its own suggestions, with what it has said for and against them, and a confirmed one
whoever made it: that is what its remedy must mend. All else stays inside the shop.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from freezeguard.domain.errors import GuardFailed, IllegalTransition, NotAllowed, VersionConflict
from freezeguard.domain.people import Actor, Person, Role, actor_name, is_vendor
from freezeguard.domain.record import Case
from freezeguard.domain.remedy import BRANCHES

MOST_CAUSES, MOST_EVIDENCE, MOST_WHYS = 40, 40, 10
"""Of a case, of a cause, of a chain."""


class Standing(StrEnum):
    """What is thought of a cause."""

    OPEN = "open"
    SUPPORTED = "supported"
    RULED_OUT = "ruled_out"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody says for or against a cause; `file` is the id of a file of the case."""

    id: str
    speaks_for: bool
    text: str
    by: str
    at: str
    vendor: str | None = None
    file: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Cause:
    """One suggestion. `vendor` is the vendor that made it; None: the shop did.

    `whys` is the chain from what was seen down to the root, one answer to "why?" after the other.
    """

    id: UUID
    case_id: UUID
    sku: str
    branch: str
    text: str
    standing: Standing
    whys: tuple[str, ...]
    statements: tuple[Statement, ...]
    vendor: str | None
    made_by: str
    made_at: datetime
    changed_by: str
    changed_at: datetime
    version: int = 1

    def of_side(self, *, speaks_for: bool) -> list[Statement]:
        """Return what speaks for it, or against it."""
        return [one for one in self.statements if one.speaks_for is speaks_for]

    def as_root_cause(self) -> dict[str, Any]:
        """Return it as the root cause of a remedy, with what speaks for it as the proof."""
        proof = "\n".join(one.text for one in self.of_side(speaks_for=True))
        return {
            "branch": self.branch, "description": self.text, "proof": proof,
            "whys": list(self.whys),
        }


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody wants to be otherwise; None: as it is. `version` is the one that they saw."""

    version: int
    branch: str | None = None
    text: str | None = None
    standing: Standing | None = None
    whys: tuple[str, ...] | None = None


# -------------------------------------------------------------------------------- who, and what


def may_suggest(case: Case, actor: Actor) -> bool:
    """Say whether somebody works on the diagnosis: owner, analysts, managers, the vendor."""
    if not isinstance(actor, Person) or not case.is_open:
        return False
    if not actor.is_staff:
        return actor.vendor == case.vendor and case.frozen_vendor_knows
    is_owner = actor.id == case.owner and actor.may_own
    return is_owner or Role.ANALYST in actor.roles or actor.manages(case.category)


def may_change(case: Case, cause: Cause, actor: Actor) -> bool:
    """Say whether a cause is somebody's to change: a vendor's people change their own, unconfirmed.

    The shop judges every one, also a vendor's.
    """
    if not may_suggest(case, actor):
        return False
    if not is_vendor(actor):
        return True
    own = cause.vendor is not None and cause.vendor == getattr(actor, "vendor", None)
    return own and cause.standing is not Standing.CONFIRMED


def seen_by(cause: Cause, actor: Actor) -> Cause | None:
    """Return a cause as somebody may see it who may see its case; None: it is not theirs."""
    if not is_vendor(actor):
        return cause
    vendor = getattr(actor, "vendor", None)
    if cause.vendor != vendor and cause.standing is not Standing.CONFIRMED:
        return None
    own = tuple(one for one in cause.statements if one.vendor is not None and one.vendor == vendor)
    return replace(cause, statements=own)


def suggest(
    case: Case, earlier: Sequence[Cause], branch: str, text: str, whys: Sequence[str],
    actor: Actor, now: datetime, new_id: UUID,
) -> Cause:
    """Suggest a cause. Raises NotAllowed, IllegalTransition, and GuardFailed with what is missing.

    What somebody can see already is not suggested again.
    """
    _check(case, may=may_suggest(case, actor))
    missing = [*_unfit(branch, text, whys)]
    seen = [one for one in earlier if seen_by(one, actor) is not None]
    if any(_likeness(one.text) == _likeness(text) for one in seen):
        missing.append("this cause stands there already; say what speaks for or against it")
    if len(earlier) >= MOST_CAUSES:
        missing.append(f"a case takes {MOST_CAUSES} suggestions; work on those that are there")
    if missing:
        raise GuardFailed(tuple(missing))
    by = actor_name(actor)
    return Cause(
        id=new_id, case_id=case.id, sku=case.scope.sku, branch=branch, text=text.strip(),
        standing=Standing.OPEN, whys=_stripped(whys), statements=(),
        vendor=case.vendor if is_vendor(actor) else None,
        made_by=by, made_at=now, changed_by=by, changed_at=now,
    )


def change(
    case: Case, cause: Cause, others: Sequence[Cause], wanted: Change, actor: Actor, now: datetime
) -> Cause:
    """Change words, chain or standing of a cause. Raises what `suggest` raises; VersionConflict."""
    _check(case, may=may_change(case, cause, actor))
    _check_version(cause, wanted.version)
    after = replace(
        cause,
        branch=wanted.branch if wanted.branch is not None else cause.branch,
        text=wanted.text.strip() if wanted.text is not None else cause.text,
        standing=wanted.standing or cause.standing,
        whys=_stripped(wanted.whys) if wanted.whys is not None else cause.whys,
        version=cause.version + 1, changed_by=actor_name(actor), changed_at=now,
    )
    missing = [*_unfit(after.branch, after.text, after.whys)]
    if after.standing is Standing.CONFIRMED is not cause.standing:
        missing += _unconfirmable(after, others, actor)
    if missing:
        raise GuardFailed(tuple(missing))
    return after


def add_statement(
    case: Case, cause: Cause, statement: Statement, actor: Actor, now: datetime
) -> Cause:
    """Say something for or against a cause: it adds, so it needs no version."""
    _check(case, may=may_change(case, cause, actor))
    missing = []
    if not statement.text.strip():
        missing.append("`text`: what speaks for it or against it")
    if len(cause.statements) >= MOST_EVIDENCE:
        missing.append(f"a cause takes {MOST_EVIDENCE} statements; judge it by those")
    if missing:
        raise GuardFailed(tuple(missing))
    return replace(
        cause, statements=(*cause.statements, statement), version=cause.version + 1,
        changed_by=actor_name(actor), changed_at=now,
    )


def confirmed_of(causes: Sequence[Cause]) -> Cause | None:
    """Return the cause that is confirmed, if one is."""
    return next((one for one in causes if one.standing is Standing.CONFIRMED), None)


def statement_of(stored: Mapping[str, Any]) -> Statement:
    """Read a statement as it was stored."""
    return Statement(**{name: stored.get(name) for name in Statement.__slots__})  # type: ignore[arg-type]


def _check(case: Case, *, may: bool) -> None:
    if not case.is_open:
        raise IllegalTransition(f"The diagnosis rests once a case is {case.state}.")
    if not may:
        raise NotAllowed(
            "Owner, analysts, managers of the category and the vendor (its own suggestions, as "
            "long as they are not confirmed) work on the diagnosis."
        )


def _check_version(cause: Cause, seen: int) -> None:
    if seen != cause.version:
        raise VersionConflict(
            f"The cause is at version {cause.version}, not {seen}: read what has changed."
        )


def _unfit(branch: str, text: str, whys: Sequence[str]) -> list[str]:
    missing = []
    if branch not in BRANCHES:
        missing.append(f"the branch of the root cause ({', '.join(BRANCHES)})")
    if not text.strip():
        missing.append("`description`: what the cause may be")
    if len(whys) > MOST_WHYS:
        missing.append(f"`whys`: {MOST_WHYS} at most")
    return missing


def _unconfirmable(cause: Cause, others: Sequence[Cause], actor: Actor) -> list[str]:
    missing = []
    if is_vendor(actor):
        missing.append("`state`: the shop confirms a cause; call yours supported")
    if not cause.of_side(speaks_for=True):
        missing.append("`state`: nothing speaks for this cause yet; say what does, then confirm it")
    if (other := confirmed_of(others)) is not None:
        missing.append(f"`state`: confirmed is “{other.text}”; change that first")
    return missing


def _stripped(whys: Sequence[str]) -> tuple[str, ...]:
    return tuple(one.strip() for one in whys if one.strip())


def _likeness(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(". ")
