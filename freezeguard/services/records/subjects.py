"""The rights of data subjects: everything that is held about a person, and erasing it.

An erasure goes in steps, each in a transaction of its own, and may be repeated: where it is killed
in the middle, the next one does what is left. First everything is cleaned that only the person's
own signals can lead to, then, SKU by SKU under its lock, these signals themselves, and once more
what was written meanwhile. Signals that arrive later are new ones.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import structlog

from freezeguard.domain.erasure import Traces, mentions, redacted, redacted_json
from freezeguard.domain.errors import InvalidInput, NotAllowed
from freezeguard.domain.people import Actor, Person, Role
from freezeguard.domain.spelling import folded, spellings
from freezeguard.ports.clock import Now
from freezeguard.ports.journal import Journal
from freezeguard.ports.privacy import FileToRead, FoundRow, OwnSignal, Place
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.masterdata.access import as_of_now
from freezeguard.services.records.searched import Search, search_of

log = structlog.get_logger()

DEADLINE = 60.0
"""Seconds for one step: some read a whole table."""
PAGE = 200
FIRST = "(0,0)"
"""Lies before every row of a table."""

OWN = Place("signals", "", "", "the person's own complaints: why sales were stopped",
            "texts 90 days after the close of their cases; who complained two years")
CASES = Place("cases", "", "", "what people wrote in cases", "6 years")
JOURNAL = Place("journal", "", "", "what this machine keeps on disk while the database is away",
                "until the database is back")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is meant: a customer, or whoever placed an order, as the source sends it."""

    reference: str
    kind: Literal["customer", "order"] = "customer"


@dataclass(frozen=True, slots=True)
class Subject:
    """A person as they were found. `name` stands for them in the record: 32 bits of a hash."""

    asked: Asked
    name: str
    own: tuple[OwnSignal, ...]
    traces: Traces

    @property
    def skus(self) -> list[str]:
        """Return the SKUs complained of; those that the order leads to come last.

        Whatever is killed in between, the order still leads to what is left.
        """
        order = folded(self.asked.reference)
        last = {one.sku for one in self.own if one.order and folded(one.order) == order}
        return sorted({one.sku for one in self.own}, key=lambda sku: (sku in last, sku))

    @property
    def search(self) -> Search:
        """Return in words how they were looked for."""
        return search_of(self.asked.kind, self.asked.reference, self.traces, len(self.own))


