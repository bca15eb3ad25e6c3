"""The chart of a case."""

from datetime import datetime

from pydantic import ConfigDict, Field

from freezeguard.api.models.answers.output import Output
from freezeguard.services.detecting.charting import MarkKind


class ChartRule(Output):
    """The rule that stopped the sale, or suspected."""

    id: str
    version: int
    family: str
    window: float = Field(description="Seconds.")


class ChartPoint(Output):
    """What was seen from a moment on, for a step."""

    at: datetime
    complaints: int = Field(description="Made in this step, and counted by the rule.")
    customers: int = Field(description="The most that the window of the rule held.")
    value: float | None = Field(
        description="What the rule compares with its bound, where that came nearest: customers, "
        "complaints, defects per unit, or odds. Null: nobody complained, or there was too little "
        "to go by."
    )
    bound: float | None = Field(description="Lower on probation; null: no rule opened the case.")
    units: int | None = Field(description="Shipped in this step; for staff only.")


class ChartMark(Output):
    """Something that happened."""

    kind: MarkKind
    at: datetime
    what: str | None = Field(description="The rule, the kind of notice, or the final state.")
    recipient: str | None = Field(description="Who was told, for a notice.")
    channel: str | None


class ChartOut(Output):
    """What a chart of a case is drawn from: at most some 400 points, oldest first."""

    model_config = ConfigDict(title="CaseChart")

    case: str
    number: int
    rule: ChartRule | None = Field(description="Null: no rule opened the case, people did.")
    step: float = Field(description="Seconds from one point to the next.")
    start: datetime
    end: datetime
    points: list[ChartPoint]
    marks: list[ChartMark]
