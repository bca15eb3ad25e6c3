"""Bodies and answers of questions on a case."""

from typing import Literal

from pydantic import ConfigDict, Field

from freezeguard.api.models.answers.cases import QuestionOut
from freezeguard.api.models.answers.output import Output
from freezeguard.api.models.fields import Input, Name, Text


class AskIn(Input):
    """A question on a case."""

    model_config = ConfigDict(title="AskQuestion")

    of: Literal["vendor", "owner", "person"] = Field(
        "owner", description="Of whom: the vendor, whoever owns the case, or the person named. A "
        "vendor's people ask the owner."
    )
    person: Name | None = Field(None, description="Who is asked, where `of` is `person`.")
    text: Text


class AnswerIn(Input):
    """The answer to a question."""

    model_config = ConfigDict(title="AnswerQuestion")

    text: Text


class WithdrawIn(Input):
    """Why a question is taken back."""

    model_config = ConfigDict(title="WithdrawQuestion")

    reason: Text


class AskableOut(Output):
    """Somebody of the shop who can be asked."""

    model_config = ConfigDict(title="Askable")

    id: str
    name: str


class QuestionList(Output):
    """The questions of a case that the caller may see: open ones first, the next due first."""

    items: list[QuestionOut]
    next: str | None
    askable: list[AskableOut] = Field(description="Who can be asked by name; for staff only.")
