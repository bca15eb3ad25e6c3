"""Section 2 of the design, transcribed by hand: what the table must say, whatever it says.

This page knows nothing of `TABLE`. It was written from the rows of the design, one line per
command, so that a slip of the pen in the table shows. The `operator` of `freeze` is the emergency
order of section 5 (decision 0038).
"""

from dataclasses import dataclass

FROZEN_PHASE = ("freezing", "frozen", "diagnosing", "remedy_proposed", "awaiting_approval")
OPEN = (*FROZEN_PHASE, "suspected", "reinstating", "probation", "appealed")
FINAL = ("closed_reinstated", "closed_false_alarm", "delisted", "merged", "expired")

_SETS = {
    "any frozen phase": FROZEN_PHASE,
    "any open": OPEN,
    "any open but suspected": tuple(one for one in OPEN if one != "suspected"),
    "every state": (*OPEN, *FINAL),
}

_ROWS = """
suspect              | none                                          | suspected          | detector, associate
expire               | suspected                                     | expired            | timer
dismiss              | suspected                                     | closed_false_alarm | owner, associate
freeze               | none, suspected, reinstating, probation, appealed | freezing       | detector, associate, manager, analyst, compliance, key, operator
confirm_freeze       | freezing                                      | frozen             | reconciler
refused              | every state                                   | stays              | reconciler
unreachable          | every state                                   | stays              | reconciler
drifted              | every state                                   | stays              | reconciler
confirmed            | every state                                   | stays              | reconciler
resolve_task         | every state                                   | stays              | owner
waive                | any frozen phase                              | stays              | manager
unwaive              | any frozen phase                              | stays              | manager, timer
accept_ownership     | freezing, frozen                              | diagnosing         | owner
acknowledge          | any frozen phase                              | stays              | vendor
commit_date          | any frozen phase                              | stays              | vendor
contest              | any frozen phase                              | stays              | vendor
answer_contest       | any frozen phase                              | stays              | owner
vendor_notified      | any frozen phase                              | stays              | courier
vendor_silent        | any frozen phase                              | stays              | timer
miss_date            | any frozen phase                              | stays              | timer
propose_remedy       | diagnosing                                    | remedy_proposed    | vendor, owner
return_remedy        | remedy_proposed                               | diagnosing         | owner, manager
request_approval     | remedy_proposed                               | awaiting_approval  | owner
reject_approval      | awaiting_approval                             | diagnosing         | approver
void_approval        | awaiting_approval                             | diagnosing         | detector
approve              | awaiting_approval                             | reinstating        | approver, manager, analyst, compliance
confirm_release      | reinstating                                   | probation or closed_false_alarm | reconciler
refuse_release       | reinstating                                   | stays              | reconciler
complete_probation   | probation                                     | closed_reinstated  | timer
declare_false_alarm  | any frozen phase                              | reinstating        | owner, approver, analyst, compliance
delist               | any frozen phase                              | delisted           | approver, analyst, compliance
appeal               | delisted                                      | appealed           | vendor
appeal               | closed_false_alarm                            | appealed           | staff
reopen               | appealed                                      | freezing           | reviewer
uphold               | appealed                                      | delisted or closed_false_alarm | reviewer
widen                | any open but suspected                        | stays              | owner, detector
narrow               | any frozen phase                              | stays              | approver, manager, analyst, compliance
confirm_narrow       | any frozen phase                              | stays              | reconciler
register_order       | suspected, reinstating, probation, appealed   | freezing           | compliance
register_order       | any frozen phase                              | stays              | compliance
record_action        | every state                                   | stays              | compliance
merge                | any frozen phase, suspected                   | merged             | owner
absorb               | any frozen phase                              | diagnosing         | reconciler
absorb               | suspected                                     | stays              | reconciler
hand_off             | any open                                      | stays              | owner, approver
accept_hand_off      | any open                                      | stays              | staff
lapse_hand_off       | any open                                      | stays              | timer
replace_owner        | any open                                      | stays              | timer
comment              | any open                                      | stays              | staff, vendor
attach_evidence      | any open                                      | stays              | staff, vendor
extend_deadline      | any open                                      | stays              | manager, owner
review               | every state                                   | stays              | manager
"""  # noqa: E501 - one line per command reads like the design

_IN_AUTHORITY_LANE = """
approve              | any frozen phase                              | reinstating        | compliance, manager
register_revocation  | any frozen phase                              | stays              | compliance
"""  # noqa: E501
"""Rows that are for cases in the lane of authority only; they stand before the others there."""

NEEDS_NO_VERSION = frozenset(
    {
        "comment", "refused", "unreachable", "drifted", "confirmed", "vendor_notified",
        "vendor_silent", "miss_date", "confirm_narrow", "record_action", "lapse_hand_off",
        "replace_owner",
    }
)
"""A comment needs none by the design; what the system saw is a fact, not an opinion."""

ILLEGAL_IN_AUTHORITY_LANE = frozenset({"declare_false_alarm", "delist", "merge", "narrow"})


@dataclass(frozen=True)
class Line:
    """One command in one state: where it may lead, and who may give it."""

    command: str
    source: str | None
    targets: tuple[str, ...]
    who: frozenset[str]


def _words(cell: str, separator: str = ",") -> list[str]:
    return [word.strip() for word in cell.split(separator)]


def _lines(rows: str) -> dict[tuple[str, str | None], Line]:
    found: dict[tuple[str, str | None], Line] = {}
    for text in rows.strip().splitlines():
        command, sources, targets, who = _words(text, "|")
        for word in _words(sources):
            for source in (None,) if word == "none" else _SETS.get(word, (word,)):
                stays = () if source is None else (source,)
                to = stays if targets == "stays" else tuple(_words(targets, " or "))
                found[command, source] = Line(command, source, to, frozenset(_words(who)))
    return found


LINES = _lines(_ROWS)
AUTHORITY_LINES = _lines(_IN_AUTHORITY_LANE)
COMMANDS = tuple(dict.fromkeys(command for command, _ in (*LINES, *AUTHORITY_LINES)))
EVERY_STATE = (*OPEN, *FINAL)


def line_of(command: str, state: str | None, lane: str = "quality") -> Line | None:
    """Return the line of a command in a state and lane, None where it is illegal."""
    own = AUTHORITY_LINES.get((command, state)) if lane == "authority" else None
    return own or LINES.get((command, state))


def who_may(command: str, state: str | None, lane: str = "quality") -> frozenset[str]:
    """Return who may give a command here; where it is illegal, who may give it anywhere."""
    line = line_of(command, state, lane)
    if line is not None:
        return line.who
    tables = (LINES, AUTHORITY_LINES)
    rows = (line for table in tables for (name, _), line in table.items() if name == command)
    return frozenset(word for line in rows for word in line.who)
