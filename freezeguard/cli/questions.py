"""`freezeguard cases questions`, `ask` and `answer`: what people ask each other on a case."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.casenames import CaseName, case_id
from freezeguard.cli.caseshown import question_in_words
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import moment, print_json

QUESTIONS = examples(
    "freezeguard cases questions 5",
    text="List the questions of a case that you may see, numbered: open ones first, the next due "
    "first.",
)
ASK = examples(
    "freezeguard cases ask 5 --vendor 'Since which lot is the new resin used?'",
    "freezeguard cases ask 5 --person quin 'Is lot L-8 hit, too?'",
    "freezeguard cases ask 5 'Who has the samples?'",
    text="Ask the vendor, a person, or else whoever owns the case. The answer has a clock; what "
    "nobody answers goes up the ladder. What is known already is said instead.",
)
ANSWER = examples(
    "freezeguard cases answer 5 1 'Since lot L-8.'",
    "freezeguard cases answer 5 1 --withdraw 'They said by telephone: since lot L-8.'",
    text="Answer a question, by its number in `cases questions`; or take it back, with why.",
)


def questions(case: CaseName, *, as_json: AsJson = False) -> None:
    """List what is asked on a case."""
    with reported(as_json=as_json):
        found = remote.ask("GET", f"/v1/cases/{case_id(case)}/questions")
        if as_json:
            print_json(found)
            return
        numbers = {one["id"]: number for number, one in _in_order(found["items"])}
        for one in found["items"]:
            print(f"{numbers[one['id']]}  {question_in_words(one)}")
        if not found["items"]:
            print("Nothing has been asked.")


def ask(
    case: CaseName,
    text: Annotated[str, typer.Argument(metavar="QUESTION", help="What you want to know.")],
    *,
    vendor: Annotated[bool, typer.Option("--vendor", help="Ask the vendor.")] = False,
    person: Annotated[str | None, typer.Option(help="Ask a person of the shop.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a question."""
    with reported(as_json=as_json):
        if vendor and person is not None:
            raise Failure(Exit.USAGE, "two_asked", "Ask the vendor or a person, not both.")
        of = "vendor" if vendor else "owner" if person is None else "person"
        body = {"of": of, "text": text, **({} if person is None else {"person": person})}
        answer = remote.ask("POST", f"/v1/cases/{case_id(case)}/questions", body=body)
        if as_json:
            print_json(answer)
            return
        print(f"Asked. The answer is due {moment(answer['due_at'])}.")


def answer(
    case: CaseName,
    number: Annotated[int, typer.Argument(min=1, help="As `cases questions` numbers them.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The answer, or why.")],
    *,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take the question back instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Answer a question, or take it back."""
    with reported(as_json=as_json):
        path = f"/v1/cases/{case_id(case)}/questions"
        question = _numbered(remote.ask("GET", path)["items"], number)
        deed, field = ("withdraw", "reason") if withdraw else ("answer", "text")
        done = remote.ask("POST", f"{path}/{question['id']}/{deed}", body={field: text})
        if as_json:
            print_json(done)
            return
        print(f"{question['text']}: {done['outcome']}.")


def _in_order(items: list[Any]) -> Iterator[tuple[int, Any]]:
    """Yield questions with their numbers: in the order of asking, so that a number stays."""
    return enumerate(sorted(items, key=lambda one: (one["asked_at"], one["id"])), start=1)


def _numbered(items: list[Any], number: int) -> Any:
    found = dict(_in_order(items)).get(number)
    if found is None:
        raise Failure(
            Exit.REFUSED, "not_found", f"There is no question {number}; there are {len(items)}."
        )
    return found
