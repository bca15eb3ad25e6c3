"""Questions on a case: who asks whom, by when the answer is due, and what it was."""

from uuid import UUID

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.answers.cases import QuestionOut
from freezeguard.api.models.fields import Name
from freezeguard.api.models.questions import (
    AnswerIn,
    AskableOut,
    AskIn,
    QuestionList,
    WithdrawIn,
)
from freezeguard.api.presenting import present_question
from freezeguard.api.routes.cases import case_id_of
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.errors import NotFound
from freezeguard.domain.people import is_vendor
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.casefile import questions_for, visible_case

_ERRORS = ("not_found", "not_allowed", "illegal_transition", "guard_failed")
_EXAMPLE = {
    "id": "0197f6c2-7f5c-7a31-9d5e-3f2f6a1b2c3d", "of": "vendor", "person": None,
    "with_vendor": True, "text": "Since which lot is the new resin used?",
    "asked_by": "person:owen", "asked_at": "2026-11-21T09:30:00Z",
    "due_at": "2026-11-23T09:30:00Z", "outcome": None, "answer": None, "closed_by": None,
    "closed_at": None, "may_answer": False, "may_withdraw": True,
}


class Questions:
    """Handlers of questions."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def listed(self, call: Call[None]) -> Reply:
        """List the questions of a case."""
        actor, case_id = call.who, case_id_of(call.path["id"])

        async def work(tx: Transaction) -> QuestionList:
            await tx.one_moment()
            case = await visible_case(tx, case_id, actor)
            found = await questions_for(tx, case.id, actor)
            staff = [] if is_vendor(actor) else await tx.people.people()
            return QuestionList(
                items=[present_question(one, case, actor) for one in found], next=None,
                askable=[
                    AskableOut(id=one.id, name=one.name)
                    for one, active in staff if active and one.is_staff
                ],
            )

        return Reply(await self._context.database.run(work))

    async def ask(self, call: Call[None, AskIn]) -> Reply:
        """Ask a question."""
        actor, body, case_id = call.who, call.body, case_id_of(call.path["id"])

        async def work(tx: Transaction) -> QuestionOut:
            case, question = await self._context.questioning.ask(
                tx, case_id, body.of, body.person, body.text, actor
            )
            return present_question(question, case, actor)

        return Reply(await self._context.database.run(work))

    async def answer(self, call: Call[None, AnswerIn]) -> Reply:
        """Answer a question."""
        actor, text = call.who, call.body.text
        case_id, question_id = _ids(call)

        async def work(tx: Transaction) -> QuestionOut:
            case, question = await self._context.questioning.answer(
                tx, case_id, question_id, text, actor
            )
            return present_question(question, case, actor)

        return Reply(await self._context.database.run(work))

    async def withdraw(self, call: Call[None, WithdrawIn]) -> Reply:
        """Take a question back."""
        actor, why = call.who, call.body.reason
        case_id, question_id = _ids(call)

        async def work(tx: Transaction) -> QuestionOut:
            case, question = await self._context.questioning.withdraw(
                tx, case_id, question_id, why, actor
            )
            return present_question(question, case, actor)

        return Reply(await self._context.database.run(work))


def _ids(call: Call[None, AnswerIn] | Call[None, WithdrawIn]) -> tuple[UUID, UUID]:
    named = call.path["question"]
    try:
        return case_id_of(call.path["id"]), UUID(named)
    except ValueError:
        raise NotFound(f"There is no question {named}.") from None


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of questions."""
    questions = Questions(context)
    one = "/v1/cases/{id}/questions/{question}"
    return [
        Route(
            method="GET", path="/v1/cases/{id}/questions", handler=questions.listed, tag="Cases",
            summary="What people ask each other on a case",
            description="A vendor sees what it was asked and what it has asked; all else stays "
            "inside the shop.",
            who=Access.person(), result=QuestionList, errors=("not_found",),
            result_example={
                "items": [_EXAMPLE], "next": None,
                "askable": [{"id": "quin", "name": "Quin Analyst"}],
            },
        ),
        Route(
            method="POST", path="/v1/cases/{id}/questions", handler=questions.ask, tag="Cases",
            summary="Ask a question, with a time to answer",
            description="Starts a clock: working hours of whoever is asked, elapsed ones in the "
            "lane `safety`. Whoever is asked gets a notice; what nobody answers goes up the "
            "ladder. It changes neither version nor evidence revision. What is known, or asked "
            "already, is said instead of being asked again (guard_failed).",
            who=Access.person(), body=AskIn, result=QuestionOut, status=201, errors=_ERRORS,
            result_example=_EXAMPLE,
            examples={
                "the vendor": {"of": "vendor", "text": "Since which lot is the new resin used?"},
                "a colleague": {"of": "person", "person": "quin", "text": "Is lot L-8 hit too?"},
            },
        ),
        Route(
            method="POST", path=f"{one}/answer", handler=questions.answer, tag="Cases",
            summary="Answer a question", parts={"question": Name},
            description="For whoever was asked; what the shop was asked, whoever judges cases may "
            "answer as well. Whoever asked gets a notice.",
            who=Access.person(), body=AnswerIn, result=QuestionOut, errors=_ERRORS,
            examples={"text": {"text": "Since lot L-8, of 3 March."}},
        ),
        Route(
            method="POST", path=f"{one}/withdraw", handler=questions.withdraw, tag="Cases",
            summary="Take a question back", parts={"question": Name},
            description="For whoever asked it, and for the owner of the case what staff asked: "
            "also where the answer came by another way.",
            who=Access.person(), body=WithdrawIn, result=QuestionOut, errors=_ERRORS,
            examples={"by telephone": {"reason": "They said by telephone: since lot L-8."}},
        ),
    ]