@dataclass(frozen=True, slots=True)
class Held:
    """What one place holds about a person."""

    place: Place
    items: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Export:
    """Every place that was searched with what it holds, and the files that may show the person."""

    places: tuple[Held, ...]
    files: tuple[FileToRead, ...]
    search: Search


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows were changed, by place that was searched; the files to be looked into."""

    rows: Mapping[str, int]
    files: tuple[FileToRead, ...]
    search: Search


class Subjects:
    """Answers requests of data subjects, for people with the role compliance."""

    def __init__(
        self, database: Database, places: Sequence[Place], journal: Journal,
        hash_spelling: Callable[[str], bytes], now: Now,
    ) -> None:
        self._database, self._places, self._journal = database, places, journal
        self._hash, self._now = hash_spelling, now

    # -------------------------------------------------------------------------------- export

    async def export(self, asked: Asked, by: Actor) -> Export:
        """Return everything that is held about a person, place by place.

        Raises InvalidInput where an order stands under several customers.
        """
        subject = await self._database.run(partial(self._found, asked, by), deadline=DEADLINE)
        held = [Held(OWN, tuple(one.row for one in subject.own))]
        held.append(Held(CASES, tuple(await self._said_in_cases(subject.traces))))
        held += [Held(one, tuple(await self._said_in(one, subject.traces)))
                 for one in self._places]
        lines = [mentions(one, subject.traces) for one in await self._journal.lines()]
        held.append(Held(JOURNAL, tuple(one for line in lines for one in line)))
        counts = {one.place.name: len(one.items) for one in held}
        files = await self._files_to_read(subject)
        await self._note("export_subject", subject, by, counts)
        return Export(tuple(held), tuple(files), subject.search)

    async def _said_in_cases(self, traces: Traces) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        for sku in await self._skus_of_cases(traces):
            rows = await self._database.run(partial(_words, sku))
            found += [one for row in rows for one in mentions(row.value, traces)]
        return found

    async def _said_in(self, place: Place, traces: Traces) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        traces = _traces_in(place, traces)

        async def look(tx: Transaction, row: FoundRow) -> bool:
            del tx
            found.extend(_said(place, row.value, traces))
            return False

        await self._each(place, traces, look)
        return found

    # --------------------------------------------------------------------------------- erase

    async def erase(self, asked: Asked, why: str, by: Actor) -> Erased:
        """Erase a person from everything but the record and what lies within files.

        Raises InvalidInput where an order stands under several customers.
        """
        subject = await self._database.run(partial(self._found, asked, by), deadline=DEADLINE)
        # what somebody gives as the reason may name the person again
        traces = subject.traces
        why = redacted(why, traces)
        files = [replace(one, name=traces.without(one.name))
                 for one in await self._files_to_read(subject)]
        await self._note("erase_subject", subject, by, {}, why, files)
        erased = Counter({OWN.name: 0, **await self._clean(self._places, traces)})
        for sku in subject.skus:
            erased[OWN.name] += await self._database.run(
                partial(self._erase_in, sku, subject), deadline=DEADLINE
            )
        # what people wrote meanwhile; what was sent meanwhile is new
        written = [one for one in self._places if one.ours and not one.is_emptied]
        erased.update(await self._clean(written, traces))
        await self._note("subject_erased", subject, by, erased, why)
        log.info("subject_erased", subject=subject.name, rows=sum(erased.values()))
        return Erased(dict(erased), tuple(files), subject.search)

    async def _files_to_read(self, subject: Subject) -> list[FileToRead]:
        """Return the files that may show or name the person."""
        traces = subject.traces
        patterns = traces.patterns(with_quotes=False)
        files = await self._database.run(
            lambda tx: tx.subjects.files_to_read(subject.own, patterns), deadline=DEADLINE
        )
        return [one for one in files if one.is_on_their_case
                or any(traces.without(text) != text for text in (one.name, one.note))]

    async def _erase_in(self, sku: str, subject: Subject, tx: Transaction) -> int:
        """Erase the signals about one SKU, and what its notices quote of them, under its lock."""
        await tx.signals.lock_sku(sku)
        own = {one.key: one for one in subject.own if one.sku == sku}
        customers = subject.traces.customers
        own |= {one.key: one for one in await tx.subjects.signals_of(customers, sku)}
        traces = replace(subject.traces, texts=_texts(own.values()))
        places = {one.name: one for one in self._places}
        for name, rows in (await tx.subjects.said_of_sku(sku)).items():
            for row in rows:
                await _write_cleaned(tx, places[name], row, traces)
        return await tx.subjects.erase_signals(sku, list(own.values()), customers)

    async def _clean(self, places: Iterable[Place], traces: Traces) -> dict[str, int]:
        erased = {CASES.name: 0}
        for sku in await self._skus_of_cases(traces):
            erased[CASES.name] += await self._database.run(partial(_clean_cases, sku, traces))
        for place in places:
            mine = _traces_in(place, traces)
            erased[place.name] = await self._each(place, mine, partial(_clean_row, place, mine))
        erased[JOURNAL.name] = await self._clean_journal(traces)
        return erased

    async def _clean_journal(self, traces: Traces) -> int:
        changed = 0
        for line in await self._journal.lines():
            after = redacted(line, traces)
            if after != line:
                await self._journal.append(after)
                await self._journal.drop([line])
                changed += 1
        return changed

    # ------------------------------------------------------------------------------- finding

    async def _found(self, asked: Asked, by: Actor, tx: Transaction) -> Subject:
        await _allow(tx, by)
        customers = tuple(map(self._hash, spellings(asked.reference)))
        name = customers[0].hex()[:8]
        if asked.kind == "order":
            of_order = await tx.subjects.signals_with_orders([asked.reference])
            theirs = {one.customer for one in of_order if one.customer and one.is_somebodys}
            if len(theirs) > 1:
                raise InvalidInput(
                    f"The order stands under {len(theirs)} customers; name the customer.",
                    pointer="/reference",
                )
            if not theirs:
                words = frozenset({asked.reference})
                return Subject(asked, name, tuple(of_order), Traces(words, (), _texts(of_order)))
            customers = tuple(theirs)
        return await self._customer(tx, asked, name, customers)

    @staticmethod
    async def _customer(
        tx: Transaction, asked: Asked, name: str, customers: tuple[bytes, ...]
    ) -> Subject:
        """Find a customer, and the signals without a customer that carry one of their orders.

        An order that other customers have too ("none", "see text") leads nowhere.
        """
        own = {one.key: one for one in await tx.subjects.signals_of(customers)}
        # the first may stand in what is written at this moment; others would be sought in vain
        found = {one.customer for one in own.values()}
        customers = (customers[0], *(one for one in customers[1:] if one in found))
        orders = _orders(own.values())
        alike = await tx.subjects.signals_with_orders(orders)
        orders -= _orders(
            one for one in alike if one.is_somebodys and one.customer not in customers
        )
        own |= {
            one.key: one for one in alike if one.customer is None and _orders([one]) <= orders
        }
        words = frozenset({asked.reference, *orders})
        return Subject(
            asked, name, tuple(own.values()), Traces(words, customers, _texts(own.values()))
        )

    async def _skus_of_cases(self, traces: Traces) -> list[str]:
        patterns = traces.patterns(with_quotes=False)
        return await self._database.run(
            lambda tx: tx.subjects.skus_of_cases(patterns), deadline=DEADLINE
        )

    async def _each(
        self, place: Place, traces: Traces,
        work: Callable[[Transaction, FoundRow], Any],
    ) -> int:
        """Do work on every row of a place that may hold a trace; return how many it changed."""
        patterns = traces.patterns(
            with_quotes=place.quotes_complaints, loosely=place.is_emptied
        )

        async def page(tx: Transaction) -> tuple[str | None, int]:
            rows = await tx.subjects.find(place, patterns, after, PAGE)
            done = sum([bool(await work(tx, row)) for row in rows])
            return (rows[-1].place if len(rows) == PAGE else None), done

        after, changed = FIRST, 0
        while True:
            last, done = await self._database.run(page, deadline=DEADLINE)
            changed += done
            if last is None:
                return changed
            after = last

    async def _note(
        self, action: str, subject: Subject, by: Actor, counts: Mapping[str, int], why: str = "",
        files: Sequence[FileToRead] = (),
    ) -> None:
        """Write into the record who did what: never the reference, which would be a trace.

        Which files are to be looked into is written too: nothing leads to them afterwards.
        """
        details: dict[str, Any] = {
            "kind": subject.asked.kind, **{name: n for name, n in counts.items() if n}
        }
        if files:
            details["files_to_read"] = [str(one.id) for one in files]
        await self._database.run(
            lambda tx: tx.record.write(
                self._now(), by, action, f"subject:{subject.name}", why=why, details=details
            )
        )


async def _allow(tx: Transaction, by: Actor) -> None:
    """Raise NotAllowed for who has not the role compliance at this moment."""
    now = await as_of_now(tx, by)
    if not isinstance(now, Person) or Role.COMPLIANCE not in now.roles:
        raise NotAllowed("Requests of data subjects are for the role compliance.")


async def _words(sku: str, tx: Transaction) -> list[FoundRow]:
    await tx.signals.lock_sku(sku)
    return await tx.subjects.words_of_cases(sku)


async def _clean_cases(sku: str, traces: Traces, tx: Transaction) -> int:
    """Clean what people wrote in the cases of a SKU; whoever works on one holds the same lock."""
    changed = 0
    for row in await _words(sku, tx):
        after = redacted(row.value, traces)
        if after != row.value:
            await tx.subjects.write_words(replace(row, value=after))
            changed += 1
    return changed


def _traces_in(place: Place, traces: Traces) -> Traces:
    """Return what is looked for in a place: another person's complaint may read the same."""
    return traces if place.ours else replace(traces, texts=frozenset())


