"""What does not fit is told in words: what is to stand there, and how it is written."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, ValidationError

from freezeguard.api.models.misfits import in_words
from freezeguard.api.models.requests import FreezeIn, RuleIn


class Colour(StrEnum):
    """Two of many."""

    RED = "red"
    BLUE = "blue"


class Anything(BaseModel):
    """One field of each kind."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=3)] = "a"
    word: Annotated[str, Field(min_length=2)] = "ab"
    whole: Annotated[int, Field(ge=1, le=9)] = 1
    number: Annotated[float, Field(gt=0, lt=1)] = 0.5
    choice: Literal["minor", "major", "critical"] = "minor"
    colour: Colour = Colour.RED
    many: Annotated[list[str], Field(min_length=1, max_length=2)] = ["a"]
    part: dict[str, str] = {}
    switch: StrictBool = True
    at: AwareDatetime = datetime.fromisoformat("2026-11-21T09:30:00Z")
    day: date = date(2026, 11, 21)
    label: UUID = UUID(int=0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"text": 5}, 'a text in double quotes: "…"'),
        ({"text": ""}, "must not be empty"),
        ({"word": "a"}, "has at least 2 characters"),
        ({"text": "abcd"}, "has at most 3 characters"),
        ({"whole": "five"}, "a whole number, without quotes: 5"),
        ({"whole": 1.5}, "a whole number, without quotes: 5"),
        ({"whole": 0}, "at least 1"),
        ({"whole": 10}, "at most 9"),
        ({"number": "much"}, "a number, without quotes: 0.5"),
        ({"number": 0}, "more than 0.0"),
        ({"number": 1}, "less than 1.0"),
        ({"choice": "huge"}, "one of minor, major, critical"),
        ({"colour": "green"}, "one of red, blue"),
        ({"many": "a"}, "a list in square brackets: [ … ]"),
        ({"many": []}, "must not be empty"),
        ({"many": ["a", "b", "c"]}, "has at most 2 entries"),
        ({"part": []}, 'an object: {"name": "value"}'),
        ({"switch": "yes"}, "true or false, without quotes"),
        ({"at": "yesterday"}, "a time with its zone: 2026-11-21T09:30:00Z"),
        ({"at": "2026-11-21T09:30:00"},
         "the zone is missing; a time is written 2026-11-21T09:30:00Z"),
        ({"day": "soon"}, "a day: 2026-12-04"),
        ({"label": "x"}, "an id: 0199f0a2-7c1e-7000-8000-0123456789ab"),
        ({"colur": "red"}, "unknown field"),
    ],
)
def test_every_kind_of_misfit_has_words(given: dict[str, Any], words: str) -> None:
    """None of them speaks of inputs, strings, literals or the library that found it."""
    with pytest.raises(ValidationError) as refused:
        Anything.model_validate(given)

    assert [words] == [in_words(one) for one in refused.value.errors()]


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (FreezeIn, {"scope": "KETTLE-17", "reason_code": "broken", "comment": 5}),
        (FreezeIn, {"scope": {"sku": ""}, "lane": 1}),
        (RuleIn, {"id": 5, "family": "counts", "bound": "five", "window": "a month",
                  "kinds": "complaint", "min_units": -1, "mode": None}),
    ],
)
def test_no_body_of_ours_is_refused_in_the_librarys_words(
    model: type[BaseModel], body: dict[str, Any]
) -> None:
    """Whatever is wrong with a freeze or a rule."""
    with pytest.raises(ValidationError) as refused:
        model.model_validate(body)
    words = [in_words(one) for one in refused.value.errors()]

    assert [] == [one for one in words if "nput should" in one or "valid " in one], words
