"""What a contact centre may say of an item: what is known, and no more.

Never a cause, for a remedy may still be returned; never a promise, for the date is the vendor's own
and may move. A suspicion is not known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum

from freezeguard.domain.acts.outcome import LANES
from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import FROZEN_PHASE, State

FALLBACK = "en"
"""The language in which everything has words."""


class IssueState(StrEnum):
    """How an issue stands, for whoever speaks to customers; the gravest last."""

    SUSPECTED = "suspected"
    FIXED = "fixed"
    OFF_SALE = "off_sale"
    STOPPED = "stopped"


_GRAVITY = tuple(IssueState)


@dataclass(frozen=True, slots=True)
class ContactTerms:
    """What a contact centre says: texts by language, beside those built in, and offers by lane.

    `words` are by the keys of `WORDS`. `{date}` in `fix_by` and `fixed` stands for a day in `zone`.
    """

    tell_suspicions: bool = False
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    offers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class Issue:
    """A case that customers may be told of; `fix_by` is the vendor's date, None if none holds."""

    case: Case
    state: IssueState
    since: datetime
    fix_by: datetime | None


def known_issue(
    cases: Iterable[Case], asked: Scope, now: datetime, terms: ContactTerms
) -> Issue | None:
    """Return the gravest issue that touches what is asked about; None where nothing is known.

    Of several the gravest state counts, then the strictest lane, then the oldest.
    """
    found = [
        one for case in cases
        if any(scope.overlaps(asked) for scope in case.scopes)
        and (one := _issue(case, now, terms)) is not None
    ]
    return min(found, key=_first, default=None)


def _first(issue: Issue) -> tuple[int, int, datetime, int]:
    case = issue.case
    return (
        -_GRAVITY.index(issue.state), -LANES.index(case.lane), case.opened_at, case.number
    )


def _issue(case: Case, now: datetime, terms: ContactTerms) -> Issue | None:
    state = _state(case)
    if state is None or (state is IssueState.SUSPECTED and not terms.tell_suspicions):
        return None
    since = case.frozen_at if case.frozen_at is not None else case.opened_at
    return Issue(case, state, since, _fix_by(case, now) if state is IssueState.STOPPED else None)


def _state(case: Case) -> IssueState | None:
    if case.outcome == "false_alarm":  # being released, or closed, or appealed by staff
        return None
    if case.state in FROZEN_PHASE or case.state is State.REINSTATING:
        return IssueState.STOPPED
    if case.state is State.DELISTED or case.keeps_its_hold:
        return IssueState.OFF_SALE
    if case.state is State.PROBATION:
        return IssueState.FIXED
    return IssueState.SUSPECTED if case.state is State.SUSPECTED else None


def _fix_by(case: Case, now: datetime) -> datetime | None:
    """Return the date that the vendor has set itself, while it holds and would lift the stop."""
    commitment = case.commitment or {}
    if case.lane == "authority" or not commitment.get("date") or commitment.get("missed_at"):
        return None
    date = datetime.fromisoformat(commitment["date"])
    return date if date > now else None


WORDS: Mapping[str, Mapping[str, str]] = {
    "quality": {
        "en": "We have had reports about this item and have paused its sale while we look into "
              "them.",
        "de": "Zu diesem Artikel liegen uns Meldungen vor. Wir haben den Verkauf angehalten, "
              "während wir ihnen nachgehen.",
    },
    "safety": {
        "en": "We have had reports about this item that concern safety and have stopped its sale.",
        "de": "Zu diesem Artikel liegen uns Meldungen vor, die die Sicherheit betreffen. Wir haben "
              "den Verkauf gestoppt.",
    },
    "authority": {
        "en": "The sale of this item is stopped by order of an authority.",
        "de": "Der Verkauf dieses Artikels ist auf Anordnung einer Behörde gestoppt.",
    },
    "suspected": {
        "en": "We have had a first report about this item and are looking into it.",
        "de": "Zu diesem Artikel liegt uns eine erste Meldung vor, der wir nachgehen.",
    },
    "fixed": {
        "en": "The sale of this item was paused after reports about it. It has been on sale "
              "again since {date}; items sold before may be affected.",
        "de": "Der Verkauf dieses Artikels war nach Meldungen angehalten. Er ist seit {date} "
              "wieder im Verkauf; früher verkaufte Artikel können betroffen sein.",
    },
    "off_sale": {
        "en": "After reports about this item we do not sell it any more.",
        "de": "Nach Meldungen zu diesem Artikel verkaufen wir ihn nicht mehr.",
    },
    "caution": {
        "en": "Please do not use it for the time being.",
        "de": "Bitte benutzen Sie ihn bis auf Weiteres nicht.",
    },
    "fix_by": {
        "en": "It is expected to be fixed by {date}; that date may still change.",
        "de": "Voraussichtlich ist es bis {date} behoben; der Termin kann sich noch ändern.",
    },
}
"""What is said unless the shop has words of its own. Lanes other than quality add the caution."""


def words_for(issue: Issue, terms: ContactTerms) -> dict[str, str]:
    """Return what may be said, by language: those that are built in, and those the shop has."""
    keys = _keys(issue)
    languages = {language for key in keys for language in _texts(key, terms)}
    return {language: _said(issue, keys, language, terms) for language in sorted(languages)}


def in_language(texts: Mapping[str, str], language: str | None) -> dict[str, str]:
    """Return the texts in one language, such as `de` for `de-AT`; in English where it has none.

    All of them where no language is asked for, and none where there is not even English.
    """
    if language is None:
        return dict(texts)
    for one in (language, language.partition("-")[0], FALLBACK):
        if one in texts:
            return {one: texts[one]}
    return {}


def _keys(issue: Issue) -> Sequence[str]:
    stopped = issue.state is IssueState.STOPPED
    keys = [issue.case.lane if stopped else issue.state.value]
    if issue.fix_by is not None:
        keys.append("fix_by")
    if issue.case.lane != "quality":
        keys.append("caution")
    return keys


def _texts(key: str, terms: ContactTerms) -> dict[str, str]:
    return {**WORDS[key], **terms.words.get(key, {})}


def _said(issue: Issue, keys: Sequence[str], language: str, terms: ContactTerms) -> str:
    dates = {"fix_by": issue.fix_by, "fixed": issue.case.reinstated_at}
    sentences = []
    for key in keys:
        texts = _texts(key, terms)
        date = dates.get(key)
        day = "" if date is None else date.astimezone(terms.zone).date().isoformat()
        sentences.append(texts.get(language, texts[FALLBACK]).replace("{date}", day))
    return " ".join(sentences)