async def _clean_row(place: Place, traces: Traces, tx: Transaction, row: FoundRow) -> bool:
    return await _write_cleaned(tx, place, row, traces)


async def _write_cleaned(tx: Transaction, place: Place, row: FoundRow, traces: Traces) -> bool:
    after = _cleaned(place, row.value, traces)
    if after == row.value:
        return False
    await tx.subjects.write(place, replace(row, value=after))
    return True


def _cleaned(place: Place, value: Any, traces: Traces) -> Any:
    if place.is_emptied:
        return dict.fromkeys(value, "") if _is_about(value, traces) else value
    if place.is_json_text:
        return redacted_json(value, traces)
    return redacted(value, traces, ours=place.ours)


def _said(place: Place, value: Any, traces: Traces) -> list[Mapping[str, Any]]:
    """Return what a row says about the person; not what it says about others beside them."""
    if place.is_emptied:
        return [value] if _is_about(value, traces) else []
    if place.is_json_text:
        try:
            value = json.loads(value)
        except ValueError:  # an answer that was no JSON
            return list(mentions(value, traces))
    return list(mentions(value, traces, ours=place.ours))


def _is_about(value: Mapping[str, str], traces: Traces) -> bool:
    return any(traces.stand_in(one) for one in value.values())


def _orders(signals: Iterable[OwnSignal]) -> set[str]:
    """Return the orders that signals carry, folded."""
    return {folded(one.order) for one in signals if one.order is not None}


def _texts(signals: Iterable[OwnSignal]) -> frozenset[str]:
    return frozenset(one.text for one in signals if one.text)
