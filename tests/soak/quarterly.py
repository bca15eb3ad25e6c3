"""What a quarter is judged by: the logs of the mail server, of the endpoints and of the shop.

How a case went is read over HTTP: its history, the clocks that were shown, who owns it. Nothing is
read from the service's tables.
"""

import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from freezeguard.domain.clocks import BY_NAME, LASTING, Ladder
from freezeguard.domain.transitions import FINAL, FROZEN_PHASE
from freezeguard.ports.notices import message_id_for
from tests.soak.quarter import Quarter
from tests.soak.virtual import Letter, Posted
from tests.webhooks.test_signing import verify_ed25519

SOON = timedelta(minutes=6)
"""From a due time to the mail server: schedules of retries, with their jitter, go on top."""
STORIES = 2
SECOND = timedelta(seconds=1)
MOVED = frozenset({"extend_deadline", "absorb"})
UNMOVED = frozenset({"freeze", "register_order", "reopen"})
NEW_OWNER = frozenset({"accept_hand_off", "replace_owner"})
CLIMBED = timedelta(days=9)
"""Within so much time every rung of a ladder is told, weekends and two holidays included."""
WORDS = {
    "ownership": "taking the case on", "vendor_plan": "the vendor's plan",
    "vendor_date": "the date that the vendor named", "diagnosis": "the diagnosis",
    "judge": "judging the remedy", "approve": "deciding on the approval",
    "contest": "the answer to the objection", "appeal": "the answer to the appeal",
    "later_review": "the review of the freeze",
    "revocation": "lifting the hold after the order was revoked",
}
"""The clocks whose running out is told as "Overdue", as the mails call them."""
OVERDUE, WARNED, UPDATE = "Overdue", "Time is running out", "Where the case stands"
STATEMENT = ("Sale stopped", "Sale stopped again", "Sale stopped for safety")
CLOSED, OUTCOME = "Case closed", "What became of your report"
STOPPED = frozenset(one.value for one in FROZEN_PHASE)
CLOSED_STATES = frozenset(one.value for one in FINAL)


@dataclass
class Story:
    """One case: as it is, its history, and the mails that link to it in order of arrival."""

    case: dict[str, Any]
    events: list[dict[str, Any]]
    letters: list[Letter] = field(default_factory=list)

    @property
    def number(self) -> int:
        return int(self.case["number"])

    def told(self) -> str:
        """Tell the story: what happened and what was mailed, by time."""
        lines = [
            (moment(one["at"]), f"{one['actor']}: {one['command']} -> {one['to_state']}")
            for one in self.events
        ]
        lines += [(one.at, f"   mail to {one.to}: {one.subject}") for one in self.letters]
        head = f"case {self.number} of {self.case['scope']}, owner {self.case['owner']}"
        lines.sort(key=lambda pair: pair[0])
        return "\n".join([head, *(f"  {at:%m-%d %H:%M:%S} {what}" for at, what in lines)])


def moment(text: str) -> datetime:
    """Return a time as the service writes it."""
    return datetime.fromisoformat(text)


