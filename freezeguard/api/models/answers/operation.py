"""How the service and its catalogues are."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict

from freezeguard.api.models.answers.output import Output


class CheckOut(Output):
    """One named check of readiness."""

    model_config = ConfigDict(title="Check")

    ok: bool
    detail: str
    age_seconds: float | None = None


class Readiness(Output):
    """Whether traffic may come here."""

    ready: bool
    checks: dict[str, CheckOut]


class Liveness(Output):
    """The process runs; nothing else was asked."""

    live: bool
    version: str


class UnconfirmedOut(Output):
    """The stop that a catalogue has not confirmed for longest."""

    model_config = ConfigDict(title="UnconfirmedStop")

    sku: str
    remote_id: str
    status: str
    detail: str
    attempts: int
    since: datetime
    case: str
    number: int


class CanaryOut(Output):
    """How the canary of a catalogue did: seconds that its last stop and release took."""

    model_config = ConfigDict(title="CanaryStanding")

    result: Literal["well", "late", "failed", "skipped"] | None
    detail: str
    succeeded_at: datetime | None
    finished_at: datetime | None
    stop_seconds: float | None
    release_seconds: float | None


class CatalogueOut(Output):
    """How a catalogue does.

    `stopped` objects are wanted stopped, `unconfirmed` of them are under way, `degraded` do not
    obey. `drifts` is how often in the last seven days something was put back on sale in an open
    case. `reached_at` is the last read-back or canary; the breaker is that of the replica that
    answers: `paused_seconds` is what is left of a pause that the catalogue asked for. `proven` is
    how its connector was tried by its makers, `proved_at` when its owner did. `verify_every` are
    the seconds between read-backs there now: more than elsewhere where much is stopped.
    """

    model_config = ConfigDict(title="CatalogueStanding")

    name: str
    configured: bool
    level: Literal["hide", "hard"] | None
    proven: Literal["run", "stand-in", "recipe"] | None
    off_because: str | None
    proved_at: datetime | None
    proved_by: str | None
    reached_at: datetime | None
    breaker_open: bool
    failures: int
    paused_seconds: float
    stopped: int
    verify_every: float
    unconfirmed: int
    releasing: int
    degraded: int
    drifted: int
    drifts: int
    drifted_at: datetime | None
    oldest_unconfirmed: UnconfirmedOut | None
    canary: CanaryOut | None


class ManualTaskOut(Output):
    """Something that a person is to stop or release by hand."""

    model_config = ConfigDict(title="OpenTask")

    catalogue: str
    sku: str
    remote_id: str
    task: Literal["stop", "release"]
    instruction: str
    assigned_to: str | None
    opened_at: datetime
    case: str
    number: int


class CatalogueList(Output):
    """Every catalogue, and what waits for people's hands; periods are in seconds."""

    items: list[CatalogueOut]
    tasks: list[ManualTaskOut]
    verify_every: float
    call_deadline: float
    next: str | None
