"""Material news: what new signals change about what approvers must know."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from freezeguard.domain.signals import Severity

_NAMES = {"intent": "intents", "lot": "lots", "channel": "channels"}


@dataclass(frozen=True, slots=True)
class Witness:
    """The part of a signal that may be news to a case."""

    intent: str
    severity: Severity
    lot: str | None = None
    channel: str | None = None
    customer: bytes | None = None


def take_in(
    known: Mapping[str, Any],
    witnesses: Iterable[Witness],
    *,
    counts_customers: bool,
    earlier_customers: Collection[bytes] = (),
    bound: int = 0,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what is known after the witnesses spoke, and what of it is material.

    News is a new cause (intent), lot or channel, a higher severity, or, while an approval is
    asked for (`counts_customers`), at least `bound` customers whom the case had not seen before.
    """
    after: dict[str, Any] = {name: list(known.get(name, ())) for name in _NAMES.values()}
    after["severity"] = known.get("severity", 0)
    fresh = {*known.get("new_customers", ())}
    had_enough = bool(bound) and len(fresh) >= bound
    news: list[str] = []
    for witness in witnesses:
        news += _new_words(after, witness)
        if counts_customers and witness.customer and witness.customer not in earlier_customers:
            fresh.add(witness.customer.hex())
    if counts_customers:
        after["new_customers"] = sorted(fresh)
        if bound and not had_enough and len(fresh) >= bound:
            news.append(f"{len(fresh)} customers complained since approval was requested")
    return after, tuple(dict.fromkeys(news))


def _new_words(after: dict[str, Any], witness: Witness) -> list[str]:
    news = []
    for attribute, name in _NAMES.items():
        value = getattr(witness, attribute)
        if value is not None and value not in after[name]:
            after[name].append(value)
            news.append(f"new {attribute} {value}")
    if witness.severity > after["severity"]:
        after["severity"] = int(witness.severity)
        news.append(f"severity rose to {witness.severity.word}")
    return news
