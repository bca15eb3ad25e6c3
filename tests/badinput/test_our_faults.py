"""What goes wrong inside is our fault, is said to be, and says nothing about us."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from structlog.testing import capture_logs

from freezeguard.api.access import Access
from freezeguard.api.models.answers.signals import SourceOut
from freezeguard.api.routing import Call, Reply, Route
from tests.api.service import Note, serving


class Secret(BaseModel):
    """An answer that can't be made from what is stored."""

    password: int


async def stored_badly(call: Call[Any, Any]) -> Reply:
    """Present a row that does not fit the answer."""
    return Reply(Secret.model_validate({"password": "hunter2"}))


async def lacking(call: Call[Any, Any]) -> Reply:
    """Present a row that lacks a column."""
    return Reply(SourceOut.model_validate({"source": "a"}))


@pytest.mark.parametrize("handler", [stored_badly, lacking])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_answer_that_does_not_fit_is_no_fault_of_the_caller(handler, method):
    """500 internal with a request id that the log knows; not 422, and no word of the value."""
    body = Note if method == "POST" else None
    route = Route(method=method, path="/v1/notes", handler=handler, summary="Note.", tag="Notes",
                  who=Access.anyone_signed_in(), body=body)
    async with serving([route]) as service:
        with capture_logs() as logs:
            sent = {"json": {"text": "a"}} if body else {}
            answer = await service.call(method, "/v1/notes", **sent)
            problem = await answer.json(content_type="application/problem+json")

    assert (500, "internal") == (answer.status, problem["code"])
    assert not {"errors", "missing"} & problem.keys()
    words = ("hunter2", "password", "pydantic", "trust", "validation")
    assert [] == [word for word in words if word in str(problem)]
    failed = [one for one in logs if one["event"] == "request_failed"]
    assert [problem["request_id"]] == [one["request_id"] for one in failed]
    assert isinstance(failed[0]["exc_info"], ValidationError)
