"""Is the audit record what it was? Pure, link by link, in bounded memory.

Whoever verifies feeds the links in order, each with the content of its row as it is now, and gets
findings that say where. Anchors from outside the database find what a chain alone can't: an end
that was cut off, and a chain that was written anew as a whole.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from freezeguard.domain.auditchain import (
    Anchor,
    Link,
    digest_of,
    entry_of,
    hash_of,
    moment,
    origin_hash,
)

MOST_FINDINGS = 100
MOST_SUSPECTS = 50
REMEMBERED = 20_000
LEAP = 1_000_000
"""Numbers that the database may leave out between two rows: one for each transaction undone."""
LATE = timedelta(minutes=10)
"""No transaction of ours stays open for as long: a row that turns up later was put in."""


class What(StrEnum):
    """What was found."""

    EDITED = "edited"  # the row is not what was chained
    DELETED = "deleted"  # the row is gone
    MOVED = "moved"  # what was chained stands somewhere else
    INSERTED = "inserted"  # a row was put among others afterwards
    MISSING_LINK = "missing_link"  # links of the chain are gone
    ALTERED_LINK = "altered_link"  # a link does not follow from the one before it
    CUT = "cut"  # an anchor knows more than there is
    REWRITTEN = "rewritten"  # the chain is sound, and not the one that was anchored
    FOREIGN_ANCHOR = "foreign_anchor"  # an anchor is of another chain
    FALSE_ANCHOR = "false_anchor"  # an anchor names another row at its position


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where; `seq` is None where no row can be named."""

    what: What
    position: int | None
    seq: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What verification came to. `more` findings are counted and not listed.

    `last_anchored` is the highest position that an anchor vouches for: an end that was cut off
    behind it would not be noticed.
    """

    checked: int
    head: Link | None
    findings: tuple[Finding, ...]
    more: int
    anchors: int
    last_anchored: int | None

    @property
    def is_sound(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.findings


@dataclass(slots=True)
class _Suspect:
    """A link whose row does not fit, and what stands in that row."""

    link: Link
    content: str


@dataclass(slots=True)
class _Anchored:
    """What the anchors have said so far."""

    vouched: int | None = None
    first_wrong: tuple[Anchor, Link] | None = None
    wrong: int = 0


@dataclass(slots=True)
class Verification:
    """One run over a chain. Feed `link` in order of position, then ask for the `report`."""

    instance: UUID
    anchors: Iterable[Anchor] = ()
    _before: bytes = field(init=False)
    _position: int = 0
    _head: Link | None = None
    _checked: int = 0
    _findings: list[Finding] = field(default_factory=list)
    _more: int = 0
    _suspects: list[_Suspect] = field(default_factory=list)
    _maxima: deque[tuple[int, datetime]] = field(default_factory=deque)
    _due: dict[int, list[Anchor]] = field(default_factory=dict)
    _number: int = 0
    _anchored: _Anchored = field(default_factory=_Anchored)

    def __post_init__(self) -> None:
        self._before = origin_hash(self.instance)
        for one in self.anchors:
            self._number += 1
            if one.instance == self.instance:
                self._due.setdefault(one.position, []).append(one)
            else:
                self._find(What.FOREIGN_ANCHOR, one.position, None,
                           f"the anchor of {moment(one.at)} is of the chain {one.instance}, and "
                           f"this is {self.instance}")

    # ------------------------------------------------------------------------------- each link

    def link(self, link: Link, content: str | None) -> None:
        """Look at the next link and the content of its row, None where the row is gone."""
        self._checked += 1
        if link.position != self._position + 1:
            self._find(What.MISSING_LINK, self._position + 1, None,
                       f"the links from position {self._position + 1} to {link.position - 1} are "
                       "gone")
        elif hash_of(self._before, link.digest) != link.hash:
            self._find(What.ALTERED_LINK, link.position, link.seq,
                       "the hash does not follow from the one before it and the digest")
        self._row(link, content)
        self._order(link)
        self._anchor(link)
        self._position, self._before, self._head = link.position, link.hash, link

    def _row(self, link: Link, content: str | None) -> None:
        if content is None:
            self._find(What.DELETED, link.position, link.seq, "the row is gone from the record")
            return
        entry = entry_of(link.position, link.chained_at, link.seq, content)
        if digest_of(link.salt, entry) != link.digest:
            if len(self._suspects) < MOST_SUSPECTS:
                self._suspects.append(_Suspect(link, content))
            else:
                self._edited(link)

    def _edited(self, link: Link) -> None:
        self._find(What.EDITED, link.position, link.seq, "the row is not what was chained")

    def _order(self, link: Link) -> None:
        """Notice a row that turned up long after one with a higher number had been chained."""
        if (strange := self._strangeness(link.seq)) is not None:
            self._find(What.INSERTED, link.position, link.seq, strange)
            return
        if not self._maxima or link.seq > self._maxima[-1][0]:
            self._maxima.append((link.seq, link.chained_at))
            if len(self._maxima) > REMEMBERED:
                self._maxima.popleft()
            return
        first_higher = self._first_higher(link.seq)
        if first_higher is not None and link.chained_at - first_higher > LATE:
            self._find(What.INSERTED, link.position, link.seq,
                       f"chained at {moment(link.chained_at)}, although a higher number was "
                       f"chained at {moment(first_higher)} already")

    def unchained(self, seq: int, now: datetime) -> None:
        """Look at a row that is not chained, after all links."""
        if (strange := self._strangeness(seq)) is not None:
            self._find(What.INSERTED, None, seq, strange)
            return
        first_higher = self._first_higher(seq)
        if first_higher is not None and now - first_higher > LATE:
            self._find(What.INSERTED, None, seq,
                       "is in no link, although a higher number was chained at "
                       f"{moment(first_higher)} already")

    def _strangeness(self, seq: int) -> str | None:
        """Say why the database can't have given a number; such a row is no measure for others."""
        if seq <= 0:
            return "the database numbers rows from 1 on, and never gave this number"
        highest = self._maxima[-1][0] if self._maxima else 0
        if seq - highest > LEAP:
            return f"the highest number before is {highest}, and the database leaves no such gap"
        return None

    def _first_higher(self, seq: int) -> datetime | None:
        """Return when a higher number was first chained, or at most as late as it was."""
        place = bisect_right(self._maxima, seq, key=lambda one: one[0])
        return self._maxima[place][1] if place < len(self._maxima) else None

    def _anchor(self, link: Link) -> None:
        for one in self._due.pop(link.position, ()):
            if one.hash != link.hash:
                self._anchored.wrong += 1
                if self._anchored.first_wrong is None:
                    self._anchored.first_wrong = one, link
            elif one.seq != link.seq:
                self._find(What.FALSE_ANCHOR, link.position, link.seq,
                           f"the anchor of {moment(one.at)} names row {one.seq} here")
            elif self._anchored.first_wrong is None:
                self._anchored.vouched = link.position

    # ------------------------------------------------------------------------------ the result

    def report(self, *, is_whole: bool = True) -> Report:
        """Return what was found; `is_whole` is False where not all links were fed."""
        self._judge_suspects()
        self._judge_anchors(is_whole)
        return Report(
            self._checked, self._head, tuple(self._findings), self._more, self._number,
            self._anchored.vouched,
        )  # fmt: skip

    def _judge_suspects(self) -> None:
        """Tell what was moved from what was edited, as far as both ends are suspects."""
        for one in self._suspects:
            found = self._whence(one)
            if found is None:
                self._edited(one.link)
            else:
                self._find(What.MOVED, one.link.position, one.link.seq, found)
        self._suspects = []

    def _whence(self, one: _Suspect) -> str | None:
        link = one.link
        for other in self._suspects:
            position, at = other.link.position, other.link.chained_at
            moved = entry_of(position, link.chained_at, link.seq, one.content)
            if digest_of(link.salt, moved) == link.digest:
                return f"the link was chained at position {position}"
            content = entry_of(link.position, link.chained_at, link.seq, other.content)
            if digest_of(link.salt, content) == link.digest:
                return f"what was chained here stands in row {other.link.seq} now"
            both = entry_of(position, at, link.seq, one.content)
            if digest_of(link.salt, both) == link.digest:
                return f"the link was chained at position {position}, at {moment(at)}"
        return None

    def _judge_anchors(self, is_whole: bool) -> None:
        state = self._anchored
        if state.first_wrong is not None:
            one, link = state.first_wrong
            since = 0 if state.vouched is None else state.vouched
            self._find(What.REWRITTEN, link.position, link.seq,
                       f"the anchor of {moment(one.at)} has another hash here (row {one.seq}), as "
                       f"{state.wrong - 1} later ones have: the chain was written anew somewhere "
                       f"after position {since}")
        beyond = [one for several in self._due.values() for one in several]
        ahead = [one for one in beyond if one.position > self._position]
        if ahead and is_whole:
            last = max(ahead, key=lambda one: one.position)
            self._find(What.CUT, self._position + 1, None,
                       f"the chain ends at position {self._position}, and the anchor of "
                       f"{moment(last.at)} knows position {last.position} (row {last.seq}): at "
                       f"least {last.position - self._position} entries were cut off")
        for one in beyond:
            if one.position <= self._position:
                self._find(What.FALSE_ANCHOR, one.position, None,
                           f"the anchor of {moment(one.at)} is at a position that is not there")

    def _find(self, what: What, position: int | None, seq: int | None, detail: str) -> None:
        if len(self._findings) < MOST_FINDINGS:
            self._findings.append(Finding(what, position, seq, detail))
        else:
            self._more += 1
