"""Data subjects in the database: their signals, and every other place that may name them."""

from collections.abc import Iterable, Sequence

import asyncpg

from freezeguard.domain.spelling import folded, likeness
from freezeguard.ports.privacy import FileToRead, FoundRow, OwnSignal, Place
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import affected, in_json_types

SQL = queries("subjects")

PLACES = (
    Place("signal_texts", "find_signal_texts", "write_signal_texts",
          "other people's complaints that name the person", "as the complaint", ours=False),
    Place("rejected_signals", "find_rejected_signals", "write_rejected_signals",
          "what was sent and not accepted", "30 days", is_emptied=True),
    Place("notices", "find_notices", "write_notices",
          "what people and vendors were told, with excerpts", "as the case",
          quotes_complaints=True),
    Place("webhook_messages", "find_webhook_messages", "write_webhook_messages",
          "what endpoints were told, with excerpts", "90 days", quotes_complaints=True),
    Place("webhook_endpoints", "find_webhook_endpoints", "write_webhook_endpoints",
          "what endpoints are for", "as long as the vendor"),
    Place("saved_views", "find_saved_views", "write_saved_views",
          "what people call their views of the queue", "until they delete them"),
    Place("notice_digests", "find_notice_digests", "write_notice_digests",
          "why digests did not leave", "90 days"),
    Place("evidence_files", "find_evidence_files", "write_evidence_files",
          "what files on cases are called and said to be", "6 years"),
    Place("case_events", "find_case_events", "write_case_events",
          "what was asked of cases, with comments", "as the case"),
    Place("case_questions", "find_case_questions", "write_case_questions",
          "what people asked each other on cases", "as the case"),
    Place("case_causes", "find_case_causes", "write_case_causes",
          "where causes were looked for", "as the case"),
    Place("approvals", "find_approvals", "write_approvals", "votes", "as the case"),
    Place("reviews", "find_reviews", "write_reviews", "later reviews of freezes", "as the case"),
    Place("manual_tasks", "find_manual_tasks", "write_manual_tasks",
          "what people did by hand", "as the case"),
    Place("clocks", "find_clocks", "write_clocks", "due times and their grounds", "as the case"),
    Place("suppressions", "find_suppressions", "write_suppressions",
          "why detection was held back", "as the case"),
    Place("waivers", "find_waivers", "write_waivers", "why a catalogue was waived", "as the case"),
    Place("catalogue_objects", "find_catalogue_objects", "write_catalogue_objects",
          "the same, of an earlier version", "as the case"),
    Place("idempotency_keys", "find_idempotency_keys", "write_idempotency_keys",
          "answers kept for repeated requests", "24 hours", quotes_complaints=True,
          is_json_text=True),
)  # fmt: skip
"""Every place that may name or quote a person, beside their own signals and the words of cases.

A new table with texts of people in it belongs here; tests/privacy looks into every table.
"""


class PostgresSubjects:
    """Implements `freezeguard.ports.privacy.Subjects`."""

    def __init__(self, connection: Statements, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes

    async def signals_of(
        self, customers: Sequence[bytes], sku: str | None = None
    ) -> list[OwnSignal]:
        rows = await self._connection.fetch(SQL["signals_of"], list(customers), sku)
        return [_own(row) for row in rows]

    async def signals_with_orders(self, orders: Iterable[str]) -> list[OwnSignal]:
        wanted = set(map(folded, orders))
        if not wanted:
            return []
        rows = await self._connection.fetch(
            SQL["signals_with_orders"], sorted(map(likeness, wanted))
        )
        # what is alike to the database may be another order
        return [_own(row) for row in rows if folded(row["order_ref"]) in wanted]

    async def erase_signals(
        self, sku: str, own: Sequence[OwnSignal], customers: Sequence[bytes]
    ) -> int:
        keys = [one.source for one in own], [one.id for one in own]
        emptied = affected(await self._connection.execute(SQL["empty_texts"], *keys))
        await self._connection.execute(SQL["forget_bodies"], *keys)
        await self._connection.execute(SQL["forget_marks"], sku, *keys)
        # one after another: each of several spellings was counted as a customer of its own
        replaced = [
            int(await self._connection.fetchval(SQL["replace_customer"], sku, one))
            for one in customers
        ]
        return max(emptied, sum(replaced))

    async def skus_of_cases(self, patterns: Sequence[str]) -> list[str]:
        rows = await self._connection.fetch(SQL["skus_of_cases"], list(patterns))
        return [row["sku"] for row in rows]

    async def words_of_cases(self, sku: str) -> list[FoundRow]:
        return await self._found("find_cases", sku)

    async def write_words(self, row: FoundRow) -> None:
        await self._connection.execute(SQL["write_cases"], row.place, row.value)

    async def said_of_sku(self, sku: str) -> dict[str, list[FoundRow]]:
        await self._writes.before_reading("notices")
        return {
            "notices": await self._found("find_notices_of_sku", sku),
            "webhook_messages": await self._found("find_webhook_messages_of_sku", sku),
        }

    async def files_to_read(
        self, own: Sequence[OwnSignal], patterns: Sequence[str]
    ) -> list[FileToRead]:
        keys = [one.source for one in own], [one.id for one in own]
        rows = await self._connection.fetch(SQL["files_to_read"], *keys, list(patterns))
        return [FileToRead(*row.values()) for row in rows]

    async def find(
        self, place: Place, patterns: Sequence[str], after: str, limit: int
    ) -> list[FoundRow]:
        return await self._found(place.find, list(patterns), after, limit)

    async def _found(self, query: str, *arguments: object) -> list[FoundRow]:
        rows = await self._connection.fetch(SQL[query], *arguments)
        return [FoundRow(row["place"], row["value"]) for row in rows]

    async def write(self, place: Place, row: FoundRow) -> None:
        await self._connection.execute(SQL[place.write], row.place, row.value)


def _own(row: asyncpg.Record) -> OwnSignal:
    customer: bytes | None = row["customer"]
    held = {**in_json_types(row), "customer": None if customer is None else customer.hex()}
    return OwnSignal(
        row["source"], row["id"], row["sku"], customer, row["text"], row["order_ref"], held
    )
