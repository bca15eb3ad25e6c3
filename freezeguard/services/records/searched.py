"""What an answer to a data subject says of itself: what was looked for, and where nobody looked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from freezeguard.domain.erasure import SHORTEST_PIECE, Traces
from freezeguard.domain.spelling import SHORTEST_WORD, folded, is_telling

Kind = Literal["customer", "order"]

NEVER_SEARCHED = (
    "What lies within files on cases: `files` names those that somebody has to open.",
    # the line about the request itself has the beginning of the hash
    ("The record of what was done (audit) and its anchors: they hold names of staff, hashes and "
     "counts, and no words of people."),
    "Ids that sources gave to their signals; SKUs, vendors, staff and rules.",
    "Mails that were sent, and what catalogues and webhook endpoints were told.",
    "Journals on the disks of other machines, and backups.",
    "What people wrote about the person in words of their own, without the reference.",
)


@dataclass(frozen=True, slots=True)
class Search:
    """What was looked for in every place, and what was not searched, in sentences."""

    looked_for: tuple[str, ...]
    not_searched: tuple[str, ...]


def search_of(kind: Kind, reference: str, traces: Traces, signals: int) -> Search:
    """Say how a person was looked for who stands behind so many signals."""
    return Search(
        tuple(_looked_for(kind, reference, traces, signals)),
        (*_gaps(kind, reference, traces), *NEVER_SEARCHED),
    )


def _looked_for(kind: Kind, reference: str, traces: Traces, signals: int) -> Iterator[str]:
    hashes = len(traces.customers)
    spelled = "1 spelling" if hashes == 1 else f"{hashes} spellings"
    under = f"the keyed hash of {spelled}" if kind == "customer" else "the order"
    if kind == "order" and traces.customers:
        under = "whoever placed the order"
    yield f"Signals under {under}, and those without a customer that carry their orders: {signals}."
    yield (f"The reference of the {kind}, as a word of its own; letter case and Unicode form make "
           "no difference.")
    others = len({folded(one) for one in traces.words} - {folded(reference)})
    if others:
        yield f"Orders that are theirs alone, in the same way: {others}."
    if traces.texts:
        yield f"Complaints of theirs, where they are quoted word for word: {len(traces.texts)}."


def _gaps(kind: Kind, reference: str, traces: Traces) -> Iterator[str]:
    """Say what this request could not look for, and another one might."""
    if not is_telling(reference):
        yield (f"The reference within texts: with fewer than {SHORTEST_WORD} characters it was "
               "looked for as a whole value only.")
    if any(len(one) < SHORTEST_PIECE for one in traces.texts):
        yield (f"Complaints of fewer than {SHORTEST_PIECE} characters, but for where complaints "
               "are quoted.")
    if kind == "order":
        yield ("Mentions of the customer: of their reference only the hash is known. Ask by the "
               "customer where you can.")
    else:
        yield ("Signals that earlier versions took in under a spelling of large and small letters "
               "other than the one given, all small, all large or With Capitals: ask again in "
               "that spelling, if a source ever used one.")
