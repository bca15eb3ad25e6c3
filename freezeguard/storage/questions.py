"""Questions on cases."""

from datetime import datetime
from uuid import UUID

import asyncpg

from freezeguard.domain.questions import Outcome, Question
from freezeguard.storage.connection import Statements
from freezeguard.storage.queries import queries

SQL = queries("questions")
_NAMES = {"asked_of": "of", "question": "text"}


class PostgresQuestions:
    """Implements `freezeguard.ports.questions.Questions`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def add(self, question: Question) -> None:
        await self._connection.execute(
            SQL["add"], question.id, question.case_id, question.sku, question.of, question.person,
            question.vendor, question.text, question.asked_by, question.asked_at, question.due_at,
        )  # fmt: skip

    async def close(self, question: Question) -> None:
        await self._connection.execute(
            SQL["close"], question.id, question.answer, question.closed_by, question.closed_at,
            question.outcome,
        )  # fmt: skip

    async def of_case(self, case_id: UUID) -> list[Question]:
        return [_question(row) for row in await self._connection.fetch(SQL["of_case"], case_id)]

    async def end_with_case(self, case_id: UUID, now: datetime) -> None:
        await self._connection.execute(SQL["end_with_case"], case_id, now)

    async def move(self, from_case: UUID, to_case: UUID) -> None:
        await self._connection.execute(SQL["move"], from_case, to_case)


def _question(row: asyncpg.Record) -> Question:
    fields = {_NAMES.get(name, name): value for name, value in row.items()}
    ended = fields.pop("outcome")
    return Question(**fields, outcome=None if ended is None else Outcome(ended))
