"""Many complaints, few voices: what looks like one hand is counted once, and shown to a person.

An *echo* is alike to an earlier complaint of another customer in one of the ways of
`freezeguard.domain.likeness`: copied text, the same device or address, accounts opened for the
purpose. A *repeat* is one customer's, again and again. A *load* is more complaints on one day than
a defect would bring: somebody emptied a box, or a carrier had a bad day. Below the safety lane none
of them stops a sale; whoever decides is told what was set aside and why.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from freezeguard.detection.families import learns, needs_at_least
from freezeguard.detection.windows import Observed, moment_before
from freezeguard.domain.likeness import KINDS, each_mark
from freezeguard.domain.reasons import SignalKey
from freezeguard.domain.rules import Family, Rule

REPEATS = 20
"""So many complaints of one customer in the window are shown to a person."""
ALIKE = 10
"""So many that are alike are."""
ONE_HAND = {
    "text": "copied text", "device": "the same device", "address": "the same address",
    "new_account": "accounts opened the day before",
}

Echoes = Mapping[SignalKey, str]
"""The signals that only repeat others, and what they have in common with them."""


def is_wary(rule: Rule) -> bool:
    """Say whether a rule asks who speaks: where somebody may get hurt, none does."""
    return rule.lane != "safety" and rule.family is not Family.SAFETY


def echoes(signals: Sequence[Observed]) -> Echoes:
    """Return which of some signals in order are alike to an earlier one of another customer."""
    first: dict[bytes, bytes | SignalKey] = {}
    found = {}
    for one in signals:
        if one.marks is None:
            continue
        voice = _voice(one)
        alike = None
        for mark in each_mark(one.marks):
            if first.setdefault(mark, voice) != voice:
                alike = alike or KINDS[mark[:1]]
        if alike is not None:
            found[one.key] = alike
    return found


def in_words(found: Echoes) -> str:
    """Say what the echoes have in common: `copied text: 40, the same device: 3`."""
    tally = Counter(found.values())
    return ", ".join(f"{ONE_HAND[kind]}: {number}" for kind, number in sorted(tally.items()))


def tally(found: Echoes) -> dict[str, int]:
    """Return the number of echoes by what they have in common, in JSON types."""
    return dict(sorted(Counter(found.values()).items()))


class Crowd:
    """Follows signals in order, and knows quickly of most echoes that they are.

    Where thousands of copies come in, the windows that they lie in need not be gone through for
    each of them.
    """

    def __init__(self, rule: Rule) -> None:
        self._is_asked, self._by_day, self._window = is_wary(rule), learns(rule), rule.window
        self._latest: dict[bytes, tuple[Observed, Observed | None]] = {}

    def take(self, signal: Observed) -> bool:
        """Take in the next signal; say whether it is sure to be an echo in what a rule counts."""
        if signal.marks is None or not self._is_asked:
            return False
        found = [self._is_echo(mark, signal) for mark in each_mark(signal.marks)]
        return any(found)

    def _is_echo(self, mark: bytes, signal: Observed) -> bool:
        latest, other = self._latest.get(mark, (None, None))
        if latest is not None and _voice(latest) != _voice(signal):
            other = latest
        self._latest[mark] = (signal, other)
        return other is not None and self._counts_together(other, signal)

    def _counts_together(self, earlier: Observed, later: Observed) -> bool:
        if self._by_day:  # what counts begins at midnight
            return earlier.occurred_at.toordinal() == later.occurred_at.toordinal()
        return later.occurred_at - earlier.occurred_at < self._window


class Hands:
    """Follows signals in order, and notices what comes from one hand within a rule's window.

    Noticed are many complaints of one customer, and many that are alike. Who is not named is
    nobody's repeat. A rule by the number of signals has its say on every customer's anyway.
    """

    def __init__(self, rule: Rule) -> None:
        least = needs_at_least(rule)
        self._bounds = {b"": max(REPEATS, least)} | dict.fromkeys(KINDS, max(ALIKE, least))
        self._window, self._counts_all = rule.window, rule.family is Family.COUNT
        self._held: dict[bytes, deque[Observed]] = {}
        self.fewest = min(self._bounds.values())
        self.room = self.fewest - 1

    def take(self, signal: Observed) -> "Hand | None":
        """Take in the next signal; return whose hand it shows."""
        found = None
        for hand, kind in self._of(signal):
            mine = self._held.setdefault(hand, deque())
            mine.append(signal)
            earliest = moment_before(signal.occurred_at, self._window)
            while mine[0].occurred_at <= earliest:
                mine.popleft()
            room = self._bounds[kind] - 1 - len(mine)
            self.room = min(self.room, room)
            if room < 0:
                found = found or Hand(tuple(mine), KINDS.get(kind), self._bounds[kind])
        return found

    def _of(self, signal: Observed) -> Iterator[tuple[bytes, bytes]]:
        """Yield what hands a signal may be of, each with its kind."""
        if signal.customer is not None and not self._counts_all:
            yield b"customer " + signal.customer, b""
        for mark in each_mark(signal.marks or b""):
            yield mark, mark[:1]


@dataclass(frozen=True, slots=True)
class Hand:
    """Complaints of one hand, the newest last: of one customer where `alike` is None.

    `bound` is the number from which on they are shown.
    """

    signals: tuple[Observed, ...]
    alike: str | None
    bound: int


def _voice(signal: Observed) -> bytes | SignalKey:
    """Return whose voice a signal is; nobody knows of an anonymous one that it is another's."""
    return signal.customer or signal.key