class Judge:
    """Collects what is wrong, each with the number of its case."""

    def __init__(self, quarter: Quarter, stories: Mapping[str, Story] | None = None) -> None:
        self.quarter = quarter
        self.stories = {
            one: Story(story.case, story.events) for one, story in (stories or {}).items()
        }
        self.faults: list[tuple[str, str]] = []
        self.figures: Counter[str] = Counter()

    async def read(self) -> None:
        """Read every case over HTTP."""
        cursor: dict[str, str] = {}
        while True:
            listed = await self.quarter.ask(
                "audi", "GET", "/v1/cases", params={"limit": "100", **cursor}
            )
            for one in listed.body["items"]:
                case = (await self.quarter.ask("audi", "GET", f"/v1/cases/{one['id']}")).body
                self.stories[one["id"]] = Story(case, await self._history(one["id"]))
            if listed.body["next"] is None:
                return
            cursor = {"cursor": listed.body["next"]}

    async def _history(self, case_id: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            path = f"/v1/cases/{case_id}/timeline"
            page = await self.quarter.ask(
                "audi", "GET", path, params={"limit": "200", **cursor}
            )
            events += page.body["items"]
            if page.body["next"] is None:
                return events
            cursor = {"cursor": page.body["next"]}

    def fault(self, case_id: str, what: str) -> None:
        """Note that something is wrong."""
        self.faults.append((case_id, what))

    async def judge(self) -> dict[str, int]:
        """Judge everything; raise AssertionError with the seed and stories where it is wrong."""
        if not self.stories:
            await self.read()
        for letter in self.quarter.office.letters:
            if letter.case in self.stories:
                self.stories[letter.case].letters.append(letter)
        for case_id, story in self.stories.items():
            self._has_an_owner(case_id, story)
            self._clocks_were_answered(case_id, story)
            self._mails_are_in_order(case_id, story)
            self._vendor_was_told_first(case_id, story)
            self._updates_came(case_id, story)
            self._closing_reached_all(case_id, story)
        self._mails_came_once()
        self._webhooks()
        await self._nothing_frozen_was_sold()
        await self._record()
        self._raise()
        return dict(self.figures)

    def _raise(self) -> None:
        if not self.faults:
            return
        lines = [f"seed {self.quarter.seed}: {len(self.faults)} faults"]
        lines += [f"- case {self._number(one)}: {what}" for one, what in self.faults[:200]]
        for case_id in list(dict.fromkeys(one for one, _ in self.faults if one))[:STORIES]:
            lines.append(self.stories[case_id].told())
        raise AssertionError("\n".join(lines))

    def _number(self, case_id: str) -> str:
        story = self.stories.get(case_id)
        return "-" if story is None else str(story.number)

    # ----------------------------------------------------------------------------- the owner

    def _has_an_owner(self, case_id: str, story: Story) -> None:
        """An open case has an owner who is there."""
        if story.case["state"] in CLOSED_STATES:
            return
        self.figures["open at the end"] += 1
        owner = self.quarter.folk.get(story.case["owner"] or "")
        if owner is None:
            self.fault(case_id, "open, and nobody's")
        elif owner.left is not None:
            self.fault(case_id, f"{owner.id} has left, and the case is still theirs")

    def _address(self, person: str) -> str:
        return str(self.quarter.folk[person].person.email)

    # ------------------------------------------------------------------------------- clocks

    def _clocks_were_answered(self, case_id: str, story: Story) -> None:
        """Each clock that ran out was told, rung by rung, and nothing after its answer."""
        for clock in _as_they_ran(case_id, story, self.quarter.clocks):
            due, answered = moment(clock["due_at"]), _answered(clock, story.events)
            if answered is not None and answered <= due:
                self._said_nothing(case_id, story, clock, answered)
                continue
            if due > self.quarter.clock.at - SOON:
                continue
            self.figures["clocks ran out"] += 1
            self._said_in_order(case_id, story, clock, answered)

    def _about(self, story: Story, clock: Mapping[str, Any], news: str) -> list[Letter]:
        words = WORDS[clock["kind"]]
        started = moment(clock["started_at"])
        return [
            one for one in story.letters
            if one.says(news) and words in " ".join(one.text.split()) and one.dated >= started
        ]

    def _said_nothing(
        self, case_id: str, story: Story, clock: Mapping[str, Any], answered: datetime
    ) -> None:
        """A clock that was answered in time is not called overdue until it starts again."""
        again = _started_again(clock, story.case, self.quarter.clocks)
        for one in self._about(story, clock, OVERDUE):
            if answered + SECOND < one.dated < (again or one.dated):
                self.fault(case_id, f"{clock['kind']} was answered at {answered}, and {one.to} was "
                                    f"told at {one.at} that it is overdue")

    def _said_in_order(
        self, case_id: str, story: Story, clock: Mapping[str, Any], answered: datetime | None
    ) -> None:
        due = moment(clock["due_at"])
        until = answered or self.quarter.clock.at
        if until <= self._arrival(due):
            return  # answered before it could leave: taken back
        said = [
            one for one in [*self._about(story, clock, OVERDUE), *_said_otherwise(story, clock)]
            if due - SECOND <= one.dated <= until + SECOND
        ]
        if not said:
            self.fault(case_id, f"{clock['kind']} was due at {due}, and nobody was told")
            return
        first = min(one.dated for one in said)
        if first > self._told_by(story, due):
            self.fault(case_id, f"{clock['kind']} was due at {due}, and told first at {first}")
        late = [one for one in said if one.at > one.dated + SOON and not self._held_up(one)]
        for one in late:
            self.fault(case_id, f"{clock['kind']}: the mail to {one.to} of {one.dated} came at "
                                f"{one.at}")
        self._rungs(case_id, story, clock, said, until)

    def _told_by(self, story: Story, due: datetime) -> datetime:
        """Return by when somebody is told that a clock ran out.

        Where the owner's address is gone, whoever stands in is told when the mail server says so,
        which it can't while it is busy.
        """
        owner = self._address(story.case["owner"])
        return self._arrival(due) if owner in self.quarter.office.unknown else due + SOON

    def _arrival(self, dated: datetime) -> datetime:
        """Return by when a mail has come: the server may be busy when it leaves."""
        by = dated + SOON
        for start, end in sorted(self.quarter.office.times):
            if start <= by and dated <= end:
                by = max(by, end + SOON)
        return by

    def _held_up(self, letter: Letter) -> bool:
        """Say whether the mail server was busy while a mail was under way."""
        return any(
            start <= letter.at and letter.dated <= end + SOON
            for start, end in self.quarter.office.times
        )

    def _rungs(
        self, case_id: str, story: Story, clock: Mapping[str, Any], said: Sequence[Letter],
        until: datetime,
    ) -> None:
        """Each rung is told after the one below it, administrators last, where nobody answers."""
        admins = {self._address("root")}
        reached = [one.dated for one in said if one.to in admins]
        first = [
            min(one.dated for one in said if one.to in rung)
            for rung in (*self._below(story, clock), admins)
            if any(one.to in rung for one in said)
        ]
        if first != sorted(first):
            self.fault(case_id, f"{clock['kind']}: the rungs were told at {first}")
        lasts = not BY_NAME[clock["kind"]].pauses_in  # while others had the ball nobody climbed
        if lasts and until - moment(clock["due_at"]) > CLIMBED and not reached:
            self.fault(case_id, f"{clock['kind']} was overdue for {CLIMBED.days} days, and no "
                                "administrator was told")

    def _below(self, story: Story, clock: Mapping[str, Any]) -> list[set[str]]:
        """Return the rungs below administrators, as far as they are the same all the time."""
        moved = any(event["command"] in NEW_OWNER for event in story.events)
        owner = self.quarter.folk[story.case["owner"]]
        if BY_NAME[clock["kind"]].ladder is not Ladder.OWNER or moved or owner.left is not None:
            return [{one.to for one in story.letters} - {self._address("root")}]
        return [{self._address(owner.id)}, {self._address(owner.person.deputy or owner.id)}]

    # ------------------------------------------------------------------------------- notices

    def _mails_are_in_order(self, case_id: str, story: Story) -> None:
        """Each reader got each notice, in the order of the case; none waits any more."""
        notices = {message_id_for(one["id"], "localhost"): one for one in story.case["notices"]}
        arrived: dict[str, list[int]] = defaultdict(list)
        for letter in story.letters:
            notice = notices.get(letter.id)
            if notice is None:
                self.fault(case_id, f"the mail {letter.subject!r} to {letter.to} is no notice")
                continue
            arrived[notice["recipient"]].append(notice["n"])
            self.figures["notices"] += 1
        for notice in notices.values():
            if notice["state"] == "queued":
                self.fault(case_id, f"notice {notice['n']} ({notice['kind']}) still waits")
        expected: dict[str, list[int]] = defaultdict(list)
        for notice in sorted(notices.values(), key=lambda one: one["n"]):
            if notice["state"] not in {"queued", "bounced"} and notice["sent_at"] is not None:
                expected[notice["recipient"]].append(notice["n"])
        for reader in {*expected, *arrived}:
            if expected[reader] != arrived[reader]:
                self.fault(case_id, f"{reader} should have got {expected[reader]}, "
                                    f"and got {arrived[reader]}")

    def _mails_came_once(self) -> None:
        for one, times in Counter(it.id for it in self.quarter.office.letters).items():
            if times > 1:
                self.fault("", f"the mail {one} came {times} times")

    def _vendor_was_told_first(self, case_id: str, story: Story) -> None:
        """The first mail to a vendor about a case states why the sale was stopped."""
        vendor = story.case["vendor"]
        mine = [one for one in story.letters if one.to.endswith(f"@{vendor}.example")]
        if mine and not any(mine[0].says(one) for one in STATEMENT):
            self.fault(case_id, f"the vendor was first told: {mine[0].subject}")

    def _updates_came(self, case_id: str, story: Story) -> None:
        """While it is stopped the vendor hears every three days, or every day in other lanes."""
        vendor = story.case["vendor"]
        mine = sorted(
            one.dated for one in story.letters
            if one.to.endswith(f"@{vendor}.example") and one.says(UPDATE)
        )
        for begun, ended in _stopped(story.events, self.quarter.clock.at):
            last, place = begun, bisect_left(mine, begun)
            for at in [*[one for one in mine[place:] if one <= ended], ended]:
                if at - last > timedelta(days=3) + SOON:
                    self.fault(case_id, f"the vendor heard nothing from {last} to {at}")
                    break
                last = at
            self.figures["promised updates"] += len(mine)

    def _closing_reached_all(self, case_id: str, story: Story) -> None:
        """Who was told of a stop is told how it ended, unless they have left by then."""
        if story.case["state"] != "closed_reinstated":
            return
        closed = [one for one in story.letters if one.says(CLOSED) or one.says(OUTCOME)]
        ended = moment(story.case["closed_at"])
        gone = {
            str(one.person.email) for one in self.quarter.folk.values()
            if one.left is not None and one.left <= ended
        }
        before = {one.to for one in story.letters} - self.quarter.office.unknown - gone
        if missing := before - {one.to for one in closed}:
            self.fault(case_id, f"no closing notice reached {sorted(missing)}")
        self.figures["closed well"] += 1

    # ------------------------------------------------------------------------------ webhooks

    def _webhooks(self) -> None:
        """Each verifies; one id per message; taken once, and in order for each case."""
        farm, taken = self.quarter.farm, defaultdict[tuple[str, str], list[Posted]](list)
        bodies: dict[tuple[str, str], bytes] = {}
        for one in farm.log:
            stamp = int(one.headers["webhook-timestamp"])
            verify_ed25519(
                self.quarter.keys[one.path], one.headers["webhook-signature"], one.id, stamp,
                one.body,
            )
            if abs(stamp - one.at.timestamp()) > 60:
                self.fault("", f"{one.id} is stamped {stamp} and came at {one.at}")
            if bodies.setdefault((one.path, one.id), one.body) != one.body:
                self.fault("", f"two bodies under the id {one.id}")
            if one.status < 300:
                said = json.loads(one.body)
                thread = said["data"].get("case") or said["data"].get("sku") or ""
                taken[one.path, str(thread)].append(one)
        for (path, thread), posted in taken.items():
            times = [json.loads(one.body)["timestamp"] for one in posted]
            if times != sorted(times):
                self.fault("", f"{path} got the messages of {thread} out of order")
            if len({one.id for one in posted}) != len(posted):
                self.fault("", f"{path} got a message of {thread} twice")
        self.figures["webhooks taken"] = sum(map(len, taken.values()))

    # ------------------------------------------------------------------------------- the shop

    async def _nothing_frozen_was_sold(self) -> None:
        """Between the first stop in the shop's own log and the release nothing is sold."""
        stops: dict[str, list[int]] = defaultdict(list)
        for entry in await self.quarter.rig.shop.log():
            if entry["operation"] == "stop" and entry["applied_ns"] is not None:
                stops[entry["sku"]].append(entry["applied_ns"])
        for case_id, story in self.stories.items():
            sku = story.case["scope"]["sku"]
            for begun, ended in _held(story.events, self.quarter.clock.at):
                for sale in self.quarter.sales:
                    if sale.sku != sku or not begun < sale.at < ended:
                        continue
                    self.figures["sales tried"] += 1
                    stopped = any(begun_ns <= sale.at_ns for begun_ns in stops[sku])
                    if sale.sold and stopped and not self._excused(sale.sku, sale.at):
                        self.fault(case_id, f"{sku} was sold at {sale.at}")

    def _excused(self, sku: str, at: datetime) -> bool:
        """Say whether the shop itself had just put it on sale, or would not obey."""
        windows = [*self.quarter.drifts, *self.quarter.unruly]
        return any(one == sku and start <= at <= end for one, start, end in windows)

    # ------------------------------------------------------------------------------ the record

    async def _record(self) -> None:
        """No failure of ours, no error in the log, and a record that is chained whole.

        A breaker that opens says so as an error, as it should: the shop errs where it is told to.
        """
        told_to_err = {"breaker_opened"} if self.quarter.unruly else set[str]()
        for one in self.quarter.failures:
            self.fault("", one)
        for line in self.quarter.logged:
            if line["log_level"] in {"error", "critical"} and line["event"] not in told_to_err:
                self.fault("", f"logged: {line}")
        answer = await self.quarter.ask("audi", "GET", "/v1/audit/verify")
        if answer.status != 200 or not answer.body["ok"]:
            self.fault("", f"the record: {answer.body}")


def _answered(clock: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> datetime | None:
    """Return when something ended a clock, by the history: an answer, a new start, a state."""
    kind, started = BY_NAME[clock["kind"]], moment(clock["started_at"])
    for event in events:
        if moment(event["at"]) <= started or event["at"] == clock["started_at"]:
            continue
        command, arguments = event["command"], event["arguments"]
        if command in UNMOVED and event["from_state"] == event["to_state"]:
            continue  # more reason to stop what is stopped: no clock starts anew
        extended = command == "extend_deadline" and arguments.get("clock") == kind.name
        if extended or command in {*kind.stops, *kind.starts, *MOVED - {"extend_deadline"}}:
            return moment(event["at"])
        home = None if kind.runs_in is None else kind.runs_in | kind.pauses_in
        gone = home is not None and event["to_state"] not in home
        if gone and kind.name not in LASTING:
            return moment(event["at"])
    return None


def _said_otherwise(story: Story, clock: Mapping[str, Any]) -> list[Letter]:
    """Return the mails that take the place of the first "Overdue" of some clocks."""
    instead = {"vendor_date": "A promised date has passed",
               "diagnosis": "The vendor does not answer: please choose"}.get(clock["kind"])
    return [one for one in story.letters if instead is not None and one.says(instead)]


def _paused(clock: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether somebody else had the ball between a clock's start and its due time."""
    pauses = BY_NAME[clock["kind"]].pauses_in
    return any(
        event["to_state"] in pauses
        and moment(clock["started_at"]) < moment(event["at"]) < moment(clock["due_at"]) + SECOND
        for event in events
    )


def _is_paused(clock: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether somebody else had the ball when a clock would have been due."""
    due = moment(clock["due_at"]) + SECOND
    states = [event["to_state"] for event in events if moment(event["at"]) < due]
    return states[-1] in BY_NAME[clock["kind"]].pauses_in


def _as_they_ran(
    case_id: str, story: Story, known: Mapping[tuple[str, str, str, str], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield each clock of a case once, whatever its due time became while it was paused.

    One that was paused before it was due is due later; one that had run out before keeps that.
    """
    runs: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for (owner, kind, started, _), clock in known.items():
        if owner == case_id and kind in WORDS:
            runs[kind, started].append(clock)
    for shown in runs.values():
        shown.sort(key=lambda one: moment(one["due_at"]))
        if not _paused(shown[0], story.events):
            yield shown[0]
        elif len(shown) > 1 and not _is_paused(shown[-1], story.events):
            yield shown[-1]


def _started_again(
    clock: Mapping[str, Any], case: Mapping[str, Any],
    known: Mapping[tuple[str, str, str, str], Mapping[str, Any]],
) -> datetime | None:
    """Return when the next clock of this kind starts on the case."""
    starts = [
        moment(key[2]) for key in known
        if key[0] == case["id"] and key[1] == clock["kind"]
        and moment(key[2]) > moment(clock["started_at"])
    ]
    return min(starts, default=None)


def _stopped(
    events: Sequence[Mapping[str, Any]], end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield from when to when a case was stopped or appealed."""
    yield from _while(events, STOPPED | {"appealed"}, end)


def _held(
    events: Sequence[Mapping[str, Any]], end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield from when to when nothing of a case may be sold: until a release is approved."""
    yield from _while(events, STOPPED | {"delisted"}, end)


def _while(
    events: Sequence[Mapping[str, Any]], states: frozenset[str], end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    begun: datetime | None = None
    for event in events:
        inside = event["to_state"] in states
        if inside and begun is None:
            begun = moment(event["at"])
        elif not inside and begun is not None:
            yield begun, moment(event["at"])
            begun = None
    if begun is not None:
        yield begun, end

