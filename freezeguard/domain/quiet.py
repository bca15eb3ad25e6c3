"""Quiet hours: when a person wants to hear of nothing that can wait."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begins` to `ends`, in minutes after midnight by the person's own clock.

    They may reach over midnight; both are never the same.
    """

    begins: int
    ends: int

    @classmethod
    def of(cls, begins: str, ends: str) -> "QuietHours":
        """Return the quiet hours between two times of a clock, as in 22:00."""
        return cls(_minutes(begins), _minutes(ends))

    @property
    def on_the_clock(self) -> tuple[str, str]:
        """Return when they begin and end, as in 22:00."""
        return _clock(self.begins), _clock(self.ends)

    def until(self, moment: datetime, zone: str) -> datetime | None:
        """Return when the quiet that reigns at a moment is over; None where none does.

        Where the clocks change meanwhile it is over when the wall clock says so.
        """
        local = moment.astimezone(ZoneInfo(zone))
        minute = local.hour * 60 + local.minute
        if (minute - self.begins) % MINUTES >= (self.ends - self.begins) % MINUTES:
            return None
        day = local.date() + timedelta(days=1 if minute >= self.ends else 0)
        at = time(self.ends // 60, self.ends % 60)
        return datetime.combine(day, at, tzinfo=local.tzinfo).astimezone(moment.tzinfo)


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
