"""What a rule would have done, beside how it ended."""

from datetime import UTC, datetime, timedelta

import pytest

from freezeguard.domain.shadowing import Stop
from freezeguard.domain.trying import PastStop, beside, judged

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def day(n: float) -> datetime:
    return T0 + timedelta(days=n)


def stop(at: float, over: float | None, ending: str | None) -> PastStop:
    moment = None if over is None else day(over)
    return PastStop(Stop(day(at), "rule", "quality", int(at), ending), moment)


@pytest.mark.parametrize(("said", "stops", "came_of_it"), [
    ([5], [stop(10, 20, "confirmed")], "confirmed"),
    ([15], [stop(10, 20, "confirmed")], "confirmed"),  # later than people, and still before the end
    ([25], [stop(10, 20, "confirmed")], "missed only_here"),
    ([], [stop(10, 20, "confirmed")], "missed"),
    ([], [stop(10, 20, "false_alarm")], "spared"),
    ([5], [stop(10, 20, "false_alarm")], "false_alarms"),
    ([5], [stop(10, None, None)], "undecided"),
    ([5], [], "only_here"),
    ([], [stop(10, None, None)], ""),
    # one freeze is of one stop only, and the next one is of the next stop
    ([5, 25], [stop(30, 40, "false_alarm"), stop(10, 20, "confirmed")], "confirmed false_alarms"),
    ([5], [stop(10, 20, "confirmed"), stop(30, 40, "confirmed")], "confirmed missed"),
])
def test_each_stop_has_its_own_freeze(said, stops, came_of_it: str) -> None:
    """What a rule says before a case is over is about that case; a later one is another story."""
    verdicts = judged(beside("A", [day(n) for n in said], stops))

    found = dict.fromkeys(came_of_it.split(), 1)
    assert found == {
        name: number for name in verdicts.__slots__ if (number := getattr(verdicts, name))
    }
